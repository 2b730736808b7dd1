//! Functions over arrays.

use crate::query::jsonata::evaluate::Evaluation;
use crate::query::jsonata::problem::Fallible;
use crate::query::jsonata::value::{Arr, Val};

use super::Arguments;

fn numbers(array: &Val<'_>) -> Vec<f64> {
    array.items().filter_map(|item| item.float()).collect()
}

pub(super) fn sum<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    if arguments.get(0).is_undefined() {
        return Ok(Val::Undefined);
    }
    Ok(Val::Number(numbers(arguments.get(0)).iter().sum::<f64>() + 0.0))
}

#[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
pub(super) fn count<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    Ok(Val::Number(arguments.get(0).len() as f64))
}

pub(super) fn max<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    Ok(numbers(arguments.get(0)).into_iter().reduce(f64::max).map_or(Val::Undefined, Val::Number))
}

pub(super) fn min<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    Ok(numbers(arguments.get(0)).into_iter().reduce(f64::min).map_or(Val::Undefined, Val::Number))
}

#[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
pub(super) fn average<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let numbers = numbers(arguments.get(0));
    if numbers.is_empty() {
        return Ok(Val::Undefined);
    }
    Ok(Val::Number(numbers.iter().sum::<f64>() / numbers.len() as f64))
}

pub(super) fn zip<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let length = arguments.0.iter().map(Val::len).min().unwrap_or_default();
    evaluation.budget.make_array(length.saturating_mul(arguments.0.len()))?;
    let rows = (0..length).map(|row| Val::array(arguments.0.iter().map(|array| array.item(row)).collect()));
    Val::array(rows.collect()).checked()
}

pub(super) fn append<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    evaluation.append(arguments.get(0), arguments.get(1))
}

pub(super) fn reverse<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    mut arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let array = arguments.take(0);
    if array.len() <= 1 {
        return Ok(array);
    }
    evaluation.budget.make_array(array.len())?;
    let mut items = array.each();
    items.reverse();
    Ok(Val::array(items))
}

pub(super) fn shuffle<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    mut arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let array = arguments.take(0);
    if array.len() <= 1 {
        return Ok(array);
    }
    evaluation.budget.make_array(array.len())?;
    let mut items = array.each();
    for place in (1..items.len()).rev() {
        let other = evaluation.entropy.below(place as u64 + 1);
        items.swap(place, usize::try_from(other).unwrap_or_default());
    }
    Ok(Val::array(items))
}

pub(super) fn distinct<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    mut arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let array = arguments.take(0);
    if array.len() <= 1 {
        return Ok(array);
    }
    let mut known: Vec<Val<'a>> = Vec::new();
    for item in array.items() {
        evaluation.budget.step(known.len())?;
        if !known.iter().any(|other| other.same(&item)) {
            known.push(item);
        }
    }
    evaluation.budget.make_array(known.len())?;
    Ok(Arr { items: known, sequence: array.is_sequence(), ..Arr::default() }.into_val())
}
