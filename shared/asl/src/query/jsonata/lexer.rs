//! From text to tokens.

use regex::Regex;

use super::problem::{Fallible, Problem, fail, problem};

#[derive(Debug, Clone)]
pub(super) enum Token {
    Operator(&'static str),
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
    Name(String),
    Variable(String),
    Regex(Regex),
    End,
}

impl Token {
    /// The token as it stands in messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Operator(text) => (*text).to_owned(),
            Self::Text(text) | Self::Name(text) | Self::Variable(text) => text.clone(),
            Self::Number(number) => crate::query::number::from_f64(*number).to_string(),
            Self::Bool(flag) => flag.to_string(),
            Self::Null => "null".to_owned(),
            Self::Regex(regex) => regex.as_str().to_owned(),
            Self::End => "(end)".to_owned(),
        }
    }

    /// The token as JSON text.
    pub(super) fn json(&self) -> String {
        match self {
            Self::Number(_) | Self::Bool(_) | Self::Null => self.shown(),
            _ => serde_json::Value::from(self.shown()).to_string(),
        }
    }

    pub(super) fn is(&self, operator: &str) -> bool {
        matches!(self, Self::Operator(text) if *text == operator)
    }
}

const DOUBLE: [&str; 7] = ["..", ":=", "!=", ">=", "<=", "**", "~>"];
const SINGLE: [&str; 26] = [
    ".", "[", "]", "{", "}", "(", ")", ",", "@", "#", ";", ":", "?", "+", "-", "*", "/", "%", "|", "=", "<", ">", "^",
    "&", "!", "~",
];

pub(super) struct Lexer<'t> {
    text: &'t str,
    position: usize,
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}')
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, position: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) -> Fallible<()> {
        loop {
            let rest = self.rest();
            self.position += rest.len() - rest.trim_start_matches(is_blank).len();
            let Some(comment) = self.rest().strip_prefix("/*") else { return Ok(()) };
            match comment.find("*/") {
                Some(end) => self.position += end + 4,
                None => return fail("S0106"),
            }
        }
    }

    /// The next token. After a value, `/` divides; elsewhere it begins a regular expression.
    pub(super) fn next(&mut self, after_value: bool) -> Fallible<Token> {
        self.skip_blanks()?;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        if first == '/' && !after_value {
            self.position += 1;
            return self.regex();
        }
        for operator in DOUBLE.into_iter().chain(SINGLE) {
            if rest.starts_with(operator) {
                self.position += operator.len();
                return Ok(Token::Operator(operator));
            }
        }
        match first {
            '"' | '\'' => self.string(first),
            '0'..='9' => self.number(),
            '`' => {
                let inner = rest.get(1..).unwrap_or_default();
                let Some(end) = inner.find('`') else { return fail("S0105") };
                self.position += end + 2;
                Ok(Token::Name(inner.get(..end).unwrap_or_default().to_owned()))
            }
            _ => {
                let stops = |c: char| is_blank(c) || SINGLE.iter().any(|single| single.starts_with(c));
                let word = rest.get(..rest.find(stops).unwrap_or(rest.len())).unwrap_or_default();
                self.position += word.len();
                Ok(match word.strip_prefix('$') {
                    Some(name) => Token::Variable(name.to_owned()),
                    None => match word {
                        "or" => Token::Operator("or"),
                        "in" => Token::Operator("in"),
                        "and" => Token::Operator("and"),
                        "true" => Token::Bool(true),
                        "false" => Token::Bool(false),
                        "null" => Token::Null,
                        name => Token::Name(name.to_owned()),
                    },
                })
            }
        }
    }

    fn number(&mut self) -> Fallible<Token> {
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let at = |place: usize| bytes.get(place).copied().unwrap_or_default();
        let mut length = if at(0) == b'0' { 1 } else { digits(0) };
        if at(length) == b'.' && digits(length + 1) > 0 {
            length += 1 + digits(length + 1);
        }
        if matches!(at(length), b'e' | b'E') {
            let sign = usize::from(matches!(at(length + 1), b'+' | b'-'));
            let count = digits(length + 1 + sign);
            if count > 0 {
                length += 1 + sign + count;
            }
        }
        let text = self.rest().get(..length).unwrap_or_default();
        self.position += length;
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Token::Number(number)),
            _ => Err(problem("S0102").with_token(text)),
        }
    }

    fn string(&mut self, quote: char) -> Fallible<Token> {
        let mut units: Vec<u16> = Vec::new();
        let push = |c: char, units: &mut Vec<u16>| units.extend(c.encode_utf16(&mut [0; 2]).iter());
        let start = self.position + 1;
        let mut chars = self.text.get(start..).unwrap_or_default().char_indices();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.position = start + at + c.len_utf8();
                return Ok(Token::Text(String::from_utf16_lossy(&units)));
            }
            if c != '\\' {
                push(c, &mut units);
                continue;
            }
            let Some((at, escaped)) = chars.next() else { break };
            match escaped {
                '"' | '\\' | '/' => push(escaped, &mut units),
                'b' => push('\u{8}', &mut units),
                'f' => push('\u{c}', &mut units),
                'n' => push('\n', &mut units),
                'r' => push('\r', &mut units),
                't' => push('\t', &mut units),
                'u' => {
                    let from = start + at + 1;
                    let digits =
                        self.text.get(from..from + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
                    let Some(unit) = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) else {
                        return fail("S0104");
                    };
                    units.push(unit);
                    chars.nth(3);
                }
                other => return Err(problem("S0103").with_token(other.to_string())),
            }
        }
        fail("S0101")
    }

    fn regex(&mut self) -> Fallible<Token> {
        let rest = self.rest();
        let (mut depth, mut escaped) = (0_i32, false);
        for (at, c) in rest.char_indices() {
            match c {
                '/' if !escaped && depth == 0 => {
                    let pattern = rest.get(..at).unwrap_or_default();
                    if pattern.is_empty() {
                        return fail("S0301");
                    }
                    let after = rest.get(at + 1..).unwrap_or_default();
                    let flags: String = after.chars().take_while(|c| matches!(c, 'i' | 'm')).collect();
                    self.position += at + 1 + flags.len();
                    return translated(pattern, &flags).map(Token::Regex);
                }
                '(' | '[' | '{' if !escaped => depth += 1,
                ')' | ']' | '}' if !escaped => depth -= 1,
                _ => {}
            }
            escaped = c == '\\' && !escaped;
        }
        fail("S0302")
    }
}

/// A regular expression of JavaScript as one of this machine's, where classes know letters outside of ASCII unless told
/// otherwise.
fn translated(pattern: &str, flags: &str) -> Fallible<Regex> {
    let mut text = String::new();
    if !flags.is_empty() {
        text.push_str(&format!("(?{flags})"));
    }
    let (mut in_class, mut chars) = (false, pattern.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => text.push_str(if in_class { "0-9" } else { "[0-9]" }),
                Some('D') if !in_class => text.push_str("[^0-9]"),
                Some('w') => text.push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
                Some('W') if !in_class => text.push_str("[^0-9A-Za-z_]"),
                Some('b') if !in_class => text.push_str("(?-u:\\b)"),
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    text.push_str(&format!("\\u{{{digits}}}"));
                }
                Some('/') => text.push('/'),
                Some(other) => text.extend(['\\', other]),
                None => text.push('\\'),
            },
            '[' if in_class => text.push_str("\\["),
            '[' => {
                in_class = true;
                text.push('[');
            }
            ']' => {
                in_class = false;
                text.push(']');
            }
            '&' | '~' | '-' if in_class && chars.peek() == Some(&c) => text.extend(['\\', c]),
            other => text.push(other),
        }
    }
    let built = regex::RegexBuilder::new(&text).size_limit(1024 * 1024).dfa_size_limit(1024 * 1024).build();
    built.map_err(|_| {
        let message = format!(
            "The regular expression /{pattern}/ can't be used: look-around and back-references aren't supported"
        );
        Box::new(Problem { code: "S0300", message: Some(message), ..Problem::default() })
    })
}
