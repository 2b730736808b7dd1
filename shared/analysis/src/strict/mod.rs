//! The verdict on a text, from parsers that follow their language's specification.

pub(super) mod guard;
pub(super) mod javascript;
pub(super) mod python;
pub(super) mod sql;

use serde::de::IgnoredAny;

/// What a strict parser says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The text is valid.
    Valid,
    /// The text is not valid; line and column count from 1.
    Invalid { line: u32, column: u32, message: String },
    /// The parser's own limits were reached, so it cannot tell.
    TooComplex,
    /// The text is a template that only becomes YAML when it is rendered.
    Template,
}

/// An error at a place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Byte offset in the text.
    pub(crate) byte: usize,
    /// What is wrong.
    pub(crate) message: String,
}

fn number(value: impl TryInto<u32>) -> u32 {
    value.try_into().unwrap_or(u32::MAX).max(1)
}

/// A column in characters, from one in bytes.
fn characters(text: &str, line: usize, bytes: usize) -> u32 {
    let line = text.split('\n').nth(line.saturating_sub(1)).unwrap_or("").as_bytes();
    let head = line.get(..bytes.min(line.len())).unwrap_or_default();
    number(head.iter().filter(|&&byte| byte & 0xc0 != 0x80).count())
}

/// RFC 8259 JSON: no comments, no trailing commas, one value.
pub(crate) fn json(text: &str) -> Outcome {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Outcome::Valid,
        Err(error) => {
            let full = error.to_string();
            let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(text, _)| text);
            Outcome::Invalid {
                line: number(error.line()),
                column: characters(text, error.line(), error.column()),
                message: message.to_owned(),
            }
        }
    }
}

/// YAML 1.2, one or more documents, any tags (so that `CloudFormation`'s `!Ref` passes). Text with
/// template expressions (`{{ … }}` or `{% … %}`, as in Helm charts) that does not parse is taken as
/// a template.
pub(crate) fn yaml(text: &str) -> Outcome {
    let options = serde_saphyr::options! {
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
        ignore_binary_tag_for_string: true,
    };
    match serde_saphyr::from_multiple_with_options::<IgnoredAny>(text, options) {
        Ok(_) => Outcome::Valid,
        Err(error) => {
            let error = error.without_snippet();
            let message = error.to_string();
            if message.contains("budget") {
                return Outcome::TooComplex;
            }
            if text.contains("{{") || text.contains("{%") {
                return Outcome::Template;
            }
            let (line, column) = error.location().map_or((1, 1), |at| (number(at.line()), number(at.column())));
            Outcome::Invalid { line, column, message }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_places() {
        assert_eq!(json("[1]"), Outcome::Valid);
        let Outcome::Invalid { line, column, message } = json("{\n\"a\": tru }") else {
            panic!("accepted");
        };
        assert_eq!((line, column), (2, 9));
        assert!(!message.contains("line"), "{message}");
    }

    #[test]
    fn yaml_tags_documents_and_limits() {
        assert_eq!(yaml("a: !Ref b\nc: !GetAtt [d, e]\nf: !Sub\n  - x\n  - {y: !Ref z}\n"), Outcome::Valid);
        assert_eq!(yaml("a: 1\n---\nb: 2\n"), Outcome::Valid);
        assert_eq!(yaml("a: .inf\nb: 1e999\nc: 2024-01-01\n? [x]\n: y\n"), Outcome::Valid);
        assert!(matches!(yaml("a: 'x\n"), Outcome::Invalid { .. }));
        assert!(matches!(yaml("a: 1\na: 2\n"), Outcome::Invalid { .. }));
        assert_eq!(yaml("{{- if .Values.x }}\na: {{ .b }}: c\n{{ end }}"), Outcome::Template);
        assert!(!matches!(yaml(&"[".repeat(100_000)), Outcome::Valid));
    }
}
