//! Evaluating an expression: everything but paths and calls.

use std::rc::Rc;

use indexmap::IndexMap;

use super::ast::{Kind, Node, Operator};
use super::budget::Budget;
use super::problem::{Fallible, fail, problem};
use super::value::{Arr, Func, Kind as Type, Lambda, Val, boolean, shown};
use super::{functions, text};
use crate::query::{Entropy, Scope};

/// Where variables live. Frames are kept until the evaluation is over, since functions hold on to them.
#[derive(Default)]
struct Frame<'a> {
    parent: Option<usize>,
    bindings: Vec<(Rc<str>, Val<'a>)>,
}

/// An evaluation.
pub(super) struct Evaluation<'a, 'e> {
    scope: Scope<'a>,
    labels: &'a [String],
    reads_context: bool,
    /// `$$`; expressions of a state machine have none.
    root: Val<'a>,
    frames: Vec<Frame<'a>>,
    pub(super) entropy: &'e mut Entropy,
    pub(super) budget: Budget,
}

impl<'a, 'e> Evaluation<'a, 'e> {
    pub(super) fn new(scope: Scope<'a>, labels: &'a [String], reads_context: bool, entropy: &'e mut Entropy) -> Self {
        let budget = Budget::default();
        let root = Val::Undefined;
        Self { scope, labels, reads_context, root, frames: vec![Frame::default()], entropy, budget }
    }

    #[cfg(test)]
    pub(super) fn with_root(mut self, root: Val<'a>) -> Self {
        self.root = root;
        self
    }

    /// Now, in milliseconds since 1970.
    pub(super) const fn now(&self) -> i64 {
        self.scope.now.millis()
    }

    pub(super) fn frame(&mut self, parent: usize) -> Fallible<usize> {
        self.budget.make(64)?;
        self.frames.push(Frame { parent: Some(parent), bindings: Vec::new() });
        Ok(self.frames.len() - 1)
    }

    pub(super) fn bind(&mut self, frame: usize, name: &str, value: Val<'a>) {
        if let Some(frame) = self.frames.get_mut(frame) {
            match frame.bindings.iter_mut().find(|(known, _)| &**known == name) {
                Some((_, old)) => *old = value,
                None => frame.bindings.push((Rc::from(name), value)),
            }
        }
    }

    pub(super) fn lookup(&self, frame: usize, name: &str) -> Val<'a> {
        let mut at = Some(frame);
        while let Some(frame) = at.and_then(|at| self.frames.get(at)) {
            if let Some((_, value)) = frame.bindings.iter().find(|(known, _)| &**known == name) {
                return value.clone();
            }
            at = frame.parent;
        }
        if name == "states" {
            return self.states();
        }
        if let Some(value) = self.scope.variables.get(name) {
            return Val::from(value);
        }
        functions::find(name).map_or(Val::Undefined, |number| Val::Function(Rc::new(Func::Builtin(number))))
    }

    /// `$states`
    fn states(&self) -> Val<'a> {
        let mut fields = IndexMap::with_capacity(4);
        fields.insert(Rc::from("input"), Val::from(self.scope.input));
        if self.reads_context {
            fields.insert(Rc::from("context"), Val::from(self.scope.context.value()));
        }
        if let Some(result) = self.scope.result {
            fields.insert(Rc::from("result"), Val::from(result));
        }
        if let Some(error_output) = self.scope.error_output {
            fields.insert(Rc::from("errorOutput"), Val::from(error_output));
        }
        Val::object(fields)
    }

    pub(super) fn label(&self, slot: usize) -> &'a str {
        self.labels.get(slot).map_or("", String::as_str)
    }

    pub(super) fn evaluate(&mut self, node: &'a Node, input: &Val<'a>, frame: usize) -> Fallible<Val<'a>> {
        self.budget.enter()?;
        let mut result = match &node.kind {
            Kind::Path { steps, keep_singleton } => self.path(node, steps, *keep_singleton, input, frame)?,
            Kind::Name(name) => self.name(input, name)?,
            Kind::Text(text) => Val::text(text),
            Kind::Number(number) => Val::Number(*number),
            Kind::Bool(flag) => Val::Bool(*flag),
            Kind::Null => Val::Null,
            Kind::Variable(name) if name.is_empty() => input.clone(),
            Kind::Variable(name) if name == "$" => self.root.clone(),
            Kind::Variable(name) => self.lookup(frame, name),
            _ => self.compound(node, input, frame)?,
        };
        for filter in &node.predicate {
            result = self.filter(filter, result, frame)?;
        }
        if let (Some(pairs), false) = (&node.group, matches!(node.kind, Kind::Path { .. })) {
            result = self.group(pairs, &result, frame)?;
        }
        self.budget.leave();
        if let Val::Array(array) = &mut result
            && array.sequence
            && !array.tuples
        {
            let keep = node.keep_array || array.keep_singleton;
            match array.items.len() {
                0 => return Ok(Val::Undefined),
                1 if !keep => return Ok(array.items.first().cloned().unwrap_or(Val::Undefined)),
                _ if node.keep_array && !array.keep_singleton => Rc::make_mut(array).keep_singleton = true,
                _ => {}
            }
        }
        Ok(result)
    }

    /// The rarer kinds, kept apart so that nesting takes little stack.
    #[inline(never)]
    fn compound(&mut self, node: &'a Node, input: &Val<'a>, frame: usize) -> Fallible<Val<'a>> {
        match &node.kind {
            Kind::Binary { operator, left, right } => self.binary(*operator, left, right, input, frame),
            Kind::Negate(inner) => {
                let value = self.evaluate(inner, input, frame)?;
                match (value.is_undefined(), value.number()?) {
                    (true, _) => Ok(Val::Undefined),
                    (_, Some(number)) => Ok(Val::Number(-number)),
                    _ => Err(problem("D1002").with_value(shown(&value)).with_token("-")),
                }
            }
            Kind::Array(items) => self.array(items, node.cons, input, frame),
            Kind::Object(pairs) => self.group(pairs, input, frame),
            Kind::Wildcard => self.wildcard(input),
            Kind::Descendants => {
                let mut found = Vec::new();
                if !input.is_undefined() {
                    self.descendants(input, &mut found)?;
                }
                Ok(match found.len() {
                    1 => found.pop().unwrap_or(Val::Undefined),
                    _ => Val::sequence(found),
                })
            }
            Kind::Parent(slot) => Ok(self.lookup(frame, self.label(*slot))),
            Kind::Condition { condition, then, otherwise } => {
                let value = self.evaluate(condition, input, frame)?;
                match (boolean(&value)?.unwrap_or_default(), otherwise) {
                    (true, _) => self.evaluate(then, input, frame),
                    (false, Some(otherwise)) => self.evaluate(otherwise, input, frame),
                    (false, None) => Ok(Val::Undefined),
                }
            }
            Kind::Block(expressions) => {
                let frame = self.frame(frame)?;
                let mut result = Val::Undefined;
                for expression in expressions {
                    result = self.evaluate(expression, input, frame)?;
                }
                Ok(result)
            }
            Kind::Bind { name, value } => {
                let value = self.evaluate(value, input, frame)?;
                self.bind(frame, name, value.clone());
                Ok(value)
            }
            Kind::Regex(regex) => Ok(Val::Function(Rc::new(Func::Regex(regex)))),
            Kind::Call { procedure, arguments } => self.call(procedure, arguments, input, frame, None),
            Kind::Partial { procedure, arguments } => self.partial(procedure, arguments, input, frame),
            Kind::Lambda { parameters, signature, body, thunk } => {
                let lambda = Lambda {
                    parameters: parameters.iter().map(String::as_str).collect(),
                    signature: signature.as_ref(),
                    body,
                    frame,
                    input: input.clone(),
                    thunk: *thunk,
                };
                Val::Function(Rc::new(Func::Lambda(lambda))).checked()
            }
            Kind::Apply { left, right } => self.apply_operator(left, right, input, frame),
            Kind::Transform { pattern, update, delete } => {
                let delete = delete.as_deref();
                Ok(Val::Function(Rc::new(Func::Transform { pattern, update, delete, frame })))
            }
            Kind::Sort(_)
            | Kind::Path { .. }
            | Kind::Name(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Bool(_)
            | Kind::Null
            | Kind::Variable(_) => Ok(Val::Undefined),
        }
    }

    /// A field of an object, or of every object in an array.
    pub(super) fn name(&mut self, input: &Val<'a>, name: &str) -> Fallible<Val<'a>> {
        if !input.is_array() {
            return Ok(input.field(name));
        }
        self.budget.step(input.len())?;
        let mut found = Vec::new();
        for item in input.items() {
            match self.name(&item, name)? {
                Val::Undefined => {}
                value if value.is_array() => found.extend(value.items()),
                value => found.push(value),
            }
        }
        self.budget.make_array(found.len())?;
        Ok(Val::sequence(found))
    }

    fn wildcard(&mut self, input: &Val<'a>) -> Fallible<Val<'a>> {
        let mut found = Vec::new();
        let values: Vec<Val<'a>> = match input.kind() {
            Type::Array => input.each(),
            _ => input.fields().into_iter().map(|(_, value)| value).collect(),
        };
        let mut is_sequence = true;
        for value in values {
            if value.is_array() {
                is_sequence = false;
                self.flatten(&value, &mut found)?;
            } else {
                found.push(value);
            }
        }
        self.budget.make_array(found.len())?;
        Ok(Arr { items: found, sequence: is_sequence, ..Arr::default() }.into_val())
    }

    fn flatten(&mut self, value: &Val<'a>, found: &mut Vec<Val<'a>>) -> Fallible<()> {
        self.budget.step(1)?;
        if value.is_array() {
            value.items().try_for_each(|item| self.flatten(&item, found))
        } else {
            found.push(value.clone());
            Ok(())
        }
    }

    fn descendants(&mut self, input: &Val<'a>, found: &mut Vec<Val<'a>>) -> Fallible<()> {
        self.budget.step(1)?;
        if input.is_array() {
            return input.items().try_for_each(|item| self.descendants(&item, found));
        }
        found.push(input.clone());
        self.budget.make_array(1)?;
        input.fields().iter().try_for_each(|(_, value)| self.descendants(value, found))
    }

    fn array(&mut self, items: &'a [Node], cons: bool, input: &Val<'a>, frame: usize) -> Fallible<Val<'a>> {
        let mut made: Vec<Val<'a>> = Vec::with_capacity(items.len());
        for item in items {
            match self.evaluate(item, input, frame)? {
                Val::Undefined => {}
                value if value.is_array() && !matches!(item.kind, Kind::Array(_)) => {
                    self.budget.make_array(made.len() + value.len())?;
                    made.extend(value.items());
                }
                value => made.push(value),
            }
        }
        self.budget.make_array(made.len())?;
        Arr { items: made, cons, ..Arr::default() }.into_val().checked()
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &'a Node,
        right: &'a Node,
        input: &Val<'a>,
        frame: usize,
    ) -> Fallible<Val<'a>> {
        let one = self.evaluate(left, input, frame)?;
        if matches!(operator, Operator::And | Operator::Or) {
            let first = boolean(&one)?.unwrap_or_default();
            if first == (operator == Operator::Or) {
                return Ok(Val::Bool(first));
            }
            let other = self.evaluate(right, input, frame)?;
            return Ok(Val::Bool(boolean(&other)?.unwrap_or_default()));
        }
        let other = self.evaluate(right, input, frame)?;
        self.operate(operator, &one, &other).map_err(|problem| problem.with_token(operator.text()))
    }

    fn operate(&mut self, operator: Operator, one: &Val<'a>, other: &Val<'a>) -> Fallible<Val<'a>> {
        match operator {
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
                let (left, right) = (one.number()?, other.number()?);
                if !one.is_undefined() && left.is_none() {
                    return Err(problem("T2001").with_value(shown(one)));
                }
                if !other.is_undefined() && right.is_none() {
                    return Err(problem("T2002").with_value(shown(other)));
                }
                let (Some(left), Some(right)) = (left, right) else { return Ok(Val::Undefined) };
                Ok(Val::Number(match operator {
                    Operator::Add => left + right,
                    Operator::Subtract => left - right,
                    Operator::Multiply => left * right,
                    Operator::Divide => left / right,
                    _ => left % right,
                }))
            }
            Operator::Equal | Operator::NotEqual => {
                if one.is_undefined() || other.is_undefined() {
                    return Ok(Val::Bool(false));
                }
                self.budget.step(one.len().min(other.len()))?;
                Ok(Val::Bool(one.same(other) == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                compare(operator, one, other)
            }
            Operator::Concat => {
                let mut joined = String::new();
                for value in [one, other] {
                    if let Some(text) = text::string(value, false)? {
                        self.budget.make(joined.len() + text.len())?;
                        joined.push_str(&text);
                    }
                }
                Ok(Val::text(joined))
            }
            Operator::Range => self.range(one, other),
            Operator::In => {
                if one.is_undefined() || other.is_undefined() {
                    return Ok(Val::Bool(false));
                }
                self.budget.step(other.len())?;
                // Identity, as for JavaScript's `===`: arrays and objects are in nothing.
                let is_plain = !matches!(one.kind(), Type::Array | Type::Object);
                Ok(Val::Bool(is_plain && other.each().iter().any(|item| item.same(one))))
            }
            Operator::And | Operator::Or => Ok(Val::Undefined),
        }
    }

    fn range(&mut self, one: &Val<'a>, other: &Val<'a>) -> Fallible<Val<'a>> {
        let whole = |value: &Val<'a>| value.float().filter(|number| number.is_finite() && number.fract() == 0.0);
        let (from, to) = (whole(one), whole(other));
        if !one.is_undefined() && from.is_none() {
            return Err(problem("T2003").with_value(shown(one)));
        }
        if !other.is_undefined() && to.is_none() {
            return Err(problem("T2004").with_value(shown(other)));
        }
        let (Some(from), Some(to)) = (from, to) else { return Ok(Val::Undefined) };
        if from > to {
            return Ok(Val::Undefined);
        }
        let size = to - from + 1.0;
        if size > 1e7 {
            return Err(problem("D2014").with_value(shown(&Val::Number(size))));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        let length = size as usize;
        self.budget.make_array(length)?;
        let mut items = Vec::with_capacity(length);
        let mut next = from;
        while next <= to && items.len() < length {
            items.push(Val::Number(next));
            next += 1.0;
        }
        Ok(Val::sequence(items))
    }

    /// An object constructor or a grouping: for each key the value over all items that have it.
    pub(super) fn group(&mut self, pairs: &'a [(Node, Node)], input: &Val<'a>, frame: usize) -> Fallible<Val<'a>> {
        let tuples = input.is_tuples();
        let mut items = if input.is_array() { input.each() } else { vec![input.clone()] };
        if items.is_empty() && !tuples {
            items.push(Val::Undefined);
        }
        let single = items.len() == 1;
        let mut groups: IndexMap<Rc<str>, (usize, Vec<Val<'a>>)> = IndexMap::new();
        for item in items {
            let (context, inner) = self.unpacked(&item, tuples, frame)?;
            for (number, (key, _)) in pairs.iter().enumerate() {
                let key = self.evaluate(key, &context, inner)?;
                if key.is_undefined() {
                    continue;
                }
                let Some(name) = key.as_str() else { return Err(problem("T1003").with_value(shown(&key))) };
                let (first, members) = groups.entry(Rc::from(name)).or_insert_with(|| (number, Vec::new()));
                if *first != number {
                    return Err(problem("D1009").with_value(shown(&key)));
                }
                self.budget.make_array(1)?;
                members.push(item.clone());
            }
        }
        let mut made = IndexMap::with_capacity(groups.len());
        for (key, (number, members)) in groups {
            let Some((_, value)) = pairs.get(number) else { continue };
            let (context, inner) = if tuples {
                let tuple = self.reduced(&members)?;
                let inner = self.frame(frame)?;
                for (name, value) in tuple.fields().into_iter().filter(|(name, _)| &**name != "@") {
                    self.bind(inner, &name, value);
                }
                (tuple.field("@"), inner)
            } else if single || members.len() == 1 {
                (members.into_iter().next().unwrap_or(Val::Undefined), frame)
            } else {
                let mut all = Vec::new();
                for member in members {
                    if member.is_array() { all.extend(member.items()) } else { all.push(member) }
                }
                self.budget.make_array(all.len())?;
                (Val::sequence(all), frame)
            };
            match self.evaluate(value, &context, inner)? {
                Val::Undefined => {}
                value => {
                    self.budget.make(key.len() + 16)?;
                    made.insert(key, value);
                }
            }
        }
        Val::object(made).checked()
    }
}

fn compare<'a>(operator: Operator, one: &Val<'a>, other: &Val<'a>) -> Fallible<Val<'a>> {
    let (left, right) = (one.kind(), other.kind());
    let comparable = |kind: Type| matches!(kind, Type::Undefined | Type::Text | Type::Number);
    if !comparable(left) || !comparable(right) {
        let bad = if matches!(left, Type::Text | Type::Number) { other } else { one };
        return Err(problem("T2010").with_value(shown(bad)));
    }
    if left == Type::Undefined || right == Type::Undefined {
        return Ok(Val::Undefined);
    }
    if left != right {
        return Err(problem("T2009").with_value(shown(one)).with_value2(shown(other)));
    }
    let order = match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => Some(one.encode_utf16().cmp(other.encode_utf16())),
        _ => one.float().zip(other.float()).and_then(|(one, other)| one.partial_cmp(&other)),
    };
    Ok(Val::Bool(order.is_some_and(|order| match operator {
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    })))
}

/// A function that is none.
pub(super) fn no_function<'a>() -> Fallible<Val<'a>> {
    fail("T1006")
}
