//! `millrace run`: start a workflow, or a definition in a file, and wait for what comes out.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::execution::{self, Following};
use super::{Session, Yes, workflow};
use crate::args::seconds;
use crate::client::{Api, ApiError, Call, Kind, fresh_name, is_local, path};
use crate::exit::UsageError;
use crate::input::{self, pair};
use crate::output::{at, clean, text};

/// Start a workflow, wait for its end and print its output.
///
/// A file with a definition (JSON or YAML) is made a workflow of the file's name first, or the next version of it where
/// there is one already; on a server that is not on this machine that is asked, or said with --yes. The exit code tells
/// how the execution ended.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millrace run greet --input '{\"name\": \"Ada\"}'
  millrace run order.asl.yaml --input @order.json --watch
  echo '{\"order\": 42}' | millrace run orders --input - --name order-42
  id=$(millrace run orders --detach --quiet)")]
pub(crate) struct Run {
    /// The workflow's name, id or ARN, or a file with a definition.
    workflow: String,
    /// The input: JSON, @FILE, or - for standard input. Without it an empty object.
    #[arg(short, long, value_name = "JSON")]
    input: Option<String>,
    /// The execution's name: the same name with the same input starts it once.
    #[arg(long)]
    name: Option<String>,
    /// The version to run instead of the newest.
    #[arg(long, value_name = "NUMBER", conflicts_with = "alias")]
    version: Option<u64>,
    /// The alias that says which version to run.
    #[arg(long)]
    alias: Option<String>,
    /// What the execution can be found by. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    attribute: Vec<(String, String)>,
    /// How soon its turn comes where a limit has it wait: -1000 to 1000.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    priority: Option<i32>,
    /// The name of the workflow that is made of a file, instead of the file's.
    #[arg(long, value_name = "NAME")]
    workflow_name: Option<String>,
    /// Do not wait: print the execution's id.
    #[arg(short, long, conflicts_with_all = ["watch", "timeout"])]
    detach: bool,
    /// Show what happens meanwhile.
    #[arg(short, long)]
    watch: bool,
    /// Wait so many seconds at the most; the execution goes on.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    #[command(flatten)]
    yes: Yes,
}

/// Is it a file rather than a workflow's name?
fn is_file(given: &str) -> bool {
    let path = Path::new(given);
    let ending = path
        .extension()
        .is_some_and(|ending| ["json", "yaml", "yml", "asl"].iter().any(|known| ending.eq_ignore_ascii_case(known)));
    given == "-" || (ending && !given.starts_with("arn:")) || given.contains('/') || path.is_file()
}

/// The name of a workflow by a file's: without folders and endings, with what names may hold.
fn name_of(file: &str) -> anyhow::Result<String> {
    let name = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    let name: String = stem
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_') { letter } else { '-' })
        .take(80)
        .collect();
    if name.is_empty() || file == "-" {
        return Err(UsageError("the workflow has no name: give it with --workflow-name".to_owned()).into());
    }
    Ok(name)
}

pub(crate) fn run(options: &Run, session: &Session) -> anyhow::Result<()> {
    let mut body = Map::new();
    if options.input.as_deref() == Some("-") && options.workflow == "-" {
        return Err(UsageError("standard input can't be both the definition and the input".to_owned()).into());
    }
    if let Some(given) = &options.input {
        body.insert("input".to_owned(), input::json("--input", given)?);
    }
    if is_file(&options.workflow) && (options.version.is_some() || options.alias.is_some()) {
        return Err(UsageError("--version and --alias are for a workflow, not for a file".to_owned()).into());
    }
    let definition = if is_file(&options.workflow) { Some(input::file(&options.workflow)?) } else { None };
    let name = match (&definition, &options.workflow_name) {
        (None, None) => options.workflow.clone(),
        (None, Some(_)) => return Err(UsageError("--workflow-name is for a file".to_owned()).into()),
        (Some(_), Some(name)) => name.clone(),
        (Some(_), None) => name_of(&options.workflow)?,
    };
    let api = session.api()?;
    if let Some(definition) = definition {
        let version = publish(session, &api, &name, &definition, options)?;
        body.extend(version.map(|version| ("version".to_owned(), json!(version))));
    }
    let mut put = |name: &str, value: Option<Value>| body.extend(value.map(|value| (name.to_owned(), value)));
    // With a name a start may be repeated: it starts one execution.
    let named = options.name.clone().map_or_else(fresh_name, Ok)?;
    put("name", Some(json!(named)));
    put("version", options.version.map(|version| json!(version)));
    put("alias", options.alias.as_ref().map(|alias| json!(alias)));
    put("priority", options.priority.map(|priority| json!(priority)));
    if !options.attribute.is_empty() {
        let attributes = options.attribute.iter().map(|(name, value)| (name.clone(), json!(value)));
        put("attributes", Some(Value::Object(attributes.collect())));
    }
    let call = Call::post(path(&["api", "workflows", &name, "executions"]), Value::Object(body));
    let view = api.json(call.repeatable())?;
    let id = text(&view, "/id").to_owned();
    if options.detach {
        let said = if session.out.json { session.out.value(&view) } else { session.out.line(&clean(&id)) };
        return Ok(said?);
    }
    session.out.note(&format!("Started {}", clean(&id)));
    let view = if options.watch {
        execution::follow(session, &api, &id, &Following { timeout: options.timeout, whole: true })?
    } else {
        execution::wait(session, &api, &id, options.timeout)?
    };
    if session.out.json {
        if options.watch { session.out.row(&view)? } else { session.out.value(&view)? }
    } else if text(&view, "/status") == "SUCCEEDED" {
        session.out.value(at(&view, "/output"))?;
    }
    execution::ended(&view)
}

/// Makes a workflow of a definition, or the next version of it; gives the version.
fn publish(session: &Session, api: &Api, name: &str, definition: &str, options: &Run) -> anyhow::Result<Option<u64>> {
    workflow::check(session, &options.workflow, definition)?;
    let known = match api.get(path(&["api", "workflows", name])) {
        Ok(known) => Some(known),
        Err(error) if error.downcast_ref::<ApiError>().is_some_and(|error| error.kind() == Kind::NotFound) => None,
        Err(error) => return Err(error),
    };
    let version = |view: &Value| view.get("version").and_then(Value::as_u64);
    let Some(known) = known else {
        let made =
            api.json(Call::post("/api/workflows".to_owned(), json!({ "name": name, "definition": definition })))?;
        session.out.note(&format!("Made the workflow {}", clean(name)));
        return Ok(version(&made));
    };
    if text(&known, "/definition_text") == definition {
        return Ok(None);
    }
    if !is_local(&api.target().base) {
        let question = format!("{name} is there with another definition. Make this its next version?");
        input::confirm(options.yes.yes, &question)?;
    }
    let call =
        Call::put(path(&["api", "workflows", name]), json!({ "definition": definition })).header("if-match", "*");
    let changed = api.json(call).context("the workflow can't be changed")?;
    let number = version(&changed);
    session.out.note(&format!("Made version {} of {}", number.unwrap_or_default(), clean(name)));
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_names() {
        for file in ["a.json", "x/y", "./greet", "a.asl.yaml", "-", "A.YML"] {
            assert!(is_file(file), "{file}");
        }
        for name in ["greet", "wfl_1", "arn:aws:states:us-east-1:1:stateMachine:a.json", "v1.2"] {
            assert!(!is_file(name), "{name}");
        }
        assert_eq!(name_of("x/greet all.asl.yaml").unwrap(), "greet-all");
        assert!(name_of("-").is_err() && name_of("/").is_err());
    }
}
