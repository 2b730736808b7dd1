//! `millrace workflow alias`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::route;
use crate::client::Call;
use crate::commands::{Column, Paging, Session, Yes, list};
use crate::input;
use crate::output::{Cell, count, items, text, time};

/// Lead aliases to versions.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the aliases of a workflow.
    #[command(after_help = "Examples:\n  millrace workflow alias list orders")]
    List {
        /// The workflow.
        id: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Lead an alias to a version, or to two with weights.
    #[command(after_help = "\
Examples:
  millrace workflow alias set orders live 3
  millrace workflow alias set orders live 3=90 4=10")]
    Set {
        /// The workflow.
        id: String,
        /// The alias.
        alias: String,
        /// A version, or two as VERSION=WEIGHT whose weights sum up to 100.
        #[arg(required = true, num_args = 1..=2, value_name = "VERSION[=WEIGHT]", value_parser = version)]
        versions: Vec<(u64, Option<u32>)>,
        /// What is to say of it.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Delete an alias.
    #[command(after_help = "Examples:\n  millrace workflow alias delete orders live --yes")]
    Delete {
        /// The workflow.
        id: String,
        /// The alias.
        alias: String,
        #[command(flatten)]
        yes: Yes,
    },
}

fn version(text: &str) -> Result<(u64, Option<u32>), String> {
    let wrong = || "must be a version, or VERSION=WEIGHT with a weight from 0 to 100".to_owned();
    let (number, weight) = match text.split_once('=') {
        Some((number, weight)) => (number, Some(weight)),
        None => (text, None),
    };
    let weight = match weight.map(str::parse) {
        None => None,
        Some(Ok(weight @ 0..=100)) => Some(weight),
        Some(_) => return Err(wrong()),
    };
    match number.parse() {
        Ok(number @ 1..) => Ok((number, weight)),
        _ => Err(wrong()),
    }
}

const COLUMNS: &[Column] = &[
    ("NAME", |item| Cell::new(text(item, "/name"))),
    ("LEADS TO", |item| Cell::new(routes(item))),
    ("CHANGED (UTC)", |item| Cell::new(time(item, "/updated_at"))),
    ("DESCRIPTION", |item| Cell::new(text(item, "/description"))),
];

fn routes(item: &Value) -> String {
    let routes = items(item, "/routes").iter();
    let parts: Vec<String> =
        routes.map(|one| format!("{}={}", count(one, "/version"), count(one, "/weight"))).collect();
    parts.join(" ")
}

pub(super) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    match action {
        Action::List { id, paging } => {
            list(session, &session.api()?, &Call::get(route(&id, &["aliases"])), &paging, COLUMNS)
        }
        Action::Set { id, alias, versions, description } => {
            let routes: Vec<Value> = versions
                .iter()
                .map(|(version, weight)| json!({ "version": version, "weight": weight.unwrap_or(100) }))
                .collect();
            let mut body = json!({ "routes": routes });
            if let (Some(object), Some(description)) = (body.as_object_mut(), description) {
                object.insert("description".to_owned(), json!(description));
            }
            let view = session.api()?.json(Call::put(route(&id, &["aliases", &alias]), body))?;
            Ok(session.out.changed(&view, &alias, &format!("{alias} leads to {}.", self::routes(&view)))?)
        }
        Action::Delete { id, alias, yes } => {
            input::confirm(yes.yes, &format!("Delete the alias {alias} of {id}?"))?;
            session.api()?.send(Call::delete(route(&id, &["aliases", &alias])))?;
            Ok(session.out.changed(&json!({ "name": alias }), &alias, &format!("{alias} is deleted."))?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_weights() {
        assert_eq!((version("3"), version("3=90")), (Ok((3, None)), Ok((3, Some(90)))));
        for wrong in ["0", "x", "3=101", "3=", "=3"] {
            assert!(version(wrong).is_err(), "{wrong}");
        }
    }
}
