//! What the answers hold.

use millrace_app::Timestamp;
use millrace_app::executions::{Execution, ExecutionStatus, REDRIVABLE_MILLIS};
use millrace_app::workflows::{Configuration, Encryption, Logging, variable_references};
use serde_json::{Map, Value, json};

/// A time as the protocol tells it: seconds since 1970 with a fraction.
pub(crate) fn seconds(at: Timestamp) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of our days fit")]
    let seconds = at.millis() as f64 / 1000.0;
    json!(seconds)
}

/// An object under construction.
#[derive(Debug, Default)]
pub(crate) struct Answer(Map<String, Value>);

impl Answer {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn time(self, name: &str, at: Timestamp) -> Self {
        self.set(name, seconds(at))
    }

    /// A member that is left out where there is nothing.
    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }
}

impl From<Answer> for Value {
    fn from(answer: Answer) -> Self {
        Self::Object(answer.0)
    }
}

pub(crate) fn logging(logging: &Logging) -> Value {
    let destination = |arn: &String| json!({ "cloudWatchLogsLogGroup": { "logGroupArn": arn } });
    let destinations = logging.destinations.as_ref().map(|arns| arns.iter().map(destination).collect::<Vec<_>>());
    Answer::new()
        .set("level", logging.level.name())
        .set("includeExecutionData", logging.include_execution_data)
        .maybe("destinations", destinations)
        .into()
}

pub(crate) fn encryption(encryption: &Encryption) -> Value {
    match encryption {
        Encryption::OwnedKey => json!({ "type": "AWS_OWNED_KEY" }),
        Encryption::CustomerKey { key, reuse_seconds } => Answer::new()
            .set("kmsKeyId", key.as_str())
            .maybe("kmsDataKeyReusePeriodSeconds", *reuse_seconds)
            .set("type", "CUSTOMER_MANAGED_KMS_KEY")
            .into(),
    }
}

/// `loggingConfiguration`, `tracingConfiguration` and `encryptionConfiguration`.
pub(crate) fn configuration(answer: Answer, set: &Configuration) -> Answer {
    answer
        .set("loggingConfiguration", logging(&set.logging))
        .set("tracingConfiguration", json!({ "enabled": set.tracing }))
        .set("encryptionConfiguration", encryption(&set.encryption))
}

/// `variableReferences` of a definition; `None` where no state reads a variable.
pub(crate) fn variables(definition: &str) -> Option<Value> {
    let references = variable_references(definition);
    (!references.is_empty()).then(|| json!(references))
}

/// The members that an execution has in listings and by itself.
pub(crate) fn execution(execution: &Execution) -> Answer {
    let answer = Answer::new();
    let Some(run) = &execution.workflow else { return answer };
    answer
        .set("executionArn", run.execution_arn.as_str())
        .set("stateMachineArn", run.state_machine_arn.as_str())
        .set("name", execution.name.as_str())
        .set("status", execution.status.name())
        .time("startDate", execution.started_at)
        .maybe("stopDate", execution.stopped_at.map(seconds))
        .maybe("mapRunArn", run.map_run_arn.as_deref())
        .maybe("stateMachineVersionArn", run.through.version_arn(&run.state_machine_arn))
        .maybe("stateMachineAliasArn", run.through.alias_arn(&run.state_machine_arn))
        .set("redriveCount", run.redrives)
        .maybe("redriveDate", run.redriven_at.map(seconds))
}

/// `redriveStatus` with its reason.
pub(crate) fn redrive_status(execution: &Execution, now: Timestamp) -> (&'static str, Option<String>) {
    let refused = |reason: String| ("NOT_REDRIVABLE", Some(reason));
    let has_map_run = execution.workflow.as_ref().is_some_and(|run| run.map_run_arn.is_some());
    match execution.status {
        ExecutionStatus::Running | ExecutionStatus::Succeeded | ExecutionStatus::PendingRedrive => {
            refused(format!("Execution is {} and cannot be redriven", execution.status.name()))
        }
        _ if execution.stopped_at.is_some_and(|at| at.plus_millis(REDRIVABLE_MILLIS) < now) => {
            refused("Execution's redrivable period exceeded".to_owned())
        }
        _ if has_map_run => ("REDRIVABLE_BY_MAP_RUN", None),
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => ("REDRIVABLE", None),
    }
}
