use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::{Entropy, number};

/// The most items of a range.
const MAX_ITEMS: usize = 1000;

/// `States.ArrayRange(first, last, step)`: numbers from the first to the last, which is included where a step meets it.
/// A step away from the last gives an empty array; more than 1000 items are refused.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [first, last, step] = take(arguments)?;
    let whole = |value: &Value| number::truncated(value).ok_or(Refusal::Arguments);
    let (first, last, step) = (whole(&first)?, whole(&last)?, whole(&step)?);
    if step == 0 {
        return Err(Refusal::Arguments);
    }
    let mut items = Vec::new();
    let mut next = Some(first);
    while let Some(item) = next.filter(|item| if step > 0 { *item <= last } else { *item >= last }) {
        if items.len() >= MAX_ITEMS {
            return Err(Refusal::Arguments);
        }
        items.push(Value::from(item));
        next = item.checked_add(step);
    }
    Ok(Value::Array(items))
}
