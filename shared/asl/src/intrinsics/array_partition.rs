use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::{Entropy, number};

/// `States.ArrayPartition(array, size)`: the array in chunks; the last one holds what is left.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [array, size] = take(arguments)?;
    let size = number::truncated(&size).and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
    let (Value::Array(items), Some(size)) = (array, size) else { return Err(Refusal::Arguments) };
    let mut chunks = Vec::new();
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        chunks.push(Value::Array(items.by_ref().take(size).collect()));
    }
    Ok(Value::Array(chunks))
}
