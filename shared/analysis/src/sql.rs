//! The tokens of SQL, as far as every dialect has them: words, strings, comments and signs.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword, a name or a number.
    Word,
    /// A string, a quoted name or a dollar-quoted text.
    Quoted,
    /// A comment.
    Comment,
    /// One other character.
    Sign,
    /// A string or comment that does not end.
    Open,
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Byte offset in the text.
    pub(crate) start: usize,
    /// Byte offset after its last byte.
    pub(crate) end: usize,
}

impl Token {
    /// Its text.
    pub(crate) fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or("")
    }

    /// Whether it is this word, in any case.
    pub(crate) fn is_word(&self, text: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.of(text).eq_ignore_ascii_case(word)
    }
}

/// Dollar signs that begin no quoted text, after which none is looked for: each costs a search to the end of the text.
const MAX_TRIES: usize = 500;

/// Reads the tokens. A backslash before a quote escapes it in some dialects only: whichever reading lets the string end holds.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut tries = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = text.get(at..).unwrap_or("");
        let (kind, length) = match byte {
            _ if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if rest.starts_with("--") => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
            b'/' if rest.starts_with("/*") => match rest.find("*/") {
                Some(end) => (Kind::Comment, end + 2),
                None => (Kind::Open, rest.len()),
            },
            b'#' if is_line_start(text, at) => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
            b'\'' | b'"' | b'`' => match quoted(rest, byte) {
                Some(length) => (Kind::Quoted, length),
                None => (Kind::Open, rest.len()),
            },
            b'$' if tries < MAX_TRIES => match dollar_quoted(rest) {
                Some(length) => (Kind::Quoted, length),
                None => {
                    tries += 1;
                    (Kind::Sign, 1)
                }
            },
            _ if byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii() => {
                let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
                let length = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
                let first = rest.chars().next().map_or(1, char::len_utf8);
                (if length == 0 { Kind::Sign } else { Kind::Word }, length.max(first))
            }
            _ => (Kind::Sign, 1),
        };
        tokens.push(Token { kind, start: at, end: at + length });
        at += length;
    }
    tokens
}

fn is_line_start(text: &str, at: usize) -> bool {
    let head = text.as_bytes().get(at.saturating_sub(200)..at).unwrap_or_default();
    let before = head.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t'));
    before.is_none_or(|byte| *byte == b'\n')
}

/// The length of a quoted text. The quote is doubled to stand for itself.
fn quoted(rest: &str, quote: u8) -> Option<usize> {
    let end = |escapes: bool| {
        let bytes = rest.as_bytes();
        let mut at = 1;
        loop {
            let byte = *bytes.get(at)?;
            let is_doubled = byte == quote && bytes.get(at + 1) == Some(&quote);
            if escapes && byte == b'\\' || is_doubled {
                at += 2;
            } else if byte == quote {
                return Some(at + 1);
            } else {
                at += 1;
            }
        }
    };
    match (end(false), end(true)) {
        // `'a\'` is a whole string to the standard; with escapes it would go on into a later string.
        (Some(plain), Some(escaped)) if rest.get(..plain).is_some_and(|it| it.contains("\\'")) => {
            Some(plain.max(escaped))
        }
        (plain, escaped) => plain.or(escaped),
    }
}

/// The length of `$tag$ … $tag$`.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let tag_end = rest.get(1..)?.find('$')? + 2;
    let tag = rest.get(..tag_end)?;
    let is_tag = tag.trim_matches('$').chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_number = tag.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    if !is_tag || is_number {
        return None;
    }
    let end = rest.get(tag_end..)?.find(tag)?;
    Some(tag_end + end + tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_tokens() {
        let text = "-- a\nSELECT 'it''s', \"b\", $$x'y$$, $1 /* c */ FROM `t` # no\n# yes\n";
        let read: Vec<(Kind, &str)> = tokens(text).iter().map(|it| (it.kind, it.of(text))).collect();
        assert_eq!(
            read,
            [
                (Kind::Comment, "-- a"),
                (Kind::Word, "SELECT"),
                (Kind::Quoted, "'it''s'"),
                (Kind::Sign, ","),
                (Kind::Quoted, "\"b\""),
                (Kind::Sign, ","),
                (Kind::Quoted, "$$x'y$$"),
                (Kind::Sign, ","),
                (Kind::Sign, "$"),
                (Kind::Word, "1"),
                (Kind::Comment, "/* c */"),
                (Kind::Word, "FROM"),
                (Kind::Quoted, "`t`"),
                (Kind::Sign, "#"),
                (Kind::Word, "no"),
                (Kind::Comment, "# yes"),
            ]
        );
        assert_eq!(tokens("'a\\'b' x").len(), 2);
        assert_eq!(tokens("'a\\' x").first().map(|it| it.kind), Some(Kind::Quoted));
        assert_eq!(tokens("'a").first().map(|it| it.kind), Some(Kind::Open));
        assert_eq!(tokens("é–").len(), 2);
    }
}
