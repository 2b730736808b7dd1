//! The walk that counts lines, tokens and decisions of one file.

use std::collections::HashMap;

use tree_sitter::{Node, Tree};

use super::super::walk::{Next, Visit, walk};
use super::kinds::Kinds;
use super::{Comment, FunctionMetrics, Measured, maintainability_index, round2};

/// A function (or the file itself) while its nodes are visited.
struct Frame {
    /// Index in the list of functions; None for the file.
    index: Option<usize>,
    name: String,
    /// Nesting level at which it begins.
    base: u32,
    decisions: u32,
    /// Cognitive complexity so far.
    cognitive: u32,
    /// How many of its increments grow with nesting.
    nested_increments: u32,
    recursive: bool,
    /// The part of `cognitive` that functions inside of it brought.
    inner: u32,
}

/// A node on the way from the root to the current one.
#[derive(Clone, Copy)]
struct Step<'t> {
    node: Node<'t>,
    /// Whether it raised the nesting level.
    nests: bool,
    /// Whether it opened a frame.
    frame: bool,
}

struct Counter<'a, 't> {
    text: &'a str,
    kinds: &'static Kinds,
    path: Vec<Step<'t>>,
    frames: Vec<Frame>,
    nesting: u32,
    /// Where the last outermost string ended.
    string_end: usize,
    /// All decisions of the file.
    decisions: u32,
    code_rows: Vec<bool>,
    comment_rows: Vec<bool>,
    operators: HashMap<&'a str, u64>,
    operands: HashMap<&'a str, u64>,
}

/// Counts everything and stores it in `out`.
pub(super) fn count(text: &str, tree: &Tree, kinds: &'static Kinds, out: &mut Measured) {
    let rows = text.lines().count() + 1;
    let mut counter = Counter {
        text,
        kinds,
        path: Vec::new(),
        frames: vec![Frame {
            index: None,
            name: String::new(),
            base: 0,
            decisions: 0,
            cognitive: 0,
            nested_increments: 0,
            recursive: false,
            inner: 0,
        }],
        nesting: 0,
        string_end: 0,
        decisions: 0,
        code_rows: vec![false; rows],
        comment_rows: vec![false; rows],
        operators: HashMap::new(),
        operands: HashMap::new(),
    };
    walk(tree, |visit| {
        match visit {
            Visit::Enter(node) => return counter.enter(node, out),
            Visit::Leave(node) => counter.leave(node, out),
        }
        Next::Descend
    });
    counter.finish(out);
}

impl<'t> Counter<'_, 't> {
    fn parent(&self, up: usize) -> Option<Node<'t>> {
        let index = self.path.len().checked_sub(up)?;
        self.path.get(index).map(|step| step.node)
    }

    fn enter(&mut self, node: Node<'t>, out: &mut Measured) -> Next {
        let kind = node.kind();
        let mut step = Step { node, nests: false, frame: false };
        if self.kinds.comments.contains(&kind) {
            let end = node.end_byte();
            mark(&mut self.comment_rows, self.text, node);
            out.comments.push(Comment { start: node.start_byte(), end });
            self.path.push(step);
            return Next::Skip;
        }
        if kind == "string" && node.is_named() && node.start_byte() >= self.string_end {
            self.string_end = node.end_byte();
            let (start, end) = (node.start_position().row, node.end_position().row);
            out.string_rows.extend(start + 1..=end);
        }
        if node.is_named() {
            if self.kinds.functions.contains(&kind) {
                self.open(node, out);
                step.frame = true;
                step.nests = true;
                self.nesting += 1;
            } else if self.kinds.lambdas.contains(&kind) {
                step.nests = true;
                self.nesting += 1;
            } else {
                step.nests = self.branch(node, kind);
            }
        }
        if node.child_count() == 0 {
            self.leaf(node, kind);
        }
        self.path.push(step);
        Next::Descend
    }

    /// Counts a node that may branch, and says whether it nests.
    fn branch(&mut self, node: Node<'t>, kind: &str) -> bool {
        if self.kinds.decisions.contains(&kind) && self.is_decision(node, kind) {
            self.decide();
        }
        let is_else = self.kinds.else_clauses.contains(&kind)
            && !self.parent(1).is_some_and(|parent| self.kinds.plain_else.contains(&parent.kind()));
        if is_else || self.kinds.elif_clauses.contains(&kind) {
            // `else if` counts once, here; the `if` below adds neither nesting nor a point.
            self.add_flat();
        }
        if self.kinds.jumps.contains(&kind) {
            let mut cursor = node.walk();
            if node.named_children(&mut cursor).any(|child| self.kinds.labels.contains(&child.kind())) {
                self.add_flat();
            }
        }
        if self.kinds.calls.contains(&kind) {
            let called = node.child(0).and_then(|child| self.text.get(child.byte_range()));
            if let (Some(called), Some(frame)) = (called, self.frames.last_mut()) {
                let own = called == frame.name
                    || called.strip_prefix("self.").is_some_and(|c| c == frame.name)
                    || called.strip_prefix("this.").is_some_and(|c| c == frame.name);
                frame.recursive |= own && frame.index.is_some();
            }
        }
        if !self.kinds.structural.contains(&kind) {
            return false;
        }
        if kind.starts_with("if_") && self.is_else_if(node) {
            return false;
        }
        let nesting = self.nesting;
        if let Some(frame) = self.frames.last_mut() {
            frame.cognitive += 1 + nesting.saturating_sub(frame.base);
            frame.nested_increments += 1;
        }
        self.nesting += 1;
        true
    }

    /// Whether the node about to be entered is the `if` of an `else if`.
    fn is_else_if(&self, node: Node<'t>) -> bool {
        self.parent(1).is_some_and(|parent| {
            self.kinds.else_clauses.contains(&parent.kind())
                || self.kinds.else_parents.contains(&parent.kind())
                    && parent.child_by_field_name("alternative") == Some(node)
        })
    }

    /// Leaves out the catch-alls and the declarations without `else`.
    fn is_decision(&self, node: Node<'t>, kind: &str) -> bool {
        let text_of = |node: Node<'_>| self.text.get(node.byte_range()).unwrap_or("").trim();
        match kind {
            "let_declaration" => node.child_by_field_name("alternative").is_some(),
            "match_pattern" => node.child_by_field_name("condition").is_some(),
            "match_arm" => node.child_by_field_name("pattern").is_none_or(|p| text_of(p) != "_"),
            // C's `default`.
            "case_statement" => node.child_by_field_name("value").is_some(),
            "switch_label" | "switch_section" => !text_of(node).starts_with("default"),
            "switch_expression_arm" => node.named_child(0).is_none_or(|pattern| text_of(pattern) != "_"),
            "case_item" => node.child_by_field_name("value").is_none_or(|v| text_of(v) != "*"),
            "case_clause" => {
                let mut cursor = node.walk();
                let mut children = node.named_children(&mut cursor);
                children.find(|c| c.kind() == "case_pattern").is_none_or(|p| text_of(p) != "_")
            }
            _ => true,
        }
    }

    fn decide(&mut self) {
        self.decisions += 1;
        if let Some(frame) = self.frames.last_mut() {
            frame.decisions += 1;
        }
    }

    fn add_flat(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.cognitive += 1;
        }
    }

    fn open(&mut self, node: Node<'t>, out: &mut Measured) {
        let name = self.name_of(node);
        let (start, end) = (node.start_position().row, node.end_position().row);
        let nested = self.frames.len() > 1;
        let index = out.metrics.functions.len();
        out.metrics.functions.push(FunctionMetrics {
            name: name.clone(),
            line: u32::try_from(start + 1).unwrap_or(u32::MAX),
            lines: u32::try_from(end - start + 1).unwrap_or(u32::MAX),
            cyclomatic: 1,
            cognitive: 0,
            own_cognitive: 0,
            nested,
        });
        self.frames.push(Frame {
            index: Some(index),
            name,
            // The body of an outermost function is at level 0.
            base: self.nesting + 1,
            decisions: 0,
            cognitive: 0,
            nested_increments: 0,
            recursive: false,
            inner: 0,
        });
    }

    fn name_of(&self, node: Node<'t>) -> String {
        let own = node.child_by_field_name("name").or_else(|| declared(node));
        let given = own.or_else(|| {
            let parent = self.parent(1)?;
            match parent.kind() {
                "variable_declarator" => parent.child_by_field_name("name"),
                "pair" => parent.child_by_field_name("key"),
                "assignment_expression" => parent.child_by_field_name("left"),
                "field_definition" | "public_field_definition" => {
                    parent.child_by_field_name("property").or_else(|| parent.child_by_field_name("name"))
                }
                _ => None,
            }
        });
        given
            .and_then(|name| self.text.get(name.byte_range()))
            .and_then(|name| name.lines().next())
            .map_or_else(|| "(anonymous)".to_owned(), |name| name.chars().take(80).collect())
    }

    fn leaf(&mut self, node: Node<'t>, kind: &str) {
        mark(&mut self.code_rows, self.text, node);
        let Some(token) = self.text.get(node.byte_range()) else {
            return;
        };
        if token.trim().is_empty() || matches!(kind, ")" | "]" | "}") {
            return;
        }
        if node.is_named() {
            *self.operands.entry(token).or_default() += 1;
            return;
        }
        *self.operators.entry(token).or_default() += 1;
        if kind == "else" && self.parent(1).is_some_and(|parent| self.kinds.else_parents.contains(&parent.kind())) {
            self.add_flat();
        }
        if !self.kinds.logical.contains(&kind) {
            return;
        }
        let Some(parent) = self.parent(1) else { return };
        if !self.kinds.logical_parents.contains(&parent.kind()) {
            return;
        }
        self.decide();
        if self.begins_run(node, parent, kind) {
            self.add_flat();
        }
    }

    /// Whether a logical operator begins a run of like operators: the left operand does not end
    /// in the same operator, and no operator before it in the same chain is the same.
    fn begins_run(&self, operator: Node<'t>, parent: Node<'t>, kind: &str) -> bool {
        let mut cursor = parent.walk();
        let mut before: Option<Node<'_>> = None;
        // A chain longer than this has begun its run long before.
        for child in parent.children(&mut cursor).take(256) {
            if child == operator {
                break;
            }
            if !child.is_named() && child.kind() == kind {
                return false;
            }
            before = Some(child);
        }
        let Some(left) = before else { return true };
        if !self.kinds.logical_parents.contains(&left.kind()) {
            return true;
        }
        let mut cursor = left.walk();
        !left.children(&mut cursor).any(|child| !child.is_named() && child.kind() == kind)
    }

    fn leave(&mut self, node: Node<'t>, out: &mut Measured) {
        let Some(step) = self.path.pop() else { return };
        debug_assert_eq!(step.node, node, "the walk leaves what it entered");
        if step.nests {
            self.nesting = self.nesting.saturating_sub(1);
        }
        if !step.frame || self.frames.len() < 2 {
            return;
        }
        let Some(mut frame) = self.frames.pop() else {
            return;
        };
        if frame.recursive {
            frame.cognitive += 1;
        }
        if let Some(function) = frame.index.and_then(|i| out.metrics.functions.get_mut(i)) {
            function.cyclomatic = 1 + frame.decisions;
            function.cognitive = frame.cognitive;
            function.own_cognitive = frame.cognitive.saturating_sub(frame.inner);
        }
        if let Some(outer) = self.frames.last_mut() {
            // What grew with nesting grows by the levels between the two beginnings. A function
            // directly in the file does not nest in it.
            let levels = match outer.index {
                Some(_) => frame.base.saturating_sub(outer.base),
                None => 0,
            };
            let inner = frame.cognitive + frame.nested_increments.saturating_mul(levels);
            outer.cognitive += inner;
            outer.inner += inner;
            outer.nested_increments += frame.nested_increments;
        }
    }

    fn finish(self, out: &mut Measured) {
        let metrics = &mut out.metrics;
        let code = self.code_rows.iter().filter(|&&row| row).count();
        let comments =
            self.code_rows.iter().zip(&self.comment_rows).filter(|&(&code, &comment)| comment && !code).count();
        metrics.sloc = u32::try_from(code).unwrap_or(u32::MAX);
        metrics.comment_lines = u32::try_from(comments).unwrap_or(u32::MAX);
        if !self.kinds.decisions.is_empty() {
            metrics.cyclomatic = 1 + self.decisions;
            metrics.cognitive = self.frames.first().map_or(0, |file| file.cognitive);
        }
        let length: u64 = self.operators.values().chain(self.operands.values()).sum();
        let vocabulary = self.operators.len() + self.operands.len();
        if vocabulary > 0 {
            metrics.halstead_volume = round2(length as f64 * (vocabulary as f64).log2());
        }
        if metrics.sloc > 0 && !self.kinds.decisions.is_empty() {
            metrics.maintainability_index =
                Some(maintainability_index(metrics.halstead_volume, metrics.cyclomatic, metrics.sloc));
        }
    }
}

/// The name inside the declarators of C and C++.
fn declared(node: Node<'_>) -> Option<Node<'_>> {
    let mut name = node.child_by_field_name("declarator")?;
    for _ in 0..16 {
        match name.child_by_field_name("declarator") {
            Some(inner) => name = inner,
            None => break,
        }
    }
    Some(name)
}

/// Marks the lines of a node that are not blank.
fn mark(rows: &mut [bool], text: &str, node: Node<'_>) {
    let Some(token) = text.get(node.byte_range()) else {
        return;
    };
    let first = node.start_position().row;
    for (offset, line) in token.lines().enumerate() {
        if let Some(row) = rows.get_mut(first + offset)
            && !line.trim().is_empty()
        {
            *row = true;
        }
    }
}
