//! Functions over numbers.

use crate::query::jsonata::evaluate::Evaluation;
use crate::query::jsonata::pictures::integer::Format;
use crate::query::jsonata::pictures::number as picture;
use crate::query::jsonata::problem::{Fallible, problem};
use crate::query::jsonata::value::{Kind, Val, shown};

use super::Arguments;
use super::strings::made;

pub(super) fn format_number<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let Some(number) = arguments.number(0) else { return Ok(Val::Undefined) };
    let text = picture::format(number, arguments.text(1).unwrap_or_default(), arguments.get(2))?;
    made(evaluation, Some(text))
}

pub(super) fn format_base<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let Some(number) = arguments.number(0) else { return Ok(Val::Undefined) };
    let radix = arguments.number(1).map_or(10.0, |radix| picture::round(radix, 0));
    if !(2.0..=36.0).contains(&radix) {
        return Err(problem("D3100").with_value(shown(&Val::Number(radix))));
    }
    let rounded = picture::round(number, 0);
    let mut rest = rounded.abs();
    let mut digits = Vec::new();
    while rest >= 1.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a digit")]
        let digit = (rest % radix) as u32;
        digits.push(char::from_digit(digit, 36).unwrap_or('0'));
        rest = (rest / radix).floor();
    }
    if digits.is_empty() {
        digits.push('0');
    }
    let sign = if rounded < 0.0 { "-" } else { "" };
    made(evaluation, Some(format!("{sign}{}", digits.iter().rev().collect::<String>())))
}

pub(super) fn format_integer<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let Some(number) = arguments.number(0) else { return Ok(Val::Undefined) };
    let text = Format::parse(arguments.text(1).unwrap_or_default())?.format(number.floor())?;
    made(evaluation, Some(text))
}

pub(super) fn parse_integer<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0) else { return Ok(Val::Undefined) };
    let number = Format::parse(arguments.text(1).unwrap_or_default())?.read(text)?;
    Ok(Val::Number(number.unwrap_or(f64::NAN)))
}

pub(super) fn number<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let value = arguments.get(0);
    let read = match value.kind() {
        Kind::Undefined => return Ok(Val::Undefined),
        Kind::Number => return Ok(value.clone()),
        Kind::Bool => Some(if matches!(value, Val::Bool(true)) { 1.0 } else { 0.0 }),
        Kind::Text => read(value.as_str().unwrap_or_default()),
        _ => None,
    };
    read.map(Val::Number).ok_or_else(|| problem("D3030").with_value(shown(value)))
}

fn read(text: &str) -> Option<f64> {
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        let digits = text.get(2..).filter(|_| text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix)));
        if let Some(digits) = digits {
            if digits.is_empty() {
                return None;
            }
            return digits
                .chars()
                .try_fold(0.0, |number, c| Some(number * f64::from(radix) + f64::from(c.to_digit(radix)?)));
        }
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(one, two)| (one, Some(two)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(one, two)| (one, Some(two)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
    if !digits(whole) || !fraction.is_none_or(digits) || !exponent_fits {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn plain<'a>(arguments: &Arguments<'a>, change: impl FnOnce(f64) -> f64) -> Fallible<Val<'a>> {
    Ok(arguments.number(0).map_or(Val::Undefined, |number| Val::Number(change(number))))
}

pub(super) fn floor<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    plain(&arguments, f64::floor)
}

pub(super) fn ceil<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    plain(&arguments, f64::ceil)
}

pub(super) fn abs<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    plain(&arguments, f64::abs)
}

pub(super) fn round<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
    let places = arguments.number(1).unwrap_or_default().clamp(-400.0, 400.0) as i32;
    plain(&arguments, |number| picture::round(number, places))
}

pub(super) fn sqrt<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    if arguments.number(0).is_some_and(|number| number < 0.0) {
        return Err(problem("D3060").with_index(1).with_value(shown(arguments.get(0))));
    }
    plain(&arguments, f64::sqrt)
}

pub(super) fn power<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let Some(base) = arguments.number(0) else { return Ok(Val::Undefined) };
    let result = base.powf(arguments.number(1).unwrap_or(f64::NAN));
    if result.is_finite() {
        return Ok(Val::Number(result));
    }
    Err(problem("D3061").with_value(shown(arguments.get(0))).with_value2(shown(arguments.get(1))))
}
