//! From the text of a filter, after its `?`, to its condition.

use regex::RegexBuilder;
use serde_json::Value;

use crate::query::filter::{Filter, Operand, Operator};
use crate::query::limits::MAX_FILTER_DEPTH;
use crate::query::path::PathSyntaxError;
use crate::query::path_parser::{Cursor, extent, parse_steps};

const OPERATORS: [(&str, Operator); 10] = [
    ("===", Operator::SameTypeEqual),
    ("!==", Operator::SameTypeNotEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("=~", Operator::Matches),
    ("<>", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

const WORDS: [(&str, Operator); 9] = [
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("all", Operator::All),
    ("contains", Operator::Contains),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];

/// Parses `( condition )`.
pub(crate) fn parse(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    if cursor.peek() != Some('(') {
        return Err(cursor.error("a filter is written as [?( … )]"));
    }
    group(cursor, depth)
}

fn group(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    if depth > MAX_FILTER_DEPTH {
        return Err(cursor.error("filters may be nested 16 levels"));
    }
    cursor.advance();
    let filter = either(cursor, depth)?;
    cursor.skip_blanks();
    if cursor.eat(')') { Ok(filter) } else { Err(cursor.error("expected an operator or ')'")) }
}

fn either(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    let mut filters = vec![both(cursor, depth)?];
    loop {
        cursor.skip_blanks();
        if !cursor.eat_text("||") {
            break;
        }
        filters.push(both(cursor, depth)?);
    }
    Ok(single(filters, Filter::Or))
}

fn both(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    let mut filters = vec![condition(cursor, depth)?];
    loop {
        cursor.skip_blanks();
        if !cursor.eat_text("&&") {
            break;
        }
        filters.push(condition(cursor, depth)?);
    }
    Ok(single(filters, Filter::And))
}

fn single(mut filters: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        Some(last) => {
            filters.push(last);
            join(filters)
        }
        None => join(filters),
    }
}

fn condition(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    if depth > MAX_FILTER_DEPTH {
        return Err(cursor.error("filters may be nested 16 levels"));
    }
    cursor.skip_blanks();
    if cursor.eat('!') {
        return Ok(Filter::Not(Box::new(condition(cursor, depth + 1)?)));
    }
    if cursor.peek() == Some('(') {
        return group(cursor, depth + 1);
    }
    let start = cursor.position();
    let left = operand(cursor, depth)?;
    cursor.skip_blanks();
    match operator(cursor) {
        Some(operator) => {
            cursor.skip_blanks();
            let right = operand(cursor, depth)?;
            Ok(Filter::Compare { left, operator, right })
        }
        None if matches!(left, Operand::Path { .. }) => Ok(Filter::Exists(left)),
        None => Err(cursor.error_at(start, "a literal alone is no condition")),
    }
}

fn operator(cursor: &mut Cursor<'_>) -> Option<Operator> {
    if let Some((text, operator)) = OPERATORS.iter().find(|(text, _)| cursor.rest().starts_with(text)) {
        cursor.skip(text.len());
        return Some(*operator);
    }
    let rest = cursor.rest();
    let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let word = rest.get(..length).unwrap_or_default().to_ascii_lowercase();
    let (_, operator) = WORDS.iter().find(|(text, _)| *text == word)?;
    cursor.skip(length);
    Some(*operator)
}

fn operand(cursor: &mut Cursor<'_>, depth: usize) -> Result<Operand, PathSyntaxError> {
    match cursor.peek() {
        Some(root @ ('@' | '$')) => {
            let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '=' | '!' | '~' | '&' | '|' | ',');
            let length = extent(cursor.rest(), ends);
            let mut part = cursor.part(length);
            part.advance();
            let steps = parse_steps(&mut part, depth)?;
            cursor.skip(length);
            Ok(Operand::Path { from_root: root == '$', steps })
        }
        Some('/') => pattern(cursor),
        Some(_) => Ok(Operand::Literal(literal(cursor, depth)?)),
        None => Err(cursor.error("expected a value")),
    }
}

fn pattern(cursor: &mut Cursor<'_>) -> Result<Operand, PathSyntaxError> {
    let start = cursor.position();
    cursor.advance();
    let mut text = String::new();
    loop {
        match cursor.next() {
            Some('/') => break,
            Some('\\') => {
                text.push('\\');
                text.extend(cursor.next());
            }
            Some(c) => text.push(c),
            None => return Err(cursor.error_at(start, "the pattern has no end; expected '/'")),
        }
    }
    let flags = cursor.take_while(|c| c.is_ascii_alphabetic());
    let mut builder = RegexBuilder::new(&format!(r"\A(?:{text})\z"));
    builder.size_limit(256 * 1024).nest_limit(50);
    for flag in flags.chars() {
        match flag {
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            's' => builder.dot_matches_new_line(true),
            'x' => builder.ignore_whitespace(true),
            'u' | 'U' => builder.unicode(true),
            _ => return Err(cursor.error_at(start, &format!("the pattern has an unknown flag '{flag}'"))),
        };
    }
    let pattern =
        builder.build().map_err(|_| cursor.error_at(start, "the pattern is no supported regular expression"))?;
    Ok(Operand::Pattern(pattern))
}

fn literal(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, PathSyntaxError> {
    if depth > MAX_FILTER_DEPTH {
        return Err(cursor.error("filters may be nested 16 levels"));
    }
    match cursor.peek() {
        Some(quote @ ('\'' | '"')) => text(cursor, quote).map(Value::String),
        Some('[') => list(cursor, depth + 1),
        Some('{') => object(cursor),
        Some(_) => {
            let start = cursor.position();
            let word = cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
            match word {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                "null" => Ok(Value::Null),
                _ => match serde_json::from_str(word) {
                    Ok(number @ Value::Number(_)) => Ok(number),
                    Ok(_) | Err(_) => Err(cursor.error_at(start, "expected a value")),
                },
            }
        }
        None => Err(cursor.error("expected a value")),
    }
}

fn text(cursor: &mut Cursor<'_>, quote: char) -> Result<String, PathSyntaxError> {
    let start = cursor.position();
    cursor.advance();
    let mut text = String::new();
    while let Some(c) = cursor.next() {
        match c {
            _ if c == quote => return Ok(text),
            '\\' => match cursor.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some(other) => text.push(other),
                None => break,
            },
            _ => text.push(c),
        }
    }
    Err(cursor.error_at(start, "the text has no end"))
}

fn list(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, PathSyntaxError> {
    cursor.advance();
    let mut items = Vec::new();
    loop {
        cursor.skip_blanks();
        if cursor.eat(']') {
            return Ok(Value::Array(items));
        }
        if !items.is_empty() {
            if !cursor.eat(',') {
                return Err(cursor.error("expected ',' or ']'"));
            }
            cursor.skip_blanks();
        }
        items.push(literal(cursor, depth)?);
    }
}

fn object(cursor: &mut Cursor<'_>) -> Result<Value, PathSyntaxError> {
    let mut values = serde_json::Deserializer::from_str(cursor.rest()).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => {
            cursor.skip(values.byte_offset());
            Ok(value)
        }
        Some(Err(_)) | None => Err(cursor.error("expected a JSON object")),
    }
}
