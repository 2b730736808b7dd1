//! Redriving: an execution that has ended without success goes on, in the same log.
//!
//! The record says first that it runs again, so that the sweeper looks after it; then the transition is appended after
//! the end. Where a crash comes between, the sweeper finds the end and the record says it again.

use millrace_asl::{Moment, Redrive, Rest, Timestamp, UnchangedChildren};
use serde_json::Value;

use super::advance::{self, After, Thread, seed, with_activities};
use super::fork::{begins_with, check_input};
use super::log::LogId;
use super::record::{self, ExecutionStatus, Versioned};
use super::{body, close, definitions, load, parts, sweep};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::limits;
use crate::ports::{Clock, Condition, Ports, RecordStore, StoreError, Write};
use crate::workflows::InputSchema;

/// How long after its end an execution can be redriven: 14 days, as in Step Functions.
pub const REDRIVABLE_MILLIS: i64 = 14 * 24 * 3600 * 1000;

/// What a redrive may change; nothing is a redrive as Step Functions has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RedriveExecution {
    /// Makes a repeated call the same one.
    pub token: Option<String>,
    /// Another definition, checked and stored before, that has the state in which the execution ended.
    pub definition: Option<OtherDefinition>,
    /// The state's input in place of the one that it had.
    pub input: Option<Value>,
    /// What that must fit where it is the execution's own input: at its first state.
    pub input_schema: Option<InputSchema>,
}

/// A definition to go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherDefinition {
    /// Its digest.
    pub digest: String,
    /// The key of its revision, where it is one of the execution's workflow.
    pub revision: Option<String>,
}

/// Why a redrive was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedriveError {
    /// The execution can't be redriven; the text says why.
    #[error("{0}")]
    NotRedrivable(String),
    /// What all use cases may answer.
    #[error(transparent)]
    App(#[from] Error),
}

impl From<StoreError> for RedriveError {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

/// Goes on with an execution from the state in which it failed, was stopped, or ran out of time. Answers when.
///
/// # Errors
/// [`RedriveError::NotRedrivable`], [`Error::NotFound`], [`Error::LimitReached`]
pub async fn redrive_execution<P: Ports>(
    ports: &P,
    id: &ExecutionId,
    redrive: RedriveExecution,
) -> Result<Timestamp, RedriveError> {
    /// How often it is tried again because somebody else wrote first.
    const TRIES: usize = 8;
    let refuse = |why: &str| RedriveError::NotRedrivable(why.to_owned());
    let log = LogId::root(id.clone());
    let gone = || Error::NotFound { kind: "execution", id: id.to_string() };
    for _ in 0..TRIES {
        let stored = record::load(ports, id).await?.ok_or_else(gone)?;
        let thread = load::load(ports, &log).await?.ok_or_else(gone)?;
        let Some(run) = stored.execution.workflow.as_deref() else {
            return Err(refuse("Only executions of workflows can be redriven"));
        };
        if redrive.token.is_some()
            && run.redrive_token == redrive.token
            // Its caller may have died between the record and the log.
            && thread.snapshot.execution.redrive_count == Some(run.redrives)
            && let Some(at) = run.redriven_at
        {
            return Ok(at);
        }
        let status = thread.snapshot.outcome().map_or(ExecutionStatus::Running, super::inspect::status_of);
        if matches!(status, ExecutionStatus::Running | ExecutionStatus::Succeeded) {
            return Err(refuse(&format!("Execution is {} and cannot be redriven", status.name())));
        }
        let now = ports.clock().now().max(thread.at);
        if thread.at.plus_millis(REDRIVABLE_MILLIS) < now {
            return Err(refuse("Execution's redrivable period exceeded"));
        }
        // What follows from its end must not come after what follows from its redrive.
        close::settle(ports, &thread).await?;
        let (rest, last) = parts::rest_of(ports, &thread).await?;
        let now = now.max(last.at);
        let count = thread.snapshot.execution.redrive_count.unwrap_or_default() + 1;
        let decided = decide(ports, &thread, &redrive, rest, count, now).await?;
        let Some(stored) = reopen(ports, id, &redrive, count, now).await? else { continue };
        let after = After { at: now, tick: last.tick };
        match advance::commit_redrive(ports, thread, decided, redrive.definition.as_ref(), after).await {
            Ok(()) => {}
            Err(Error::Store(StoreError::Conflict)) => continue,
            Err(error) => return Err(error.into()),
        }
        keep_open(ports, &log, stored).await?;
        return Ok(now);
    }
    Err(StoreError::Conflict.into())
}

async fn decide<P: Ports>(
    ports: &P,
    thread: &Thread,
    redrive: &RedriveExecution,
    rest: Rest,
    count: u32,
    now: Timestamp,
) -> Result<millrace_asl::Decision, RedriveError> {
    let digest = redrive.definition.as_ref().map_or(&thread.header.definition, |other| &other.digest);
    let machine = definitions::load(ports, digest).await?;
    let moment = Moment { now, seed: seed(ports) };
    let id = &thread.log.execution;
    let execution_input = match (&redrive.definition, record::load(ports, id).await?) {
        (definition, Some(stored)) if definition.is_some() || redrive.input_schema.is_some() => {
            let first = stored.execution.first_entry;
            Some(body::input_of(body::decode(ports, &first, "an execution's first entry").await?))
        }
        _ => None,
    };
    if let (Some(schema), Some(input), Some(was), Some(left)) =
        (&redrive.input_schema, &redrive.input, &execution_input, &thread.snapshot.unfinished)
        && begins_with(&machine, &left.attempt.state, &left.attempt.input, was)
    {
        check_input(schema, input)?;
    }
    let state = thread.snapshot.unfinished.as_ref().map(|left| left.attempt.state.as_str()).unwrap_or_default();
    let unchanged = match &redrive.definition {
        Some(OtherDefinition { digest, .. }) if *digest != thread.header.definition => {
            let before = definitions::text(ports, &thread.header.definition).await?;
            let now = definitions::text(ports, digest).await?;
            Some(UnchangedChildren::between(&before, &now, state))
        }
        _ => None,
    };
    let decide = |missing: &[String]| {
        let redrive = Redrive {
            input: redrive.input.clone(),
            count,
            key: id.to_string(),
            execution_input: execution_input.clone(),
            rest: rest.clone(),
            unchanged: unchanged.clone(),
        };
        millrace_asl::redrive(&machine, &thread.snapshot, redrive, moment, missing)
    };
    let Some(decision) = decide(&[]) else {
        let why = format!("The definition has no state '{state}', in which the execution ended; keep that name");
        return Err(RedriveError::NotRedrivable(why));
    };
    Ok(with_activities(ports, &thread.header.owner, decision, decide).await?)
}

/// Says on the record that the execution runs again. `None` when somebody else wrote first.
async fn reopen<P: Ports>(
    ports: &P,
    id: &ExecutionId,
    redrive: &RedriveExecution,
    count: u32,
    now: Timestamp,
) -> Result<Option<Versioned>, Error> {
    let Some(mut stored) = record::load(ports, id).await? else { return Ok(None) };
    let Some(run) = stored.execution.workflow.as_deref_mut() else { return Ok(None) };
    run.redrives = count;
    run.redriven_at = Some(now);
    run.redrive_token.clone_from(&redrive.token);
    if let Some(OtherDefinition { digest, revision }) = &redrive.definition {
        run.revision = revision.clone().unwrap_or_else(|| run.revision.clone());
        stored.execution.definition.clone_from(digest);
    }
    stored.execution.status = ExecutionStatus::Running;
    stored.execution.stopped_at = None;
    stored.execution.failure = None;
    stored.execution.stuck = None;
    stored.due = Some(sweep::first_due(now));
    let mut writes = vec![Write::Put(stored.record(ports.retention())?, Condition::Version(stored.version))];
    if let Some(admission) = &stored.execution.limits {
        let owner = &stored.execution.owner;
        writes.extend(limits::enter_at_once(ports, owner, id, admission, count).await?);
    }
    match ports.records().write(writes).await {
        Ok(()) => Ok(Some(stored)),
        Err(StoreError::Conflict) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A message that came again may have closed the record for the end that is over: opens it again while the log runs.
async fn keep_open<P: Ports>(ports: &P, log: &LogId, opened: Versioned) -> Result<(), Error> {
    let Some(thread) = load::load(ports, log).await?.filter(|thread| thread.snapshot.outcome().is_none()) else {
        return Ok(());
    };
    let Some(stored) = record::load(ports, &thread.log.execution).await? else { return Ok(()) };
    if stored.execution.status == ExecutionStatus::Running {
        return Ok(());
    }
    let again = Versioned { version: stored.version, ..opened };
    match ports
        .records()
        .write(vec![Write::Put(again.record(ports.retention())?, Condition::Version(stored.version))])
        .await
    {
        // Somebody else is at work: the log's own end closes it.
        Ok(()) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
