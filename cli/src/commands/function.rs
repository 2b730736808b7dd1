//! `millrace function`.

use std::path::Path;
use std::time::Duration;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{Column, Paging, Session, Yes, list};
use crate::client::{Api, Call, path};
use crate::exit::{EndedError, Ending, UsageError};
use crate::input;
use crate::output::{Cell, Details, at, bytes, clean, count, items, strings, text, time};

/// How long an invocation is waited for: longer than any may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Write functions in JavaScript or TypeScript, and call them.
///
/// A function is named as PROJECT/NAME. The project is a name that you choose, or the id of a project.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Make a function of a file.
    #[command(after_help = "\
Examples:
  millrace function create shop/price functions/price.ts
  millrace function create shop/price price.js --timeout 500 --memory 128 --env API_KEY")]
    Create {
        #[command(flatten)]
        function: Name,
        /// The file: an ES module that exports a function `handler`; - is standard input.
        file: String,
        #[command(flatten)]
        settings: Settings,
        /// It may not be invoked yet.
        #[arg(long)]
        disabled: bool,
    },
    /// Change a function: its code, from a file, or its settings.
    #[command(after_help = "\
Examples:
  millrace function update shop/price functions/price.ts
  millrace function update shop/price --timeout 1000")]
    Update {
        #[command(flatten)]
        function: Name,
        /// The file with its code; without it, that stays.
        file: Option<String>,
        #[command(flatten)]
        settings: Settings,
    },
    /// Make or change the functions of a build, each named as its file; what is as it was stays.
    #[command(after_help = "Examples:\n  millrace function register shop dist/*.js")]
    Register {
        /// The project.
        project: String,
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// List the functions of a project, by name.
    #[command(after_help = "Examples:\n  millrace function list shop")]
    List {
        /// The project.
        project: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a function.
    #[command(after_help = "Examples:\n  millrace function show shop/price")]
    Show {
        #[command(flatten)]
        function: Name,
    },
    /// Invoke a function: its result on standard output, what it logged on standard error.
    #[command(after_help = "\
Examples:
  millrace function invoke shop/price --input '{\"books\": 3}'
  echo '{\"books\": 3}' | millrace function invoke shop/price --input -")]
    Invoke {
        #[command(flatten)]
        function: Name,
        /// The event: JSON, @FILE, or - for standard input. Without it an empty object.
        #[arg(short, long, value_name = "JSON")]
        input: Option<String>,
    },
    /// Write the code of a function.
    #[command(
        after_help = "Examples:\n  millrace function code shop/price > price.ts\n  millrace function code shop/price --version 2"
    )]
    Code {
        #[command(flatten)]
        function: Name,
        /// An earlier version.
        #[arg(long, value_name = "NUMBER")]
        version: Option<u64>,
    },
    /// Let a function be invoked.
    #[command(after_help = "Examples:\n  millrace function enable shop/price")]
    Enable {
        #[command(flatten)]
        function: Name,
    },
    /// Keep a function from being invoked.
    #[command(after_help = "Examples:\n  millrace function disable shop/price")]
    Disable {
        #[command(flatten)]
        function: Name,
    },
    /// Delete a function with its versions and counts.
    #[command(after_help = "Examples:\n  millrace function delete shop/price --yes")]
    Delete {
        #[command(flatten)]
        function: Name,
        #[command(flatten)]
        yes: Yes,
    },
}

/// A function.
#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    /// The function, as PROJECT/NAME.
    #[arg(value_name = "PROJECT/NAME", value_parser = name)]
    function: (String, String),
}

fn name(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((project, name)) if !project.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((project.to_owned(), name.to_owned()))
        }
        _ => Err("must be PROJECT/NAME, for example shop/price".to_owned()),
    }
}

/// How a function runs.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Settings {
    /// `javascript` or `typescript`; without it the file's ending says it.
    #[arg(long, value_parser = ["javascript", "typescript"])]
    runtime: Option<String>,
    /// How long an invocation may take, in milliseconds.
    #[arg(long, value_name = "MILLISECONDS")]
    timeout: Option<u64>,
    /// How much memory it may use, in MiB.
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    /// The name of an environment value that it may see. May be repeated.
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl Settings {
    fn body(&self, file: Option<&str>) -> anyhow::Result<Map<String, Value>> {
        let mut body = Map::new();
        if let Some(file) = file {
            if file != "-" {
                body.insert("file_path".to_owned(), json!(file.trim_start_matches("./")));
            }
            body.insert("code".to_owned(), json!(input::file(file)?));
        }
        body.extend(self.runtime.as_ref().map(|runtime| ("runtime".to_owned(), json!(runtime))));
        body.extend(self.timeout.map(|millis| ("timeout_ms".to_owned(), json!(millis))));
        body.extend(self.memory.map(|mib| ("memory_mb".to_owned(), json!(mib))));
        body.extend(self.description.as_ref().map(|text| ("description".to_owned(), json!(text))));
        if !self.env.is_empty() {
            body.insert("environment".to_owned(), json!(self.env));
        }
        Ok(body)
    }
}

const COLUMNS: &[Column] = &[
    ("NAME", |item| Cell::new(text(item, "/function_name"))),
    ("RUNTIME", |item| Cell::new(text(item, "/runtime"))),
    ("VERSION", |item| Cell::number(count(item, "/version"))),
    ("ACTIVE", |item| Cell::status(if at(item, "/is_active") == &Value::Bool(true) { "yes" } else { "no" })),
    ("CALLS", |item| Cell::number(count(item, "/invocation_count"))),
    ("FAILED", |item| Cell::number(count(item, "/failed_count"))),
    ("LAST CALL (UTC)", |item| Cell::new(time(item, "/last_invoked_at"))),
    ("LAST ERROR", |item| Cell::new(text(item, "/last_error/message"))),
];

impl Name {
    fn route(&self) -> String {
        path(&["api", "functions", &self.function.0, &self.function.1])
    }

    fn service(&self) -> String {
        path(&["api", "v1", "functions", &self.function.0, &self.function.1])
    }

    fn shown(&self) -> String {
        format!("{}/{}", self.function.0, self.function.1)
    }
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let out = &session.out;
    match action {
        Action::Create { function, file, settings, disabled } => {
            let mut body = settings.body(Some(&file))?;
            body.insert("function_name".to_owned(), json!(function.function.1));
            if disabled {
                body.insert("is_active".to_owned(), json!(false));
            }
            let target = path(&["api", "functions", "projects", &function.function.0]);
            let view = session.api()?.json(Call::post(target, Value::Object(body)))?;
            Ok(out.changed(&view, &function.shown(), &format!("{} is made.", function.shown()))?)
        }
        Action::Update { function, file, settings } => {
            let body = settings.body(file.as_deref())?;
            if body.is_empty() {
                return Err(UsageError("nothing is to be changed: give a file or a setting".to_owned()).into());
            }
            let view = session.api()?.json(Call::patch(function.route(), Value::Object(body)))?;
            let sentence = format!("{} is changed: version {}.", function.shown(), count(&view, "/version"));
            Ok(out.changed(&view, &function.shown(), &sentence)?)
        }
        Action::Register { project, files } => register(session, &project, &files),
        Action::List { project, paging } => {
            let call = Call::get(path(&["api", "functions", "projects", &project]));
            list(session, &session.api()?, &call, &paging, COLUMNS)
        }
        Action::Show { function } => show(session, &session.api()?.get(function.route())?),
        Action::Invoke { function, input } => {
            let event = input.map_or_else(|| Ok(json!({})), |given| input::json("--input", &given))?;
            invoke(session, &session.api()?, &function, event)
        }
        Action::Code { function, version } => {
            let target = path(&["api", "functions", "code", &function.function.0, &function.function.1]);
            let view = session.api()?.json(Call::get(target).maybe("version", version))?;
            if out.json {
                return Ok(out.value(&view)?);
            }
            Ok(out.text(text(&view, "/code"))?)
        }
        Action::Enable { function } => switch(session, &function, true),
        Action::Disable { function } => switch(session, &function, false),
        Action::Delete { function, yes } => {
            let api = session.api()?;
            let view = api.get(function.route())?;
            input::confirm(yes.yes, &format!("Delete the function {} with its versions?", function.shown()))?;
            api.send(Call::delete(function.route()))?;
            Ok(out.changed(&view, &function.shown(), &format!("{} is deleted.", function.shown()))?)
        }
    }
}

fn switch(session: &Session, function: &Name, active: bool) -> anyhow::Result<()> {
    let view = session.api()?.json(Call::patch(function.service(), json!({ "is_active": active })))?;
    let state = if active { "may be invoked" } else { "is not invoked" };
    Ok(session.out.changed(&view, &function.shown(), &format!("{} {state}.", function.shown()))?)
}

fn register(session: &Session, project: &str, files: &[String]) -> anyhow::Result<()> {
    let functions: anyhow::Result<Vec<Value>> = files
        .iter()
        .map(|file| {
            let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let mut body = Settings::default().body(Some(file))?;
            body.insert("function_name".to_owned(), json!(stem));
            Ok(Value::Object(body))
        })
        .collect();
    let body = json!({ "project_id": project, "functions": functions? });
    let view = session.api()?.json(Call::post("/api/functions/register".to_owned(), body))?;
    let columns: &[Column] = &[
        ("NAME", |item| Cell::new(text(item, "/function_name"))),
        ("OUTCOME", |item| Cell::status(text(item, "/outcome"))),
        ("VERSION", |item| Cell::number(count(item, "/version"))),
    ];
    if session.out.json {
        return Ok(session.out.value(&view)?);
    }
    super::listing::show(session, &json!({ "items": at(&view, "/functions") }), columns)
}

fn show(session: &Session, view: &Value) -> anyhow::Result<()> {
    if session.out.json {
        return Ok(session.out.value(view)?);
    }
    let size = at(view, "/code_size").as_u64().map(bytes).unwrap_or_default();
    let details = Details::new()
        .field("Function", format!("{}/{}", text(view, "/project_id"), text(view, "/function_name")))
        .field("Id", text(view, "/id"))
        .field("Description", text(view, "/description"))
        .field("File", text(view, "/file_path"))
        .field("Runtime", text(view, "/runtime"))
        .field("Version", count(view, "/version"))
        .field("Size", size)
        .status("Active", if at(view, "/is_active") == &Value::Bool(true) { "yes" } else { "no" })
        .field("Timeout", format!("{} ms", count(view, "/timeout_ms")))
        .field("Memory", format!("{} MiB", count(view, "/memory_mb")))
        .field("Environment", strings(view, "/environment").join(", "))
        .field("Calls", format!("{}, {} failed", count(view, "/invocation_count"), count(view, "/failed_count")))
        .field("Last call", time(view, "/last_invoked_at"))
        .field("Last error", [text(view, "/last_error/name"), text(view, "/last_error/message")].join(" ").trim())
        .field("Changed", time(view, "/updated_at"));
    Ok(session.out.details(&details)?)
}

fn invoke(session: &Session, api: &Api, function: &Name, event: Value) -> anyhow::Result<()> {
    let out = &session.out;
    let answer = api.json(Call::post(function.service(), event).timeout(PATIENCE))?;
    let succeeded = at(&answer, "/success") == &Value::Bool(true);
    if out.json {
        out.value(&answer)?;
    } else {
        for line in items(&answer, "/logs") {
            out.note(&clean(&format!("{}: {}", text(line, "/level"), text(line, "/message"))));
        }
        if succeeded {
            out.value(at(&answer, "/result"))?;
        }
    }
    if succeeded {
        return Ok(());
    }
    let (name, message) = (text(&answer, "/error/name"), text(&answer, "/error/message"));
    // A stack begins with the error, as engines write it.
    let error = format!("{name}: {message}");
    let stack = text(&answer, "/error/stack").trim_end();
    let stack = stack.strip_prefix(&error).unwrap_or(stack).trim_start_matches('\n');
    let said = format!("the function failed: {error}{}{stack}", if stack.is_empty() { "" } else { "\n" });
    Err(EndedError { ending: Ending::Failed, text: said }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(name("shop/price"), Ok(("shop".into(), "price".into())));
        for wrong in ["shop", "/price", "shop/", "a/b/c"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
