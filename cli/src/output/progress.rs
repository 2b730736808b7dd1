//! Progress on standard error: a spinner with lines above it on a terminal, else plain lines.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows what goes on.
#[derive(Debug)]
pub(crate) struct Progress {
    spinner: Option<ProgressBar>,
    quiet: bool,
}

impl Progress {
    /// With `quiet` it shows nothing.
    pub(crate) fn new(quiet: bool) -> Self {
        let spinner = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        });
        Self { spinner, quiet }
    }

    /// A line that stays.
    pub(crate) fn say(&self, line: &str) {
        match &self.spinner {
            _ if self.quiet => {}
            Some(spinner) => spinner.println(line),
            None => {
                // Progress that nobody can read is no failure.
                let _unread = writeln!(std::io::stderr(), "{line}");
            }
        }
    }

    /// What goes on at the moment; shown on a terminal only.
    pub(crate) fn status(&self, text: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(text.to_owned());
        }
    }

    /// Does something, such as writing to standard output, while no spinner is in the way.
    pub(crate) fn suspended<T>(&self, action: impl FnOnce() -> T) -> T {
        match &self.spinner {
            Some(spinner) => spinner.suspend(action),
            None => action(),
        }
    }

    /// Nothing more happens.
    pub(crate) fn end(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
