use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::Entropy;

/// `States.ArrayUnique(array)`: the items without repetitions, each where it first stood.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [array] = take(arguments)?;
    let Value::Array(items) = array else { return Err(Refusal::Arguments) };
    let mut seen = BTreeSet::new();
    Ok(Value::Array(
        items
            .into_iter()
            .filter(|item| {
                let mut key = String::new();
                canonical(item, &mut key);
                seen.insert(key)
            })
            .collect(),
    ))
}

/// Writes a text that is the same for equal values, whatever the order of an object's members.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            for (name, member) in sorted {
                let _ = write!(text, "{name:?}:");
                canonical(member, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = write!(text, "{value}");
        }
    }
}
