use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::Entropy;

/// `States.ArrayContains(array, value)`: whether an item equals the value.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [array, wanted] = take(arguments)?;
    let items = array.as_array().ok_or(Refusal::Arguments)?;
    Ok(items.contains(&wanted).into())
}
