//! From the raw tree to what is evaluated: paths become lists of steps with their filters, `%` finds what it means, and
//! calls at the end of functions become thunks.

use super::ast::{Kind, Node, Operator, Stage, Term};
use super::parser::{Raw, RawKind};
use super::problem::{Fallible, fail, problem};
use super::signature::Signature;

/// What a `%` looks for.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The variable that will hold what it means.
    label: usize,
    level: i32,
}

/// Turns a raw tree into one that can be evaluated, with the label of each slot of a `%`.
pub(super) fn process(raw: Raw) -> Fallible<(Node, Vec<String>)> {
    let mut processor = Processor::default();
    let made = processor.node(raw)?;
    if !made.seeking.is_empty() || matches!(made.node.kind, Kind::Parent(_)) {
        return fail("S0217");
    }
    let labels = processor.slots.iter().map(|slot| format!("!{}", slot.label)).collect();
    Ok((*made.node, labels))
}

/// A node with the slots that are still looking for their steps.
///
/// The node is boxed to keep small what recursion puts on the stack.
struct Made {
    node: Box<Node>,
    seeking: Vec<usize>,
}

impl Made {
    fn new(kind: Kind) -> Self {
        Self { node: Box::new(Node::new(kind)), seeking: Vec::new() }
    }

    /// The slots that look on from here: its own where it is a `%`.
    fn open(&mut self) -> Vec<usize> {
        let mut slots = std::mem::take(&mut self.seeking);
        if let Kind::Parent(slot) = self.node.kind {
            slots.push(slot);
        }
        slots
    }
}

#[derive(Default)]
struct Processor {
    slots: Vec<Slot>,
}

impl Processor {
    fn boxed(&mut self, raw: Raw, seeking: &mut Vec<usize>) -> Fallible<Box<Node>> {
        let mut made = self.node(raw)?;
        seeking.extend(made.open());
        Ok(made.node)
    }

    fn list(&mut self, raws: Vec<Raw>, seeking: &mut Vec<usize>) -> Fallible<Vec<Node>> {
        raws.into_iter().map(|raw| self.boxed(raw, seeking).map(|node| *node)).collect()
    }

    fn pairs(&mut self, raws: Vec<(Raw, Raw)>, seeking: &mut Vec<usize>) -> Fallible<Vec<(Node, Node)>> {
        raws.into_iter().map(|(key, value)| Ok((*self.boxed(key, seeking)?, *self.boxed(value, seeking)?))).collect()
    }

    fn node(&mut self, raw: Raw) -> Fallible<Made> {
        let mut seeking = Vec::new();
        let keep = raw.keep_array;
        let mut made = match raw.kind {
            RawKind::Binary(".", left, right) => self.path(*left, *right)?,
            RawKind::Binary("[", left, right) => self.filter(*left, *right)?,
            RawKind::Binary(":=", left, right) => {
                let RawKind::Variable(name) = left.kind else { return fail("S0212") };
                Made::new(Kind::Bind { name, value: self.boxed(*right, &mut seeking)? })
            }
            RawKind::Binary("@", left, right) => self.focus(*left, *right, keep)?,
            RawKind::Binary("#", left, right) => self.index(*left, *right)?,
            RawKind::Binary("~>", left, right) => {
                let (left, right) = (self.node(*left)?.node, self.node(*right)?.node);
                let keep = left.keep_array || right.keep_array;
                let mut made = Made::new(Kind::Apply { left, right });
                made.node.keep_array = keep;
                made
            }
            RawKind::Binary(operator, left, right) => self.operators(operator, *left, *right)?,
            RawKind::Group(left, pairs) => self.grouped(*left, pairs)?,
            RawKind::Sort(left, terms) => self.sort(*left, terms)?,
            RawKind::Negate(inner) => self.negated(*inner)?,
            RawKind::Array(items) => Made::new(Kind::Array(self.list(items, &mut seeking)?)),
            RawKind::Object(pairs) => Made::new(Kind::Object(self.pairs(pairs, &mut seeking)?)),
            RawKind::Call(procedure, arguments) => self.call(*procedure, arguments)?,
            RawKind::Partial(procedure, arguments) => self.partial(*procedure, arguments)?,
            RawKind::Lambda(parameters, signature, body) => self.lambda(parameters, signature, *body)?,
            RawKind::Condition(condition, then, otherwise) => self.condition(*condition, *then, otherwise)?,
            RawKind::Transform(pattern, update, delete) => Made::new(Kind::Transform {
                pattern: self.node(*pattern)?.node,
                update: self.node(*update)?.node,
                delete: delete.map(|raw| self.node(*raw).map(|made| made.node)).transpose()?,
            }),
            RawKind::Block(expressions) => self.block(expressions)?,
            RawKind::Name(name) => {
                let mut step = Node::new(Kind::Name(name));
                step.keep_array = keep;
                Made::new(Kind::Path { steps: vec![step], keep_singleton: keep })
            }
            RawKind::Parent => {
                let slot = self.slots.len();
                self.slots.push(Slot { label: slot, level: 1 });
                Made::new(Kind::Parent(slot))
            }
            RawKind::Variable(name) => Made::new(Kind::Variable(name)),
            RawKind::Text(text) => Made::new(Kind::Text(text)),
            RawKind::Number(number) => Made::new(Kind::Number(number)),
            RawKind::Bool(flag) => Made::new(Kind::Bool(flag)),
            RawKind::Null => Made::new(Kind::Null),
            RawKind::Wildcard => Made::new(Kind::Wildcard),
            RawKind::Descendants => Made::new(Kind::Descendants),
            RawKind::Regex(regex) => Made::new(Kind::Regex(regex)),
            RawKind::End => return fail("S0207"),
        };
        made.seeking.extend(seeking);
        made.node.keep_array |= keep;
        Ok(made)
    }

    /// Operators in a row, without recursion along the row.
    #[inline(never)]
    fn operators(&mut self, operator: &'static str, left: Raw, right: Raw) -> Fallible<Made> {
        let mut row = vec![(operator, right, false)];
        let mut first = left;
        while first.kind.is_plain() {
            let keep = first.keep_array;
            match first.kind {
                RawKind::Binary(operator, left, right) => {
                    row.push((operator, *right, keep));
                    first = *left;
                }
                kind => {
                    first.kind = kind;
                    break;
                }
            }
        }
        let mut seeking = Vec::new();
        let mut node = self.boxed(first, &mut seeking)?;
        while let Some((operator, right, keep)) = row.pop() {
            let Some(operator) = Operator::of(operator) else {
                return Err(problem("S0206").with_token(operator));
            };
            let right = self.boxed(right, &mut seeking)?;
            node = Box::new(Node::new(Kind::Binary { operator, left: node, right }));
            node.keep_array = keep;
        }
        Ok(Made { node, seeking })
    }

    #[inline(never)]
    fn grouped(&mut self, left: Raw, pairs: Vec<(Raw, Raw)>) -> Fallible<Made> {
        let mut made = self.node(left)?;
        if made.node.group.is_some() {
            return fail("S0210");
        }
        made.node.group = Some(self.pairs(pairs, &mut Vec::new())?);
        Ok(made)
    }

    #[inline(never)]
    fn negated(&mut self, inner: Raw) -> Fallible<Made> {
        let mut seeking = Vec::new();
        let mut inner = self.boxed(inner, &mut seeking)?;
        if let Kind::Number(number) = inner.kind {
            inner.kind = Kind::Number(-number);
            return Ok(Made { node: inner, seeking: Vec::new() });
        }
        Ok(Made { node: Box::new(Node::new(Kind::Negate(inner))), seeking })
    }

    #[inline(never)]
    fn call(&mut self, procedure: Raw, arguments: Vec<Raw>) -> Fallible<Made> {
        let mut seeking = Vec::new();
        let arguments = self.list(arguments, &mut seeking)?;
        let procedure = self.boxed(procedure, &mut Vec::new())?;
        Ok(Made { node: Box::new(Node::new(Kind::Call { procedure, arguments })), seeking })
    }

    #[inline(never)]
    fn partial(&mut self, procedure: Raw, arguments: Vec<Option<Raw>>) -> Fallible<Made> {
        let mut seeking = Vec::new();
        let arguments = arguments
            .into_iter()
            .map(|argument| argument.map(|raw| self.boxed(raw, &mut seeking).map(|node| *node)).transpose())
            .collect::<Fallible<Vec<_>>>()?;
        let procedure = self.boxed(procedure, &mut Vec::new())?;
        Ok(Made { node: Box::new(Node::new(Kind::Partial { procedure, arguments })), seeking })
    }

    #[inline(never)]
    fn lambda(&mut self, parameters: Vec<String>, signature: Option<Signature>, body: Raw) -> Fallible<Made> {
        let body = tail_call(self.node(body)?.node);
        Ok(Made::new(Kind::Lambda { parameters, signature, body, thunk: false }))
    }

    #[inline(never)]
    fn condition(&mut self, condition: Raw, then: Raw, otherwise: Option<Box<Raw>>) -> Fallible<Made> {
        let mut seeking = Vec::new();
        let condition = self.boxed(condition, &mut seeking)?;
        let then = self.boxed(then, &mut seeking)?;
        let otherwise = otherwise.map(|raw| self.boxed(*raw, &mut seeking)).transpose()?;
        Ok(Made { node: Box::new(Node::new(Kind::Condition { condition, then, otherwise })), seeking })
    }

    #[inline(never)]
    fn block(&mut self, expressions: Vec<Raw>) -> Fallible<Made> {
        let mut seeking = Vec::new();
        let expressions = self.list(expressions, &mut seeking)?;
        let cons = expressions.iter().any(|node| {
            node.cons || matches!(&node.kind, Kind::Path { steps, .. } if steps.first().is_some_and(|step| step.cons))
        });
        let mut node = Box::new(Node::new(Kind::Block(expressions)));
        node.cons = cons;
        Ok(Made { node, seeking })
    }

    #[inline(never)]
    fn path(&mut self, left: Raw, right: Raw) -> Fallible<Made> {
        let mut left = self.node(left)?;
        let mut seeking = left.open();
        let (mut path, mut steps, mut keep) = into_path(left.node);
        let mut right = self.node(right)?;
        let last_slots = right.open();
        match right.node.kind {
            Kind::Path { steps: more, keep_singleton } => {
                keep |= keep_singleton;
                steps.extend(more);
            }
            _ => {
                if !right.node.predicate.is_empty() {
                    right.node.stages =
                        std::mem::take(&mut right.node.predicate).into_iter().map(Stage::Filter).collect();
                }
                steps.push(*right.node);
            }
        }
        for step in &mut steps {
            match &mut step.kind {
                Kind::Number(number) => {
                    return Err(problem("S0213").with_value(crate::query::number::from_f64(*number).to_string()));
                }
                Kind::Bool(flag) => return Err(problem("S0213").with_value(flag.to_string())),
                Kind::Null => return Err(problem("S0213").with_value("null")),
                Kind::Text(text) => step.kind = Kind::Name(std::mem::take(text)),
                _ => {}
            }
            keep |= step.keep_array;
        }
        if let Some(first) = steps.first_mut() {
            first.cons |= matches!(first.kind, Kind::Array(_));
        }
        if let Some(last) = steps.last_mut() {
            last.cons |= matches!(last.kind, Kind::Array(_));
        }
        self.resolve(&mut steps, last_slots, &mut seeking)?;
        path.kind = Kind::Path { steps, keep_singleton: keep };
        Ok(Made { node: path, seeking })
    }

    /// Looks in the steps before the last one for what the slots of the last one mean.
    fn resolve(&mut self, steps: &mut [Node], slots: Vec<usize>, seeking: &mut Vec<usize>) -> Fallible<()> {
        for slot in slots {
            let mut index = steps.len().checked_sub(2);
            while self.level(slot) > 0 {
                let Some(mut at) = index else {
                    seeking.push(slot);
                    break;
                };
                // Of steps in a row that bind what they find, the first one counts.
                while at > 0
                    && steps.get(at).is_some_and(|step| step.focus.is_some())
                    && steps.get(at - 1).is_some_and(|step| step.focus.is_some())
                {
                    at -= 1;
                }
                index = at.checked_sub(1);
                if let Some(step) = steps.get_mut(at) {
                    self.seek(step, slot)?;
                }
            }
        }
        Ok(())
    }

    fn level(&self, slot: usize) -> i32 {
        self.slots.get(slot).map_or(0, |slot| slot.level)
    }

    fn shift(&mut self, slot: usize, by: i32) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.level += by;
        }
    }

    /// Is `node` what the slot means?
    fn seek(&mut self, node: &mut Node, slot: usize) -> Fallible<()> {
        match &mut node.kind {
            Kind::Name(_) | Kind::Wildcard => {
                self.shift(slot, -1);
                if self.level(slot) == 0 {
                    if let Some(label) = node.ancestor.and_then(|other| self.slots.get(other)).map(|other| other.label)
                        && let Some(slot) = self.slots.get_mut(slot)
                    {
                        slot.label = label;
                    }
                    node.ancestor = Some(slot);
                    node.tuple = true;
                }
            }
            Kind::Parent(_) => self.shift(slot, 1),
            Kind::Block(expressions) => {
                if let Some(last) = expressions.last_mut() {
                    node.tuple = true;
                    self.seek(last, slot)?;
                }
            }
            Kind::Path { steps, .. } => {
                node.tuple = true;
                let mut first = true;
                for step in steps.iter_mut().rev() {
                    if !first && self.level(slot) <= 0 {
                        break;
                    }
                    first = false;
                    self.seek(step, slot)?;
                }
            }
            _ => return fail("S0217"),
        }
        Ok(())
    }

    fn filter(&mut self, left: Raw, right: Raw) -> Fallible<Made> {
        let mut made = self.node(left)?;
        let mut filter = self.node(right)?;
        let slots = std::mem::take(&mut filter.seeking);
        let own = match filter.node.kind {
            Kind::Parent(slot) => Some(slot),
            _ => None,
        };
        let in_path = matches!(made.node.kind, Kind::Path { .. });
        let mut seeking = Vec::new();
        let step = match &mut made.node.kind {
            Kind::Path { steps, .. } => match steps.last_mut() {
                Some(step) => step,
                None => return fail("S0206"),
            },
            _ => &mut made.node,
        };
        if step.group.is_some() {
            return fail("S0209");
        }
        if !slots.is_empty() {
            for slot in &slots {
                if self.level(*slot) == 1 {
                    self.seek(step, *slot)?;
                } else {
                    self.shift(*slot, -1);
                }
            }
            seeking.extend(slots);
            seeking.extend(own);
        }
        if in_path {
            step.stages.push(Stage::Filter(*filter.node));
        } else {
            step.predicate.push(*filter.node);
        }
        made.seeking.extend(seeking.into_iter().filter(|slot| self.level(*slot) > 0));
        Ok(made)
    }

    fn sort(&mut self, left: Raw, terms: Vec<(bool, Raw)>) -> Fallible<Made> {
        let mut left = self.node(left)?;
        let mut seeking = std::mem::take(&mut left.seeking);
        let (mut path, mut steps, keep) = into_path(left.node);
        let mut slots = Vec::new();
        let terms = terms
            .into_iter()
            .map(|(descending, raw)| Ok(Term { descending, expression: *self.boxed(raw, &mut slots)? }))
            .collect::<Fallible<Vec<_>>>()?;
        steps.push(Node::new(Kind::Sort(terms)));
        self.resolve(&mut steps, slots, &mut seeking)?;
        path.kind = Kind::Path { steps, keep_singleton: keep };
        Ok(Made { node: path, seeking })
    }

    fn focus(&mut self, left: Raw, right: Raw, keep: bool) -> Fallible<Made> {
        let mut made = self.node(left)?;
        let step = match &mut made.node.kind {
            Kind::Path { steps, .. } => match steps.last_mut() {
                Some(step) => step,
                None => return fail("S0206"),
            },
            _ => &mut made.node,
        };
        if !step.stages.is_empty() || !step.predicate.is_empty() {
            return fail("S0215");
        }
        if matches!(step.kind, Kind::Sort(_)) {
            return fail("S0216");
        }
        step.keep_array |= keep;
        if let RawKind::Variable(name) = right.kind {
            step.focus = Some(name);
        }
        step.tuple = true;
        Ok(made)
    }

    fn index(&mut self, left: Raw, right: Raw) -> Fallible<Made> {
        let mut left = self.node(left)?;
        let seeking = std::mem::take(&mut left.seeking);
        if !matches!(left.node.kind, Kind::Path { .. }) && !left.node.predicate.is_empty() {
            left.node.stages = std::mem::take(&mut left.node.predicate).into_iter().map(Stage::Filter).collect();
        }
        let (mut path, mut steps, keep) = into_path(left.node);
        if let (Some(step), RawKind::Variable(name)) = (steps.last_mut(), right.kind) {
            if step.stages.is_empty() {
                step.index = Some(name);
            } else {
                step.stages.push(Stage::Index(name));
            }
            step.tuple = true;
        }
        path.kind = Kind::Path { steps, keep_singleton: keep };
        Ok(Made { node: path, seeking })
    }
}

/// A node as a path: itself without its steps, the steps, and whether a single value stays an array.
fn into_path(mut node: Box<Node>) -> (Box<Node>, Vec<Node>, bool) {
    match &mut node.kind {
        Kind::Path { steps, keep_singleton } => {
            let (steps, keep) = (std::mem::take(steps), *keep_singleton);
            (node, steps, keep)
        }
        _ => {
            let path = Node::new(Kind::Path { steps: Vec::new(), keep_singleton: false });
            (Box::new(path), vec![*node], false)
        }
    }
}

/// A call that a function ends with becomes a thunk, so that such a recursion needs no stack.
fn tail_call(mut node: Box<Node>) -> Box<Node> {
    match node.kind {
        Kind::Call { .. } if node.predicate.is_empty() => {
            Box::new(Node::new(Kind::Lambda { parameters: Vec::new(), signature: None, body: node, thunk: true }))
        }
        Kind::Condition { condition, then, otherwise } => {
            node.kind = Kind::Condition { condition, then: tail_call(then), otherwise: otherwise.map(tail_call) };
            node
        }
        Kind::Block(mut expressions) => {
            if let Some(last) = expressions.pop() {
                expressions.push(*tail_call(Box::new(last)));
            }
            node.kind = Kind::Block(expressions);
            node
        }
        _ => node,
    }
}
