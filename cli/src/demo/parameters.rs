//! Parameters for the demo's project: real ones where the template takes them, else its defaults.

use serde_json::{Map, Value, json};

/// Parameters that a template's schema accepts.
pub(crate) fn sample(id: &str, template: &Value) -> Map<String, Value> {
    let takes = |name: &str| template.pointer("/parameters/properties").is_some_and(|all| all.get(name).is_some());
    let mut parameters = Map::new();
    let api = takes("entities");
    let name = if api { "book-shop".to_owned() } else { format!("demo-{id}").chars().take(40).collect() };
    parameters.insert("name".to_owned(), json!(name));
    if api {
        parameters.insert("entities".to_owned(), entities());
        if takes("description") {
            parameters.insert("description".to_owned(), json!("Keeps the books of a shop and what customers order."));
        }
    }
    parameters
}

/// Two entities with a field of every type.
fn entities() -> Value {
    json!([
        {
            "name": "book",
            "description": "A book that the shop sells",
            "fields": [
                { "name": "title", "type": "string", "required": true, "min": 1, "max": 200, "description": "Its title" },
                { "name": "author", "type": "string", "required": true, "max": 120, "description": "Who wrote it" },
                { "name": "price", "type": "number", "required": true, "min": 0, "max": 10000, "description": "In euros" },
                { "name": "stock", "type": "integer", "min": 0, "description": "How many are on the shelf" },
                { "name": "format", "type": "enum", "values": ["hardcover", "paperback", "ebook"], "description": "Its form" },
                { "name": "available", "type": "boolean", "description": "Whether it can be ordered" },
                { "name": "published_at", "type": "datetime", "description": "When it came out" },
            ],
        },
        {
            "name": "purchase_order",
            "description": "What a customer ordered",
            "fields": [
                { "name": "customer", "type": "string", "required": true, "min": 1, "max": 120, "description": "Who ordered" },
                { "name": "quantity", "type": "integer", "required": true, "min": 1, "max": 100, "description": "How many" },
                { "name": "state", "type": "enum", "required": true, "values": ["placed", "paid", "sent"], "description": "Where it stands" },
                { "name": "placed_at", "type": "datetime", "required": true, "description": "When it was placed" },
                { "name": "gift", "type": "boolean", "description": "Whether it is wrapped" },
            ],
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parameters_that_the_template_takes() {
        let api = json!({ "parameters": { "properties": { "name": {}, "description": {}, "entities": {} } } });
        let names = |id: &str, template: &Value| sample(id, template).keys().cloned().collect::<Vec<_>>();
        assert_eq!(names("python-rest-api", &api), ["name", "entities", "description"]);
        let site = json!({ "parameters": { "properties": { "name": {}, "pages": {} } } });
        assert_eq!(sample("static-site", &site), *json!({ "name": "demo-static-site" }).as_object().unwrap());
    }
}
