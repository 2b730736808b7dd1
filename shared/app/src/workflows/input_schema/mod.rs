//! The schema that an execution's input must fit: JSON Schema 2020-12, kept with a revision.
//!
//! A schema is checked when it is given (`bounds.rs` says what it may be made of, so that a check ends soon whatever the input
//! is) and compiled once a process. It is stored in the records of the revision, which a start reads anyway. Formats are
//! annotations, as the dialect has it.

mod bounds;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::{PatternOptions, Validator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::sha256_hex;
use crate::error::{Error, FieldProblem};
use crate::ports::StoreError;

/// How long a schema may be, in bytes of compact JSON.
pub const INPUT_SCHEMA_BYTES: usize = 32 * 1024;

/// The dialect, as `$schema` may name it.
pub(super) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Problems that are told at once.
const PROBLEMS: usize = 20;
/// Compiled schemas that a process keeps; when there are more, it starts again with none.
const KEPT: usize = 128;
/// Steps back that a `pattern` may take in a text.
const BACKTRACKS: usize = 100_000;
/// How large a compiled `pattern` may be, in bytes.
const PATTERN_BYTES: usize = 256 * 1024;

/// A schema that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSchema {
    /// SHA-256 of the text, by which the compiled schema is found.
    digest: String,
    /// The schema as compact JSON, its members in the order in which they were given.
    text: String,
}

impl InputSchema {
    /// A schema from what was given.
    ///
    /// # Errors
    /// All that is wrong with it, with JSON pointers into it.
    pub fn parse(schema: &Value) -> Result<Self, Vec<FieldProblem>> {
        let text = schema.to_string();
        if text.len() > INPUT_SCHEMA_BYTES {
            let message = format!("has {} bytes; shorten it to {INPUT_SCHEMA_BYTES}", text.len());
            return Err(vec![FieldProblem::new("", message)]);
        }
        bounds::check(schema)?;
        let compiled = compile(schema).map_err(|problem| vec![problem])?;
        let digest = sha256_hex(text.as_bytes());
        keep(&digest, Arc::new(compiled));
        Ok(Self { digest, text })
    }

    /// The schema as it was given.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// What of an input breaks the schema, at most 20 problems: JSON pointers into the input, and what would be right.
    ///
    /// # Errors
    /// [`Error::Store`] where what is stored is no schema.
    pub fn problems(&self, input: &Value) -> Result<Vec<FieldProblem>, Error> {
        let validator = self.compiled()?;
        if validator.is_valid(input) {
            return Ok(Vec::new());
        }
        let schema = self.value();
        let told = validator.iter_errors(input).flat_map(|error| words::of(&schema, &error));
        Ok(told.take(PROBLEMS).collect())
    }

    fn compiled(&self) -> Result<Arc<Validator>, Error> {
        let known = cache().lock().unwrap_or_else(PoisonError::into_inner).get(&self.digest).cloned();
        if let Some(validator) = known {
            return Ok(validator);
        }
        let corrupt = |why: String| StoreError::corrupt(format!("input schema {}", self.digest), why);
        let schema: Value = serde_json::from_str(&self.text).map_err(|problem| corrupt(problem.to_string()))?;
        let validator = Arc::new(compile(&schema).map_err(|problem| corrupt(problem.message))?);
        keep(&self.digest, Arc::clone(&validator));
        Ok(validator)
    }
}

fn compile(schema: &Value) -> Result<Validator, FieldProblem> {
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACKS)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES);
    let built = jsonschema::draft202012::options().with_pattern_options(patterns).offline().build(schema);
    built.map_err(|error| words::of_schema(&error))
}

type Cache = Mutex<HashMap<String, Arc<Validator>>>;

fn cache() -> &'static Cache {
    static CACHE: OnceLock<Cache> = OnceLock::new();
    CACHE.get_or_init(Cache::default)
}

fn keep(digest: &str, validator: Arc<Validator>) {
    let mut cache = cache().lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= KEPT {
        cache.clear();
    }
    cache.insert(digest.to_owned(), validator);
}

/// Problems of an input as problems of the member `base` of a request.
pub(crate) fn below(base: &str, problems: Vec<FieldProblem>) -> Vec<FieldProblem> {
    problems.into_iter().map(|one| FieldProblem { field: format!("{base}{}", one.field), ..one }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    fn order() -> Value {
        json!({
            "type": "object", "required": ["customer"], "additionalProperties": false,
            "properties": {
                "customer": { "type": "string", "minLength": 2, "maxLength": 5 },
                "size": { "enum": ["small", "large"] },
                "items": { "type": "array", "maxItems": 2, "items": { "$ref": "#/$defs/item" } },
            },
            "$defs": { "item": {
                "type": "object", "required": ["count"], "properties": { "count": { "type": "integer", "minimum": 1 } },
            } },
        })
    }

    fn told(schema: &Value, input: &Value) -> Vec<String> {
        let problems = InputSchema::parse(schema).unwrap().problems(input).unwrap();
        problems.into_iter().map(|one| format!("{}: {}", one.field, one.message)).collect()
    }

    fn refused(schema: &Value) -> Vec<String> {
        let problems = InputSchema::parse(schema).unwrap_err();
        problems.into_iter().map(|one| format!("{}: {}", one.field, one.message)).collect()
    }

    #[test]
    fn an_input_that_fits_and_others_with_place_and_mending() {
        assert!(told(&order(), &json!({ "customer": "Ada", "items": [{ "count": 1 }] })).is_empty());
        assert_eq!(told(&order(), &json!({})), ["/customer: is missing; give a string"]);
        assert_eq!(told(&order(), &json!([])), [": is an array; give an object"]);
        let input =
            json!({ "customer": "A", "size": "huge", "items": [{ "count": 0 }, {}, { "count": "1" }], "a/b": 1 });
        let mut found = told(&order(), &input);
        found.sort();
        assert_eq!(
            found,
            [
                "/a~1b: is unknown; remove it (known: customer, size, items)",
                "/customer: is too short; give at least 2 characters",
                "/items/0/count: is too small; give at least 1",
                "/items/1/count: is missing; give an integer",
                "/items/2/count: is a string; give an integer",
                "/items: has too many items; give at most 2",
                "/size: is not allowed; give one of \"small\", \"large\"",
            ]
        );
    }

    #[test]
    fn a_schema_with_its_problems() {
        assert_eq!(
            refused(&json!({ "type": "object", "properties": { "n": { "type": "int" }, "m": { "minLength": -1 } } })),
            [
                "/properties/n/type: must be array, boolean, integer, null, number, object or string, or an array of them",
                "/properties/m/minLength: is too small; give at least 0",
            ]
        );
        for (schema, told) in [
            (json!(true), ": must be an object with a JSON Schema"),
            (
                json!({ "$schema": "http://json-schema.org/draft-07/schema#" }),
                "/$schema: must be \"https://json-schema",
            ),
            (json!({ "$ref": "https://example.com/x" }), "/$ref: must begin with #"),
            (json!({ "properties": { "a": { "$ref": "#/$defs/none" } } }), "/properties/a/$ref: leads nowhere"),
            (json!({ "properties": { "next": { "$ref": "#" } } }), "/properties/next/$ref: leads back"),
            (json!({ "properties": { "a": { "$id": "x:y" } } }), "/properties/a/$id: "),
            (json!({ "$dynamicRef": "#x" }), "/$dynamicRef: "),
            (json!({ "pattern": "(" }), "/pattern: "),
            (json!({ "description": "x".repeat(INPUT_SCHEMA_BYTES) }), ": has "),
        ] {
            let found = refused(&schema);
            assert!(found.iter().any(|one| one.starts_with(told)), "{schema}: {found:?}");
        }
        // A name is no keyword, and a value no schema.
        let free =
            json!({ "properties": { "$ref": { "type": "string" } }, "const": { "$ref": "nowhere" }, "x-own": 1 });
        InputSchema::parse(&free).unwrap();
    }

    #[test]
    fn no_schema_makes_a_check_long() {
        let mut definitions = serde_json::Map::new();
        for number in 0..40 {
            let next = json!({ "$ref": format!("#/$defs/a{}", number + 1) });
            definitions.insert(format!("a{number}"), json!({ "allOf": [next, next] }));
        }
        definitions.insert("a40".to_owned(), json!({ "type": "string" }));
        let doubling = json!({ "$ref": "#/$defs/a0", "$defs": definitions });
        assert!(refused(&doubling).iter().any(|one| one.contains("5000")), "{:?}", refused(&doubling));
        let patterns: Vec<Value> = (0..200).map(|_| json!({ "pattern": "\\w{1000}" })).collect();
        assert!(refused(&json!({ "allOf": patterns })).iter().any(|one| one.contains("100 patterns")));
        let began = Instant::now();
        let backtracking = json!({ "pattern": "^(?=a)(a+)+\\1$" });
        let found = told(&backtracking, &json!(format!("{}b", "a".repeat(50_000))));
        assert!(!found.is_empty() && began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }

    #[test]
    fn what_is_stored_is_compiled_again() {
        let schema = InputSchema::parse(&order()).unwrap();
        let stored: InputSchema = serde_json::from_value(serde_json::to_value(&schema).unwrap()).unwrap();
        cache().lock().unwrap().remove(&stored.digest);
        assert_eq!(stored.problems(&json!({})).unwrap().len(), 1);
        assert_eq!(stored.value(), order());
        let broken = InputSchema { digest: "none".to_owned(), text: "{".to_owned() };
        assert!(matches!(broken.problems(&json!({})), Err(Error::Store(_))));
    }
}
