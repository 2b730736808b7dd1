//! What changes executions: one by its id, or many by a filter.

use serde_json::{Map, Value, json};

use super::arguments::{Action, Corrected, Filter, Which};
use super::{Following, ended, follow, route, sentence};
use crate::client::{Api, Call};
use crate::commands::Session;
use crate::exit::{EndedError, Ending, UsageError};
use crate::input;
use crate::output::{Cell, Table, items, text};

/// The API's largest part of a bulk action.
const PART: usize = 100;

pub(super) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    match action {
        Action::Stop { which, error, cause } => {
            let mut body = Map::new();
            body.extend(error.map(|error| ("error".to_owned(), json!(error))));
            body.extend(cause.map(|cause| ("cause".to_owned(), json!(cause))));
            each("stop", &which, body, session).map(drop)
        }
        Action::Pause { which } => each("pause", &which, Map::new(), session).map(drop),
        Action::Resume { which } => each("resume", &which, Map::new(), session).map(drop),
        Action::Redrive { which, corrected, watch } => {
            if watch && which.id.is_none() {
                return Err(UsageError("--watch needs the id of one execution".to_owned()).into());
            }
            let body = corrected.body()?;
            match each("redrive", &which, body, session)? {
                Some((api, id)) if watch => watched(session, &api, &id),
                _ => Ok(()),
            }
        }
        Action::Fork { id, name, sequence, corrected, watch } => {
            let mut body = corrected.body()?;
            body.insert("name".to_owned(), json!(name));
            body.insert("sequence".to_owned(), json!(sequence));
            let api = session.api()?;
            let view = api.json(Call::post(route(&id, &["fork"]), Value::Object(body)))?;
            let forked = text(&view, "/id").to_owned();
            if watch {
                session.out.note(&sentence(&view));
                return watched(session, &api, &forked);
            }
            Ok(session.out.changed(&view, &forked, &sentence(&view))?)
        }
        Action::List { .. }
        | Action::Show { .. }
        | Action::Watch { .. }
        | Action::History { .. }
        | Action::Logs(_)
        | Action::Graph { .. } => {
            // They only look.
            super::run(action, session)
        }
    }
}

fn watched(session: &Session, api: &Api, id: &str) -> anyhow::Result<()> {
    let view = follow(session, api, id, &Following { timeout: None, whole: false })?;
    session.out.value(if session.out.json { &view } else { view.get("output").unwrap_or(&Value::Null) })?;
    ended(&view)
}

impl Corrected {
    fn body(&self) -> anyhow::Result<Map<String, Value>> {
        let mut body = Map::new();
        if let Some(given) = &self.input {
            body.insert("input".to_owned(), input::json("--input", given)?);
        }
        if let Some(name) = &self.definition {
            body.insert("definition".to_owned(), Value::String(input::file(name)?));
        }
        body.extend(self.version.map(|version| ("version".to_owned(), json!(version))));
        Ok(body)
    }
}

/// Does it to one execution, which it gives back, or to all that the filter finds.
fn each(
    action: &str,
    which: &Which,
    body: Map<String, Value>,
    session: &Session,
) -> anyhow::Result<Option<(Api, String)>> {
    let api = session.api()?;
    let Some(id) = &which.id else {
        return bulk(action, which, body, session, &api).map(|()| None);
    };
    let call = Call::post(route(id, &[action]), Value::Object(body));
    let view = api.json(call)?;
    let paused = view.get("paused") == Some(&Value::Bool(true));
    let sentence = if paused { format!("{} is paused.", text(&view, "/id")) } else { sentence(&view) };
    session.out.changed(&view, text(&view, "/id"), &sentence)?;
    Ok(Some((api, id.clone())))
}

fn filter(filter: &Filter) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<&String>| body.extend(value.map(|value| (name.to_owned(), json!(value))));
    put("workflow", filter.workflow.as_ref());
    put("status", filter.status.as_ref().map(|status| status.to_uppercase()).as_ref());
    put("started_from", filter.started_from.as_ref());
    put("started_before", filter.started_before.as_ref());
    if !filter.attribute.is_empty() {
        let attributes = filter.attribute.iter().map(|(name, value)| (name.clone(), json!(value)));
        body.insert("attributes".to_owned(), Value::Object(attributes.collect()));
    }
    Value::Object(body)
}

fn bulk(action: &str, which: &Which, body: Map<String, Value>, session: &Session, api: &Api) -> anyhow::Result<()> {
    let out = &session.out;
    if !which.dry_run {
        input::confirm(which.yes.yes, &format!("{action} all executions that the filter finds?"))?;
    }
    let (mut results, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut body = body.clone();
        body.insert("action".to_owned(), json!(action));
        body.insert("filter".to_owned(), filter(&which.filter));
        body.insert("dry_run".to_owned(), json!(which.dry_run));
        body.insert("limit".to_owned(), json!(PART));
        if !cursor.is_null() {
            body.insert("cursor".to_owned(), cursor);
        }
        let part = api.json(Call::post("/api/executions/bulk".to_owned(), Value::Object(body)))?;
        results.extend_from_slice(items(&part, "/results"));
        cursor = part.get("next_cursor").cloned().unwrap_or_default();
        if cursor.is_null() {
            break;
        }
    }
    let failed = results.iter().filter(|one| text(one, "/outcome") == "failed").count();
    if out.json {
        out.value(&json!({ "results": results, "dry_run": which.dry_run, "next_cursor": null }))?;
    } else if out.quiet {
        for one in &results {
            out.line(text(one, "/id"))?;
        }
    } else if results.is_empty() {
        out.note("There are none.");
    } else {
        let mut table = Table::new(&["ID", "NAME", "OUTCOME", "DETAIL"]);
        for one in &results {
            let cell = |pointer| Cell::new(text(one, pointer));
            table.row(vec![cell("/id"), cell("/name"), Cell::status(text(one, "/outcome")), cell("/detail")]);
        }
        out.table(&table)?;
    }
    if failed > 0 {
        let text = format!("{failed} of {} failed", results.len());
        return Err(EndedError { ending: Ending::Failed, text }.into());
    }
    Ok(())
}
