//! Checks over several members of the parameters, which the schema names in `x-rules`.

use crate::error::ParameterProblem;
use crate::{literals, names};
use serde_json::{Map, Value};

const RULES: [&str; 5] = ["unique-names", "unique-values", "site-pages", "entities", "entity-field"];

/// Whether there is a rule of this name.
pub(crate) fn is_known(rule: &str) -> bool {
    RULES.contains(&rule)
}

/// Applies a rule to a value that fits its schema and has its defaults.
pub(crate) fn check(rule: &str, pointer: &str, value: &Value, problems: &mut Vec<ParameterProblem>) {
    match (rule, value) {
        ("unique-names", Value::Array(items)) => {
            unique(pointer, "name", items, problems, |item| names::snake(text(item, "name")))
        }
        ("site-pages", Value::Array(pages)) => site_pages(pointer, pages, problems),
        ("unique-values", Value::Array(items)) => {
            unique(pointer, "", items, problems, |item| item.as_str().unwrap_or_default().to_owned())
        }
        ("entities", Value::Array(items)) => {
            unique(pointer, "name", items, problems, |item| names::snake(text(item, "name")));
            unique(pointer, "name", items, problems, |item| names::plural(text(item, "name")));
        }
        ("entity-field", Value::Object(field)) => entity_field(pointer, field, problems),
        _ => {}
    }
}

fn text<'a>(item: &'a Value, member: &str) -> &'a str {
    item.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// Reports each item whose key an earlier item has. An item that was reported already is left out.
fn unique(
    pointer: &str,
    member: &str,
    items: &[Value],
    problems: &mut Vec<ParameterProblem>,
    key: impl Fn(&Value) -> String,
) {
    let keys: Vec<String> = items.iter().map(key).collect();
    for (index, found) in keys.iter().enumerate() {
        let place =
            if member.is_empty() { format!("{pointer}/{index}") } else { format!("{pointer}/{index}/{member}") };
        let earlier = keys.iter().take(index).position(|key| key == found);
        if let Some(first) = earlier
            && !problems.iter().any(|problem| problem.pointer == place)
        {
            let message = format!("{found:?} is used by {pointer}/{first} already; choose another");
            problems.push(ParameterProblem::new(place, message));
        }
    }
}

fn site_pages(pointer: &str, pages: &[Value], problems: &mut Vec<ParameterProblem>) {
    unique(pointer, "slug", pages, problems, |page| text(page, "slug").to_owned());
    unique(pointer, "title", pages, problems, |page| literals::line(text(page, "title")).to_lowercase());
    if !pages.iter().any(|page| text(page, "slug") == "index") {
        problems.push(ParameterProblem::new(pointer, "no page has the slug \"index\"; give it to the start page"));
    }
    for (index, page) in pages.iter().enumerate() {
        if text(page, "slug") == "404" {
            let message =
                "\"404\" is the page for addresses that do not exist, which every site has; choose another slug";
            problems.push(ParameterProblem::new(format!("{pointer}/{index}/slug"), message));
        }
        if literals::line(text(page, "title")).eq_ignore_ascii_case("page not found") {
            let message = "is the title of the page for addresses that do not exist; choose another";
            problems.push(ParameterProblem::new(format!("{pointer}/{index}/title"), message));
        }
    }
}

fn entity_field(pointer: &str, field: &Map<String, Value>, problems: &mut Vec<ParameterProblem>) {
    let mut report = |member: &str, message: String| {
        problems.push(ParameterProblem::new(format!("{pointer}/{member}"), message));
    };
    let kind = field.get("type").and_then(Value::as_str).unwrap_or_default();
    match (kind, field.contains_key("values")) {
        ("enum", false) => report("values", "is missing; list the values that the enum allows".to_owned()),
        ("enum", true) | (_, false) => {}
        (_, true) => report("values", format!("belongs to type enum; remove it or change the type {kind}")),
    }
    let limit = |member: &str| field.get(member).and_then(Value::as_f64);
    for member in ["min", "max"] {
        let Some(value) = limit(member) else { continue };
        match kind {
            "string" if value.fract() != 0.0 || !(0.0..=10_000.0).contains(&value) => {
                report(member, format!("{value} is not a length; for a string use a whole number from 0 to 10000"));
            }
            "integer" if value.fract() != 0.0 || value.abs() > 9_007_199_254_740_991.0 => {
                report(member, format!("{value} is not an exact integer; use one between -(2^53-1) and 2^53-1"));
            }
            "string" | "integer" | "number" => {}
            _ => report(member, format!("does not apply to type {kind}; remove it")),
        }
    }
    if let (Some(least), Some(most)) = (limit("min"), limit("max"))
        && least > most
    {
        report("min", format!("{least} is greater than max {most}; lower min or raise max"));
    }
    let required = field.get("required").and_then(Value::as_bool) == Some(true);
    if kind == "string" && required && limit("max") == Some(0.0) {
        report("max", "0 leaves no value for a required string; raise max".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(rule: &str, value: Value) -> Vec<String> {
        let mut problems = Vec::new();
        check(rule, "/x", &value, &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn finds_duplicates_in_any_style() {
        assert_eq!(
            problems(
                "entities",
                json!([{"name": "OrderItem"}, {"name": "order_item"}, {"name": "news"}, {"name": "new"}])
            ),
            [
                "/x/1/name: \"order_item\" is used by /x/0 already; choose another",
                "/x/3/name: \"news\" is used by /x/2 already; choose another",
            ]
        );
        assert_eq!(
            problems("unique-values", json!(["a", "b", "a"])),
            ["/x/2: \"a\" is used by /x/0 already; choose another"]
        );
    }

    #[test]
    fn checks_pages() {
        let page = |slug: &str, title: &str| json!({"slug": slug, "title": title, "body": "x"});
        assert!(problems("site-pages", json!([page("index", "A"), page("b", "B")])).is_empty());
        assert_eq!(problems("site-pages", json!([page("a", "A")])).len(), 1);
        assert_eq!(
            problems("site-pages", json!([page("index", "A"), page("index", "a"), page("404", "Page not found")]))
                .len(),
            4
        );
    }

    #[test]
    fn checks_fields() {
        assert_eq!(problems("entity-field", json!({"type": "enum"})).len(), 1);
        assert_eq!(problems("entity-field", json!({"type": "string", "values": ["a"]})).len(), 1);
        assert_eq!(problems("entity-field", json!({"type": "string", "min": -1})).len(), 1);
        assert_eq!(problems("entity-field", json!({"type": "integer", "min": 1.5})).len(), 1);
        assert_eq!(problems("entity-field", json!({"type": "boolean", "max": 1})).len(), 1);
        assert_eq!(problems("entity-field", json!({"type": "number", "min": 2, "max": 1})).len(), 1);
        assert!(problems("entity-field", json!({"type": "number", "min": 0.5, "max": 1})).is_empty());
    }
}
