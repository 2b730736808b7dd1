//! The functions that Step Functions adds to JSONata.

use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::Value;

use crate::intrinsics::digest;
use crate::query::jsonata::evaluate::Evaluation;
use crate::query::jsonata::problem::{Fallible, problem};
use crate::query::jsonata::value::{Val, shown};

use super::Arguments;

/// `$partition(array, size)`: pieces of the array; fractions of the size are cut off.
pub(super) fn partition<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let (array, Some(size)) = (arguments.get(0), arguments.number(1)) else { return Ok(Val::Undefined) };
    let size = size.trunc();
    if size < 0.0 {
        let words = format!("The chunk size of the partition function must be positive, not {size}");
        return Err(problem("").with_message(words));
    }
    if array.len() == 0 || size < 1.0 {
        return Ok(Val::Undefined);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let size = size as usize;
    evaluation.budget.make_array(array.len() * 2)?;
    let items = array.each();
    Val::array(items.chunks(size).map(|part| Val::array(part.to_vec())).collect()).checked()
}

/// `$range(first, last, step)`: the numbers from the first to the last; fractions of the arguments are cut off.
pub(super) fn range<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let numbers = [arguments.number(0), arguments.number(1), arguments.number(2)].map(|number| number.map(f64::trunc));
    let [Some(first), Some(last), Some(step)] = numbers else { return Ok(Val::Undefined) };
    let count = ((last - first) / step).floor() + 1.0;
    if !count.is_finite() || count < 1.0 {
        return Ok(Val::Undefined);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let length = count as usize;
    evaluation.budget.make_array(length)?;
    let mut items = Vec::with_capacity(length);
    let mut next = first;
    while items.len() < length {
        items.push(Val::Number(next));
        next += step;
    }
    Ok(Val::sequence(items))
}

/// `$hash(text, algorithm)`
pub(super) fn hash<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let (Some(text), Some(algorithm)) = (arguments.text(0), arguments.text(1)) else { return Ok(Val::Undefined) };
    match digest(algorithm, text.as_bytes()) {
        Some(hex) => Ok(Val::text(hex)),
        None => {
            let words = format!("The hash function takes MD5, SHA-1, SHA-256, SHA-384 or SHA-512, not {algorithm}");
            Err(problem("").with_message(words))
        }
    }
}

/// `$random()`, or `$random(seed)` in the sequence of Java's `Random`, which the service uses.
pub(super) fn random<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    const SCALE: f64 = 9_007_199_254_740_992.0;
    let bits = match arguments.number(0) {
        None => evaluation.entropy.next_u64() >> 11,
        Some(seed) => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
            let mut state = (seed as i64 as u64 ^ 0x5_DEEC_E66D) & ((1 << 48) - 1);
            let mut next = |bits: u32| {
                state = state.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB) & ((1 << 48) - 1);
                state >> (48 - bits)
            };
            (next(26) << 27) + next(27)
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    Ok(Val::Number(bits as f64 / SCALE))
}

/// `$uuid()`
pub(super) fn uuid<'a>(evaluation: &mut Evaluation<'a, '_>, _: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    Ok(Val::text(evaluation.entropy.uuid()))
}

/// `$parse(text)`: the value that a JSON text holds.
pub(super) fn parse<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0) else { return Ok(Val::Undefined) };
    evaluation.budget.make(text.len())?;
    match serde_json::from_str::<Value>(text) {
        Ok(value) => owned(evaluation, value)?.checked(),
        Err(_) => {
            let words = format!("The text passed to the parse function is no JSON: {}", shown(arguments.get(0)));
            Err(problem("").with_message(words))
        }
    }
}

fn owned<'a>(evaluation: &mut Evaluation<'a, '_>, value: Value) -> Fallible<Val<'a>> {
    evaluation.budget.make_array(1)?;
    Ok(match value {
        Value::Null => Val::Null,
        Value::Bool(flag) => Val::Bool(flag),
        Value::Number(number) => Val::Number(number.as_f64().unwrap_or_default() + 0.0),
        Value::String(text) => Val::text(text),
        Value::Array(items) => {
            Val::array(items.into_iter().map(|item| owned(evaluation, item)).collect::<Fallible<Vec<_>>>()?)
        }
        Value::Object(fields) => {
            let mut made: IndexMap<Rc<str>, Val<'a>> = IndexMap::with_capacity(fields.len());
            for (name, field) in fields {
                made.insert(Rc::from(name), owned(evaluation, field)?);
            }
            Val::object(made)
        }
    })
}
