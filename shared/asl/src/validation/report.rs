//! Collecting diagnostics, and the places that they are at.

use std::fmt;

use serde::Serialize;

use crate::definition::Severity;

use super::{Options, Validation};

pub(super) const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";

/// Something about a definition, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A code of the service.
    pub code: &'static str,
    /// What is wrong, in the service's words.
    pub message: String,
    /// Where, as the service prints it: `/States/Name/Choices[0]/Next`. Some have no place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// A place in a definition. Names stand as they are and array items in brackets, as in the service's diagnostics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct At(String);

impl At {
    pub(super) fn field(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0))
    }

    pub(super) fn item(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// Collects diagnostics. It keeps the first [`Report::MOST`] of each severity, so a hostile definition can't fill memory.
#[derive(Debug, Default)]
pub(super) struct Report {
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Report {
    const MOST: usize = 200;

    pub(super) fn error(&mut self, code: &'static str, at: &At, message: impl Into<String>) {
        self.push(Severity::Error, code, Some(at.to_string()), message.into());
    }

    /// An error of the schema: most errors are.
    pub(super) fn schema(&mut self, at: &At, message: impl Into<String>) {
        self.error(SCHEMA, at, message);
    }

    /// An error that is not at a place of the definition; `location` is what stands for one.
    pub(super) fn error_elsewhere(&mut self, code: &'static str, location: Option<String>, message: impl Into<String>) {
        self.push(Severity::Error, code, location, message.into());
    }

    pub(super) fn warning(&mut self, code: &'static str, at: &At, message: impl Into<String>) {
        self.push(Severity::Warning, code, Some(at.to_string()), message.into());
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    fn push(&mut self, severity: Severity, code: &'static str, location: Option<String>, message: String) {
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= Self::MOST {
            self.diagnostics.push(Diagnostic { severity, code, message, location });
        }
    }

    pub(super) fn finish(self, options: &Options) -> Validation {
        let most = if options.max_results == 0 { 100 } else { options.max_results };
        let valid = !self.has_errors();
        let mut diagnostics = self.diagnostics;
        diagnostics.retain(|one| options.severity == Severity::Warning || one.severity == Severity::Error);
        let truncated = diagnostics.len() > most;
        diagnostics.truncate(most);
        Validation { diagnostics, truncated, valid }
    }
}
