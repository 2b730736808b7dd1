//! Choice rules for JSONPath: comparisons, type tests, and `And`, `Or` and `Not` over them.
//!
//! It owns what a rule means. It refuses to know where a rule leads: `Next`, `Assign` and `Output` of a top-level rule
//! belong to the state. A comparison with a value of another type is false; a missing `Variable` fails the state,
//! except for `IsPresent`. Start reading at [`Rule`].

mod parse;
mod pattern;
mod timestamp;

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::query::number;
use crate::query::{Path, PathError, QueryFailure, Scope};

pub use parse::RuleProblem;
pub use pattern::Pattern;
pub use timestamp::parse_timestamp;

/// A Choice rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// All of the rules hold.
    And(Vec<Rule>),
    /// At least one of the rules holds.
    Or(Vec<Rule>),
    /// The rule does not hold.
    Not(Box<Rule>),
    /// A test of one variable.
    Test {
        /// `Variable`: what is tested.
        variable: Path,
        /// How it is tested.
        test: Test,
    },
}

/// A test of a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `Is…`: whether the variable is of the kind, compared with what the rule expects.
    Is(Kind, bool),
    /// `…Equals`, `…LessThan` and so on, and their `…Path` forms.
    Compare(Comparison, Operand),
    /// `StringMatches`.
    Matches(Pattern),
}

/// What an `Is…` test asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `IsNull`
    Null,
    /// `IsPresent`
    Present,
    /// `IsNumeric`
    Numeric,
    /// `IsString`
    String,
    /// `IsBoolean`
    Boolean,
    /// `IsTimestamp`
    Timestamp,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `Equals`
    Equals,
    /// `LessThan`
    LessThan,
    /// `GreaterThan`
    GreaterThan,
    /// `LessThanEquals`
    LessThanEquals,
    /// `GreaterThanEquals`
    GreaterThanEquals,
}

/// The right side of a comparison, with the type that both sides must have.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A text.
    String(String),
    /// A number.
    Numeric(Number),
    /// A boolean.
    Boolean(bool),
    /// A timestamp.
    Timestamp(jiff::Timestamp),
    /// A path to a value of the type: the `…Path` forms.
    Path(OperandType, Path),
}

/// The types that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperandType {
    /// `String…`
    String,
    /// `Numeric…`
    Numeric,
    /// `Boolean…`
    Boolean,
    /// `Timestamp…`
    Timestamp,
}

impl Rule {
    /// Parses a rule. `pointer` is the JSON pointer of the rule in the definition; problems are reported below it.
    ///
    /// # Errors
    ///
    /// Every problem of the rule and the rules within.
    pub fn parse(rule: &Value, pointer: &str) -> Result<Self, Vec<RuleProblem>> {
        parse::parse(rule, pointer)
    }

    /// Whether the rule holds.
    ///
    /// # Errors
    ///
    /// `States.Runtime` if a path that is looked at leads nowhere. `And` and `Or` look no further than they must.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, QueryFailure> {
        match self {
            Self::And(rules) => {
                for rule in rules {
                    if !rule.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(rules) => {
                for rule in rules {
                    if rule.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(rule) => Ok(!rule.holds(scope)?),
            Self::Test { variable, test: Test::Is(Kind::Present, expected) } => {
                Ok(find(variable, scope)?.is_some() == *expected)
            }
            Self::Test { variable, test } => {
                let value = read(variable, scope)?;
                match test {
                    Test::Is(kind, expected) => Ok(is(&value, *kind) == *expected),
                    Test::Matches(pattern) => Ok(value.as_str().is_some_and(|text| pattern.matches(text))),
                    Test::Compare(comparison, operand) => {
                        Ok(operand.order(&value, scope)?.is_some_and(|order| comparison.accepts(order)))
                    }
                }
            }
        }
    }

    /// The variables it reads, each name once and without `$`, in order of appearance.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.collect(&mut names);
        names
    }

    fn collect<'r>(&'r self, names: &mut Vec<&'r str>) {
        match self {
            Self::And(rules) | Self::Or(rules) => rules.iter().for_each(|rule| rule.collect(names)),
            Self::Not(rule) => rule.collect(names),
            Self::Test { variable, test } => {
                let other = match test {
                    Test::Compare(_, Operand::Path(_, path)) => Some(path),
                    Test::Compare(..) | Test::Is(..) | Test::Matches(_) => None,
                };
                for name in std::iter::once(variable).chain(other).filter_map(Path::variable) {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
        }
    }
}

impl Comparison {
    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equals => order.is_eq(),
            Self::LessThan => order.is_lt(),
            Self::GreaterThan => order.is_gt(),
            Self::LessThanEquals => order.is_le(),
            Self::GreaterThanEquals => order.is_ge(),
        }
    }
}

impl Operand {
    /// How the value stands to the operand, or nothing if either is of another type.
    fn order(&self, value: &Value, scope: &Scope<'_>) -> Result<Option<Ordering>, QueryFailure> {
        Ok(match self {
            Self::String(right) => value.as_str().map(|left| compare_text(left, right)),
            Self::Numeric(right) => value.as_number().map(|left| number::compare(left, right)),
            Self::Boolean(right) => value.as_bool().map(|left| left.cmp(right)),
            Self::Timestamp(right) => value.as_str().and_then(parse_timestamp).map(|left| left.cmp(right)),
            Self::Path(kind, path) => {
                let right = read(path, scope)?;
                match kind {
                    OperandType::String => {
                        value.as_str().zip(right.as_str()).map(|(left, right)| compare_text(left, right))
                    }
                    OperandType::Numeric => {
                        value.as_number().zip(right.as_number()).map(|(left, right)| number::compare(left, right))
                    }
                    OperandType::Boolean => value.as_bool().zip(right.as_bool()).map(|(left, right)| left.cmp(&right)),
                    OperandType::Timestamp => {
                        let left = value.as_str().and_then(parse_timestamp);
                        left.zip(right.as_str().and_then(parse_timestamp)).map(|(left, right)| left.cmp(&right))
                    }
                }
            }
        })
    }
}

fn is(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Null => value.is_null(),
        Kind::Present => true,
        Kind::Numeric => value.is_number(),
        Kind::String => value.is_string(),
        Kind::Boolean => value.is_boolean(),
        Kind::Timestamp => value.as_str().and_then(parse_timestamp).is_some(),
    }
}

/// The order of texts by UTF-16 code units, which is the service's.
fn compare_text(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// The value at the path, if something is there.
fn find(path: &Path, scope: &Scope<'_>) -> Result<Option<Value>, QueryFailure> {
    match path.read(scope) {
        Ok(value) => Ok(Some(value)),
        Err(error @ PathError::Limit(_)) => Err(error.into()),
        Err(
            PathError::NotFound { .. }
            | PathError::IndexOutOfRange { .. }
            | PathError::NotApplicable { .. }
            | PathError::UndefinedVariable { .. }
            | PathError::NotWritable { .. },
        ) => Ok(None),
    }
}

fn read(path: &Path, scope: &Scope<'_>) -> Result<Value, QueryFailure> {
    find(path, scope)?.ok_or_else(|| {
        QueryFailure::runtime(format!(
            "Invalid path '{path}': The choice state's condition path references an invalid value."
        ))
    })
}

#[cfg(test)]
mod tests;
