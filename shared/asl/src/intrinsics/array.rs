use serde_json::Value;

use crate::intrinsics::Refusal;
use crate::query::Entropy;

/// `States.Array(…)`: the arguments in order.
#[expect(clippy::unnecessary_wraps, reason = "every function has this form")]
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    Ok(Value::Array(arguments))
}
