//! `millrace subscription`: who is told of what happens, and what became of it.

use std::time::{Duration, Instant};

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::listing::show as show_page;
use super::{Column, Paging, Session, Yes, list};
use crate::client::{Api, Call, path};
use crate::exit::{EndedError, Ending, MissingError, UsageError};
use crate::input;
use crate::output::{Cell, Details, Table, at, clean, compact, count, items, text, time};

/// How long the outcome of a test is waited for: a target has 15 seconds.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Have endpoints, topics and buses told of what happens.
///
/// A subscription is named by its name or id.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the subscriptions, by creation.
    #[command(after_help = "Examples:\n  millrace subscription list")]
    List,
    /// Show a subscription, and how its target is doing.
    #[command(after_help = "Examples:\n  millrace subscription show failures")]
    Show {
        /// The subscription's name or id.
        id: String,
    },
    /// Subscribe to what happens. Prints the secret that signs what goes to an endpoint, once.
    #[command(after_help = "\
Examples:
  millrace subscription create failures https://example.com/hook --event execution.failed --event 'project.*'
  millrace subscription create all arn:aws:sns:eu-west-1:123456789012:millrace
  millrace subscription create mine https://example.com/hook --pattern '{\"detail\": {\"project_id\": [\"prj_…\"]}}'")]
    Create {
        /// Its name.
        name: String,
        /// Where events go: an address that begins with https://, or the ARN of an SNS topic or an EventBridge bus.
        target: String,
        #[command(flatten)]
        says: Says,
        /// It gets nothing yet.
        #[arg(long)]
        disabled: bool,
    },
    /// Change a subscription; what is not given stays.
    #[command(after_help = "\
Examples:
  millrace subscription update failures --enable
  millrace subscription update sub_01k8zq3v5x9m2n4p6r8t0w1y3z --event 'execution.*'")]
    Update {
        /// The subscription's name or id.
        id: String,
        /// Another name.
        #[arg(long)]
        name: Option<String>,
        /// Another target.
        #[arg(long)]
        target: Option<String>,
        #[command(flatten)]
        says: Says,
        /// Have it get events, also after it was disabled by itself.
        #[arg(long, conflicts_with = "disable")]
        enable: bool,
        /// Have it get none.
        #[arg(long)]
        disable: bool,
    },
    /// Give a subscription a new secret, and print it once.
    #[command(after_help = "Examples:\n  millrace subscription rotate failures --overlap 3600")]
    Rotate {
        /// The subscription's name or id.
        id: String,
        /// For so many seconds the secret before signs too; a day where nothing is said.
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u32>,
    },
    /// Send a test to a subscription's target, and say what came of it.
    #[command(after_help = "Examples:\n  millrace subscription test failures")]
    Test {
        /// The subscription's name or id.
        id: String,
    },
    /// List a subscription's deliveries, newest first.
    #[command(after_help = "\
Examples:
  millrace subscription deliveries failures --status failed --all")]
    Deliveries {
        /// The subscription's name or id.
        id: String,
        /// Those of a status.
        #[arg(long, value_parser = ["pending", "delivered", "failed"])]
        status: Option<String>,
        /// Those whose events happened then or later, as 2026-01-31T12:00:00Z.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Those whose events happened before.
        #[arg(long, value_name = "TIME")]
        before: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a delivery: its event, and what became of each attempt.
    #[command(
        after_help = "Examples:\n  millrace subscription delivery sub_01k8zq3v5x9m2n4p6r8t0w1y3z dlv_01k8zq4f6x9m2n4p6r8t0w1y3z"
    )]
    Delivery {
        /// The subscription's name or id.
        id: String,
        /// The delivery's id.
        delivery: String,
    },
    /// Make a delivery, or those from a time on, again.
    #[command(after_help = "\
Examples:
  millrace subscription replay sub_01k8zq3v5x9m2n4p6r8t0w1y3z dlv_01k8zq4f6x9m2n4p6r8t0w1y3z
  millrace subscription replay sub_01k8zq3v5x9m2n4p6r8t0w1y3z --from 2026-01-31T00:00:00Z --status failed --dry-run")]
    Replay {
        /// The subscription's name or id.
        id: String,
        /// The delivery's id; without it, those from a time on.
        #[arg(required_unless_present = "from", conflicts_with_all = ["from", "before", "status"])]
        delivery: Option<String>,
        /// Those whose events happened then or later, as 2026-01-31T12:00:00Z.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// And before this.
        #[arg(long, value_name = "TIME")]
        before: Option<String>,
        /// Only those of a status.
        #[arg(long, value_parser = ["pending", "delivered", "failed"])]
        status: Option<String>,
        /// Only tell which ones it would be.
        #[arg(long, conflicts_with = "delivery")]
        dry_run: bool,
        #[command(flatten)]
        yes: Yes,
    },
    /// Delete a subscription.
    #[command(after_help = "Examples:\n  millrace subscription delete failures --yes")]
    Delete {
        /// The subscription's name or id.
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
}

/// Which events.
#[derive(Debug, clap::Args)]
pub(crate) struct Says {
    /// Events of this type, like execution.failed or 'project.*'. May be repeated.
    #[arg(long = "event", value_name = "TYPE", conflicts_with = "pattern")]
    events: Vec<String>,
    /// Events that fit a pattern in EventBridge's syntax: JSON, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON")]
    pattern: Option<String>,
}

impl Says {
    fn pattern(&self) -> anyhow::Result<Option<Value>> {
        if let Some(pattern) = &self.pattern {
            return Ok(Some(input::json("the pattern", pattern)?));
        }
        let one = |kind: &String| match kind.contains('*') {
            true => json!({ "wildcard": kind }),
            false => json!(kind),
        };
        let kinds: Vec<Value> = self.events.iter().map(one).collect();
        Ok((!kinds.is_empty()).then(|| json!({ "detail-type": kinds })))
    }
}

/// A target as the API has it. What it is is told by how it begins; the server checks it.
fn target(given: &str) -> Value {
    match given.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(1)) {
        Some("sns") => json!({ "type": "sns", "topic_arn": given }),
        Some("events") => json!({ "type": "eventbridge", "event_bus_arn": given }),
        _ => json!({ "type": "https", "url": given }),
    }
}

fn address(view: &Value) -> &str {
    ["/target/url", "/target/topic_arn", "/target/event_bus_arn"]
        .into_iter()
        .map(|pointer| text(view, pointer))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

const COLUMNS: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("NAME", |item| Cell::new(text(item, "/name"))),
    ("STATUS", |item| Cell::status(text(item, "/status"))),
    ("TARGET", |item| Cell::new(address(item))),
    ("EVENTS", |item| Cell::new(compact(at(item, "/pattern"), 60))),
];

const DELIVERIES: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("EVENT", |item| Cell::new(text(item, "/event_type"))),
    ("STATUS", |item| Cell::status(text(item, "/status"))),
    ("ATTEMPTS", |item| Cell::number(count(item, "/attempts"))),
    ("HAPPENED (UTC)", |item| Cell::new(time(item, "/created_at"))),
    ("NEXT (UTC)", |item| Cell::new(time(item, "/next_at"))),
    ("ERROR", |item| Cell::new(text(item, "/error"))),
];

fn route(id: &str, below: &[&str]) -> String {
    path(&[&["api", "subscriptions", id], below].concat())
}

/// The id of a subscription that is named by its name or id.
fn find(api: &Api, named: String) -> anyhow::Result<String> {
    if named.starts_with("sub_") {
        return Ok(named);
    }
    let all = api.get("/api/subscriptions".to_owned())?;
    let ids: Vec<&str> =
        items(&all, "/items").iter().filter(|one| text(one, "/name") == named).map(|one| text(one, "/id")).collect();
    match ids.as_slice() {
        [id] => Ok((*id).to_owned()),
        [] => {
            let what = format!(
                "there is no subscription {named:?}\nnext: `millrace subscription list` shows those that there are"
            );
            Err(MissingError(what).into())
        }
        several => Err(UsageError(format!(
            "{} subscriptions have the name {named:?}; name one by its id: {}",
            several.len(),
            several.join(", ")
        ))
        .into()),
    }
}

fn sentence(view: &Value) -> String {
    clean(&format!("{} ({}) is {}.", text(view, "/name"), text(view, "/id"), text(view, "/status")))
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let (api, out) = (session.api()?, &session.out);
    match action {
        Action::List => show_page(session, &api.get("/api/subscriptions".to_owned())?, COLUMNS),
        Action::Show { id } => show(session, &api.get(route(&find(&api, id)?, &[]))?),
        Action::Create { name, target: to, says, disabled } => {
            let mut body = Map::new();
            body.insert("name".to_owned(), json!(name));
            body.insert("target".to_owned(), target(&to));
            body.insert("enabled".to_owned(), json!(!disabled));
            body.extend(says.pattern()?.map(|pattern| ("pattern".to_owned(), pattern)));
            issued(session, &api.json(Call::post("/api/subscriptions".to_owned(), Value::Object(body)))?)
        }
        Action::Update { id, name, target: to, says, enable, disable } => {
            let id = find(&api, id)?;
            let mut body = Map::new();
            body.extend(name.map(|name| ("name".to_owned(), json!(name))));
            body.extend(to.map(|to| ("target".to_owned(), target(&to))));
            body.extend(says.pattern()?.map(|pattern| ("pattern".to_owned(), pattern)));
            body.extend((enable || disable).then(|| ("enabled".to_owned(), json!(enable))));
            let view = api.json(Call::patch(route(&id, &[]), Value::Object(body)))?;
            Ok(out.changed(&view, &id, &sentence(&view))?)
        }
        Action::Rotate { id, overlap } => {
            let id = find(&api, id)?;
            let body = overlap.map_or_else(|| json!({}), |seconds| json!({ "overlap_seconds": seconds }));
            issued(session, &api.json(Call::post(route(&id, &["rotate"]), body))?)
        }
        Action::Test { id } => test(session, &api, &find(&api, id)?),
        Action::Deliveries { id, status, from, before, paging } => {
            let id = find(&api, id)?;
            let call = Call::get(route(&id, &["deliveries"]));
            let call = call.maybe("status", status).maybe("from", from).maybe("before", before);
            list(session, &api, &call, &paging, DELIVERIES)
        }
        Action::Delivery { id, delivery } => {
            show_delivery(session, &api.get(route(&find(&api, id)?, &["deliveries", &delivery]))?)
        }
        Action::Replay { id, delivery, from, before, status, dry_run, yes } => {
            let id = find(&api, id)?;
            let mut body = Map::new();
            let given = [("delivery", delivery), ("from", from), ("before", before), ("status", status)];
            body.extend(given.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))));
            let is_one = body.contains_key("delivery");
            if !dry_run && !is_one {
                input::confirm(yes.yes, &format!("Make the deliveries of {id} again?"))?;
            }
            body.insert("dry_run".to_owned(), json!(dry_run));
            replay(session, &api, &id, body)
        }
        Action::Delete { id, yes } => {
            let id = find(&api, id)?;
            let view = api.get(route(&id, &[]))?;
            input::confirm(yes.yes, &format!("Delete the subscription {} ({id})?", clean(text(&view, "/name"))))?;
            api.send(Call::delete(route(&id, &[])))?;
            Ok(out.changed(&view, &id, &format!("{id} is deleted."))?)
        }
    }
}

/// The one time that a secret is told.
fn issued(session: &Session, view: &Value) -> anyhow::Result<()> {
    let out = &session.out;
    let secret = text(view, "/secret");
    if out.json || secret.is_empty() {
        return Ok(out.changed(view, text(view, "/id"), &sentence(view))?);
    }
    out.note(&format!("{} Its secret, which is not told again:", sentence(view)));
    Ok(out.line(&clean(secret))?)
}

fn replay(session: &Session, api: &Api, id: &str, mut body: Map<String, Value>) -> anyhow::Result<()> {
    let mut found = Vec::new();
    loop {
        let page = api.json(Call::post(route(id, &["replay"]), Value::Object(body.clone())))?;
        found.extend_from_slice(items(&page, "/items"));
        match text(&page, "/next_cursor") {
            "" => break,
            cursor => {
                body.insert("cursor".to_owned(), json!(cursor));
            }
        }
    }
    show_page(session, &json!({ "items": found, "next_cursor": null }), DELIVERIES)
}

fn test(session: &Session, api: &Api, id: &str) -> anyhow::Result<()> {
    let out = &session.out;
    let mut view = api.json(Call::new(http::Method::POST, route(id, &["test"])))?;
    let delivery = text(&view, "/id").to_owned();
    let began = Instant::now();
    while text(&view, "/status") == "pending" && began.elapsed() < PATIENCE {
        std::thread::sleep(LOOK);
        view = api.get(route(id, &["deliveries", &delivery]))?;
    }
    match text(&view, "/status") {
        "delivered" => Ok(out.changed(&view, &delivery, "The target took the test.")?),
        status => {
            if out.json {
                out.value(&view)?;
            }
            let (ending, text) = match status {
                "pending" => (Ending::Unfinished, format!("nobody has made the delivery {delivery} yet")),
                _ => (Ending::Failed, format!("the target did not take the test: {}", clean(text(&view, "/error")))),
            };
            Err(EndedError { ending, text }.into())
        }
    }
}

fn show(session: &Session, view: &Value) -> anyhow::Result<()> {
    let out = &session.out;
    if out.json {
        return Ok(out.value(view)?);
    }
    let failures = count(view, "/health/failures");
    let details = Details::new()
        .field("Id", text(view, "/id"))
        .field("Name", text(view, "/name"))
        .status("Status", text(view, "/status"))
        .field("Disabled", time(view, "/disabled_at"))
        .field("Because", text(view, "/disabled_reason"))
        .field("Target", address(view))
        .field("Events", compact(at(view, "/pattern"), 400))
        .field("Failures in a row", failures)
        .field("Failing since", time(view, "/health/failing_since"))
        .field("Last error", text(view, "/health/last_error"))
        .field("Left alone until", time(view, "/health/retry_at"))
        .field("Secret before signs until", time(view, "/previous_secret_until"))
        .field("Created", time(view, "/created_at"))
        .field("Changed", time(view, "/updated_at"));
    Ok(out.details(&details)?)
}

fn show_delivery(session: &Session, view: &Value) -> anyhow::Result<()> {
    let out = &session.out;
    if out.json {
        return Ok(out.value(view)?);
    }
    let details = Details::new()
        .field("Id", text(view, "/id"))
        .field("Event", text(view, "/event_type"))
        .field("Event's id", text(view, "/event_id"))
        .status("Status", text(view, "/status"))
        .field("Error", text(view, "/error"))
        .field("Replays", count(view, "/replays"))
        .field("Happened", time(view, "/created_at"))
        .field("Next attempt", time(view, "/next_at"))
        .field("Ended", time(view, "/ended_at"));
    out.details(&details)?;
    let attempts = items(view, "/attempt_log");
    if !attempts.is_empty() {
        out.line("")?;
        let mut table = Table::new(&["AT (UTC)", "MS", "STATUS", "ERROR"]);
        for attempt in attempts {
            table.row(vec![
                Cell::new(time(attempt, "/at")),
                Cell::number(count(attempt, "/duration_ms")),
                Cell::number(count(attempt, "/status")),
                Cell::new(text(attempt, "/error")),
            ]);
        }
        out.table(&table)?;
    }
    out.line("")?;
    Ok(out.value(at(view, "/event"))?)
}
