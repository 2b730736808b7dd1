use serde_json::Value;

use crate::intrinsics::{Refusal, take};
use crate::query::{Entropy, number};

/// `States.MathAdd(first, second)`: the sum. Each argument is first rounded to the nearest integer, halves upwards, and
/// must fit into 32 bits with sign, as must the sum.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [first, second] = take(arguments)?;
    let whole = |value: &Value| number::rounded(value).and_then(|number| i32::try_from(number).ok());
    let sum = whole(&first).zip(whole(&second)).and_then(|(first, second)| first.checked_add(second));
    sum.map(Value::from).ok_or(Refusal::Arguments)
}
