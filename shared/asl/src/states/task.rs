//! The Task state.

use serde_json::{Map, Value, json};

use crate::decide::Effect;
use crate::definition::{Kind, State, StateMachine, TaskState};
use crate::history::EventType;
use crate::query::Dynamic;
use crate::run::{Run, Step, broken, failed_details, next_step};
use crate::snapshot::{Attempt, Failure, Outcome, Position, Snapshot};

pub(crate) fn run(run: &mut Run<'_>, thread: &mut Snapshot, state: &State, task: &TaskState, attempt: Attempt) -> Step {
    match schedule(run, thread, state, task, &attempt) {
        Ok(position) => {
            thread.position = position.clone();
            run.effects.extend(effects(run.machine, thread));
            Step::Stand(position)
        }
        Err(failure) => run.fail(thread, state, &attempt, failure, &task.retry, &task.catch),
    }
}

fn schedule(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    state: &State,
    task: &TaskState,
    attempt: &Attempt,
) -> Result<Position, Failure> {
    let input = run.input(thread, state, attempt)?;
    let timeout = seconds(run, thread, attempt, task.timeout.as_ref(), &input, "TimeoutSeconds")?;
    let heartbeat = seconds(run, thread, attempt, task.heartbeat.as_ref(), &input, "HeartbeatSeconds")?;
    let given = run.payload(thread, attempt, task.parameters.as_ref(), input)?.into_owned();
    let (mut kind, mut details) = (EventType::TaskScheduled, resource_details(&task.resource));
    if is_lambda_arn(&task.resource) {
        kind = EventType::LambdaFunctionScheduled;
        details = Map::new();
        details.insert("resource".to_owned(), json!(task.resource));
        details.insert("input".to_owned(), given.clone());
    } else {
        details.insert("parameters".to_owned(), given.clone());
    }
    if let Some(seconds) = timeout {
        details.insert("timeoutInSeconds".to_owned(), json!(seconds));
    }
    if let Some(seconds) = heartbeat {
        details.insert("heartbeatInSeconds".to_owned(), json!(seconds));
    }
    run.record(kind, details);
    let scheduled = run.moment.now;
    Ok(Position::Task {
        id: next_step(thread),
        attempt: attempt.clone(),
        given: (given != attempt.input).then_some(given),
        scheduled,
        deadline: timeout.map(|seconds| scheduled.plus_millis(i64::from(seconds).saturating_mul(1000))),
    })
}

fn seconds(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    duration: Option<&Dynamic<f64>>,
    input: &Value,
    field: &str,
) -> Result<Option<u32>, Failure> {
    duration.map(|duration| run.whole(thread, attempt, duration, field, input, 1..=99_999_999)).transpose()
}

/// What brings the result of the task at which `snapshot` stands.
pub(crate) fn effects(machine: &StateMachine, snapshot: &Snapshot) -> Vec<Effect> {
    let Position::Task { id, attempt, given, deadline, .. } = &snapshot.position else { return Vec::new() };
    let kind = machine.states(snapshot.machine).and_then(|states| states.get(&attempt.state)).map(|state| &state.kind);
    let Some(Kind::Task(task)) = kind else { return Vec::new() };
    let mut effects = vec![Effect::InvokeTask {
        id: *id,
        state: attempt.state.clone(),
        resource: task.resource.clone(),
        input: given.as_ref().unwrap_or(&attempt.input).clone(),
    }];
    effects.extend(deadline.map(|at| Effect::SetTimer { id: *id, at }));
    effects
}

/// The task gave its result.
pub(crate) fn succeeded(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt, output: Value) -> Step {
    let Some((state, task)) = find(run, thread, attempt) else { return lost(attempt) };
    if is_lambda_arn(&task.resource) {
        run.record(EventType::LambdaFunctionStarted, Map::new());
        let mut details = Map::new();
        details.insert("output".to_owned(), output.clone());
        run.record(EventType::LambdaFunctionSucceeded, details);
    } else {
        run.record(EventType::TaskStarted, resource_details(&task.resource));
        let mut details = resource_details(&task.resource);
        details.insert("output".to_owned(), output.clone());
        run.record(EventType::TaskSucceeded, details);
    }
    run.complete(thread, state, attempt, output, task.result_selector.as_ref(), &task.result_path)
        .unwrap_or_else(|failure| run.fail(thread, state, attempt, failure, &task.retry, &task.catch))
}

/// The task failed.
pub(crate) fn failed(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt, failure: Failure) -> Step {
    let Some((state, task)) = find(run, thread, attempt) else { return lost(attempt) };
    if is_lambda_arn(&task.resource) {
        run.record(EventType::LambdaFunctionStarted, Map::new());
        run.record(EventType::LambdaFunctionFailed, failed_details(&failure, Map::new()));
    } else {
        run.record(EventType::TaskStarted, resource_details(&task.resource));
        run.record(EventType::TaskFailed, failed_details(&failure, resource_details(&task.resource)));
    }
    run.fail(thread, state, attempt, failure, &task.retry, &task.catch)
}

/// The task's time ran out.
pub(crate) fn timed_out(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt) -> Step {
    let Some((state, task)) = find(run, thread, attempt) else { return lost(attempt) };
    let failure = Failure { error: Some("States.Timeout".to_owned()), cause: None };
    if is_lambda_arn(&task.resource) {
        run.record(EventType::LambdaFunctionStarted, Map::new());
        run.record(EventType::LambdaFunctionTimedOut, failed_details(&failure, Map::new()));
    } else {
        run.record(EventType::TaskStarted, resource_details(&task.resource));
        run.record(EventType::TaskTimedOut, failed_details(&failure, resource_details(&task.resource)));
    }
    run.fail(thread, state, attempt, failure, &task.retry, &task.catch)
}

fn find<'a>(run: &Run<'a>, thread: &Snapshot, attempt: &Attempt) -> Option<(&'a State, &'a TaskState)> {
    let state = run.state_of(thread, attempt)?;
    match &state.kind {
        Kind::Task(task) => Some((state, task)),
        Kind::Pass { .. }
        | Kind::Choice { .. }
        | Kind::Wait(_)
        | Kind::Succeed
        | Kind::Fail { .. }
        | Kind::Parallel(_)
        | Kind::Map(_) => None,
    }
}

fn lost(attempt: &Attempt) -> Step {
    Step::End(Outcome::Failed { failure: broken(&attempt.state) })
}

fn is_lambda_arn(resource: &str) -> bool {
    resource.starts_with("arn:aws:lambda:")
}

/// `resourceType` and `resource` of a task's events: the service and what it does. `arn:aws:states:::sqs:sendMessage`
/// gives `sqs` and `sendMessage`, `millrace:agent:pm` gives `millrace:agent` and `pm`.
fn resource_details(resource: &str) -> Map<String, Value> {
    let named = resource.strip_prefix("arn:aws:states:::").unwrap_or(resource);
    let (kind, name) = named.rsplit_once(':').unwrap_or((named, ""));
    let mut details = Map::new();
    details.insert("resourceType".to_owned(), json!(kind));
    details.insert("resource".to_owned(), json!(name));
    details
}
