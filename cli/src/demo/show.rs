//! What the demo shows: on standard error for people, on standard output for programs.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::package::Tests;

/// Shows progress: a spinner with lines above it on a terminal, else plain lines.
pub(crate) struct Show {
    json: bool,
    started: Instant,
    spinner: Option<ProgressBar>,
}

impl Show {
    /// With `json`, events also go to standard output.
    pub(crate) fn new(json: bool, started: Instant) -> Self {
        let spinner = std::io::stderr().is_terminal().then(|| {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        });
        Self { json, started, spinner }
    }

    /// A line for people, with the time since the start.
    pub(crate) fn say(&mut self, text: &str) {
        let line = format!("{:>6.1} s  {text}", self.started.elapsed().as_secs_f64());
        match &self.spinner {
            Some(spinner) => spinner.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// What goes on at the moment; shown on a terminal only.
    pub(crate) fn status(&mut self, text: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(text.to_owned());
        }
    }

    /// An event of the project.
    pub(crate) fn event(&mut self, event: &Value) {
        let part = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let message = part("message").to_owned();
        let stage = part("stage").to_owned();
        let line = if stage.is_empty() { message } else { format!("{stage:<11} {message}") };
        self.say(&line);
        if self.json {
            // A reader that has gone is noticed at the result.
            let _closed = writeln!(std::io::stdout(), "{event}");
        }
    }

    /// Nothing more happens.
    pub(crate) fn end(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }

    /// The last line on standard output.
    pub(crate) fn result(
        &self,
        zip: &Path,
        sha256: &str,
        delivered: Duration,
        tests: &anyhow::Result<Tests>,
    ) -> std::io::Result<()> {
        if !self.json {
            return writeln!(std::io::stdout(), "{}", zip.display());
        }
        let tests = match tests {
            Ok(Tests::Passed) => json!({ "status": "passed" }),
            Ok(Tests::NotRun { missing }) => json!({ "status": "not-run", "missing": missing }),
            Ok(Tests::None) => json!({ "status": "none" }),
            Err(error) => json!({ "status": "failed", "cause": format!("{error:#}") }),
        };
        let result = json!({
            "zip": zip.display().to_string(),
            "sha256": sha256,
            "delivered_seconds": delivered.as_secs_f64(),
            "total_seconds": self.started.elapsed().as_secs_f64(),
            "tests": tests,
        });
        writeln!(std::io::stdout(), "{result}")
    }
}
