//! What the demo shows: on standard error for people, on standard output for programs.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::package::Tests;
use crate::output::{Out, Progress};

/// Shows progress with the time since the start, and events to programs.
pub(crate) struct Show {
    json: bool,
    started: Instant,
    progress: Progress,
}

impl Show {
    /// With `--json`, events also go to standard output.
    pub(crate) fn new(out: &Out, started: Instant) -> Self {
        Self { json: out.json, started, progress: Progress::new(out.quiet) }
    }

    /// A line for people, with the time since the start.
    pub(crate) fn say(&mut self, text: &str) {
        self.progress.say(&format!("{:>6.1} s  {text}", self.started.elapsed().as_secs_f64()));
    }

    /// What goes on at the moment; shown on a terminal only.
    pub(crate) fn status(&mut self, text: &str) {
        self.progress.status(text);
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
        self.progress.end();
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
