//! Fork: a new execution that begins where another one stood at an entry of its log.

use std::collections::{BTreeMap, BTreeSet};

use millrace_asl::{ExecutionContext, GoOn, Moment, Outcome, StateMachine, Stop};
use serde_json::Value;

use super::advance::{Thread, seed, with_activities};
use super::body::{self, EntryBody};
use super::log::LogId;
use super::record::{Forked, WorkflowRun};
use super::start::{Beginning, DefinitionSource, Started, admission_of, begin, definition_of};
use super::{definitions, history, load};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::ports::{Clock, ExecutionLog, Ports};
use crate::workflows::{InputSchema, below};

/// What a fork is made of.
#[derive(Debug, Clone)]
pub struct ForkExecution {
    /// The execution to fork.
    pub source: ExecutionId,
    /// The entry of its own log, from 0.
    pub sequence: u64,
    /// The new execution's id; the same id twice makes one fork.
    pub id: ExecutionId,
    /// Its name, `$$.Execution.Name`.
    pub name: String,
    /// Another definition, which must have the state at which the entry stands; the source's without it.
    pub definition: Option<DefinitionSource>,
    /// Another input of that state; the recorded one without it.
    pub input: Option<Value>,
    /// What that must fit where it is the execution's own input: at its first state.
    pub input_schema: Option<InputSchema>,
    /// The workflow whose execution it is.
    pub workflow: Option<WorkflowRun>,
}

/// Starts an execution where another one's own log stood. Its history begins with the source's up to there.
///
/// A wait and a pause between attempts go on to their recorded times. A task is begun again. Of a state's children those
/// that have succeeded by now keep their outputs, and the others run again from their start, unless the input is given:
/// then all run again. A distributed Map begins a new map run. `TimeoutSeconds` counts from the fork on.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for an entry that is not there or is the end, and for a definition that isn't
/// valid or lacks the state; [`Error::WrongState`] for executions of projects; [`Error::LimitReached`] where the limits of its
/// keys leave no room; [`Error::Store`].
pub async fn fork_execution<P: Ports>(ports: &P, fork: ForkExecution) -> Result<Started, Error> {
    let not_found = || Error::NotFound { kind: "execution", id: fork.source.to_string() };
    let log = LogId::root(fork.source.clone());
    let (first, _) = load::first_body(ports, &log).await?.ok_or_else(not_found)?;
    if first.header.project.is_some() {
        return Err(Error::WrongState("The execution belongs to a project; modify the project instead".to_owned()));
    }
    let Some((stood, _)) = entry(ports, &log, fork.sequence).await? else {
        let newest = load::load(ports, &log).await?.map_or(0, |thread| thread.seq);
        let message = format!(
            "there is no entry {} in the execution's own log, which has 0 to {newest}; entries of the logs of branches \
             and items can't be forked: fork the entry of this log at which they began",
            fork.sequence
        );
        return Err(Error::invalid("/sequence", message));
    };
    let stop = Stop::at(&stood.snapshot).ok_or_else(|| {
        let message = format!("entry {} is the execution's end; fork an earlier one", fork.sequence);
        Error::invalid("/sequence", message)
    })?;
    let (digest, machine) = match &fork.definition {
        Some(source) => definition_of(ports, source.clone()).await?,
        None => (stood.header.definition.clone(), definitions::load(ports, &stood.header.definition).await?),
    };
    has_state(&stop, &machine)?;
    if let (Some(schema), Some(input)) = (&fork.input_schema, &fork.input)
        && begins_with(&machine, &stop.state, &stop.input, &first.input())
    {
        check_input(schema, input)?;
    }
    let now = ports.clock().now();
    let recorded = &stood.snapshot.execution;
    let context = ExecutionContext {
        id: fork.workflow.as_ref().map_or_else(|| fork.id.to_string(), |run| run.execution_arn.clone()),
        name: fork.name.clone(),
        start_time: now,
        key: fork.id.to_string(),
        redrive_count: Some(0),
        ..ExecutionContext::clone(recorded)
    };
    let moment = Moment { now, seed: seed(ports) };
    let admission = admission_of(&machine, None, &context, &first.input(), moment)?;
    let how = GoOn {
        kept: match fork.input {
            None => kept(ports, &log, &stop).await?,
            Some(_) => BTreeMap::new(),
        },
        input: fork.input.clone(),
        corrected: fork.definition.is_some(),
        execution_input: first.input(),
        missing: Vec::new(),
    };
    let decide = |missing: &[String]| {
        let how = GoOn { missing: missing.to_vec(), ..how.clone() };
        millrace_asl::fork(&machine, &stood.snapshot, context.clone(), how, moment)
    };
    let decision = decide(&[]).ok_or_else(|| Error::internal("a fork decides nothing"))?;
    let decision = with_activities(ports, &stood.header.owner, decision, decide).await?;
    let before = history::up_to(ports, &log, first, &stood).await?;
    let source = super::record::load(ports, &fork.source).await?;
    let beginning = Beginning {
        id: fork.id,
        owner: stood.header.owner.clone(),
        name: fork.name,
        definition: digest,
        project: None,
        workflow: fork.workflow,
        waiting: None,
        attributes: source.map(|source| source.execution.attributes).unwrap_or_default(),
        defined: BTreeSet::new(),
        forked: Some(Forked { from: fork.source, sequence: fork.sequence }),
        admission,
        before,
        now,
    };
    begin(ports, beginning, decision, None).await
}

/// Is the input of a state that of its execution: at the first state, as it was first entered?
pub(super) fn begins_with(machine: &StateMachine, state: &str, input: &Value, execution_input: &Value) -> bool {
    machine.states(0).is_some_and(|states| states.start_at == state) && input == execution_input
}

/// A corrected input of an execution must fit the schema that its start had to fit.
pub(super) fn check_input(schema: &InputSchema, input: &Value) -> Result<(), Error> {
    let problems = schema.problems(input)?;
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(below("/input", problems))) }
}

/// A definition that goes on with recorded steps must have the state where they stand.
fn has_state(stop: &Stop, machine: &StateMachine) -> Result<(), Error> {
    if stop.is_in(machine) {
        return Ok(());
    }
    let message = format!("it has no state '{}', from which the execution goes on; keep that name", stop.state);
    Err(Error::invalid("/definition", message))
}

/// An entry of a log as the thread it leaves, with its content. `None` when there is none.
async fn entry<P: Ports>(ports: &P, log: &LogId, seq: u64) -> Result<Option<(Thread, EntryBody)>, Error> {
    if seq == 0 {
        return Ok(load::first_body(ports, log).await?.map(|(body, thread)| (thread, body)));
    }
    let found = ports.log().entries(log, seq, 1).await?.into_iter().next().filter(|entry| entry.seq == seq);
    let Some(entry) = found else { return Ok(None) };
    let body: EntryBody = body::decode(ports, &entry.body, "an entry of a log").await?;
    Ok(Some((Thread::from_body(entry.log, entry.seq, entry.at, body.clone()), body)))
}

/// The outputs of those children of an open fan-out that have succeeded. A map run keeps none.
async fn kept<P: Ports>(ports: &P, log: &LogId, stop: &Stop) -> Result<BTreeMap<u32, Value>, Error> {
    let Some(fanout) = stop.fanout.as_ref().filter(|fanout| fanout.map_run().is_none()) else {
        return Ok(BTreeMap::new());
    };
    let mut outputs = fanout.outputs.clone();
    for (index, child) in load::children(ports, log, fanout.id, &fanout.with_logs()).await? {
        if let Some(Outcome::Succeeded { output }) = child.snapshot.outcome() {
            outputs.insert(index, output.clone());
        }
    }
    Ok(outputs)
}
