//! The messages between workers and orchestrator. A store keeps them as JSON text; old ones must stay readable.

use millrace_asl::definition::Resource;
use millrace_asl::map_run::Work;
use millrace_asl::{Failure, HistoryEvent, Snapshot, StepId, Timestamp};
use serde::{Deserialize, Serialize};

use super::advance::After;
use super::body::Header;
use super::log::LogId;
use crate::builtins;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::functions::function_of;
use crate::ids::{ScheduleId, WebhookEventId};
use crate::models::{MODEL_TASK, OUTCOME_TASK};
use crate::ports::{OutgoingMessage, Queue};

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
    pub(crate) fn outgoing(&self, name: &str, deliver_at: Option<Timestamp>) -> Result<OutgoingMessage, Error> {
        let mut body = serde_json::to_string(self).map_err(Error::internal)?;
        if body.len() > OutgoingMessage::MAX_BYTES
            && let Self::Task(task) = self
        {
            let mut lean = task.clone();
            lean.carried = None;
            body = serde_json::to_string(&Self::Task(lean)).map_err(Error::internal)?;
        }
        let name = sha256_hex(name.as_bytes()).chars().take(40).collect();
        Ok(OutgoingMessage { name, body, deliver_at })
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
