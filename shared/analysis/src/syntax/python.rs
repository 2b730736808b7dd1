//! What Python refuses and its grammar accepts, and what its grammar's scanner cannot take.

use std::collections::BTreeSet;

use tree_sitter::{Node, Tree};

use super::super::walk::{Next, Visit, walk};
use super::reporter::{Reporter, snippet};

/// Different widths of indentation that a file may have.
///
/// The scanner of tree-sitter-python 0.25 keeps two bytes for each level in a buffer of 1024 bytes, after up to 257
/// bytes for open strings, and may write one byte past its end. Levels have different widths, so this number keeps it
/// far from the end. Python itself allows 100 levels.
const MAX_WIDTHS: usize = 250;

/// Whether the scanner can take the text.
pub(super) fn is_safe(text: &str) -> bool {
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

impl Reporter<'_> {
    /// What Python refuses and the grammar accepts.
    pub(super) fn python(&mut self, tree: &Tree) {
        walk(tree, |visit| {
            if self.findings.len() >= self.max {
                return Next::Stop;
            }
            let Visit::Enter(node) = visit else {
                return Next::Descend;
            };
            match node.kind() {
                "print_statement" => {
                    let shown = snippet(self.slice(node));
                    self.push(node.start_byte(), format!("Python 2 statement `{shown}`: call print()"));
                }
                "exec_statement" => {
                    self.push(node.start_byte(), "Python 2 statement `exec`: call exec()".to_owned());
                }
                "module" | "block" => self.columns(node),
                "function_definition"
                | "class_definition"
                | "for_statement"
                | "while_statement"
                | "if_statement"
                | "elif_clause"
                | "else_clause"
                | "with_statement"
                | "try_statement"
                | "except_clause"
                | "finally_clause" => self.body(node),
                _ => {}
            }
            Next::Descend
        });
    }

    /// Statements of one block start in one column.
    fn columns(&mut self, block: Node<'_>) {
        let mut cursor = block.walk();
        let mut expected = (block.kind() == "module").then_some(0);
        let mut last_row = None;
        for child in block.named_children(&mut cursor) {
            if child.is_extra() || child.is_error() {
                continue;
            }
            let start = child.start_position();
            // A second statement on a line stands after a semicolon.
            if last_row.replace(child.end_position().row) == Some(start.row) {
                continue;
            }
            match expected {
                None => expected = Some(start.column),
                Some(column) if column == start.column => {}
                Some(column) => {
                    let what = if start.column > column { "unexpected indent" } else { "unindent" };
                    let text = self.text.as_bytes();
                    let line = text.get(child.start_byte() - start.column..child.start_byte());
                    let only_blank = line.is_some_and(|l| l.iter().all(u8::is_ascii_whitespace));
                    if only_blank && !line.is_some_and(|l| l.contains(&b'\t')) {
                        self.push(
                            child.start_byte(),
                            format!("{what}: this block's statements start in column {}", column + 1),
                        );
                    }
                }
            }
        }
    }

    /// A compound statement needs a body with a statement in it.
    fn body(&mut self, node: Node<'_>) {
        if node.has_error() {
            return;
        }
        let body = ["body", "consequence"].iter().find_map(|field| node.child_by_field_name(field)).or_else(|| {
            let mut cursor = node.walk();
            node.named_children(&mut cursor).find(|child| child.kind() == "block")
        });
        let empty = body.is_none_or(|body| {
            let mut cursor = body.walk();
            body.kind() == "block" && !body.named_children(&mut cursor).any(|child| !child.is_extra())
        });
        if empty {
            let shown = snippet(self.slice(node));
            self.push(node.start_byte(), format!("`{shown}` has no body: add an indented statement"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_limited() {
        let nested =
            |levels: usize| (0..levels).map(|level| format!("{}if a:\n", " ".repeat(level))).collect::<String>();
        assert!(is_safe(&nested(200)));
        assert!(!is_safe(&nested(600)));
        assert!(is_safe(&" x\n".repeat(10_000)));
        assert!(!is_safe(&" \\\n".repeat(600)));
    }
}
