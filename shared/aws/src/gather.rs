//! Sends of one invocation share requests.
//!
//! A function handles the messages of a batch at the same time, and each sends what follows from it. Who sends first
//! waits a moment for the others and sends for all: ten messages are one request of SQS instead of ten.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_app::ports::{OutgoingMessage, Queue, StoreError, StoreResult};
use tokio::sync::oneshot;

/// How long the first one waits: about as much as writes to DynamoDB that began together end apart.
const MOMENT: Duration = Duration::from_millis(3);

/// Messages with their delays in seconds.
pub(crate) type Messages = Vec<(OutgoingMessage, i32)>;

/// What is about to be sent to a queue.
#[derive(Debug, Default)]
struct Waiting {
    messages: Messages,
    others: Vec<oneshot::Sender<Option<Arc<StoreError>>>>,
}

/// Gathers sends by queue.
#[derive(Debug, Default)]
pub(crate) struct Gather(Mutex<HashMap<Queue, Waiting>>);

#[derive(Debug, thiserror::Error)]
#[error("the request that carried the messages failed")]
struct Shared(#[source] Arc<StoreError>);

impl Gather {
    fn queues(&self) -> MutexGuard<'_, HashMap<Queue, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends messages by `send`, perhaps with others' or by another's call.
    pub(crate) async fn send<F, S>(&self, queue: Queue, messages: Messages, send: S) -> StoreResult<()>
    where
        F: Future<Output = StoreResult<()>>,
        S: FnOnce(Messages) -> F,
    {
        const SEND: &str = "MessageQueues::send";
        let joined = {
            let mut queues = self.queues();
            match queues.get_mut(&queue) {
                Some(waiting) => {
                    let (sender, sent) = oneshot::channel();
                    waiting.messages.extend(messages);
                    waiting.others.push(sender);
                    Some(sent)
                }
                None => {
                    queues.insert(queue, Waiting { messages, others: Vec::new() });
                    None
                }
            }
        };
        if let Some(sent) = joined {
            return match sent.await {
                Ok(None) => Ok(()),
                Ok(Some(error)) => Err(StoreError::unavailable(SEND, Shared(error))),
                Err(_) => Err(StoreError::unavailable(SEND, "the call that carried the messages was given up")),
            };
        }
        // Whatever ends this call early must not leave others behind it.
        let guard = Leading { gather: self, queue };
        tokio::time::sleep(MOMENT).await;
        let Waiting { messages, others } = guard.take();
        let answer = send(messages).await;
        match answer {
            Ok(()) => {
                others.into_iter().for_each(|other| drop(other.send(None)));
                Ok(())
            }
            Err(error) if others.is_empty() => Err(error),
            Err(error) => {
                let error = Arc::new(error);
                others.into_iter().for_each(|other| drop(other.send(Some(Arc::clone(&error)))));
                Err(StoreError::unavailable(SEND, Shared(error)))
            }
        }
    }
}

/// The call that sends for all.
struct Leading<'a> {
    gather: &'a Gather,
    queue: Queue,
}

impl Leading<'_> {
    fn take(self) -> Waiting {
        self.gather.queues().remove(&self.queue).unwrap_or_default()
        // Dropped now, with nothing left to remove.
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.gather.queues().remove(&self.queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str) -> Messages {
        vec![(OutgoingMessage { name: name.into(), body: name.into(), deliver_at: None }, 0)]
    }

    #[tokio::test]
    async fn what_is_sent_together_goes_in_one_request() {
        let (gather, requests) = (Gather::default(), Mutex::new(Vec::new()));
        let send = |messages: Messages| {
            requests.lock().unwrap().push(messages.len());
            async { Ok(()) }
        };
        let ended =
            futures_util::future::join_all(["a", "b", "c"].map(|name| gather.send(Queue::Pm, message(name), send)));
        let (ended, other) = tokio::join!(ended, gather.send(Queue::Qa, message("d"), send));
        assert!(other.is_ok() && ended.into_iter().all(|one| one.is_ok()));
        gather.send(Queue::Pm, message("e"), send).await.unwrap();
        let mut requests = requests.into_inner().unwrap();
        requests.sort_unstable();
        assert_eq!(requests, [1, 1, 3]);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_and_a_call_that_is_given_up_leaves_nobody_waiting() {
        let gather = Gather::default();
        let fail = |_: Messages| async { Err(StoreError::unavailable("test", "down")) };
        let (first, second) =
            tokio::join!(gather.send(Queue::Pm, message("a"), fail), gather.send(Queue::Pm, message("b"), fail));
        assert!(first.is_err() && second.is_err());
        let given_up = tokio::time::timeout(Duration::from_micros(1), gather.send(Queue::Pm, message("a"), fail));
        let (given_up, second) = tokio::join!(given_up, gather.send(Queue::Pm, message("b"), fail));
        assert!(given_up.is_err() && second.is_err());
        let fine = |_: Messages| async { Ok(()) };
        gather.send(Queue::Pm, message("c"), fine).await.unwrap();
    }
}
