//! The schema of a template's parameters: a closed subset of JSON Schema, and its validator.
//!
//! Keywords: `type`, `title`, `description`, `default`, `examples`, `enum`, `pattern`, `minLength`, `maxLength`,
//! `minimum`, `maximum`, `items`, `minItems`, `maxItems`, `properties`, `required`, `additionalProperties` (only
//! `false`, on every object). Three more steer this validator and are not published:
//!
//! - `x-hint`: what to write when `pattern` does not match
//! - `x-reserved`: sets of words that a name must not be, see `names`; `languages` and `types` stand for the sets of the
//!   template's languages
//! - `x-rules`: checks over several members, see `rules`
//!
//! An unknown keyword is an error when the catalogue is loaded.

use crate::error::ParameterProblem;
use crate::{literals, names, rules};
use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Map, Number, Value};

/// A parsed schema.
#[derive(Debug)]
pub(crate) struct Schema {
    kind: Kind,
    default: Option<Value>,
    choices: Option<Vec<Value>>,
    pattern: Option<(Regex, String)>,
    length: (usize, usize),
    range: (Option<f64>, Option<f64>),
    items: Option<Box<Schema>>,
    properties: Vec<(String, Schema)>,
    required: Vec<String>,
    reserved: Vec<String>,
    rules: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    String,
    Integer,
    Number,
    Boolean,
    Object,
    Array,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(rename = "title")]
    _title: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "examples", default)]
    _examples: Vec<Value>,
    default: Option<Value>,
    #[serde(rename = "enum")]
    choices: Option<Vec<Value>>,
    pattern: Option<String>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    items: Option<Value>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    properties: Option<Map<String, Value>>,
    #[serde(default)]
    required: Vec<String>,
    additional_properties: Option<bool>,
    #[serde(rename = "x-hint")]
    hint: Option<String>,
    #[serde(rename = "x-reserved", default)]
    reserved: Vec<String>,
    #[serde(rename = "x-rules", default)]
    rules: Vec<String>,
}

impl Schema {
    /// Parses a schema; `languages` are what the word set `languages` stands for. Errors say where and what.
    pub(crate) fn parse(value: &Value, languages: &[String]) -> Result<Self, String> {
        Self::parse_at(value, languages, "")
    }

    fn parse_at(value: &Value, languages: &[String], place: &str) -> Result<Self, String> {
        let written = Written::deserialize(value).map_err(|error| format!("schema at {place:?}: {error}"))?;
        let fault = |text: &str| format!("schema at {place:?}: {text}");
        let pattern = match (written.pattern, written.hint) {
            (Some(pattern), Some(hint)) => {
                Some((Regex::new(&pattern).map_err(|error| fault(&format!("pattern: {error}")))?, hint))
            }
            (None, None) => None,
            _ => return Err(fault("pattern and x-hint belong together")),
        };
        let mut properties = Vec::new();
        for (name, property) in written.properties.unwrap_or_default() {
            let schema = Self::parse_at(&property, languages, &format!("{place}/{}", escaped(&name)))?;
            properties.push((name, schema));
        }
        let items = match &written.items {
            Some(items) => Some(Box::new(Self::parse_at(items, languages, &format!("{place}/items"))?)),
            None => None,
        };
        match written.kind {
            Kind::Object if written.additional_properties != Some(false) => {
                return Err(fault("an object needs additionalProperties: false"));
            }
            Kind::Array if items.is_none() => return Err(fault("an array needs items")),
            _ => {}
        }
        if let Some(name) = written.required.iter().find(|name| !properties.iter().any(|(known, _)| known == *name)) {
            return Err(fault(&format!("required names the unknown property {name}")));
        }
        let mut reserved = Vec::new();
        for set in written.reserved {
            match set.as_str() {
                "languages" => reserved.extend(languages.iter().cloned()),
                "types" => reserved.extend(languages.iter().map(|language| format!("{language}-types"))),
                _ => reserved.push(set),
            }
        }
        if let Some(set) = reserved.iter().find(|set| names::is_reserved(set, "x").is_none()) {
            return Err(fault(&format!("x-reserved names the unknown set {set}")));
        }
        if let Some(rule) = written.rules.iter().find(|rule| !rules::is_known(rule)) {
            return Err(fault(&format!("x-rules names the unknown rule {rule}")));
        }
        let (least, most) = match written.kind {
            Kind::Array => (written.min_items, written.max_items),
            _ => (written.min_length, written.max_length),
        };
        let schema = Self {
            kind: written.kind,
            default: written.default,
            choices: written.choices,
            pattern,
            length: (least.unwrap_or(0), most.unwrap_or(usize::MAX)),
            range: (written.minimum, written.maximum),
            items,
            properties,
            required: written.required,
            reserved,
            rules: written.rules,
        };
        if let Some(default) = &schema.default {
            let mut problems = Vec::new();
            schema.check("", default, &mut problems);
            if let Some(problem) = problems.first() {
                return Err(fault(&format!("the default does not fit: {problem}")));
            }
        }
        Ok(schema)
    }

    /// Checks a value and returns it with defaults filled in; every problem is added to `problems`.
    pub(crate) fn check(&self, pointer: &str, value: &Value, problems: &mut Vec<ParameterProblem>) -> Value {
        let found_before = problems.len();
        let checked = match (self.kind, value) {
            (Kind::String, Value::String(text)) => {
                self.check_text(pointer, text, problems);
                value.clone()
            }
            (Kind::Integer, Value::Number(number)) => match whole(number) {
                Some(whole) => {
                    self.check_range(pointer, number, problems);
                    Value::from(whole)
                }
                None => {
                    problems.push(ParameterProblem::new(
                        pointer,
                        format!("{number} is not a whole number; write an integer"),
                    ));
                    value.clone()
                }
            },
            (Kind::Number, Value::Number(number)) => {
                self.check_range(pointer, number, problems);
                value.clone()
            }
            (Kind::Boolean, Value::Bool(_)) => value.clone(),
            (Kind::Object, Value::Object(members)) => Value::Object(self.check_members(pointer, members, problems)),
            (Kind::Array, Value::Array(items)) => Value::Array(self.check_items(pointer, items, problems)),
            _ => {
                problems.push(ParameterProblem::new(pointer, self.type_message(value)));
                return value.clone();
            }
        };
        if let Some(choices) = &self.choices
            && !choices.contains(&checked)
        {
            let listed: Vec<String> = choices.iter().map(Value::to_string).collect();
            problems.push(ParameterProblem::new(
                pointer,
                format!("{checked} is not allowed; use one of {}", listed.join(", ")),
            ));
        }
        if problems.len() == found_before {
            for rule in &self.rules {
                rules::check(rule, pointer, &checked, problems);
            }
        }
        checked
    }

    fn check_text(&self, pointer: &str, text: &str, problems: &mut Vec<ParameterProblem>) {
        let length = text.chars().count();
        let (least, most) = self.length;
        if length < least {
            let message = if length == 0 {
                "must not be empty".to_owned()
            } else {
                format!("has {length} characters; write at least {least}")
            };
            problems.push(ParameterProblem::new(pointer, message));
        }
        if least > 0 && length >= least && literals::line(text).is_empty() {
            problems.push(ParameterProblem::new(pointer, "has no visible text; write some"));
        }
        if length > most {
            problems.push(ParameterProblem::new(pointer, format!("has {length} characters; shorten it to {most}")));
        }
        if let Some(control) = text.chars().find(|it| it.is_control() && !matches!(it, '\n' | '\r' | '\t')) {
            let message = format!("has the control character U+{:04X}; remove it", u32::from(control));
            problems.push(ParameterProblem::new(pointer, message));
        }
        if let Some((pattern, hint)) = &self.pattern
            && length >= least
            && !pattern.is_match(text)
        {
            let shown: String = text.chars().take(40).collect();
            problems.push(ParameterProblem::new(pointer, format!("{shown:?} does not fit; {hint}")));
        } else if let Some(set) = self.reserved.iter().find(|set| names::is_reserved(set, text) == Some(true)) {
            let why = match set.as_str() {
                "record-fields" => "the name of a member that every record has".to_owned(),
                "modules" => "the name of a part that every service has".to_owned(),
                "cli-names" => "a name that the argument parser uses".to_owned(),
                "rust-types" => "the name of a Rust type that the code needs".to_owned(),
                language => format!("a reserved word of {language}"),
            };
            problems.push(ParameterProblem::new(
                pointer,
                format!("{text:?} is {why}; choose another name, for example \"{}_{}\"", names::snake(text), "value"),
            ));
        }
    }

    fn check_range(&self, pointer: &str, number: &Number, problems: &mut Vec<ParameterProblem>) {
        let value = number.as_f64().unwrap_or(f64::NAN);
        if let Some(least) = self.range.0.filter(|least| value < *least) {
            problems.push(ParameterProblem::new(pointer, format!("{number} is too small; use at least {least}")));
        }
        if let Some(most) = self.range.1.filter(|most| value > *most) {
            problems.push(ParameterProblem::new(pointer, format!("{number} is too large; use at most {most}")));
        }
    }

    fn check_members(
        &self,
        pointer: &str,
        members: &Map<String, Value>,
        problems: &mut Vec<ParameterProblem>,
    ) -> Map<String, Value> {
        let mut checked = Map::new();
        for (name, schema) in &self.properties {
            let place = format!("{pointer}/{}", escaped(name));
            match (members.get(name), &schema.default) {
                (Some(value), _) => {
                    checked.insert(name.clone(), schema.check(&place, value, problems));
                }
                (None, Some(default)) => {
                    // Defaults inside the default are filled in as well.
                    checked.insert(name.clone(), schema.check(&place, default, problems));
                }
                (None, None) if self.required.contains(name) => {
                    problems.push(ParameterProblem::new(place, format!("is missing; {} is required", schema.noun())));
                }
                (None, None) => {}
            }
        }
        for name in members.keys().filter(|name| !self.properties.iter().any(|(known, _)| known == *name)) {
            let known: Vec<&str> = self.properties.iter().map(|(known, _)| known.as_str()).collect();
            problems.push(ParameterProblem::new(
                format!("{pointer}/{}", escaped(name)),
                format!("is unknown; remove it (known: {})", known.join(", ")),
            ));
        }
        checked
    }

    fn check_items(&self, pointer: &str, items: &[Value], problems: &mut Vec<ParameterProblem>) -> Vec<Value> {
        let (least, most) = self.length;
        let count = items.len();
        if count < least {
            problems.push(ParameterProblem::new(pointer, format!("has {count} items; give at least {least}")));
        }
        if count > most {
            problems.push(ParameterProblem::new(pointer, format!("has {count} items; give at most {most}")));
            return items.to_vec();
        }
        let Some(schema) = &self.items else {
            return items.to_vec();
        };
        items
            .iter()
            .enumerate()
            .map(|(index, item)| schema.check(&format!("{pointer}/{index}"), item, problems))
            .collect()
    }

    fn noun(&self) -> &'static str {
        match self.kind {
            Kind::String => "a string",
            Kind::Integer => "an integer",
            Kind::Number => "a number",
            Kind::Boolean => "true or false",
            Kind::Object => "an object",
            Kind::Array => "an array",
        }
    }

    fn type_message(&self, value: &Value) -> String {
        let found = match value {
            Value::Null => return format!("is null; write {} or leave it out", self.noun()),
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        format!("is {found}; write {}", self.noun())
    }
}

/// The number as an integer, also when it is written as `3.0`.
fn whole(number: &Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i64().or_else(|| number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() <= EXACT).map(|it| it as i64))
}

/// A member's name as a token of a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The schema as published: without the keywords that only this validator reads.
pub(crate) fn published(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(name, _)| !name.starts_with("x-"))
                .map(|(name, member)| (name.clone(), published(member)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(published).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: Value, value: Value) -> (Value, Vec<String>) {
        let schema = Schema::parse(&schema, &["python".to_owned()]).unwrap();
        let mut problems = Vec::new();
        let checked = schema.check("", &value, &mut problems);
        (checked, problems.iter().map(ToString::to_string).collect())
    }

    fn example() -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z]+$", "x-hint": "use a-z", "maxLength": 5, "x-reserved": ["languages"]},
                "size": {"type": "integer", "minimum": 1, "maximum": 3, "default": 2},
                "share": {"type": "number", "maximum": 1.0},
                "tags": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "enum": ["a", "b"]}},
                "flag": {"type": "boolean"},
            },
        })
    }

    #[test]
    fn fills_in_defaults() {
        let (checked, problems) = check(example(), json!({"name": "abc", "share": 0.5}));
        assert_eq!((checked, problems), (json!({"name": "abc", "size": 2, "share": 0.5}), vec![]));
    }

    #[test]
    fn reports_every_problem_with_its_place() {
        let (_, problems) = check(
            example(),
            json!({"name": "ABCDEF", "size": 9, "share": "x", "tags": ["a", "c", "b"], "flag": null, "a/b": 1}),
        );
        assert_eq!(
            problems,
            [
                "/name: has 6 characters; shorten it to 5",
                "/name: \"ABCDEF\" does not fit; use a-z",
                "/size: 9 is too large; use at most 3",
                "/share: is a string; write a number",
                "/tags: has 3 items; give at most 2",
                "/flag: is null; write true or false or leave it out",
                "/a~1b: is unknown; remove it (known: name, size, share, tags, flag)",
            ]
        );
        let blank = json!({"type": "string", "minLength": 1});
        assert_eq!(check(blank, json!(" \n")).1, ["parameters: has no visible text; write some"]);
        let (_, problems) = check(example(), json!({"name": "class", "size": 1.5, "tags": ["c"]}));
        assert_eq!(
            problems,
            [
                "/name: \"class\" is a reserved word of python; choose another name, for example \"class_value\"",
                "/size: 1.5 is not a whole number; write an integer",
                "/tags/0: \"c\" is not allowed; use one of \"a\", \"b\"",
            ]
        );
        assert_eq!(check(example(), json!({})).1, ["/name: is missing; a string is required"]);
        assert_eq!(check(example(), json!([])).1, ["parameters: is an array; write an object"]);
        assert_eq!(
            check(json!({"type": "string"}), json!("a\u{0}")).1,
            ["parameters: has the control character U+0000; remove it"]
        );
    }

    #[test]
    fn refuses_faulty_schemas() {
        for (schema, text) in [
            (json!({"type": "string", "format": "uri"}), "unknown field"),
            (json!({"type": "object"}), "additionalProperties"),
            (json!({"type": "array"}), "items"),
            (json!({"type": "string", "x-rules": ["nothing"]}), "unknown rule"),
            (json!({"type": "string", "x-reserved": ["nothing"]}), "unknown set"),
            (json!({"type": "integer", "default": "x"}), "default does not fit"),
        ] {
            let error = Schema::parse(&schema, &[]).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }
}
