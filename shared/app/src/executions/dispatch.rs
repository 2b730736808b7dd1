//! Effects become messages.

use std::collections::BTreeMap;

use millrace_asl::definition::Resource;
use millrace_asl::{Effect, Fanout, Position, StepId};

use super::advance::{After, Thread};
use super::control::parent_ended;
use super::messages::{Carried, Envelope, Message, TaskMessage, queue_of};
use crate::activities;
use crate::error::Error;
use crate::map_runs;
use crate::ports::{Condition, MessageQueues, OutgoingMessage, Ports, Queue, Record, RecordStore, Write};

/// Children that one message stops, pauses or resumes: so many that its receiver gets done in time.
const ABORTED_AT_ONCE: usize = 100;

/// Sends what a decision wants done. All of it may be sent again.
pub(crate) async fn send<P: Ports>(ports: &P, thread: &Thread, effects: Vec<Effect>) -> Result<(), Error> {
    let (ended, effects): (Vec<_>, Vec<_>) =
        effects.into_iter().partition(|effect| matches!(effect, Effect::MapRunEnded { .. }));
    let mut out = Outgoing::default();
    collect(thread, effects, &mut out)?;
    for (queue, messages) in out.messages {
        ports.queues().send(queue, messages).await?;
    }
    for effect in ended {
        if let Effect::MapRunEnded { run, status } = effect {
            Box::pin(map_runs::note_end(ports, thread, &run, status)).await?;
        }
    }
    for task in out.activity_tasks {
        ports.records().write(vec![Write::Put(task, Condition::Any)]).await?;
    }
    Ok(())
}

/// What leaves after a commit.
#[derive(Debug, Default)]
struct Outgoing {
    messages: BTreeMap<Queue, Vec<OutgoingMessage>>,
    activity_tasks: Vec<Record>,
}

fn has_heartbeat(thread: &Thread, step: StepId) -> bool {
    matches!(
        &thread.snapshot.position,
        Position::Task { id, progress, .. } if *id == step && progress.heartbeat.is_some()
    )
}

fn collect(thread: &Thread, effects: Vec<Effect>, out: &mut Outgoing) -> Result<(), Error> {
    let log = &thread.log;
    for effect in effects {
        let (queue, message) = match effect {
            Effect::InvokeTask { id, resource, .. } if Resource::of(&resource) == Resource::Activity => {
                out.activity_tasks.push(activities::waiting_task(&resource, thread, id)?);
                continue;
            }
            Effect::InvokeTask { id, resource, .. } => {
                let carried = Carried {
                    header: thread.header.clone(),
                    seq: thread.seq,
                    at: thread.at,
                    tick: thread.tick,
                    snapshot: thread.snapshot.clone(),
                    unwritten: thread.unwritten.clone(),
                };
                // A resource that nobody does was refused when the execution was started.
                let queue = queue_of(&resource).unwrap_or(Queue::Engine);
                let task = TaskMessage { log: log.clone(), id, resource, carried: Some(carried) };
                (
                    queue,
                    Message::Task(Box::new(task)).outgoing(Envelope::of(thread), &format!("task {log} {id}"), None)?,
                )
            }
            Effect::SetTimer { id, at } => {
                let message = Message::Timer { log: log.clone(), id, at, beats: has_heartbeat(thread, id) };
                let later = (at > thread.at).then_some(at);
                // A task has two timers, and each heartbeat's is another.
                (Queue::Engine, message.outgoing(Envelope::of(thread), &format!("timer {log} {id} {at}"), later)?)
            }
            Effect::StartChild { fanout, index, mut decision } => {
                let effects = std::mem::take(&mut decision.effects);
                let child = Thread::implied(thread, fanout, index, *decision);
                collect(&child, effects, out)?;
                continue;
            }
            Effect::JoinChildren { fanout } => {
                let message = Message::Join { log: log.clone(), fanout };
                (Queue::Engine, message.outgoing(Envelope::of(thread), &format!("join {log} {fanout}"), None)?)
            }
            Effect::StopExecution { execution } => {
                let name = format!("stop {log} {execution}");
                (
                    Queue::Engine,
                    Message::StopNested { log: log.clone(), execution }.outgoing(Envelope::of(thread), &name, None)?,
                )
            }
            Effect::MapRunEnded { .. } => continue,
            Effect::TurnChildren { fanout } => {
                let children = thread.snapshot.fanout().map(Fanout::out).unwrap_or_default();
                for children in children.chunks(ABORTED_AT_ONCE) {
                    let first = children.first().copied().unwrap_or_default();
                    let name = format!("turn {log} {fanout} {} {first}", thread.snapshot.turn);
                    let message = Message::Turn { log: log.clone(), fanout, children: children.to_vec() };
                    out.messages.entry(Queue::Engine).or_default().push(message.outgoing(
                        Envelope::of(thread),
                        &name,
                        None,
                    )?);
                }
                continue;
            }
            Effect::AbortChildren { fanout, children } => {
                for children in children.chunks(ABORTED_AT_ONCE) {
                    let name = format!("abort {log} {fanout} {}", children.first().copied().unwrap_or_default());
                    let message = Message::AbortChildren {
                        log: log.clone(),
                        fanout,
                        children: children.to_vec(),
                        failure: parent_ended(),
                        after: After { at: thread.at, tick: thread.tick },
                    };
                    out.messages.entry(Queue::Engine).or_default().push(message.outgoing(
                        Envelope::of(thread),
                        &name,
                        None,
                    )?);
                }
                continue;
            }
        };
        out.messages.entry(queue).or_default().push(message);
    }
    Ok(())
}
