use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::intrinsics::{Refusal, short_text, take};
use crate::query::Entropy;

/// `States.Base64Decode(text)`: the decoded text, of at most 10,000 encoded characters.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [encoded] = take(arguments)?;
    let bytes = STANDARD.decode(short_text(&encoded)?).map_err(|_| Refusal::Arguments)?;
    Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}
