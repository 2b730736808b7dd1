//! Redriving executions of workflows.

use millrace_asl::Timestamp;
use serde_json::Value;

use super::arn::{ExecutionArn, StateMachineArn};
use super::create::check_definition;
use super::error::WorkflowError;
use super::executions::load_execution;
use super::model::WorkflowType;
use super::resolve::{resolve, revision_of};
use crate::executions::{OtherDefinition, RedriveError, RedriveExecution, redrive_execution};
use crate::ports::Ports;

/// How an execution is redriven; with the ARN alone as Step Functions does.
#[derive(Debug, Clone)]
pub struct RedriveWorkflow {
    /// The execution's ARN.
    pub execution: String,
    /// Makes a repeated call the same one.
    pub token: Option<String>,
    /// Another definition to go on with, which must have the state in which the execution ended.
    pub definition: Option<RedriveDefinition>,
    /// The state's input in place of the one that it had.
    pub input: Option<Value>,
}

/// Where another definition for a redrive comes from.
#[derive(Debug, Clone)]
pub enum RedriveDefinition {
    /// A revision of the execution's workflow: the newest, or that of a version or an alias.
    Of(StateMachineArn),
    /// A text in the Amazon States Language, checked as that of a new workflow; it becomes no revision.
    Text(String),
}

/// Goes on with an execution of a `STANDARD` workflow from the state in which it failed, was stopped or ran out of time.
/// Answers when.
///
/// # Errors
/// [`WorkflowError::NotRedrivable`], [`WorkflowError::ExecutionDoesNotExist`], [`WorkflowError::InvalidArn`],
/// [`WorkflowError::Invalid`] where `definition` belongs to another workflow, [`WorkflowError::InvalidDefinition`];
/// [`Error::Invalid`](crate::Error::Invalid) for an input of the first state that does not fit the workflow's schema.
pub async fn redrive_workflow<P: Ports>(ports: &P, redrive: RedriveWorkflow) -> Result<Timestamp, WorkflowError> {
    let arn = redrive.execution;
    if ExecutionArn::parse_standard(&arn)?.is_of_map_run() {
        return Err(WorkflowError::NotRedrivable(
            "Executions of a Map Run are redriven with the execution that the Map Run belongs to".to_owned(),
        ));
    }
    let execution = load_execution(ports, &arn).await?.execution;
    let mut input_schema = None;
    let definition = match &redrive.definition {
        Some(RedriveDefinition::Text(text)) => {
            let digest = check_definition(ports, text, WorkflowType::Standard).await?;
            Some(OtherDefinition { digest, revision: None })
        }
        Some(RedriveDefinition::Of(target)) => {
            let own = execution.workflow.as_ref().map(|run| run.state_machine_arn.as_str());
            if own != Some(target.base().as_str()) {
                return Err(WorkflowError::Invalid("A redrive stays with its own state machine".to_owned()));
            }
            let (_, revision, _) = resolve(ports, target).await?;
            input_schema = revision.configuration.input_schema;
            Some(OtherDefinition { digest: revision.definition, revision: Some(revision.key) })
        }
        None => None,
    };
    let stays = definition.as_ref().is_none_or(|other| other.revision.is_none());
    if let (true, true, Some(run)) = (stays, redrive.input.is_some(), &execution.workflow) {
        input_schema = revision_of(ports, run).await?.configuration.input_schema;
    }
    let redrive = RedriveExecution { token: redrive.token, definition, input: redrive.input, input_schema };
    redrive_execution(ports, &execution.id, redrive).await.map_err(|error| match error {
        RedriveError::NotRedrivable(why) => WorkflowError::NotRedrivable(why),
        RedriveError::App(error) => error.into(),
    })
}
