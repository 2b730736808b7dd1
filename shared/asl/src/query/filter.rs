//! Filters of paths: `[?(@.price < 10 && @.tags anyof ['a','b'])]`.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use crate::query::limits::{Allowance, LimitExceeded};
use crate::query::path_parser::Step;
use crate::query::{number, walk};

/// A filter's condition.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare { left: Operand, operator: Operator, right: Operand },
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Literal(Value),
    Pattern(Regex),
    /// `@…`, or `$…` if `from_root`.
    Path {
        from_root: bool,
        steps: Vec<Step>,
    },
}

/// A comparison of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    SameTypeEqual,
    SameTypeNotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    All,
    Contains,
    Size,
    Empty,
}

impl Filter {
    /// Whether the filter accepts this value of the document.
    pub(crate) fn accepts(
        &self,
        current: &Value,
        document: &Value,
        allowance: &mut Allowance,
    ) -> Result<bool, LimitExceeded> {
        allowance.visit(1)?;
        match self {
            Self::Or(filters) => {
                for filter in filters {
                    if filter.accepts(current, document, allowance)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::And(filters) => {
                for filter in filters {
                    if !filter.accepts(current, document, allowance)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Not(filter) => Ok(!filter.accepts(current, document, allowance)?),
            Self::Exists(operand) => Ok(operand.resolve(current, document, allowance)?.is_some()),
            Self::Compare { left, operator, right } => {
                if *operator == Operator::Matches {
                    return matches(left, right, current, document, allowance);
                }
                let left = left.resolve(current, document, allowance)?;
                let right = right.resolve(current, document, allowance)?;
                compare(left.as_deref(), *operator, right.as_deref(), allowance)
            }
        }
    }
}

impl Operand {
    fn resolve<'v>(
        &'v self,
        current: &'v Value,
        document: &'v Value,
        allowance: &mut Allowance,
    ) -> Result<Option<Cow<'v, Value>>, LimitExceeded> {
        match self {
            Self::Literal(value) => Ok(Some(Cow::Borrowed(value))),
            Self::Pattern(_) => Ok(None),
            Self::Path { from_root, steps } => {
                let start = if *from_root { document } else { current };
                match walk::evaluate(steps, document, start, allowance) {
                    Ok(nodes) if walk::is_definite(steps) => Ok(nodes.into_iter().next()),
                    Ok(nodes) => {
                        for node in &nodes {
                            allowance.charge(node)?;
                        }
                        Ok(Some(Cow::Owned(Value::Array(nodes.into_iter().map(Cow::into_owned).collect()))))
                    }
                    Err(walk::Stop::Limit(limit)) => Err(limit),
                    Err(walk::Stop::Missing(_) | walk::Stop::OutOfRange(_) | walk::Stop::NotApplicable(_)) => Ok(None),
                }
            }
        }
    }
}

fn matches(
    left: &Operand,
    right: &Operand,
    current: &Value,
    document: &Value,
    allowance: &mut Allowance,
) -> Result<bool, LimitExceeded> {
    let ((subject, Operand::Pattern(pattern)) | (Operand::Pattern(pattern), subject)) = (left, right) else {
        return Ok(false);
    };
    let Some(subject) = subject.resolve(current, document, allowance)? else { return Ok(pattern.is_match("")) };
    Ok(match subject.as_ref() {
        Value::Array(items) => items.iter().any(|item| pattern.is_match(&subject_text(item))),
        other => pattern.is_match(&subject_text(other)),
    })
}

fn subject_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(_) | Value::Bool(_) => Cow::Owned(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Cow::Borrowed(""),
    }
}

fn compare(
    left: Option<&Value>,
    operator: Operator,
    right: Option<&Value>,
    allowance: &mut Allowance,
) -> Result<bool, LimitExceeded> {
    let both = left.zip(right);
    let order = |wanted: fn(Ordering) -> bool| both.and_then(|(left, right)| ordering(left, right)).is_some_and(wanted);
    Ok(match operator {
        Operator::Equal => both.is_some_and(|(left, right)| equal(left, right)),
        Operator::NotEqual => !both.is_some_and(|(left, right)| equal(left, right)),
        Operator::SameTypeEqual => both.is_some_and(|(left, right)| same_type_equal(left, right)),
        Operator::SameTypeNotEqual => !both.is_some_and(|(left, right)| same_type_equal(left, right)),
        Operator::Less => order(Ordering::is_lt),
        Operator::LessOrEqual => order(Ordering::is_le),
        Operator::Greater => order(Ordering::is_gt),
        Operator::GreaterOrEqual => order(Ordering::is_ge),
        Operator::In => is_in(left, right, allowance)?,
        Operator::NotIn => !is_in(left, right, allowance)?,
        Operator::SubsetOf => held(left, right, allowance)?.is_some_and(|(held, all)| held == all),
        Operator::AnyOf => held(left, right, allowance)?.is_some_and(|(held, _)| held > 0),
        Operator::NoneOf => held(left, right, allowance)?.is_some_and(|(held, _)| held == 0),
        Operator::All => held(right, left, allowance)?.is_some_and(|(held, all)| held == all),
        Operator::Contains => match both {
            Some((Value::String(text), Value::String(part))) => text.contains(part.as_str()),
            Some((Value::Array(_), _)) => is_in(right, left, allowance)?,
            _ => false,
        },
        Operator::Size => both.is_some_and(|(left, right)| size(left).is_some_and(|size| right.as_u64() == Some(size))),
        Operator::Empty => {
            both.is_some_and(|(left, right)| size(left).is_some_and(|size| right.as_bool() == Some(size == 0)))
        }
        Operator::Matches => false,
    })
}

fn is_in(item: Option<&Value>, list: Option<&Value>, allowance: &mut Allowance) -> Result<bool, LimitExceeded> {
    let (Some(item), Some(Value::Array(list))) = (item, list) else { return Ok(false) };
    allowance.visit(list.len())?;
    Ok(list.iter().any(|other| equal(item, other)))
}

/// How many items of one list the other list holds, and how many items there are.
fn held(
    items: Option<&Value>,
    list: Option<&Value>,
    allowance: &mut Allowance,
) -> Result<Option<(usize, usize)>, LimitExceeded> {
    let (Some(Value::Array(items)), Some(Value::Array(list))) = (items, list) else { return Ok(None) };
    allowance.visit(items.len().saturating_mul(list.len()))?;
    let held = items.iter().filter(|item| list.iter().any(|other| equal(item, other))).count();
    Ok(Some((held, items.len())))
}

fn size(value: &Value) -> Option<u64> {
    let size = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return None,
    };
    u64::try_from(size).ok()
}

/// Equality as the library has it: numbers by value, and a number equals its text.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => number::compare(left, right).is_eq(),
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            *text == number.to_string()
        }
        _ => left == right,
    }
}

fn same_type_equal(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right) && equal(left, right)
}

fn ordering(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Some(number::compare(left, right)),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}
