//! `millrace project`.

mod arguments;
mod create;
mod files;
mod follow;
mod questions;

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::{Column, Session, list};
use crate::client::{Api, Call, path};
use crate::exit::UsageError;
use crate::input;
use crate::output::{Cell, Details, Table, at, bytes, clean, count, items, money, strings, text, time};

pub(crate) use arguments::Action;
use arguments::{Budget, Update};
pub(crate) use files::save;
pub(crate) use follow::{Seen, ended, follow};

const COLUMNS: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("NAME", |item| Cell::new(text(item, "/name"))),
    ("STATUS", |item| Cell::status(text(item, "/status"))),
    ("RUN", |item| Cell::number(count(item, "/run"))),
    ("TEMPLATE", |item| Cell::new(text(item, "/template_id"))),
    ("CHANGED (UTC)", |item| Cell::new(time(item, "/updated_at"))),
    ("CAUSE", |item| Cell::new(text(item, "/failure/cause"))),
];

const FILES: &[Column] = &[
    ("PATH", |item| Cell::new(text(item, "/path"))),
    ("SIZE", |item| Cell::number(at(item, "/size").as_u64().map(bytes).unwrap_or_default())),
    ("LANGUAGE", |item| Cell::new(text(item, "/language"))),
    ("TASK", |item| Cell::new(text(item, "/task_id"))),
    ("RUN", |item| Cell::number(count(item, "/run"))),
];

const EVENTS: &[Column] = &[
    ("TIME (UTC)", |item| Cell::new(time(item, "/at"))),
    ("STAGE", |item| Cell::new(text(item, "/stage"))),
    ("KIND", |item| Cell::new(text(item, "/kind"))),
    ("MESSAGE", |item| Cell::new(text(item, "/message"))),
];

const TESTS: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("RUN", |item| Cell::number(count(item, "/run"))),
    ("RATING", |item| Cell::new(text(item, "/rating"))),
    ("SCORE", |item| Cell::number(at(item, "/score").to_string())),
    ("PASSED", |item| Cell::status(if at(item, "/passed") == &Value::Bool(true) { "yes" } else { "no" })),
    ("FINDINGS", |item| Cell::number(count(item, "/findings"))),
    ("BLOCKING", |item| Cell::number(count(item, "/blocking"))),
    ("SUMMARY", |item| Cell::new(text(item, "/summary"))),
];

const DEPLOYMENTS: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("RUN", |item| Cell::number(count(item, "/run"))),
    ("FILE", |item| Cell::new(text(item, "/filename"))),
    ("TYPE", |item| Cell::new(text(item, "/project_type"))),
    ("SIZE", |item| Cell::number(at(item, "/size").as_u64().map(bytes).unwrap_or_default())),
    ("MADE (UTC)", |item| Cell::new(time(item, "/created_at"))),
    ("SHA-256", |item| Cell::new(text(item, "/sha256").get(..12).unwrap_or_default())),
];

/// The path of a project with what is below it.
fn route(id: &str, below: &[&str]) -> String {
    path(&[&["api", "projects", id], below].concat())
}

fn sentence(view: &Value) -> String {
    clean(&format!("{} ({}) is {}.", text(view, "/id"), text(view, "/name"), text(view, "/status")))
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let out = &session.out;
    match action {
        Action::Create(options) => create::run(&options, session),
        Action::List { status, paging } => {
            let call = Call::get("/api/projects".to_owned()).maybe("status", status);
            list(session, &session.api()?, &call, &paging, COLUMNS)
        }
        Action::Show { id } => show(session, &session.api()?.get(route(&id, &[]))?),
        Action::Watch { id, timeout } => watch(session, &session.api()?, &id, timeout),
        Action::Plan { id } => plan(session, &session.api()?.get(route(&id, &["plan"]))?),
        Action::Approve { id, reject, plan } => {
            let body = match (reject, plan) {
                (Some(reason), _) => json!({ "decision": "reject", "reason": input::text(&reason)? }),
                (None, Some(given)) => json!({ "decision": "edit", "plan": input::json("--plan", &given)? }),
                (None, None) => json!({ "decision": "approve" }),
            };
            told(session, Call::post(route(&id, &["approve"]), body))
        }
        Action::Files { id, paging } => {
            list(session, &session.api()?, &Call::get(route(&id, &["files"])), &paging, FILES)
        }
        Action::Cat { id, path } => files::cat(session, &session.api()?, &id, &path),
        Action::Download(options) => files::download(session, &session.api()?, &options),
        Action::Tests { id, report, paging } => {
            let api = session.api()?;
            match report {
                None => list(session, &api, &Call::get(route(&id, &["tests"])), &paging, TESTS),
                Some(form) => {
                    let page = api.json(Call::get(route(&id, &["tests"])).query("limit", 1))?;
                    let newest = items(&page, "/items").first().context("the project has no test report yet")?;
                    Ok(out.bytes(&api.download(text(newest, form.pointer()))?)?)
                }
            }
        }
        Action::Deployments { id, paging } => {
            list(session, &session.api()?, &Call::get(route(&id, &["deployments"])), &paging, DEPLOYMENTS)
        }
        Action::Cost { id } => cost(session, &session.api()?.get(route(&id, &["cost"]))?),
        Action::Events { id, paging } => {
            list(session, &session.api()?, &Call::get(route(&id, &["events"])), &paging, EVENTS)
        }
        Action::Cancel { id, yes } => {
            input::confirm(yes.yes, &format!("Stop the delivery of {id}? What exists is kept."))?;
            told(session, Call::new(http::Method::POST, route(&id, &["cancel"])))
        }
        Action::Resume { id, wait } => {
            let api = session.api()?;
            let view = api.json(Call::new(http::Method::POST, route(&id, &["resume"])))?;
            if wait {
                return watch(session, &api, &id, None);
            }
            Ok(out.changed(&view, &id, &sentence(&view))?)
        }
        Action::Modify { id, request, parameter, wait } => {
            let mut body = Map::new();
            if let Some(request) = request {
                body.insert("request".to_owned(), json!(input::text(&request)?));
            }
            if !parameter.is_empty() {
                body.insert("parameters".to_owned(), Value::Object(input::parameters(&parameter)?));
            }
            if body.is_empty() {
                let text = "say what to modify: in words, or with --parameter NAME=VALUE";
                return Err(UsageError(text.to_owned()).into());
            }
            let api = session.api()?;
            let view = api.json(Call::post(route(&id, &["modify"]), Value::Object(body)))?;
            if wait {
                return watch(session, &api, &id, None);
            }
            Ok(out.changed(&view, text(&view, "/id"), &format!("Run {} of {id} has begun.", count(&view, "/run")))?)
        }
        Action::Update(options) => update(&options, session),
        Action::Delete { id, yes } => {
            let api = session.api()?;
            let view = api.get(route(&id, &[]))?;
            let question = format!("Delete the project {} ({id}) with all that was made?", clean(text(&view, "/name")));
            input::confirm(yes.yes, &question)?;
            api.send(Call::delete(route(&id, &[])))?;
            Ok(out.changed(&view, &id, &format!("{id} is deleted."))?)
        }
    }
}

/// Tells a project something and shows how it is now.
fn told(session: &Session, call: Call) -> anyhow::Result<()> {
    let view = session.api()?.json(call)?;
    Ok(session.out.changed(&view, text(&view, "/id"), &sentence(&view))?)
}

fn watch(session: &Session, api: &Api, id: &str, timeout: Option<Duration>) -> anyhow::Result<()> {
    let view = follow::watch(session, api, id, timeout)?;
    if session.out.json {
        session.out.row(&view)?;
    } else if text(&view, "/status") == "completed" {
        session.out.line(&sentence(&view))?;
        session.out.note(&format!("`millrace project download {id}` gets the package."));
    }
    ended(&view)
}

impl Budget {
    /// The budget in a body, where one was given.
    fn body(&self) -> Option<Value> {
        let mut body = Map::new();
        body.extend(self.budget_usd.map(|usd| ("usd".to_owned(), json!(usd))));
        let mut put = |name: &str, value: Option<u64>| body.extend(value.map(|value| (name.to_owned(), json!(value))));
        put("tokens", self.budget_tokens);
        put("calls", self.budget_calls);
        put("seconds", self.budget_seconds);
        (!body.is_empty()).then_some(Value::Object(body))
    }
}

fn update(options: &Update, session: &Session) -> anyhow::Result<()> {
    let mut body = Map::new();
    body.extend(options.name.as_ref().map(|name| ("name".to_owned(), json!(name))));
    body.extend(options.description.as_ref().map(|text| ("description".to_owned(), json!(text))));
    if let Some(given) = &options.requirements {
        body.insert("requirements".to_owned(), json!(input::text(given)?));
    }
    body.extend(options.budget.body().map(|budget| ("budget".to_owned(), budget)));
    if body.is_empty() {
        let text = "nothing is to be changed: give --name, --description, --requirements or a --budget-…";
        return Err(UsageError(text.to_owned()).into());
    }
    let api = session.api()?;
    let (_, read) = api.json_with_headers(Call::get(route(&options.id, &[])))?;
    let etag = read.header("etag").unwrap_or("*").to_owned();
    let view = api.json(Call::put(route(&options.id, &[]), Value::Object(body)).header("if-match", etag))?;
    Ok(session.out.changed(&view, &options.id, &format!("{} is changed.", options.id))?)
}

fn budget(value: &Value) -> String {
    let part = |name: &str, unit: &str| {
        Some(count(value, name)).filter(|text| !text.is_empty()).map(|number| format!("{number} {unit}"))
    };
    let usd = Some(money(at(value, "/usd"))).filter(|text| !text.is_empty());
    let parts = [usd, part("/tokens", "tokens"), part("/calls", "calls"), part("/seconds", "seconds")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn show(session: &Session, view: &Value) -> anyhow::Result<()> {
    if session.out.json {
        return Ok(session.out.value(view)?);
    }
    let parameters = match at(view, "/parameters") {
        Value::Object(given) if !given.is_empty() => format!("{:#}", Value::Object(given.clone())),
        _ => String::new(),
    };
    let details = Details::new()
        .field("Id", text(view, "/id"))
        .field("Name", text(view, "/name"))
        .field("Description", text(view, "/description"))
        .status("Status", text(view, "/status"))
        .field("Stage", text(view, "/stage"))
        .field("Run", format!("{} ({})", count(view, "/run"), text(view, "/run_kind")))
        .field("Cause", text(view, "/failure/cause"))
        .field("What to do", text(view, "/failure/what_to_do"))
        .field("Template", text(view, "/template_id"))
        .field("Requirements", text(view, "/requirements"))
        .field("Budget", budget(at(view, "/budget")))
        .field("Execution", text(view, "/execution_id"))
        .field("Created", time(view, "/created_at"))
        .field("Changed", time(view, "/updated_at"))
        .field("Parameters", parameters);
    Ok(session.out.details(&details)?)
}

fn plan(session: &Session, view: &Value) -> anyhow::Result<()> {
    let out = &session.out;
    if out.json {
        return Ok(out.value(view)?);
    }
    let details = Details::new()
        .field("Plan", text(view, "/id"))
        .field("Name", text(view, "/name"))
        .field("Makes", text(view, "/description"))
        .field("Type", text(view, "/project_type"))
        .field("Languages", strings(view, "/stack/languages").join(", "))
        .field("Needs", strings(view, "/stack/tools").join(", "))
        .field("Test", strings(view, "/commands/test").join("\n"))
        .field("Run", strings(view, "/commands/run").join("\n"))
        .field("Deploy", strings(view, "/commands/deploy").join("\n"));
    out.details(&details)?;
    out.line("")?;
    let mut table = Table::new(&["WAVE", "TASK", "TITLE", "AFTER", "FILES"]);
    for task in items(view, "/tasks") {
        table.row(vec![
            Cell::number(count(task, "/wave")),
            Cell::new(text(task, "/id")),
            Cell::new(text(task, "/title")),
            Cell::new(strings(task, "/depends_on").join(", ")),
            Cell::number(strings(task, "/files").len().to_string()),
        ]);
    }
    Ok(out.table(&table)?)
}

fn cost(session: &Session, view: &Value) -> anyhow::Result<()> {
    if session.out.json {
        return Ok(session.out.value(view)?);
    }
    let details = Details::new()
        .field("Spent", money(at(view, "/usd")))
        .field("Calls", count(view, "/calls"))
        .field(
            "Without a known price",
            Some(count(view, "/unpriced_calls")).filter(|calls| calls != "0").unwrap_or_default(),
        )
        .field(
            "Tokens",
            format!(
                "{} in, {} out, {} together",
                count(view, "/tokens/input"),
                count(view, "/tokens/output"),
                count(view, "/tokens/total")
            ),
        )
        .field("Seconds", count(view, "/seconds"))
        .field("Budget", budget(at(view, "/budget")))
        .field("Left", budget(at(view, "/remaining")));
    Ok(session.out.details(&details)?)
}
