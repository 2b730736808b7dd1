//! Recorded values against ours: as JSON, with `<wildcards>` in recorded texts.

use millrace_asl::NumberedEvent;
use serde_json::{Map, Value, json};

/// What a recording holds and no interpreter can know, or that says only that another field is complete.
const LEFT_OUT: [&str; 4] = ["roleArn", "inputDetails", "outputDetails", "assignedVariablesDetails"];
const BRANCH_ENDS: [&str; 3] = ["ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateAborted"];

/// An event as `GetExecutionHistory` tells it: data are texts.
pub(crate) fn as_in_api(event: &NumberedEvent) -> Value {
    let mut details = Map::new();
    for (name, value) in &event.details {
        let is_data = matches!(name.as_str(), "input" | "output" | "parameters");
        let value = match value.as_object() {
            Some(variables) if name == "assignedVariables" => {
                variables.iter().map(|(name, value)| (name.clone(), json!(value.to_string()))).collect()
            }
            _ if is_data => json!(value.to_string()),
            _ => value.clone(),
        };
        details.insert(name.clone(), value);
    }
    json!({ "id": event.id, "prev": event.previous, "type": event.kind.name(), "details": details })
}

fn parsed(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with(|first: char| "{[\"-0123456789tfn".contains(first)) => {
            serde_json::from_str(text).unwrap_or_else(|_| value.clone())
        }
        other => other.clone(),
    }
}

/// Equality as JSON.
pub(crate) fn same(expected: &Value, actual: &Value) -> bool {
    if let (Value::String(expected), Value::String(actual)) = (expected, actual)
        && same_text(expected, actual)
    {
        return true;
    }
    if expected.as_str().is_some_and(|text| pieces(text).iter().all(|piece| piece.is_empty()) && text.starts_with('<'))
    {
        return true;
    }
    match (parsed(expected), parsed(actual)) {
        (Value::Object(left), Value::Object(right)) => {
            let known = |map: Map<String, Value>| -> Map<String, Value> {
                map.into_iter()
                    .filter(|(name, _)| !matches!(name.as_str(), "SdkHttpMetadata" | "SdkResponseMetadata"))
                    .collect()
            };
            let (left, right) = (known(left), known(right));
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(&right).all(|(one, other)| same(one, other))
        }
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::String(left), Value::String(right)) => same_text(&left, &right),
        (left, right) => left == right,
    }
}

/// The texts between the wildcards.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut from, mut search) = (0, 0);
    while let Some(open) = text[search..].find('<').map(|at| at + search) {
        let inner = &text[open + 1..];
        let length = inner.find(|c: char| !(c.is_alphanumeric() || "_:. -".contains(c))).unwrap_or(inner.len());
        let is_wild =
            inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && inner[length..].starts_with('>');
        if is_wild {
            pieces.push(&text[from..open]);
            from = open + length + 2;
            search = from;
        } else {
            search = open + 1;
        }
    }
    pieces.push(&text[from..]);
    pieces
}

fn same_text(expected: &str, actual: &str) -> bool {
    let pieces = pieces(expected);
    if pieces.len() == 1 {
        return expected == actual;
    }
    let (first, last) = (pieces[0], pieces[pieces.len() - 1]);
    let Some(rest) = actual.strip_prefix(first) else { return false };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    for piece in &pieces[1..pieces.len() - 1] {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

fn comparable(event: &Value, with_ids: bool) -> Value {
    let details = event["details"].as_object().cloned().unwrap_or_default();
    let details: Map<String, Value> =
        details.into_iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())).collect();
    let mut comparable = json!({ "type": event["type"], "details": details });
    if with_ids {
        comparable["id"] = event["id"].clone();
        comparable["prev"] = event["prev"].clone();
    }
    comparable
}

/// Whether the types are the same, whether everything is, and the first difference.
pub(crate) fn same_events(expected: &[Value], actual: &[Value], order: &Value) -> (bool, bool, String) {
    let order: Vec<&str> = order.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let drop_ends = order.contains(&"parallel_events_sorted");
    let kept = |events: &[Value]| -> Vec<Value> {
        let is_kept = |event: &&Value| !drop_ends || !BRANCH_ENDS.contains(&event["type"].as_str().unwrap_or_default());
        events.iter().filter(is_kept).cloned().collect()
    };
    let (expected, actual) = (kept(expected), kept(actual));
    let types = |events: &[Value]| -> Vec<String> {
        let mut types: Vec<String> = events.iter().map(|event| event["type"].to_string()).collect();
        if !order.is_empty() {
            types.sort();
        }
        types
    };
    let same_types = types(&expected) == types(&actual);
    let with_ids = order.is_empty();
    let mut difference = String::new();
    let mut rest: Vec<Value> = actual.iter().map(|event| comparable(event, with_ids)).collect();
    let mut all = expected.len() == actual.len();
    for (place, event) in expected.iter().enumerate() {
        let event = comparable(event, with_ids);
        let found = if with_ids {
            actual.get(place).is_some_and(|other| same(&event, &comparable(other, true)))
        } else if let Some(at) = rest.iter().position(|other| same(&event, other)) {
            rest.remove(at);
            true
        } else {
            false
        };
        if !found {
            all = false;
            let ours =
                if with_ids { actual.get(place) } else { rest.iter().find(|other| other["type"] == event["type"]) };
            difference = format!("{event}\n    is {}", ours.map_or(Value::Null, |ours| comparable(ours, with_ids)));
            break;
        }
    }
    (same_types, all, difference)
}
