//! Checks of single values: types, ranges, paths, timestamps, alternatives.

use serde_json::{Map, Value};

use crate::choice::parse_timestamp;
use crate::query::{Expression, Jsonata, Path, QueryLanguage, ReferencePath};

use super::machine::Checker;
use super::report::At;

/// 99999999 seconds: the longest wait, timeout and retry interval.
pub(super) const LONGEST: i64 = 99_999_999;

pub(super) type Fields = Map<String, Value>;

impl Checker {
    /// Names the fields of `names` that are not there, in one diagnostic.
    pub(super) fn require(&mut self, object: &Fields, names: &[&str], at: &At) {
        let missing: Vec<&str> = names.iter().copied().filter(|name| !object.contains_key(*name)).collect();
        if !missing.is_empty() {
            self.report.schema(at, format!("These fields are required: [{}]", missing.join(", ")));
        }
    }

    /// Refuses every field that is not among `known`.
    pub(super) fn only(&mut self, object: &Fields, known: &[&str], at: &At) {
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            self.unsupported(name, at);
        }
    }

    pub(super) fn unsupported(&mut self, name: &str, at: &At) {
        self.report.schema(at, format!("Field '{name}' is not supported"));
    }

    /// At most one of `names` may be there.
    pub(super) fn exclusive(&mut self, object: &Fields, names: &[&str], at: &At) -> usize {
        let given: Vec<&str> = names.iter().copied().filter(|name| object.contains_key(*name)).collect();
        if given.len() > 1 {
            self.report.schema(at, format!("Only one of these fields can be specified: [{}]", given.join(", ")));
        }
        given.len()
    }

    pub(super) fn object<'v>(&mut self, value: &'v Value, at: &At) -> Option<&'v Fields> {
        let object = value.as_object();
        if object.is_none() {
            self.report.schema(at, "Value must be an object");
        }
        object
    }

    pub(super) fn array<'v>(&mut self, value: &'v Value, at: &At) -> Option<&'v Vec<Value>> {
        let array = value.as_array();
        if array.is_none() {
            self.report.schema(at, "Value must be an array");
        }
        array
    }

    pub(super) fn string<'v>(&mut self, value: &'v Value, at: &At) -> Option<&'v str> {
        let text = value.as_str();
        if text.is_none() {
            self.report.schema(at, "Value must be a string");
        }
        text
    }

    pub(super) fn string_field<'v>(&mut self, object: &'v Fields, name: &str, at: &At) -> Option<&'v str> {
        object.get(name).and_then(|value| self.string(value, &at.field(name)))
    }

    pub(super) fn boolean_field(&mut self, object: &Fields, name: &str, at: &At) -> Option<bool> {
        let value = object.get(name)?;
        if !value.is_boolean() {
            self.report.schema(&at.field(name), "Value must be a boolean");
        }
        value.as_bool()
    }

    /// `name` must be one of `values`.
    pub(super) fn choice_of<'v>(
        &mut self,
        object: &'v Fields,
        name: &str,
        values: &[&str],
        at: &At,
    ) -> Option<&'v str> {
        let value = object.get(name)?;
        let text = self.string(value, &at.field(name))?;
        if values.contains(&text) {
            return Some(text);
        }
        let message = format!("The field '{name}' should have one of these values: [{}]", values.join(", "));
        self.report.schema(&at.field(name), message);
        None
    }

    /// An integer; in JSONata an expression will do.
    pub(super) fn integer(
        &mut self,
        object: &Fields,
        name: &str,
        (least, most): (i64, i64),
        language: QueryLanguage,
        at: &At,
    ) -> Option<i64> {
        let value = object.get(name)?;
        let here = at.field(name);
        if self.is_expression(value, language, &here) {
            return None;
        }
        let whole = value.as_i64().or_else(|| whole_float(value));
        match whole {
            Some(number) if (least..=most).contains(&number) => return Some(number),
            Some(number) if number < least => {
                self.report.schema(&here, format!("Value must be greater than or equal to {least}"));
            }
            Some(_) => self.report.schema(&here, format!("Value must be less than or equal to {most}")),
            None => self.report.schema(&here, "Value must be an integer"),
        }
        None
    }

    /// A number; in JSONata an expression will do.
    pub(super) fn number(
        &mut self,
        object: &Fields,
        name: &str,
        (least, most): (f64, f64),
        language: QueryLanguage,
        at: &At,
    ) {
        let Some(value) = object.get(name) else { return };
        let here = at.field(name);
        if self.is_expression(value, language, &here) {
            return;
        }
        match value.as_f64() {
            Some(number) if (least..=most).contains(&number) => {}
            Some(number) if number < least => {
                self.report.schema(&here, format!("Value must be greater than or equal to {least}"));
            }
            Some(_) => self.report.schema(&here, format!("Value must be less than or equal to {most}")),
            None => self.report.schema(&here, "Value must be a number"),
        }
    }

    /// Whether `value` is a JSONata expression in a state that may have one; its syntax is checked.
    pub(super) fn is_expression(&mut self, value: &Value, language: QueryLanguage, at: &At) -> bool {
        match value {
            Value::String(text) if language == QueryLanguage::Jsonata && Jsonata::inside(text).is_some() => {
                self.expression(text, at);
                true
            }
            _ => false,
        }
    }

    /// `InputPath`, `OutputPath`: null or a path.
    pub(super) fn selection(&mut self, object: &Fields, name: &str, at: &At) {
        match object.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if Path::parse(text).is_ok() => {}
            Some(_) => self.report.schema(&at.field(name), "Value must be a valid JSONPath."),
        }
    }

    /// A path that is read, such as `SecondsPath`.
    pub(super) fn path(&mut self, object: &Fields, name: &str, at: &At) {
        let Some(value) = object.get(name) else { return };
        let here = at.field(name);
        let Some(text) = self.string(value, &here) else { return };
        let problem = if !text.starts_with('$') {
            Some("Reference path didn't start with '$'".to_owned())
        } else {
            Path::parse(text).err().map(|error| error.reason)
        };
        if let Some(problem) = problem {
            self.report.schema(&here, format!("Value is not a Reference Path: {problem}"));
        }
    }

    /// `ResultPath`: null or a reference path into the input.
    pub(super) fn result_path(&mut self, object: &Fields, at: &At) {
        let Some(value) = object.get("ResultPath").filter(|value| !value.is_null()) else { return };
        let here = at.field("ResultPath");
        let Some(text) = self.string(value, &here) else { return };
        let problem = match ReferencePath::parse(text) {
            _ if !text.starts_with('$') => "Reference path didn't start with '$'".to_owned(),
            Ok(path) if path.is_input() => return,
            Ok(_) => "Reference path must start in the input: '$' or '$.'".to_owned(),
            Err(error) => error.reason,
        };
        self.report.schema(&here, format!("Value is not a Reference Path: {problem}"));
    }

    /// A path or an intrinsic function, such as `ErrorPath`.
    pub(super) fn path_or_intrinsic(&mut self, object: &Fields, name: &str, at: &At) {
        let Some(value) = object.get(name) else { return };
        if value.as_str().is_none_or(|text| Expression::parse(text).is_err()) {
            self.report.schema(
                at,
                format!("The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"),
            );
        }
    }

    /// An RFC 3339 timestamp with `T` and a zone; in JSONata an expression will do.
    pub(super) fn timestamp(&mut self, object: &Fields, name: &str, language: QueryLanguage, at: &At) {
        let Some(value) = object.get(name) else { return };
        let here = at.field(name);
        if !self.is_expression(value, language, &here)
            && value.as_str().is_none_or(|text| parse_timestamp(text).is_none())
        {
            self.report.schema(&here, "String does not match RFC3339 timestamp");
        }
    }

    /// Warns of a text that looks like a path in a field that is not for paths.
    pub(super) fn warn_path(&mut self, object: &Fields, name: &str, at: &At) {
        if let Some(Value::String(text)) = object.get(name)
            && looks_dynamic(text)
        {
            let message = format!(
                "The value of the field '{name}' looks like a path, but the field's name does not end with 'Path'"
            );
            self.report.warning("NO_PATH", &at.field(name), message);
        }
    }
}

/// Whether a text was probably meant to be a path or a call of an intrinsic function.
pub(super) fn looks_dynamic(text: &str) -> bool {
    (["$.", "$$.", "$["].iter().any(|start| text.starts_with(start)) || matches!(text, "$" | "$$"))
        && Path::parse(text).is_ok()
        || text.starts_with("States.") && text.contains('(') && Expression::parse(text).is_ok()
}

fn whole_float(value: &Value) -> Option<i64> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e15)?;
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is below 10^15")]
    Some(number as i64)
}
