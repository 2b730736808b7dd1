//! Lines with their ends.

/// A text file in lines, to be put together again as it was.
#[derive(Debug, Clone)]
pub(super) struct Lines<'a> {
    /// A byte order mark at the beginning.
    bom: &'static str,
    lines: Vec<(&'a str, &'a str)>,
}

const BOM: &str = "\u{feff}";

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let (bom, text) = text.strip_prefix(BOM).map_or(("", text), |rest| (BOM, rest));
        let lines = text.split_inclusive('\n').map(split_end).collect();
        Self { bom, lines }
    }

    /// The lines without their ends.
    pub(super) fn texts(&self) -> Vec<&'a str> {
        self.lines.iter().map(|(text, _)| *text).collect()
    }

    /// The end of most lines; a line feed where there are none.
    pub(super) fn usual_end(&self) -> &'static str {
        let crlf = self.lines.iter().filter(|(_, end)| *end == "\r\n").count();
        if crlf > self.lines.len() / 2 { "\r\n" } else { "\n" }
    }

    /// The text with `len` lines from `start` replaced. New lines end as most lines do; a file whose last line had no end
    /// still has none.
    pub(super) fn replaced(&self, start: usize, len: usize, new: &[String]) -> String {
        let end = self.usual_end();
        let after = start.saturating_add(len);
        let had_no_end = self.lines.last().is_some_and(|(_, end)| end.is_empty());
        let mut out = String::from(self.bom);
        for (text, end) in self.lines.iter().take(start) {
            out.push_str(text);
            out.push_str(end);
        }
        for (position, text) in new.iter().enumerate() {
            out.push_str(text);
            let is_last = position + 1 == new.len() && after >= self.lines.len();
            if !(is_last && had_no_end) {
                out.push_str(end);
            }
        }
        for (text, end) in self.lines.iter().skip(after) {
            out.push_str(text);
            out.push_str(end);
        }
        out
    }
}

fn split_end(line: &str) -> (&str, &str) {
    let text = line.strip_suffix('\n').unwrap_or(line);
    let text = if text.len() < line.len() { text.strip_suffix('\r').unwrap_or(text) } else { text };
    (text, line.get(text.len()..).unwrap_or_default())
}

/// The white space at the beginning of a line.
pub(super) fn indent_of(line: &str) -> &str {
    line.get(..line.len() - line.trim_start().len()).unwrap_or_default()
}

/// Has a line nothing but white space?
pub(super) fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_marks_are_kept() {
        let lines = Lines::new("\u{feff}a\r\nb\r\nc");
        assert_eq!(lines.texts(), ["a", "b", "c"]);
        assert_eq!(lines.replaced(1, 1, &["x".into(), "y".into()]), "\u{feff}a\r\nx\r\ny\r\nc");
        assert_eq!(lines.replaced(2, 1, &["x".into()]), "\u{feff}a\r\nb\r\nx");
        assert_eq!(Lines::new("a\nb\n").replaced(1, 1, &["x".into()]), "a\nx\n");
        assert_eq!(Lines::new("").replaced(0, 0, &["x".into()]), "x\n");
        assert_eq!(Lines::new("a\rb\n").texts(), ["a\rb"]);
    }
}
