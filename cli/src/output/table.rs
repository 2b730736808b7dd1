//! The one table of all listings, and names with values.

use console::{Style, measure_text_width};

use super::value::clean;

/// Between columns.
const GAP: &str = "  ";
/// A column is not made narrower than this.
const NARROWEST: usize = 12;

/// What a word says of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Good,
    Bad,
    Busy,
}

/// A cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
    right: bool,
}

impl Cell {
    /// Text, on one line.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        let text = clean(text.as_ref()).split(['\n', '\t']).collect::<Vec<_>>().join(" ");
        Self { text, tone: Tone::Plain, right: false }
    }

    /// A number: it stands at the right.
    pub(crate) fn number(text: impl AsRef<str>) -> Self {
        Self { right: true, ..Self::new(text) }
    }

    /// A status, coloured by what it says.
    pub(crate) fn status(text: impl AsRef<str>) -> Self {
        let cell = Self::new(text);
        let tone = match cell.text.to_ascii_lowercase().as_str() {
            "succeeded" | "completed" | "ok" | "active" | "done" | "yes" | "valid" | "passed" | "created"
            | "verified" => Tone::Good,
            "failed" | "failing" | "timed_out" | "aborted" | "cancelled" | "error" | "missing" | "invalid"
            | "rejected" => Tone::Bad,
            "running" | "planning" | "developing" | "testing" | "packaging" | "paused" | "awaiting_approval"
            | "warning" | "queued" | "updated" => Tone::Busy,
            _ => Tone::Plain,
        };
        Self { tone, ..cell }
    }

    /// Its text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    fn shown(&self, width: usize, last: bool, color: bool) -> String {
        let text = cut(&self.text, width);
        let space = " ".repeat(width.saturating_sub(measure_text_width(&text)));
        let text = if color { self.tone.style().apply_to(text).to_string() } else { text };
        match (self.right, last) {
            (true, _) => format!("{space}{text}"),
            (false, true) => text,
            (false, false) => format!("{text}{space}"),
        }
    }
}

impl Tone {
    const fn style(self) -> Style {
        let style = Style::new().force_styling(true);
        match self {
            Self::Plain => style,
            Self::Good => style.green(),
            Self::Bad => style.red(),
            Self::Busy => style.yellow(),
        }
    }
}

/// Text that is at most so wide.
fn cut(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    console::truncate_str(text, width, "…").into_owned()
}

/// A table with one line a row.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as lines. Columns in which nothing stands are left out; where the terminal is too narrow, the widest are
    /// cut.
    pub(crate) fn render(&self, width: Option<usize>, color: bool) -> String {
        let used: Vec<usize> = (0..self.head.len())
            .filter(|column| {
                self.rows.is_empty()
                    || self.rows.iter().any(|row| row.get(*column).is_some_and(|cell| !cell.text.is_empty()))
            })
            .collect();
        let mut widths: Vec<usize> = used
            .iter()
            .map(|column| {
                let cells =
                    self.rows.iter().filter_map(|row| row.get(*column)).map(|cell| measure_text_width(&cell.text));
                cells.chain(self.head.get(*column).map(|head| head.len())).max().unwrap_or_default()
            })
            .collect();
        if let Some(width) = width {
            narrow(&mut widths, width);
        }
        let bold = Style::new().force_styling(true).bold();
        let right = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).any(|cell| cell.right);
        let heads = used.iter().map(|column| {
            let head = Cell::new(self.head.get(*column).copied().unwrap_or_default());
            Cell { right: right(*column), ..head }
        });
        let line = |cells: &[Cell], heading: bool| {
            let last = cells.len().saturating_sub(1);
            let cells = cells.iter().zip(&widths).enumerate();
            let shown: Vec<String> =
                cells.map(|(index, (cell, width))| cell.shown(*width, index == last, color && !heading)).collect();
            let line = shown.join(GAP).trim_end().to_owned();
            if heading && color { bold.apply_to(line).to_string() } else { line }
        };
        let mut text = line(&heads.collect::<Vec<_>>(), true);
        text.push('\n');
        for row in &self.rows {
            let cells: Vec<Cell> =
                used.iter().map(|column| row.get(*column).cloned().unwrap_or_else(|| Cell::new(""))).collect();
            text.push_str(&line(&cells, false));
            text.push('\n');
        }
        text
    }
}

/// Takes from the widest column until the table fits, or all are narrow.
fn narrow(widths: &mut [usize], width: usize) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    loop {
        let total: usize = widths.iter().sum::<usize>() + gaps;
        let Some(widest) = widths.iter_mut().max() else { return };
        if total <= width || *widest <= NARROWEST {
            return;
        }
        *widest = widest.saturating_sub(total - width).max(NARROWEST).min(*widest - 1);
    }
}

/// Names with values, one below the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Details {
    fields: Vec<(String, String, Tone)>,
}

impl Details {
    pub(crate) const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// A value; nothing is shown for an empty one.
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if !value.as_ref().is_empty() {
            self.fields.push((clean(name), clean(value.as_ref()), Tone::Plain));
        }
        self
    }

    /// A status.
    pub(crate) fn status(mut self, name: &str, value: &str) -> Self {
        let cell = Cell::status(value);
        self.fields.push((clean(name), cell.text, cell.tone));
        self
    }

    /// The lines.
    pub(crate) fn render(&self, color: bool) -> String {
        let width = self.fields.iter().map(|(name, ..)| measure_text_width(name) + 1).max().unwrap_or_default();
        let mut text = String::new();
        for (name, value, tone) in &self.fields {
            let mut lines = value.lines();
            let first = lines.next().unwrap_or_default();
            let space = " ".repeat(width.saturating_sub(measure_text_width(name) + 1));
            let first = if color { tone.style().apply_to(first).to_string() } else { first.to_owned() };
            text.push_str(&format!("{name}:{space}{GAP}{first}\n"));
            for line in lines {
                text.push_str(&format!("{}{GAP}{line}\n", " ".repeat(width)));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["ID", "STATUS", "FILES", "NOTE", "NAME"]);
        table.row(vec![
            Cell::new("exe_1"),
            Cell::status("RUNNING"),
            Cell::number("7"),
            Cell::new(""),
            Cell::new("one"),
        ]);
        table.row(vec![
            Cell::new("exe_22"),
            Cell::status("FAILED"),
            Cell::number("120"),
            Cell::new(""),
            Cell::new("the\n\u{1b}[2Jsecond"),
        ]);
        table
    }

    #[test]
    fn columns_stand_below_each_other() {
        assert_eq!(
            table().render(None, false),
            "ID      STATUS   FILES  NAME\n\
             exe_1   RUNNING      7  one\n\
             exe_22  FAILED     120  the \u{fffd}[2Jsecond\n"
        );
    }

    #[test]
    fn the_widest_is_cut_on_a_narrow_terminal() {
        let mut table = Table::new(&["ID", "TEXT"]);
        table.row(vec![Cell::new("a"), Cell::new("grüße an alle, die das lesen")]);
        assert_eq!(table.render(Some(20), false), "ID  TEXT\na   grüße an alle, …\n");
        assert_eq!(table.render(Some(3), false).lines().nth(1).unwrap(), "a   grüße an al…", "it stays readable");
    }

    #[test]
    fn colours_are_asked_for() {
        let colored = table().render(None, true);
        assert!(colored.contains("\u{1b}[33mRUNNING\u{1b}[0m") && colored.contains("\u{1b}[31mFAILED"), "{colored:?}");
        assert_eq!(console::strip_ansi_codes(&colored), table().render(None, false));
    }

    #[test]
    fn an_empty_table_has_its_head() {
        assert_eq!(Table::new(&["ID", "NAME"]).render(None, false), "ID  NAME\n");
    }

    #[test]
    fn details_leave_out_what_is_empty() {
        let details =
            Details::new().field("Id", "x").field("Nothing", "").status("Status", "RUNNING").field("Text", "a\nb");
        assert_eq!(details.render(false), "Id:      x\nStatus:  RUNNING\nText:    a\n         b\n");
    }
}
