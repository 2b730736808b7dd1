//! `millrace key`.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{Column, Paging, Session, Yes, list};
use crate::client::{Call, path};
use crate::input;
use crate::output::{Cell, Details, at, clean, text, time};

/// Make, list, rotate and revoke API keys.
///
/// The text of a key is told once, when it is made or rotated. `millrace config key` keeps one for a profile.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Make a key. Its text is the only line on standard output.
    #[command(after_help = "\
Examples:
  millrace key create ci --role run --expires 2027-01-31T00:00:00Z
  millrace key create me --role admin --quiet | millrace config key team
  millrace key create boto3 --role run --access-key --json")]
    Create {
        /// What it is for.
        name: String,
        /// What it may do: `read` looks, `run` also runs what is there, `admin` also changes it.
        #[arg(long, value_parser = ["read", "run", "admin"])]
        role: String,
        /// From when on it is not valid, as 2027-01-31T00:00:00Z; without it, it holds until it is revoked.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Make a pair for AWS signatures with it, for clients of Step Functions.
        #[arg(long)]
        access_key: bool,
        /// Whose things it opens; another owner needs an operator's key.
        #[arg(long)]
        owner: Option<String>,
        /// Let it manage keys of other owners.
        #[arg(long)]
        operator: bool,
    },
    /// List keys, newest first; never their texts.
    #[command(after_help = "Examples:\n  millrace key list")]
    List {
        /// Those of another owner, for operators.
        #[arg(long)]
        owner: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a key, without its text.
    #[command(after_help = "Examples:\n  millrace key show key_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Show {
        /// The key's id.
        id: String,
    },
    /// Give a key a new text; the one before stays valid for a while.
    #[command(after_help = "Examples:\n  millrace key rotate key_01k8zq3v5x9m2n4p6r8t0w1y3z --grace 3600")]
    Rotate {
        /// The key's id.
        id: String,
        /// So many seconds the text before stays valid; a day where nothing is said, 0 ends it at once.
        #[arg(long, value_name = "SECONDS")]
        grace: Option<u64>,
    },
    /// Revoke a key: it opens nothing from now on.
    #[command(after_help = "Examples:\n  millrace key revoke key_01k8zq3v5x9m2n4p6r8t0w1y3z --yes")]
    Revoke {
        /// The key's id.
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
}

const COLUMNS: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("NAME", |item| Cell::new(text(item, "/name"))),
    ("ROLE", |item| Cell::new(text(item, "/role"))),
    ("STATUS", |item| Cell::status(text(item, "/status"))),
    ("BEGINS WITH", |item| Cell::new(text(item, "/prefix"))),
    ("EXPIRES (UTC)", |item| Cell::new(time(item, "/expires_at"))),
    ("LAST USED (UTC)", |item| Cell::new(time(item, "/last_used_at"))),
];

fn route(id: &str, below: &[&str]) -> String {
    path(&[&["api", "keys", id], below].concat())
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let api = session.api()?;
    let out = &session.out;
    match action {
        Action::Create { name, role, expires, access_key, owner, operator } => {
            let mut body = Map::new();
            body.insert("name".to_owned(), json!(name));
            body.insert("role".to_owned(), json!(role));
            body.extend(expires.map(|time| ("expires_at".to_owned(), json!(time))));
            body.extend(owner.map(|owner| ("owner".to_owned(), json!(owner))));
            body.extend(access_key.then(|| ("access_key".to_owned(), json!(true))));
            body.extend(operator.then(|| ("operator".to_owned(), json!(true))));
            issued(session, &api.json(Call::post("/api/keys".to_owned(), Value::Object(body)))?)
        }
        Action::List { owner, paging } => {
            list(session, &api, &Call::get("/api/keys".to_owned()).maybe("owner", owner), &paging, COLUMNS)
        }
        Action::Show { id } => {
            let view = api.get(route(&id, &[]))?;
            if out.json {
                return Ok(out.value(&view)?);
            }
            let details = Details::new()
                .field("Id", text(&view, "/id"))
                .field("Name", text(&view, "/name"))
                .field("Owner", text(&view, "/owner"))
                .field("Role", text(&view, "/role"))
                .field("Operator", if at(&view, "/operator") == &Value::Bool(true) { "yes" } else { "" })
                .status("Status", text(&view, "/status"))
                .field("Begins with", text(&view, "/prefix"))
                .field("Access key", text(&view, "/access_key_id"))
                .field("Created", time(&view, "/created_at"))
                .field("Rotated", time(&view, "/rotated_at"))
                .field("Text before holds until", time(&view, "/previous_valid_until"))
                .field("Expires", time(&view, "/expires_at"))
                .field("Revoked", time(&view, "/revoked_at"))
                .field("Last used", time(&view, "/last_used_at"));
            Ok(out.details(&details)?)
        }
        Action::Rotate { id, grace } => {
            let body = grace.map_or_else(|| json!({}), |seconds| json!({ "grace_seconds": seconds }));
            issued(session, &api.json(Call::post(route(&id, &["rotate"]), body))?)
        }
        Action::Revoke { id, yes } => {
            let view = api.get(route(&id, &[]))?;
            input::confirm(yes.yes, &format!("Revoke the key {} ({id})?", clean(text(&view, "/name"))))?;
            let answer = api.json(Call::delete(route(&id, &[])))?;
            Ok(out.changed(&answer, &id, &format!("{id} is revoked."))?)
        }
    }
}

/// The one time that a key's text is told.
fn issued(session: &Session, view: &Value) -> anyhow::Result<()> {
    let out = &session.out;
    if out.json {
        return Ok(out.value(view)?);
    }
    out.note(&format!(
        "{} ({}, role {}). This is its text; it is not told again:",
        text(view, "/id"),
        text(view, "/name"),
        text(view, "/role")
    ));
    out.line(&clean(text(view, "/key")))?;
    let id = text(view, "/access_key/access_key_id");
    if !id.is_empty() && !out.quiet {
        out.line(&clean(&format!("AWS_ACCESS_KEY_ID={id}")))?;
        out.line(&clean(&format!("AWS_SECRET_ACCESS_KEY={}", text(view, "/access_key/secret_access_key"))))?;
    }
    Ok(())
}
