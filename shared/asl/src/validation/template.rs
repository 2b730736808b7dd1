//! Payload templates in both query languages.

use serde_json::Value;

use crate::query::limits::MAX_DEPTH;
use crate::query::{Expression, Jsonata, QueryLanguage};

use super::machine::Checker;
use super::report::At;
use super::scalars::{Fields, looks_dynamic};

impl Checker {
    /// A template in the field `name`, if it is there.
    pub(super) fn template(&mut self, object: &Fields, name: &str, language: QueryLanguage, at: &At) {
        let Some(value) = object.get(name) else { return };
        let here = at.field(name);
        match language {
            QueryLanguage::JsonPath => self.paths(value, &here, 0),
            QueryLanguage::Jsonata => self.expressions(value, &here, 0),
        }
    }

    fn paths(&mut self, value: &Value, at: &At, depth: usize) {
        if self.too_deep(at, depth) {
            return;
        }
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if name.ends_with(".$") {
                        self.path_or_intrinsic(fields, name, at);
                        continue;
                    }
                    if let Value::String(text) = value
                        && looks_dynamic(text)
                    {
                        let message = format!(
                            "The value of the field '{name}' looks like a JSONPath or an intrinsic function, but the field's \
                             name does not end with '.$'"
                        );
                        self.report.warning("NO_DOLLAR", &at.field(name), message);
                    }
                    self.paths(value, &at.field(name), depth + 1);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.paths(item, &at.item(index), depth + 1);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn expressions(&mut self, value: &Value, at: &At, depth: usize) {
        if self.too_deep(at, depth) {
            return;
        }
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.expressions(value, &at.field(name), depth + 1);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.expressions(item, &at.item(index), depth + 1);
                }
            }
            Value::String(text) if Jsonata::inside(text).is_some() => self.expression(text, at),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// A JSONata expression with its delimiters: its syntax, and what it reads.
    pub(super) fn expression(&mut self, text: &str, at: &At) {
        match Jsonata::parse(Jsonata::inside(text).unwrap_or_default()) {
            Err(error) => self.report.error("INVALID_JSONATA_EXPRESSION", at, without_code(&error.reason)),
            Ok(expression) => {
                for name in expression.top_level_references() {
                    let message = format!("Reference to '{name}' at the top level is not supported.");
                    self.report.error("UNSUPPORTED_JSONATA_EXPRESSION", at, message);
                }
            }
        }
    }

    fn too_deep(&mut self, at: &At, depth: usize) -> bool {
        let deep = depth > MAX_DEPTH;
        if deep {
            self.report.error("TOO_DEEPLY_NESTED", at, format!("Values are nested more than {MAX_DEPTH} levels deep"));
        }
        deep
    }
}

/// An error of JSONata without its code (`S0207: …`), which the service leaves out.
fn without_code(reason: &str) -> &str {
    let reason = reason.strip_prefix("Parse error: ").unwrap_or(reason);
    match reason.split_once(": ") {
        Some((code, rest)) if code.len() == 5 && code.bytes().skip(1).all(|c| c.is_ascii_digit()) => rest,
        _ => reason,
    }
}

/// Whether a value that is never evaluated was probably meant to be: a `.$` field, or a text that is a path.
pub(super) fn holds_paths(value: &Value) -> bool {
    match value {
        Value::String(text) => looks_dynamic(text),
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            name.ends_with(".$") && value.as_str().is_some_and(|text| Expression::parse(text).is_ok())
                || holds_paths(value)
        }),
        Value::Array(items) => items.iter().any(holds_paths),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
