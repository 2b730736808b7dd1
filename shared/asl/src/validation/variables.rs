//! Which variables each state reads: `variableReferences` of `DescribeStateMachine`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::query::{Expression, Jsonata};

use super::scalars::Fields;

/// The names of variables, without `$`, by the state that reads them. States that read none are not there.
pub type VariableReferences = BTreeMap<String, BTreeSet<String>>;

/// The variables that each state of a definition reads, states inside of others included.
///
/// Fields that are not read as paths or expressions don't count: `"Parameters": {"a": "$b"}` reads nothing.
#[must_use]
pub fn variable_references(definition: &Value) -> VariableReferences {
    let mut references = VariableReferences::new();
    let jsonata = is_jsonata_object(definition);
    if let Some(machine) = definition.as_object() {
        machine_references(machine, jsonata, 0, &mut references);
    }
    references
}

fn is_jsonata_object(object: &Value) -> bool {
    object.get("QueryLanguage").is_some_and(|language| language != "JSONPath")
}

/// Deeper than any valid definition.
const DEEPEST: usize = 64;

fn machine_references(machine: &Fields, whole: bool, depth: usize, references: &mut VariableReferences) {
    let Some(states) = machine.get("States").and_then(Value::as_object).filter(|_| depth < DEEPEST) else { return };
    for (name, state) in states {
        let Some(fields) = state.as_object() else { continue };
        let jsonata = if fields.contains_key("QueryLanguage") { is_jsonata_object(state) } else { whole };
        let mut names = BTreeSet::new();
        for (field, value) in fields {
            match field.as_str() {
                "Branches" => {
                    for branch in value.as_array().into_iter().flatten().filter_map(Value::as_object) {
                        machine_references(branch, whole, depth + 1, references);
                    }
                }
                "ItemProcessor" | "Iterator" => {
                    if let Some(processor) = value.as_object() {
                        machine_references(processor, whole, depth + 1, references);
                    }
                }
                "Comment" | "Result" | "Type" | "Next" | "Default" | "QueryLanguage" => {}
                _ if jsonata => expressions(value, 0, &mut names),
                _ => paths(field, value, 0, &mut names),
            }
        }
        if !names.is_empty() {
            references.entry(name.clone()).or_default().extend(names);
        }
    }
}

/// Whether a field of a JSONPath state holds a path or an intrinsic function.
fn is_dynamic(field: &str) -> bool {
    field.ends_with(".$") || field == "Variable" || field.ends_with("Path") && field != "ResultPath"
}

fn paths(field: &str, value: &Value, depth: usize, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if is_dynamic(field) => {
            if let Ok(expression) = Expression::parse(text) {
                names.extend(expression.variables().into_iter().map(ToOwned::to_owned));
            }
        }
        Value::Object(fields) if depth < DEEPEST => {
            for (field, value) in fields {
                paths(field, value, depth + 1, names);
            }
        }
        Value::Array(items) if depth < DEEPEST => {
            for item in items {
                paths("", item, depth + 1, names);
            }
        }
        _ => {}
    }
}

fn expressions(value: &Value, depth: usize, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => names.extend(Jsonata::inside(text).map(free_variables).unwrap_or_default()),
        Value::Object(fields) if depth < DEEPEST => {
            for value in fields.values() {
                expressions(value, depth + 1, names);
            }
        }
        Value::Array(items) if depth < DEEPEST => {
            for item in items {
                expressions(item, depth + 1, names);
            }
        }
        _ => {}
    }
}

/// The variables of a JSONata expression that it doesn't bind itself and that are not functions or `$states`.
fn free_variables(expression: &str) -> BTreeSet<String> {
    let tokens = tokens(expression);
    let mut bound = BTreeSet::from(["states"]);
    let mut used = BTreeSet::new();
    let mut parameters = false;
    for (index, token) in tokens.iter().enumerate() {
        let after = tokens.get(index + 1).copied().unwrap_or_default();
        let before = index.checked_sub(1).and_then(|before| tokens.get(before)).copied().unwrap_or_default();
        match *token {
            "function" | "λ" => parameters = true,
            ")" => parameters = false,
            _ => {}
        }
        let Some(name) = token.strip_prefix('$').filter(|name| !name.is_empty() && *name != "$") else { continue };
        if parameters || after == ":=" || matches!(before, "@" | "#") {
            bound.insert(name);
        } else if after != "(" {
            used.insert(name);
        }
    }
    used.difference(&bound).map(|name| (*name).to_owned()).collect()
}

/// Variables, words and signs of a JSONata expression; texts, quoted names and comments are left out.
fn tokens(expression: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '`' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, c)| {
                    let closes = *c == first && !escaped;
                    escaped = *c == '\\' && !escaped && first != '`';
                    closes
                });
                rest = end.and_then(|(at, _)| rest.get(at + 1..)).unwrap_or_default();
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = rest.split_once("*/").map_or("", |(_, rest)| rest);
                continue;
            }
            ':' if rest.starts_with(":=") => 2,
            c if c == '$' || c == '_' || c.is_alphanumeric() => rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| !(c.is_alphanumeric() || matches!(c, '_' | '$')))
                .map_or(rest.len(), |(at, _)| at),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if !first.is_whitespace() {
            tokens.push(token);
        }
        rest = after;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(expression: &str) -> Vec<String> {
        free_variables(expression).into_iter().collect()
    }

    #[test]
    fn finds_the_variables_that_an_expression_reads() {
        assert_eq!(names("$a + $b.c[$d]"), ["a", "b", "d"]);
        assert_eq!(names("$states.input.x & $sum($n)"), ["n"]);
        assert_eq!(names("($x := $y; $x + 1)"), ["y"]);
        assert_eq!(names("$map($list, function($v, $i) { $v + $k })"), ["k", "list"]);
        assert_eq!(names("\"$no\" & '$no' & `$no` /* $no */ & $yes"), ["yes"]);
        assert_eq!(names("$list@$o.x#$i.(o.y + $i)"), ["list"]);
        assert_eq!(names("$$.a + $"), Vec::<String>::new());
    }

    #[test]
    fn counts_only_what_is_read() {
        let definition = json!({ "StartAt": "A", "States": {
            "A": { "Type": "Pass", "Parameters": { "a": "$no", "b.$": "$yes.x", "c": [{ "d.$": "States.Array($also)" }] },
                   "ResultPath": "$.no", "Assign": { "no": 1 }, "Next": "B" },
            "B": { "Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $there %}", "Next": "C" },
            "C": { "Type": "Choice", "Choices": [
                { "Not": { "Variable": "$v.a", "IsNull": true }, "Next": "D", "Assign": { "x.$": "$w" } }], "Default": "D" },
            "D": { "Type": "Succeed" },
        }});
        let wanted = json!({ "A": ["also", "yes"], "B": ["there"], "C": ["v", "w"] });
        assert_eq!(json!(variable_references(&definition)), wanted);
    }
}
