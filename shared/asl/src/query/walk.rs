//! Applies the steps of a path to a document.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::query::limits::{Allowance, LimitExceeded};
use crate::query::path::PathError;
use crate::query::path_parser::{Function, Step};

const PROVIDER: &str = "com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider";

/// Why a walk ended early. The texts are the service's library's.
#[derive(Debug)]
pub(crate) enum Stop {
    Missing(String),
    OutOfRange(String),
    NotApplicable(String),
    Limit(LimitExceeded),
}

impl From<LimitExceeded> for Stop {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}

impl Stop {
    pub(crate) fn into_error(self, path: &str) -> PathError {
        let path = path.to_owned();
        match self {
            Self::Missing(reason) => PathError::NotFound { path, reason },
            Self::OutOfRange(reason) => PathError::IndexOutOfRange { path, reason },
            Self::NotApplicable(reason) => PathError::NotApplicable { path, reason },
            Self::Limit(limit) => PathError::Limit(limit),
        }
    }
}

type Nodes<'v> = Vec<Cow<'v, Value>>;

/// Whether the steps name at most one value.
pub(crate) fn is_definite(steps: &[Step]) -> bool {
    if matches!(steps.last(), Some(Step::Function(_))) && steps.iter().any(|step| matches!(step, Step::Scan)) {
        return true;
    }
    let last = steps.len().saturating_sub(1);
    steps.iter().enumerate().all(|(at, step)| is_definite_step(step, at == last))
}

fn is_definite_step(step: &Step, leaf: bool) -> bool {
    match step {
        Step::Names(names) => names.len() == 1 || leaf,
        Step::Indexes(indexes) => indexes.len() == 1,
        Step::Function(_) => true,
        Step::Slice { .. } | Step::Wildcard | Step::Filter(_) | Step::Scan => false,
    }
}

/// Applies all steps. While every step so far was definite, a value that does not fit ends the walk; afterwards it is
/// left out.
pub(crate) fn evaluate<'v>(
    steps: &[Step],
    document: &'v Value,
    current: &'v Value,
    allowance: &mut Allowance,
) -> Result<Nodes<'v>, Stop> {
    let mut nodes: Vec<&'v Value> = vec![current];
    let mut strict = true;
    let mut scanned = false;
    let mut at = 0;
    while let Some(step) = steps.get(at) {
        let leaf = at + 1 == steps.len();
        let place = Place { steps, at, strict, leaf };
        match step {
            Step::Scan => {
                let next = steps.get(at + 1);
                at += 2;
                let leaf = at == steps.len();
                if let (true, Some(Step::Names(names))) = (leaf, next)
                    && names.len() > 1
                {
                    let containers = scan_containers(&nodes, allowance)?;
                    return Ok(containers.into_iter().filter_map(|node| merge(node, names)).collect());
                }
                nodes = scan(&nodes, next, document, allowance)?;
                strict = false;
                scanned = true;
                continue;
            }
            Step::Names(names) if names.len() > 1 && leaf => {
                let mut merged = Vec::new();
                for node in nodes {
                    allowance.visit(names.len())?;
                    match merge(node, names) {
                        Some(object) => merged.push(object),
                        None if strict => return Err(place.not_an_object(node)),
                        None => {}
                    }
                }
                return Ok(merged);
            }
            Step::Function(function) if scanned => {
                let all = Value::Array(nodes.into_iter().cloned().collect());
                allowance.charge(&all)?;
                return Ok(call(*function, &all).into_iter().map(|value| Cow::Owned(value.into_owned())).collect());
            }
            Step::Function(function) => {
                return Ok(nodes.into_iter().filter_map(|node| call(*function, node)).collect());
            }
            Step::Names(_) | Step::Indexes(_) | Step::Slice { .. } | Step::Wildcard | Step::Filter(_) => {
                let mut found = Vec::new();
                for node in nodes {
                    apply(step, node, document, &place, &mut found, allowance)?;
                }
                nodes = found;
            }
        }
        strict &= is_definite_step(step, leaf);
        at += 1;
    }
    Ok(nodes.into_iter().map(Cow::Borrowed).collect())
}

/// Where in the path a step stands, for what is tolerated and how it is worded.
struct Place<'p> {
    steps: &'p [Step],
    at: usize,
    strict: bool,
    leaf: bool,
}

impl Place<'_> {
    fn so_far(&self) -> String {
        render(self.steps.get(..self.at).unwrap_or_default())
    }

    fn not_an_object(&self, node: &Value) -> Stop {
        self.no_object_but(java_class(node))
    }

    fn no_object_but(&self, class: &str) -> Stop {
        let property = self.steps.get(self.at).map(fragment).unwrap_or_default();
        Stop::Missing(format!(
            "Expected to find an object with property {property} in path {} but found '{class}'. This is not a json object \
             according to the JsonProvider: '{PROVIDER}'.",
            self.so_far()
        ))
    }

    fn not_an_array(&self, node: &Value) -> Stop {
        let rest: String = self.steps.get(self.at..).unwrap_or_default().iter().map(fragment).collect();
        Stop::NotApplicable(format!("Filter: {rest} can only be applied to arrays. Current context is: {node}"))
    }

    /// An index outside its array yields nothing, which the next step may not accept.
    fn out_of_range(&self) -> Stop {
        let here = render(self.steps.get(..=self.at).unwrap_or_default());
        let next = Place { steps: self.steps, at: self.at + 1, strict: true, leaf: false };
        match self.steps.get(self.at + 1) {
            None => Stop::OutOfRange(format!("No results for path: {here}")),
            Some(Step::Names(_)) => next.no_object_but("null"),
            Some(_) => Stop::Missing(format!("The path {here} is null")),
        }
    }
}

fn apply<'v>(
    step: &Step,
    node: &'v Value,
    document: &'v Value,
    place: &Place<'_>,
    found: &mut Vec<&'v Value>,
    allowance: &mut Allowance,
) -> Result<(), Stop> {
    allowance.visit(1)?;
    match step {
        Step::Names(names) => {
            let Value::Object(members) = node else {
                return if place.strict { Err(place.not_an_object(node)) } else { Ok(()) };
            };
            for name in names {
                allowance.visit(1)?;
                match members.get(name) {
                    Some(member) => found.push(member),
                    None if place.strict && names.len() == 1 && !place.leaf => {
                        return Err(Stop::Missing(format!("Missing property in path {}['{name}']", place.so_far())));
                    }
                    None => {}
                }
            }
        }
        Step::Indexes(indexes) => {
            let Value::Array(items) = node else {
                return if place.strict { Err(place.not_an_array(node)) } else { Ok(()) };
            };
            for index in indexes {
                allowance.visit(1)?;
                match item(items, *index) {
                    Some(item) => found.push(item),
                    None if place.strict && indexes.len() == 1 => return Err(place.out_of_range()),
                    None => {}
                }
            }
        }
        Step::Slice { from, to } => {
            let Value::Array(items) = node else {
                return if place.strict { Err(place.not_an_array(node)) } else { Ok(()) };
            };
            for index in slice(items.len(), *from, *to) {
                allowance.visit(1)?;
                found.extend(item(items, index));
            }
        }
        Step::Wildcard => match node {
            Value::Array(items) => {
                allowance.visit(items.len())?;
                found.extend(items);
            }
            Value::Object(members) => {
                allowance.visit(members.len())?;
                found.extend(members.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        },
        Step::Filter(filter) => match node {
            Value::Array(items) => {
                for item in items {
                    if filter.accepts(item, document, allowance)? {
                        found.push(item);
                    }
                }
            }
            Value::Object(_) => {
                if filter.accepts(node, document, allowance)? {
                    found.push(node);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) if place.strict => {
                return Err(Stop::NotApplicable(format!(
                    "Filter: [?] can not be applied to primitives. Current context is: {node}"
                )));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        },
        Step::Scan | Step::Function(_) => {}
    }
    Ok(())
}

/// Every object and array from these values down, outermost first.
fn scan_containers<'v>(nodes: &[&'v Value], allowance: &mut Allowance) -> Result<Vec<&'v Value>, Stop> {
    let mut containers = Vec::new();
    let mut open: Vec<&'v Value> = nodes.iter().rev().copied().collect();
    while let Some(node) = open.pop() {
        allowance.visit(1)?;
        match node {
            Value::Array(items) => {
                containers.push(node);
                open.extend(items.iter().rev());
            }
            Value::Object(members) => {
                containers.push(node);
                open.extend(members.values().rev());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(containers)
}

fn scan<'v>(
    nodes: &[&'v Value],
    next: Option<&Step>,
    document: &'v Value,
    allowance: &mut Allowance,
) -> Result<Vec<&'v Value>, Stop> {
    let Some(next) = next else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let place = Place { steps: &[], at: 0, strict: false, leaf: false };
    for container in scan_containers(nodes, allowance)? {
        // A filter after '..' is tried on each object by itself, so an array's items are not found twice.
        if matches!((next, container), (Step::Filter(_), Value::Array(_))) {
            continue;
        }
        apply(next, container, document, &place, &mut found, allowance)?;
    }
    Ok(found)
}

fn merge<'v>(node: &Value, names: &[String]) -> Option<Cow<'v, Value>> {
    let Value::Object(members) = node else { return None };
    let picked: Map<String, Value> =
        names.iter().filter_map(|name| members.get(name).map(|member| (name.clone(), member.clone()))).collect();
    Some(Cow::Owned(Value::Object(picked)))
}

fn call(function: Function, node: &Value) -> Option<Cow<'_, Value>> {
    match (function, node) {
        (Function::Length, Value::Array(items)) => Some(Cow::Owned(items.len().into())),
        (Function::Length, Value::Object(members)) => Some(Cow::Owned(members.len().into())),
        (Function::Keys, Value::Object(members)) => {
            Some(Cow::Owned(Value::Array(members.keys().cloned().map(Value::String).collect())))
        }
        (Function::First, Value::Array(items)) => items.first().map(Cow::Borrowed),
        (Function::Last, Value::Array(items)) => items.last().map(Cow::Borrowed),
        (Function::Length | Function::Keys | Function::First | Function::Last | Function::Aggregate, _) => None,
    }
}

fn item(items: &[Value], index: i64) -> Option<&Value> {
    let length = i64::try_from(items.len()).ok()?;
    let index = if index < 0 { length.checked_add(index)? } else { index };
    items.get(usize::try_from(index).ok()?)
}

fn slice(length: usize, from: Option<i64>, to: Option<i64>) -> std::ops::Range<i64> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    match (from, to) {
        (Some(from), None) => (if from < 0 { (length + from).max(0) } else { from })..length,
        (None, Some(to)) => 0..(if to < 0 { length + to } else { to.min(length) }),
        (Some(from), Some(to)) => from.max(-length)..to.min(length),
        (None, None) => 0..length,
    }
}

/// What the library says where a definite path ends at nothing.
pub(crate) fn no_results(steps: &[Step]) -> String {
    format!("No results for path: {}", render(steps))
}

fn render(steps: &[Step]) -> String {
    std::iter::once("$".to_owned()).chain(steps.iter().map(fragment)).collect()
}

fn fragment(step: &Step) -> String {
    match step {
        Step::Names(names) => {
            let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
            format!("[{}]", quoted.join(","))
        }
        Step::Indexes(indexes) => {
            let indexes: Vec<_> = indexes.iter().map(ToString::to_string).collect();
            format!("[{}]", indexes.join(","))
        }
        Step::Slice { from, to } => {
            let bound = |bound: &Option<i64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
            format!("[{}:{}]", bound(from), bound(to))
        }
        Step::Wildcard => "[*]".to_owned(),
        Step::Filter(_) => "[?]".to_owned(),
        Step::Scan => "..".to_owned(),
        Step::Function(function) => {
            let name = match function {
                Function::Length => "length",
                Function::Keys => "keys",
                Function::First => "first",
                Function::Last => "last",
                Function::Aggregate => "aggregate",
            };
            format!(".{name}()")
        }
    }
}

fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "com.fasterxml.jackson.databind.node.NullNode",
        Value::Bool(_) => "com.fasterxml.jackson.databind.node.BooleanNode",
        Value::Number(number) if number.is_f64() => "com.fasterxml.jackson.databind.node.DoubleNode",
        Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {
            "com.fasterxml.jackson.databind.node.IntNode"
        }
        Value::Number(number) if number.is_i64() => "com.fasterxml.jackson.databind.node.LongNode",
        Value::Number(_) => "com.fasterxml.jackson.databind.node.BigIntegerNode",
        Value::String(_) => "com.fasterxml.jackson.databind.node.TextNode",
        Value::Array(_) => "com.fasterxml.jackson.databind.node.ArrayNode",
        Value::Object(_) => "com.fasterxml.jackson.databind.node.ObjectNode",
    }
}
