//! The messages between workers and orchestrator. A store keeps them as JSON text; old ones must stay readable.

use std::sync::Arc;

use millrace_asl::definition::Resource;
use millrace_asl::map_run::Work;
use millrace_asl::{Failure, HistoryEvent, Snapshot, StepId, Timestamp};
use serde::{Deserialize, Serialize};

use super::advance::{After, Thread};
use super::body::Header;
use super::log::LogId;
use crate::builtins;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::functions::function_of;
use crate::ids::{ExecutionId, ProjectId, ScheduleId, WebhookEventId};
use crate::models::{MODEL_TASK, OUTCOME_TASK};
use crate::origin::Origin;
use crate::ports::{OutgoingMessage, Queue};
use crate::traces::SpanContext;

/// A message of the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Message {
    /// Do a task. To the queue of whoever does it.
    Task(Box<TaskMessage>),
    /// A timer's time has come. Whoever's clock says that it is earlier is mistaken.
    Timer {
        log: LogId,
        id: StepId,
        #[serde(default)]
        at: Timestamp,
        /// Heartbeats may have put it off.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        beats: bool,
    },
    /// All children of a fan-out have ended: join them.
    Join { log: LogId, fanout: u32 },
    /// Let in who waits at a limit.
    Admit {
        owner: String,
        key: String,
        /// The time that was waited for.
        #[serde(default)]
        at: Timestamp,
        /// An earlier one may have been lost.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        forced: bool,
    },
    /// A schedule is to be looked at.
    Schedule { id: ScheduleId, edition: u64, at: Timestamp },
    /// Pause or resume children as their parent is.
    Turn { log: LogId, fanout: u32, children: Vec<u32> },
    /// Match an event of a webhook with the rules, and start what they name.
    Webhook {
        event: WebhookEventId,
        /// 0 for the receipt, then one more for each replay.
        #[serde(default)]
        replay: u32,
    },
    /// Stop an execution that was started for a task, if no task waits for it any more.
    StopNested { log: LogId, execution: String },
    /// Stop children that nobody waits for any more.
    AbortChildren {
        log: LogId,
        fanout: u32,
        children: Vec<u32>,
        failure: Failure,
        #[serde(default)]
        after: After,
    },
}

/// A task with all that its worker needs to commit its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskMessage {
    pub(crate) log: LogId,
    pub(crate) id: StepId,
    pub(crate) resource: String,
    /// Left out where the message would be too large: then the worker reads the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) carried: Option<Carried>,
}

/// What a log's newest entry says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Carried {
    #[serde(flatten)]
    pub(crate) header: Header,
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) tick: u64,
    #[serde(rename = "snap")]
    pub(crate) snapshot: Snapshot,
    /// History that the next entry must take along, since entry 0 of a child is not written.
    #[serde(rename = "hist", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unwritten: Vec<HistoryEvent>,
}

impl Message {
    /// The message as it is sent. `name` tells the same message again when it is sent again.
    pub(crate) fn outgoing(
        &self,
        envelope: Envelope,
        name: &str,
        deliver_at: Option<Timestamp>,
    ) -> Result<OutgoingMessage, Error> {
        let envelope = envelope.text()?;
        let text = |message: &Self| -> Result<String, Error> {
            let text = serde_json::to_string(message).map_err(Error::internal)?;
            Ok(match text.strip_prefix('{') {
                Some(members) if !envelope.is_empty() => format!("{ENVELOPE}{envelope},{members}"),
                _ => text,
            })
        };
        let mut body = text(self)?;
        if body.len() > OutgoingMessage::MAX_BYTES
            && let Self::Task(task) = self
        {
            let mut lean = task.clone();
            lean.carried = None;
            body = text(&Self::Task(lean))?;
        }
        let name = sha256_hex(name.as_bytes()).chars().take(40).collect();
        Ok(OutgoingMessage { name, body, deliver_at })
    }
}

/// With what a message begins that has an envelope. Nothing else that is sent begins so.
const ENVELOPE: &str = "{\"of\":";

/// What a message says of itself before its content, so that whoever takes it can tell without reading that. It decides
/// nothing: a message without one is handled the same way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// The request that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Arc<str>>,
    /// The execution that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) execution: Option<ExecutionId>,
    /// The project whose delivery that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<ProjectId>,
    /// The span that its handling is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) span: Option<SpanContext>,
}

impl Envelope {
    /// Of a message that belongs to no execution.
    pub(crate) fn here() -> Self {
        let Origin { request, span } = Origin::current();
        Self { request, span, ..Self::default() }
    }

    /// Of a message for a thread, or for another of the same execution.
    pub(crate) fn of(thread: &Thread) -> Self {
        Self {
            request: Origin::current().request,
            execution: Some(thread.log.execution.clone()),
            project: thread.header.project.clone(),
            span: thread.header.span.map(|span| span.context),
        }
    }

    /// As JSON; empty where there is nothing to say.
    fn text(&self) -> Result<String, Error> {
        if *self == Self::default() { Ok(String::new()) } else { serde_json::to_string(self).map_err(Error::internal) }
    }

    /// That of a message's body, of which no more is read; an empty one where it has none.
    pub(crate) fn read(body: &str) -> Self {
        let Some(text) = body.strip_prefix(ENVELOPE) else { return Self::default() };
        serde_json::Deserializer::from_str(text).into_iter().next().and_then(Result::ok).unwrap_or_default()
    }
}

/// The queue whose function does tasks of that resource.
pub(crate) fn queue_of(resource: &str) -> Option<Queue> {
    match resource {
        "millrace:agent:pm" | "millrace:approval" => Some(Queue::Pm),
        "millrace:agent:dev" => Some(Queue::Dev),
        "millrace:agent:qa" => Some(Queue::Qa),
        "millrace:agent:ops" => Some(Queue::Ops),
        MODEL_TASK | OUTCOME_TASK => Some(Queue::Models),
        other => match Resource::of(other) {
            Resource::Own { .. } if let Some(work) = Work::of(other) => Some(match work {
                Work::Split | Work::Load => Queue::Engine,
                Work::Read | Work::Write => Queue::Integrations,
            }),
            Resource::Own { .. } if function_of(other).is_some() => Some(Queue::Functions),
            Resource::Own { .. } if builtins::does(other) => Some(Queue::Integrations),
            Resource::Lambda | Resource::Service { .. } => Some(Queue::Integrations),
            Resource::Activity | Resource::Own { .. } => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_stands_before_its_message_and_is_read_alone() {
        let message = Message::Join { log: LogId::root(ExecutionId::derived("x")), fanout: 3 };
        let envelope = Envelope {
            request: Some("a \"request\"".into()),
            execution: Some(ExecutionId::derived("x")),
            project: None,
            span: "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7".parse().ok(),
        };
        let sent = message.outgoing(envelope.clone(), "n", None).unwrap();
        assert_eq!(Envelope::read(&sent.body), envelope);
        assert_eq!(serde_json::from_str::<Message>(&sent.body).unwrap(), message);
        assert_eq!(sent.span(), envelope.span);
        // One that was sent before there were envelopes, and what is none.
        let plain = message.outgoing(Envelope::default(), "n", None).unwrap();
        assert_eq!(plain.body, serde_json::to_string(&message).unwrap());
        for body in [plain.body.as_str(), "", "{\"of\":", "{\"of\":7,\"type\":\"join\"}"] {
            assert_eq!(Envelope::read(body), Envelope::default());
        }
    }
}
