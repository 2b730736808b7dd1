//! From the text of a path to its steps.

use crate::query::filter::Filter;
use crate::query::filter_parser;
use crate::query::limits::{MAX_STEPS, MAX_TEXT};
use crate::query::path::PathSyntaxError;

/// What a path starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    Input,
    Context,
    Variable(String),
}

/// One step of a path.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Names(Vec<String>),
    Indexes(Vec<i64>),
    Slice {
        from: Option<i64>,
        to: Option<i64>,
    },
    Wildcard,
    Filter(Filter),
    /// `..`: the next step is tried on the value and everything within.
    Scan,
    Function(Function),
}

/// A function at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Length,
    Keys,
    First,
    Last,
    /// Sums and the like, which find nothing on the service.
    Aggregate,
}

/// Parses a whole text.
pub(crate) fn parse(text: &str) -> Result<(Root, Vec<Step>), PathSyntaxError> {
    if text.len() > MAX_TEXT {
        return Err(PathSyntaxError::new(text, MAX_TEXT, "a path may have 16384 bytes; shorten it"));
    }
    let mut cursor = Cursor::new(text);
    if !cursor.eat('$') {
        return Err(cursor.error("expected '$'"));
    }
    let root = if cursor.eat('$') {
        Root::Context
    } else {
        let name = cursor.take_while(|c| c.is_alphanumeric() || c == '_');
        if name.is_empty() {
            Root::Input
        } else if name.starts_with(|c: char| c.is_numeric()) {
            return Err(PathSyntaxError::new(text, 1, "a variable's name must start with a letter or '_'"));
        } else {
            Root::Variable(name.to_owned())
        }
    };
    let steps = parse_steps(&mut cursor, 0)?;
    Ok((root, steps))
}

/// Parses steps to the end of the cursor's text.
pub(crate) fn parse_steps(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Step>, PathSyntaxError> {
    let mut steps = Vec::new();
    while let Some(next) = cursor.peek() {
        if matches!(steps.last(), Some(Step::Function(_))) {
            return Err(cursor.error("a function must be the end of a path"));
        }
        if steps.len() >= MAX_STEPS {
            return Err(cursor.error("a path may have 100 steps"));
        }
        match next {
            '[' => steps.push(bracket(cursor, depth)?),
            '.' => dot(cursor, depth, &mut steps)?,
            _ => return Err(cursor.error("expected '.' or '['")),
        }
    }
    if matches!(steps.last(), Some(Step::Scan)) {
        return Err(cursor.error("a path must not end with '..'"));
    }
    Ok(steps)
}

fn dot(cursor: &mut Cursor<'_>, depth: usize, steps: &mut Vec<Step>) -> Result<(), PathSyntaxError> {
    cursor.advance();
    let scan = cursor.eat('.');
    if scan {
        steps.push(Step::Scan);
    }
    match cursor.peek() {
        None => Err(cursor.error("a path must not end with '.'")),
        Some('.') => Err(cursor.error("unexpected '.'")),
        Some('[') => {
            steps.push(bracket(cursor, depth)?);
            Ok(())
        }
        Some('*') => {
            cursor.advance();
            steps.push(Step::Wildcard);
            Ok(())
        }
        Some(_) => {
            let start = cursor.position();
            let name = cursor.take_while(|c| !matches!(c, '.' | '[' | '(') && !c.is_whitespace());
            if cursor.peek().is_some_and(char::is_whitespace) {
                return Err(cursor.error("a name with blanks must be written as ['my name']"));
            }
            if cursor.peek() == Some('(') {
                let function = function(name)
                    .ok_or_else(|| cursor.error_at(start, &format!("there is no path function '{name}'")))?;
                cursor.advance();
                if !cursor.eat(')') {
                    return Err(cursor.error("a path function takes no arguments; expected ')'"));
                }
                if scan {
                    return Err(cursor.error_at(start, "a function cannot follow '..'"));
                }
                steps.push(Step::Function(function));
            } else if name.is_empty() {
                return Err(cursor.error("expected a name"));
            } else {
                steps.push(Step::Names(vec![name.to_owned()]));
            }
            Ok(())
        }
    }
}

fn function(name: &str) -> Option<Function> {
    match name {
        "length" | "size" => Some(Function::Length),
        "keys" => Some(Function::Keys),
        "first" => Some(Function::First),
        "last" => Some(Function::Last),
        "sum" | "min" | "max" | "avg" | "stddev" | "concat" => Some(Function::Aggregate),
        _ => None,
    }
}

fn bracket(cursor: &mut Cursor<'_>, depth: usize) -> Result<Step, PathSyntaxError> {
    cursor.advance();
    cursor.skip_blanks();
    let step = match cursor.peek() {
        Some(quote @ ('\'' | '"')) => names(cursor, quote)?,
        Some('*') => {
            cursor.advance();
            Step::Wildcard
        }
        Some('?') => {
            cursor.advance();
            cursor.skip_blanks();
            Step::Filter(filter_parser::parse(cursor, depth + 1)?)
        }
        Some('0'..='9' | '-' | ':') => indexes(cursor)?,
        Some(_) | None => return Err(cursor.error("expected a quoted name, an index, '*' or '?'")),
    };
    cursor.skip_blanks();
    if cursor.eat(']') { Ok(step) } else { Err(cursor.error("expected ']'")) }
}

fn names(cursor: &mut Cursor<'_>, quote: char) -> Result<Step, PathSyntaxError> {
    let mut names = vec![quoted(cursor, quote)?];
    loop {
        cursor.skip_blanks();
        if !cursor.eat(',') {
            return Ok(Step::Names(names));
        }
        cursor.skip_blanks();
        match cursor.peek() {
            Some(quote @ ('\'' | '"')) => names.push(quoted(cursor, quote)?),
            Some(_) | None => return Err(cursor.error("expected a quoted name")),
        }
    }
}

/// A quoted text. A backslash before the quote escapes it; before anything else it stays.
fn quoted(cursor: &mut Cursor<'_>, quote: char) -> Result<String, PathSyntaxError> {
    let start = cursor.position();
    cursor.advance();
    let mut text = String::new();
    while let Some(c) = cursor.next() {
        if c == quote {
            return Ok(text);
        }
        if c == '\\' {
            match cursor.next() {
                Some(escaped) if escaped == quote => text.push(escaped),
                Some(other) => text.extend([c, other]),
                None => break,
            }
        } else {
            text.push(c);
        }
    }
    Err(cursor.error_at(start, "the quoted name has no end"))
}

fn indexes(cursor: &mut Cursor<'_>) -> Result<Step, PathSyntaxError> {
    let first = number(cursor)?;
    cursor.skip_blanks();
    if cursor.eat(':') {
        cursor.skip_blanks();
        let to = number(cursor)?;
        cursor.skip_blanks();
        if cursor.peek() == Some(':') {
            return Err(cursor.error("a slice has no step; write [from:to]"));
        }
        if first.is_none() && to.is_none() {
            return Err(cursor.error("a slice needs a start or an end; write [*] for all"));
        }
        return Ok(Step::Slice { from: first, to });
    }
    let mut indexes = vec![first.ok_or_else(|| cursor.error("expected an index"))?];
    while cursor.eat(',') {
        cursor.skip_blanks();
        indexes.push(number(cursor)?.ok_or_else(|| cursor.error("expected an index"))?);
        cursor.skip_blanks();
    }
    Ok(Step::Indexes(indexes))
}

fn number(cursor: &mut Cursor<'_>) -> Result<Option<i64>, PathSyntaxError> {
    let start = cursor.position();
    let digits = cursor.take_while(|c| c.is_ascii_digit() || c == '-');
    if digits.is_empty() {
        return Ok(None);
    }
    match digits.parse::<i32>() {
        Ok(number) => Ok(Some(i64::from(number))),
        Err(_) => Err(cursor.error_at(start, "an index must be a whole number of at most 32 bits")),
    }
}

/// How far a path reaches that starts at the beginning of `text` and is followed by one of `ends` or a closing `)`.
pub(crate) fn extent(text: &str, ends: impl Fn(char) -> bool) -> usize {
    let (mut brackets, mut parentheses) = (0_usize, 0_usize);
    let mut quote = None;
    let mut escaped = false;
    for (position, c) in text.char_indices() {
        if let Some(open) = quote {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == open {
                quote = None;
            }
            continue;
        }
        match c {
            '[' => brackets += 1,
            ']' if brackets > 0 => brackets -= 1,
            '\'' | '"' if brackets > 0 => quote = Some(c),
            '(' => parentheses += 1,
            ')' if parentheses > 0 => parentheses -= 1,
            ')' | ']' => return position,
            _ if brackets == 0 && parentheses == 0 && ends(c) => return position,
            _ => {}
        }
    }
    text.len()
}

/// A position in a text that knows the whole text for its errors.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'t> {
    whole: &'t str,
    end: usize,
    position: usize,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(whole: &'t str) -> Self {
        Self { whole, end: whole.len(), position: 0 }
    }

    /// A cursor over the next `length` bytes, with positions in the whole text.
    pub(crate) fn part(&self, length: usize) -> Self {
        Self { whole: self.whole, end: self.position.saturating_add(length).min(self.end), position: self.position }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn rest(&self) -> &'t str {
        self.whole.get(self.position..self.end).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        Some(next)
    }

    pub(crate) fn advance(&mut self) {
        let _ = self.next();
    }

    pub(crate) fn skip(&mut self, bytes: usize) {
        self.position = self.position.saturating_add(bytes).min(self.end);
    }

    pub(crate) fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.advance();
        }
        found
    }

    pub(crate) fn eat_text(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.skip(expected.len());
        }
        found
    }

    pub(crate) fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    pub(crate) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.skip(length);
        rest.get(..length).unwrap_or_default()
    }

    pub(crate) fn error(&self, reason: &str) -> PathSyntaxError {
        self.error_at(self.position, reason)
    }

    pub(crate) fn error_at(&self, position: usize, reason: &str) -> PathSyntaxError {
        PathSyntaxError::new(self.whole, position, reason)
    }
}
