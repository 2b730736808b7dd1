//! What does not fit a schema, in words that say what would. They show nothing of the input but names of members.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use crate::error::FieldProblem;

/// The longest message, in characters.
const LONGEST: usize = 300;

/// A member's name as a token of a JSON pointer.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// What an error says of an input, member by member.
pub(super) fn of(schema: &Value, error: &ValidationError<'_>) -> Vec<FieldProblem> {
    let place = error.instance_path().as_str();
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let wanted = required(schema, error.schema_path().as_str(), name);
            vec![problem(format!("{place}/{}", escaped(name)), format!("is missing; give {wanted}"))]
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known = known(schema, error.schema_path().as_str());
            let message = format!("is unknown; remove it{known}");
            let named = unexpected.iter().map(|name| problem(format!("{place}/{}", escaped(name)), message.clone()));
            named.collect()
        }
        _ => vec![problem(place.to_owned(), message(error))],
    }
}

/// What an error says of a schema.
pub(super) fn of_schema(error: &ValidationError<'_>) -> FieldProblem {
    let place = error.instance_path().as_str();
    let text = match error.kind() {
        // The dialect says it as one of two schemas.
        Kind::AnyOf { .. } if place.ends_with("/type") => {
            "must be array, boolean, integer, null, number, object or string, or an array of them".to_owned()
        }
        Kind::Format { format } if format == "regex" => "is no regular expression".to_owned(),
        _ => message(error),
    };
    problem(place.to_owned(), text)
}

fn problem(field: String, message: String) -> FieldProblem {
    let shown = match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message,
    };
    FieldProblem::new(field, shown)
}

fn message(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(one) => noun(&one.to_string()).to_owned(),
                TypeKind::Multiple(many) => {
                    let nouns: Vec<String> = many.iter().map(|one| noun(&one.to_string()).to_owned()).collect();
                    nouns.join(" or ")
                }
            };
            let found = match error.instance().as_ref() {
                Value::Null => "null",
                Value::Bool(_) => "a boolean",
                Value::Number(number) if number.is_f64() => "a number with a fraction",
                Value::Number(_) => "a number",
                Value::String(_) => "a string",
                Value::Array(_) => "an array",
                Value::Object(_) => "an object",
            };
            format!("is {found}; give {wanted}")
        }
        Kind::Enum { options } => {
            let listed: Vec<String> = options.as_array().into_iter().flatten().map(Value::to_string).collect();
            format!("is not allowed; give one of {}", listed.join(", "))
        }
        Kind::Constant { expected_value } => format!("is not allowed; give {expected_value}"),
        Kind::Minimum { limit } => format!("is too small; give at least {limit}"),
        Kind::Maximum { limit } => format!("is too large; give at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("is too small; give more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("is too large; give less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("is no multiple of {multiple_of}; give one"),
        Kind::MinLength { limit } => format!("is too short; give at least {limit} characters"),
        Kind::MaxLength { limit } => format!("is too long; give at most {limit} characters"),
        Kind::MinItems { limit } => format!("has too few items; give at least {limit}"),
        Kind::MaxItems { limit } => format!("has too many items; give at most {limit}"),
        Kind::MinProperties { limit } => format!("has too few members; give at least {limit}"),
        Kind::MaxProperties { limit } => format!("has too many members; give at most {limit}"),
        Kind::Pattern { pattern } => format!("does not fit the pattern {pattern}; give a text that does"),
        Kind::BacktrackLimitExceeded { .. } => {
            "takes too long to compare with the schema's pattern; shorten it, or make the pattern simpler".to_owned()
        }
        Kind::UniqueItems => "has an item twice; give each once".to_owned(),
        Kind::FalseSchema => "is not allowed; remove it".to_owned(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            format!("fits none of the forms that the schema has at {}; give one of them", error.schema_path())
        }
        Kind::OneOfMultipleValid { .. } => {
            format!("fits more than one of the forms that the schema has at {}; give exactly one", error.schema_path())
        }
        _ => format!("{}; see {} of the schema", error.masked(), error.schema_path()),
    }
}

fn noun(kind: &str) -> &'static str {
    match kind {
        "array" => "an array",
        "boolean" => "true or false",
        "integer" => "an integer",
        "null" => "null",
        "number" => "a number",
        "object" => "an object",
        "string" => "a string",
        _ => "a value",
    }
}

/// What a required member is, where its schema says it beside `required`.
fn required(schema: &Value, keyword: &str, name: &str) -> &'static str {
    let part = keyword.strip_suffix("/required").and_then(|part| schema.pointer(part));
    let property = part.and_then(|part| part.get("properties")?.get(name));
    property.and_then(|property| property.get("type")?.as_str()).map_or("it; the schema requires it", noun)
}

/// The members that the schema names beside the keyword that refuses others.
fn known(schema: &Value, keyword: &str) -> String {
    let part = keyword.rsplit_once('/').and_then(|(part, _)| schema.pointer(part));
    let Some(properties) = part.and_then(|part| part.get("properties")?.as_object()) else { return String::new() };
    let names: Vec<&str> = properties.keys().map(String::as_str).collect();
    format!(" (known: {})", names.join(", "))
}
