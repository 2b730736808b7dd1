//! Functions over texts.

use crate::query::jsonata::evaluate::Evaluation;
use crate::query::jsonata::problem::Fallible;
use crate::query::jsonata::text;
use crate::query::jsonata::value::Val;

use super::Arguments;

pub(super) fn string<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let pretty = matches!(arguments.get(1), Val::Bool(true));
    made(evaluation, text::string(arguments.get(0), pretty)?)
}

pub(super) fn made<'a>(evaluation: &mut Evaluation<'a, '_>, text: Option<String>) -> Fallible<Val<'a>> {
    let Some(text) = text else { return Ok(Val::Undefined) };
    evaluation.budget.make(text.len())?;
    Ok(Val::text(text))
}

/// A position in a text of so many characters, as JavaScript's `slice` understands it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
#[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
fn sliced(position: f64, length: usize) -> usize {
    let position = position.trunc();
    if position < 0.0 { (length as f64 + position).max(0.0) as usize } else { (position as usize).min(length) }
}

#[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
pub(super) fn substring<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0) else { return Ok(Val::Undefined) };
    let count = text.chars().count();
    let mut start = arguments.number(1).unwrap_or_default();
    if count as f64 + start < 0.0 {
        start = 0.0;
    }
    let mut end = count;
    if let Some(length) = arguments.number(2) {
        if length <= 0.0 {
            return Ok(Val::text(""));
        }
        end = sliced(if start >= 0.0 { start + length } else { count as f64 + start + length }, count);
    }
    let start = sliced(start, count);
    let part = text.chars().skip(start).take(end.saturating_sub(start)).collect();
    made(evaluation, Some(part))
}

pub(super) fn substring_before<'a>(
    _: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0) else { return Ok(Val::Undefined) };
    let part = arguments.text(1).and_then(|mark| text.split_once(mark)).map_or(text, |(before, _)| before);
    Ok(Val::text(part))
}

pub(super) fn substring_after<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0) else { return Ok(Val::Undefined) };
    let part = arguments.text(1).and_then(|mark| text.split_once(mark)).map_or(text, |(_, after)| after);
    Ok(Val::text(part))
}

pub(super) fn lowercase<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    made(evaluation, arguments.text(0).map(str::to_lowercase))
}

pub(super) fn uppercase<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    made(evaluation, arguments.text(0).map(str::to_uppercase))
}

#[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
pub(super) fn length<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    Ok(arguments.text(0).map_or(Val::Undefined, |text| Val::Number(text.chars().count() as f64)))
}

pub(super) fn trim<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
    let words = |text: &str| text.split(blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    made(evaluation, arguments.text(0).map(words))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
pub(super) fn pad<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0) else { return Ok(Val::Undefined) };
    let filler = arguments.text(2).filter(|filler| !filler.is_empty()).unwrap_or(" ");
    let width = arguments.number(1).unwrap_or_default();
    let missing = (width.abs().trunc() as usize).saturating_sub(text.chars().count());
    evaluation.budget.make(missing.saturating_mul(4).saturating_add(text.len()))?;
    let padding: String = filler.chars().cycle().take(missing).collect();
    Ok(Val::text(if width > 0.0 { format!("{text}{padding}") } else { format!("{padding}{text}") }))
}

pub(super) fn join<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    if arguments.get(0).is_undefined() {
        return Ok(Val::Undefined);
    }
    let separator = arguments.text(1).unwrap_or_default();
    let mut joined = String::new();
    for (place, item) in arguments.get(0).items().enumerate() {
        if place > 0 {
            joined.push_str(separator);
        }
        joined.push_str(item.as_str().unwrap_or_default());
        evaluation.budget.step(1 + separator.len() / 64)?;
    }
    made(evaluation, Some(joined))
}
