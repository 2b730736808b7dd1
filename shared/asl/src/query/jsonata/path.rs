//! Paths: steps over sequences, filters, orders, and streams of bindings for `@`, `#` and `%`.

use std::cmp::Ordering;
use std::rc::Rc;

use indexmap::IndexMap;

use super::ast::{Kind, Node, Stage, Term};
use super::evaluate::Evaluation;
use super::problem::{Fallible, problem};
use super::value::{Arr, Kind as Type, Val, boolean, shown};

impl<'a> Evaluation<'a, '_> {
    #[inline(never)]
    pub(super) fn path(
        &mut self,
        node: &'a Node,
        steps: &'a [Node],
        keep_singleton: bool,
        input: &Val<'a>,
        frame: usize,
    ) -> Fallible<Val<'a>> {
        let absolute = matches!(steps.first().map(|step| &step.kind), Some(Kind::Variable(_)));
        let mut current =
            if input.is_array() && !absolute { input.clone() } else { Val::sequence(vec![input.clone()]) };
        let mut result = Val::Undefined;
        let mut tuples: Option<Val<'a>> = None;
        let mut streaming = false;
        for (number, step) in steps.iter().enumerate() {
            streaming |= step.tuple;
            if number == 0 && step.cons {
                result = self.evaluate(step, &current, frame)?;
            } else if streaming {
                tuples = Some(self.tuple_step(step, &current, tuples.take(), frame)?);
            } else {
                result = self.step(step, &current, frame, number + 1 == steps.len())?;
            }
            if !streaming && (result.is_undefined() || result.is_array() && result.len() == 0) {
                break;
            }
            if step.focus.is_none() {
                current = result.clone();
            }
        }
        if streaming {
            let stream = tuples.unwrap_or_else(|| Val::sequence(Vec::new()));
            if node.tuple {
                result = stream.clone();
            } else {
                result = Val::sequence(stream.items().map(|tuple| tuple.field("@")).collect());
            }
            tuples = Some(stream);
        }
        if keep_singleton {
            let mut array = match result {
                Val::Array(array) if !array.cons || array.sequence => Rc::unwrap_or_clone(array),
                Val::Undefined => Arr { sequence: true, ..Arr::default() },
                other if other.is_array() && other.made().is_none() => Arr { items: other.each(), ..Arr::default() },
                other => Arr { items: vec![other], sequence: true, ..Arr::default() },
            };
            array.keep_singleton = true;
            result = array.into_val();
        }
        match &node.group {
            Some(pairs) => self.group(pairs, tuples.as_ref().unwrap_or(&result), frame),
            None => Ok(result),
        }
    }

    fn step(&mut self, step: &'a Node, input: &Val<'a>, frame: usize, is_last: bool) -> Fallible<Val<'a>> {
        if let Kind::Sort(terms) = &step.kind {
            let sorted = self.sort_by(terms, input, frame)?;
            return self.stages(&step.stages, sorted, frame);
        }
        let mut found = Vec::new();
        for index in 0..input.len() {
            let mut value = self.evaluate(step, &input.item(index), frame)?;
            for stage in &step.stages {
                if let Stage::Filter(filter) = stage {
                    value = self.filter(filter, value, frame)?;
                }
            }
            if !value.is_undefined() {
                found.push(value);
            }
        }
        if is_last && found.len() == 1 && found.first().is_some_and(|only| only.is_array() && !only.is_sequence()) {
            return Ok(found.pop().unwrap_or(Val::Undefined));
        }
        let mut flat = Vec::with_capacity(found.len());
        for value in found {
            if value.is_array() && !value.made().is_some_and(|array| array.cons) {
                self.budget.step(value.len())?;
                flat.extend(value.items());
            } else {
                flat.push(value);
            }
        }
        self.budget.make_array(flat.len())?;
        Ok(Val::sequence(flat))
    }

    fn stages(&mut self, stages: &'a [Stage], mut value: Val<'a>, frame: usize) -> Fallible<Val<'a>> {
        for stage in stages {
            value = match stage {
                Stage::Filter(filter) => self.filter(filter, value, frame)?,
                Stage::Index(name) => {
                    let mut numbered = Vec::with_capacity(value.len());
                    for (place, tuple) in value.items().enumerate() {
                        numbered.push(with(&tuple, name, position(place)));
                    }
                    self.budget.make_array(numbered.len() * 8)?;
                    stream(numbered)
                }
            };
        }
        Ok(value)
    }

    /// A step over bindings: each value it gives makes bindings of its own.
    fn tuple_step(
        &mut self,
        step: &'a Node,
        input: &Val<'a>,
        tuples: Option<Val<'a>>,
        frame: usize,
    ) -> Fallible<Val<'a>> {
        if let Kind::Sort(terms) = &step.kind {
            let sorted = match tuples {
                Some(tuples) => {
                    let sorted = self.sort_by(terms, &tuples, frame)?;
                    stream(sorted.items().collect())
                }
                None => {
                    let sorted = self.sort_by(terms, input, frame)?;
                    let index = step.index.as_deref().unwrap_or_default();
                    let numbered = sorted
                        .items()
                        .enumerate()
                        .map(|(place, item)| with(&with(&Val::Undefined, "@", item), index, position(place)));
                    stream(numbered.collect())
                }
            };
            return self.stages(&step.stages, sorted, frame);
        }
        let tuples: Vec<Val<'a>> = match tuples {
            Some(tuples) => tuples.each(),
            None => input.each().into_iter().map(|item| with(&Val::Undefined, "@", item)).collect(),
        };
        let mut made = Vec::new();
        for tuple in tuples {
            let (context, inner) = self.unpacked(&tuple, true, frame)?;
            let found = self.evaluate(step, &context, inner)?;
            if found.is_undefined() {
                continue;
            }
            let is_stream = found.is_tuples();
            for (place, value) in found.each().into_iter().enumerate() {
                self.budget.make(128)?;
                let mut next = tuple.clone();
                if is_stream {
                    for (name, value) in value.fields() {
                        next = with(&next, &name, value);
                    }
                } else {
                    next = match &step.focus {
                        Some(focus) => with(&next, focus, value),
                        None => with(&next, "@", value),
                    };
                    if let Some(index) = &step.index {
                        next = with(&next, index, position(place));
                    }
                    if let Some(slot) = step.ancestor {
                        next = with(&next, self.label(slot), context.clone());
                    }
                }
                made.push(next);
            }
        }
        self.stages(&step.stages, stream(made), frame)
    }

    /// The value of an item and the frame to evaluate in: of a tuple, its value under `@` and its bindings.
    pub(super) fn unpacked(&mut self, item: &Val<'a>, is_tuple: bool, frame: usize) -> Fallible<(Val<'a>, usize)> {
        if !is_tuple {
            return Ok((item.clone(), frame));
        }
        let inner = self.frame(frame)?;
        for (name, value) in item.fields() {
            self.bind(inner, &name, value);
        }
        Ok((item.field("@"), inner))
    }

    /// One tuple for many: each field holds all of their values.
    pub(super) fn reduced(&mut self, tuples: &[Val<'a>]) -> Fallible<Val<'a>> {
        let Some((first, others)) = tuples.split_first() else { return Ok(Val::Undefined) };
        if others.is_empty() {
            return Ok(first.clone());
        }
        let mut fields: IndexMap<Rc<str>, Val<'a>> = first.fields().into_iter().collect();
        for tuple in others {
            for (name, value) in tuple.fields() {
                let all = match fields.get(&name) {
                    None => value,
                    Some(known) => self.append(known, &value)?,
                };
                fields.insert(name, all);
            }
        }
        Ok(Val::object(fields))
    }

    /// Two values as one array.
    pub(super) fn append(&mut self, one: &Val<'a>, other: &Val<'a>) -> Fallible<Val<'a>> {
        if one.is_undefined() {
            return Ok(other.clone());
        }
        if other.is_undefined() {
            return Ok(one.clone());
        }
        self.budget.make_array(one.len().max(1) + other.len().max(1))?;
        let mut items = one.each();
        items.extend(other.each());
        Val::array(items).checked()
    }

    pub(super) fn filter(&mut self, filter: &'a Node, input: Val<'a>, frame: usize) -> Fallible<Val<'a>> {
        let tuples = input.is_tuples();
        let input = match input {
            input if input.is_array() => input,
            Val::Undefined => return Ok(Val::sequence(Vec::new())),
            single => Val::sequence(vec![single]),
        };
        let made = |items: Vec<Val<'a>>| Arr { items, sequence: true, tuples, ..Arr::default() }.into_val();
        if let (Kind::Number(number), true) = (&filter.kind, filter.predicate.is_empty()) {
            let item = place(*number, input.len()).map_or(Val::Undefined, |index| input.item(index));
            return Ok(match item {
                Val::Undefined => made(Vec::new()),
                item if item.is_array() => item,
                item => made(vec![item]),
            });
        }
        let mut kept = Vec::new();
        for index in 0..input.len() {
            let item = input.item(index);
            let (context, inner) = self.unpacked(&item, tuples, frame)?;
            let found = self.evaluate(filter, &context, inner)?;
            match indexes(&found)? {
                Some(numbers) => {
                    self.budget.step(numbers.len())?;
                    for number in numbers {
                        if place(number, input.len()) == Some(index) {
                            kept.push(item.clone());
                        }
                    }
                }
                None if boolean(&found)?.unwrap_or_default() => kept.push(item),
                None => {}
            }
        }
        self.budget.make_array(kept.len())?;
        Ok(made(kept))
    }

    fn sort_by(&mut self, terms: &'a [Term], input: &Val<'a>, frame: usize) -> Fallible<Val<'a>> {
        let tuples = input.is_tuples();
        let mut keyed = Vec::with_capacity(input.len());
        for item in input.each() {
            let mut keys = Vec::with_capacity(terms.len());
            if input.len() > 1 {
                let (context, inner) = self.unpacked(&item, tuples, frame)?;
                for term in terms {
                    keys.push(self.evaluate(&term.expression, &context, inner)?);
                }
            }
            keyed.push((keys, item));
        }
        self.budget.make_array(keyed.len())?;
        let sorted =
            self.merge_sort(keyed, &mut |_, one, other| Ok(order(terms, &one.0, &other.0)? == Ordering::Greater))?;
        let items = sorted.into_iter().map(|(_, item)| item).collect();
        Ok(Arr { items, tuples, ..Arr::default() }.into_val())
    }

    /// A stable sort; `swap` says whether the first of two comes after the second.
    pub(super) fn merge_sort<T>(
        &mut self,
        mut items: Vec<T>,
        swap: &mut impl FnMut(&mut Self, &T, &T) -> Fallible<bool>,
    ) -> Fallible<Vec<T>> {
        if items.len() <= 1 {
            return Ok(items);
        }
        let right = items.split_off(items.len() / 2);
        let left = self.merge_sort(items, swap)?;
        let right = self.merge_sort(right, swap)?;
        self.budget.step(left.len() + right.len())?;
        let mut merged = Vec::with_capacity(left.len() + right.len());
        let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
        while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
            let next = if swap(self, one, other)? { right.next() } else { left.next() };
            merged.extend(next);
        }
        merged.extend(left);
        merged.extend(right);
        Ok(merged)
    }
}

fn order(terms: &[Term], one: &[Val<'_>], other: &[Val<'_>]) -> Fallible<Ordering> {
    for (term, (one, other)) in terms.iter().zip(one.iter().zip(other)) {
        let order = match (one.is_undefined(), other.is_undefined()) {
            (true, true) => Ordering::Equal,
            // What has no value comes last, in either direction.
            (true, false) => return Ok(Ordering::Greater),
            (false, true) => return Ok(Ordering::Less),
            (false, false) => {
                let plain = |value: &Val<'_>| matches!(value.kind(), Type::Text | Type::Number);
                if !plain(one) || !plain(other) {
                    let bad = if plain(one) { other } else { one };
                    return Err(problem("T2008").with_value(shown(bad)));
                }
                match (one.as_str(), other.as_str(), one.float(), other.float()) {
                    (Some(one), Some(other), ..) => one.encode_utf16().cmp(other.encode_utf16()),
                    (.., Some(one), Some(other)) => one.partial_cmp(&other).unwrap_or(Ordering::Equal),
                    _ => return Err(problem("T2007").with_value(shown(one)).with_value2(shown(other))),
                }
            }
        };
        let order = if term.descending { order.reverse() } else { order };
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(Ordering::Equal)
}

fn stream(items: Vec<Val<'_>>) -> Val<'_> {
    Arr { items, sequence: true, tuples: true, ..Arr::default() }.into_val()
}

/// A tuple with one more field.
fn with<'a>(tuple: &Val<'a>, name: &str, value: Val<'a>) -> Val<'a> {
    let mut fields: IndexMap<Rc<str>, Val<'a>> = tuple.fields().into_iter().collect();
    fields.insert(Rc::from(name), value);
    Val::object(fields)
}

#[expect(clippy::cast_precision_loss, reason = "a position is far below 2^53")]
fn position<'a>(place: usize) -> Val<'a> {
    Val::Number(place as f64)
}

/// The index that a number means in an array: rounded down, from the end where it is negative.
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
fn place(number: f64, length: usize) -> Option<usize> {
    let index = number.floor() as i64;
    let index = if index < 0 { index.checked_add(i64::try_from(length).ok()?)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

/// The numbers of a value that is a number or an array of numbers.
fn indexes(value: &Val<'_>) -> Fallible<Option<Vec<f64>>> {
    if let Some(number) = value.number()? {
        return Ok(Some(vec![number]));
    }
    if !value.is_array() {
        return Ok(None);
    }
    let mut numbers = Vec::with_capacity(value.len());
    for item in value.items() {
        match item.number()? {
            Some(number) => numbers.push(number),
            None => return Ok(None),
        }
    }
    Ok(Some(numbers))
}
