//! Starting an execution.

use std::collections::BTreeSet;
use std::sync::Arc;

use millrace_asl::definition::{Kind, Resource, StateMachine};
use millrace_asl::{Admission, Decision, ExecutionContext, FieldFault, Moment, PayloadLimit, Timestamp};
use serde_json::Value;

use super::advance::{Thread, failure_of, seed, with_activities};
use super::attributes::{Attributes, check_attributes};
use super::body::{self, EntryBody, Header};
use super::history::HistoryItem;
use super::inspect::status_of;
use super::log::LogId;
use super::messages::queue_of;
use super::record::{self, Execution, ExecutionStatus, Forked, Versioned, WorkflowRun};
use super::sweep::GRACE_MILLIS;
use super::{close, definitions, dispatch, load, sweep};
use crate::error::{Error, FieldProblem};
use crate::ids::{ExecutionId, ProjectId};
use crate::limits;
use crate::metrics::{self, Metric};
use crate::ports::{Clock, Condition, Ports, RecordStore, StoreError, Write};
use crate::traces::ExecutionSpan;
use crate::workflows::WorkflowType;

/// What an execution is started with.
#[derive(Debug, Clone)]
pub struct StartExecution {
    /// The id; the same id twice starts one execution. Derive it from what must not start twice.
    pub id: ExecutionId,
    /// Who owns it.
    pub owner: String,
    /// Its name, `$$.Execution.Name`.
    pub name: String,
    /// Its definition.
    pub definition: DefinitionSource,
    /// Its input.
    pub input: Value,
    /// The project whose delivery it is; told when the execution ends.
    pub project: Option<ProjectId>,
    /// How large its data may be, where the definition does not say it (`payload_limit`).
    pub payload_limit: PayloadLimit,
    /// The workflow whose execution it is.
    pub workflow: Option<WorkflowRun>,
    /// The token of a task that ends when it ends (`.sync`).
    pub waiting: Option<String>,
    /// What it can be found by; checked by the caller. What the definition says (`attributes`) is added.
    pub attributes: Attributes,
    /// How soon its turn comes where a limit has it wait, in place of what the definition says.
    pub priority: Option<i32>,
}

/// Where an execution's definition comes from.
#[derive(Debug, Clone)]
pub enum DefinitionSource {
    /// ASL in JSON or YAML: checked and stored with the start.
    Text(String),
    /// The digest of a definition that was checked and stored before: nothing is written.
    Stored(String),
}

impl From<String> for DefinitionSource {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// What a start came to.
#[derive(Debug)]
pub enum Started {
    /// It was started by this call.
    Now(Timestamp),
    /// There was one of that id before.
    Before {
        /// It as its record says.
        execution: Box<Execution>,
        /// What it was started with.
        input: Value,
    },
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
            Kind::Task(task) if !is_done_by_somebody(&task.resource) => Some(FieldProblem::new(
                format!("/States/{}/Resource", state.name),
                format!(
                    "'{}' is not a resource of this version; there are Lambda functions, activities, service \
                     integrations (arn:aws:states:::…), millrace:agent:pm, millrace:agent:dev, millrace:agent:qa, \
                     millrace:agent:ops and millrace:model",
                    task.resource
                ),
            )),
            _ => None,
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

fn is_done_by_somebody(resource: &str) -> bool {
    queue_of(resource).is_some() || Resource::of(resource) == Resource::Activity
}

/// Starts an execution: commits its first entry with its record and sends its first messages. Idempotent by id: what a
/// call before may have left undone is done.
///
/// # Errors
/// [`Error::Invalid`] with JSON pointers where the definition isn't valid; [`Error::Store`].
pub async fn start_execution<P: Ports>(ports: &P, start: StartExecution) -> Result<Timestamp, Error> {
    Ok(match start_or_find(ports, start).await? {
        Started::Now(at) => at,
        Started::Before { execution, .. } => execution.started_at,
    })
}

/// The same, telling whether it was this call that started it.
///
/// # Errors
/// Those of [`start_execution`].
pub async fn start_or_find<P: Ports>(ports: &P, start: StartExecution) -> Result<Started, Error> {
    let (definition, machine) = definition_of(ports, start.definition).await?;
    let now = ports.clock().now();
    let run = start.workflow;
    let context = ExecutionContext {
        id: run.as_ref().map_or_else(|| start.id.to_string(), |run| run.execution_arn.clone()),
        name: start.name.clone(),
        start_time: now,
        role_arn: run.as_ref().map(|run| run.role_arn.clone()).unwrap_or_default(),
        input: None,
        state_machine_id: run.as_ref().map_or_else(|| definition.clone(), |run| run.state_machine_arn.clone()),
        state_machine_name: match &run {
            Some(run) => run.state_machine_arn.rsplit(':').next().unwrap_or_default().to_owned(),
            None => machine.comment.clone().unwrap_or_default(),
        },
        deadline: None,
        key: start.id.to_string(),
        payload_limit: start.payload_limit,
        redrive_count: run.as_ref().is_none_or(|run| run.kind == WorkflowType::Standard).then_some(0),
    };
    let moment = Moment { now, seed: seed(ports) };
    let (attributes, defined) = attributes_of(&machine, start.attributes, &context, &start.input, moment)?;
    let admission = admission_of(&machine, start.priority, &context, &start.input, moment)?;
    let queued = admission.is_some().then(|| {
        let (context, input) = (context.clone(), start.input.clone());
        millrace_asl::start_queued(&machine, context, input, moment)
    });
    let again = machine.makes_tokens.then(|| (context.clone(), start.input.clone()));
    let mut decision = millrace_asl::start(&machine, context, start.input, moment);
    if let Some((context, input)) = again {
        decision = with_activities(ports, &start.owner, decision, |missing| {
            Some(millrace_asl::start_without(&machine, context.clone(), input.clone(), moment, missing))
        })
        .await?;
    }
    let beginning = Beginning {
        id: start.id,
        owner: start.owner,
        name: start.name,
        definition,
        project: start.project,
        workflow: run,
        waiting: start.waiting,
        attributes,
        defined,
        forked: None,
        admission,
        before: Vec::new(),
        now,
    };
    begin(ports, beginning, decision, queued).await
}

fn refused(faults: Vec<FieldFault>) -> Error {
    Error::Invalid(faults.into_iter().map(|(place, message)| FieldProblem::new(place, message)).collect())
}

/// What an execution can be found by: what its start says, and what its definition says besides, with the names of that.
fn attributes_of(
    machine: &StateMachine,
    given: Attributes,
    context: &ExecutionContext,
    input: &Value,
    moment: Moment,
) -> Result<(Attributes, BTreeSet<String>), Error> {
    if machine.attributes.is_empty() {
        return Ok((given, BTreeSet::new()));
    }
    let mut all = machine.attributes.evaluate(context, input, moment).map_err(refused)?;
    let defined = all.keys().filter(|name| !given.contains_key(*name)).cloned().collect();
    all.extend(given);
    check_attributes(&all)?;
    Ok((all, defined))
}

/// What an execution asks before it may run.
pub(super) fn admission_of(
    machine: &StateMachine,
    priority: Option<i32>,
    context: &ExecutionContext,
    input: &Value,
    moment: Moment,
) -> Result<Option<Box<Admission>>, Error> {
    let Some(limits) = &machine.limits else { return Ok(None) };
    let mut admission = limits.admission(context, input, moment).map_err(refused)?;
    admission.priority = priority.unwrap_or(admission.priority);
    Ok((!admission.demands.is_empty()).then(|| Box::new(admission)))
}

/// A definition's digest and what it says; a text is checked and stored.
pub(super) async fn definition_of<P: Ports>(
    ports: &P,
    source: DefinitionSource,
) -> Result<(String, Arc<StateMachine>), Error> {
    match source {
        DefinitionSource::Text(text) => {
            let (digest, machine) = definitions::store(ports, &text).await?;
            check_resources(&machine)?;
            Ok((digest, machine))
        }
        DefinitionSource::Stored(digest) => {
            let machine = definitions::load(ports, &digest).await?;
            Ok((digest, machine))
        }
    }
}

/// An execution that is about to begin.
#[derive(Debug, Clone)]
pub(super) struct Beginning {
    pub(super) id: ExecutionId,
    pub(super) owner: String,
    pub(super) name: String,
    /// The definition's digest.
    pub(super) definition: String,
    pub(super) project: Option<ProjectId>,
    pub(super) workflow: Option<WorkflowRun>,
    pub(super) waiting: Option<String>,
    pub(super) attributes: Attributes,
    /// Those of them that the definition says.
    pub(super) defined: BTreeSet<String>,
    pub(super) forked: Option<Forked>,
    /// What it asks before it may run.
    pub(super) admission: Option<Box<Admission>>,
    /// The history that a fork begins with.
    pub(super) before: Vec<HistoryItem>,
    pub(super) now: Timestamp,
}

/// Commits an execution's first decision with its record, and sends its effects: `queued` where its limits have it wait.
///
/// # Errors
/// [`Error::LimitReached`] where it would have to wait and there is no such decision.
pub(super) async fn begin<P: Ports>(
    ports: &P,
    start: Beginning,
    decision: Decision,
    queued: Option<Decision>,
) -> Result<Started, Error> {
    /// Others that come to the same limits.
    const TRIES: u32 = 40;
    let Some(admission) = start.admission.clone() else { return commit(ports, start, decision, Vec::new()).await };
    for tries in 0..TRIES {
        let tried = match &queued {
            None => {
                if record::load(ports, &start.id).await?.is_some() {
                    return started_before(ports, &start.id).await;
                }
                let writes = limits::enter_at_once(ports, &start.owner, &start.id, &admission, 0).await?;
                commit(ports, start.clone(), decision.clone(), writes).await
            }
            Some(queued) => {
                let entry = limits::enter(ports, &start.owner, &start.id, &admission, start.now).await?;
                let decision = if entry.queued.is_some() { queued } else { &decision };
                let begun = commit(ports, start.clone(), decision.clone(), entry.writes).await;
                if let (Ok(Started::Now(_)), Some(wake)) = (&begun, entry.queued) {
                    limits::nudge(ports, wake).await?;
                }
                begun
            }
        };
        match tried {
            Err(Error::Store(StoreError::Conflict)) => limits::pause(ports, tries).await,
            tried => return tried,
        }
    }
    Err(limits::crowded())
}

/// The one write of a start, with what its limits ask to be written, and after it the effects.
async fn commit<P: Ports>(
    ports: &P,
    start: Beginning,
    decision: Decision,
    entry: Vec<Write>,
) -> Result<Started, Error> {
    let now = start.now;
    let header = Header {
        definition: start.definition.clone(),
        owner: start.owner.clone(),
        project: start.project.clone(),
        awaited: Timestamp::default(),
        span: ExecutionSpan::begin(),
    };
    let Decision { snapshot, history, effects } = decision;
    let body = EntryBody { header, tick: 0, snapshot, history, born: None, before: start.before };
    // One that has ended already needs no second write, unless a project or a task must be told first, or there are places
    // to be given back.
    let is_free = start.project.is_none() && start.waiting.is_none() && start.admission.is_none();
    let outcome = body.snapshot.outcome().filter(|_| is_free);
    let is_closed = outcome.is_some();
    let first_entry = body::encode(ports, &start.id, &body).await?;
    let stored = Versioned {
        execution: Execution {
            id: start.id.clone(),
            owner: start.owner,
            name: start.name,
            definition: start.definition,
            project: start.project,
            workflow: start.workflow.map(Box::new),
            waiting: start.waiting.into_iter().collect(),
            forked: start.forked,
            attributes: start.attributes,
            defined: start.defined,
            limits: start.admission,
            status: outcome.map_or(ExecutionStatus::Running, status_of),
            started_at: now,
            stopped_at: outcome.map(|_| now),
            failure: outcome.and_then(failure_of),
            stuck: None,
            first_entry,
        },
        version: 0,
        due: outcome.is_none().then(|| sweep::first_due(now)),
    };
    let mut writes = stored.writes(Condition::Absent, ports.retention())?;
    let is_limited = !entry.is_empty();
    writes.extend(entry);
    match ports.records().write(writes).await {
        Ok(()) => {}
        // Somebody else came to the same limit.
        Err(StoreError::Conflict) if is_limited && record::load(ports, &start.id).await?.is_none() => {
            return Err(StoreError::Conflict.into());
        }
        Err(StoreError::Conflict) => return started_before(ports, &start.id).await,
        Err(error) => return Err(error.into()),
    }
    metrics::record(Metric::ExecutionStarted);
    tracing::debug!(execution_id = %start.id, "an execution started");
    let thread = Thread::from_body(LogId::root(start.id), 0, now, body);
    if let Some(outcome) = thread.snapshot.outcome().filter(|_| is_closed) {
        metrics::record(Metric::ExecutionEnded { result: status_of(outcome).name(), millis: 0 });
        close::end_span(&thread, outcome, now);
    }
    dispatch::send(ports, &thread, effects).await?;
    if thread.snapshot.outcome().is_some() && !is_closed {
        close::settle(ports, &thread).await?;
    }
    Ok(Started::Now(now))
}

/// The execution exists: sends its first messages again if nothing has happened for so long that they may be lost. Before, the
/// first task may be under way, and would be done twice.
async fn started_before<P: Ports>(ports: &P, id: &ExecutionId) -> Result<Started, Error> {
    let log = LogId::root(id.clone());
    if let Some(thread) = load::load(ports, &log).await?
        && thread.seq == 0
        && ports.clock().now() >= thread.at.plus_millis(GRACE_MILLIS)
    {
        sweep::repair(ports, &thread).await?;
    }
    let gone = || Error::from(StoreError::corrupt(format!("execution {id}"), "it was there and is gone"));
    let execution = record::load(ports, id).await?.ok_or_else(gone)?.execution;
    let first = load::first_head(ports, &execution).await?;
    Ok(Started::Before { execution: Box::new(execution), input: body::input_of(first) })
}
