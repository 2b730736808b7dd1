//! Values for the tests of made projects: one that a field accepts, and ones that it must refuse.

use serde_json::{Map, Value, json};

/// A value that the field accepts, within its limits.
pub(crate) fn valid(field: &Map<String, Value>) -> Value {
    let minimum = field.get("min").and_then(Value::as_f64);
    let maximum = field.get("max").and_then(Value::as_f64);
    match kind(field) {
        "integer" => json!(within(1.0, minimum, maximum) as i64),
        "number" => json!(within(1.5, minimum, maximum)),
        "boolean" => json!(true),
        "datetime" => json!("2024-05-01T12:30:00Z"),
        "enum" => {
            field.get("values").and_then(Value::as_array).and_then(|values| values.first()).cloned().unwrap_or_default()
        }
        _ => {
            let least = minimum.unwrap_or_default() as usize;
            let most = maximum.map_or(usize::MAX, |limit| limit as usize);
            let text = "Example text";
            json!(text.chars().chain(std::iter::repeat('x')).take(text.len().max(least).min(most)).collect::<String>())
        }
    }
}

/// A value of a type that the field does not have.
pub(crate) fn wrong_type(field: &Map<String, Value>) -> Value {
    match kind(field) {
        "string" | "datetime" | "enum" => json!(12),
        "boolean" => json!("true"),
        _ => json!("12"),
    }
}

/// Values of the right type that the field's limits refuse.
pub(crate) fn out_of_range(field: &Map<String, Value>) -> Vec<Value> {
    let minimum = field.get("min").and_then(Value::as_f64);
    let maximum = field.get("max").and_then(Value::as_f64);
    match kind(field) {
        "integer" => minimum
            .map(|least| json!(least as i64 - 1))
            .into_iter()
            .chain(maximum.map(|most| json!(most as i64 + 1)))
            .collect(),
        "number" => minimum.map(below).into_iter().chain(maximum.map(above)).collect(),
        "boolean" => Vec::new(),
        "datetime" => vec![json!("2024-02-30T12:30:00Z"), json!("2024-05-01 12:30"), json!("yesterday")],
        "enum" => vec![json!("no such value of this field")],
        _ => {
            let (least, most) = text_limits(field);
            let short = (least > 0).then(|| json!("x".repeat(least - 1)));
            short.into_iter().chain([json!("x".repeat(most + 1))]).collect()
        }
    }
}

/// Least and greatest length, in characters, of a text field: a required text is not empty unless `min` says so.
pub(crate) fn text_limits(field: &Map<String, Value>) -> (usize, usize) {
    let required = field.get("required").and_then(Value::as_bool).unwrap_or_default();
    let most = field.get("max").and_then(Value::as_f64).map_or(1000, |limit| limit as usize);
    let least = field
        .get("min")
        .and_then(Value::as_f64)
        .map_or_else(|| usize::from(required && most > 0), |limit| limit as usize);
    (least, most.max(least))
}

fn kind(field: &Map<String, Value>) -> &str {
    field.get("type").and_then(Value::as_str).unwrap_or("string")
}

fn within(wish: f64, minimum: Option<f64>, maximum: Option<f64>) -> f64 {
    let raised = minimum.map_or(wish, |least| wish.max(least));
    maximum.map_or(raised, |most| raised.min(most))
}

fn below(limit: f64) -> Value {
    json!(if limit.abs() < 1e15 { limit - 1.0 } else { limit - limit.abs() / 2.0 })
}

fn above(limit: f64) -> Value {
    json!(if limit.abs() < 1e15 { limit + 1.0 } else { limit + limit.abs() / 2.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn samples_keep_the_limits() {
        assert_eq!(valid(&field(json!({"type": "string", "min": 20}))).as_str().unwrap().len(), 20);
        assert_eq!(valid(&field(json!({"type": "string", "max": 3}))), json!("Exa"));
        assert_eq!(valid(&field(json!({"type": "integer", "min": 5}))), json!(5));
        assert_eq!(valid(&field(json!({"type": "number", "max": 0.5}))), json!(0.5));
        assert_eq!(out_of_range(&field(json!({"type": "integer", "min": 5, "max": 7}))), [json!(4), json!(8)]);
        assert_eq!(text_limits(&field(json!({"type": "string", "required": true}))), (1, 1000));
        assert_eq!(text_limits(&field(json!({"type": "string", "min": 2000}))), (2000, 2000));
    }
}
