//! The engine's side of a message.

use millrace_asl::Event;
use millrace_asl::map_run::Work;

use super::advance::{Advanced, After, Thread, advance};
use super::messages::{Message, TaskMessage};
use super::record::{self, ExecutionStatus, Stuck};
use super::{callbacks, close, control, load, parent, sweep};
use crate::error::Error;
use crate::origin::Origin;
use crate::ports::{Clock, Condition, Delivery, Ports, Queue, RecordStore, Write};
use crate::traces::{self, Kind};
use crate::workers::{Executor, Task, TaskError, TaskResult, event_of, task_of, work_task};
use crate::{limits, map_runs, schedules, webhooks};

/// Handles one message to its end.
pub(crate) async fn handle<P: Ports, E: Executor>(ports: &P, executor: &E, delivery: &Delivery) -> Result<(), Error> {
    let message: Message = serde_json::from_str(&delivery.body).map_err(Error::internal)?;
    let came_before = delivery.receive_count > 1;
    match message {
        Message::Task(task) => do_task(ports, executor, *task, came_before).await,
        Message::Timer { log, id, at, beats } => {
            if beats {
                callbacks::bring_heartbeat(ports, &log, id).await?;
            }
            let after = After { at, tick: 0 };
            let advanced = advance(ports, &log, Event::TimerFired { id }, None, after).await?;
            repair_if(ports, came_before, advanced).await
        }
        Message::Join { log, fanout } => {
            let advanced = close::join(ports, &log, fanout).await?;
            repair_if(ports, came_before, advanced).await
        }
        Message::Admit { owner, key, at, forced } => limits::admit(ports, owner, key, at, forced || came_before).await,
        Message::Schedule { id, edition, at } => {
            // Nobody asked for it now: it begins a trace.
            let mut turn = traces::request(|| None, Kind::Consumer, || "schedule".to_owned());
            turn.note("millrace.schedule.id", || id.to_string());
            turn.scope(Box::pin(schedules::wake(ports, &id, edition, at, came_before))).await
        }
        Message::Turn { log, fanout, children } => {
            for advanced in control::turn_children(ports, &log, fanout, &children).await? {
                repair_if(ports, came_before, advanced).await?;
            }
            Ok(())
        }
        // Boxed: it may start executions.
        Message::Webhook { event, replay } => Box::pin(webhooks::dispatch(ports, &event, replay)).await,
        Message::StopNested { execution, .. } => parent::stop_unawaited(ports, &parent::id_of(&execution)).await,
        Message::AbortChildren { log, fanout, children, failure, after } => {
            control::abort_children(ports, &log, fanout, &children, &failure, after).await
        }
    }
}

async fn do_task<P: Ports, E: Executor>(
    ports: &P,
    executor: &E,
    message: TaskMessage,
    came_before: bool,
) -> Result<(), Error> {
    let TaskMessage { log, id, resource, carried } = message;
    let carried = carried.map(|carried| Thread::carried(log.clone(), carried));
    let thread = match carried {
        // The first time nothing is read: what the message carries is the newest, or the commit fails.
        Some(thread) if !came_before => thread,
        _ => match load::load(ports, &log).await? {
            Some(thread) => thread,
            None => return Ok(()),
        },
    };
    if let Some(work) = map_runs::work_at(&thread, id) {
        let result = match work {
            Work::Split | Work::Load => Box::pin(map_runs::perform(ports, &thread)).await,
            Work::Read | Work::Write => {
                Box::pin(map_runs::note_begin(ports, &thread)).await?;
                let task = work_task(&thread, id, work);
                execute(ports, executor, &task).await
            }
        };
        let event = event_of(id, work.resource(), result)?;
        let advanced = advance(ports, &log, event, Some(thread), After::default()).await?;
        return repair_if(ports, came_before, advanced).await;
    }
    let header = thread.header.clone();
    let task = task_of(&log, id, &resource, &header.owner, header.project.as_ref(), &thread.snapshot);
    let Some(task) = task else { return repair_if(ports, came_before, Advanced::Late(Box::new(thread))).await };
    let result = execute(ports, executor, &task).await;
    let event = event_of(id, &task.resource, result)?;
    let nested = match &event {
        Event::TaskSubmitted { output, .. } => {
            output.get("ExecutionArn").and_then(serde_json::Value::as_str).map(parent::id_of)
        }
        _ => None,
    };
    let advanced = advance(ports, &log, event, Some(thread), After::default()).await?;
    if let (Some(nested), Advanced::Late(_) | Advanced::Gone) = (nested, &advanced) {
        // The task may have been given up while it was begun.
        parent::stop_unawaited(ports, &nested).await?;
    }
    repair_if(ports, came_before, advanced).await
}

/// Has a task done, with its name in the log's lines and in its trace.
async fn execute<P: Ports, E: Executor>(ports: &P, executor: &E, task: &Task) -> Result<TaskResult, TaskError> {
    let agent = task.resource.strip_prefix("millrace:agent:");
    let mut span = traces::within(Origin::span(), Kind::Internal, || match agent {
        Some(agent) => format!("invoke_agent {agent}"),
        None => "task".to_owned(),
    });
    if let Some(agent) = agent {
        span.note("gen_ai.operation.name", || "invoke_agent");
        span.note("gen_ai.agent.name", || agent);
    }
    span.note("millrace.state", || task.state.as_str());
    span.note("millrace.resource", || task.resource.as_str());
    let (lines, began) = (span_of(task), ports.clock().now());
    let done = span.scope(tracing::Instrument::instrument(executor.execute(ports, task), lines.clone())).await;
    let _entered = lines.entered();
    let millis = ports.clock().now().millis().saturating_sub(began.millis());
    match &done {
        Ok(_) => tracing::debug!(millis, "did a task"),
        // The cause is in the history, for whoever may read that.
        Err(TaskError::Failed(failure) | TaskError::NotStarted(failure)) => {
            tracing::debug!(millis, error = failure.error.as_deref().unwrap_or("failed"), "a task failed");
        }
        Err(TaskError::Unable(error)) => tracing::debug!(millis, code = error.code(), "a task could not be done"),
    }
    match &done {
        Ok(_) => {}
        Err(TaskError::Failed(failure) | TaskError::NotStarted(failure)) => {
            span.fail(failure.error.as_deref().unwrap_or("failed"));
        }
        Err(TaskError::Unable(error)) => span.fail(error.code()),
    }
    done
}

fn span_of(task: &Task) -> tracing::Span {
    tracing::info_span!(
        "task",
        execution_id = %task.execution,
        project_id = task.project.as_ref().map(tracing::field::display),
        state = task.state,
        resource = task.resource,
    )
}

/// A message that came before may have been committed by a worker that died before it sent what follows. One that comes
/// for the first time is a copy: what follows from it was sent with another, and would be sent again with every copy.
async fn repair_if<P: Ports>(ports: &P, came_before: bool, advanced: Advanced) -> Result<(), Error> {
    match advanced {
        Advanced::Late(thread) if came_before => sweep::repair(ports, &thread).await,
        Advanced::Late(_) | Advanced::Committed | Advanced::Gone => Ok(()),
    }
}

/// Says on the execution that one of its messages is given up. A second failure here only leaves it unsaid.
pub(crate) async fn note_dead_letter<P: Ports>(ports: &P, queue: Queue, delivery: &Delivery, error: &Error) {
    let Ok(message) = serde_json::from_str::<Message>(&delivery.body) else { return };
    let log = match &message {
        Message::Task(task) => &task.log,
        Message::Timer { log, .. } | Message::Join { log, .. } => log,
        Message::Turn { log, .. } | Message::StopNested { log, .. } | Message::AbortChildren { log, .. } => log,
        Message::Admit { .. } | Message::Schedule { .. } => return,
        Message::Webhook { event, replay } => return webhooks::give_up(ports, event, *replay, error).await,
    };
    let noted = async {
        let stored = record::load(ports, &log.execution).await?;
        let running = stored.filter(|stored| stored.execution.status == ExecutionStatus::Running);
        let Some(mut stored) = running else { return Ok(()) };
        stored.execution.stuck =
            Some(Stuck { queue: queue.name().to_owned(), since: ports.clock().now(), error: error.code().to_owned() });
        let write = Write::Put(stored.record(ports.retention())?, Condition::Version(stored.version));
        ports.records().write(vec![write]).await.map_err(Error::from)
    };
    if let Err(problem) = noted.await {
        tracing::warn!(execution_id = %log.execution, error = %problem, "a dead letter could not be noted");
    }
}
