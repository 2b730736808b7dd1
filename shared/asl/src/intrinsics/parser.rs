//! From the text of an invocation to its calls.

use serde_json::Value;

use crate::intrinsics::{FUNCTIONS, Function};
use crate::query::limits::MAX_TEXT;
use crate::query::{Path, extent};

/// How deeply functions may be nested.
const MAX_NESTING: usize = 10;

/// A text that is no invocation of an intrinsic function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no intrinsic function call: {reason} at position {position}")]
pub struct IntrinsicSyntaxError {
    /// The text, cut if it is long.
    pub text: String,
    /// Where it went wrong, in bytes from the start.
    pub position: usize,
    /// What was wrong or expected there.
    pub reason: String,
}

/// One call.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) function: &'static Function,
    pub(crate) arguments: Vec<Argument>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple(self.function.name).field(&self.arguments).finish()
    }
}

/// One argument of a call.
#[derive(Debug, Clone)]
pub(crate) enum Argument {
    /// A number, `true`, `false` or `null`.
    Literal(Value),
    /// A quoted text with and without its escapes.
    Text {
        raw: String,
        plain: String,
    },
    Path(Path),
    Call(Call),
}

/// Parses a whole text.
pub(crate) fn parse(text: &str) -> Result<Call, IntrinsicSyntaxError> {
    let mut parser = Parser { text, position: 0 };
    if text.len() > MAX_TEXT {
        return Err(parser.error("an invocation may have 16384 bytes; shorten it"));
    }
    let call = parser.call(1)?;
    if parser.rest().is_empty() { Ok(call) } else { Err(parser.error("unexpected text after ')'")) }
}

struct Parser<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Parser<'t> {
    fn call(&mut self, level: usize) -> Result<Call, IntrinsicSyntaxError> {
        let start = self.position;
        if level > MAX_NESTING {
            return Err(self.error("functions may be nested 10 levels"));
        }
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default();
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
            return Err(self.error(&format!("there is no function '{name}'")));
        };
        self.position += length;
        if !self.eat('(') {
            return Err(self.error("expected '('"));
        }
        let mut arguments = Vec::new();
        self.skip_blanks();
        if !self.eat(')') {
            loop {
                self.skip_blanks();
                arguments.push(self.argument(level)?);
                self.skip_blanks();
                if self.eat(')') {
                    break;
                }
                if !self.eat(',') {
                    return Err(self.error("expected ',' or ')'"));
                }
            }
        }
        if !function.arguments.contains(&arguments.len()) {
            self.position = start;
            let (least, most) = (function.arguments.start(), function.arguments.end());
            let wanted = match (least, most) {
                (least, &usize::MAX) => format!("at least {least}"),
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            return Err(self.error(&format!("{name} takes {wanted} arguments, not {}", arguments.len())));
        }
        Ok(Call { function, arguments })
    }

    fn argument(&mut self, level: usize) -> Result<Argument, IntrinsicSyntaxError> {
        let rest = self.rest();
        match rest.chars().next() {
            Some('\'') => self.quoted(),
            Some('$') => {
                let length = extent(rest, |c| c == ',' || c.is_whitespace());
                let text = rest.get(..length).unwrap_or_default();
                let path = Path::parse(text).map_err(|error| {
                    self.position += error.position;
                    self.error(&error.reason)
                })?;
                self.position += length;
                Ok(Argument::Path(path))
            }
            Some('S') => Ok(Argument::Call(self.call(level + 1)?)),
            Some(_) => {
                let length = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')))
                    .unwrap_or(rest.len());
                let word = rest.get(..length).unwrap_or_default();
                match serde_json::from_str(word) {
                    Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => {
                        self.position += length;
                        Ok(Argument::Literal(value))
                    }
                    Ok(_) | Err(_) => {
                        Err(self.error("expected a path, a quoted text, a number, true, false, null or a function"))
                    }
                }
            }
            None => Err(self.error("expected an argument")),
        }
    }

    fn quoted(&mut self) -> Result<Argument, IntrinsicSyntaxError> {
        let start = self.position;
        let (mut raw, mut plain) = (String::new(), String::new());
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            match c {
                '\'' => {
                    self.position = start + offset + 1;
                    return Ok(Argument::Text { raw, plain });
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('\'' | '{' | '}' | '\\'))) => {
                        raw.extend(['\\', escaped]);
                        plain.push(escaped);
                    }
                    Some(_) | None => {
                        self.position = start + offset;
                        return Err(self.error(r"a backslash may only stand before ', {, } or \"));
                    }
                },
                _ => {
                    raw.push(c);
                    plain.push(c);
                }
            }
        }
        Err(self.error("the text has no end; expected '"))
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.position += expected.len_utf8();
        }
        found
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
    }

    fn error(&self, reason: &str) -> IntrinsicSyntaxError {
        let text: String = self.text.chars().take(200).collect();
        IntrinsicSyntaxError { text, position: self.position, reason: reason.to_owned() }
    }
}
