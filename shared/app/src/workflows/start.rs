//! Starting an execution of a workflow.

use millrace_asl::{PayloadLimit, Timestamp};
use serde_json::Value;

use super::arn::StateMachineArn;
use super::error::WorkflowError;
use super::limits::check_name;
use super::model::WorkflowType;
use super::resolve::resolve;
use super::store;
use crate::executions::{
    Attributes, DefinitionSource, ExecutionStatus, StartExecution, Started, WorkflowRun, check_attributes, load_record,
    start_or_find, wait_for,
};
use crate::ids::ExecutionId;
use crate::ports::Ports;

/// What an execution of a workflow is started with.
#[derive(Debug, Clone)]
pub struct StartWorkflow {
    /// The workflow, a version or an alias of it.
    pub target: StateMachineArn,
    /// The execution's name; a fresh one where it is left out.
    pub name: Option<String>,
    /// Its input.
    pub input: Value,
    /// The caller's trace header.
    pub trace_header: Option<String>,
    /// How large its data may be, where the definition does not say it.
    pub payload_limit: PayloadLimit,
    /// Refuse workflows of another type.
    pub only: Option<WorkflowType>,
    /// The token of a task that ends when the execution ends (`.sync`).
    pub waiting: Option<String>,
    /// What it can be found by.
    pub attributes: Attributes,
    /// How soon its turn comes where a limit has it wait, in place of what the definition says.
    pub priority: Option<i32>,
}

/// An execution that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedWorkflow {
    /// Its id.
    pub id: ExecutionId,
    /// Its name.
    pub name: String,
    /// What it was started as.
    pub run: WorkflowRun,
    /// When.
    pub started_at: Timestamp,
    /// Was it started by an earlier call?
    pub replayed: bool,
}

/// Starts an execution of a workflow. It is pinned to the revision that the target names now. For `STANDARD` workflows
/// idempotent while the execution runs: the same name with the same input answers the one that is there.
///
/// # Errors
/// [`WorkflowError::InvalidName`], [`WorkflowError::DoesNotExist`], [`WorkflowError::Deleting`],
/// [`WorkflowError::TypeNotSupported`], [`WorkflowError::InputMismatch`], [`WorkflowError::ExecutionAlreadyExists`]
pub async fn start_workflow<P: Ports>(ports: &P, start: StartWorkflow) -> Result<StartedWorkflow, WorkflowError> {
    if let Some(name) = &start.name {
        check_name(name)?;
    }
    check_attributes(&start.attributes)?;
    let (workflow, revision, through) = resolve(ports, &start.target).await?;
    if start.only.is_some_and(|only| only != workflow.kind) {
        return Err(WorkflowError::TypeNotSupported);
    }
    let name = start.name.unwrap_or_else(|| store::uuid(ports));
    let prefix = start.target.place.prefix();
    let execution_arn = match workflow.kind {
        WorkflowType::Standard => format!("{prefix}:execution:{}:{name}", workflow.name),
        WorkflowType::Express => format!("{prefix}:express:{}:{name}:{}", workflow.name, store::uuid(ports)),
    };
    let id = ExecutionId::derived(&execution_arn);
    if let Some(schema) = &revision.configuration.input_schema {
        let problems = schema.problems(&start.input)?;
        // One that was started before is answered all the same: the schema may have come after it.
        if !problems.is_empty() && load_record(ports, &id).await?.is_none() {
            return Err(WorkflowError::InputMismatch(problems));
        }
    }
    let run = WorkflowRun {
        execution_arn,
        state_machine_arn: workflow.arn,
        kind: workflow.kind,
        role_arn: revision.configuration.role_arn,
        revision: revision.key,
        through,
        trace_header: start.trace_header,
        map_run_arn: None,
        redrives: 0,
        redriven_at: None,
        redrive_token: None,
    };
    let began = StartExecution {
        id: id.clone(),
        owner: workflow.owner,
        name: name.clone(),
        definition: DefinitionSource::Stored(revision.definition),
        input: start.input.clone(),
        project: None,
        payload_limit: start.payload_limit,
        workflow: Some(run.clone()),
        waiting: start.waiting.clone(),
        attributes: start.attributes,
        priority: start.priority,
    };
    match start_or_find(ports, began).await? {
        Started::Now(started_at) => Ok(StartedWorkflow { id, name, run, started_at, replayed: false }),
        Started::Before { execution, input }
            if input == start.input
                && (execution.status == ExecutionStatus::Running
                    // The same task asks again, since the answer was lost.
                    || start.waiting.as_ref().is_some_and(|token| execution.waiting.contains(token))) =>
        {
            if let Some(token) = &start.waiting {
                wait_for(ports, &id, token).await?;
            }
            let run = execution.workflow.map_or(run, |run| *run);
            Ok(StartedWorkflow { id, name, run, started_at: execution.started_at, replayed: true })
        }
        Started::Before { .. } => Err(WorkflowError::ExecutionAlreadyExists(run.execution_arn)),
    }
}
