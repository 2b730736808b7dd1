//! `millrace webhook`: the events that came, and the rules that say what they start.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::listing::{Column, Paging, list, show as show_page};
use super::{Session, Yes};
use crate::client::{Api, Call, path};
use crate::exit::{EndedError, Ending, UsageError};
use crate::input;
use crate::output::{Cell, Details, Table, at, clean, count, items, text, time};

/// Look at the events of webhooks, replay them, and say which of them start which workflow.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the events, newest first.
    #[command(after_help = "\
Examples:
  millrace webhook list --source github --type push
  millrace webhook list --status failed --all --json")]
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show an event: who sent it, what it says, and what it started.
    #[command(after_help = "Examples:\n  millrace webhook show whe_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Show {
        /// The event's id.
        id: String,
    },
    /// Match an event, or all that a filter finds, with the rules again.
    #[command(after_help = "\
Examples:
  millrace webhook replay whe_01k8zq3v5x9m2n4p6r8t0w1y3z
  millrace webhook replay --source github --status failed --dry-run")]
    Replay {
        /// The event's id; without it, all that the filter finds.
        #[arg(required_unless_present_any = ["source", "type", "status", "received_from", "received_before"],
              conflicts_with_all = ["source", "type", "status", "received_from", "received_before"])]
        id: Option<String>,
        #[command(flatten)]
        filter: Filter,
        /// Only tell which ones it would be.
        #[arg(long, conflicts_with = "id")]
        dry_run: bool,
        #[command(flatten)]
        yes: Yes,
    },
    /// Say which events start which workflow.
    #[command(subcommand)]
    Rule(Rule),
}

/// Which events; all conditions must hold.
#[derive(Debug, clap::Args)]
pub(crate) struct Filter {
    /// Those of a source, such as github.
    #[arg(long)]
    source: Option<String>,
    /// Those of a type, such as push.
    #[arg(long = "type", id = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Those of a status.
    #[arg(long, value_parser = ["received", "matched", "unmatched", "failed"])]
    status: Option<String>,
    /// Those received then or later, as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    received_from: Option<String>,
    /// Those received before.
    #[arg(long, value_name = "TIME")]
    received_before: Option<String>,
}

/// Say which events start which workflow.
#[derive(Debug, Subcommand)]
pub(crate) enum Rule {
    /// List the rules.
    #[command(after_help = "Examples:\n  millrace webhook rule list")]
    List,
    /// Show a rule.
    #[command(after_help = "Examples:\n  millrace webhook rule show whr_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Show {
        /// The rule's id.
        id: String,
    },
    /// Make a rule.
    #[command(after_help = "\
Examples:
  millrace webhook rule create 'build what is pushed' build --pattern '{\"source\": [\"github\"], \"detail-type\": [\"push\"]}'
  millrace webhook rule create paid order --pattern @paid.json --input '{\"order\": \"{% $states.input.detail.id %}\"}'")]
    Create {
        /// Its name.
        name: String,
        /// The workflow that is started: its name, id or ARN.
        workflow: String,
        #[command(flatten)]
        says: Says,
        /// It is not looked at yet.
        #[arg(long)]
        disabled: bool,
    },
    /// Change a rule; what is not given stays.
    #[command(
        after_help = "Examples:\n  millrace webhook rule update whr_01k8zq3v5x9m2n4p6r8t0w1y3z --pattern @pattern.json"
    )]
    Update {
        /// The rule's id.
        id: String,
        /// Its name.
        #[arg(long)]
        name: Option<String>,
        /// The workflow that is started.
        #[arg(long)]
        workflow: Option<String>,
        #[command(flatten)]
        says: Says,
    },
    /// Have a rule be looked at.
    #[command(after_help = "Examples:\n  millrace webhook rule enable whr_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Enable {
        /// The rule's id.
        id: String,
    },
    /// Have a rule not be looked at.
    #[command(after_help = "Examples:\n  millrace webhook rule disable whr_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Disable {
        /// The rule's id.
        id: String,
    },
    /// Try a pattern, and a template, on an event.
    #[command(after_help = "\
Examples:
  millrace webhook rule test --pattern '{\"source\": [\"github\"]}' --event-id whe_01k8zq3v5x9m2n4p6r8t0w1y3z
  millrace webhook rule test --pattern @pattern.json --event @event.json")]
    Test {
        #[command(flatten)]
        says: Says,
        /// An event that was received.
        #[arg(long, value_name = "ID", required_unless_present = "event")]
        event_id: Option<String>,
        /// An event: JSON, @FILE, or - for standard input.
        #[arg(long, value_name = "JSON", conflicts_with = "event_id")]
        event: Option<String>,
    },
    /// Delete a rule.
    #[command(after_help = "Examples:\n  millrace webhook rule delete whr_01k8zq3v5x9m2n4p6r8t0w1y3z --yes")]
    Delete {
        /// The rule's id.
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
}

/// What a rule says.
#[derive(Debug, clap::Args)]
pub(crate) struct Says {
    /// Which events, in EventBridge's pattern syntax: JSON, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON")]
    pattern: Option<String>,
    /// A template of the execution's input, over the event; without it the event is the input.
    #[arg(short, long, value_name = "JSON")]
    input: Option<String>,
    /// The template's language.
    #[arg(long, value_parser = ["JSONata", "JSONPath"], requires = "input")]
    query_language: Option<String>,
    /// A version of the workflow instead of the newest.
    #[arg(long, value_name = "NUMBER", conflicts_with = "alias")]
    version: Option<u64>,
    /// An alias of the workflow.
    #[arg(long)]
    alias: Option<String>,
}

impl Says {
    fn body(&self) -> anyhow::Result<Map<String, Value>> {
        let mut body = Map::new();
        for (name, given) in [("pattern", &self.pattern), ("input", &self.input)] {
            if let Some(given) = given {
                body.insert(name.to_owned(), input::json(&format!("--{name}"), given)?);
            }
        }
        body.extend(self.query_language.as_ref().map(|language| ("query_language".to_owned(), json!(language))));
        body.extend(self.version.map(|version| ("version".to_owned(), json!(version))));
        body.extend(self.alias.as_ref().map(|alias| ("alias".to_owned(), json!(alias))));
        Ok(body)
    }

    /// The same with a pattern, which must be there.
    fn with_pattern(&self) -> anyhow::Result<Map<String, Value>> {
        let body = self.body()?;
        if body.contains_key("pattern") {
            return Ok(body);
        }
        Err(UsageError("which events? give --pattern, such as '{\"source\": [\"github\"]}'".to_owned()).into())
    }
}

const EVENTS: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("RECEIVED (UTC)", |item| Cell::new(time(item, "/received_at"))),
    ("SOURCE", |item| Cell::new(text(item, "/source"))),
    ("TYPE", |item| Cell::new(text(item, "/type"))),
    ("STATUS", |item| Cell::status(text(item, "/status"))),
    ("SENDER", |item| Cell::status(text(item, "/verification/result"))),
    ("RUNS", |item| Cell::number(items(item, "/runs").len().to_string())),
    ("ERROR", |item| Cell::new(text(item, "/error"))),
];

const RULES: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("NAME", |item| Cell::new(text(item, "/name"))),
    ("ENABLED", |item| Cell::status(if at(item, "/enabled") == &Value::Bool(true) { "yes" } else { "no" })),
    ("WORKFLOW", |item| Cell::new(text(item, "/workflow").rsplit(':').next().unwrap_or_default())),
    ("PATTERN", |item| Cell::new(at(item, "/pattern").to_string())),
];

fn events(below: &[&str]) -> String {
    path(&[&["api", "webhooks", "events"], below].concat())
}

fn rules(below: &[&str]) -> String {
    path(&[&["api", "webhooks", "rules"], below].concat())
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let out = &session.out;
    match action {
        Action::List { filter, paging } => {
            let call =
                filter.pairs().into_iter().fold(Call::get(events(&[])), |call, (name, value)| call.maybe(name, value));
            list(session, &session.api()?, &call, &paging, EVENTS)
        }
        Action::Show { id } => show(session, &session.api()?.get(events(&[&id]))?),
        Action::Replay { id: Some(id), .. } => {
            let view = session.api()?.json(Call::new(http::Method::POST, events(&[&id, "replay"])))?;
            Ok(out.changed(&view, &id, &format!("{id} is matched with the rules again."))?)
        }
        Action::Replay { id: None, filter, dry_run, yes } => {
            if !dry_run {
                input::confirm(yes.yes, "Replay all events that the filter finds?")?;
            }
            replay_many(session, &session.api()?, &filter, dry_run)
        }
        Action::Rule(action) => rule(action, session),
    }
}

impl Filter {
    fn pairs(&self) -> [(&'static str, Option<&String>); 5] {
        [
            ("source", self.source.as_ref()),
            ("type", self.kind.as_ref()),
            ("status", self.status.as_ref()),
            ("received_from", self.received_from.as_ref()),
            ("received_before", self.received_before.as_ref()),
        ]
    }
}

fn replay_many(session: &Session, api: &Api, filter: &Filter, dry_run: bool) -> anyhow::Result<()> {
    let conditions = filter.pairs().into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    let conditions: Map<String, Value> = conditions.collect();
    let (mut results, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut body = json!({ "filter": conditions, "dry_run": dry_run, "limit": 100 });
        if let (Some(object), false) = (body.as_object_mut(), cursor.is_null()) {
            object.insert("cursor".to_owned(), cursor);
        }
        let part = api.json(Call::post(events(&["replay"]), body))?;
        results.extend_from_slice(items(&part, "/results"));
        cursor = at(&part, "/next_cursor").clone();
        if cursor.is_null() {
            break;
        }
    }
    let failed = results.iter().filter(|one| text(one, "/outcome") == "failed").count();
    let columns: &[Column] = &[
        ("ID", |item| Cell::new(text(item, "/id"))),
        ("SOURCE", |item| Cell::new(text(item, "/source"))),
        ("TYPE", |item| Cell::new(text(item, "/type"))),
        ("OUTCOME", |item| Cell::status(text(item, "/outcome"))),
        ("DETAIL", |item| Cell::new(text(item, "/detail"))),
    ];
    let total = results.len();
    if session.out.json {
        session.out.value(&json!({ "results": results, "dry_run": dry_run, "next_cursor": null }))?;
    } else {
        show_page(session, &json!({ "items": results }), columns)?;
    }
    if failed > 0 {
        return Err(EndedError { ending: Ending::Failed, text: format!("{failed} of {total} failed") }.into());
    }
    Ok(())
}

fn show(session: &Session, view: &Value) -> anyhow::Result<()> {
    let out = &session.out;
    if out.json {
        return Ok(out.value(view)?);
    }
    let envelope = at(view, "/envelope");
    let details = Details::new()
        .field("Id", text(view, "/id"))
        .field("Source", text(view, "/source"))
        .field("Type", text(view, "/type"))
        .field("Delivery", text(view, "/delivery_id"))
        .field("Received", time(view, "/received_at"))
        .status("Status", text(view, "/status"))
        .field("Error", text(view, "/error"))
        .field("Sender", [text(view, "/verification/result"), text(view, "/verification/by")].join(" ").trim())
        .field("Replays", Some(count(view, "/replays")).filter(|count| count != "0").unwrap_or_default())
        .field("SHA-256", text(view, "/sha256"))
        .field("Event", if envelope.is_null() { String::new() } else { format!("{envelope:#}") });
    out.details(&details)?;
    if items(view, "/runs").is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(&["TIME (UTC)", "RULE", "RESULT", "EXECUTION", "ERROR"]);
    for run in items(view, "/runs") {
        table.row(vec![
            Cell::new(time(run, "/at")),
            Cell::new(text(run, "/name")),
            Cell::status(text(run, "/result")),
            Cell::new(text(run, "/execution")),
            Cell::new(text(run, "/error")),
        ]);
    }
    Ok(out.table(&table)?)
}

fn rule(action: Rule, session: &Session) -> anyhow::Result<()> {
    let out = &session.out;
    match action {
        Rule::List => show_page(session, &session.api()?.get(rules(&[]))?, RULES),
        Rule::Show { id } => show_rule(session, &session.api()?.get(rules(&[&id]))?),
        Rule::Create { name, workflow, says, disabled } => {
            let mut body = says.with_pattern()?;
            body.insert("name".to_owned(), json!(name));
            body.insert("workflow".to_owned(), json!(workflow));
            body.extend(disabled.then(|| ("enabled".to_owned(), json!(false))));
            let view = session.api()?.json(Call::post(rules(&[]), Value::Object(body)))?;
            Ok(out.changed(
                &view,
                text(&view, "/id"),
                &format!("{} ({}) is made.", text(&view, "/id"), text(&view, "/name")),
            )?)
        }
        Rule::Update { id, name, workflow, says } => {
            let mut body = says.body()?;
            body.extend(name.map(|name| ("name".to_owned(), json!(name))));
            body.extend(workflow.map(|workflow| ("workflow".to_owned(), json!(workflow))));
            if body.is_empty() {
                return Err(UsageError(
                    "nothing is to be changed: give --pattern, --input, --name or --workflow".to_owned(),
                )
                .into());
            }
            change(session, &id, body, "is changed")
        }
        Rule::Enable { id } => {
            change(session, &id, Map::from_iter([("enabled".to_owned(), json!(true))]), "is looked at")
        }
        Rule::Disable { id } => {
            change(session, &id, Map::from_iter([("enabled".to_owned(), json!(false))]), "is not looked at")
        }
        Rule::Test { says, event_id, event } => {
            let mut body = says.with_pattern()?;
            body.extend(event_id.map(|id| ("event_id".to_owned(), json!(id))));
            if let Some(given) = event {
                body.insert("event".to_owned(), input::json("--event", &given)?);
            }
            tried(session, &session.api()?.json(Call::post(rules(&["test"]), Value::Object(body)))?)
        }
        Rule::Delete { id, yes } => {
            let api = session.api()?;
            let view = api.get(rules(&[&id]))?;
            input::confirm(yes.yes, &format!("Delete the rule {}?", clean(text(&view, "/name"))))?;
            api.send(Call::delete(rules(&[&id])))?;
            Ok(out.changed(&view, &id, &format!("{id} is deleted."))?)
        }
    }
}

fn change(session: &Session, id: &str, body: Map<String, Value>, said: &str) -> anyhow::Result<()> {
    let view = session.api()?.json(Call::patch(rules(&[id]), Value::Object(body)))?;
    Ok(session.out.changed(&view, id, &format!("{id} {said}."))?)
}

fn show_rule(session: &Session, view: &Value) -> anyhow::Result<()> {
    if session.out.json {
        return Ok(session.out.value(view)?);
    }
    let template = at(view, "/input");
    let details = Details::new()
        .field("Id", text(view, "/id"))
        .field("Name", text(view, "/name"))
        .status("Enabled", if at(view, "/enabled") == &Value::Bool(true) { "yes" } else { "no" })
        .field("Workflow", text(view, "/workflow"))
        .field("Version", count(view, "/version"))
        .field("Alias", text(view, "/alias"))
        .field("Pattern", format!("{:#}", at(view, "/pattern")))
        .field("Language", text(view, "/query_language"))
        .field("Input", if template.is_null() { "the event".to_owned() } else { format!("{template:#}") })
        .field("Changed", time(view, "/updated_at"));
    Ok(session.out.details(&details)?)
}

/// The exit code tells whether the event fits.
fn tried(session: &Session, view: &Value) -> anyhow::Result<()> {
    let out = &session.out;
    let matches = at(view, "/matches") == &Value::Bool(true);
    if out.json {
        out.value(view)?;
    } else if matches {
        out.note("The event fits. The input would be:");
        out.value(at(view, "/input"))?;
    }
    let problem = text(view, "/problem");
    if !matches {
        return Err(EndedError { ending: Ending::Failed, text: "the event does not fit the pattern".to_owned() }.into());
    }
    if !problem.is_empty() {
        return Err(EndedError { ending: Ending::Failed, text: format!("the input can't be made: {problem}") }.into());
    }
    Ok(())
}
