//! The results of a map run: as the state's own, or written to object storage.

use millrace_asl::map_run::{MapRun, RunName};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::children::{self, MapExecution, Origin};
use super::read::refused;
use super::record;
use crate::error::Error;
use crate::executions::ExecutionStatus;
use crate::ports::Ports;
use crate::storage::ObjectStorage;
use crate::workers::TaskError;

/// The error of everything that goes wrong here.
const FAILED: &str = "States.ResultWriterFailed";
/// A file of results is full when it has so many bytes: S3 takes 5 GiB at once, workers have less memory.
const FILE_BYTES: usize = 64 * 1024 * 1024;

/// `Transformation` of `WriterConfig`, where it is given.
fn transformation(run: &MapRun) -> Option<&str> {
    run.writer.as_ref()?.get("config")?.get("Transformation")?.as_str()
}

/// Are the state's own results all that there is to say of the executions?
pub(super) fn wants_whole(run: &MapRun) -> bool {
    transformation(run) == Some("NONE")
}

/// An execution as a result: its output; without one, or as a `whole`, all that there is to say of it.
pub(super) fn result(execution: &MapExecution, whole: bool) -> Value {
    match &execution.output {
        Some(output) if !whole => output.clone(),
        _ => description(execution),
    }
}

/// Puts the elements of results that are arrays in their place, where the run says so.
pub(super) fn flatten(run: &MapRun, results: Vec<Value>) -> Vec<Value> {
    if transformation(run) != Some("FLATTEN") {
        return results;
    }
    let elements = results.into_iter().flat_map(|result| match result {
        Value::Array(elements) => elements,
        other => vec![other],
    });
    elements.collect()
}

/// All that there is to say of an execution, with the names of Step Functions' exports.
fn description(execution: &MapExecution) -> Value {
    let mut fields = Map::new();
    if let Some(failure) = &execution.failure {
        if let Some(cause) = &failure.cause {
            fields.insert("Cause".to_owned(), json!(cause));
        }
        if let Some(error) = &failure.error {
            fields.insert("Error".to_owned(), json!(error));
        }
    }
    fields.insert("ExecutionArn".to_owned(), json!(execution.arn));
    fields.insert("Input".to_owned(), json!(execution.input.to_string()));
    fields.insert("InputDetails".to_owned(), json!({ "Included": true }));
    fields.insert("Name".to_owned(), json!(execution.name));
    if let Some(output) = &execution.output {
        fields.insert("Output".to_owned(), json!(output.to_string()));
    }
    fields.insert("OutputDetails".to_owned(), json!({ "Included": true }));
    let status = execution.status;
    fields.insert("RedriveCount".to_owned(), json!(execution.redrives));
    if let Some(at) = execution.redriven_at {
        fields.insert("RedriveDate".to_owned(), json!(at.to_string()));
    }
    if status == ExecutionStatus::Succeeded {
        fields.insert("RedriveStatus".to_owned(), json!("NOT_REDRIVABLE"));
        fields.insert("RedriveStatusReason".to_owned(), json!("Execution is SUCCEEDED and cannot be redriven"));
    } else {
        fields.insert("RedriveStatus".to_owned(), json!("REDRIVABLE_BY_MAP_RUN"));
    }
    fields.insert("StartDate".to_owned(), json!(execution.started_at.to_string()));
    fields.insert("StateMachineArn".to_owned(), json!(execution.state_machine_arn));
    fields.insert("Status".to_owned(), json!(status.name()));
    if let Some(stopped) = execution.stopped_at {
        fields.insert("StopDate".to_owned(), json!(stopped.to_string()));
    }
    Value::Object(fields)
}

/// What [`millrace_asl::map_run::Work::Write`] is given.
#[derive(Debug, Deserialize)]
struct Given {
    writer: Writer,
    name: RunName,
}

#[derive(Debug, Deserialize)]
struct Writer {
    arguments: Arguments,
    #[serde(default)]
    config: Option<Config>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Arguments {
    bucket: Option<String>,
    prefix: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    transformation: Option<String>,
    output_type: Option<String>,
}

/// Writes the results: files of those that succeeded, failed and never began, and a manifest that names them. Answers the
/// result of the state.
pub(super) async fn write<P: Ports, S: ObjectStorage>(
    ports: &P,
    storage: &S,
    given: &Value,
) -> Result<Value, TaskError> {
    let failed = |cause: String| TaskError::failed(FAILED, cause);
    let Given { writer, name } =
        Given::deserialize(given).map_err(|problem| failed(format!("The ResultWriter is not valid: {problem}")))?;
    let bucket = writer.arguments.bucket.ok_or_else(|| failed("The ResultWriter needs a Bucket.".to_owned()))?;
    let prefix = writer.arguments.prefix.as_deref().unwrap_or_default().trim_end_matches('/').to_owned();
    let folder = if prefix.is_empty() { name.to_string() } else { format!("{prefix}/{name}") };
    let config = writer.config.unwrap_or_default();
    let found = match record::by_name(ports, name).await? {
        Some((record, _)) => children::origin(ports, record).await?,
        None => None,
    };
    let Some(Origin { record, run, thread, .. }) = found else {
        return Err(TaskError::Unable(Error::internal("a map run without a record")));
    };
    let lines = config.output_type.as_deref() == Some("JSONL");
    let shape = config.transformation.unwrap_or_else(|| "NONE".to_owned());
    let mut files = ["FAILED", "PENDING", "SUCCEEDED"].map(|kind| File::new(&bucket, &folder, kind, lines));
    let [failures, pending, successes] = &mut files;
    for page in 0..run.pages {
        let Some(thread) = &thread else { break };
        let executions = children::of_page(ports, thread, page, false).await?;
        if run.failure.is_some() {
            for input in children::never_begun(ports, thread, page, &executions).await? {
                pending.push(storage, &never_begun(&input, &record.state_machine_arn)).await?;
            }
        }
        for execution in executions {
            match &execution.output {
                Some(output) => {
                    for result in shaped(&shape, output, &execution) {
                        successes.push(storage, &result).await?;
                    }
                }
                None => failures.push(storage, &description(&ended(execution))).await?,
            }
        }
    }
    let mut listed = Map::new();
    for file in files {
        let (kind, written) = file.finish(storage).await?;
        listed.insert(kind.to_owned(), Value::Array(written));
    }
    let manifest = json!({ "DestinationBucket": bucket, "MapRunArn": record.arn, "ResultFiles": listed });
    let key = format!("{folder}/manifest.json");
    put(storage, &bucket, &key, manifest.to_string().into_bytes()).await?;
    Ok(json!({ "MapRunArn": record.arn, "ResultWriterDetails": { "Bucket": bucket, "Key": key } }))
}

/// An execution that still runs when the results are written is about to be stopped.
fn ended(mut execution: MapExecution) -> MapExecution {
    if execution.status == ExecutionStatus::Running {
        execution.status = ExecutionStatus::Aborted;
    }
    execution
}

/// What there is to say of an execution that never began.
fn never_begun(input: &Value, state_machine_arn: &str) -> Value {
    json!({
        "Input": input.to_string(),
        "InputDetails": { "Included": true },
        "RedriveCount": 0,
        "RedriveStatus": "REDRIVABLE_BY_MAP_RUN",
        "StateMachineArn": state_machine_arn,
        "Status": "PENDING",
    })
}

fn shaped(shape: &str, output: &Value, execution: &MapExecution) -> Vec<Value> {
    match (shape, output) {
        ("FLATTEN", Value::Array(elements)) => elements.clone(),
        ("FLATTEN" | "COMPACT", output) => vec![output.clone()],
        _ => vec![description(execution)],
    }
}

async fn put<S: ObjectStorage>(storage: &S, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), TaskError> {
    let written = storage.put(bucket, key, bytes, "application/json").await;
    written.map_err(|problem| refused(FAILED, problem))
}

/// Results of one kind, in files of a bounded size.
struct File {
    bucket: String,
    folder: String,
    kind: &'static str,
    lines: bool,
    text: Vec<u8>,
    written: Vec<Value>,
}

impl File {
    fn new(bucket: &str, folder: &str, kind: &'static str, lines: bool) -> Self {
        let (bucket, folder) = (bucket.to_owned(), folder.to_owned());
        Self { bucket, folder, kind, lines, text: Vec::new(), written: Vec::new() }
    }

    async fn push<S: ObjectStorage>(&mut self, storage: &S, result: &Value) -> Result<(), TaskError> {
        let between: &[u8] = match (self.lines, self.text.is_empty()) {
            (true, _) => b"",
            (false, true) => b"[",
            (false, false) => b",",
        };
        self.text.extend_from_slice(between);
        self.text.extend_from_slice(result.to_string().as_bytes());
        if self.lines {
            self.text.push(b'\n');
        }
        if self.text.len() >= FILE_BYTES { self.close(storage).await } else { Ok(()) }
    }

    async fn close<S: ObjectStorage>(&mut self, storage: &S) -> Result<(), TaskError> {
        let mut text = std::mem::take(&mut self.text);
        if !self.lines {
            text.push(b']');
        }
        let ending = if self.lines { "jsonl" } else { "json" };
        let key = format!("{}/{}_{}.{ending}", self.folder, self.kind, self.written.len());
        self.written.push(json!({ "Key": key, "Size": text.len() }));
        put(storage, &self.bucket, &key, text).await
    }

    async fn finish<S: ObjectStorage>(mut self, storage: &S) -> Result<(&'static str, Vec<Value>), TaskError> {
        if !self.text.is_empty() {
            self.close(storage).await?;
        }
        Ok((self.kind, self.written))
    }
}
