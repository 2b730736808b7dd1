//! The Task state.

use serde_json::{Map, Value, json};

use crate::Timestamp;
use crate::decide::{Effect, Event};
use crate::definition::{Kind, Pattern, Resource, State, StateMachine, TaskState};
use crate::history::EventType;
use crate::progress::{Progress, Report, Stage};
use crate::query::{Dynamic, QueryFailure};
use crate::run::{Run, Step, broken, failed_details, next_step};
use crate::snapshot::{Attempt, Failure, Outcome, Position, Snapshot};
use crate::token::TaskToken;

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
    let resource = Resource::of(&task.resource);
    let id = next_step(thread);
    let secret = resource.has_token().then(|| TaskToken::secret(&mut run.entropy));
    if let (Some(secret), Pattern::WaitForTaskToken) = (&secret, resource.pattern()) {
        run.token = Some(TaskToken { log: thread.log(), step: id, secret: secret.clone() }.to_string());
    }
    let evaluated = evaluate(run, thread, state, task, attempt);
    run.token = None;
    let Evaluated { given, credentials, timeout, heartbeat } = evaluated?;
    if resource == Resource::Activity && run.missing.contains(&task.resource) {
        let cause = format!("The activity {} does not exist.", task.resource);
        return Err(run.query_failed(attempt, QueryFailure::runtime(cause)));
    }
    scheduled_events(run, thread, task, &given, credentials.as_ref(), (timeout, heartbeat));
    let scheduled = run.moment.now;
    let is_activity = resource == Resource::Activity;
    // The time of an activity's task counts from when a worker takes it.
    let progress = Progress {
        stage: Stage::Scheduled,
        secret,
        credentials,
        timeout: timeout.filter(|_| is_activity),
        heartbeat,
        beat: heartbeat.filter(|_| !is_activity).map(|_| scheduled),
        nested: None,
        report: None,
    };
    Ok(Position::Task {
        id,
        attempt: attempt.clone(),
        given: (given != attempt.input).then_some(given),
        scheduled,
        deadline: timeout.filter(|_| !is_activity).map(|seconds| after(scheduled, seconds)),
        progress: Box::new(progress),
    })
}

/// What a task is scheduled with.
struct Evaluated {
    given: Value,
    credentials: Option<Value>,
    timeout: Option<u32>,
    heartbeat: Option<u32>,
}

fn evaluate(
    run: &mut Run<'_>,
    thread: &Snapshot,
    state: &State,
    task: &TaskState,
    attempt: &Attempt,
) -> Result<Evaluated, Failure> {
    let input = run.input(thread, state, attempt)?;
    let timeout = seconds(run, thread, attempt, task.timeout.as_ref(), &input, "TimeoutSeconds")?;
    let heartbeat = seconds(run, thread, attempt, task.heartbeat.as_ref(), &input, "HeartbeatSeconds")?;
    let credentials = match &task.credentials {
        Some(template) => Some(run.evaluate(thread, attempt, template, "Credentials", &input)?),
        None => None,
    };
    let given = run.payload(thread, attempt, task.parameters.as_ref(), input)?.into_owned();
    run.fits_as_input(thread, &attempt.state, &given)?;
    Ok(Evaluated { given, credentials, timeout, heartbeat })
}

/// What a task's scheduling records: a function's and a service's task starts at once, an activity's when a worker takes
/// it.
fn scheduled_events(
    run: &mut Run<'_>,
    thread: &Snapshot,
    task: &TaskState,
    given: &Value,
    credentials: Option<&Value>,
    (timeout, heartbeat): (Option<u32>, Option<u32>),
) {
    let resource = Resource::of(&task.resource);
    let kinds = kinds(resource);
    let mut details = resource_details(resource);
    match resource {
        Resource::Lambda | Resource::Activity => {
            details.insert("resource".to_owned(), json!(task.resource));
            details.insert("input".to_owned(), given.clone());
        }
        Resource::Service { .. } | Resource::Own { .. } => {
            details.insert("parameters".to_owned(), given.clone());
            if let Some((region, _)) = thread.execution.region_and_account() {
                details.insert("region".to_owned(), json!(region));
            }
        }
    }
    if let Some(seconds) = timeout {
        details.insert("timeoutInSeconds".to_owned(), json!(seconds));
    }
    if let Some(seconds) = heartbeat.filter(|_| resource != Resource::Lambda) {
        details.insert("heartbeatInSeconds".to_owned(), json!(seconds));
    }
    if let Some(role) = credentials.and_then(|credentials| credentials.get("RoleArn")) {
        details.insert("taskCredentials".to_owned(), json!({ "roleArn": role }));
    }
    run.record(kinds.scheduled, details);
    if resource != Resource::Activity {
        run.record(kinds.started, resource_details(resource));
    }
}

fn after(from: Timestamp, seconds: u32) -> Timestamp {
    from.plus_millis(i64::from(seconds) * 1000)
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
    let Position::Task { id, attempt, given, deadline, progress, .. } = &snapshot.position else { return Vec::new() };
    let kind = machine.states(snapshot.machine).and_then(|states| states.get(&attempt.state)).map(|state| &state.kind);
    let Some(Kind::Task(task)) = kind else { return Vec::new() };
    let mut effects = Vec::new();
    if progress.stage == Stage::Scheduled {
        effects.push(Effect::InvokeTask {
            id: *id,
            state: attempt.state.clone(),
            resource: task.resource.clone(),
            input: given.as_ref().unwrap_or(&attempt.input).clone(),
        });
    }
    let timers = [*deadline, progress.heartbeat_due()].into_iter().flatten();
    effects.extend(timers.map(|at| Effect::SetTimer { id: *id, at }));
    effects
}

/// An event at a task that is out. `None`: it is late, or none of this task's business.
pub(crate) fn decide(run: &mut Run<'_>, thread: &mut Snapshot, event: Event) -> Option<Step> {
    let Position::Task { attempt, deadline, progress, .. } = thread.position.clone() else { return None };
    let now = run.moment.now;
    if let Event::TaskReported { secret, .. } = &event
        && progress.secret.as_ref() != Some(secret)
    {
        return None;
    }
    let is_over = deadline.is_some_and(|deadline| deadline <= now);
    Some(match event {
        // Whatever comes after the deadline comes too late, even when it overtook the timer.
        _ if is_over => timed_out(run, thread, &attempt),
        Event::TimerFired { .. } if progress.heartbeat_due().is_some_and(|due| due <= now) => {
            run.also_named = Some("States.HeartbeatTimeout");
            let step = timed_out(run, thread, &attempt);
            run.also_named = None;
            step
        }
        Event::TaskHeartbeat { at, .. } if progress.beat.is_some_and(|beat| beat < at) => beaten(run, thread, at),
        Event::TaskStarted { worker, .. } if progress.stage == Stage::Scheduled => {
            started(run, thread, &attempt, worker)?
        }
        Event::TaskReported { report, .. } => match progress.stage {
            Stage::Scheduled => return reported_early(run, thread, report),
            Stage::Started | Stage::Submitted => ended(run, thread, &attempt, report),
        },
        Event::TaskSubmitted { output, .. } if progress.stage == Stage::Scheduled => {
            submitted(run, thread, &attempt, *progress, output)
        }
        Event::TaskSucceeded { output, .. } if progress.stage == Stage::Scheduled => {
            ended(run, thread, &attempt, Report::Success { output })
        }
        Event::TaskFailed { failure, .. } if progress.stage == Stage::Scheduled => {
            // Whoever reported on the task had its call.
            let report = progress.report.unwrap_or(Report::Failure { failure });
            ended(run, thread, &attempt, report)
        }
        Event::TaskNotStarted { failure, .. } if progress.stage == Stage::Scheduled => {
            not_started(run, thread, &attempt, failure)
        }
        _ => return None,
    })
}

/// A worker of the activity has taken the task.
fn started(run: &mut Run<'_>, thread: &Snapshot, attempt: &Attempt, worker: Option<String>) -> Option<Step> {
    let (_, task) = find(run, thread, attempt)?;
    if Resource::of(&task.resource) != Resource::Activity {
        return None;
    }
    let mut position = thread.position.clone();
    let now = run.moment.now;
    if let Position::Task { deadline, progress, .. } = &mut position {
        progress.stage = Stage::Started;
        *deadline = progress.timeout.take().map(|seconds| after(now, seconds));
        progress.beat = progress.heartbeat.map(|_| now);
    }
    let mut details = Map::new();
    details.extend(worker.map(|worker| ("workerName".to_owned(), Value::String(worker))));
    run.record(EventType::ActivityStarted, details);
    if let Position::Task { id, deadline, progress, .. } = &position {
        let timers = [*deadline, progress.heartbeat_due()].into_iter().flatten();
        run.effects.extend(timers.map(|at| Effect::SetTimer { id: *id, at }));
    }
    Some(Step::Stand(position))
}

/// Somebody is still at it.
fn beaten(run: &mut Run<'_>, thread: &Snapshot, at: Timestamp) -> Step {
    let mut position = thread.position.clone();
    if let Position::Task { id, progress, .. } = &mut position {
        progress.beat = Some(at.min(run.moment.now));
        run.effects.extend(progress.heartbeat_due().map(|at| Effect::SetTimer { id: *id, at }));
    }
    Step::Stand(position)
}

/// The call that begins the task has answered.
fn submitted(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt, progress: Progress, output: Value) -> Step {
    let Some((_, task)) = find(run, thread, attempt) else { return lost(attempt) };
    let resource = Resource::of(&task.resource);
    let nested = match (resource, resource.pattern()) {
        (Resource::Service { service: "states", .. }, Pattern::Sync | Pattern::Sync2) => {
            output.get("ExecutionArn").and_then(Value::as_str).map(ToOwned::to_owned)
        }
        _ => None,
    };
    let mut details = resource_details(resource);
    details.insert("output".to_owned(), output);
    run.record(EventType::TaskSubmitted, details);
    let mut position = thread.position.clone();
    if let Position::Task { progress, .. } = &mut position {
        progress.stage = Stage::Submitted;
        progress.nested = nested;
    }
    match progress.report {
        Some(report) => {
            thread.position = position;
            ended(run, thread, attempt, report)
        }
        None => Step::Stand(position),
    }
}

/// The end was reported before the answer of the call that begins the task: kept until that comes, so that the history
/// is in order.
fn reported_early(run: &mut Run<'_>, thread: &Snapshot, report: Report) -> Option<Step> {
    let mut position = thread.position.clone();
    let Position::Task { attempt, progress, .. } = &mut position else { return None };
    let (_, task) = find(run, thread, attempt)?;
    if progress.report.is_some() || !Resource::of(&task.resource).pattern().outlasts_call() {
        return None;
    }
    progress.report = Some(report);
    Some(Step::Stand(position))
}

/// The task has ended.
pub(crate) fn ended(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt, report: Report) -> Step {
    let Some((state, task)) = find(run, thread, attempt) else { return lost(attempt) };
    let resource = Resource::of(&task.resource);
    let mut details = resource_details(resource);
    match report {
        Report::Success { output } => {
            let name = match resource {
                Resource::Service { service, .. } => service,
                Resource::Lambda | Resource::Activity | Resource::Own { .. } => &task.resource,
            };
            if let Err(failure) = run.fits(thread, name, &output) {
                run.record(kinds(resource).failed, failed_details(&failure, details));
                return run.fail(thread, state, attempt, failure, &task.retry, &task.catch);
            }
            details.insert("output".to_owned(), output.clone());
            run.record(kinds(resource).succeeded, details);
            run.complete(thread, state, attempt, output, task.result_selector.as_ref(), &task.result_path)
                .unwrap_or_else(|failure| run.fail(thread, state, attempt, failure, &task.retry, &task.catch))
        }
        Report::Failure { failure } => {
            let was_submitted =
                matches!(&thread.position, Position::Task { progress, .. } if progress.stage == Stage::Submitted);
            let is_call = resource.pattern().outlasts_call() && !was_submitted;
            let kind = if is_call { EventType::TaskSubmitFailed } else { kinds(resource).failed };
            run.record(kind, failed_details(&failure, details));
            run.fail(thread, state, attempt, failure, &task.retry, &task.catch)
        }
    }
}

/// The task could not be begun.
fn not_started(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt, failure: Failure) -> Step {
    let Some((state, task)) = find(run, thread, attempt) else { return lost(attempt) };
    let resource = Resource::of(&task.resource);
    let kind = match resource {
        Resource::Lambda => EventType::LambdaFunctionStartFailed,
        Resource::Activity | Resource::Service { .. } | Resource::Own { .. } => EventType::TaskStartFailed,
    };
    run.record(kind, failed_details(&failure, resource_details(resource)));
    run.fail(thread, state, attempt, failure, &task.retry, &task.catch)
}

/// The task's time ran out.
fn timed_out(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt) -> Step {
    let Some((state, task)) = find(run, thread, attempt) else { return lost(attempt) };
    run.give_up(thread);
    let failure = Failure { error: Some("States.Timeout".to_owned()), cause: None };
    let resource = Resource::of(&task.resource);
    run.record(kinds(resource).timed_out, failed_details(&failure, resource_details(resource)));
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

/// The types of a task's events.
struct Kinds {
    scheduled: EventType,
    started: EventType,
    succeeded: EventType,
    failed: EventType,
    timed_out: EventType,
}

const fn kinds(resource: Resource<'_>) -> Kinds {
    match resource {
        Resource::Lambda => Kinds {
            scheduled: EventType::LambdaFunctionScheduled,
            started: EventType::LambdaFunctionStarted,
            succeeded: EventType::LambdaFunctionSucceeded,
            failed: EventType::LambdaFunctionFailed,
            timed_out: EventType::LambdaFunctionTimedOut,
        },
        Resource::Activity => Kinds {
            scheduled: EventType::ActivityScheduled,
            started: EventType::ActivityStarted,
            succeeded: EventType::ActivitySucceeded,
            failed: EventType::ActivityFailed,
            timed_out: EventType::ActivityTimedOut,
        },
        Resource::Service { .. } | Resource::Own { .. } => Kinds {
            scheduled: EventType::TaskScheduled,
            started: EventType::TaskStarted,
            succeeded: EventType::TaskSucceeded,
            failed: EventType::TaskFailed,
            timed_out: EventType::TaskTimedOut,
        },
    }
}

/// `resourceType` and `resource` of a task's events: the service and what it does. `arn:aws:states:::sqs:sendMessage`
/// gives `sqs` and `sendMessage`, `millrace:agent:pm` gives `millrace:agent` and `pm`. The events of functions and
/// activities have neither.
fn resource_details(resource: Resource<'_>) -> Map<String, Value> {
    let mut details = Map::new();
    let (kind, name) = match resource {
        Resource::Lambda | Resource::Activity => return details,
        Resource::Service { service, resource, .. } => (service, resource),
        Resource::Own { kind, name } => (kind, name),
    };
    details.insert("resourceType".to_owned(), json!(kind));
    details.insert("resource".to_owned(), json!(name));
    details
}
