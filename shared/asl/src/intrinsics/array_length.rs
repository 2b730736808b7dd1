use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::Entropy;

/// `States.ArrayLength(array)`: the number of items.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [array] = take(arguments)?;
    let items = array.as_array().ok_or(Refusal::Arguments)?;
    Ok(items.len().into())
}
