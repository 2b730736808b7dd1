//! What the scanners of some grammars cannot take: they keep their state in a buffer of 1024 bytes, and not all of them count.

use std::collections::BTreeSet;

use super::super::Language;

/// Whether the grammar's scanner can take the text.
pub(crate) fn are_safe(language: Language, text: &str) -> bool {
    match language {
        Language::Python => python(text),
        Language::Ruby => ruby(text),
        _ => true,
    }
}

/// Different widths of indentation that a file may have.
///
/// The scanner of tree-sitter-python 0.25 keeps two bytes for each level in a buffer of 1024 bytes, after up to 257
/// bytes for open strings, and may write one byte past its end. Levels have different widths, so this number keeps it
/// far from the end. Python itself allows 100 levels.
const MAX_WIDTHS: usize = 250;

/// Whether Python's scanner can take the text.
fn python(text: &str) -> bool {
    let mut widths = BTreeSet::new();
    // A backslash before a line end continues the count in the scanner, so both counts are taken.
    let mut continued = 0_usize;
    for line in text.split('\n') {
        let mut width = 0_usize;
        let mut ends_in_backslash = false;
        for byte in line.bytes() {
            match byte {
                b' ' => width += 1,
                b'\t' => width += 8,
                b'\r' | b'\x0c' => {
                    widths.insert(width);
                    widths.insert(continued + width);
                    width = 0;
                    continued = 0;
                }
                _ => {
                    ends_in_backslash = byte == b'\\';
                    break;
                }
            }
        }
        widths.insert(width);
        widths.insert(continued + width);
        continued = if ends_in_backslash { continued + width } else { 0 };
        if widths.len() > MAX_WIDTHS {
            return false;
        }
    }
    true
}

/// Bytes of state that Ruby's scanner may keep.
const MAX_HEREDOCS: usize = 900;
/// The longest name of a here-document.
const MAX_WORD: usize = 100;

/// The scanner of tree-sitter-ruby 0.23 keeps four bytes and the name of each open here-document, counts two of the four, and
/// keeps a name's length in one byte.
fn ruby(text: &str) -> bool {
    let mut kept = 0_usize;
    for (at, _) in text.match_indices("<<") {
        let word = text.get(at + 2..).unwrap_or("").trim_start_matches(['~', '-']);
        let word = word.strip_prefix(['"', '\'', '`']).unwrap_or(word);
        let length: usize =
            word.chars().take_while(|c| c.is_alphanumeric() || *c == '_').take(MAX_WORD + 1).map(char::len_utf8).sum();
        let quoted =
            text.get(at..).unwrap_or("").chars().nth(2).is_some_and(|c| matches!(c, '~' | '-' | '"' | '\'' | '`'));
        let is_long = quoted && word.lines().next().unwrap_or("").chars().nth(MAX_WORD).is_some() && length > MAX_WORD;
        if length > MAX_WORD || is_long {
            return false;
        }
        if length > 0 {
            kept += 4 + length;
        }
    }
    kept <= MAX_HEREDOCS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_limited() {
        let nested =
            |levels: usize| (0..levels).map(|level| format!("{}if a:\n", " ".repeat(level))).collect::<String>();
        assert!(python(&nested(200)));
        assert!(!python(&nested(600)));
        assert!(python(&" x\n".repeat(10_000)));
        assert!(!python(&" \\\n".repeat(600)));
    }

    #[test]
    fn here_documents_are_limited() {
        assert!(ruby("a = <<~SQL\n  select 1\nSQL\nlist << item\n"));
        assert!(!ruby(&format!("a = <<~{}\n", "A".repeat(300))));
        assert!(!ruby(&"f(<<A)\n".repeat(500)));
    }
}
