//! `sync`: fetches prices of models and project templates from a source, checks them and puts them to use.
//!
//! A source is a folder with a `manifest.json` that names each table's file and the file's SHA-256. A table is fetched, compared with
//! its checksum, validated as whoever uses it validates it, stored under its content, and only then made the current version, with
//! one conditional write. What is not valid changes nothing. Only the system's owner may sync: the tables are everybody's.
//!
//! Who uses a table asks for the current version each time (`tables::current`). Start reading at `execute`.

pub(crate) mod tables;

use std::collections::BTreeMap;
use std::future::Future;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Settings, input};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::models::PriceTable;
use crate::ports::Ports;
use crate::templates;
use crate::workers::{Task, TaskError};
use tables::{Offer, Table, Taken};

/// The largest manifest, in bytes.
const MANIFEST_BYTES: usize = 64 * 1024;
/// The file that names the others.
const MANIFEST: &str = "manifest.json";

/// Why a file could not be fetched. The texts are for people and hold no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It is not there, not allowed or too large.
    #[error("{0}")]
    Refused(String),
    /// The source does not answer now.
    #[error("{0}")]
    Unavailable(String),
}

/// Fetches files of a source that the operator has configured.
pub trait Fetch: Send + Sync {
    /// Reads the file at `path` below `source`, of at most `most` bytes. `path` has been checked: it is relative and stays below.
    fn fetch(&self, source: &str, path: &str, most: usize) -> impl Future<Output = Result<Vec<u8>, FetchError>> + Send;
}

/// A step of the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Begin,
    Apply,
    Finish,
}

impl Step {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "begin" => Self::Begin,
            "apply" => Self::Apply,
            "finish" => Self::Finish,
            _ => return None,
        })
    }
}

/// The input's members.
#[derive(Debug, Default, Deserialize)]
struct Options {
    only: Option<Vec<Table>>,
    rollback: Option<Vec<Table>>,
    #[serde(default)]
    force: bool,
}

/// A file of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    sha256: String,
}

/// What is to be done for a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Work {
    table: Table,
    /// Go back to the version before.
    #[serde(default)]
    rollback: bool,
    #[serde(default)]
    force: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<File>,
}

/// Does a step.
pub(super) async fn execute<P: Ports, F: Fetch>(
    ports: &P,
    settings: &Settings,
    fetch: &F,
    step: Step,
    task: &Task,
) -> Result<Value, TaskError> {
    if task.owner != settings.system_owner {
        let cause = "only the system's owner may sync: prices and templates are everybody's";
        return Err(input::failed("Millrace.NotPermitted", cause));
    }
    match step {
        Step::Begin => begin(settings, fetch, task).await,
        Step::Apply => apply(ports, settings, fetch, task).await,
        Step::Finish => finish(&task.input),
    }
}

fn source(settings: &Settings) -> Result<&str, TaskError> {
    settings.sync_source.as_deref().ok_or_else(|| {
        let cause = "there is no source: set SYNC_SOURCE to the address of a folder with a manifest.json (https://…, s3://bucket/folder/ or, for a local server, file:/folder/)";
        input::failed("Millrace.NotConfigured", cause)
    })
}

fn unfetched(path: &str, error: &FetchError) -> TaskError {
    let name = match error {
        FetchError::Refused(_) => "Millrace.SyncFailed",
        FetchError::Unavailable(_) => "Millrace.Transient",
    };
    input::failed(name, format!("{path}: {error}"))
}

fn invalid_table(cause: impl Into<String>) -> TaskError {
    input::failed("Millrace.InvalidTable", cause)
}

async fn begin<F: Fetch>(settings: &Settings, fetch: &F, task: &Task) -> Result<Value, TaskError> {
    input::refuse_unknown(&task.input, &["only", "rollback", "force"])?;
    let options: Options = input::options(&task.input)?;
    if let Some(rollback) = options.rollback {
        if options.only.is_some() || options.force {
            return Err(input::invalid("rollback can't be given together with only or force"));
        }
        let work = rollback.into_iter().map(|table| Work { table, rollback: true, force: false, file: None });
        return Ok(json!({ "tables": work.collect::<Vec<_>>() }));
    }
    let bytes = fetch.fetch(source(settings)?, MANIFEST, MANIFEST_BYTES).await;
    let bytes = bytes.map_err(|error| unfetched(MANIFEST, &error))?;
    let files: BTreeMap<Table, File> = serde_json::from_slice(&bytes).map_err(|error| {
        let wanted = r#"it must be like {"prices": {"path": "prices.json", "sha256": "…"}, "templates": {…}}"#;
        invalid_table(format!("{MANIFEST}: {error}; {wanted}"))
    })?;
    let wanted = |table: &Table| options.only.as_ref().is_none_or(|only| only.contains(table));
    let mut work = Vec::new();
    for (table, file) in files.into_iter().filter(|(table, _)| wanted(table)) {
        check(&file).map_err(|why| invalid_table(format!("{MANIFEST}: {}: {why}", table.name())))?;
        work.push(Work { table, rollback: false, force: options.force, file: Some(file) });
    }
    Ok(json!({ "tables": work }))
}

/// A path stays below the source, and a checksum is one.
fn check(file: &File) -> Result<(), &'static str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    let parts_fit = file.path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if file.path.is_empty() || file.path.len() > 200 || !file.path.bytes().all(fits) || !parts_fit {
        return Err("path must be relative, of letters, digits, '-', '_', '.' and '/'");
    }
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if file.sha256.len() != 64 || !file.sha256.bytes().all(hex) {
        return Err("sha256 must be 64 hexadecimal digits in lower case");
    }
    Ok(())
}

async fn apply<P: Ports, F: Fetch>(ports: &P, settings: &Settings, fetch: &F, task: &Task) -> Result<Value, TaskError> {
    let work: Work = input::read(&task.input)?;
    let table = work.table;
    if work.rollback {
        let back = tables::roll_back(ports, table, &task.attempt).await;
        let version = back.map_err(|error| match error {
            Error::WrongState(why) => input::failed("Millrace.SyncFailed", why),
            other => other.into(),
        })?;
        return Ok(told(table, "rolled_back", version.as_ref()));
    }
    let file = work.file.ok_or_else(|| input::invalid("file is missing"))?;
    check(&file).map_err(input::invalid)?;
    if let Some((result, version)) = tables::is_known(ports, table, &file.sha256, work.force).await? {
        return Ok(told(table, result, version.as_ref()));
    }
    let source = source(settings)?;
    let bytes = fetch.fetch(source, &file.path, table.most_bytes()).await;
    let bytes = bytes.map_err(|error| unfetched(&file.path, &error))?;
    let found = sha256_hex(&bytes);
    if found != file.sha256 {
        let cause = format!("{}: its SHA-256 is {found}, and the manifest says {}", file.path, file.sha256);
        return Err(invalid_table(cause));
    }
    let summary = validate(table, &bytes).map_err(|why| invalid_table(format!("{}: {why}", file.path)))?;
    let offer = Offer { sha256: file.sha256, bytes, summary, source: source.to_owned(), force: work.force };
    let (taken, version) = tables::take(ports, table, offer).await?;
    let result = match taken {
        Taken::Now => "taken",
        Taken::Before => "unchanged",
    };
    Ok(told(table, result, Some(&version)))
}

/// Reads a table as whoever uses it does; answers what it holds, in a few words.
fn validate(table: Table, bytes: &[u8]) -> Result<String, String> {
    match table {
        Table::Prices => Ok(format!("{} prices", PriceTable::read(bytes)?.len())),
        Table::Templates => {
            let catalogue = templates::read(bytes)?;
            let names: Vec<&str> = catalogue.list().iter().map(|template| template.id.as_str()).collect();
            Ok(format!("templates {}", names.join(", ")))
        }
    }
}

fn told(table: Table, result: &str, version: Option<&tables::Version>) -> Value {
    json!({
        "table": table,
        "result": result,
        "version": version.map(|version| version.number),
        "sha256": version.map(|version| &version.sha256),
        "summary": version.map(|version| &version.summary),
    })
}

fn finish(given: &Value) -> Result<Value, TaskError> {
    let results = given.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
    let failures: Vec<String> = results
        .iter()
        .filter(|result| result.get("result").and_then(Value::as_str) == Some("failed"))
        .map(|result| {
            let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}: {}", text("/table"), text("/failure/Error"), text("/failure/Cause"))
        })
        .collect();
    if failures.is_empty() {
        return Ok(json!({ "results": results }));
    }
    Err(input::failed("Millrace.SyncFailed", format!("not taken, and the tables in use stay: {}", failures.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_source() {
        let file = |path: &str| File { path: path.into(), sha256: "a".repeat(64) };
        for fine in ["prices.json", "v1/prices-2.json"] {
            assert_eq!(check(&file(fine)), Ok(()));
        }
        for wrong in ["", "/etc/passwd", "../x", "a/../b", "https://elsewhere/x", "a?b", "a%2e", "a\\b", "a//b"] {
            assert!(check(&file(wrong)).is_err(), "{wrong}");
        }
        assert!(check(&File { path: "a".into(), sha256: "A".repeat(64) }).is_err());
    }

    #[test]
    fn a_table_that_was_not_taken_fails_the_end() {
        let fine = json!({ "table": "prices", "result": "taken" });
        let bad = json!({ "table": "templates", "result": "failed", "failure": { "Error": "E", "Cause": "why" } });
        assert!(finish(&json!({ "results": [fine] })).is_ok());
        let Err(TaskError::Failed(failure)) = finish(&json!({ "results": [fine, bad] })) else {
            panic!("it ended well")
        };
        assert!(failure.cause.unwrap().contains("templates: E: why"));
    }
}
