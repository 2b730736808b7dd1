//! `millrace queue`: how full the queues are, and the messages that were given up.

use clap::Subcommand;
use serde_json::{Value, json};

use super::listing::show as show_page;
use super::{Column, Paging, Session, Yes, list};
use crate::client::{Call, path};
use crate::exit::MissingError;
use crate::input;
use crate::output::{Cell, Details, at, bytes, count, text, time};

/// See how full the queues are; look at messages that were given up, send them back or delete them.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the queues: how many messages wait, and how long, and how many were given up.
    #[command(after_help = "Examples:\n  millrace queue list")]
    List,
    /// List the messages of a queue that were given up, with the reason. Needs an operator's key.
    #[command(after_help = "Examples:\n  millrace queue dead-letters engine --all --json")]
    DeadLetters {
        /// The queue's name.
        name: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a message that was given up, with its body. Needs an operator's key.
    #[command(after_help = "Examples:\n  millrace queue show engine 4711")]
    Show {
        /// The queue's name.
        name: String,
        /// The dead letter's id.
        id: String,
    },
    /// Send messages that were given up back to their queue. Needs an operator's key.
    #[command(
        after_help = "\
Examples:
  millrace queue redrive engine 4711 4712
  millrace queue redrive engine --all --yes",
        override_usage = "millrace queue redrive [OPTIONS] <NAME> <IDS|--all>"
    )]
    Redrive {
        /// The queue's name.
        name: String,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        yes: Yes,
    },
    /// Delete messages that were given up. For good: what they were to do is not done by them. Needs an operator's key.
    #[command(
        after_help = "\
Examples:
  millrace queue delete engine 4711
  millrace queue delete engine --all --yes",
        override_usage = "millrace queue delete [OPTIONS] <NAME> <IDS|--all>"
    )]
    Delete {
        /// The queue's name.
        name: String,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        yes: Yes,
    },
}

/// Which dead letters.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The dead letters' ids.
    ids: Vec<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

/// So many one request names at most.
const PART: usize = 100;

const QUEUES: &[Column] = &[
    ("NAME", |item| Cell::new(text(item, "/name"))),
    ("READY", |item| Cell::number(count(item, "/ready"))),
    ("IN FLIGHT", |item| Cell::number(count(item, "/in_flight"))),
    ("DELAYED", |item| Cell::number(count(item, "/delayed"))),
    ("OLDEST", |item| Cell::number(at(item, "/oldest_age_seconds").as_u64().map(age).unwrap_or_default())),
    ("DEAD LETTERS", |item| Cell::number(count(item, "/dead_letters"))),
];

const LETTERS: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("FAILED (UTC)", |item| Cell::new(given_up(item))),
    ("KIND", |item| Cell::new(kind(item))),
    ("EXECUTION", |item| Cell::new(text(item, "/execution_id"))),
    ("RECEIVED", |item| Cell::number(count(item, "/receive_count"))),
    ("REASON", |item| Cell::new(text(item, "/reason/code"))),
    ("ERROR", |item| Cell::new(text(item, "/reason/text"))),
];

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// When a message was given up, as far as that is known.
fn given_up(view: &Value) -> String {
    match time(view, "/dead_at") {
        at if at.is_empty() => time(view, "/reason/at"),
        at => at,
    }
}

fn kind(view: &Value) -> &str {
    match text(view, "/kind") {
        "" => "unreadable",
        kind => kind,
    }
}

fn letters(name: &str, below: &[&str]) -> String {
    path(&[&["api", "queues", name, "dead-letters"], below].concat())
}

fn messages(number: u64) -> String {
    if number == 1 { "1 message".to_owned() } else { format!("{number} messages") }
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    match action {
        Action::List => show_page(session, &session.api()?.get("/api/queues".to_owned())?, QUEUES),
        Action::DeadLetters { name, paging } => {
            list(session, &session.api()?, &Call::get(letters(&name, &[])), &paging, LETTERS)
        }
        Action::Show { name, id } => show(session, &session.api()?.get(letters(&name, &[&id]))?),
        Action::Redrive { name, which, yes } => redrive(session, &name, &which, yes.yes),
        Action::Delete { name, which, yes } => delete(session, &name, &which, yes.yes),
    }
}

fn redrive(session: &Session, name: &str, which: &Which, yes: bool) -> anyhow::Result<()> {
    let api = session.api()?;
    let call = |body: Value| api.json(Call::post(letters(name, &["redrive"]), body));
    let number = |view: &Value| at(view, "/redriven").as_u64().unwrap_or_default();
    let redriven = if which.all {
        input::confirm(yes, &format!("Send all dead letters of {name} back?"))?;
        number(&call(json!({ "all": true }))?)
    } else {
        let mut redriven = 0;
        for part in which.ids.chunks(PART) {
            redriven += number(&call(json!({ "ids": part }))?);
        }
        redriven
    };
    let sentence = format!("{} sent back to {name}.", messages(redriven));
    session.out.changed(&json!({ "redriven": redriven }), name, &sentence)?;
    missing(which, redriven)
}

fn delete(session: &Session, name: &str, which: &Which, yes: bool) -> anyhow::Result<()> {
    let api = session.api()?;
    let deleted = if which.all {
        input::confirm(yes, &format!("Delete all dead letters of {name} for good?"))?;
        let view = api.json(Call::delete(letters(name, &[])).query("confirm", name))?;
        at(&view, "/deleted").as_u64().unwrap_or_default()
    } else {
        let number = u64::try_from(which.ids.len()).unwrap_or(u64::MAX);
        input::confirm(yes, &format!("Delete {} of {name} for good?", messages(number)))?;
        for id in &which.ids {
            api.send(Call::delete(letters(name, &[id])))?;
        }
        number
    };
    let sentence = format!("{} of {name} deleted.", messages(deleted));
    Ok(session.out.changed(&json!({ "deleted": deleted }), name, &sentence)?)
}

/// Says that some of those that were named are not there.
fn missing(which: &Which, done: u64) -> anyhow::Result<()> {
    let named = u64::try_from(which.ids.len()).unwrap_or(u64::MAX);
    if which.all || done >= named {
        return Ok(());
    }
    let text = format!("{} of {named} are not there: `millrace queue dead-letters` lists them", named - done);
    Err(MissingError(text).into())
}

fn show(session: &Session, view: &Value) -> anyhow::Result<()> {
    let out = &session.out;
    if out.json {
        return Ok(out.value(view)?);
    }
    let body = match at(view, "/text") {
        Value::String(text) => text.clone(),
        _ => format!("{:#}", at(view, "/body")),
    };
    let details = Details::new()
        .field("Id", text(view, "/id"))
        .field("Kind", kind(view))
        .field("Execution", text(view, "/execution_id"))
        .field("Resource", text(view, "/resource"))
        .field("Sent", time(view, "/sent_at"))
        .field("First received", time(view, "/first_received_at"))
        .field("Given up", given_up(view))
        .field("Received", count(view, "/receive_count"))
        .field("Reason", text(view, "/reason/code"))
        .field("Error", text(view, "/reason/text"))
        .field("Size", bytes(at(view, "/size").as_u64().unwrap_or_default()))
        .field("Body", body);
    Ok(out.details(&details)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_words() {
        assert_eq!([0, 59, 60, 3_599].map(age), ["0 s", "59 s", "1 min 0 s", "59 min 59 s"]);
        assert_eq!([3_600, 86_399, 90_000].map(age), ["1 h 0 min", "23 h 59 min", "1 d 1 h"]);
    }

    #[test]
    fn what_is_not_known_is_told_as_far_as_it_is() {
        let aws = json!({ "kind": null, "dead_at": null, "reason": { "at": "2026-01-31T12:00:00.000Z" } });
        assert_eq!((kind(&aws), given_up(&aws)), ("unreadable", time(&aws, "/reason/at")));
        assert_eq!(given_up(&json!({ "dead_at": null, "reason": null })), "");
    }
}
