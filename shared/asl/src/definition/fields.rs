//! Reading the fields of a JSON object with a diagnostic for each that is wrong.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::query::{Dynamic, Expression, Jsonata, Path, QueryLanguage, ReferencePath, Template};

use super::model::{ResultPath, Selection};

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// The definition can't be executed.
    Error,
    /// It can, and probably does not do what was meant.
    Warning,
}

/// Something about a definition, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable, in the words of Step Functions' `ValidateStateMachineDefinition`.
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
    /// A JSON pointer into the definition.
    pub location: String,
}

pub(super) const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";
pub(super) const MISSING_TARGET: &str = "MISSING_TRANSITION_TARGET";

/// Collects the diagnostics of a definition.
#[derive(Debug, Default)]
pub(super) struct Diagnostics(pub(super) Vec<Diagnostic>);

impl Diagnostics {
    /// Enough to fix at once; a hostile definition can't make more.
    const MOST: usize = 100;

    pub(super) fn error(&mut self, code: &'static str, location: &str, message: impl Into<String>) {
        self.push(Severity::Error, code, location, message.into());
    }

    pub(super) fn warning(&mut self, code: &'static str, location: &str, message: impl Into<String>) {
        self.push(Severity::Warning, code, location, message.into());
    }

    fn push(&mut self, severity: Severity, code: &'static str, location: &str, message: String) {
        if self.0.len() < Self::MOST {
            self.0.push(Diagnostic { severity, code, message, location: location.to_owned() });
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// A JSON pointer one level down.
pub(super) fn below(pointer: &str, key: impl std::fmt::Display) -> String {
    let key = key.to_string().replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{key}")
}

/// An object whose fields are taken one by one.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    pub(super) pointer: String,
    /// How the fields' expressions are written.
    pub(super) language: QueryLanguage,
    seen: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(
        value: &'a Value,
        pointer: String,
        language: QueryLanguage,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let Value::Object(object) = value else {
            diagnostics.error(SCHEMA, &pointer, "must be an object");
            return None;
        };
        Some(Self { object, pointer, language, seen: Vec::new() })
    }

    pub(super) fn at(&self, field: &str) -> String {
        below(&self.pointer, field)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    pub(super) fn take(&mut self, field: &'static str) -> Option<&'a Value> {
        self.seen.push(field);
        self.object.get(field)
    }

    pub(super) fn string(&mut self, field: &'static str, diagnostics: &mut Diagnostics) -> Option<&'a str> {
        let value = self.take(field)?;
        let text = value.as_str();
        if text.is_none() {
            diagnostics.error(SCHEMA, &self.at(field), format!("'{field}' must be a string"));
        }
        text
    }

    pub(super) fn required_string(&mut self, field: &'static str, diagnostics: &mut Diagnostics) -> Option<&'a str> {
        if !self.has(field) {
            diagnostics.error(SCHEMA, &self.pointer, format!("'{field}' is missing"));
        }
        self.string(field, diagnostics)
    }

    pub(super) fn number(
        &mut self,
        field: &'static str,
        range: std::ops::RangeInclusive<f64>,
        diagnostics: &mut Diagnostics,
    ) -> Option<f64> {
        let value = self.take(field)?;
        match value.as_f64() {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                let message = format!("'{field}' must be a number from {} to {}", range.start(), range.end());
                diagnostics.error(SCHEMA, &self.at(field), message);
                None
            }
        }
    }

    /// A number without a fraction.
    pub(super) fn whole(
        &mut self,
        field: &'static str,
        range: std::ops::RangeInclusive<f64>,
        diagnostics: &mut Diagnostics,
    ) -> Option<f64> {
        let value = self.take(field)?;
        match value.as_f64() {
            Some(number) if range.contains(&number) && number.fract() == 0.0 => Some(number),
            _ => {
                let message = format!("'{field}' must be an integer from {} to {}", range.start(), range.end());
                diagnostics.error(SCHEMA, &self.at(field), message);
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, field: &'static str, diagnostics: &mut Diagnostics) -> Option<bool> {
        let value = self.take(field)?;
        if value.as_bool().is_none() {
            diagnostics.error(SCHEMA, &self.at(field), format!("'{field}' must be true or false"));
        }
        value.as_bool()
    }

    pub(super) fn array(&mut self, field: &'static str, diagnostics: &mut Diagnostics) -> Option<&'a Vec<Value>> {
        let value = self.take(field)?;
        if value.as_array().is_none() {
            diagnostics.error(SCHEMA, &self.at(field), format!("'{field}' must be an array"));
        }
        value.as_array()
    }

    pub(super) fn path(&mut self, field: &'static str, diagnostics: &mut Diagnostics) -> Option<Path> {
        let text = self.string(field, diagnostics)?;
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(problem) => {
                diagnostics.error(SCHEMA, &self.at(field), problem.to_string());
                None
            }
        }
    }

    /// `InputPath` and its like: absent is the whole.
    pub(super) fn selection(&mut self, field: &'static str, diagnostics: &mut Diagnostics) -> Selection {
        match self.take(field) {
            None => Selection::Whole,
            Some(Value::Null) => Selection::Nothing,
            Some(_) => match self.path(field, diagnostics) {
                Some(path) if path.text() != "$" => Selection::At(path),
                _ => Selection::Whole,
            },
        }
    }

    pub(super) fn result_path(&mut self, diagnostics: &mut Diagnostics) -> ResultPath {
        match self.take("ResultPath") {
            None => ResultPath::Whole,
            Some(Value::Null) => ResultPath::Nothing,
            Some(_) => match self.string("ResultPath", diagnostics).map(ReferencePath::parse) {
                Some(Ok(path)) if path.text() != "$" => ResultPath::At(path),
                Some(Err(problem)) => {
                    diagnostics.error(SCHEMA, &self.at("ResultPath"), problem.to_string());
                    ResultPath::Whole
                }
                _ => ResultPath::Whole,
            },
        }
    }

    /// `QueryLanguage`: its own where it is given. A state of a JSONata machine can't go back to JSONPath.
    pub(super) fn query_language(&mut self, diagnostics: &mut Diagnostics) {
        let Some(text) = self.string("QueryLanguage", diagnostics) else { return };
        match QueryLanguage::parse(text) {
            Some(language) => {
                if self.language == QueryLanguage::Jsonata && language == QueryLanguage::JsonPath {
                    let message = "a state can't be in JSONPath where the state machine is in JSONata";
                    diagnostics.error(SCHEMA, &self.at("QueryLanguage"), message);
                }
                self.language = language;
            }
            None => {
                let message = format!("'QueryLanguage' is \"JSONPath\" or \"JSONata\", not {text:?}");
                diagnostics.error(SCHEMA, &self.at("QueryLanguage"), message);
            }
        }
    }

    /// Is the language of the fields JSONata?
    pub(super) fn in_jsonata(&self) -> bool {
        self.language == QueryLanguage::Jsonata
    }

    /// A template in the language of the fields.
    pub(super) fn template(&mut self, field: &'static str, diagnostics: &mut Diagnostics) -> Option<Template> {
        let value = self.take(field)?;
        match Template::parse(value, self.language) {
            Ok(template) => Some(template),
            Err(problems) => {
                for problem in problems {
                    let place = format!("{}{}", self.at(field), problem.pointer);
                    let name = if problem.field.is_empty() { field } else { &problem.field };
                    diagnostics.error(SCHEMA, &place, format!("'{name}': {}", problem.detail));
                }
                None
            }
        }
    }

    /// `Assign`: an object.
    pub(super) fn assign(&mut self, diagnostics: &mut Diagnostics) -> Option<Template> {
        if self.object.get("Assign").is_some_and(|value| !value.is_object()) {
            diagnostics.error(SCHEMA, &self.at("Assign"), "'Assign' must be an object");
        }
        self.template("Assign", diagnostics)
    }

    /// The expression that a field holds, where it is in JSONata and holds one: `Some(None)` when that is wrong.
    fn jsonata<T>(&mut self, field: &'static str, diagnostics: &mut Diagnostics) -> Option<Option<Dynamic<T>>> {
        if !self.in_jsonata() {
            return None;
        }
        let text = Jsonata::inside(self.object.get(field)?.as_str()?)?;
        self.seen.push(field);
        match Jsonata::parse(text) {
            Ok(expression) => Some(Some(Dynamic::Jsonata(expression))),
            Err(problem) => {
                diagnostics.error(SCHEMA, &self.at(field), format!("'{field}': {problem}"));
                Some(None)
            }
        }
    }

    /// What a field holds, by `read`, or a JSONata expression under it, or, in JSONPath, a path under `path_field`;
    /// one of them.
    pub(super) fn dynamic<T>(
        &mut self,
        field: &'static str,
        path_field: &'static str,
        diagnostics: &mut Diagnostics,
        read: impl FnOnce(&mut Self, &mut Diagnostics) -> Option<T>,
    ) -> Option<Dynamic<T>> {
        if let Some(expression) = self.jsonata(field, diagnostics) {
            return expression;
        }
        if self.in_jsonata() {
            return read(self, diagnostics).map(Dynamic::Fixed);
        }
        if self.has(field) && self.has(path_field) {
            let message = format!("'{field}' and '{path_field}' exclude each other");
            diagnostics.error(SCHEMA, &self.pointer, message);
        }
        let fixed = read(self, diagnostics).map(Dynamic::Fixed);
        self.path(path_field, diagnostics).map(|path| Dynamic::Computed(Expression::Path(path))).or(fixed)
    }

    /// An integer, by any of the ways of [`Fields::dynamic`].
    pub(super) fn dynamic_whole(
        &mut self,
        field: &'static str,
        path_field: &'static str,
        range: std::ops::RangeInclusive<f64>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Dynamic<f64>> {
        self.dynamic(field, path_field, diagnostics, |fields, diagnostics| fields.whole(field, range, diagnostics))
    }

    /// A number, by any of the ways of [`Fields::dynamic`].
    pub(super) fn dynamic_number(
        &mut self,
        field: &'static str,
        path_field: &'static str,
        range: std::ops::RangeInclusive<f64>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Dynamic<f64>> {
        self.dynamic(field, path_field, diagnostics, |fields, diagnostics| fields.number(field, range, diagnostics))
    }

    /// Names every field that nobody asked for.
    pub(super) fn finish(self, kind: &str, diagnostics: &mut Diagnostics) {
        for key in self.object.keys().filter(|key| !self.seen.contains(&key.as_str())) {
            let mut known = self.seen.clone();
            known.sort_unstable();
            known.dedup();
            let message = format!("'{key}' is not a field of {kind}; its fields here are {}", known.join(", "));
            diagnostics.error(SCHEMA, &below(&self.pointer, key), message);
        }
    }
}
