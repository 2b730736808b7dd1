//! What browsers repair in HTML without a word, and the JavaScript inside of it.

use std::time::Instant;

use tree_sitter::{Node, Tree};

use super::super::strict::{guard, javascript};
use super::super::walk::{Next, Visit, parse_tree, walk};
use super::super::{Language, Severity};
use super::reporter::{Reporter, snippet};

impl Reporter<'_> {
    /// Tags without an end, end tags that close nothing, and errors in JavaScript of `<script>`.
    pub(super) fn html(&mut self, tree: &Tree, deadline: Instant) {
        walk(tree, |visit| {
            if self.findings.len() >= self.max {
                return Next::Stop;
            }
            let Visit::Enter(node) = visit else {
                return Next::Descend;
            };
            if node.is_error() {
                let text = self.slice(node).trim_start();
                // `>` is ordinary text in HTML, XHTML begins with `<?xml`, and `<%` is a template's.
                if text.starts_with("</") && text.trim_end().ends_with('>') {
                    self.severity = Severity::Major;
                    self.push(node.start_byte(), format!("`{}` closes no open element", snippet(text)));
                    self.severity = Severity::Blocker;
                } else if text.starts_with('<') && !text.starts_with("<?") && !text.starts_with("<%") {
                    self.push(node.start_byte(), format!("the tag is not complete: `{}`", snippet(text)));
                }
                return Next::Descend;
            }
            match node.kind() {
                "erroneous_end_tag" => {
                    self.severity = Severity::Major;
                    let shown = snippet(self.slice(node));
                    self.push(node.start_byte(), format!("`{shown}` closes no open element"));
                    self.severity = Severity::Blocker;
                }
                "script_element" => self.script(node, deadline),
                _ => {}
            }
            Next::Descend
        });
    }

    fn script(&mut self, element: Node<'_>, deadline: Instant) {
        let mut cursor = element.walk();
        let mut body = None;
        let mut is_javascript = true;
        let mut is_module = false;
        for child in element.named_children(&mut cursor) {
            match child.kind() {
                "start_tag" => {
                    let tag = self.slice(child);
                    is_javascript = script_is_javascript(tag);
                    is_module = tag.contains("module");
                }
                "raw_text" => body = Some(child),
                _ => {}
            }
        }
        let Some(body) = body.filter(|_| is_javascript) else {
            return;
        };
        let script = self.slice(body);
        // A script that is still a template cannot be judged.
        if script.contains("{{") || script.contains("{%") {
            return;
        }
        let Some(grammar) = Language::JavaScript.grammar() else {
            return;
        };
        let Some(tree) = parse_tree(&grammar, script, deadline) else {
            return;
        };
        let mut inner = Reporter::new(self.path, script, self.max);
        let goal = if is_module { javascript::Goal::Module } else { javascript::Goal::Script };
        let verdict = guard::is_shallow(&tree)
            .then(|| javascript::check(self.path, Language::JavaScript, script, goal))
            .flatten();
        match verdict {
            Some(problems) => inner.verdict(problems),
            None => inner.errors(&tree),
        }
        let (line, column) = self.lines.position(body.start_byte());
        for finding in inner.findings {
            let column = match finding.line {
                1 => column + finding.column - 1,
                _ => finding.column,
            };
            self.push_at(line + finding.line - 1, column, format!("in <script>: {}", finding.message));
        }
    }
}

/// Whether a `<script …>` tag holds JavaScript: no `type`, or one that names JavaScript or a
/// module.
fn script_is_javascript(tag: &str) -> bool {
    let lower = tag.to_ascii_lowercase();
    match lower.split_once("type=") {
        None => true,
        Some((_, value)) => {
            let value = value.trim_start_matches(['"', '\'']);
            ["module", "text/javascript", "application/javascript"].iter().any(|name| value.starts_with(name))
        }
    }
}
