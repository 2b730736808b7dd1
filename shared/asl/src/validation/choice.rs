//! Choice states and their rules.

use serde_json::Value;

use crate::choice::{Pattern, parse_timestamp};
use crate::query::{Jsonata, QueryLanguage};

use super::machine::Checker;
use super::report::At;
use super::scalars::Fields;

/// How deeply rules may be nested.
const DEEPEST: usize = 64;

/// What an operator compares with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    Rules,
    Rule,
    Boolean,
    String,
    Pattern,
    Number,
    Timestamp,
    Path,
}

/// The operand of an operator, if `name` is one.
fn operand(name: &str) -> Option<Operand> {
    match name {
        "And" | "Or" => return Some(Operand::Rules),
        "Not" => return Some(Operand::Rule),
        "IsNull" | "IsPresent" | "IsNumeric" | "IsString" | "IsBoolean" | "IsTimestamp" => {
            return Some(Operand::Boolean);
        }
        "StringMatches" => return Some(Operand::Pattern),
        "BooleanEquals" => return Some(Operand::Boolean),
        "BooleanEqualsPath" => return Some(Operand::Path),
        _ => {}
    }
    let (kind, comparison) =
        [("String", Operand::String), ("Numeric", Operand::Number), ("Timestamp", Operand::Timestamp)]
            .into_iter()
            .find_map(|(prefix, kind)| name.strip_prefix(prefix).map(|rest| (kind, rest)))?;
    let (comparison, kind) = comparison.strip_suffix("Path").map_or((comparison, kind), |rest| (rest, Operand::Path));
    matches!(comparison, "Equals" | "LessThan" | "GreaterThan" | "LessThanEquals" | "GreaterThanEquals").then_some(kind)
}

impl Checker {
    pub(super) fn choice(&mut self, state: &Fields, language: QueryLanguage, at: &At) {
        self.require(state, &["Choices"], at);
        self.string_field(state, "Default", at);
        let place = at.field("Choices");
        let Some(rules) = state.get("Choices").and_then(|rules| self.array(rules, &place)) else { return };
        if rules.is_empty() {
            self.report.schema(&place, "Value cannot be empty");
        }
        for (index, rule) in rules.iter().enumerate() {
            let here = place.item(index);
            let Some(rule) = self.object(rule, &here) else { continue };
            self.require(rule, &["Next"], &here);
            self.string_field(rule, "Next", &here);
            self.string_field(rule, "Comment", &here);
            self.assign(rule, language, &here);
            match language {
                QueryLanguage::JsonPath => self.rule(rule, &here, 0),
                QueryLanguage::Jsonata => self.condition(rule, &here),
            }
        }
    }

    fn condition(&mut self, rule: &Fields, at: &At) {
        for field in rule.keys() {
            match field.as_str() {
                "Next" | "Comment" | "Assign" | "Output" | "Condition" => {}
                other if other == "Variable" || operand(other).is_some() => {
                    self.report.schema(
                        at,
                        format!(
                            "The QueryLanguage is set to 'JSONata', but field '{other}' is only supported for the 'JSONPath' \
                             QueryLanguage"
                        ),
                    );
                }
                other => self.unsupported(other, at),
            }
        }
        self.template(rule, "Output", QueryLanguage::Jsonata, at);
        match rule.get("Condition") {
            None => self.require(rule, &["Condition"], at),
            Some(Value::Bool(_)) => {}
            Some(Value::String(text)) if Jsonata::inside(text).is_some() => {
                self.expression(text, &at.field("Condition"))
            }
            Some(_) => self.report.schema(&at.field("Condition"), "Value must be a boolean or a JSONata expression"),
        }
    }

    fn rule(&mut self, rule: &Fields, at: &At, depth: usize) {
        if depth >= DEEPEST {
            self.report.error("TOO_DEEPLY_NESTED", at, format!("Rules are nested more than {DEEPEST} levels deep"));
            return;
        }
        let mut operators = Vec::new();
        for field in rule.keys() {
            match field.as_str() {
                "Variable" | "Comment" => {}
                "Next" | "Assign" if depth == 0 => {}
                "Condition" | "Output" if depth == 0 => {
                    self.report.schema(
                        at,
                        format!(
                            "The QueryLanguage is set to 'JSONPath', but field '{field}' is only supported for the 'JSONata' \
                             QueryLanguage"
                        ),
                    );
                }
                name => match operand(name) {
                    Some(operand) => operators.push((name, operand)),
                    None => self.unsupported(name, at),
                },
            }
        }
        let [(name, operand)] = operators.as_slice() else {
            let message = if operators.is_empty() {
                "A comparison operator is required".to_owned()
            } else {
                let names: Vec<&str> = operators.iter().map(|(name, _)| *name).collect();
                format!("Only one of these fields can be specified: [{}]", names.join(", "))
            };
            self.report.schema(at, message);
            return;
        };
        let nests = matches!(operand, Operand::Rules | Operand::Rule);
        match (nests, rule.contains_key("Variable")) {
            (true, true) => self.unsupported("Variable", at),
            (false, false) => self.require(rule, &["Variable"], at),
            (true, false) => {}
            (false, true) => self.path(rule, "Variable", at),
        }
        self.operand(rule, name, *operand, at, depth);
    }

    fn operand(&mut self, rule: &Fields, name: &str, operand: Operand, at: &At, depth: usize) {
        let Some(value) = rule.get(name) else { return };
        let here = at.field(name);
        match operand {
            Operand::Rules => {
                let Some(rules) = self.array(value, &here) else { return };
                if rules.is_empty() {
                    self.report.schema(&here, "Value cannot be empty");
                }
                for (index, rule) in rules.iter().enumerate() {
                    let place = here.item(index);
                    if let Some(rule) = self.object(rule, &place) {
                        self.rule(rule, &place, depth + 1);
                    }
                }
            }
            Operand::Rule => {
                if let Some(rule) = self.object(value, &here) {
                    self.rule(rule, &here, depth + 1);
                }
            }
            Operand::Boolean => {
                self.boolean_field(rule, name, at);
            }
            Operand::Number => {
                if !value.is_number() {
                    self.report.schema(&here, "Value must be a number");
                }
            }
            Operand::String => {
                self.string(value, &here);
                self.warn_path(rule, name, at);
            }
            Operand::Pattern => {
                if self.string(value, &here).is_some_and(|text| Pattern::parse(text).is_none()) {
                    self.report.schema(&here, "Value is not a valid pattern: '\\' may only stand before '*' and '\\'");
                }
                self.warn_path(rule, name, at);
            }
            Operand::Timestamp => {
                if value.as_str().is_none_or(|text| parse_timestamp(text).is_none()) {
                    self.report.schema(&here, "String does not match RFC3339 timestamp");
                }
            }
            Operand::Path => self.path(rule, name, at),
        }
    }
}
