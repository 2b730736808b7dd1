use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::{Entropy, number};

/// `States.ArrayGetItem(array, index)`: the item at the index, from 0.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [array, index] = take(arguments)?;
    let index = number::truncated(&index).and_then(|index| usize::try_from(index).ok());
    let items = array.as_array().ok_or(Refusal::Arguments)?;
    index.and_then(|index| items.get(index)).cloned().ok_or(Refusal::Arguments)
}
