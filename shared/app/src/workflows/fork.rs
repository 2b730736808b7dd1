//! Forking the executions of workflows.

use serde_json::Value;

use super::arn::StateMachineArn;
use super::error::WorkflowError;
use super::input_schema::InputSchema;
use super::limits::check_name;
use super::model::{Qualifier, WorkflowType};
use super::resolve::{describe_workflow, revision_of};
use super::start::StartedWorkflow;
use crate::error::{Error, FieldProblem};
use crate::executions::{DefinitionSource, ForkExecution, Forked, Started, WorkflowRun, fork_execution, load_record};
use crate::ids::ExecutionId;
use crate::ports::Ports;

/// Another definition for recorded steps to go on with.
#[derive(Debug, Clone)]
pub enum Correction {
    /// A text in the Amazon States Language.
    Definition(String),
    /// A version of the execution's workflow.
    Version(u64),
}

/// What is changed when recorded steps go on.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Another definition; the pinned one without it.
    pub definition: Option<Correction>,
    /// Another input of the state that is gone on from; the recorded one without it.
    pub input: Option<Value>,
}

/// Starts an execution of the same workflow where another one stood at an entry of its own log. The same name, execution
/// and entry again answer the fork that is there.
///
/// # Errors
/// [`WorkflowError::ExecutionDoesNotExist`], [`WorkflowError::InvalidName`], [`WorkflowError::ExecutionAlreadyExists`];
/// those of [`fork_execution`].
pub async fn fork<P: Ports>(
    ports: &P,
    source: &ExecutionId,
    sequence: u64,
    name: &str,
    changes: Changes,
) -> Result<StartedWorkflow, WorkflowError> {
    check_name(name)?;
    let of = run_of(ports, source).await?;
    if of.kind == WorkflowType::Express {
        return Err(WorkflowError::TypeNotSupported);
    }
    let Corrected { definition, revision, input_schema } = correction(ports, &of, &changes).await?;
    let through = if definition.is_some() { Qualifier::None } else { of.through.clone() };
    let arn = of.execution_arn.rsplit_once(':').map_or(of.execution_arn.as_str(), |(place, _)| place);
    let run = WorkflowRun {
        execution_arn: format!("{arn}:{name}"),
        revision: revision.unwrap_or_else(|| of.revision.clone()),
        through,
        redrives: 0,
        redriven_at: None,
        redrive_token: None,
        ..of
    };
    let id = ExecutionId::derived(&run.execution_arn);
    let fork = ForkExecution {
        source: source.clone(),
        sequence,
        id: id.clone(),
        name: name.to_owned(),
        definition,
        input: changes.input,
        input_schema,
        workflow: Some(run.clone()),
    };
    let name = name.to_owned();
    match fork_execution(ports, fork).await? {
        Started::Now(started_at) => Ok(StartedWorkflow { id, name, run, started_at, replayed: false }),
        Started::Before { execution, .. } if execution.forked == Some(Forked { from: source.clone(), sequence }) => {
            Ok(StartedWorkflow { id, name, run, started_at: execution.started_at, replayed: true })
        }
        Started::Before { .. } => Err(WorkflowError::ExecutionAlreadyExists(run.execution_arn)),
    }
}

async fn run_of<P: Ports>(ports: &P, id: &ExecutionId) -> Result<WorkflowRun, WorkflowError> {
    let does_not_exist = || WorkflowError::ExecutionDoesNotExist(id.to_string());
    let execution = load_record(ports, id).await?.ok_or_else(does_not_exist)?;
    let no_workflow = "Only executions of workflows can be forked; modify the project instead";
    let run = execution.workflow.ok_or_else(|| Error::WrongState(no_workflow.to_owned()))?;
    Ok(*run)
}

/// What recorded steps go on with.
struct Corrected {
    /// Where another definition comes from.
    definition: Option<DefinitionSource>,
    /// The key of its revision, where it is one of the workflow.
    revision: Option<String>,
    /// What the input of an execution must fit, where an input is given.
    input_schema: Option<InputSchema>,
}

async fn correction<P: Ports>(ports: &P, run: &WorkflowRun, changes: &Changes) -> Result<Corrected, WorkflowError> {
    let number = match &changes.definition {
        Some(Correction::Version(number)) => *number,
        other => {
            let definition = match other {
                Some(Correction::Definition(text)) => Some(DefinitionSource::Text(text.clone())),
                _ => None,
            };
            let input_schema = match &changes.input {
                Some(_) => revision_of(ports, run).await?.configuration.input_schema,
                None => None,
            };
            return Ok(Corrected { definition, revision: None, input_schema });
        }
    };
    let arn = StateMachineArn::parse(&format!("{}:{number}", run.state_machine_arn))?;
    let missing = || {
        let message = format!("the workflow has no version {number}; publish it, or give a definition");
        WorkflowError::from(Error::Invalid(vec![FieldProblem::new("/version", message)]))
    };
    let resolved = describe_workflow(ports, &arn).await.map_err(|error| match error {
        WorkflowError::DoesNotExist(_) => missing(),
        other => other,
    })?;
    let revision = resolved.revision();
    Ok(Corrected {
        definition: Some(DefinitionSource::Stored(revision.definition.clone())),
        revision: Some(revision.key.clone()),
        input_schema: revision.configuration.input_schema.clone(),
    })
}
