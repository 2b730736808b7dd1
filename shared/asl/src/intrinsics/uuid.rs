use serde_json::Value;

use crate::intrinsics::Refusal;
use crate::query::Entropy;

/// `States.UUID()`: a random UUID, version 4.
#[expect(clippy::unnecessary_wraps, reason = "every function has this form")]
pub(super) fn run(_: Vec<Value>, entropy: &mut Entropy) -> Result<Value, Refusal> {
    Ok(Value::String(entropy.uuid()))
}
