//! Functions that match: `$match`, `$contains`, `$replace`, `$split`, by regular expressions, texts or functions.
//!
//! Positions are counted in UTF-16 units, as in JavaScript.

use std::rc::Rc;

use indexmap::IndexMap;
use regex::Regex;

use crate::query::jsonata::evaluate::Evaluation;
use crate::query::jsonata::problem::{Fallible, fail, problem};
use crate::query::jsonata::value::{Func, Kind, Val, shown};

use super::Arguments;
use super::strings::made;

/// The match of a regular expression in a text from a byte on, as an object.
pub(in crate::query::jsonata) fn found<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    regex: &'a Regex,
    text: &Rc<str>,
    from: usize,
) -> Fallible<Val<'a>> {
    evaluation.budget.step(1 + text.len().saturating_sub(from) / 32)?;
    let Some(captures) = regex.captures_at(text, from) else { return Ok(Val::Undefined) };
    let Some(whole) = captures.get(0) else { return Ok(Val::Undefined) };
    let groups = captures.iter().skip(1).map(|group| group.map_or(Val::Undefined, |group| Val::text(group.as_str())));
    let mut fields = IndexMap::with_capacity(5);
    evaluation.budget.make(whole.len())?;
    fields.insert(Rc::from("match"), Val::text(whole.as_str()));
    fields.insert(Rc::from("start"), units(text, whole.start()));
    fields.insert(Rc::from("end"), units(text, whole.end()));
    fields.insert(Rc::from("groups"), Val::array(groups.collect()));
    let next = Func::NextMatch(regex, text.clone(), whole.end());
    fields.insert(Rc::from("next"), Val::Function(Rc::new(next)));
    Ok(Val::object(fields))
}

/// The match after the one that ended at a byte.
pub(in crate::query::jsonata) fn next<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    regex: &'a Regex,
    text: &Rc<str>,
    from: usize,
) -> Fallible<Val<'a>> {
    if from >= text.len() {
        return Ok(Val::Undefined);
    }
    let next = found(evaluation, regex, text, from)?;
    if next.field("match").as_str() == Some("") {
        return fail("D1004");
    }
    Ok(next)
}

#[expect(clippy::cast_precision_loss, reason = "a position is far below 2^53")]
fn units<'a>(text: &str, byte: usize) -> Val<'a> {
    let before = text.get(..byte).unwrap_or_default();
    let count = if before.is_ascii() { before.len() } else { before.encode_utf16().count() };
    Val::Number(count as f64)
}

/// The byte of a position in UTF-16 units.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
fn byte(text: &str, units: f64) -> usize {
    let wanted = units.max(0.0) as usize;
    if text.is_ascii() {
        return wanted.min(text.len());
    }
    let mut count = 0;
    for (at, c) in text.char_indices() {
        if count >= wanted {
            return at;
        }
        count += c.len_utf16();
    }
    text.len()
}

/// One match and where to look for the next.
struct Match<'a> {
    object: Val<'a>,
    start: usize,
    end: usize,
}

fn first<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    matcher: &Val<'a>,
    text: &Rc<str>,
    frame: usize,
) -> Fallible<Option<Match<'a>>> {
    let object = evaluation.apply(matcher, vec![Val::Text(text.clone())], &Val::Null, frame)?;
    checked(object, text)
}

fn after<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    before: &Match<'a>,
    text: &Rc<str>,
    frame: usize,
) -> Fallible<Option<Match<'a>>> {
    let object = evaluation.apply(&before.object.field("next"), Vec::new(), &Val::Null, frame)?;
    checked(object, text)
}

fn checked<'a>(object: Val<'a>, text: &str) -> Fallible<Option<Match<'a>>> {
    if object.is_undefined() {
        return Ok(None);
    }
    let (start, end) = (object.field("start").float(), object.field("end").float());
    let fits =
        start.is_some() || end.is_some() || object.field("groups").is_array() || object.field("next").is_function();
    if !fits {
        return fail("T1010");
    }
    let start = byte(text, start.unwrap_or_default());
    Ok(Some(Match { end: byte(text, end.unwrap_or_default()), start, object }))
}

/// A limit on how many; `code` refuses a negative one.
fn limit(arguments: &Arguments<'_>, place: usize, code: &'static str) -> Fallible<f64> {
    match arguments.number(place) {
        Some(limit) if limit < 0.0 => Err(problem(code).with_index(place + 1)),
        limit => Ok(limit.unwrap_or(f64::INFINITY)),
    }
}

pub(super) fn matches<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0).map(Rc::<str>::from) else { return Ok(Val::Undefined) };
    let limit = limit(&arguments, 2, "D3040")?;
    let mut all = Vec::new();
    let mut count = 0.0;
    let mut current = if limit > 0.0 { first(evaluation, arguments.get(1), &text, frame)? } else { None };
    while let Some(found) = current {
        let mut fields = IndexMap::with_capacity(3);
        for (name, from) in [("match", "match"), ("index", "start"), ("groups", "groups")] {
            fields.insert(Rc::from(name), found.object.field(from));
        }
        evaluation.budget.make_array(8)?;
        all.push(Val::object(fields));
        count += 1.0;
        current = if count < limit { after(evaluation, &found, &text, frame)? } else { None };
    }
    Ok(Val::sequence(all))
}

pub(super) fn contains<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let (Some(text), false) = (arguments.text(0), arguments.get(1).is_undefined()) else { return Ok(Val::Undefined) };
    evaluation.budget.step(text.len() / 64)?;
    match arguments.text(1) {
        Some(part) => Ok(Val::Bool(text.contains(part))),
        None => Ok(Val::Bool(first(evaluation, arguments.get(1), &Rc::from(text), frame)?.is_some())),
    }
}

pub(super) fn replace<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0).map(Rc::<str>::from) else { return Ok(Val::Undefined) };
    if arguments.text(1) == Some("") {
        return Err(problem("D3010").with_index(2));
    }
    let limit = limit(&arguments, 3, "D3011")?;
    let mut result = String::new();
    let (mut position, mut count) = (0, 0.0);
    if let Some(pattern) = arguments.text(1) {
        let replacement = arguments.text(2);
        while count < limit
            && let Some(at) = text.get(position..).and_then(|rest| rest.find(pattern))
        {
            result.push_str(text.get(position..position + at).unwrap_or_default());
            result.push_str(replacement.unwrap_or_default());
            position += at + pattern.len();
            count += 1.0;
            evaluation.budget.make(replacement.unwrap_or_default().len())?;
        }
    } else {
        let mut current = if limit > 0.0 { first(evaluation, arguments.get(1), &text, frame)? } else { None };
        while let Some(found) = current {
            result.push_str(text.get(position..found.start).unwrap_or_default());
            let replacement = match arguments.text(2) {
                Some(replacement) => Val::text(substituted(replacement, &found.object)),
                None => evaluation.apply(arguments.get(2), vec![found.object.clone()], &Val::Null, frame)?,
            };
            let Some(replacement) = replacement.as_str() else {
                return Err(problem("D3012").with_value(shown(&replacement)));
            };
            evaluation.budget.make(replacement.len())?;
            result.push_str(replacement);
            let matched = found.object.field("match");
            position = found.start + matched.as_str().unwrap_or_default().len();
            count += 1.0;
            current = if count < limit { after(evaluation, &found, &text, frame)? } else { None };
        }
    }
    result.push_str(text.get(position..).unwrap_or_default());
    made(evaluation, Some(result))
}

/// A replacement with `$0`, `$1`, … and `$$` filled in.
fn substituted(replacement: &str, found: &Val<'_>) -> String {
    let groups = found.field("groups");
    let mut text = String::new();
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            text.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('0') {
            text.push_str(found.field("match").as_str().unwrap_or_default());
            rest = after;
        } else {
            // As many digits as the number of groups has; one fewer where that names no group.
            let most = groups.len().max(1).to_string().len();
            let digits = after.bytes().take(most).take_while(u8::is_ascii_digit).count();
            let number = |length: usize| after.get(..length).and_then(|digits| digits.parse::<usize>().ok());
            let length = match number(digits) {
                Some(number) if digits > 1 && number > groups.len() => digits - 1,
                _ => digits,
            };
            match number(length) {
                Some(number) => {
                    let group = number.checked_sub(1).map_or(Val::Undefined, |index| groups.item(index));
                    text.push_str(group.as_str().unwrap_or_default());
                    rest = after.get(length..).unwrap_or_default();
                }
                None => {
                    text.push('$');
                    rest = after;
                }
            }
        }
    }
    text.push_str(rest);
    text
}

pub(super) fn split<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0).map(Rc::<str>::from) else { return Ok(Val::Undefined) };
    let limit = limit(&arguments, 2, "D3020")?;
    evaluation.budget.make(text.len())?;
    let mut parts: Vec<Val<'a>> = Vec::new();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let most = limit as usize;
    match (arguments.text(1), arguments.get(1).kind()) {
        (Some(""), _) => parts.extend(text.chars().take(most).map(|c| Val::text(c.to_string()))),
        (Some(separator), _) => parts.extend(text.split(separator).take(most).map(Val::text)),
        (None, Kind::Function) => {
            let (mut start, mut count) = (0, 0.0);
            let mut current = if limit > 0.0 { first(evaluation, arguments.get(1), &text, frame)? } else { None };
            while let Some(found) = current {
                parts.push(Val::text(text.get(start..found.start).unwrap_or_default()));
                start = found.end;
                count += 1.0;
                current = if count < limit { after(evaluation, &found, &text, frame)? } else { None };
            }
            if count < limit {
                parts.push(Val::text(text.get(start..).unwrap_or_default()));
            }
        }
        (None, _) => parts.push(Val::Text(text)),
    }
    evaluation.budget.make_array(parts.len())?;
    Ok(Val::array(parts))
}
