//! Writing untrusted text into source code: one function for each target language.
//!
//! Each returns text that is safe at the place that its name says and reads back as the same text. Characters that
//! would be invisible or reorder what a reader sees (controls, line and paragraph separators, bidirectional controls)
//! are always escaped, or dropped where the target has no escapes.

use serde_json::Value;
use std::fmt::Write as _;

/// A Python string literal in double quotes.
pub(crate) fn python(text: &str) -> String {
    quoted(text, |character, out| {
        let code = u32::from(character);
        // Writing to a String cannot fail.
        let _ = if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
    })
}

/// A JavaScript string literal in single quotes.
pub(crate) fn javascript(text: &str) -> String {
    let inner = quoted(text, |character, out| {
        let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
    });
    let inner = inner.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    format!("'{}'", inner.replace("\\\"", "\"").replace('\'', "\\'"))
}

/// A Rust string literal.
pub(crate) fn rust(text: &str) -> String {
    quoted(text, |character, out| {
        let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
    })
}

/// A TOML basic string.
pub(crate) fn toml(text: &str) -> String {
    quoted(text, |character, out| {
        let code = u32::from(character);
        let _ = if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
    })
}

/// A YAML double-quoted scalar on one line.
pub(crate) fn yaml(text: &str) -> String {
    toml(text)
}

/// A JSON string.
pub(crate) fn json(text: &str) -> String {
    quoted(text, |character, out| {
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

fn quoted(text: &str, escape: impl Fn(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_hidden(character) => escape(character, &mut out),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

/// Controls, separators, bidirectional controls, byte order marks and non-characters.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
                | '\u{fffe}' | '\u{ffff}'
        )
}

/// One line of plain text: runs of white space become one space, hidden characters go.
pub(crate) fn line(text: &str) -> String {
    let spaced: String =
        text.chars().map(|character| if character.is_whitespace() { ' ' } else { character }).collect();
    let visible: String = spaced.chars().filter(|character| !is_hidden(*character)).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text for a comment of any language: one line that ends no comment and starts no directive.
pub(crate) fn comment(text: &str) -> String {
    line(text).replace("*/", "* /").replace("/*", "/ *").replace("--", "- -").replace(['\\', '`'], "'")
}

/// Text for HTML, in content and in quoted attributes.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            _ if is_hidden(character) => {}
            _ => out.push(character),
        }
    }
    out
}

/// Text for Markdown: one line in which nothing is markup.
pub(crate) fn markdown(text: &str) -> String {
    let line = line(text);
    let mut out = String::with_capacity(line.len());
    for (index, character) in line.chars().enumerate() {
        let marks_up =
            matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '#' | '~' | '$')
                || index == 0 && matches!(character, '-' | '+' | '=');
        let starts_list =
            matches!(character, '.' | ')') && index > 0 && out.chars().all(|before| before.is_ascii_digit());
        if marks_up || starts_list {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// The target languages of [`value`].
#[derive(Clone, Copy)]
pub(crate) enum Language {
    Python,
    JavaScript,
    Rust,
}

/// A literal of any JSON value; for Rust, of a form that `serde_json::json!` takes.
pub(crate) fn value(value: &Value, language: Language) -> String {
    match (value, language) {
        (Value::Null, Language::Python) => "None".to_owned(),
        (Value::Bool(true), Language::Python) => "True".to_owned(),
        (Value::Bool(false), Language::Python) => "False".to_owned(),
        (Value::Null | Value::Bool(_) | Value::Number(_), _) => value.to_string(),
        (Value::String(text), language) => string(text, language),
        (Value::Array(items), language) => {
            let items: Vec<String> = items.iter().map(|item| self::value(item, language)).collect();
            format!("[{}]", items.join(", "))
        }
        (Value::Object(members), language) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, member)| format!("{}: {}", string(key, language), self::value(member, language)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

fn string(text: &str, language: Language) -> String {
    match language {
        Language::Python => python(text),
        Language::JavaScript => javascript(text),
        Language::Rust => rust(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\"b'c\\d\n{{ e }} */ <x> & \u{202e}\u{1f600}\u{7}é";

    #[test]
    fn quotes_for_each_language() {
        assert_eq!(python(HOSTILE), r#""a\"b'c\\d\n{{ e }} */ <x> & \u202e😀\u0007é""#);
        assert_eq!(javascript(HOSTILE), r#"'a"b\'c\\d\n{{ e }} */ <x> & \u{202e}😀\u{7}é'"#);
        assert_eq!(javascript("\\\"\\'"), r#"'\\"\\\''"#);
        assert_eq!(rust(HOSTILE), r#""a\"b'c\\d\n{{ e }} */ <x> & \u{202e}😀\u{7}é""#);
        let read: String = serde_json::from_str(&json(HOSTILE)).unwrap();
        assert_eq!(read, HOSTILE);
    }

    #[test]
    fn plain_text_stays_on_its_line() {
        assert_eq!(line(" a\n\u{202e}b\u{2028}c "), "a b c");
        assert_eq!(comment("x */ y -- \\u"), "x * / y - - 'u");
        assert_eq!(html("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
        assert_eq!(markdown("# [a](b)\n- `c`"), "\\# \\[a\\](b) - \\`c\\`");
        assert_eq!(markdown("1. x"), "1\\. x");
    }

    #[test]
    fn values_follow_the_language() {
        let json = serde_json::json!({"a": [true, null, 1, 1.5, "x'"]});
        assert_eq!(value(&json, Language::Python), r#"{"a": [True, None, 1, 1.5, "x'"]}"#);
        assert_eq!(value(&json, Language::JavaScript), r"{'a': [true, null, 1, 1.5, 'x\'']}");
    }
}
