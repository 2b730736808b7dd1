//! What a function's fields may be.

use std::collections::BTreeSet;

use super::runtime::Language;
use crate::error::FieldProblem;

/// The longest name of a function or a project, in characters.
const NAME_CHARS: usize = 64;
/// The longest description, in characters.
const DESCRIPTION_CHARS: usize = 2_000;
/// The longest file path, in bytes.
const PATH_BYTES: usize = 512;
/// The largest source, in bytes.
pub const MAX_CODE_BYTES: usize = 1024 * 1024;
/// The longest time limit, in milliseconds, which is also the default.
pub const MAX_TIME_MS: u32 = 30_000;
/// The largest memory limit, in MiB.
pub const MAX_MEMORY_MB: u32 = 256;
/// The memory limit where none is given, in MiB.
pub(super) const DEFAULT_MEMORY_MB: u32 = 64;
/// How many functions one call registers.
pub const MAX_REGISTERED: usize = 100;
/// How many environment values a function may see.
const MAX_ENVIRONMENT: usize = 50;
/// Paths of the API stand where these projects would.
const RESERVED_PROJECTS: [&str; 2] = ["projects", "code"];

/// Collects problems under a place in the request.
pub(super) struct Checks {
    base: String,
    pub(super) problems: Vec<FieldProblem>,
}

fn is_name(text: &str) -> bool {
    (1..=NAME_CHARS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What is wrong with a project's name.
pub(super) fn project(text: &str) -> Option<String> {
    if !is_name(text) {
        return Some(format!("must be a project's id, or 1 to {NAME_CHARS} letters, digits, - and _"));
    }
    RESERVED_PROJECTS.contains(&text).then(|| format!("can't be {text:?}: that is a part of the API's own paths"))
}

impl Checks {
    /// Problems of what stands at `base`: empty, or a JSON pointer.
    pub(super) fn at(base: impl Into<String>) -> Self {
        Self { base: base.into(), problems: Vec::new() }
    }

    pub(super) fn problem(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(FieldProblem::new(format!("{}{field}", self.base), message));
    }

    pub(super) fn name(&mut self, text: &str) {
        if !is_name(text) {
            self.problem("/function_name", format!("must be 1 to {NAME_CHARS} letters, digits, - and _"));
        }
    }

    pub(super) fn description(&mut self, text: &str) {
        if text.chars().count() > DESCRIPTION_CHARS {
            self.problem("/description", format!("must have at most {DESCRIPTION_CHARS} characters"));
        }
        if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
            self.problem("/description", "must not contain control characters other than line breaks and tabs");
        }
    }

    pub(super) fn file_path(&mut self, path: &str) {
        if path.is_empty() || path.len() > PATH_BYTES || path.chars().any(char::is_control) {
            self.problem("/file_path", format!("must be 1 to {PATH_BYTES} bytes without control characters"));
        }
    }

    /// The language of a source: what is said, or else what the file's name says.
    pub(super) fn language(&mut self, said: Option<&str>, path: &str) -> Language {
        let Some(text) = said else { return Language::of_path(path).unwrap_or(Language::JavaScript) };
        Language::of(text).unwrap_or_else(|| {
            self.problem("/runtime", "must be javascript or typescript");
            Language::JavaScript
        })
    }

    pub(super) fn code(&mut self, code: &str) {
        if code.trim().is_empty() {
            self.problem("/code", "must be the source of an ES module that exports a function `handler`");
        } else if code.len() > MAX_CODE_BYTES {
            self.problem("/code", format!("must have at most {MAX_CODE_BYTES} bytes; it has {}", code.len()));
        }
    }

    pub(super) fn time(&mut self, millis: u64) -> u32 {
        match u32::try_from(millis) {
            Ok(millis @ 1..=MAX_TIME_MS) => millis,
            _ => {
                self.problem("/timeout_ms", format!("must be 1 to {MAX_TIME_MS} milliseconds"));
                MAX_TIME_MS
            }
        }
    }

    pub(super) fn memory(&mut self, megabytes: u64) -> u32 {
        match u32::try_from(megabytes) {
            Ok(megabytes @ 1..=MAX_MEMORY_MB) => megabytes,
            _ => {
                self.problem("/memory_mb", format!("must be 1 to {MAX_MEMORY_MB} MiB"));
                DEFAULT_MEMORY_MB
            }
        }
    }

    pub(super) fn environment(&mut self, names: &[String]) {
        if names.len() > MAX_ENVIRONMENT {
            self.problem("/environment", format!("must have at most {MAX_ENVIRONMENT} names"));
        }
        let mut seen = BTreeSet::new();
        for (number, name) in names.iter().enumerate() {
            let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !letters || !(1..=NAME_CHARS).contains(&name.len()) || name.starts_with(|c: char| c.is_ascii_digit()) {
                let message = format!("must be 1 to {NAME_CHARS} letters, digits and _, not beginning with a digit");
                self.problem(&format!("/environment/{number}"), message);
            } else if !seen.insert(name) {
                self.problem(&format!("/environment/{number}"), "is named twice");
            }
        }
    }
}
