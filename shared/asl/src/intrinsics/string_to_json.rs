use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::Entropy;

/// `States.StringToJson(text)`: the value that the JSON text stands for. A blank text gives null.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [text] = take(arguments)?;
    let text = text.as_str().ok_or(Refusal::Arguments)?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let mut value = serde_json::from_str(text).map_err(|_| Refusal::Arguments)?;
    unsign_zero(&mut value);
    Ok(value)
}

/// The service reads `-0` as the integer 0; `serde_json` keeps its sign by making it a float.
fn unsign_zero(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_f64().is_some_and(|float| float == 0.0 && float.is_sign_negative()) => {
            *value = Value::from(0);
        }
        Value::Array(items) => items.iter_mut().for_each(unsign_zero),
        Value::Object(members) => members.values_mut().for_each(unsign_zero),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
