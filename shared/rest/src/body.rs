//! Reading a JSON body: its size, its form, then its members, with all problems told together.

use std::collections::BTreeMap;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::LengthLimitError;
use millrace_app::FieldProblem;
use serde_json::{Map, Value};

use crate::problem::Problem;

/// The largest body: 1 MiB.
pub(crate) const BODY_BYTES: usize = 1024 * 1024;

/// The largest body of a request that brings an execution's data: 256 MiB. The data has no limit of its own.
pub(crate) const DATA_BYTES: usize = 256 * 1024 * 1024;

/// A body that is a JSON object, to be read member by member.
pub(crate) struct JsonObject<const BYTES: usize = BODY_BYTES>(pub(crate) Fields);

impl<S: Send + Sync, const BYTES: usize> FromRequest<S> for JsonObject<BYTES> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::unsupported_media_type());
        }
        let bytes = read(request, BYTES).await?;
        json_object(&bytes).map(Self)
    }
}

/// Reads a body of at most so many bytes.
pub(crate) async fn read(request: Request, most: usize) -> Result<Bytes, Problem> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(Problem::payload_too_large(most));
    }
    to_bytes(request.into_body(), most).await.map_err(|error| {
        if std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>()) {
            Problem::payload_too_large(most)
        } else {
            Problem::bad_json("the body ended before it was complete")
        }
    })
}

/// The members of a body that is a JSON object.
pub(crate) fn json_object(bytes: &[u8]) -> Result<Fields, Problem> {
    if bytes.is_empty() {
        return Err(Problem::bad_json("the body is empty: send a JSON object"));
    }
    match serde_json::from_slice(bytes).map_err(|error| not_json(&error))? {
        Value::Object(members) => Ok(Fields::new(members)),
        other => Err(Problem::invalid(vec![FieldProblem::new("", format!("must be an object, not {}", kind(&other)))])),
    }
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(given)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

/// Says where a body is not JSON.
pub(crate) fn not_json(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if text.starts_with("recursion limit exceeded") {
        return Problem::bad_json(format!(
            "the body is nested too deeply at line {}, column {}",
            error.line(),
            error.column()
        ));
    }
    // The place is told in its own words.
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    Problem::bad_json(format!("the body is not JSON: {what} at line {}, column {}", error.line(), error.column()))
}

/// The members of an object that is being read. Each reading names a member; what was never named is unknown.
pub(crate) struct Fields {
    members: Map<String, Value>,
    base: String,
    known: Vec<&'static str>,
    problems: Vec<FieldProblem>,
}

impl Fields {
    fn new(members: Map<String, Value>) -> Self {
        Self { members, base: String::new(), known: Vec::new(), problems: Vec::new() }
    }

    /// A member that is there and not null.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.take_nullable(name).filter(|value| !value.is_null())
    }

    fn take_nullable(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members.shift_remove(name)
    }

    fn wrong(&mut self, name: &str, wanted: &str, value: &Value) {
        let message = format!("must be {wanted}, not {}", kind(value));
        self.problems.push(FieldProblem::new(pointer(&self.base, name), message));
    }

    /// Is there such a member?
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A text; null is as good as nothing.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => {
                self.wrong(name, "a string", &other);
                None
            }
        }
    }

    /// A text of at most so many characters.
    pub(crate) fn text_within(&mut self, name: &'static str, most: usize) -> Option<String> {
        let text = self.text(name)?;
        if text.chars().count() > most {
            let message = format!("must have at most {most} characters");
            self.problems.push(FieldProblem::new(pointer(&self.base, name), message));
        }
        Some(text)
    }

    /// Any value, which must be there.
    pub(crate) fn required_value(&mut self, name: &'static str) -> Option<Value> {
        let value = self.take_nullable(name);
        if value.is_none() {
            self.problems.push(FieldProblem::new(pointer(&self.base, name), "is missing"));
        }
        value
    }

    /// Any value; null is a value.
    pub(crate) fn any(&mut self, name: &'static str) -> Option<Value> {
        self.take_nullable(name)
    }

    /// A text that must be there; empty where it is not, which is told.
    pub(crate) fn required_text(&mut self, name: &'static str) -> String {
        if self.members.get(name).is_none_or(Value::is_null) {
            self.take_nullable(name);
            self.problems.push(FieldProblem::new(pointer(&self.base, name), "is missing"));
            return String::new();
        }
        self.text(name).unwrap_or_default()
    }

    /// What `read` makes of a text, or what it says is wrong with it.
    pub(crate) fn parsed<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(name)?;
        read(&text).map_err(|problem| self.problems.push(FieldProblem::new(pointer(&self.base, name), problem))).ok()
    }

    /// A definition in the Amazon States Language: an object, or JSON or YAML as text.
    pub(crate) fn definition(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            object @ Value::Object(_) => Some(object.to_string()),
            other => {
                self.wrong(name, "an object, or a string with JSON or YAML", &other);
                None
            }
        }
    }

    /// An object whose members are texts.
    pub(crate) fn texts(&mut self, name: &'static str) -> Option<BTreeMap<String, String>> {
        let members = self.object(name)?;
        let mut texts = BTreeMap::new();
        for (member, value) in members {
            match value {
                Value::String(text) => {
                    texts.insert(member, text);
                }
                other => {
                    let field = pointer(&pointer(&self.base, name), &member);
                    let message = format!("must be a string, not {}", kind(&other));
                    self.problems.push(FieldProblem::new(field, message));
                }
            }
        }
        Some(texts)
    }

    /// Texts.
    pub(crate) fn text_list(&mut self, name: &'static str) -> Option<Vec<String>> {
        let items = match self.take(name)? {
            Value::Array(items) => items,
            other => {
                self.wrong(name, "an array", &other);
                return None;
            }
        };
        let base = pointer(&self.base, name);
        let mut texts = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text),
                other => {
                    let message = format!("must be a string, not {}", kind(&other));
                    self.problems.push(FieldProblem::new(format!("{base}/{number}"), message));
                }
            }
        }
        Some(texts)
    }

    /// Objects that are read member by member.
    pub(crate) fn list<T>(&mut self, name: &'static str, mut read: impl FnMut(&mut Self) -> T) -> Option<Vec<T>> {
        let items = match self.take(name)? {
            Value::Array(items) => items,
            other => {
                self.wrong(name, "an array", &other);
                return None;
            }
        };
        let base = pointer(&self.base, name);
        let mut values = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().enumerate() {
            let field = format!("{base}/{number}");
            match item {
                Value::Object(members) => {
                    let mut inner = Self { base: field, ..Self::new(members) };
                    values.push(read(&mut inner));
                    self.problems.extend(inner.into_problems());
                }
                other => {
                    let message = format!("must be an object, not {}", kind(&other));
                    self.problems.push(FieldProblem::new(field, message));
                }
            }
        }
        Some(values)
    }

    /// A problem of a member.
    pub(crate) fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(FieldProblem::new(pointer(&self.base, name), message));
    }

    /// Problems of what is inside of a member, whose places begin there.
    pub(crate) fn problems_of(&mut self, name: &str, problems: Vec<FieldProblem>) {
        let base = pointer(&self.base, name);
        let told = problems.into_iter().map(|one| FieldProblem { field: format!("{base}{}", one.field), ..one });
        self.problems.extend(told);
    }

    /// A text or null: `Some(None)` for null.
    pub(crate) fn nullable_text(&mut self, name: &'static str) -> Option<Option<String>> {
        match self.take_nullable(name)? {
            Value::String(text) => Some(Some(text)),
            Value::Null => Some(None),
            other => {
                self.wrong(name, "a string or null", &other);
                None
            }
        }
    }

    /// A text that must not be null.
    pub(crate) fn required_when_given(&mut self, name: &'static str) -> Option<String> {
        match self.take_nullable(name)? {
            Value::String(text) => Some(text),
            other => {
                self.wrong(name, "a string", &other);
                None
            }
        }
    }

    /// True or false.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            other => {
                self.wrong(name, "true or false", &other);
                None
            }
        }
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &'static str) -> Option<f64> {
        let value = self.take(name)?;
        let number = value.as_f64();
        if number.is_none() {
            self.wrong(name, "a number", &value);
        }
        number
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&mut self, name: &'static str) -> Option<u64> {
        let value = self.take(name)?;
        let number = value.as_u64();
        if number.is_none() {
            match &value {
                // "Not a number" would be no help with one that has a fraction, a sign or too many digits.
                Value::Number(number) => {
                    let message = format!("must be a whole number from 0 to {}, not {number}", u64::MAX);
                    self.problems.push(FieldProblem::new(pointer(&self.base, name), message));
                }
                other => self.wrong(name, "a whole number of 0 or more", other),
            }
        }
        number
    }

    /// An object of free form.
    pub(crate) fn object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(members) => Some(members),
            other => {
                self.wrong(name, "an object", &other);
                None
            }
        }
    }

    /// An object that is read member by member; null is as good as nothing inside of it.
    pub(crate) fn nested<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Self) -> T) -> Option<Option<T>> {
        match self.take_nullable(name)? {
            Value::Null => Some(None),
            Value::Object(members) => {
                let mut inner = Self { base: pointer(&self.base, name), ..Self::new(members) };
                let value = read(&mut inner);
                self.problems.extend(inner.into_problems());
                Some(Some(value))
            }
            other => {
                self.wrong(name, "an object", &other);
                None
            }
        }
    }

    fn into_problems(mut self) -> Vec<FieldProblem> {
        for name in self.members.keys() {
            let field = pointer(&self.base, name);
            self.problems.push(FieldProblem::new(field, unknown(name, &self.known)));
        }
        self.problems
    }

    /// All problems that were found, those of unknown members included.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let problems = self.into_problems();
        if problems.is_empty() { Ok(()) } else { Err(Problem::invalid(problems)) }
    }
}

/// A JSON pointer one step further (RFC 6901).
fn pointer(base: &str, name: &str) -> String {
    let name: String = name.chars().take(200).collect();
    format!("{base}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What to say of an unknown name.
pub(crate) fn unknown(name: &str, known: &[&'static str]) -> String {
    let near = known
        .iter()
        .map(|one| (distance(name, one), one))
        .min()
        .filter(|(distance, one)| *distance <= 2.max(one.chars().count() / 3));
    match near {
        Some((_, near)) => format!("is unknown; did you mean {near}?"),
        None if known.is_empty() => "is unknown; there are none here".to_owned(),
        None => format!("is unknown; known are {}", known.join(", ")),
    }
}

/// The Levenshtein distance of the first characters of two names.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=one.len()).collect();
    for (line, right) in other.chars().take(64).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, char) in row.iter_mut().skip(1).zip(&one) {
            let above = *cell;
            left = (left + 1).min(above + 1).min(diagonal + usize::from(*char != right));
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
        assert_eq!(unknown("template", &["name", "template_id"]), "is unknown; did you mean template_id?");
        assert_eq!(unknown("archive", &["name"]), "is unknown; known are name");
    }

    #[test]
    fn numbers_that_are_no_counts_are_quoted() {
        for text in ["1.5", "-1", "18446744073709551616"] {
            let Ok(Value::Object(members)) = serde_json::from_str(&format!(r#"{{"tokens":{text}}}"#)) else {
                panic!("not an object")
            };
            let mut fields = Fields::new(members);
            assert_eq!(fields.count("tokens"), None);
            let told = fields.into_problems();
            let message = told.first().map(|at| at.message.as_str()).unwrap_or_default();
            assert!(message.starts_with("must be a whole number from 0 to 18446744073709551615, not "), "{message}");
        }
    }

    #[test]
    fn all_problems_are_told() {
        let Ok(Value::Object(members)) = serde_json::from_str(r#"{"name":1,"a/b":2,"budget":{"usd":"x"}}"#) else {
            panic!("not an object")
        };
        let mut fields = Fields::new(members);
        assert_eq!(fields.text("name"), None);
        assert_eq!(fields.nested("budget", |budget| budget.number("usd")), Some(Some(None)));
        let places: Vec<String> = fields.into_problems().into_iter().map(|at| at.field).collect();
        assert_eq!(places, ["/name", "/budget/usd", "/a~1b"]);
    }
}
