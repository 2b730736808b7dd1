use serde_json::Value;

use crate::intrinsics::Refusal;
use crate::query::{Entropy, number};

/// `States.MathRandom(start, end, seed?)`: a whole number from the start up to, but not including, the end. The same
/// seed gives the same number; which one is this interpreter's own.
pub(super) fn run(arguments: Vec<Value>, entropy: &mut Entropy) -> Result<Value, Refusal> {
    let whole = |value: &Value| number::truncated(value).ok_or(Refusal::Arguments);
    let (start, end, seed) = match arguments.as_slice() {
        [start, end] => (whole(start)?, whole(end)?, None),
        [start, end, seed] => (whole(start)?, whole(end)?, Some(whole(seed)?)),
        _ => return Err(Refusal::Arguments),
    };
    let span = end.checked_sub(start).and_then(|span| u64::try_from(span).ok()).filter(|span| *span > 0);
    let span = span.ok_or(Refusal::Arguments)?;
    let offset = match seed {
        Some(seed) => Entropy::from_u64(seed.cast_unsigned()).below(span),
        None => entropy.below(span),
    };
    start.checked_add_unsigned(offset).map(Value::from).ok_or(Refusal::Arguments)
}
