use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::Entropy;

/// `States.JsonToString(value)`: the value as JSON text without blanks.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [value] = take(arguments)?;
    Ok(Value::String(value.to_string()))
}
