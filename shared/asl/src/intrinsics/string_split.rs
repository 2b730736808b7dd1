use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::Entropy;

/// `States.StringSplit(text, separators)`: the parts of the text between any of the separator characters, without the
/// empty ones.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [text, separators] = take(arguments)?;
    let (Value::String(text), Value::String(separators)) = (text, separators) else { return Err(Refusal::Arguments) };
    let separators: Vec<char> = separators.chars().collect();
    let parts = text.split(separators.as_slice()).filter(|part| !part.is_empty());
    Ok(Value::Array(parts.map(Value::from).collect()))
}
