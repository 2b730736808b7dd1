//! `millrace schedule`.

use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::{Column, Paging, Session, Yes, list};
use crate::client::{Call, path};
use crate::input;
use crate::output::{Cell, Details, Table, at, clean, compact, count, items, strings, text, time};

/// Start workflows at times.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Make a schedule.
    #[command(after_help = "\
Examples:
  millrace schedule create nightly 'cron(0 3 * * ? *)' cleanup --time-zone Europe/Berlin
  millrace schedule create often 'rate(5 minutes)' sync --overlap skip --input '{\"full\": false}'")]
    Create {
        /// Its name.
        name: String,
        #[command(flatten)]
        says: Says,
    },
    /// Replace what a schedule says: all of it.
    #[command(after_help = "Examples:\n  millrace schedule update nightly 'cron(0 4 * * ? *)' cleanup")]
    Update {
        /// Its name.
        name: String,
        #[command(flatten)]
        says: Says,
    },
    /// List the schedules, by name.
    #[command(after_help = "Examples:\n  millrace schedule list")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a schedule with its last turns.
    #[command(after_help = "Examples:\n  millrace schedule show nightly")]
    Show {
        /// Its name.
        name: String,
    },
    /// Show the next times of a schedule.
    #[command(after_help = "Examples:\n  millrace schedule next nightly --count 3")]
    Next {
        /// Its name.
        name: String,
        /// How many, 1 to 100.
        #[arg(long, value_name = "NUMBER")]
        count: Option<u8>,
    },
    /// Show the next times of an expression, without making a schedule.
    #[command(
        after_help = "Examples:\n  millrace schedule preview 'cron(0 9 ? * MON-FRI *)' --time-zone Europe/Berlin"
    )]
    Preview {
        /// `rate(…)`, `cron(…)` or `at(…)`.
        expression: String,
        /// The time zone; UTC where it is left out.
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
        /// How many, 1 to 100.
        #[arg(long, value_name = "NUMBER")]
        count: Option<u8>,
    },
    /// Have a schedule rest.
    #[command(after_help = "Examples:\n  millrace schedule pause nightly")]
    Pause {
        /// Its name.
        name: String,
    },
    /// Have a schedule come again.
    #[command(after_help = "Examples:\n  millrace schedule resume nightly")]
    Resume {
        /// Its name.
        name: String,
    },
    /// Start a schedule's workflow now.
    #[command(after_help = "Examples:\n  millrace schedule run nightly")]
    Run {
        /// Its name.
        name: String,
    },
    /// Delete a schedule.
    #[command(after_help = "Examples:\n  millrace schedule delete nightly --yes")]
    Delete {
        /// Its name.
        name: String,
        #[command(flatten)]
        yes: Yes,
    },
}

/// What a schedule says.
#[derive(Debug, clap::Args)]
pub(crate) struct Says {
    /// When it comes: `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)` or `at(2030-01-31T09:00:00)`.
    expression: String,
    /// The workflow that is started: its name, id or ARN.
    workflow: String,
    /// What executions are started with: JSON, @FILE, or - for standard input.
    #[arg(short, long, value_name = "JSON")]
    input: Option<String>,
    /// The IANA time zone whose clocks are meant; UTC where it is left out.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// A version of the workflow instead of the newest.
    #[arg(long, value_name = "NUMBER", conflicts_with = "alias")]
    version: Option<u64>,
    /// An alias of the workflow.
    #[arg(long)]
    alias: Option<String>,
    /// What to do while the execution before still runs.
    #[arg(long, value_enum)]
    overlap: Option<Overlap>,
    /// Which missed turns to make up for.
    #[arg(long, value_enum)]
    catch_up: Option<CatchUp>,
    /// It does not come before this, as 2030-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    start_at: Option<String>,
    /// It does not come after this.
    #[arg(long, value_name = "TIME")]
    end_at: Option<String>,
    /// For people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// It rests until it is resumed.
    #[arg(long)]
    paused: bool,
}

/// While the execution before still runs.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Overlap {
    /// Leave the turn out.
    Skip,
    /// Have it wait.
    Queue,
    /// Run both.
    Allow,
}

/// Turns that were missed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum CatchUp {
    /// None of them.
    None,
    /// The last one.
    Last,
    /// All of them.
    All,
}

impl Says {
    fn body(&self) -> anyhow::Result<Value> {
        let mut body = Map::new();
        body.insert("expression".to_owned(), json!(self.expression));
        body.insert("workflow".to_owned(), json!(self.workflow));
        if let Some(given) = &self.input {
            body.insert("input".to_owned(), input::json("--input", given)?);
        }
        let overlap = self.overlap.map(|overlap| match overlap {
            Overlap::Skip => "skip",
            Overlap::Queue => "queue",
            Overlap::Allow => "allow",
        });
        let catch_up = self.catch_up.map(|catch_up| match catch_up {
            CatchUp::None => "none",
            CatchUp::Last => "last",
            CatchUp::All => "all",
        });
        for (name, value) in [
            ("time_zone", self.time_zone.as_deref()),
            ("alias", self.alias.as_deref()),
            ("overlap", overlap),
            ("catch_up", catch_up),
            ("start_at", self.start_at.as_deref()),
            ("end_at", self.end_at.as_deref()),
            ("description", self.description.as_deref()),
        ] {
            body.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        body.extend(self.version.map(|version| ("version".to_owned(), json!(version))));
        body.extend(self.paused.then(|| ("paused".to_owned(), json!(true))));
        Ok(Value::Object(body))
    }
}

const COLUMNS: &[Column] = &[
    ("NAME", |item| Cell::new(text(item, "/name"))),
    ("STATUS", |item| Cell::status(text(item, "/status"))),
    ("EXPRESSION", |item| Cell::new(text(item, "/expression"))),
    ("ZONE", |item| Cell::new(text(item, "/time_zone"))),
    ("NEXT (UTC)", |item| Cell::new(time(item, "/next_at"))),
    ("WORKFLOW", |item| Cell::new(text(item, "/workflow_arn").rsplit(':').next().unwrap_or_default())),
    ("STARTED", |item| Cell::number(count(item, "/counts/started"))),
    ("FAILED", |item| Cell::number(count(item, "/counts/failed"))),
];

fn route(name: &str, below: &[&str]) -> String {
    path(&[&["api", "schedules", name], below].concat())
}

fn sentence(view: &Value) -> String {
    let next = match time(view, "/next_at") {
        next if next.is_empty() => String::new(),
        next => format!(", next at {next} UTC"),
    };
    clean(&format!("{} is {}{next}.", text(view, "/name"), text(view, "/status")))
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let out = &session.out;
    let changed = |view: &Value| -> anyhow::Result<()> { Ok(out.changed(view, text(view, "/name"), &sentence(view))?) };
    match action {
        Action::Create { name, says } => {
            let mut body = says.body()?;
            if let Some(object) = body.as_object_mut() {
                object.insert("name".to_owned(), json!(name));
            }
            changed(&session.api()?.json(Call::post("/api/schedules".to_owned(), body))?)
        }
        Action::Update { name, says } => {
            let body = says.body()?;
            let api = session.api()?;
            let (_, read) = api.json_with_headers(Call::get(route(&name, &[])))?;
            let etag = read.header("etag").unwrap_or("*").to_owned();
            changed(&api.json(Call::put(route(&name, &[]), body).header("if-match", etag))?)
        }
        Action::List { paging } => {
            list(session, &session.api()?, &Call::get("/api/schedules".to_owned()), &paging, COLUMNS)
        }
        Action::Show { name } => show(session, &session.api()?.get(route(&name, &[]))?),
        Action::Next { name, count } => {
            let call = Call::get(route(&name, &["next"])).maybe("count", count);
            times(session, &session.api()?.json(call)?)
        }
        Action::Preview { expression, time_zone, count } => {
            let mut body = json!({ "expression": expression });
            if let Some(object) = body.as_object_mut() {
                object.extend(time_zone.map(|zone| ("time_zone".to_owned(), json!(zone))));
                object.extend(count.map(|count| ("count".to_owned(), json!(count))));
            }
            times(session, &session.api()?.json(Call::post("/api/schedules/preview".to_owned(), body))?)
        }
        Action::Pause { name } => changed(&session.api()?.json(told(&name, "pause"))?),
        Action::Resume { name } => changed(&session.api()?.json(told(&name, "resume"))?),
        Action::Run { name } => {
            let view = session.api()?.json(told(&name, "run"))?;
            let arn = text(&view, "/execution_arn");
            let said = match arn {
                "" => format!("{}: {}", text(&view, "/outcome"), text(&view, "/reason")),
                arn => format!("{}: {arn}", text(&view, "/outcome")),
            };
            Ok(out.changed(&view, arn, &said)?)
        }
        Action::Delete { name, yes } => {
            let api = session.api()?;
            let view = api.get(route(&name, &[]))?;
            input::confirm(yes.yes, &format!("Delete the schedule {name}?"))?;
            api.send(Call::delete(route(&name, &[])))?;
            Ok(out.changed(&view, &name, &format!("{name} is deleted."))?)
        }
    }
}

fn told(name: &str, what: &str) -> Call {
    Call::new(http::Method::POST, route(name, &[what]))
}

fn times(session: &Session, view: &Value) -> anyhow::Result<()> {
    if session.out.json {
        return Ok(session.out.value(view)?);
    }
    for time in strings(view, "/times") {
        session.out.line(&clean(time))?;
    }
    Ok(())
}

fn show(session: &Session, view: &Value) -> anyhow::Result<()> {
    let out = &session.out;
    if out.json {
        return Ok(out.value(view)?);
    }
    let counts = ["started", "skipped", "missed", "failed"]
        .map(|name| format!("{} {name}", count(view, &format!("/counts/{name}"))))
        .join(", ");
    let given = at(view, "/input");
    let details = Details::new()
        .field("Name", text(view, "/name"))
        .field("Id", text(view, "/id"))
        .field("Description", text(view, "/description"))
        .status("Status", text(view, "/status"))
        .field("Expression", text(view, "/expression"))
        .field("Time zone", text(view, "/time_zone"))
        .field("From", time(view, "/start_at"))
        .field("Until", time(view, "/end_at"))
        .field("Next", time(view, "/next_at"))
        .field("Workflow", text(view, "/workflow_arn"))
        .field("Version or alias", text(view, "/qualifier"))
        .field("Overlap", text(view, "/overlap"))
        .field("Catch up", text(view, "/catch_up"))
        .field("Queued", count(view, "/queued"))
        .field("Turns", counts)
        .field("Input", if given.is_null() { String::new() } else { compact(given, 200) });
    out.details(&details)?;
    let runs = items(view, "/runs");
    if runs.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(&["DUE (UTC)", "OUTCOME", "EXECUTION", "REASON"]);
    for run in runs {
        table.row(vec![
            Cell::new(time(run, "/due_at")),
            Cell::status(text(run, "/outcome")),
            Cell::new(text(run, "/execution_arn")),
            Cell::new(text(run, "/reason")),
        ]);
    }
    Ok(out.table(&table)?)
}
