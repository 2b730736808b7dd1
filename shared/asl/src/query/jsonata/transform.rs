//! `| pattern | update, delete |`: a copy of a value with changes.
//!
//! Values are shared and never changed, so what the pattern matches is found again in the copy by its address: the copy
//! is made so that each of its objects is its own.

use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexMap;

use super::ast::Node;
use super::evaluate::Evaluation;
use super::problem::{Fallible, problem};
use super::value::{Arr, Kind, Obj, Val, shown};

/// What happens to an object: fields to set, then fields to drop.
type Changes<'a> = HashMap<*const Obj<'a>, (Vec<(Rc<str>, Val<'a>)>, Vec<Rc<str>>)>;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn transform(
        &mut self,
        value: Val<'a>,
        pattern: &'a Node,
        update: &'a Node,
        delete: Option<&'a Node>,
        frame: usize,
    ) -> Fallible<Val<'a>> {
        match value.kind() {
            Kind::Undefined => return Ok(Val::Undefined),
            Kind::Array | Kind::Object => {}
            _ => return Err(problem("T0410").with_index(1)),
        }
        let copy = self.lookup(frame, "clone");
        if !copy.is_function() {
            return Err(problem("T2013"));
        }
        let copied = self.apply(&copy, vec![value], &Val::Null, frame)?;
        let matches = self.evaluate(pattern, &copied, frame)?;
        if matches.is_undefined() {
            return Ok(copied);
        }
        let mut changes = Changes::new();
        for found in matches.each() {
            let mut set = Vec::new();
            let mut dropped = Vec::new();
            let made = self.evaluate(update, &found, frame)?;
            match made.kind() {
                Kind::Undefined => {}
                Kind::Object => set = made.fields(),
                _ => return Err(problem("T2011").with_value(shown(&made))),
            }
            // What is dropped may depend on what was set.
            let changed = with_fields(&found, &set);
            if let Some(delete) = delete {
                let names = self.evaluate(delete, &changed, frame)?;
                for name in if names.is_undefined() { Vec::new() } else { names.each() } {
                    match name.as_str() {
                        Some(name) => dropped.push(Rc::from(name)),
                        None => return Err(problem("T2012").with_value(shown(&names))),
                    }
                }
            }
            if let Val::Object(object) = &found {
                let (sets, drops) = changes.entry(Rc::as_ptr(object)).or_default();
                sets.extend(set);
                drops.extend(dropped);
            }
        }
        self.changed(&copied, &changes)
    }

    fn changed(&mut self, value: &Val<'a>, changes: &Changes<'a>) -> Fallible<Val<'a>> {
        self.budget.step(1)?;
        match value {
            Val::Array(array) => {
                let items = array.items.iter().map(|item| self.changed(item, changes)).collect::<Fallible<Vec<_>>>()?;
                Ok(Arr { items, ..(**array).clone() }.into_val())
            }
            Val::Object(object) => {
                let mut fields = IndexMap::with_capacity(object.fields.len());
                for (name, field) in &object.fields {
                    fields.insert(name.clone(), self.changed(field, changes)?);
                }
                if let Some((set, dropped)) = changes.get(&Rc::as_ptr(object)) {
                    for (name, field) in set {
                        let field = self.changed(field, changes)?;
                        fields.insert(name.clone(), field);
                    }
                    for name in dropped {
                        fields.shift_remove(name);
                    }
                }
                Val::object(fields).checked()
            }
            other => Ok(other.clone()),
        }
    }

    /// A copy in which everything is made anew.
    pub(super) fn copied(&mut self, value: &Val<'a>) -> Fallible<Val<'a>> {
        self.budget.make(16)?;
        match value.kind() {
            Kind::Array => {
                let items = value.items().map(|item| self.copied(&item)).collect::<Fallible<Vec<_>>>()?;
                Val::array(items).checked()
            }
            Kind::Object => {
                let mut fields = IndexMap::new();
                for (name, field) in value.fields() {
                    let field = self.copied(&field)?;
                    fields.insert(name, field);
                }
                Val::object(fields).checked()
            }
            Kind::Function => Ok(Val::text("")),
            _ => Ok(value.clone()),
        }
    }
}

fn with_fields<'a>(value: &Val<'a>, set: &[(Rc<str>, Val<'a>)]) -> Val<'a> {
    match value {
        Val::Object(object) => {
            let mut fields = object.fields.clone();
            fields.extend(set.iter().cloned());
            Val::object(fields)
        }
        other => other.clone(),
    }
}
