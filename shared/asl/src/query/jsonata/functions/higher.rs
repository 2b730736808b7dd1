//! Functions that take functions.

use std::rc::Rc;

use indexmap::IndexMap;

use crate::query::jsonata::call::arity;
use crate::query::jsonata::evaluate::Evaluation;
use crate::query::jsonata::problem::{Fallible, fail, problem};
use crate::query::jsonata::value::{Kind, Val, boolean};

use super::Arguments;

#[expect(clippy::cast_precision_loss, reason = "a position is far below 2^53")]
fn position<'a>(place: usize) -> Val<'a> {
    Val::Number(place as f64)
}

pub(super) fn map<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    mut arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let (array, function) = (arguments.take(0), arguments.take(1));
    if array.is_undefined() {
        return Ok(array);
    }
    let mut made = Vec::with_capacity(array.len());
    for (place, item) in array.items().enumerate() {
        let value = evaluation.callback(&function, vec![item, position(place), array.clone()], frame)?;
        if !value.is_undefined() {
            made.push(value);
        }
    }
    evaluation.budget.make_array(made.len())?;
    Val::sequence(made).checked()
}

pub(super) fn filter<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    mut arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let (array, function) = (arguments.take(0), arguments.take(1));
    if array.is_undefined() {
        return Ok(array);
    }
    let mut kept = Vec::new();
    for (place, item) in array.items().enumerate() {
        let value = evaluation.callback(&function, vec![item.clone(), position(place), array.clone()], frame)?;
        if boolean(&value)?.unwrap_or_default() {
            kept.push(item);
        }
    }
    evaluation.budget.make_array(kept.len())?;
    Ok(Val::sequence(kept))
}

pub(super) fn single<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    mut arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let (array, function) = (arguments.take(0), arguments.take(1));
    if array.is_undefined() {
        return Ok(array);
    }
    let mut found = None;
    for (place, item) in array.items().enumerate() {
        let matches = if function.is_undefined() {
            true
        } else {
            let value = evaluation.callback(&function, vec![item.clone(), position(place), array.clone()], frame)?;
            boolean(&value)?.unwrap_or_default()
        };
        if matches && found.replace(item).is_some() {
            return fail("D3138");
        }
    }
    found.ok_or_else(|| problem("D3139"))
}

pub(super) fn reduce<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    mut arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let (array, function, first) = (arguments.take(0), arguments.take(1), arguments.take(2));
    if array.is_undefined() {
        return Ok(array);
    }
    if arity(&function) < 2 {
        return fail("D3050");
    }
    let (mut result, start) = if first.is_undefined() && array.len() > 0 { (array.item(0), 1) } else { (first, 0) };
    for place in start..array.len() {
        let given = vec![result, array.item(place), position(place), array.clone()];
        result = evaluation.callback(&function, given, frame)?;
    }
    Ok(result)
}

pub(super) fn sift<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    mut arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let (object, function) = (arguments.take(0), arguments.take(1));
    let mut kept: IndexMap<Rc<str>, Val<'a>> = IndexMap::new();
    for (name, value) in object.fields() {
        let given = vec![value.clone(), Val::Text(name.clone()), object.clone()];
        let chosen = evaluation.callback(&function, given, frame)?;
        if boolean(&chosen)?.unwrap_or_default() {
            kept.insert(name, value);
        }
    }
    Ok(if kept.is_empty() { Val::Undefined } else { Val::object(kept) })
}

pub(super) fn each<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    mut arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let (object, function) = (arguments.take(0), arguments.take(1));
    let mut made = Vec::new();
    for (name, value) in object.fields() {
        let value = evaluation.callback(&function, vec![value, Val::Text(name), object.clone()], frame)?;
        if !value.is_undefined() {
            made.push(value);
        }
    }
    Val::sequence(made).checked()
}

pub(super) fn sort<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    mut arguments: Arguments<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let (array, function) = (arguments.take(0), arguments.take(1));
    if array.len() <= 1 {
        return Ok(array);
    }
    evaluation.budget.make_array(array.len())?;
    let items = array.each();
    let sorted = if function.is_undefined() {
        let all = |kind: Kind| items.iter().all(|item| item.kind() == kind);
        if !all(Kind::Number) && !all(Kind::Text) {
            return fail("D3070");
        }
        evaluation.merge_sort(items, &mut |_, one: &Val<'a>, other: &Val<'a>| {
            Ok(match (one.as_str(), other.as_str()) {
                (Some(one), Some(other)) => one.encode_utf16().gt(other.encode_utf16()),
                _ => one.float() > other.float(),
            })
        })?
    } else {
        evaluation.merge_sort(items, &mut |evaluation, one: &Val<'a>, other: &Val<'a>| {
            let value = evaluation.apply(&function, vec![one.clone(), other.clone()], &Val::Null, frame)?;
            Ok(boolean(&value)?.unwrap_or_default())
        })?
    };
    Ok(Val::array(sorted))
}
