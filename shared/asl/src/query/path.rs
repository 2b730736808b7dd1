use std::fmt;

use serde_json::Value;

use crate::query::limits::{Allowance, LimitExceeded};
use crate::query::path_parser::{self, Root, Step};
use crate::query::{QueryFailure, Scope, walk};

/// A path: JSONPath in the dialect of the Jayway library, which the service uses.
///
/// - `$` is the input, `$$` the Context Object, `$name` a variable.
/// - `.name` (hyphens and other characters are fine), `['name']`, `["name"]`, `['a','b']`.
/// - `[0]`, `[-1]` from the end, `[0,2]`, `[1:3]`, `[1:]`, `[:2]`, `[-2:]`. A slice has no step, and `[a:b]` counts from
///   the end only where `a` and `b` are both negative.
/// - `.*`, `[*]`, `..name`, `..*`, `..[0]`, and filters such as `[?(@.x > 1 && @.y in ['a','b'])]`.
/// - `length()`, `size()`, `keys()`, `first()` and `last()` at the end. `sum()`, `min()`, `max()`, `avg()`, `stddev()` and
///   `concat()` parse but find nothing, as on the service.
///
/// In a bracketed name a backslash escapes the quote that encloses the name; before any other character it is part of
/// the name.
#[derive(Debug, Clone)]
pub struct Path {
    text: String,
    root: Root,
    steps: Vec<Step>,
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Path {}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no path: {reason} at position {position}")]
pub struct PathSyntaxError {
    /// The text, cut if it is long.
    pub text: String,
    /// Where it went wrong, in bytes from the start.
    pub position: usize,
    /// What was wrong or expected there.
    pub reason: String,
}

impl PathSyntaxError {
    pub(crate) fn new(text: &str, position: usize, reason: impl Into<String>) -> Self {
        let shown: String = text.chars().take(200).collect();
        Self { text: shown, position, reason: reason.into() }
    }
}

/// Why a path could not be read.
///
/// `reason` is the text of the service's JSONPath library.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing is at the path.
    #[error("Invalid path '{path}' : {reason}")]
    NotFound {
        /// The path as it is written.
        path: String,
        /// What the library says.
        reason: String,
    },
    /// The path ends in an index outside its array. A payload template reads null there; others find nothing.
    #[error("Invalid path '{path}' : {reason}")]
    IndexOutOfRange {
        /// The path as it is written.
        path: String,
        /// What the library says.
        reason: String,
    },
    /// An index, slice or filter met something that is no array.
    #[error("Invalid path '{path}' : {reason}")]
    NotApplicable {
        /// The path as it is written.
        path: String,
        /// What the library says.
        reason: String,
    },
    /// No variable of that name is visible.
    #[error("The variable '${name}' referenced by '{path}' is not defined. Assign it in a state before this one.")]
    UndefinedVariable {
        /// The path as it is written.
        path: String,
        /// The variable's name, without `$`.
        name: String,
    },
    /// A reference path could not be written.
    #[error("Unable to apply ReferencePath {path} to input {input}")]
    NotWritable {
        /// The path as it is written.
        path: String,
        /// The document, as JSON text.
        input: String,
    },
    /// The interpreter's own bounds.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

impl From<PathError> for QueryFailure {
    /// The failure as the service words it for `InputPath`, `OutputPath` and other single paths.
    fn from(error: PathError) -> Self {
        match error {
            PathError::Limit(limit) => limit.into(),
            PathError::NotWritable { .. } => Self::result_path_match(error.to_string()),
            PathError::NotFound { .. }
            | PathError::IndexOutOfRange { .. }
            | PathError::NotApplicable { .. }
            | PathError::UndefinedVariable { .. } => Self::runtime(error.to_string()),
        }
    }
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    ///
    /// [`PathSyntaxError`] with the position of the first mistake. A path may have 16 KiB and 100 steps.
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        let (root, steps) = path_parser::parse(text)?;
        Ok(Self { text: text.to_owned(), root, steps })
    }

    /// The path as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the path names at most one value. An indefinite path reads an array of what it finds.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        walk::is_definite(&self.steps)
    }

    /// Whether the path reads the Context Object (`$$`).
    #[must_use]
    pub fn is_context(&self) -> bool {
        self.root == Root::Context
    }

    /// The name of the variable that the path reads, without `$`.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) => Some(name),
            Root::Input | Root::Context => None,
        }
    }

    /// Reads the path: the value if it is definite, else an array. An indefinite path that leads nowhere gives `[]`.
    ///
    /// # Errors
    ///
    /// [`PathError`]; see its variants.
    pub fn read(&self, scope: &Scope<'_>) -> Result<Value, PathError> {
        self.read_within(scope, &mut Allowance::new())
    }

    /// Reads the path for the field of a payload template (`field` is its name, with `.$`) or for `ErrorPath` and
    /// `CausePath`. An index outside its array reads null.
    ///
    /// # Errors
    ///
    /// The failure as the service words it for such a field.
    pub fn read_field(&self, field: &str, scope: &Scope<'_>) -> Result<Value, QueryFailure> {
        self.read_field_within(field, scope, &mut Allowance::new())
    }

    pub(crate) fn read_field_within(
        &self,
        field: &str,
        scope: &Scope<'_>,
        allowance: &mut Allowance,
    ) -> Result<Value, QueryFailure> {
        match self.read_within(scope, allowance) {
            Ok(value) => Ok(value),
            Err(PathError::IndexOutOfRange { .. }) => Ok(Value::Null),
            Err(PathError::NotFound { .. }) => {
                let document = self.document(scope).cloned().unwrap_or_default();
                Err(QueryFailure::runtime(format!(
                    "The JSONPath '{}' specified for the field '{field}' could not be found in the input '{document}'",
                    self.text
                )))
            }
            Err(other) => Err(other.into()),
        }
    }

    pub(crate) fn read_within(&self, scope: &Scope<'_>, allowance: &mut Allowance) -> Result<Value, PathError> {
        let document = self.document(scope)?;
        let found = walk::evaluate(&self.steps, document, document, allowance);
        let definite = self.is_definite();
        let nodes = match found {
            Ok(nodes) => nodes,
            Err(walk::Stop::Missing(_)) if !definite => Vec::new(),
            Err(stop) => return Err(stop.into_error(&self.text)),
        };
        if !definite {
            for node in &nodes {
                allowance.charge(node)?;
            }
            return Ok(Value::Array(nodes.into_iter().map(std::borrow::Cow::into_owned).collect()));
        }
        match nodes.into_iter().next() {
            Some(node) => {
                allowance.charge(&node)?;
                Ok(node.into_owned())
            }
            None => Err(PathError::NotFound { path: self.text.clone(), reason: walk::no_results(&self.steps) }),
        }
    }

    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn document<'s>(&self, scope: &Scope<'s>) -> Result<&'s Value, PathError> {
        match &self.root {
            Root::Input => Ok(scope.input),
            Root::Context => Ok(scope.context.value()),
            Root::Variable(name) => scope
                .variables
                .get(name)
                .ok_or_else(|| PathError::UndefinedVariable { path: self.text.clone(), name: name.clone() }),
        }
    }
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
