//! From JSON to rules.

use serde_json::{Map, Value};

use crate::choice::{Comparison, Kind, Operand, OperandType, Pattern, Rule, Test, parse_timestamp};
use crate::query::Path;

/// How deeply rules may be nested. JSON itself is commonly read to 128 levels, of which each rule takes two.
const MAX_NESTING: usize = 64;

/// Fields of a rule that belong to the state, not to the condition.
const STATE_FIELDS: [&str; 4] = ["Next", "Comment", "Assign", "Output"];

/// A mistake in a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at {pointer}")]
pub struct RuleProblem {
    /// A JSON pointer to the rule or the field.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What the name of an operator stands for.
enum Operator {
    And,
    Or,
    Not,
    Is(Kind),
    Matches,
    Compare { kind: OperandType, comparison: Comparison, path: bool },
}

impl Operator {
    fn of(name: &str) -> Option<Self> {
        match name {
            "And" => return Some(Self::And),
            "Or" => return Some(Self::Or),
            "Not" => return Some(Self::Not),
            "IsNull" => return Some(Self::Is(Kind::Null)),
            "IsPresent" => return Some(Self::Is(Kind::Present)),
            "IsNumeric" => return Some(Self::Is(Kind::Numeric)),
            "IsString" => return Some(Self::Is(Kind::String)),
            "IsBoolean" => return Some(Self::Is(Kind::Boolean)),
            "IsTimestamp" => return Some(Self::Is(Kind::Timestamp)),
            "StringMatches" => return Some(Self::Matches),
            _ => {}
        }
        let (kind, rest) = [
            ("String", OperandType::String),
            ("Numeric", OperandType::Numeric),
            ("Boolean", OperandType::Boolean),
            ("Timestamp", OperandType::Timestamp),
        ]
        .into_iter()
        .find_map(|(prefix, kind)| name.strip_prefix(prefix).map(|rest| (kind, rest)))?;
        let (rest, path) = rest.strip_suffix("Path").map_or((rest, false), |rest| (rest, true));
        let comparison = match rest {
            "Equals" => Comparison::Equals,
            "LessThan" => Comparison::LessThan,
            "GreaterThan" => Comparison::GreaterThan,
            "LessThanEquals" => Comparison::LessThanEquals,
            "GreaterThanEquals" => Comparison::GreaterThanEquals,
            _ => return None,
        };
        if kind == OperandType::Boolean && comparison != Comparison::Equals {
            return None;
        }
        Some(Self::Compare { kind, comparison, path })
    }
}

pub(super) fn parse(rule: &Value, pointer: &str) -> Result<Rule, Vec<RuleProblem>> {
    let mut problems = Vec::new();
    let parsed = rule_at(rule, pointer, 0, &mut problems);
    match parsed {
        Some(rule) if problems.is_empty() => Ok(rule),
        Some(_) | None => Err(problems),
    }
}

fn rule_at(rule: &Value, pointer: &str, depth: usize, problems: &mut Vec<RuleProblem>) -> Option<Rule> {
    if depth >= MAX_NESTING {
        return refuse(problems, pointer, "Rules may be nested 64 levels");
    }
    let Value::Object(members) = rule else {
        return refuse(problems, pointer, "A Choice rule must be an object");
    };
    let mut operators = Vec::new();
    for name in members.keys() {
        match Operator::of(name) {
            Some(operator) => operators.push((name, operator)),
            None if name == "Variable" => {}
            None if depth == 0 && STATE_FIELDS.contains(&name.as_str()) => {}
            None if name == "Comment" => {}
            None if name == "Next" => {
                refuse::<()>(problems, &below(pointer, name), "'Next' is only allowed in a top-level Choice rule");
            }
            None => {
                refuse::<()>(problems, &below(pointer, name), &format!("'{name}' is no field of a Choice rule"));
            }
        }
    }
    let mut operators = operators.into_iter();
    let (Some((name, operator)), None) = (operators.next(), operators.next()) else {
        return refuse(
            problems,
            pointer,
            "A Choice rule must have exactly one comparison operator, or one of 'And', 'Or' and 'Not'",
        );
    };
    let here = below(pointer, name);
    let value = members.get(name)?;
    match operator {
        Operator::And => rules(value, &here, depth, problems).map(Rule::And),
        Operator::Or => rules(value, &here, depth, problems).map(Rule::Or),
        Operator::Not => rule_at(value, &here, depth + 1, problems).map(|rule| Rule::Not(Box::new(rule))),
        Operator::Is(kind) => {
            let variable = variable(members, pointer, problems);
            let expected =
                value.as_bool().or_else(|| refuse(problems, &here, &format!("'{name}' must be true or false")));
            Some(Rule::Test { variable: variable?, test: Test::Is(kind, expected?) })
        }
        Operator::Matches => {
            let variable = variable(members, pointer, problems);
            let pattern = value.as_str().and_then(Pattern::parse).or_else(|| {
                refuse(
                    problems,
                    &here,
                    r"'StringMatches' must be a text in which '*' stands for any text, '\\*' for '*' and '\\\\' for '\\'",
                )
            });
            Some(Rule::Test { variable: variable?, test: Test::Matches(pattern?) })
        }
        Operator::Compare { kind, comparison, path } => {
            let variable = variable(members, pointer, problems);
            let operand = if path {
                path_at(value, name, &here, problems).map(|path| Operand::Path(kind, path))
            } else {
                literal(value, kind).or_else(|| refuse(problems, &here, &format!("'{name}' must be {}", wanted(kind))))
            };
            Some(Rule::Test { variable: variable?, test: Test::Compare(comparison, operand?) })
        }
    }
}

fn rules(value: &Value, pointer: &str, depth: usize, problems: &mut Vec<RuleProblem>) -> Option<Vec<Rule>> {
    let items = value.as_array().filter(|items| !items.is_empty());
    let Some(items) = items else {
        return refuse(problems, pointer, "'And' and 'Or' must be arrays of at least one rule");
    };
    let parsed: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| rule_at(item, &format!("{pointer}/{index}"), depth + 1, problems))
        .collect();
    parsed.into_iter().collect()
}

fn variable(members: &Map<String, Value>, pointer: &str, problems: &mut Vec<RuleProblem>) -> Option<Path> {
    match members.get("Variable") {
        Some(value) => path_at(value, "Variable", &below(pointer, "Variable"), problems),
        None => refuse(problems, pointer, "The field 'Variable' is required but was missing"),
    }
}

fn path_at(value: &Value, name: &str, pointer: &str, problems: &mut Vec<RuleProblem>) -> Option<Path> {
    match value.as_str().map(Path::parse) {
        Some(Ok(path)) => Some(path),
        Some(Err(error)) => refuse(problems, pointer, &format!("'{name}' must be a path: {error}")),
        None => refuse(problems, pointer, &format!("'{name}' must be a path")),
    }
}

fn literal(value: &Value, kind: OperandType) -> Option<Operand> {
    match (kind, value) {
        (OperandType::String, Value::String(text)) => Some(Operand::String(text.clone())),
        (OperandType::Numeric, Value::Number(number)) => Some(Operand::Numeric(number.clone())),
        (OperandType::Boolean, Value::Bool(flag)) => Some(Operand::Boolean(*flag)),
        (OperandType::Timestamp, Value::String(text)) => parse_timestamp(text).map(Operand::Timestamp),
        _ => None,
    }
}

fn wanted(kind: OperandType) -> &'static str {
    match kind {
        OperandType::String => "a text",
        OperandType::Numeric => "a number",
        OperandType::Boolean => "true or false",
        OperandType::Timestamp => "an RFC 3339 timestamp such as 2030-01-31T12:00:00Z",
    }
}

fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn refuse<T>(problems: &mut Vec<RuleProblem>, pointer: &str, message: &str) -> Option<T> {
    problems.push(RuleProblem { pointer: pointer.to_owned(), message: message.to_owned() });
    None
}
