//! `millrace limit`.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{Column, Paging, Session, Yes, list};
use crate::client::{Call, path};
use crate::input;
use crate::output::{Cell, Details, at, count, items, text, time};

/// Look at limits across executions, and set their figures.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the limits, by key.
    #[command(after_help = "Examples:\n  millrace limit list --all")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a limit with who runs and who waits.
    #[command(after_help = "Examples:\n  millrace limit show customer-7")]
    Show {
        /// Its key.
        key: String,
    },
    /// Set figures in place of those of the definitions.
    #[command(after_help = "\
Examples:
  millrace limit set customer-7 --concurrency 2
  millrace limit set customer-7 --rate 100/60   a hundred starts in a minute")]
    Set {
        /// Its key.
        key: String,
        /// How many executions may run at once; 0 lets none begin.
        #[arg(long, value_name = "NUMBER", required_unless_present = "rate")]
        concurrency: Option<u64>,
        /// How many may start in so many seconds. May be repeated.
        #[arg(long, value_name = "NUMBER/SECONDS", value_parser = rate)]
        rate: Vec<(u64, u64)>,
    },
    /// Have the definitions' figures hold again.
    #[command(after_help = "Examples:\n  millrace limit reset customer-7 --yes")]
    Reset {
        /// Its key.
        key: String,
        #[command(flatten)]
        yes: Yes,
    },
}

fn rate(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once('/').and_then(|(number, seconds)| Some((number.parse().ok()?, seconds.parse().ok()?)));
    parts.ok_or_else(|| "must be NUMBER/SECONDS, for example 100/60".to_owned())
}

const COLUMNS: &[Column] = &[
    ("KEY", |item| Cell::new(text(item, "/key"))),
    ("RUNNING", |item| Cell::number(count(item, "/running"))),
    ("WAITING", |item| Cell::number(count(item, "/waiting"))),
    ("ALLOWED", |item| Cell::new(figures(item))),
    ("SET", |item| Cell::new(if at(item, "/override").is_null() { "" } else { "yes" })),
    ("CHANGED (UTC)", |item| Cell::new(time(item, "/updated_at"))),
];

/// The figures that hold.
fn figures(item: &Value) -> String {
    let set = at(item, "/override");
    let held = if set.is_null() { at(item, "/asked") } else { set };
    let concurrency =
        Some(count(held, "/concurrency")).filter(|text| !text.is_empty()).map(|text| format!("{text} at once"));
    let rates = items(held, "/rates")
        .iter()
        .map(|rate| format!("{} in {} s", count(rate, "/limit"), count(rate, "/per_seconds")));
    concurrency.into_iter().chain(rates).collect::<Vec<_>>().join(", ")
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let api = session.api()?;
    let out = &session.out;
    let route = |key: &str| path(&["api", "limits", key]);
    match action {
        Action::List { paging } => list(session, &api, &Call::get("/api/limits".to_owned()), &paging, COLUMNS),
        Action::Show { key } => {
            let view = api.get(route(&key))?;
            if out.json {
                return Ok(out.value(&view)?);
            }
            let ids = |pointer| items(&view, pointer).iter().map(|one| text(one, "/id")).collect::<Vec<_>>().join("\n");
            let details = Details::new()
                .field("Key", text(&view, "/key"))
                .field("Allowed", figures(&view))
                .field("Set", time(&view, "/overridden_at"))
                .field("Running", count(&view, "/running"))
                .field("Who runs", ids("/running_executions"))
                .field("Waiting", count(&view, "/waiting"))
                .field("Who waits", ids("/waiting_executions"))
                .field("Changed", time(&view, "/updated_at"));
            Ok(out.details(&details)?)
        }
        Action::Set { key, concurrency, rate } => {
            let mut body = Map::new();
            body.extend(concurrency.map(|number| ("concurrency".to_owned(), json!(number))));
            if !rate.is_empty() {
                let rates: Vec<Value> =
                    rate.iter().map(|(limit, seconds)| json!({ "limit": limit, "per_seconds": seconds })).collect();
                body.insert("rates".to_owned(), Value::Array(rates));
            }
            let view = api.json(Call::put(route(&key), Value::Object(body)))?;
            Ok(out.changed(&view, &key, &format!("{key}: {}.", figures(&view)))?)
        }
        Action::Reset { key, yes } => {
            input::confirm(yes.yes, &format!("Have the definitions' figures hold for {key} again?"))?;
            let view = api.json(Call::delete(route(&key)))?;
            Ok(out.changed(&view, &key, &format!("{key}: {}.", figures(&view)))?)
        }
    }
}
