//! `millrace workflow`.

mod alias;
mod arguments;
mod diff;

use serde_json::{Map, Value, json};

use super::{Column, Paging, Session, list, listing, validate};
use crate::client::{Api, Call, path};
use crate::exit::InvalidError;
use crate::input;
use crate::output::{Cell, Details, at, count, items, text, time};

pub(crate) use arguments::Action;
use arguments::{Create, Update};

const COLUMNS: &[Column] = &[
    ("NAME", |item| Cell::new(text(item, "/name"))),
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("TYPE", |item| Cell::new(text(item, "/type"))),
    ("STATUS", |item| Cell::status(text(item, "/status"))),
    ("VERSION", |item| Cell::number(count(item, "/latest_version"))),
    ("CHANGED (UTC)", |item| Cell::new(time(item, "/updated_at"))),
];

const VERSIONS: &[Column] = &[
    ("VERSION", |item| Cell::number(count(item, "/version"))),
    ("REVISION", |item| Cell::number(count(item, "/revision"))),
    ("CREATED (UTC)", |item| Cell::new(time(item, "/created_at"))),
    ("DESCRIPTION", |item| Cell::new(text(item, "/description"))),
];

/// The path of a workflow, by its name, id or ARN, with what is below it.
fn route(id: &str, below: &[&str]) -> String {
    path(&[&["api", "workflows", id], below].concat())
}

/// Looks at a definition before it is sent, so that errors have their place in the file.
pub(crate) fn check(session: &Session, file: &str, definition: &str) -> anyhow::Result<()> {
    let found = validate::look(file, definition, validate::Kind::Standard);
    if found.errors() == 0 {
        return Ok(());
    }
    for line in found.lines() {
        session.out.note(&line);
    }
    Err(InvalidError(format!("{file} has {} error(s); nothing was sent", found.errors())).into())
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let out = &session.out;
    match action {
        Action::Create(options) => create(&options, session),
        Action::Update(options) => update(&options, session),
        Action::List { paging } => {
            list(session, &session.api()?, &Call::get("/api/workflows".to_owned()), &paging, COLUMNS)
        }
        Action::Show { id, version, definition } => {
            let view = session.api()?.json(Call::get(route(&id, &[])).maybe("version", version))?;
            if definition {
                let text = text(&view, "/definition_text");
                return Ok(out.text(&if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") })?);
            }
            show(session, &view)
        }
        Action::Versions { id, paging } => {
            list(session, &session.api()?, &Call::get(route(&id, &["versions"])), &paging, VERSIONS)
        }
        Action::Alias(action) => alias::run(action, session),
        Action::Validate { file, kind, input_schema } => {
            let definition = input::file(&file)?;
            let mut body = json!({ "definition": definition, "type": kind.name() });
            if let (Some(body), Some(schema)) = (body.as_object_mut(), &input_schema) {
                body.insert("input_schema".to_owned(), input::document(schema)?);
            }
            let answer = session.api()?.json(Call::post("/api/workflows/validate".to_owned(), body))?;
            validated(session, &file, &definition, &answer)
        }
        Action::Diff { id, from, to, file } => {
            let api = session.api()?;
            diff::run(session, &api, &id, from, to, file.as_deref())
        }
        Action::Graph { id, version, drawing } => {
            let api = session.api()?;
            let call = Call::get(route(&id, &["graph"])).maybe("version", version);
            drawing.save(session, &api, call, |graph| super::graph::table(session, graph))
        }
        Action::Delete { id, yes } => {
            let api = session.api()?;
            let view = api.get(route(&id, &[]))?;
            let name = text(&view, "/name").to_owned();
            let question = format!("Delete the workflow {name} and stop its running executions?");
            input::confirm(yes.yes, &question)?;
            api.send(Call::delete(route(&id, &[])))?;
            Ok(out.changed(&view, text(&view, "/id"), &format!("{name} is deleted."))?)
        }
    }
}

fn create(options: &Create, session: &Session) -> anyhow::Result<()> {
    let definition = input::file(&options.file)?;
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(options.name));
    body.insert("type".to_owned(), json!(options.kind.name()));
    if !options.tag.is_empty() {
        let tags = options.tag.iter().map(|(name, value)| (name.clone(), json!(value)));
        body.insert("tags".to_owned(), Value::Object(tags.collect()));
    }
    options.publishing.put(&mut body);
    if let Some(file) = &options.input_schema {
        body.insert("input_schema".to_owned(), input::document(file)?);
    }
    body.insert("definition".to_owned(), json!(definition));
    let view = session.api()?.json(Call::post("/api/workflows".to_owned(), Value::Object(body)))?;
    let sentence = format!("{} is made{}.", text(&view, "/name"), version_of(&view));
    Ok(session.out.changed(&view, text(&view, "/id"), &sentence)?)
}

fn version_of(view: &Value) -> String {
    match count(view, "/version") {
        version if version.is_empty() => String::new(),
        version => format!(", version {version}"),
    }
}

fn update(options: &Update, session: &Session) -> anyhow::Result<()> {
    let mut body = Map::new();
    if let Some(file) = &options.file {
        body.insert("definition".to_owned(), json!(input::file(file)?));
    }
    if let Some(file) = &options.input_schema {
        body.insert("input_schema".to_owned(), input::document(file)?);
    } else if options.no_input_schema {
        body.insert("input_schema".to_owned(), Value::Null);
    }
    options.publishing.put(&mut body);
    let api = session.api()?;
    // What was read is what is changed, also where somebody else changes it meanwhile.
    let (_, read) = api.json_with_headers(Call::get(route(&options.id, &[])))?;
    let etag =
        options.if_match.clone().or_else(|| read.header("etag").map(str::to_owned)).unwrap_or_else(|| "*".to_owned());
    let call = Call::put(route(&options.id, &[]), Value::Object(body)).header("if-match", etag);
    let view = api.json(call)?;
    let sentence = format!("{} is changed{}.", text(&view, "/name"), version_of(&view));
    Ok(session.out.changed(&view, text(&view, "/id"), &sentence)?)
}

fn show(session: &Session, view: &Value) -> anyhow::Result<()> {
    if session.out.json {
        return Ok(session.out.value(view)?);
    }
    let tags = at(view, "/tags").as_object().into_iter().flatten();
    let tags: Vec<String> =
        tags.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    let details = Details::new()
        .field("Name", text(view, "/name"))
        .field("Id", text(view, "/id"))
        .field("ARN", text(view, "/arn"))
        .field("Type", text(view, "/type"))
        .status("Status", text(view, "/status"))
        .field("Version", count(view, "/version"))
        .field("Latest version", count(view, "/latest_version"))
        .field("Revision", count(view, "/revision"))
        .field("Role", text(view, "/role_arn"))
        .field("Tags", tags.join(", "))
        .field("Created", time(view, "/created_at"))
        .field("Changed", time(view, "/updated_at"))
        .field("Input", schema_text(view))
        .field("Definition", text(view, "/definition_text"));
    Ok(session.out.details(&details)?)
}

/// The schema of a workflow's input on several lines; empty where it has none.
fn schema_text(view: &Value) -> String {
    match at(view, "/input_schema") {
        Value::Null => String::new(),
        schema => format!("{schema:#}"),
    }
}

/// What the server says of a definition, with its places in the file.
fn validated(session: &Session, file: &str, definition: &str, answer: &Value) -> anyhow::Result<()> {
    if session.out.json {
        session.out.value(answer)?;
    } else {
        let places = validate::Places::of(definition);
        for one in items(answer, "/diagnostics") {
            let pointer = text(one, "/pointer");
            let place = match pointer.strip_prefix("/input_schema") {
                Some(inside) => format!("the input's schema at {}", if inside.is_empty() { "its top" } else { inside }),
                None => validate::place(file, places.find(pointer)),
            };
            let line = format!(
                "{place}: {}: {} {}",
                text(one, "/severity").to_lowercase(),
                text(one, "/code"),
                text(one, "/message")
            );
            session.out.line(&crate::output::clean(&line))?;
        }
    }
    if at(answer, "/valid") == &Value::Bool(true) {
        if !session.out.json {
            session.out.note(&format!("{file} is valid."));
        }
        return Ok(());
    }
    Err(InvalidError(format!("{file} is not valid")).into())
}

/// All versions of a workflow.
fn versions(api: &Api, id: &str) -> anyhow::Result<Vec<u64>> {
    let all = listing::read(api, &Call::get(route(id, &["versions"])), &Paging::everything())?;
    Ok(items(&all, "/items").iter().filter_map(|item| item.get("version")?.as_u64()).collect())
}
