//! Starting an execution.

use millrace_asl::definition::{Kind, StateMachine};
use millrace_asl::{ExecutionContext, Moment, PayloadLimit, Timestamp};
use serde_json::Value;

use super::advance::{Thread, seed};
use super::body::{self, EntryBody, Header};
use super::log::LogId;
use super::messages::queue_of;
use super::record::{self, Execution, ExecutionStatus, Versioned};
use super::{close, definitions, dispatch, load, sweep};
use crate::error::{Error, FieldProblem};
use crate::ids::{ExecutionId, ProjectId};
use crate::ports::{Clock, Condition, Ports, RecordStore, StoreError, Write};

/// What an execution is started with.
#[derive(Debug, Clone)]
pub struct StartExecution {
    /// The id; the same id twice starts one execution. Derive it from what must not start twice.
    pub id: ExecutionId,
    /// Who owns it.
    pub owner: String,
    /// Its name, `$$.Execution.Name`.
    pub name: String,
    /// The definition as ASL in JSON or YAML.
    pub definition: String,
    /// Its input.
    pub input: Value,
    /// The project whose delivery it is; told when the execution ends.
    pub project: Option<ProjectId>,
    /// How large its data may be, where the definition does not say it (`payload_limit`).
    pub payload_limit: PayloadLimit,
}

/// Checks a definition without starting it: the language's rules, and that somebody does its tasks.
///
/// # Errors
/// [`Error::Invalid`] with JSON pointers.
pub fn check_definition(definition: &str) -> Result<(), Error> {
    let machine = StateMachine::parse(definition).map_err(|problem| {
        let problems = problem.diagnostics.into_iter();
        Error::Invalid(problems.map(|one| FieldProblem::new(one.location, one.message)).collect())
    })?;
    check_resources(&machine)
}

fn check_resources(machine: &StateMachine) -> Result<(), Error> {
    let states = (0..).map_while(|id| machine.states(id)).flat_map(|states| &states.states);
    let problems: Vec<FieldProblem> = states
        .filter_map(|state| match &state.kind {
            Kind::Task(task) if queue_of(&task.resource).is_none() => Some(FieldProblem::new(
                format!("/States/{}/Resource", state.name),
                format!(
                    "'{}' is not a resource of this version; there are Lambda functions, service integrations \
                     (arn:aws:states:::…), millrace:agent:pm, millrace:agent:dev, millrace:agent:qa and \
                     millrace:agent:ops",
                    task.resource
                ),
            )),
            _ => None,
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

/// Starts an execution: commits its first entry with its record and sends its first messages. Idempotent by id: what a
/// call before may have left undone is done.
///
/// # Errors
/// [`Error::Invalid`] with JSON pointers where the definition isn't valid; [`Error::Store`].
pub async fn start_execution<P: Ports>(ports: &P, start: StartExecution) -> Result<Timestamp, Error> {
    let (definition, machine) = definitions::store(ports, &start.definition).await?;
    check_resources(&machine)?;
    let now = ports.clock().now();
    let context = ExecutionContext {
        id: start.id.to_string(),
        name: start.name.clone(),
        start_time: now,
        role_arn: String::new(),
        input: None,
        state_machine_id: definition.clone(),
        state_machine_name: machine.comment.clone().unwrap_or_default(),
        deadline: None,
        key: start.id.to_string(),
        payload_limit: start.payload_limit,
    };
    let decision = millrace_asl::start(&machine, context, start.input, Moment { now, seed: seed(ports) });
    let header = Header {
        definition: definition.clone(),
        owner: start.owner.clone(),
        project: start.project.clone(),
        awaited: Timestamp::default(),
    };
    let body = EntryBody { header, tick: 0, snapshot: decision.snapshot, history: decision.history, born: None };
    let stored = Versioned {
        execution: Execution {
            id: start.id.clone(),
            owner: start.owner,
            name: start.name,
            definition,
            project: start.project,
            status: ExecutionStatus::Running,
            started_at: now,
            stopped_at: None,
            failure: None,
            stuck: None,
            first_entry: body::encode(ports, &body).await?,
        },
        version: 0,
        due: Some(sweep::first_due(now)),
    };
    match ports.records().write(vec![Write::Put(stored.record()?, Condition::Absent)]).await {
        Ok(()) => {}
        Err(StoreError::Conflict) => return started_before(ports, &start.id).await,
        Err(error) => return Err(error.into()),
    }
    let thread = Thread::from_body(LogId::root(start.id), 0, now, body);
    dispatch::send(ports, &thread, decision.effects).await?;
    if thread.snapshot.outcome().is_some() {
        close::settle(ports, &thread).await?;
    }
    Ok(now)
}

/// The execution exists: sends its first messages again if nothing has happened since.
async fn started_before<P: Ports>(ports: &P, id: &ExecutionId) -> Result<Timestamp, Error> {
    let log = LogId::root(id.clone());
    if let Some(thread) = load::load(ports, &log).await?
        && thread.seq == 0
    {
        sweep::repair(ports, &thread).await?;
    }
    let stored = record::load(ports, id).await?;
    Ok(stored.map(|stored| stored.execution.started_at).unwrap_or_default())
}
