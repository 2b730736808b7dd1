//! Mermaid's `stateDiagram-v2`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::graph::{Graph, Node};
use super::status::{StateStatus, Statuses};

/// A graph as the text of a Mermaid state diagram. States get ids of their own (`s0`, `s1_0_2`…), so that a name can be
/// any text; with `statuses` they get the class of their status.
#[must_use]
pub fn mermaid(graph: &Graph, statuses: Option<&BTreeMap<String, Statuses>>) -> String {
    let mut drawing = Drawing { text: String::from("stateDiagram-v2\n"), classes: BTreeMap::new(), statuses };
    drawing.graph(graph, "s", 1);
    for (class, style) in [
        ("running", "fill:#dbeafe,stroke:#2563eb"),
        ("succeeded", "fill:#dcfce7,stroke:#16a34a"),
        ("caught", "fill:#fef3c7,stroke:#d97706"),
        ("failed", "fill:#fee2e2,stroke:#dc2626"),
        ("aborted", "fill:#f3f4f6,stroke:#6b7280"),
    ] {
        let Some(states) = drawing.classes.get(class) else { continue };
        let _infallible =
            writeln!(drawing.text, "    classDef {class} {style}\n    class {} {class}", states.join(","));
    }
    drawing.text
}

struct Drawing<'a> {
    text: String,
    /// States by the class of their status.
    classes: BTreeMap<&'static str, Vec<String>>,
    statuses: Option<&'a BTreeMap<String, Statuses>>,
}

impl Drawing<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        for _ in 0..depth {
            self.text.push_str("    ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn graph(&mut self, graph: &Graph, prefix: &str, depth: usize) {
        let id = |place: usize| format!("{prefix}{place}");
        for (place, node) in graph.nodes.iter().enumerate() {
            self.node(node, &id(place), depth);
        }
        if let Some(start) = graph.start {
            self.line(depth, &format!("[*] --> {}", id(start)));
        }
        for edge in &graph.edges {
            let label = match (edge.kind.name(), edge.label.as_str()) {
                ("next", _) => String::new(),
                ("catch", errors) => format!(" : catch {}", text(errors)),
                (_, label) => format!(" : {}", text(label)),
            };
            self.line(depth, &format!("{} --> {}{label}", id(edge.from), id(edge.to)));
        }
        for (place, _) in graph.nodes.iter().enumerate().filter(|(_, node)| node.is_end) {
            self.line(depth, &format!("{} --> [*]", id(place)));
        }
    }

    fn node(&mut self, node: &Node, id: &str, depth: usize) {
        let label = text(&node.name);
        let status = self.statuses.and_then(|statuses| statuses.get(&node.name));
        if let Some(status) = status {
            self.classes.entry(class(status.status)).or_default().push(id.to_owned());
        }
        if node.inner.is_empty() {
            self.line(depth, &format!("state \"{label}\" as {id}"));
            return;
        }
        self.line(depth, &format!("state \"{label} ({})\" as {id} {{", node.kind));
        for (number, inner) in node.inner.iter().enumerate() {
            if number > 0 {
                self.line(depth + 1, "--");
            }
            self.graph(inner, &format!("{id}_{number}_"), depth + 1);
        }
        self.line(depth, "}");
    }
}

const fn class(status: StateStatus) -> &'static str {
    match status {
        StateStatus::Running => "running",
        StateStatus::Succeeded => "succeeded",
        StateStatus::Caught => "caught",
        StateStatus::Failed => "failed",
        StateStatus::Aborted => "aborted",
    }
}

/// A text inside of a diagram: what Mermaid would read as syntax is written as `#number;`.
fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        let is_plain =
            character.is_alphanumeric() || matches!(character, ' ' | '.' | ',' | '_' | '-' | '(' | ')' | '/');
        if is_plain {
            escaped.push(character);
        } else {
            let _infallible = write!(escaped, "#{};", u32::from(character));
        }
    }
    escaped
}
