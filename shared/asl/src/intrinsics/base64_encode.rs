use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::intrinsics::{Refusal, short_text, take};
use crate::query::Entropy;

/// `States.Base64Encode(text)`: the text's UTF-8 bytes in Base64, of at most 10,000 characters.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [plain] = take(arguments)?;
    Ok(Value::String(STANDARD.encode(short_text(&plain)?)))
}
