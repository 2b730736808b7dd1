use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::Entropy;

/// `States.JsonMerge(first, second, false)`: one object with the members of both; the second's win. The service knows
/// no deep merge, so the third argument must be `false`.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [first, second, deep] = take(arguments)?;
    let (Value::Object(mut merged), Value::Object(second), Value::Bool(false)) = (first, second, deep) else {
        return Err(Refusal::Arguments);
    };
    merged.extend(second);
    Ok(Value::Object(merged))
}
