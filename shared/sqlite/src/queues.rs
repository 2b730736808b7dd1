//! The queues: rows that become visible at a time.
//!
//! A send wakes the receivers that wait, after its commit; a receiver also wakes when the next message is due. Messages
//! that a process held when it was killed are visible again when the next one opens the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::ports::{
    Clock as _, DeadLetter, Delivery, MessageQueues, OutgoingMessage, Queue, QueueDepth, StoreError, StoreResult,
};
use rusqlite::{Connection, params};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::clock::LocalClock;
use crate::database::{Database, JobResult};

/// The queues with their dead letters.
#[derive(Clone)]
pub struct SqliteQueues {
    database: Arc<Database>,
    clock: LocalClock,
    waiting: Arc<Waiting>,
}

/// Who waits for messages.
#[derive(Default)]
struct Waiting {
    signals: [Notify; 6],
    stopped: AtomicBool,
}

impl Waiting {
    const fn signal(&self, queue: Queue) -> &Notify {
        let [engine, pm, dev, qa, ops, integrations] = &self.signals;
        match queue {
            Queue::Engine => engine,
            Queue::Pm => pm,
            Queue::Dev => dev,
            Queue::Qa => qa,
            Queue::Ops => ops,
            Queue::Integrations => integrations,
        }
    }
}

/// A queue's number in the table. Stored: never change it.
const fn number(queue: Queue) -> i64 {
    match queue {
        Queue::Engine => 0,
        Queue::Pm => 1,
        Queue::Dev => 2,
        Queue::Qa => 3,
        Queue::Ops => 4,
        Queue::Integrations => 5,
    }
}

/// The number of a queue's dead letters.
const fn dead_number(queue: Queue) -> i64 {
    100 + number(queue)
}

impl SqliteQueues {
    pub(crate) fn new(database: Arc<Database>, clock: LocalClock) -> Self {
        Self { database, clock, waiting: Arc::default() }
    }

    /// Makes visible what a process held that ended without deleting it. Only one process has the store open.
    pub(crate) fn recover(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
        let sql = "UPDATE message SET held = 0, visible_at = min(visible_at, ?1) WHERE held = 1 AND queue < 100";
        connection.execute(sql, [now.millis()])
    }

    /// Receives answer without waiting from now on, so that a server can end its loops without giving up a receive in
    /// the middle.
    pub(crate) fn stop_waiting(&self) {
        self.waiting.stopped.store(true, Ordering::SeqCst);
        Queue::ALL.into_iter().for_each(|queue| self.waiting.signal(queue).notify_waiters());
    }

    async fn change<T, F>(&self, operation: &'static str, queue: Queue, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    {
        let waiting = Arc::clone(&self.waiting);
        self.database.write_then(operation, work, move || waiting.signal(queue).notify_waiters()).await
    }
}

impl MessageQueues for SqliteQueues {
    async fn send(&self, queue: Queue, messages: Vec<OutgoingMessage>) -> StoreResult<()> {
        messages.iter().try_for_each(check)?;
        if messages.is_empty() {
            return Ok(());
        }
        let now = self.clock.now().millis();
        self.change("send messages", queue, move |connection| {
            let sql = "INSERT INTO message(queue, visible_at, timer, name, body) VALUES (?1, ?2, ?3, ?4, ?5) \
                       ON CONFLICT(queue, name) WHERE timer = 1 DO UPDATE SET \
                       visible_at = min(visible_at, excluded.visible_at)";
            let mut insert = connection.prepare_cached(sql)?;
            for message in &messages {
                let at = message.deliver_at.map_or(now, Timestamp::millis).max(now);
                insert.execute(params![number(queue), at, at > now, message.name, message.body])?;
            }
            Ok(())
        })
        .await
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> StoreResult<Vec<Delivery>> {
        let end = Instant::now() + wait;
        loop {
            // Listens before it looks, so that no send falls between the two.
            let signal = self.waiting.signal(queue).notified();
            tokio::pin!(signal);
            signal.as_mut().enable();
            let now = self.clock.now();
            let taken = self
                .database
                .write("receive messages", move |connection| take(connection, queue, max, visibility, now))
                .await?;
            let next = match taken {
                Taken::Some(deliveries) => return Ok(deliveries),
                Taken::None { next } => next,
            };
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.waiting.stopped.load(Ordering::SeqCst) {
                return Ok(Vec::new());
            }
            let _signalled = timeout(left.min(self.clock.nap(next)), signal).await;
        }
    }

    async fn delete(&self, queue: Queue, receipt: &str) -> StoreResult<()> {
        let Some((id, attempt)) = parse_receipt(receipt) else { return Ok(()) };
        self.database
            .write("delete a message", move |connection| {
                let sql = "DELETE FROM message WHERE id = ?1 AND attempt = ?2 AND queue = ?3";
                connection.prepare_cached(sql)?.execute([id, attempt, number(queue)])?;
                Ok(())
            })
            .await
    }

    async fn release(&self, queue: Queue, receipt: &str, delay: Duration) -> StoreResult<()> {
        let Some((id, attempt)) = parse_receipt(receipt) else { return Ok(()) };
        let now = self.clock.now();
        self.change("release a message", queue, move |connection| {
            let sql = "UPDATE message SET visible_at = ?4, held = 0 \
                       WHERE id = ?1 AND attempt = ?2 AND queue = ?3 AND held = 1 AND visible_at > ?5";
            let visible_at = later(now, delay);
            connection.prepare_cached(sql)?.execute([id, attempt, number(queue), visible_at, now.millis()])?;
            Ok(())
        })
        .await
    }

    async fn depth(&self, queue: Queue) -> StoreResult<QueueDepth> {
        let now = self.clock.now().millis();
        self.database
            .read("count messages", move |connection| {
                let sql = "SELECT count(*) FILTER (WHERE visible_at <= ?2), \
                           count(*) FILTER (WHERE visible_at > ?2 AND held = 1), \
                           count(*) FILTER (WHERE visible_at > ?2 AND held = 0), \
                           (SELECT count(*) FROM message WHERE queue = ?3) FROM message WHERE queue = ?1";
                let mut query = connection.prepare_cached(sql)?;
                Ok(query.query_row([number(queue), now, dead_number(queue)], |row| {
                    Ok(QueueDepth {
                        ready: row.get(0)?,
                        in_flight: row.get(1)?,
                        delayed: row.get(2)?,
                        dead: row.get(3)?,
                    })
                })?)
            })
            .await
    }

    async fn dead_letters(&self, queue: Queue, max: usize) -> StoreResult<Vec<DeadLetter>> {
        self.database
            .read("read dead letters", move |connection| {
                let sql =
                    "SELECT id, body, receive_count FROM message WHERE queue = ?1 ORDER BY visible_at, id LIMIT ?2";
                let mut query = connection.prepare_cached(sql)?;
                let limit = i64::try_from(max).unwrap_or(i64::MAX);
                let rows = query.query_map([dead_number(queue), limit], |row| {
                    let id: i64 = row.get(0)?;
                    Ok(DeadLetter { id: id.to_string(), body: row.get(1)?, receive_count: row.get(2)? })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn redrive(&self, queue: Queue) -> StoreResult<u64> {
        let now = self.clock.now().millis();
        self.change("redrive dead letters", queue, move |connection| {
            let sql = "UPDATE message SET queue = ?1, visible_at = ?2, receive_count = 0 WHERE queue = ?3";
            let moved = connection.prepare_cached(sql)?.execute([number(queue), now, dead_number(queue)])?;
            Ok(u64::try_from(moved).unwrap_or(u64::MAX))
        })
        .await
    }
}

/// Refuses what the port's contract excludes.
fn check(message: &OutgoingMessage) -> StoreResult<()> {
    if message.body.len() > OutgoingMessage::MAX_BYTES {
        let (size, limit) = (message.body.len(), OutgoingMessage::MAX_BYTES);
        return Err(StoreError::TooLarge { what: "a message", size, limit });
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(1..=64).contains(&message.name.len()) || !message.name.bytes().all(legal) {
        let what = format!("the name {:?} of a message", message.name);
        return Err(StoreError::corrupt(what, "a name is 1 to 64 of A-Z a-z 0-9 - _ ."));
    }
    Ok(())
}

fn later(now: Timestamp, by: Duration) -> i64 {
    now.plus_millis(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)).millis()
}

/// What a receive found.
enum Taken {
    Some(Vec<Delivery>),
    /// Nothing is visible; the next message will be then.
    None {
        next: Option<Timestamp>,
    },
}

fn take(connection: &Connection, queue: Queue, max: usize, visibility: Duration, now: Timestamp) -> JobResult<Taken> {
    let mut deliveries = Vec::new();
    let max = max.clamp(1, 10);
    while deliveries.len() < max {
        let sql = "SELECT id, receive_count FROM message WHERE queue = ?1 AND visible_at <= ?2 \
                   ORDER BY visible_at, id LIMIT ?3";
        let room = i64::try_from(max - deliveries.len()).unwrap_or(1);
        let mut query = connection.prepare_cached(sql)?;
        let rows = query.query_map([number(queue), now.millis(), room], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let visible: Vec<(i64, u32)> = rows.collect::<Result<_, _>>()?;
        if visible.is_empty() {
            break;
        }
        for (id, receive_count) in visible {
            if receive_count >= Queue::MAX_RECEIVES {
                let sql = "UPDATE message SET queue = ?2, held = 0, timer = 0, visible_at = ?3 WHERE id = ?1";
                connection.prepare_cached(sql)?.execute([id, dead_number(queue), now.millis()])?;
                continue;
            }
            // At least a millisecond, so that the loop does not see it again.
            let until = later(now, visibility.max(Duration::from_millis(1)));
            let sql = "UPDATE message SET receive_count = receive_count + 1, attempt = attempt + 1, held = 1, timer = 0, \
                       visible_at = ?2 WHERE id = ?1 RETURNING attempt, receive_count, body";
            deliveries.push(connection.prepare_cached(sql)?.query_row([id, until], |row| {
                let attempt: i64 = row.get(0)?;
                Ok(Delivery {
                    id: id.to_string(),
                    receipt: format!("{id}.{attempt}"),
                    receive_count: row.get(1)?,
                    body: row.get(2)?,
                })
            })?);
        }
    }
    if !deliveries.is_empty() {
        return Ok(Taken::Some(deliveries));
    }
    let sql = "SELECT min(visible_at) FROM message WHERE queue = ?1";
    let next: Option<i64> = connection.prepare_cached(sql)?.query_row([number(queue)], |row| row.get(0))?;
    Ok(Taken::None { next: next.map(Timestamp::from_millis) })
}

/// The message and which of its receives a receipt belongs to.
fn parse_receipt(receipt: &str) -> Option<(i64, i64)> {
    let (id, attempt) = receipt.split_once('.')?;
    Some((id.parse().ok()?, attempt.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManualClock, Options, SqlitePorts};
    use millrace_app::ports::Ports as _;

    fn message(name: &str, deliver_at: Option<Timestamp>) -> OutgoingMessage {
        OutgoingMessage { name: name.into(), body: format!("body of {name}"), deliver_at }
    }

    const HIDE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_repeated_timer_is_sent_once_and_earlier() {
        let manual = ManualClock::new(Timestamp::from_millis(1_000_000));
        let options = Options { clock: LocalClock::manual(manual.clone()), ..Options::default() };
        let ports = SqlitePorts::in_memory_with(options).unwrap();
        let queues = ports.queues();
        let at = |seconds: f64| Some(Timestamp::from_millis(1_000_000).plus_seconds(seconds));
        for time in [at(60.0), at(50.0), at(70.0)] {
            queues.send(Queue::Engine, vec![message("timer", time)]).await.unwrap();
        }
        assert_eq!(queues.depth(Queue::Engine).await.unwrap().delayed, 1);
        manual.advance(Duration::from_secs(50));
        let received = queues.receive(Queue::Engine, 10, HIDE, Duration::ZERO).await.unwrap();
        assert_eq!(received.len(), 1);
        // The first was received: the same name may be on its way again.
        queues.send(Queue::Engine, vec![message("timer", at(90.0))]).await.unwrap();
        assert_eq!(
            queues.depth(Queue::Engine).await.unwrap(),
            QueueDepth { in_flight: 1, delayed: 1, ..QueueDepth::default() }
        );
    }

    #[tokio::test]
    async fn what_the_contract_excludes_is_refused() {
        let ports = SqlitePorts::in_memory().unwrap();
        let queues = ports.queues();
        for name in ["", "a b", "é", &"a".repeat(65)] {
            assert!(queues.send(Queue::Pm, vec![message(name, None)]).await.is_err(), "{name}");
        }
        let body = "x".repeat(OutgoingMessage::MAX_BYTES + 1);
        let large = OutgoingMessage { name: "large".into(), body, deliver_at: None };
        let answer = queues.send(Queue::Pm, vec![message("fine", None), large]).await;
        assert!(matches!(answer, Err(StoreError::TooLarge { .. })));
        assert_eq!(queues.depth(Queue::Pm).await.unwrap(), QueueDepth::default());
        queues.delete(Queue::Pm, "no receipt").await.unwrap();
        queues.release(Queue::Pm, "1.x", HIDE).await.unwrap();
    }

    #[tokio::test]
    async fn a_receiver_wakes_when_a_message_is_due() {
        let ports = SqlitePorts::in_memory().unwrap();
        let soon = ports.clock().now().plus_millis(150);
        ports.queues().send(Queue::Ops, vec![message("soon", Some(soon))]).await.unwrap();
        let started = Instant::now();
        let received = ports.queues().receive(Queue::Ops, 1, HIDE, Duration::from_secs(20)).await.unwrap();
        assert_eq!(received.len(), 1);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn stopping_ends_a_waiting_receive() {
        let ports = SqlitePorts::in_memory().unwrap();
        let receive = ports.queues().receive(Queue::Qa, 1, HIDE, Duration::from_secs(60));
        let (received, ()) = tokio::join!(timeout(Duration::from_secs(20), receive), async { ports.stop_receiving() });
        assert_eq!(received.unwrap().unwrap(), []);
        let again = ports.queues().receive(Queue::Qa, 1, HIDE, Duration::from_secs(60));
        assert_eq!(timeout(Duration::from_secs(20), again).await.unwrap().unwrap(), []);
    }
}
