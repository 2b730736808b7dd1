//! SVG, without scripts, styles or references: it can be shown wherever an image can.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::graph::{Edge, EdgeKind, Graph, Node};
use super::layout::{Laid, Placed, SHOWN, lay};
use super::status::{StateStatus, Statuses};

/// A graph as an SVG document. With `statuses` the states have the colours of their statuses.
#[must_use]
pub fn svg(graph: &Graph, statuses: Option<&BTreeMap<String, Statuses>>) -> String {
    let laid = lay(graph);
    let mut drawing = Drawing { text: String::new(), statuses };
    let (width, height) = (laid.width, laid.height);
    drawing.push(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <defs><marker id=\"to\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#4b5563\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    ));
    drawing.graph(graph, &laid, 0, 0);
    drawing.text.push_str("</svg>\n");
    drawing.text
}

struct Drawing<'a> {
    text: String,
    statuses: Option<&'a BTreeMap<String, Statuses>>,
}

impl Drawing<'_> {
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        let _infallible = self.text.write_fmt(text);
    }

    fn graph(&mut self, graph: &Graph, laid: &Laid, x: i64, y: i64) {
        for (node, placed) in graph.nodes.iter().zip(&laid.boxes) {
            self.node(node, placed, x + placed.x, y + placed.y);
        }
        for edge in &graph.edges {
            if let (Some(from), Some(to)) = (laid.boxes.get(edge.from), laid.boxes.get(edge.to)) {
                self.edge(edge, from, to, (x, y), laid.width);
            }
        }
        if let Some(first) = graph.start.and_then(|start| laid.boxes.get(start)) {
            let (cx, top) = (x + first.x + first.width / 2, y + first.y);
            self.push(format_args!("<circle cx=\"{cx}\" cy=\"{}\" r=\"6\" fill=\"#111827\"/>\n", top - 24));
            self.line(cx, top - 18, cx, top, EdgeKind::Next);
        }
        for (node, placed) in graph.nodes.iter().zip(&laid.boxes).filter(|(node, _)| node.is_end) {
            let (cx, bottom) = (x + placed.x + placed.width / 2, y + placed.y + placed.height);
            self.line(cx, bottom, cx, bottom + 12, EdgeKind::Next);
            let fill = if node.kind == "Fail" { "#dc2626" } else { "#111827" };
            self.push(format_args!(
                "<circle cx=\"{cx}\" cy=\"{cy}\" r=\"6\" fill=\"#ffffff\" stroke=\"{fill}\"/>\
                 <circle cx=\"{cx}\" cy=\"{cy}\" r=\"3\" fill=\"{fill}\"/>\n",
                cy = bottom + 18
            ));
        }
    }

    fn line(&mut self, x1: i64, y1: i64, x2: i64, y2: i64, kind: EdgeKind) {
        let dashes = if kind == EdgeKind::Catch { " stroke-dasharray=\"4 3\"" } else { "" };
        self.push(format_args!(
            "<path d=\"M{x1} {y1}L{x2} {y2}\" fill=\"none\" stroke=\"#4b5563\"{dashes} marker-end=\"url(#to)\"/>\n"
        ));
    }

    fn node(&mut self, node: &Node, placed: &Placed, x: i64, y: i64) {
        let status = self.statuses.and_then(|statuses| statuses.get(&node.name));
        let (fill, stroke) = match (status.map(|status| status.status), node.inner.is_empty()) {
            (Some(status), _) => colours(status),
            (None, true) => ("#ffffff", "#6b7280"),
            (None, false) => ("#f9fafb", "#9ca3af"),
        };
        let (width, height) = (placed.width, placed.height);
        let told = status.map_or_else(String::new, |status| format!(", {}", status.status.name()));
        self.push(format_args!(
            "<g><title>{} ({}{told})</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\" \
             fill=\"{fill}\" stroke=\"{stroke}\"/>",
            escape(&node.name, usize::MAX),
            node.kind,
        ));
        let name = escape(&node.name, SHOWN);
        if node.inner.is_empty() {
            let (cx, base) = (x + width / 2, y + height / 2 + 5);
            self.push(format_args!("<text x=\"{cx}\" y=\"{base}\" text-anchor=\"middle\">{name}</text></g>\n"));
            return;
        }
        self.push(format_args!(
            "<text x=\"{}\" y=\"{}\" font-weight=\"600\">{name} ({})</text></g>\n",
            x + 12,
            y + 18,
            node.kind
        ));
        for (graph, (inner_x, inner_y, laid)) in node.inner.iter().zip(&placed.inner) {
            self.graph(graph, laid, x + inner_x, y + inner_y);
        }
    }

    fn edge(&mut self, edge: &Edge, from: &Placed, to: &Placed, (x, y): (i64, i64), width: i64) {
        let dashes = if edge.kind == EdgeKind::Catch { " stroke-dasharray=\"4 3\"" } else { "" };
        let (x1, y1) = (x + from.x + from.width / 2, y + from.y + from.height);
        let (x2, y2) = (x + to.x + to.width / 2, y + to.y);
        let (path, label_x, label_y) = if y2 > y1 {
            let middle = (y1 + y2) / 2;
            (format!("M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2}"), (x1 + x2) / 2, middle)
        } else {
            // It leads back, or to the side: round the right.
            let (right, from_y, to_y) = (x + width - 14, y + from.y + from.height / 2, y + to.y + to.height / 2);
            let (start, end) = (x + from.x + from.width, x + to.x + to.width);
            (format!("M{start} {from_y}C{right} {from_y} {right} {to_y} {end} {to_y}"), right - 8, (from_y + to_y) / 2)
        };
        self.push(format_args!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"#4b5563\"{dashes} marker-end=\"url(#to)\"/>\n"
        ));
        if !edge.label.is_empty() {
            self.push(format_args!(
                "<text x=\"{label_x}\" y=\"{label_y}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#4b5563\">{}</text>\n",
                escape(&edge.label, SHOWN)
            ));
        }
    }
}

const fn colours(status: StateStatus) -> (&'static str, &'static str) {
    match status {
        StateStatus::Running => ("#dbeafe", "#2563eb"),
        StateStatus::Succeeded => ("#dcfce7", "#16a34a"),
        StateStatus::Caught => ("#fef3c7", "#d97706"),
        StateStatus::Failed => ("#fee2e2", "#dc2626"),
        StateStatus::Aborted => ("#f3f4f6", "#6b7280"),
    }
}

/// The first characters of a text as XML's character data; what XML can't hold is left out.
fn escape(text: &str, most: usize) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (number, character) in text.chars().enumerate() {
        if number >= most {
            escaped.push('…');
            break;
        }
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            other if other.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::mermaid;
    use super::super::status::{Ending, Seen, statuses};
    use super::*;
    use crate::{EventType, StateMachine};

    const DEFINITION: &str = r#"{
        "StartAt": "A <b>\"&", "States": {
            "A <b>\"&": { "Type": "Pass", "Next": "Both" },
            "Both": { "Type": "Parallel", "Next": "Again?", "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "No" }],
                "Branches": [
                    { "StartAt": "L", "States": { "L": { "Type": "Pass", "End": true } } },
                    { "StartAt": "M", "States": { "M": { "Type": "Map", "End": true, "ItemProcessor": {
                        "StartAt": "I", "States": { "I": { "Type": "Succeed" } } } } } } ] },
            "Again?": { "Type": "Choice", "Default": "No",
                "Choices": [{ "Variable": "$.x", "IsPresent": true, "Next": "A <b>\"&" }] },
            "No": { "Type": "Fail" } } }"#;

    #[test]
    fn a_definition_is_drawn() {
        let graph = Graph::of(&StateMachine::parse(DEFINITION).unwrap());
        let text = mermaid(&graph, None);
        let expected = "stateDiagram-v2\n    state \"A #60;b#62;#34;#38;\" as s0\n    state \"Both (Parallel)\" as s1 {\n        \
            state \"L\" as s1_0_0\n        [*] --> s1_0_0\n        s1_0_0 --> [*]\n        --\n        \
            state \"M (Map)\" as s1_1_0 {\n            state \"I\" as s1_1_0_0_0\n            [*] --> s1_1_0_0_0\n            \
            s1_1_0_0_0 --> [*]\n        }\n        [*] --> s1_1_0\n        s1_1_0 --> [*]\n    }\n    \
            state \"Again#63;\" as s2\n    state \"No\" as s3\n    [*] --> s0\n    s0 --> s1\n    s1 --> s2\n    \
            s1 --> s3 : catch States.ALL\n    s2 --> s0 : #35;1\n    s2 --> s3 : default\n    s3 --> [*]\n";
        assert_eq!(text, expected);
        let drawn = svg(&graph, None);
        assert!(drawn.contains("A &lt;b&gt;&quot;&amp;</text>"), "{drawn}");
        assert!(!drawn.contains("<b>"));
        for name in ["Both (Parallel)", ">L<", ">I<", "Again?"] {
            assert!(drawn.contains(name), "{name}");
        }
    }

    #[test]
    fn an_execution_is_drawn_in_colours() {
        let graph = Graph::of(&StateMachine::parse(DEFINITION).unwrap());
        let event = |id, kind, name| Seen { id, previous: id - 1, kind, name: Some(name) };
        let told = statuses(
            [event(1, EventType::PassStateEntered, "A <b>\"&"), event(2, EventType::PassStateExited, "A <b>\"&")],
            Ending::Running,
        );
        assert!(svg(&graph, Some(&told)).contains("#dcfce7"));
        assert!(mermaid(&graph, Some(&told)).contains("class s0 succeeded"));
    }

    #[test]
    fn a_long_chain_and_a_loop_end() {
        let nodes = |count: usize| {
            let node = |number| Node { name: format!("n{number}"), kind: "Pass", is_end: false, inner: Vec::new() };
            (0..count).map(node).collect::<Vec<_>>()
        };
        let edge = |from, to| Edge { from, to, kind: EdgeKind::Next, label: String::new() };
        let mut edges: Vec<Edge> = (1..20_000).map(|to| edge(to - 1, to)).collect();
        edges.push(edge(19_999, 0));
        let laid = lay(&Graph { start: Some(0), nodes: nodes(20_000), edges });
        assert!(laid.boxes.windows(2).all(|pair| pair[0].y < pair[1].y));
    }
}
