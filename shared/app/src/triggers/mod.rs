//! Starting workflows from outside: one command, whoever brings it (a request, an event, an invocation).
//!
//! The same trigger twice starts one execution: by its name, or by the id of the event that brought it.

mod upload;

use millrace_asl::PayloadLimit;
use serde_json::{Map, Value};

use crate::builtins::{self, BuiltinIds};
use crate::digest::sha256_hex;
use crate::error::{Error, FieldProblem};
use crate::executions::{ATTRIBUTE_VALUE_BYTES, Attributes};
use crate::ids::ExecutionId;
use crate::metrics::{self, Metric};
use crate::ports::Ports;
use crate::workflows::{Place, StartWorkflow, StateMachineArn, WorkflowError, load_execution, start_workflow};

pub use upload::{UPLOADS, Upload, import_upload};

/// The attribute that tells who had an execution started.
pub const INITIATED_BY: &str = "initiated_by";

/// What has a workflow started.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trigger {
    /// The workflow: its id, ARN or name, or the name of a built-in one; an ARN may have a version or an alias.
    pub definition_id: String,
    /// The execution's input.
    pub input_data: Value,
    /// The execution's name.
    pub name: Option<String>,
    /// Who or what asks, for people; the execution can be found by it.
    pub initiated_by: Option<String>,
}

/// The members of a trigger.
const MEMBERS: [&str; 4] = ["definition_id", "input_data", "name", "initiated_by"];

impl Trigger {
    /// Reads `{definition_id, input_data, name?, initiated_by?}`. `base` is a JSON pointer to the value.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every problem.
    pub fn read(value: Value, base: &str) -> Result<Self, Error> {
        let Value::Object(mut members) = value else {
            return Err(Error::invalid(base, "must be an object with definition_id and input_data"));
        };
        let mut problems = Vec::new();
        let mut text = |members: &mut Map<String, Value>, name: &str| match members.shift_remove(name) {
            Some(Value::String(text)) => Some(text),
            None | Some(Value::Null) => None,
            Some(_) => {
                problems.push(FieldProblem::new(format!("{base}/{name}"), "must be a string"));
                None
            }
        };
        let definition_id = text(&mut members, "definition_id");
        let name = text(&mut members, "name");
        let initiated_by = text(&mut members, "initiated_by");
        let input_data = members.shift_remove("input_data").unwrap_or_else(|| Value::Object(Map::new()));
        let named = problems.iter().any(|problem| problem.field.ends_with("/definition_id"));
        if definition_id.as_ref().is_none_or(String::is_empty) && !named {
            problems.push(FieldProblem::new(format!("{base}/definition_id"), "is missing: name a workflow"));
        }
        if initiated_by.as_ref().is_some_and(|text| text.is_empty() || text.len() > ATTRIBUTE_VALUE_BYTES) {
            let message = format!("must have 1 to {ATTRIBUTE_VALUE_BYTES} bytes");
            problems.push(FieldProblem::new(format!("{base}/{INITIATED_BY}"), message));
        }
        for unknown in members.keys() {
            let shown: String = unknown.chars().take(200).collect();
            let message = format!("is unknown; known are {}", MEMBERS.join(", "));
            problems.push(FieldProblem::new(format!("{base}/{shown}"), message));
        }
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        Ok(Self { definition_id: definition_id.unwrap_or_default(), input_data, name, initiated_by })
    }
}

/// An execution that a trigger started, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggered {
    /// Its id.
    pub id: ExecutionId,
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Was it started by an earlier trigger?
    pub replayed: bool,
}

/// Starts a workflow of the owner's. Idempotent by name, also after the execution's end: the same name with the same input
/// answers the execution that is there. Where the trigger has no name, that of the event that brought it follows from
/// `event_id`.
///
/// # Errors
/// [`WorkflowError::DoesNotExist`] and the others of [`start_workflow`].
pub async fn trigger_workflow<P: Ports>(
    ports: &P,
    owner: &str,
    place: &Place,
    builtins: &BuiltinIds,
    trigger: Trigger,
    event_id: Option<&str>,
) -> Result<Triggered, WorkflowError> {
    let (workflow, _) = builtins::find(ports, owner, place, &trigger.definition_id, builtins).await?;
    let qualifier = StateMachineArn::parse(&trigger.definition_id).ok().and_then(|arn| arn.qualifier);
    let target = StateMachineArn { qualifier, ..StateMachineArn::parse(&workflow.arn)? };
    let named_by_event = event_id.map(|id| format!("event-{}", sha256_hex(id.as_bytes())));
    let attributes: Attributes = trigger.initiated_by.map(|who| (INITIATED_BY.to_owned(), who)).into_iter().collect();
    let start = StartWorkflow {
        target,
        name: trigger.name.or(named_by_event),
        input: trigger.input_data.clone(),
        trace_header: None,
        payload_limit: PayloadLimit::None,
        only: None,
        waiting: None,
        attributes,
        priority: None,
    };
    match start_workflow(ports, start).await {
        Ok(started) => {
            metrics::record(Metric::WorkflowTriggered);
            let arn = started.run.execution_arn;
            Ok(Triggered { id: started.id, arn, name: started.name, replayed: started.replayed })
        }
        Err(WorkflowError::ExecutionAlreadyExists(arn)) => {
            let view = load_execution(ports, &arn).await?;
            if view.input != trigger.input_data {
                return Err(WorkflowError::ExecutionAlreadyExists(arn));
            }
            Ok(Triggered { id: view.execution.id, name: view.execution.name, arn, replayed: true })
        }
        Err(error) => Err(error),
    }
}
