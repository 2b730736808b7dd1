//! Functions over objects and values of any type.

use std::rc::Rc;

use indexmap::IndexMap;

use crate::query::jsonata::evaluate::Evaluation;
use crate::query::jsonata::problem::{Fallible, problem};
use crate::query::jsonata::value::{self, Kind, Val};

use super::Arguments;

pub(super) fn boolean<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    Ok(value::boolean(arguments.get(0))?.map_or(Val::Undefined, Val::Bool))
}

pub(super) fn not<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    Ok(value::boolean(arguments.get(0))?.map_or(Val::Undefined, |flag| Val::Bool(!flag)))
}

pub(super) fn keys<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let mut names = IndexMap::new();
    collect(evaluation, arguments.get(0), &mut names)?;
    evaluation.budget.make_array(names.len())?;
    Ok(Val::sequence(names.into_keys().map(Val::Text).collect()))
}

fn collect<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    value: &Val<'a>,
    names: &mut IndexMap<Rc<str>, ()>,
) -> Fallible<()> {
    evaluation.budget.step(1)?;
    if value.is_array() {
        return value.items().try_for_each(|item| collect(evaluation, &item, names));
    }
    for (name, _) in value.fields() {
        evaluation.budget.step(1)?;
        names.insert(name, ());
    }
    Ok(())
}

pub(super) fn lookup<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    match arguments.text(1) {
        Some(name) => evaluation.name(arguments.get(0), name),
        None => Ok(Val::Undefined),
    }
}

pub(super) fn exists<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    Ok(Val::Bool(!arguments.get(0).is_undefined()))
}

pub(super) fn spread<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    spread_value(evaluation, arguments.get(0))
}

fn spread_value<'a>(evaluation: &mut Evaluation<'a, '_>, value: &Val<'a>) -> Fallible<Val<'a>> {
    match value.kind() {
        Kind::Array => {
            let mut all = Val::sequence(Vec::new());
            for item in value.items() {
                let one = spread_value(evaluation, &item)?;
                let items = [all, one].iter().flat_map(Val::each).collect();
                all = Val::sequence(items);
                evaluation.budget.make_array(all.len())?;
            }
            Ok(all)
        }
        Kind::Object => {
            let fields = value.fields();
            evaluation.budget.make_array(fields.len() * 4)?;
            let single = |(name, value)| Val::object(IndexMap::from_iter([(name, value)]));
            Val::sequence(fields.into_iter().map(single).collect()).checked()
        }
        _ => Ok(value.clone()),
    }
}

pub(super) fn merge<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    if arguments.get(0).is_undefined() {
        return Ok(Val::Undefined);
    }
    let mut merged = IndexMap::new();
    for object in arguments.get(0).items() {
        let fields = object.fields();
        evaluation.budget.make_array(fields.len() * 4)?;
        merged.extend(fields);
    }
    Val::object(merged).checked()
}

pub(super) fn error<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let words = arguments.text(0).filter(|text| !text.is_empty()).unwrap_or("$error() function evaluated");
    Err(problem("D3137").with_message(words))
}

pub(super) fn assert<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    if value::boolean(arguments.get(0))?.unwrap_or_default() {
        return Ok(Val::Undefined);
    }
    let words = arguments.text(1).filter(|text| !text.is_empty()).unwrap_or("$assert() statement failed");
    Err(problem("D3141").with_message(words))
}

pub(super) fn type_of<'a>(_: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    let value = arguments.get(0);
    value.number()?;
    Ok(match value.kind() {
        Kind::Undefined => Val::Undefined,
        Kind::Null => Val::text("null"),
        Kind::Number => Val::text("number"),
        Kind::Text => Val::text("string"),
        Kind::Bool => Val::text("boolean"),
        Kind::Array => Val::text("array"),
        Kind::Function => Val::text("function"),
        Kind::Object => Val::text("object"),
    })
}

pub(super) fn clone<'a>(evaluation: &mut Evaluation<'a, '_>, arguments: Arguments<'a>, _: usize) -> Fallible<Val<'a>> {
    evaluation.copied(arguments.get(0))
}
