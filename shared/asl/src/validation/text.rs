//! From text to JSON, with errors in the words of the service's parser (Jackson).

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::report::{At, Report, SCHEMA};

/// Step Functions' limit on the size of a definition, 1 MiB.
const LARGEST: usize = 1024 * 1024;
/// As much of a text as an error quotes, in characters.
const QUOTED: usize = 500;
const INVALID: &str = "INVALID_JSON_DESCRIPTION";

/// A text that is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonTextError {
    /// What is wrong, as the service words it in `InvalidExecutionInput`: without the place.
    pub message: String,
    /// The place, as the service prints it.
    pub location: String,
}

/// Reads JSON as the service reads an execution's input or a mock's result. What follows the first value is ignored, as
/// the service does.
///
/// # Errors
/// With the text of the service's parser.
pub fn parse_json(text: &str) -> Result<Value, JsonTextError> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match stream.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(problem(text, &error.to_string())),
        None => Err(JsonTextError {
            message: "No content to map due to end-of-input".to_owned(),
            location: source(text, 0),
        }),
    }
}

/// Reads a definition. None: it was reported.
pub(super) fn definition(text: &str, report: &mut Report) -> Option<Value> {
    if text.len() > LARGEST {
        let message = format!("The definition has {} bytes; the limit is {LARGEST}", text.len());
        report.error_elsewhere(INVALID, None, message);
        return None;
    }
    let trimmed = text.trim_start();
    if trimmed.is_empty() {
        report.error_elsewhere(SCHEMA, None, "Definition must be a valid JSON object");
        return None;
    }
    if !trimmed.starts_with(['{', '[', '"'])
        && let Some(value) = yaml(text, report)
    {
        return value;
    }
    let twice = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match (Tree { twice: &twice, at: Some(At::default()) }).deserialize(&mut deserializer) {
        Ok(value) => {
            for (name, at) in twice.into_inner() {
                report.error("DUPLICATE_STATE_NAME", &at, format!("Duplicate State name: {name}"));
            }
            Some(value)
        }
        Err(error) => {
            let said = error.to_string();
            if said.starts_with("recursion limit exceeded") {
                report.error_elsewhere("TOO_DEEPLY_NESTED", None, "The definition is nested more than 127 levels deep");
                return None;
            }
            let problem = problem(text, &said);
            let message = format!("{}\n at {}", problem.message, problem.location);
            report.error_elsewhere(INVALID, Some(problem.location), message);
            None
        }
    }
}

/// None: it isn't YAML, or a YAML document that is no mapping, which the service's texts for JSON fit better.
fn yaml(text: &str, report: &mut Report) -> Option<Option<Value>> {
    match serde_saphyr::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => Some(Some(value)),
        Ok(_) => None,
        Err(error) => {
            let meant = text.lines().any(|line| line.starts_with("StartAt:") || line.starts_with("States:"));
            meant.then(|| {
                report.error_elsewhere(INVALID, None, format!("The definition is not YAML: {error}"));
                None
            })
        }
    }
}

/// A JSON value whose `States` name a state twice. `at` is none where no state machine can be.
struct Tree<'a> {
    twice: &'a RefCell<Vec<(String, At)>>,
    at: Option<At>,
}

impl Tree<'_> {
    fn below(&self, at: impl FnOnce(&At) -> At) -> Self {
        Self { twice: self.twice, at: self.at.as_ref().map(at) }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self.below(|at| at.item(values.len())))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let in_states = self.at.as_ref().is_some_and(|at| at.to_string().ends_with("/States"));
        while let Some(name) = fields.next_key::<String>()? {
            let leads = in_states || matches!(name.as_str(), "States" | "Branches" | "ItemProcessor" | "Iterator");
            let below = Self { twice: self.twice, at: self.at.as_ref().filter(|_| leads).map(|at| at.field(&name)) };
            let value = fields.next_value_seed(below)?;
            if in_states
                && object.contains_key(&name)
                && let Some(at) = &self.at
            {
                self.twice.borrow_mut().push((name.clone(), at.field(&name)));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// The place behind the first `end` bytes.
fn source(text: &str, end: usize) -> String {
    let before = text.get(..end).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let count = text.chars().count();
    let quoted: String = text.chars().take(QUOTED).collect();
    let rest = if count > QUOTED { format!("[truncated {} chars]", count - QUOTED) } else { String::new() };
    format!("[Source: (String)\"{quoted}\"{rest}; line: {line}, column: {column}]")
}

/// What the service's parser says about a text that is not JSON; `other` if this scan finds nothing wrong.
fn problem(text: &str, other: &str) -> JsonTextError {
    let mut scan = Scan { text, position: 0 };
    match scan.document() {
        Err(message) => JsonTextError { message, location: source(text, scan.position) },
        Ok(()) => JsonTextError { message: other.to_owned(), location: source(text, text.len()) },
    }
}

/// Finds the first mistake of a text that is known not to be JSON. It keeps its own stack, so it may nest at will.
struct Scan<'t> {
    text: &'t str,
    position: usize,
}

impl Scan<'_> {
    fn document(&mut self) -> Result<(), String> {
        let mut open: Vec<(char, usize)> = Vec::new();
        loop {
            // A value is due.
            self.blanks();
            let start = self.position;
            match self.next() {
                Some(bracket @ ('{' | '[')) => {
                    open.push((bracket, start));
                    self.blanks();
                    if self.peek() == Some(if bracket == '{' { '}' } else { ']' }) {
                        self.next();
                        open.pop();
                    } else if bracket == '{' {
                        self.name(&open)?;
                        continue;
                    } else {
                        continue;
                    }
                }
                Some('"') => self.string("was expecting closing quote for a string value")?,
                Some(first) if first == '-' || first.is_ascii_digit() => {
                    self.take_while(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
                }
                Some(first) if first.is_alphanumeric() || first == '_' => {
                    self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
                    let token = self.text.get(start..self.position).unwrap_or_default();
                    if !matches!(token, "null" | "true" | "false") {
                        return Err(format!(
                            "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', \
                             'true' or 'false')"
                        ));
                    }
                }
                Some(other) => {
                    return Err(unexpected(
                        other,
                        "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
                    ));
                }
                None => return Err(self.ended(&open)),
            }
            // A value is done: what closes, and what follows.
            loop {
                let Some((bracket, _)) = open.last().copied() else { return Ok(()) };
                self.blanks();
                let (close, kind) = if bracket == '{' { ('}', "Object") } else { (']', "Array") };
                match self.next() {
                    Some(',') if bracket == '{' => {
                        self.blanks();
                        self.name(&open)?;
                        break;
                    }
                    Some(',') => break,
                    Some(c) if c == close => {
                        open.pop();
                    }
                    Some(other) => {
                        return Err(unexpected(other, &format!("was expecting comma to separate {kind} entries")));
                    }
                    None => return Err(self.ended(&open)),
                }
            }
        }
    }

    fn name(&mut self, open: &[(char, usize)]) -> Result<(), String> {
        match self.next() {
            Some('"') => self.string("was expecting closing '\"' for name")?,
            Some(other) => return Err(unexpected(other, "was expecting double-quote to start field name")),
            None => return Err(self.ended(open)),
        }
        self.blanks();
        match self.next() {
            Some(':') => Ok(()),
            Some(other) => Err(unexpected(other, "was expecting a colon to separate field name and value")),
            None => Err(self.ended(open)),
        }
    }

    fn string(&mut self, unclosed: &str) -> Result<(), String> {
        loop {
            match self.next() {
                Some('"') => return Ok(()),
                Some('\\') => match self.next() {
                    Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u') => {}
                    Some(other) => {
                        return Err(format!("Unrecognized character escape '{other}' (code {})", u32::from(other)));
                    }
                    None => return Err(format!("Unexpected end-of-input: {unclosed}")),
                },
                Some(control) if control < ' ' => {
                    return Err(format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {})): has to be escaped using backslash to be included \
                         in string value",
                        u32::from(control)
                    ));
                }
                Some(_) => {}
                None => return Err(format!("Unexpected end-of-input: {unclosed}")),
            }
        }
    }

    fn ended(&self, open: &[(char, usize)]) -> String {
        match open.last() {
            Some((bracket, start)) => {
                let kind = if *bracket == '{' { "Object" } else { "Array" };
                let place = source(self.text, *start);
                format!("Unexpected end-of-input: expected close marker for {kind} (start marker at {place})")
            }
            None => "No content to map due to end-of-input".to_owned(),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.position..).and_then(|rest| rest.chars().next())
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.position += character.len_utf8();
        Some(character)
    }

    fn blanks(&mut self) {
        self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    }

    fn take_while(&mut self, matches: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&matches) {
            self.next();
        }
    }
}

fn unexpected(character: char, wanted: &str) -> String {
    format!("Unexpected character ('{character}' (code {})): {wanted}", u32::from(character))
}
