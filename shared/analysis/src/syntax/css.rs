//! Brackets, strings and comments of CSS, after the tokens of CSS Syntax Level 3.
//!
//! New at-rules, functions and selectors appear in CSS faster than in the grammar, and a browser skips what it does not
//! know. Only what breaks the rest of the file is certain to be an error.

use super::reporter::Reporter;

impl Reporter<'_> {
    /// Reports brackets without a partner, strings that end with their line and comments that never end.
    pub(super) fn css(&mut self) {
        let text = self.text;
        let mut open: Vec<(usize, u8)> = Vec::new();
        let mut at = 0;
        while let Some(&byte) = text.as_bytes().get(at) {
            let rest = text.as_bytes().get(at..).unwrap_or_default();
            match byte {
                b'\\' => at += 1,
                b'/' if rest.starts_with(b"/*") => match find(rest, b"*/", 2) {
                    Some(end) => at += end + 1,
                    None => {
                        self.push(at, "`/*` is never closed".to_owned());
                        return;
                    }
                },
                b'"' | b'\'' => match string_end(rest, byte) {
                    Some(end) => at += end,
                    None => {
                        self.push(at, "the string does not end on its line".to_owned());
                        return;
                    }
                },
                b'(' if is_plain_url(text, at) => match find(rest, b")", 1) {
                    Some(end) => at += end,
                    None => {
                        self.push(at, "`(` is never closed".to_owned());
                        return;
                    }
                },
                b'(' | b'[' | b'{' => open.push((at, byte)),
                b')' | b']' | b'}' => {
                    let opener = match byte {
                        b')' => b'(',
                        b']' => b'[',
                        _ => b'{',
                    };
                    match open.pop() {
                        Some((_, other)) if other == opener => {}
                        Some((start, other)) => {
                            self.push(start, format!("`{}` is never closed", char::from(other)));
                            return;
                        }
                        None => {
                            self.push(at, format!("`{}` closes nothing", char::from(byte)));
                            return;
                        }
                    }
                }
                _ => {}
            }
            at += 1;
        }
        if let Some((start, byte)) = open.pop() {
            self.push(start, format!("`{}` is never closed", char::from(byte)));
        }
    }
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(needle.len()).position(|window| window == needle).map(|at| at + from)
}

/// Where the string ends that begins at the first byte; None when its line ends before.
fn string_end(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    for (at, &byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\n' => return None,
            _ if byte == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// Whether the bracket belongs to `url(` with an address that is not quoted.
fn is_plain_url(text: &str, bracket: usize) -> bool {
    let before = text.get(bracket.saturating_sub(3)..bracket).unwrap_or("");
    let after = text.get(bracket + 1..).unwrap_or("").trim_start();
    before.eq_ignore_ascii_case("url") && !after.starts_with(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(u32, u32)> {
        let mut reporter = Reporter::new("a.css", text, 20);
        reporter.css();
        reporter.findings.iter().map(|f| (f.line, f.column)).collect()
    }

    #[test]
    fn balance() {
        for text in ["a { b: c }", "/* { */", "a::before { content: \"}\\\"\" }", "a { b: url(x'{) }", "a\\{ {}", ""] {
            assert_eq!(found(text), [], "{text}");
        }
        for (text, place) in [
            ("a {\nb {}\n", (1, 3)),
            ("a {}\n}", (2, 1)),
            ("a { b: (c }", (1, 8)),
            ("a {} /* b", (1, 6)),
            ("a { b: 'c\n}", (1, 8)),
            ("a { b: url(c", (1, 11)),
        ] {
            assert_eq!(found(text), [place], "{text}");
        }
    }
}
