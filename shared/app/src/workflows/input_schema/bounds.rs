//! What a schema may be made of: the dialect's keywords, references within it that lead to no circle, and so many parts.
//!
//! The parts are counted with what references lead to as often as they do. So the time of a check is bounded by that count
//! and the size of the input: schemas whose references double each other, or come back to themselves, are refused.

use serde_json::{Map, Value};

use super::{DIALECT, PROBLEMS, words};
use crate::error::FieldProblem;

/// Parts of a schema, those that references lead to as often as they do.
const PARTS: usize = 5_000;
/// Patterns.
const PATTERNS: usize = 100;
/// Parts inside of parts.
const DEEPEST: usize = 64;

/// Keywords whose value is a schema.
const ONE: &[&str] = &[
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is an array of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value has schemas by names.
const NAMED: &[&str] = &["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// Checks a schema before it is compiled.
///
/// # Errors
/// What is wrong, with JSON pointers into the schema.
pub(super) fn check(schema: &Value) -> Result<(), Vec<FieldProblem>> {
    let Value::Object(members) = schema else {
        return Err(vec![FieldProblem::new("", "must be an object with a JSON Schema")]);
    };
    if let Some(named) = members.get("$schema")
        && named.as_str().map(|text| text.trim_end_matches('#')) != Some(DIALECT)
    {
        return Err(vec![FieldProblem::new("/$schema", format!("must be {DIALECT:?}, or left out"))]);
    }
    let mut problems: Vec<FieldProblem> = Vec::new();
    for error in jsonschema::draft202012::meta::validator().iter_errors(schema).take(PROBLEMS) {
        let problem = words::of_schema(&error);
        if problems.iter().all(|known| known.field != problem.field) {
            problems.push(problem);
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut walk = Walk { root: schema, parts: 0, patterns: 0, open: vec![String::new()], problems };
    walk.part(schema, "", 0);
    if walk.problems.is_empty() { Ok(()) } else { Err(walk.problems) }
}

struct Walk<'a> {
    root: &'a Value,
    parts: usize,
    patterns: usize,
    /// The pointers of what is being walked because a reference leads to it.
    open: Vec<String>,
    problems: Vec<FieldProblem>,
}

impl Walk<'_> {
    fn problem(&mut self, place: &str, message: impl Into<String>) {
        if self.problems.len() < PROBLEMS && self.problems.iter().all(|known| known.field != place) {
            self.problems.push(FieldProblem::new(place, message));
        }
    }

    fn part(&mut self, schema: &Value, place: &str, depth: usize) {
        self.parts += 1;
        if self.parts > PARTS {
            let message = format!("has more than {PARTS} parts, those of references as often as they are referred to");
            return self.problem("", message);
        }
        if depth > DEEPEST {
            return self.problem(place, format!("is more than {DEEPEST} levels deep; make it flatter"));
        }
        let Value::Object(members) = schema else { return };
        for (keyword, value) in members {
            let there = format!("{place}/{}", words::escaped(keyword));
            match keyword.as_str() {
                "$ref" => self.reference(value, &there, depth),
                "$dynamicRef" | "$recursiveRef" | "$vocabulary" => {
                    self.problem(&there, "is not understood in an input schema; use $ref and $defs");
                }
                "$id" if !place.is_empty() => {
                    self.problem(&there, "is understood at the top only; remove it, and refer with #/$defs/…");
                }
                "pattern" => self.pattern(),
                word if ONE.contains(&word) => self.part(value, &there, depth + 1),
                word if LIST.contains(&word) => {
                    for (number, part) in value.as_array().into_iter().flatten().enumerate() {
                        self.part(part, &format!("{there}/{number}"), depth + 1);
                    }
                }
                word if NAMED.contains(&word) => {
                    self.named(value.as_object(), &there, depth, keyword == "patternProperties");
                }
                _ => {}
            }
        }
    }

    fn named(&mut self, parts: Option<&Map<String, Value>>, place: &str, depth: usize, are_patterns: bool) {
        for (name, part) in parts.into_iter().flatten() {
            if are_patterns {
                self.pattern();
            }
            self.part(part, &format!("{place}/{}", words::escaped(name)), depth + 1);
        }
    }

    fn pattern(&mut self) {
        self.patterns += 1;
        if self.patterns > PATTERNS {
            self.problem("", format!("has more than {PATTERNS} patterns, those of references as often as they are"));
        }
    }

    fn reference(&mut self, value: &Value, place: &str, depth: usize) {
        let Some(pointer) = value.as_str().and_then(|text| text.strip_prefix('#')) else {
            return self.problem(place, "must begin with #: references lead into the schema itself");
        };
        if !(pointer.is_empty() || pointer.starts_with('/')) || pointer.contains('%') {
            return self.problem(place, "must be # with a JSON pointer, for example #/$defs/name");
        }
        let Some(target) = self.root.pointer(pointer) else {
            return self.problem(place, format!("leads nowhere: the schema has no {pointer}"));
        };
        // A part leads back to what it is inside of, or to what led to it.
        let inside = |open: &String| open == pointer;
        let around = place.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/'));
        if self.open.iter().any(inside) || around {
            return self.problem(place, "leads back to itself; an input schema has no circles");
        }
        self.open.push(pointer.to_owned());
        self.part(target, pointer, depth + 1);
        self.open.pop();
    }
}
