//! The queues as operators see them: how full they are, which messages were given up and why, and what becomes of those.
//!
//! Queues are the deployment's: a message may be any owner's. Who may look is decided before this module.

use futures_util::future::{join_all, try_join_all};
use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::executions::LogId;
use crate::ids::ExecutionId;
use crate::keys;
use crate::ports::{
    Clock, Condition, DeadLetter, Letters, MessageQueues, Page, Ports, Queue, QueueDepth, Record, RecordKey,
    RecordStore, StoreError, Write,
};

/// How long the reason of a dead letter is kept: a day longer than SQS keeps the message.
const KEPT_SECONDS: f64 = 15.0 * 24.0 * 3600.0;

/// So many characters of an error are kept.
const MOST_TEXT: usize = 2_000;

/// The code of a worker that ended in the middle of a message without an error.
pub const PANICKED: &str = "panicked";

/// Why a message was given up, as its worker told at the last delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The error's code, or [`PANICKED`].
    pub code: String,
    /// The error with its causes, for operators.
    pub text: String,
    /// When it failed.
    pub at: Timestamp,
}

/// A dead letter with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The message.
    pub message: DeadLetter,
    /// What it is, by its own word: `task`, `timer`…; `None` where it can't be read.
    pub kind: Option<String>,
    /// The execution that it moves.
    pub execution: Option<ExecutionId>,
    /// The resource of a task.
    pub resource: Option<String>,
    /// Why it was given up. `None`: its worker said nothing, as after a timeout or a crash.
    pub reason: Option<Reason>,
}

/// The queue of that name.
///
/// # Errors
/// [`Error::NotFound`].
pub fn find(name: &str) -> Result<Queue, Error> {
    let found = Queue::ALL.into_iter().find(|queue| queue.name() == name);
    found.ok_or_else(|| Error::NotFound { kind: "queue", id: name.chars().take(80).collect() })
}

/// How full each queue is.
///
/// # Errors
/// [`Error::Store`].
pub async fn list_queues<P: Ports>(ports: &P) -> Result<Vec<(Queue, QueueDepth)>, Error> {
    let depth = async |queue| Ok::<_, Error>((queue, ports.queues().depth(queue).await?));
    try_join_all(Queue::ALL.into_iter().map(depth)).await
}

/// A page of the dead letters of a queue.
///
/// # Errors
/// [`Error::Store`], with [`StoreError::InvalidCursor`] for a cursor of another queue.
pub async fn list_dead_letters<P: Ports>(
    ports: &P,
    queue: Queue,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<Letter>, Error> {
    let page = ports.queues().dead_letters(queue, cursor, limit).await?;
    let letters = join_all(page.items.into_iter().map(|message| explain(ports, queue, message))).await;
    Ok(Page { items: letters.into_iter().collect::<Result<_, _>>()?, next: page.next })
}

/// A dead letter.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Store`].
pub async fn get_dead_letter<P: Ports>(ports: &P, queue: Queue, id: &str) -> Result<Letter, Error> {
    match ports.queues().dead_letter(queue, id).await? {
        Some(message) => explain(ports, queue, message).await,
        None => Err(absent(id)),
    }
}

/// Sends dead letters back to their queue; answers about how many.
///
/// # Errors
/// [`Error::Store`].
pub async fn redrive_dead_letters<P: Ports>(ports: &P, queue: Queue, which: &Letters) -> Result<u64, Error> {
    let moved = ports.queues().redrive(queue, which).await?;
    tracing::info!(queue = queue.name(), count = moved, "dead letters were sent back");
    Ok(moved)
}

/// Deletes dead letters for good; answers about how many.
///
/// # Errors
/// [`Error::NotFound`] for a single one that is not there; [`Error::Store`].
pub async fn delete_dead_letters<P: Ports>(ports: &P, queue: Queue, which: &Letters) -> Result<u64, Error> {
    let deleted = ports.queues().delete_dead_letters(queue, which).await?;
    tracing::info!(queue = queue.name(), count = deleted, "dead letters were deleted");
    if let Letters::Of(ids) = which {
        if let (0, Some(id), 1) = (deleted, ids.first(), ids.len()) {
            return Err(absent(id));
        }
        let forget = |id: &String| Write::Delete(reason_key(queue, id), Condition::Any);
        ports.records().write(ids.iter().take(100).map(forget).collect()).await?;
    }
    Ok(deleted)
}

/// Notes why a message is given up. A second failure here only leaves it unsaid.
pub async fn note_reason<P: Ports>(ports: &P, queue: Queue, message: &str, code: &str, error: &str) {
    let at = ports.clock().now();
    let reason = Reason { code: code.to_owned(), text: error.chars().take(MOST_TEXT).collect(), at };
    let noted = async {
        let record = Record {
            key: reason_key(queue, message),
            version: 0,
            body: serde_json::to_value(&reason).map_err(Error::internal)?,
            listings: Vec::new(),
            expires_at: Some(at.plus_seconds(KEPT_SECONDS)),
        };
        ports.records().write(vec![Write::Put(record, Condition::Any)]).await.map_err(Error::from)
    };
    if let Err(problem) = noted.await {
        tracing::warn!(queue = queue.name(), message_id = message, error = %problem, "a reason could not be noted");
    }
}

/// An error with its causes. What hides them from other callers is left out.
pub(crate) fn told(error: &Error) -> String {
    let source = std::error::Error::source(error);
    let outer: &dyn std::error::Error = match (error, source) {
        (Error::Store(inside), _) => inside,
        (Error::Internal(_), Some(inside)) => inside,
        _ => error,
    };
    let mut text = outer.to_string();
    let mut cause = outer.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

fn absent(id: &str) -> Error {
    Error::NotFound { kind: "dead letter", id: id.chars().take(80).collect() }
}

fn reason_key(queue: Queue, message: &str) -> RecordKey {
    keys::dead_letter(queue.name(), message)
}

async fn explain<P: Ports>(ports: &P, queue: Queue, message: DeadLetter) -> Result<Letter, Error> {
    let key = reason_key(queue, &message.id);
    let stored = ports.records().get(&key).await?;
    let read = |record: Record| {
        serde_json::from_value::<Reason>(record.body)
            .map_err(|error| StoreError::corrupt("a dead letter's reason", error))
    };
    let reason = stored.map(read).transpose()?;
    // One from before it was sent back says nothing of this time.
    let reason = reason.filter(|reason| message.first_received_at.is_none_or(|first| reason.at >= first));
    let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let log = body.get("log").cloned().and_then(|log| serde_json::from_value::<LogId>(log).ok());
    Ok(Letter {
        kind: text("type"),
        execution: log.map(|log| log.execution),
        resource: text("resource"),
        reason,
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_told_without_what_hides_it() {
        let store = StoreError::unavailable("RecordStore::get", "no route to host");
        assert_eq!(told(&store.into()), "RecordStore::get is unavailable: no route to host");
        assert_eq!(told(&Error::internal("it contradicts itself")), "it contradicts itself");
        assert_eq!(told(&Error::WrongState("it has ended".to_owned())), "it has ended");
    }

    #[test]
    fn queues_are_found_by_their_names() {
        assert!(Queue::ALL.into_iter().all(|queue| find(queue.name()).ok() == Some(queue)));
        assert!(matches!(find("Engine"), Err(Error::NotFound { kind: "queue", .. })));
    }
}
