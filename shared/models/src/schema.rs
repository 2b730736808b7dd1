//! JSON Schemas: what providers take, and whether an answer fits.

use serde_json::Value;

/// At most so many sentences.
const PROBLEMS: usize = 20;

/// Is every object closed (`additionalProperties` false)?
pub(crate) fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            let object = fields.get("type").is_some_and(|kind| {
                kind == "object" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "object"))
            }) || fields.contains_key("properties");
            (!object || fields.get("additionalProperties") == Some(&Value::Bool(false)))
                && fields.iter().all(closed_part)
        }
        Value::Array(items) => items.iter().all(is_closed),
        _ => true,
    }
}

/// Values of `enum`, `const` and the like are no schemas.
fn closed_part((name, part): (&String, &Value)) -> bool {
    match name.as_str() {
        "properties" | "$defs" | "definitions" => part.as_object().is_none_or(|parts| parts.values().all(is_closed)),
        "items" | "prefixItems" | "anyOf" | "allOf" | "oneOf" | "not" => is_closed(part),
        _ => true,
    }
}

/// Does every object also require all its properties, as OpenAI's strict mode wants?
pub(crate) fn is_strict(schema: &Value) -> bool {
    is_closed(schema) && requires_all(schema)
}

fn requires_all(schema: &Value) -> bool {
    let Some(fields) = schema.as_object() else {
        return schema.as_array().is_none_or(|items| items.iter().all(requires_all));
    };
    let required = |name: &String| {
        let names = fields.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|known| known == name))
    };
    let own = fields.get("properties").and_then(Value::as_object).is_none_or(|parts| parts.keys().all(required));
    own && fields.iter().all(|(name, part)| match name.as_str() {
        "properties" | "$defs" | "definitions" => part.as_object().is_none_or(|parts| parts.values().all(requires_all)),
        "items" | "anyOf" => requires_all(part),
        _ => true,
    })
}

/// What is wrong with a schema.
pub(crate) fn check(schema: &Value) -> Option<String> {
    jsonschema::validator_for(schema).err().map(|error| error.to_string().chars().take(500).collect())
}

/// What of a value breaks a schema.
pub(crate) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    match jsonschema::validator_for(schema) {
        Err(error) => vec![format!("the schema is not valid: {error}")],
        Ok(validator) => validator
            .iter_errors(value)
            .take(PROBLEMS)
            .map(|error| {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() { "the answer".to_owned() } else { place };
                format!("{place}: {error}").chars().take(500).collect()
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn closed_and_strict_schemas_are_told_from_others() {
        let closed = json!({ "type": "object", "additionalProperties": false, "properties": {
            "items": { "type": "array", "items": { "type": "object", "additionalProperties": false, "properties": { "a": { "type": "string" } } } },
        }});
        assert!(is_closed(&closed) && !is_strict(&closed));
        let strict = json!({ "type": "object", "additionalProperties": false, "required": ["a"], "properties": { "a": { "type": "string" } } });
        assert!(is_strict(&strict));
        assert!(!is_closed(&json!({ "type": "object", "properties": {} })));
        assert!(!is_closed(&json!({ "type": "array", "items": { "type": ["object", "null"] } })));
        assert!(is_closed(&json!({ "type": "string", "enum": [{ "type": "object" }] })));
    }

    #[test]
    fn problems_name_their_place() {
        let schema = json!({ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } });
        assert_eq!(check(&schema), None);
        assert!(check(&json!({ "type": "nonsense" })).is_some());
        assert!(problems(&schema, &json!({ "n": 1 })).is_empty());
        let found = problems(&schema, &json!({ "n": "x" }));
        assert!(found.len() == 1 && found[0].starts_with("/n: "), "{found:?}");
        assert!(problems(&schema, &json!({}))[0].starts_with("the answer: "));
    }
}
