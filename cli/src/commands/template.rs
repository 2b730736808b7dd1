//! `millrace template`.

use clap::Subcommand;
use serde_json::{Map, Value};

use super::Session;
use super::listing::{Column, show as show_page};
use crate::client::path;
use crate::output::{Cell, Details, Table, at, compact, strings, text};

/// Look at the project templates and their parameters.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the templates.
    #[command(after_help = "Examples:\n  millrace template list")]
    List,
    /// Show a template with its parameters.
    #[command(after_help = "\
Examples:
  millrace template show python-rest-api
  millrace template show python-rest-api --parameters > shop.json   defaults to edit, for `project create --parameters`")]
    Show {
        /// The template's id.
        id: String,
        /// Only its parameters with their defaults, as JSON.
        #[arg(long, conflicts_with = "json")]
        parameters: bool,
    },
}

const COLUMNS: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("NAME", |item| Cell::new(text(item, "/name"))),
    ("LANGUAGES", |item| Cell::new(strings(item, "/languages").join(", "))),
    ("NEEDS", |item| Cell::new(strings(item, "/tools").join(", "))),
    ("VERSION", |item| Cell::new(text(item, "/version"))),
];

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let api = session.api()?;
    let out = &session.out;
    match action {
        Action::List => show_page(session, &api.get("/api/templates".to_owned())?, COLUMNS),
        Action::Show { id, parameters } => {
            let template = api.get(path(&["api", "templates", &id]))?;
            if parameters {
                return Ok(out.value(&Value::Object(defaults(at(&template, "/parameters"))))?);
            }
            if out.json {
                return Ok(out.value(&template)?);
            }
            show(session, &template)
        }
    }
}

/// The parameters of a schema with their defaults, else with an example.
fn defaults(schema: &Value) -> Map<String, Value> {
    let properties = at(schema, "/properties").as_object().into_iter().flatten();
    let value = |schema: &Value| {
        let given =
            schema.get("default").or_else(|| schema.pointer("/examples/0")).or_else(|| schema.pointer("/enum/0"));
        given.cloned().unwrap_or_else(|| match text(schema, "/type") {
            "array" => Value::Array(Vec::new()),
            "boolean" => Value::Bool(false),
            "integer" | "number" => Value::from(0),
            "object" => Value::Object(Map::new()),
            _ => Value::String(String::new()),
        })
    };
    properties.map(|(name, schema)| (name.clone(), value(schema))).collect()
}

fn show(session: &Session, template: &Value) -> anyhow::Result<()> {
    let details = Details::new()
        .field("Id", text(template, "/id"))
        .field("Name", text(template, "/name"))
        .field("Makes", text(template, "/description"))
        .field("Type", text(template, "/project_type"))
        .field("Languages", strings(template, "/languages").join(", "))
        .field("Needs", strings(template, "/tools").join(", "))
        .field("Version", text(template, "/version"));
    session.out.details(&details)?;
    session.out.line("")?;
    let required = strings(template, "/parameters/required");
    let mut table = Table::new(&["PARAMETER", "TYPE", "REQUIRED", "DEFAULT", "DESCRIPTION"]);
    for (name, schema) in at(template, "/parameters/properties").as_object().into_iter().flatten() {
        let kind = match strings(schema, "/enum") {
            words if words.is_empty() => text(schema, "/type").to_owned(),
            words => words.join("|"),
        };
        let default = schema.get("default").map(|default| compact(default, 40)).unwrap_or_default();
        table.row(vec![
            Cell::new(name),
            Cell::new(kind),
            Cell::new(if required.contains(&name.as_str()) { "yes" } else { "" }),
            Cell::new(default),
            Cell::new(text(schema, "/description")),
        ]);
    }
    Ok(session.out.table(&table)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_begin_with_their_defaults() {
        let schema = json!({ "properties": {
            "name": { "type": "string", "examples": ["shop"] }, "kind": { "enum": ["a", "b"] },
            "n": { "type": "integer", "default": 3 }, "list": { "type": "array" } } });
        assert_eq!(Value::Object(defaults(&schema)), json!({ "name": "shop", "kind": "a", "n": 3, "list": [] }));
    }
}
