//! Functions over points in time. Now is the moment of the decision.

use crate::query::jsonata::evaluate::Evaluation;
use crate::query::jsonata::pictures::{date, date_parser};
use crate::query::jsonata::problem::Fallible;
use crate::query::jsonata::value::Val;

use super::Arguments;
use super::strings::made;

pub(super) fn to_millis<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0) else { return Ok(Val::Undefined) };
    let millis = match arguments.text(1) {
        None => Some(date_parser::iso(text)?),
        Some(picture) => {
            evaluation.budget.make(picture.len().saturating_mul(64))?;
            date_parser::by_picture(text, picture, evaluation.now())?
        }
    };
    Ok(millis.map_or(Val::Undefined, Val::Number))
}

pub(super) fn from_millis<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let Some(millis) = arguments.number(0) else { return Ok(Val::Undefined) };
    let text = date::format(millis, arguments.text(1), arguments.text(2))?;
    made(evaluation, Some(text))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
pub(super) fn now<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let text = date::format(evaluation.now() as f64, arguments.text(0), arguments.text(1))?;
    made(evaluation, Some(text))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
pub(super) fn millis<'a>(evaluation: &mut Evaluation<'a, '_>, _: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    Ok(Val::Number(evaluation.now() as f64))
}
