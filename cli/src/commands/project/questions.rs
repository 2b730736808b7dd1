//! Asking for what a JSON Schema describes, on a terminal.

use serde_json::{Map, Value};

use crate::input;
use crate::output::{at, clean, compact, strings, text};

/// Asks for the members of an object that are missing: those that are required, or all.
pub(super) fn ask(schema: &Value, given: &mut Map<String, Value>, all: bool) -> anyhow::Result<()> {
    let required = strings(schema, "/required");
    for (name, member) in at(schema, "/properties").as_object().into_iter().flatten() {
        let needed = required.contains(&name.as_str());
        if given.contains_key(name) || !(needed || all) {
            continue;
        }
        let about = text(member, "/description");
        if !about.is_empty() {
            eprintln!("{}", clean(about));
        }
        if let Some(value) = value(name, member, needed, all)? {
            given.insert(name.clone(), value);
        }
    }
    Ok(())
}

/// A value; `None` leaves the default.
fn value(name: &str, schema: &Value, needed: bool, all: bool) -> anyhow::Result<Option<Value>> {
    let default = schema.get("default");
    match text(schema, "/type") {
        "array" | "object" if default.is_some() => {
            let keep = input::ask_whether(
                &format!("{name}: keep the default {}?", default.map(|value| compact(value, 60)).unwrap_or_default()),
                true,
            )?;
            if keep { Ok(None) } else { composed(name, schema, all).map(Some) }
        }
        "array" | "object" if needed => composed(name, schema, all).map(Some),
        "array" | "object" => {
            if input::ask_whether(&format!("{name}: give it?"), false)? {
                composed(name, schema, all).map(Some)
            } else {
                Ok(None)
            }
        }
        _ => scalar(name, schema, needed),
    }
}

fn composed(name: &str, schema: &Value, all: bool) -> anyhow::Result<Value> {
    if text(schema, "/type") == "object" {
        let mut members = Map::new();
        ask(schema, &mut members, all)?;
        return Ok(Value::Object(members));
    }
    let items = at(schema, "/items");
    let least = at(schema, "/minItems").as_u64().unwrap_or_default();
    let most = at(schema, "/maxItems").as_u64().unwrap_or(u64::MAX);
    let mut list = Vec::new();
    loop {
        let number = u64::try_from(list.len()).unwrap_or(u64::MAX);
        if number >= most
            || (number >= least
                && !input::ask_whether(&format!("Add one to {name} (there are {number})?"), number == 0)?)
        {
            return Ok(Value::Array(list));
        }
        let label = format!("{name} {}", number + 1);
        // Of an item, everything is asked: what is optional distinguishes one from another.
        let item = match text(items, "/type") {
            "object" => composed(&label, items, true)?,
            _ => value(&label, items, true, all)?.unwrap_or_default(),
        };
        list.push(item);
    }
}

/// What an answer is by its schema, or what is wrong with it. An empty answer is none.
fn read(schema: &Value, answer: &str, needed: bool) -> Result<Option<Value>, String> {
    if answer.is_empty() {
        return if needed { Err("it is needed".to_owned()) } else { Ok(None) };
    }
    let words = strings(schema, "/enum");
    if !words.is_empty() && !words.contains(&answer) {
        return Err(format!("must be one of {}", words.join(", ")));
    }
    match text(schema, "/type") {
        "boolean" => match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" | "true" => Ok(Some(Value::Bool(true))),
            "n" | "no" | "false" => Ok(Some(Value::Bool(false))),
            _ => Err("must be yes or no".to_owned()),
        },
        "integer" => {
            answer.parse::<i64>().map(|number| Some(number.into())).map_err(|_| "must be a whole number".to_owned())
        }
        "number" => answer.parse::<f64>().map(|number| Some(number.into())).map_err(|_| "must be a number".to_owned()),
        _ => Ok(Some(Value::String(answer.to_owned()))),
    }
}

fn scalar(name: &str, schema: &Value, needed: bool) -> anyhow::Result<Option<Value>> {
    let default = match schema.get("default") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Bool(flag)) => Some(if *flag { "yes" } else { "no" }.to_owned()),
        Some(value) => Some(value.to_string()),
        None => None,
    };
    let words = strings(schema, "/enum");
    let words = if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) };
    loop {
        let answer = input::ask(&format!("{name}{words}"), default.as_deref())?;
        if default.as_deref() == Some(answer.as_str()) && !needed {
            return Ok(None);
        }
        match read(schema, &answer, needed) {
            Ok(value) => return Ok(value),
            Err(problem) => {
                let hint =
                    [text(schema, "/x-hint"), text(schema, "/examples/0")].into_iter().find(|hint| !hint.is_empty());
                eprintln!(
                    "{}",
                    clean(&format!("{problem}{}", hint.map(|hint| format!("; {hint}")).unwrap_or_default()))
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_follow_the_schema() {
        let kind = |schema: Value, answer: &str| read(&schema, answer, true);
        assert_eq!(kind(json!({ "type": "integer" }), "7"), Ok(Some(json!(7))));
        assert_eq!(kind(json!({ "type": "boolean" }), "Yes"), Ok(Some(json!(true))));
        assert_eq!(kind(json!({ "type": "string" }), "7"), Ok(Some(json!("7"))));
        assert!(kind(json!({ "type": "number" }), "x").is_err() && kind(json!({ "enum": ["a"] }), "b").is_err());
        assert!(kind(json!({}), "").is_err());
        assert_eq!(read(&json!({}), "", false), Ok(None));
    }

    #[test]
    fn what_was_given_is_not_asked_for() {
        let schema = json!({ "required": ["name"], "properties": { "name": { "type": "string" }, "size": { "type": "integer" } } });
        let mut given = json!({ "name": "x" }).as_object().unwrap().clone();
        ask(&schema, &mut given, false).unwrap();
        assert_eq!(Value::Object(given), json!({ "name": "x" }));
    }
}
