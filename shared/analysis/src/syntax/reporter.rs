//! Turning the repairs of a tree-sitter tree into findings.

use tree_sitter::{Node, Tree};

use super::super::rules::{catalogue, id};
use super::super::strict;
use super::super::walk::{Lines, Next, Visit, walk};
use super::super::{Finding, Severity};

/// Shortens source text for a message: first line, at most 60 characters, no control characters.
pub(super) fn snippet(text: &str) -> String {
    snippet_of(text, 60)
}

/// The first line, at most so many characters, no control characters.
fn snippet_of(text: &str, most: usize) -> String {
    let line = text.trim().lines().next().unwrap_or("").trim_end();
    let mut out: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(most).collect();
    if line.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

/// Collects the syntax findings of one text.
pub(super) struct Reporter<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    /// Findings after which the search ends.
    pub(super) max: usize,
    pub(super) findings: Vec<Finding>,
    pub(super) lines: Lines<'a>,
    /// Severity of what is pushed: [`Severity::Blocker`] where the parser is sure.
    pub(super) severity: Severity,
    /// Whether a line's second error is taken for a part of the first.
    pub(super) one_a_line: bool,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(path: &'a str, text: &'a str, max: usize) -> Self {
        Self {
            path,
            text,
            max,
            findings: Vec::new(),
            lines: Lines::new(text),
            severity: Severity::Blocker,
            one_a_line: false,
        }
    }

    pub(super) fn push(&mut self, byte: usize, message: String) {
        let (line, column) = self.lines.position(byte);
        self.push_at(line, column, message);
    }

    pub(super) fn push_at(&mut self, line: u32, column: u32, message: String) {
        let is_known = |f: &Finding| f.line == line && (f.column == column || self.one_a_line);
        if self.findings.len() >= self.max || self.findings.iter().any(is_known) {
            return;
        }
        self.findings.push(Finding {
            rule: id::SYNTAX.to_owned(),
            severity: self.severity,
            path: self.path.to_owned(),
            line,
            column,
            message,
            remediation_minutes: catalogue::minutes(id::SYNTAX, self.severity),
        });
    }

    pub(super) fn slice(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    /// What a strict parser says. An error at the end of the text is shown where its last line ends.
    pub(super) fn verdict(&mut self, problems: Vec<strict::Problem>) {
        let end = self.text.trim_end().len();
        for problem in problems {
            self.push(problem.byte.min(end), snippet_of(&problem.message, 160));
        }
    }

    pub(super) fn strict(&mut self, outcome: strict::Outcome) {
        if let strict::Outcome::Invalid { line, column, message } = outcome {
            self.push_at(line, column, snippet(&message));
        }
    }

    /// One finding for each ERROR or MISSING node that holds no smaller one.
    pub(super) fn errors(&mut self, tree: &Tree) {
        if !tree.root_node().has_error() {
            return;
        }
        walk(tree, |visit| {
            if self.findings.len() >= self.max {
                return Next::Stop;
            }
            let Visit::Enter(node) = visit else {
                return Next::Descend;
            };
            if node.is_missing() {
                self.missing(node);
                return Next::Skip;
            }
            if !node.has_error() {
                return Next::Skip;
            }
            if !node.is_error() {
                let mut cursor = node.walk();
                let is_inside = node.children(&mut cursor).any(|it| it.has_error() || it.is_missing() || it.is_error());
                // What is missing may have no node that is shown.
                if !is_inside {
                    let shown = snippet(self.slice(node));
                    self.push(node.start_byte(), format!("something is missing in `{shown}`"));
                }
                return Next::Descend;
            }
            match self.error(node) {
                true => Next::Skip,
                false => Next::Descend,
            }
        });
        if self.findings.is_empty() {
            self.push(0, "the file cannot be parsed".to_owned());
        }
    }

    fn missing(&mut self, node: Node<'_>) {
        let kind = node.kind();
        let message = if !node.is_named() && !kind.starts_with('_') {
            format!("missing `{kind}`")
        } else if kind.starts_with('_') {
            "the statement is not complete".to_owned()
        } else {
            format!("missing {}", kind.replace('_', " "))
        };
        // The place is after what was read, which for a missing bracket is often a later line.
        let start = node.start_byte();
        let head = self.text.get(..start).unwrap_or("");
        self.push(head.trim_end().len(), message);
    }

    /// Reports an ERROR node unless a smaller error inside says it better.
    fn error(&mut self, node: Node<'_>) -> bool {
        let mut open: Vec<(Node<'_>, &str)> = Vec::new();
        let mut smaller = false;
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            smaller |= child.has_error() || child.is_missing();
            match child.kind() {
                kind @ ("(" | "[" | "{") if !child.is_missing() => open.push((child, kind)),
                ")" | "]" | "}" => {
                    open.pop();
                }
                _ => {}
            }
        }
        if let Some((bracket, kind)) = open.last() {
            self.push(bracket.start_byte(), format!("`{kind}` is never closed"));
            return true;
        }
        if smaller {
            return false;
        }
        let text = self.slice(node);
        let shown = snippet(text);
        let leading = text.len() - text.trim_start().len();
        let message = if shown.is_empty() {
            "unexpected end of line or input".to_owned()
        } else if text.trim().contains('\n') {
            format!("cannot be parsed from here: `{shown}`")
        } else {
            format!("unexpected `{shown}`")
        };
        self.push(node.start_byte() + leading, message);
        true
    }
}
