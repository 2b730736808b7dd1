/// The pattern of `StringMatches`: `*` stands for any text, also none; `\*` for `*` and `\\` for `\`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The texts between the wildcards.
    parts: Vec<String>,
}

impl Pattern {
    /// Parses a pattern; nothing if a backslash stands before anything but `*` and `\`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '*' => parts.push(std::mem::take(&mut part)),
                '\\' => match chars.next() {
                    Some(escaped @ ('*' | '\\')) => part.push(escaped),
                    Some(_) | None => return None,
                },
                _ => part.push(c),
            }
        }
        parts.push(part);
        Some(Self { parts })
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else { return text.is_empty() };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut text) = text.strip_prefix(first.as_str()).and_then(|text| text.strip_suffix(last.as_str())) else {
            return false;
        };
        for part in middle {
            match text.split_once(part.as_str()) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_and_escapes() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("*", "", true),
            ("*", "anything", true),
            ("log-*.txt", "log-.txt", true),
            ("log-*.txt", "log-2030.txt", true),
            ("log-*.txt", "log-2030.txt.gz", false),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("**", "x", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"a\\*", r"a\b", true),
            ("é*", "éa", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(text), expected, "{pattern} {text}");
        }
        assert_eq!(Pattern::parse(r"a\b"), None);
        assert_eq!(Pattern::parse("a\\"), None);
    }
}
