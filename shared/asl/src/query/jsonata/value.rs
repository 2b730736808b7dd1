//! Values while an expression is evaluated: the input stays where it is, what is made is shared.

use std::rc::Rc;

use indexmap::IndexMap;
use regex::Regex;
use serde_json::Value;

use super::ast::Node;
use super::problem::{Fallible, problem};
use super::signature::Signature;
use crate::query::number;

/// A value.
#[derive(Clone)]
pub(super) enum Val<'a> {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Rc<str>),
    Array(Rc<Arr<'a>>),
    Object(Rc<Obj<'a>>),
    Function(Rc<Func<'a>>),
    /// A text, array, object or large number of the input.
    Json(&'a Value),
}

/// An array that was made, with the marks that decide how it behaves in paths.
#[derive(Clone, Default)]
pub(super) struct Arr<'a> {
    pub(super) items: Vec<Val<'a>>,
    /// The result of a query: one item stands for itself.
    pub(super) sequence: bool,
    /// Written as `[…]` in a path: not flattened.
    pub(super) cons: bool,
    /// `[]`: one item stays an array.
    pub(super) keep_singleton: bool,
    /// The items are bindings, with the value under `@`.
    pub(super) tuples: bool,
    pub(super) depth: u32,
}

/// An object that was made.
#[derive(Clone, Default)]
pub(super) struct Obj<'a> {
    pub(super) fields: IndexMap<Rc<str>, Val<'a>>,
    pub(super) depth: u32,
}

/// A function.
pub(super) enum Func<'a> {
    Builtin(usize),
    Lambda(Lambda<'a>),
    Regex(&'a Regex),
    /// The next match of a regular expression, from a byte of a text on.
    NextMatch(&'a Regex, Rc<str>, usize),
    Transform {
        pattern: &'a Node,
        update: &'a Node,
        delete: Option<&'a Node>,
        frame: usize,
    },
    /// A built-in with some arguments given; `None` is still to come.
    PartialBuiltin(usize, Vec<Option<Val<'a>>>),
    /// One after the other.
    Chain(Val<'a>, Val<'a>),
}

#[derive(Clone)]
pub(super) struct Lambda<'a> {
    pub(super) parameters: Vec<&'a str>,
    pub(super) signature: Option<&'a Signature>,
    pub(super) body: &'a Node,
    pub(super) frame: usize,
    pub(super) input: Val<'a>,
    pub(super) thunk: bool,
}

/// The kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Undefined,
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
    Function,
}

/// The deepest nesting of a value that is made.
const DEEPEST: u32 = 120;

impl<'a> From<&'a Value> for Val<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(given) => match given.as_f64() {
                Some(float) if number::from_f64(float) == *value || given.is_f64() => Self::Number(float),
                // Not exact as a float: kept as it is for as long as nobody calculates with it.
                _ => Self::Json(value),
            },
            Value::String(_) | Value::Array(_) | Value::Object(_) => Self::Json(value),
        }
    }
}

impl<'a> Val<'a> {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Rc::from(text.as_ref()))
    }

    /// An array that is no sequence.
    pub(super) fn array(items: Vec<Self>) -> Self {
        Arr { items, ..Arr::default() }.into_val()
    }

    pub(super) fn sequence(items: Vec<Self>) -> Self {
        Arr { items, sequence: true, ..Arr::default() }.into_val()
    }

    pub(super) fn object(fields: IndexMap<Rc<str>, Self>) -> Self {
        let depth = fields.values().map(Self::depth).max().unwrap_or_default() + 1;
        Self::Object(Rc::new(Obj { fields, depth }))
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Undefined => Kind::Undefined,
            Self::Null | Self::Json(Value::Null) => Kind::Null,
            Self::Bool(_) | Self::Json(Value::Bool(_)) => Kind::Bool,
            Self::Number(_) | Self::Json(Value::Number(_)) => Kind::Number,
            Self::Text(_) | Self::Json(Value::String(_)) => Kind::Text,
            Self::Array(_) | Self::Json(Value::Array(_)) => Kind::Array,
            Self::Object(_) | Self::Json(Value::Object(_)) => Kind::Object,
            Self::Function(_) => Kind::Function,
        }
    }

    pub(super) const fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    pub(super) const fn is_array(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Json(Value::Array(_)))
    }

    pub(super) const fn is_function(&self) -> bool {
        matches!(self, Self::Function(_))
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The number, whatever it is.
    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Json(Value::Number(number)) => number.as_f64(),
            _ => None,
        }
    }

    /// The number, if it is one; an infinite one is an error.
    pub(super) fn number(&self) -> Fallible<Option<f64>> {
        match self.float() {
            Some(number) if number.is_infinite() => Err(problem("D1001").with_value("null")),
            Some(number) if number.is_nan() => Ok(None),
            number => Ok(number),
        }
    }

    /// The array with its marks, where it was made.
    pub(super) const fn made(&self) -> Option<&Rc<Arr<'a>>> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    pub(super) fn is_sequence(&self) -> bool {
        self.made().is_some_and(|array| array.sequence)
    }

    pub(super) fn is_tuples(&self) -> bool {
        self.made().is_some_and(|array| array.tuples)
    }

    /// How many items an array has; 0 for anything else.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Array(array) => array.items.len(),
            Self::Json(Value::Array(items)) => items.len(),
            _ => 0,
        }
    }

    pub(super) fn item(&self, index: usize) -> Self {
        match self {
            Self::Array(array) => array.items.get(index).cloned().unwrap_or(Self::Undefined),
            Self::Json(Value::Array(items)) => items.get(index).map_or(Self::Undefined, Self::from),
            _ => Self::Undefined,
        }
    }

    /// The items of an array; none for anything else.
    pub(super) fn items(&self) -> impl Iterator<Item = Self> + '_ {
        (0..self.len()).map(|index| self.item(index))
    }

    /// The items of an array, or the value itself.
    pub(super) fn each(&self) -> Vec<Self> {
        match self {
            Self::Array(array) => array.items.clone(),
            Self::Json(Value::Array(items)) => items.iter().map(Self::from).collect(),
            other => vec![other.clone()],
        }
    }

    pub(super) fn field(&self, name: &str) -> Self {
        match self {
            Self::Object(object) => object.fields.get(name).cloned().unwrap_or(Self::Undefined),
            Self::Json(Value::Object(fields)) => fields.get(name).map_or(Self::Undefined, Self::from),
            _ => Self::Undefined,
        }
    }

    /// The fields of an object; none for anything else.
    pub(super) fn fields(&self) -> Vec<(Rc<str>, Self)> {
        match self {
            Self::Object(object) => object.fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            Self::Json(Value::Object(fields)) => {
                fields.iter().map(|(name, value)| (Rc::from(name.as_str()), Self::from(value))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// How deeply what was made is nested; what comes from the input counts as one level.
    pub(super) fn depth(&self) -> u32 {
        match self {
            Self::Array(array) => array.depth,
            Self::Object(object) => object.depth,
            Self::Function(function) => match &**function {
                Func::Lambda(lambda) => lambda.input.depth() + 1,
                Func::Chain(first, second) => first.depth().max(second.depth()) + 1,
                Func::PartialBuiltin(_, arguments) => {
                    arguments.iter().flatten().map(Self::depth).max().unwrap_or_default() + 1
                }
                Func::Builtin(_) | Func::Regex(_) | Func::NextMatch(..) | Func::Transform { .. } => 1,
            },
            _ => 1,
        }
    }

    /// Refuses what is nested too deeply to be walked or dropped safely.
    pub(super) fn checked(self) -> Fallible<Self> {
        if self.depth() > DEEPEST {
            let message = format!("A value is nested more than {DEEPEST} levels deep. Flatten the data.");
            return Err(problem("").with_message(message));
        }
        Ok(self)
    }

    /// Equality of JSON, in any order of fields.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self.kind(), other.kind()) {
            (Kind::Undefined, Kind::Undefined) | (Kind::Null, Kind::Null) => true,
            (Kind::Bool, Kind::Bool) => self.truth() == other.truth(),
            (Kind::Number, Kind::Number) => match (self, other) {
                (Self::Json(one), Self::Json(other)) => one == other,
                _ => self.float() == other.float(),
            },
            (Kind::Text, Kind::Text) => self.as_str() == other.as_str(),
            (Kind::Array, Kind::Array) => {
                self.len() == other.len() && self.items().zip(other.items()).all(|(one, other)| one.same(&other))
            }
            (Kind::Object, Kind::Object) => {
                let fields = self.fields();
                fields.len() == other.fields().len()
                    && fields.iter().all(|(name, value)| match other.field(name) {
                        Self::Undefined => value.is_undefined(),
                        other => value.same(&other),
                    })
            }
            (Kind::Function, Kind::Function) => match (self, other) {
                (Self::Function(one), Self::Function(other)) => Rc::ptr_eq(one, other),
                _ => false,
            },
            _ => false,
        }
    }

    fn truth(&self) -> bool {
        matches!(self, Self::Bool(true) | Self::Json(Value::Bool(true)))
    }

    /// What JSON makes of the value: functions are empty texts, numbers without end are their names.
    pub(super) fn into_json(self) -> Value {
        match self {
            Self::Undefined | Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(flag),
            Self::Number(value) if value.is_finite() => number::from_f64(value),
            Self::Number(value) if value.is_nan() => Value::from("NaN"),
            Self::Number(value) => Value::from(if value > 0.0 { "Infinity" } else { "-Infinity" }),
            Self::Text(text) => Value::from(&*text),
            Self::Array(array) => match Rc::try_unwrap(array) {
                Ok(array) => array.items.into_iter().map(Self::into_json).collect(),
                Err(shared) => shared.items.iter().cloned().map(Self::into_json).collect(),
            },
            Self::Object(object) => {
                let fields = match Rc::try_unwrap(object) {
                    Ok(object) => object.fields,
                    Err(shared) => shared.fields.clone(),
                };
                let known = fields.into_iter().filter(|(_, value)| !value.is_undefined());
                Value::Object(known.map(|(name, value)| (name.to_string(), value.into_json())).collect())
            }
            Self::Function(_) => Value::from(""),
            Self::Json(value) => value.clone(),
        }
    }

    /// About how many bytes `into_json` makes, up to `most`.
    pub(super) fn weight(&self, most: usize) -> usize {
        let add = |total: usize, value: &Self| if total > most { total } else { total + value.weight(most - total) };
        match self {
            Self::Text(text) => text.len() + 16,
            Self::Array(array) => array.items.iter().fold(16, add),
            Self::Object(object) => {
                object.fields.iter().fold(16, |total, (name, value)| add(total + name.len(), value))
            }
            Self::Json(Value::String(text)) => text.len() + 16,
            Self::Json(Value::Array(items)) => items.iter().fold(16, |total, item| add(total, &Self::from(item))),
            Self::Json(Value::Object(fields)) => {
                fields.iter().fold(16, |total, (name, value)| add(total + name.len(), &Self::from(value)))
            }
            _ => 16,
        }
    }
}

impl<'a> Arr<'a> {
    pub(super) fn into_val(mut self) -> Val<'a> {
        self.depth = self.items.iter().map(Val::depth).max().unwrap_or_default() + 1;
        Val::Array(Rc::new(self))
    }
}

/// The effective boolean value; nothing for nothing.
pub(super) fn boolean(value: &Val<'_>) -> Fallible<Option<bool>> {
    Ok(Some(match value.kind() {
        Kind::Undefined => return Ok(None),
        Kind::Null | Kind::Function => false,
        Kind::Bool => value.truth(),
        Kind::Number => value.number()?.is_some_and(|number| number != 0.0),
        Kind::Text => value.as_str().is_some_and(|text| !text.is_empty()),
        Kind::Array => {
            let mut found = false;
            for item in value.items() {
                found = boolean(&item)?.unwrap_or_default();
                if found {
                    break;
                }
            }
            found
        }
        Kind::Object => match value {
            Val::Object(object) => !object.fields.is_empty(),
            Val::Json(Value::Object(fields)) => !fields.is_empty(),
            _ => false,
        },
    }))
}

/// A value as JSON text for a message; nothing for nothing.
pub(super) fn shown(value: &Val<'_>) -> String {
    const LONGEST: usize = 10_000;
    if value.is_undefined() {
        return "undefined".to_owned();
    }
    if matches!(value, Val::Number(number) if !number.is_finite()) {
        return "null".to_owned();
    }
    if value.weight(LONGEST) > LONGEST {
        return "…".to_owned();
    }
    value.clone().into_json().to_string()
}
