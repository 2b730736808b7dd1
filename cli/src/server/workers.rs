//! The loops that take messages from the queues and hand them to the agents and the engine.
//!
//! A message is deleted after its handler succeeded; after a failure it is released for a later delivery, until the
//! queue gives it up to its dead letters. A handler that panics fails alone.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use millrace_app::Error;
use millrace_app::ports::{Delivery, MessageQueues as _, Ports, Queue};
use millrace_app::workers::{Executor, handle, log_span, note_panic};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::logging::chain;

/// How long a receive waits for a message. It hears of one at once.
const WAIT: Duration = Duration::from_secs(20);
/// How long a loop rests after its queue could not be read.
const REST: Duration = Duration::from_secs(1);

/// How many tasks of a queue run at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCounts(BTreeMap<Queue, usize>);

impl Default for WorkerCounts {
    /// As many as the deployed functions: two of each, one for packaging. Calls wait for others, so many of them do.
    fn default() -> Self {
        let number = |queue| match queue {
            Queue::Ops => 1,
            Queue::Engine | Queue::Pm | Queue::Dev | Queue::Qa | Queue::Scheduler => 2,
            // A slow function must not hold up quick ones for long.
            Queue::Functions => 8,
            Queue::Models => 4,
            // At most four of them with one subscription (`millrace_app::notifications::Deliverer`).
            Queue::Notifications => 16,
            Queue::Integrations => 32,
        };
        Self(Queue::ALL.into_iter().map(|queue| (queue, number(queue))).collect())
    }
}

impl WorkerCounts {
    /// The number for a queue.
    pub(super) fn of(&self, queue: Queue) -> usize {
        self.0.get(&queue).copied().unwrap_or_default()
    }

    /// Changes the number for a queue.
    pub fn set(&mut self, queue: Queue, number: usize) {
        self.0.insert(queue, number);
    }
}

/// Starts the loops of all queues.
pub(crate) fn start<P: Ports, E: Executor + Clone + 'static>(
    tasks: &mut JoinSet<()>,
    ports: &P,
    executor: E,
    counts: &WorkerCounts,
    stopped: &watch::Receiver<bool>,
) {
    // Notifications have loops of their own: what they do is no task.
    for (queue, number) in counts.0.iter().filter(|(queue, _)| **queue != Queue::Notifications) {
        for _ in 0..*number {
            let (ports, executor, queue) = (ports.clone(), executor.clone(), *queue);
            let stopped = stopped.clone();
            tasks.spawn(async move {
                let work = |delivery: Delivery| {
                    let (ports, executor) = (ports.clone(), executor.clone());
                    async move { handle(&ports, &executor, queue, &delivery).await }
                };
                work_off(&ports, queue, work, &stopped).await;
            });
        }
    }
}

/// Takes messages one by one until the server stops.
pub(super) async fn work_off<P, H, F>(ports: &P, queue: Queue, handler: H, stopped: &watch::Receiver<bool>)
where
    P: Ports,
    H: Fn(Delivery) -> F,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    while !*stopped.borrow() {
        // Not given up when the server stops: it could have taken a message already. The ports end its wait.
        let received = ports.queues().receive(queue, 1, queue.visibility(), WAIT).await;
        let deliveries = received.unwrap_or_else(|error| {
            tracing::error!(queue = queue.name(), error = chain(&error), "a queue can't be read");
            Vec::new()
        });
        if deliveries.is_empty() && !*stopped.borrow() {
            // After an error, and where a queue does not wait.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for delivery in deliveries {
            let span = log_span(queue, &delivery);
            work_on(ports, queue, delivery, &handler, span.clone()).instrument(span).await;
        }
    }
}

/// Handles one message and settles it.
async fn work_on<P, H, F>(ports: &P, queue: Queue, delivery: Delivery, handler: &H, span: tracing::Span)
where
    P: Ports,
    H: Fn(Delivery) -> F,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let (id, receipt, count) = (delivery.id.clone(), delivery.receipt.clone(), delivery.receive_count);
    // A task of its own catches panics; the set ends it when the loop is ended.
    let mut own = JoinSet::new();
    own.spawn(handler(delivery).instrument(span));
    let settled = match own.join_next().await {
        Some(Ok(Ok(()))) => ports.queues().delete(queue, &receipt).await,
        Some(Ok(Err(error))) => {
            tracing::error!(error = chain(&error), code = error.code(), "a message failed");
            ports.queues().release(queue, &receipt, pause(Some(&error), count)).await
        }
        Some(Err(error)) => {
            tracing::error!(%error, "handling a message panicked");
            note_panic(ports, queue, &id, count).await;
            ports.queues().release(queue, &receipt, pause(None, count)).await
        }
        None => Ok(()),
    };
    if let Err(error) = settled {
        tracing::error!(
            error = chain(&error),
            "a message stays hidden until its visibility ends, and then comes again"
        );
        tokio::time::sleep(REST).await;
    }
}

/// How long a failed message waits for its next delivery: 1 s, then 5 s. The last failure and one that repeating can't
/// mend wait for nothing: what follows is the dead-letter queue.
fn pause(error: Option<&Error>, receive_count: u32) -> Duration {
    match receive_count {
        _ if !error.is_none_or(Error::is_retryable) => Duration::ZERO,
        0 | 1 => Duration::from_secs(1),
        count if count < Queue::MAX_RECEIVES => Duration::from_secs(5),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use millrace_app::Timestamp;
    use millrace_app::ports::{OutgoingMessage, StoreError};
    use millrace_sqlite::{LocalClock, ManualClock, Options, SqlitePorts};

    use super::*;

    async fn answer(body: &str) -> Result<(), Error> {
        match body {
            "panic" => panic!("as asked"),
            "unavailable" => Err(StoreError::unavailable("test", "down").into()),
            "bug" => Err(Error::internal("bug")),
            _ => Ok(()),
        }
    }

    #[tokio::test]
    async fn what_succeeds_is_deleted_and_what_fails_reaches_the_dead_letters() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
        let options = Options { clock: LocalClock::manual(clock.clone()), ..Options::default() };
        let ports = SqlitePorts::in_memory_with(options).unwrap();
        let message = |body: &str| OutgoingMessage { name: body.into(), body: body.into(), deliver_at: None };
        let bodies = ["good", "panic", "unavailable", "bug", "fine"];
        ports.queues().send(Queue::Qa, bodies.map(message).into()).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let work = |delivery: Delivery| {
            let seen = Arc::clone(&seen);
            async move {
                seen.lock().unwrap().push(delivery.body.clone());
                answer(&delivery.body).await
            }
        };
        let until_quiet = async {
            loop {
                let depth = ports.queues().depth(Queue::Qa).await.unwrap();
                if depth.dead == 3 && depth.ready + depth.in_flight + depth.delayed == 0 {
                    break;
                }
                clock.advance(Duration::from_secs(1));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stop.send_replace(true);
            ports.stop_receiving();
        };
        tokio::join!(work_off(&ports, Queue::Qa, work, &stopped), until_quiet);
        let seen = seen.lock().unwrap();
        let count = |body: &str| seen.iter().filter(|one| *one == body).count();
        assert_eq!(bodies.map(count), [1, 3, 3, 3, 1]);
    }
}
