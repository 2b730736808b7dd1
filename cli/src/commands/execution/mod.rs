//! `millrace execution`.

mod actions;
mod arguments;
mod follow;
mod logs;

use serde_json::Value;

use super::{Column, Session, list};
use crate::client::{Api, Call, path};
use crate::output::{Cell, Details, at, bytes, clean, compact, count, text, time};

pub(crate) use arguments::Action;
pub(crate) use follow::{Following, ended, follow, wait};

const COLUMNS: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("NAME", |item| Cell::new(text(item, "/name"))),
    ("STATUS", |item| Cell::status(text(item, "/status"))),
    ("STARTED (UTC)", |item| Cell::new(time(item, "/started_at"))),
    ("STOPPED (UTC)", |item| Cell::new(time(item, "/stopped_at"))),
    ("ERROR", |item| Cell::new(text(item, "/error"))),
    ("WORKFLOW", |item| Cell::new(workflow_of(item))),
];

const EVENTS: &[Column] = &[
    ("ID", |event| Cell::number(count(event, "/id"))),
    ("TIME (UTC)", |event| Cell::new(time(event, "/timestamp"))),
    ("TYPE", |event| Cell::new(text(event, "/type"))),
    ("DETAILS", |event| Cell::new(details_of(event))),
];

/// The name at the end of a workflow's ARN.
fn workflow_of(item: &Value) -> String {
    let arn = text(item, "/workflow_arn");
    match (arn.rsplit(':').next(), text(item, "/project_id")) {
        (Some(name), _) if !arn.is_empty() => name.to_owned(),
        (_, project) => project.to_owned(),
    }
}

/// What an event's details say, in a line.
fn details_of(event: &Value) -> String {
    let details = at(event, "/details").as_object();
    let parts = details.into_iter().flatten().map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        value => format!("{name}={}", compact(value, 80)),
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// The path of an execution, by its id or ARN, with what is below it.
pub(crate) fn route(id: &str, below: &[&str]) -> String {
    path(&[&["api", "executions", id], below].concat())
}

/// Shows an execution.
pub(crate) fn show(session: &Session, view: &Value) -> anyhow::Result<()> {
    if session.out.json {
        return Ok(session.out.value(view)?);
    }
    let pretty = |value: &Value| if value.is_null() { String::new() } else { format!("{value:#}") };
    let attributes = at(view, "/attributes").as_object().into_iter().flatten();
    let attributes: Vec<String> =
        attributes.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    let queued = match text(view, "/queued/since") {
        "" => String::new(),
        _ => format!("since {} at the limit {}", time(view, "/queued/since"), text(view, "/queued/key")),
    };
    let details = Details::new()
        .field("Id", text(view, "/id"))
        .field("Name", text(view, "/name"))
        .field("ARN", text(view, "/arn"))
        .field("Workflow", workflow_of(view))
        .field("Version", count(view, "/version"))
        .field("Alias", text(view, "/alias"))
        .status("Status", text(view, "/status"))
        .field("State", text(view, "/state"))
        .field("Paused", if at(view, "/paused") == &Value::Bool(true) { "yes" } else { "" })
        .field("Waits", queued)
        .field("Redriven", Some(count(view, "/redrive_count")).filter(|count| count != "0").unwrap_or_default())
        .field("Started", time(view, "/started_at"))
        .field("Stopped", time(view, "/stopped_at"))
        .field("Attributes", attributes.join(", "))
        .field("Error", text(view, "/error"))
        .field("Cause", text(view, "/cause"))
        .field("Input", pretty(at(view, "/input")))
        .field("Output", pretty(at(view, "/output")));
    Ok(session.out.details(&details)?)
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    match action {
        Action::List { filter, paging } => {
            let api = session.api()?;
            list(session, &api, &filter.query(Call::get("/api/executions".to_owned())), &paging, COLUMNS)
        }
        Action::Show { id } => show(session, &session.api()?.get(route(&id, &[]))?),
        Action::Watch { id, timeout } => {
            let api = session.api()?;
            let view = follow(session, &api, &id, &Following { timeout, whole: true })?;
            if session.out.json {
                session.out.row(&view)?;
            } else if !at(&view, "/output").is_null() {
                session.out.value(at(&view, "/output"))?;
            }
            ended(&view)
        }
        Action::History { id, reverse, paging } => {
            let api = session.api()?;
            let call = Call::get(route(&id, &["history"])).maybe("reverse", reverse.then_some("true"));
            list(session, &api, &call, &paging, EVENTS)
        }
        Action::Logs(asked) => logs::logs(session, &asked),
        Action::Graph { id, drawing } => {
            let api = session.api()?;
            drawing.save(session, &api, Call::get(route(&id, &["graph"])), |graph| states(session, graph))
        }
        other => actions::run(other, session),
    }
}

/// The states of a graph with what they came to.
fn states(session: &Session, graph: &Value) -> anyhow::Result<()> {
    fn lines(graph: &Value, indent: usize, rows: &mut Vec<Vec<Cell>>) {
        for state in crate::output::items(graph, "/states") {
            rows.push(vec![
                Cell::new(format!("{}{}", "  ".repeat(indent), text(state, "/name"))),
                Cell::new(text(state, "/type")),
                Cell::status(text(state, "/status")),
                Cell::number(count(state, "/entered")),
            ]);
            for branch in crate::output::items(state, "/branches") {
                lines(branch, indent + 1, rows);
            }
        }
    }
    let mut rows = Vec::new();
    lines(graph, 0, &mut rows);
    let mut table = crate::output::Table::new(&["STATE", "TYPE", "STATUS", "ENTERED"]);
    rows.into_iter().for_each(|row| table.row(row));
    Ok(session.out.table(&table)?)
}

/// How a picture is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Drawing {
    /// The form; without it the states are listed as a table.
    #[arg(long, value_enum)]
    pub(crate) format: Option<GraphFormat>,
    /// Write it to a file; its ending (.svg, .mmd, .json) says the form.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<std::path::PathBuf>,
}

/// The forms of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GraphFormat {
    /// Mermaid text.
    Mermaid,
    /// A picture.
    Svg,
    /// States and transitions.
    Json,
}

impl GraphFormat {
    /// Its name in the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mermaid => "mermaid",
            Self::Svg => "svg",
            Self::Json => "json",
        }
    }
}

impl Drawing {
    /// The form that was asked for, by name or by the file's ending.
    pub(crate) fn form(&self) -> anyhow::Result<Option<GraphFormat>> {
        let ending =
            self.output.as_ref().map(|file| file.extension().unwrap_or_default().to_string_lossy().to_lowercase());
        match (self.format, ending.as_deref()) {
            (Some(format), _) => Ok(Some(format)),
            (None, None) => Ok(None),
            (None, Some("svg")) => Ok(Some(GraphFormat::Svg)),
            (None, Some("mmd" | "mermaid" | "md")) => Ok(Some(GraphFormat::Mermaid)),
            (None, Some("json")) => Ok(Some(GraphFormat::Json)),
            (None, Some(_)) => {
                let text = "the file's ending says no form: end it with .svg, .mmd or .json, or give --format";
                Err(crate::exit::UsageError(text.to_owned()).into())
            }
        }
    }

    /// Writes a picture to the file, or to standard output.
    pub(crate) fn write(&self, session: &Session, picture: &[u8]) -> anyhow::Result<()> {
        use anyhow::Context as _;
        match &self.output {
            None => Ok(session.out.bytes(picture)?),
            Some(file) => {
                std::fs::write(file, picture).with_context(|| format!("{} can't be written", file.display()))?;
                session.out.note(&format!("{}: {}", file.display(), bytes(u64::try_from(picture.len())?)));
                Ok(())
            }
        }
    }

    /// Asks the server for a picture and writes it, or for the states and shows them.
    pub(crate) fn save(
        &self,
        session: &Session,
        api: &Api,
        call: Call,
        show: impl Fn(&Value) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let form = match self.form()? {
            None if session.out.json => Some(GraphFormat::Json),
            form => form,
        };
        match form {
            None => show(&api.json(call)?),
            Some(GraphFormat::Json) => self.write(session, format!("{:#}\n", api.json(call)?).as_bytes()),
            Some(form) => self.write(session, &api.send(call.query("format", form.name()))?.body),
        }
    }
}

/// A sentence on an execution.
fn sentence(view: &Value) -> String {
    clean(&format!("{} is {}.", text(view, "/id"), text(view, "/status")))
}
