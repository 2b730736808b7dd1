//! Lines and comments of YAML, which is counted without a syntax tree.

use super::{Comment, Measured};

/// Counts lines with code and lines with nothing but a comment. Lines of block scalars (`|` and `>`) are code.
pub(super) fn count(text: &str, out: &mut Measured) {
    let mut code = 0_u32;
    let mut comments = 0_u32;
    let mut start = 0;
    // Indentation of the line that began the block scalar the walk is in.
    let mut scalar: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let line_start = start;
        start += line.len();
        let body = line.trim();
        if body.is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if scalar.is_some_and(|outer| indent > outer) {
            code += 1;
            continue;
        }
        scalar = None;
        let at = comment(line);
        if let Some(at) = at {
            let end = line_start + line.trim_end().len();
            out.comments.push(Comment { start: line_start + at, end });
        }
        if at == Some(indent) {
            comments += 1;
            continue;
        }
        code += 1;
        let value = line.get(..at.unwrap_or(line.len())).unwrap_or(line).trim_end();
        let marker = value.trim_end_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
        if (marker.ends_with('|') || marker.ends_with('>'))
            && marker.get(..marker.len() - 1).is_some_and(|before| before.is_empty() || before.ends_with([' ', ':']))
        {
            scalar = Some(indent);
        }
    }
    out.metrics.sloc = code;
    out.metrics.comment_lines = comments;
}

/// Where a comment begins: a `#` at the start or after a blank, outside of quotes.
fn comment(line: &str) -> Option<usize> {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '#' && before.is_whitespace() => return Some(at),
            // A quote inside of a word is an apostrophe.
            None if (c == '"' || c == '\'') && !before.is_alphanumeric() => quote = Some(c),
            None => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_found() {
        assert_eq!(comment("# a"), Some(0));
        assert_eq!(comment("a: 1 # b"), Some(5));
        assert_eq!(comment("a: 'x # y' # z"), Some(11));
        assert_eq!(comment("a: don't # z"), Some(9));
        assert_eq!(comment("a: b#c"), None);
    }
}
