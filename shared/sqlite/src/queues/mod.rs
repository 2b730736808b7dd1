//! The queues: a board in memory, written behind to a table.
//!
//! A send can be received at once and is answered when the table has it. What a receive or a delete changes is written
//! with the next transaction: after a crash such a message comes once more, as queues that deliver at least once may do
//! it (`docs/adr/0015`). A send wakes a receiver that waits; a receiver also wakes when the next message is due.
//! Messages that a process held when it was killed are visible again when the next one opens the store.

mod board;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::ports::{
    Clock as _, DeadLetter, Delivery, Letters, MessageQueues, OutgoingMessage, Page, Queue, QueueDepth, StoreError,
    StoreResult,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::clock::LocalClock;
use crate::cursor;
use crate::database::{Behind, Database, Urgency};
use board::{Board, Dead, Message, Taken, Unwritten, soon};

/// The queues with their dead letters.
#[derive(Clone)]
pub struct SqliteQueues {
    database: Arc<Database>,
    clock: LocalClock,
    shared: Arc<Shared>,
}

/// What receivers, senders and the writing thread share.
pub(crate) struct Shared {
    board: Mutex<Board>,
    signals: [Notify; Queue::ALL.len()],
    stopped: AtomicBool,
    in_writing: Mutex<Unwritten>,
    clock: LocalClock,
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, queue: Queue) -> Option<&Notify> {
        self.signals.get(usize::try_from(number(queue)).ok()?)
    }

    /// Wakes as many receivers as there is work for.
    fn wake(&self, queue: Queue, messages: usize) {
        if let Some(signal) = self.signal(queue) {
            (0..messages).for_each(|_| signal.notify_one());
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
        Queue::Functions => 6,
        Queue::Models => 7,
        Queue::Scheduler => 8,
        Queue::Notifications => 9,
    }
}

/// The number of a queue's dead letters.
const fn dead_number(queue: Queue) -> i64 {
    100 + number(queue)
}

/// What the table of messages is behind the board.
impl Behind for Shared {
    fn is_clean(&self) -> bool {
        self.board().is_clean()
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let unwritten = self.board().unwritten();
        let written = put(connection, &unwritten);
        *self.in_writing.lock().unwrap_or_else(PoisonError::into_inner) = unwritten;
        written
    }

    fn ended(&self, committed: bool) {
        let unwritten = std::mem::take(&mut *self.in_writing.lock().unwrap_or_else(PoisonError::into_inner));
        self.board().written(unwritten, committed, self.clock.now());
    }
}

fn put(connection: &Connection, unwritten: &Unwritten) -> rusqlite::Result<()> {
    let sql = "INSERT INTO message(id, queue, visible_at, held, receive_count, attempt, timer, sent_at, \
               due_at, first_received_at, name, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10, ?11) \
               ON CONFLICT(id) DO UPDATE SET queue = excluded.queue, visible_at = excluded.visible_at, \
               held = excluded.held, receive_count = excluded.receive_count, attempt = excluded.attempt, \
               due_at = excluded.due_at, first_received_at = excluded.first_received_at";
    let mut statement = connection.prepare_cached(sql)?;
    for (id, message) in &unwritten.puts {
        let Message { queue, visible_at, held, receive_count, attempt, .. } = message;
        let Message { sent_at, due_at, first_received_at, name, body, .. } = message;
        // Without a body the row is there, and keeps its own.
        let body = body.as_deref().unwrap_or_default();
        statement.execute(params![
            id,
            queue,
            visible_at,
            held,
            receive_count,
            attempt,
            sent_at,
            due_at,
            first_received_at,
            &**name,
            body
        ])?;
    }
    let mut statement = connection.prepare_cached("DELETE FROM message WHERE id = ?1")?;
    unwritten.deletes.iter().try_for_each(|id| statement.execute([id]).map(|_| ()))
}

impl Shared {
    /// Reads the table. Answers what the board is made of, and how many messages a former process held.
    pub(crate) fn recover(connection: &Connection, clock: LocalClock) -> rusqlite::Result<(Self, usize)> {
        let now = clock.now();
        let mut board = Board::default();
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'message'";
        board.ids_from(connection.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or_default());
        let sql = "SELECT id, queue, visible_at, held, receive_count, attempt, sent_at, due_at, first_received_at, \
                   name FROM message";
        let mut query = connection.prepare(sql)?;
        let mut rows = query.query([])?;
        let mut held = 0;
        while let Some(row) = rows.next()? {
            let message = Message {
                queue: row.get(1)?,
                visible_at: row.get(2)?,
                held: row.get(3)?,
                receive_count: row.get(4)?,
                attempt: row.get(5)?,
                sent_at: row.get(6)?,
                due_at: row.get(7)?,
                first_received_at: row.get(8)?,
                name: row.get::<_, String>(9)?.into(),
                body: None,
            };
            held += usize::from(board.recover(row.get(0)?, message, now));
        }
        Ok((
            Self {
                board: Mutex::new(board),
                clock,
                signals: Default::default(),
                stopped: AtomicBool::new(false),
                in_writing: Mutex::default(),
            },
            held,
        ))
    }
}

/// A message whose body the board may have left to the table.
trait HasBody {
    fn id(&self) -> i64;
    fn body(&self) -> Option<&Arc<str>>;
}

impl HasBody for Taken {
    fn id(&self) -> i64 {
        self.id
    }
    fn body(&self) -> Option<&Arc<str>> {
        self.body.as_ref()
    }
}

impl HasBody for Dead {
    fn id(&self) -> i64 {
        self.id
    }
    fn body(&self) -> Option<&Arc<str>> {
        self.body.as_ref()
    }
}

impl SqliteQueues {
    pub(crate) const fn new(database: Arc<Database>, clock: LocalClock, shared: Arc<Shared>) -> Self {
        Self { database, clock, shared }
    }

    /// Receives answer without waiting from now on, so that a server can end its loops without giving up a receive in
    /// the middle.
    pub(crate) fn stop_waiting(&self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.signals.iter().for_each(Notify::notify_waiters);
    }

    /// The bodies of messages; those that only the table has are read.
    async fn with_bodies<M: HasBody, T>(&self, taken: Vec<M>, build: impl Fn(M, String) -> T) -> StoreResult<Vec<T>> {
        let absent: Vec<i64> = taken.iter().filter(|one| one.body().is_none()).map(HasBody::id).collect();
        let mut read = match absent.is_empty() {
            true => Vec::new(),
            false => self.bodies(absent).await?,
        };
        let mut body = |one: &M| match one.body() {
            Some(body) => Some(body.to_string()),
            None => read.iter_mut().find(|(id, _)| *id == one.id()).map(|(_, body)| std::mem::take(body)),
        };
        Ok(taken.into_iter().filter_map(|one| body(&one).map(|body| build(one, body))).collect())
    }

    async fn bodies(&self, ids: Vec<i64>) -> StoreResult<Vec<(i64, String)>> {
        self.database
            .read("read messages", move |connection| {
                let mut query = connection.prepare_cached("SELECT body FROM message WHERE id = ?1")?;
                let read = ids.into_iter().filter_map(|id| {
                    let body = query.query_row([id], |row| row.get(0)).optional().transpose()?;
                    Some(body.map(|body: String| (id, body)))
                });
                Ok(read.collect::<Result<_, _>>()?)
            })
            .await
    }
}

impl MessageQueues for SqliteQueues {
    async fn send(&self, queue: Queue, messages: Vec<OutgoingMessage>) -> StoreResult<()> {
        messages.iter().try_for_each(check)?;
        let count = messages.len();
        if count == 0 {
            return Ok(());
        }
        let now = self.clock.now();
        {
            let mut board = self.shared.board();
            messages.into_iter().for_each(|message| board.send(queue, message, now));
        }
        self.shared.wake(queue, count);
        // The next transaction writes what the board has and the table has not.
        self.database.write_at_once(Urgency::Lazy, "send messages", |_| Ok(())).await
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> StoreResult<Vec<Delivery>> {
        let end = Instant::now() + wait;
        let Some(signal) = self.shared.signal(queue) else { return Ok(Vec::new()) };
        loop {
            // Listens before it looks, so that no send falls between the two.
            let signalled = signal.notified();
            tokio::pin!(signalled);
            signalled.as_mut().enable();
            let (taken, next) = {
                let mut board = self.shared.board();
                let taken = board.take(queue, max, visibility, self.clock.now());
                (taken, board.next(queue))
            };
            if !taken.is_empty() {
                // Who slept until this message must not oversleep the next one.
                if next.is_some_and(|next| next.millis() <= soon(self.clock.now())) {
                    signal.notify_one();
                }
                return self.with_bodies(taken, delivery).await;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.shared.stopped.load(Ordering::SeqCst) {
                return Ok(Vec::new());
            }
            let _signalled = timeout(left.min(self.clock.nap(next)), signalled).await;
        }
    }

    async fn delete(&self, queue: Queue, receipt: &str) -> StoreResult<()> {
        let Some((id, attempt)) = parse_receipt(receipt) else { return Ok(()) };
        self.shared.board().delete(queue, id, attempt);
        self.database.nudge()
    }

    async fn release(&self, queue: Queue, receipt: &str, delay: Duration) -> StoreResult<()> {
        let Some(receipt) = parse_receipt(receipt) else { return Ok(()) };
        self.shared.board().release(queue, receipt, delay, self.clock.now());
        // One sleeps until the message that was next before.
        self.shared.wake(queue, 1);
        self.database.nudge()
    }

    async fn depth(&self, queue: Queue) -> StoreResult<QueueDepth> {
        Ok(self.shared.board().depth(queue, self.clock.now()))
    }

    async fn dead_letters(&self, queue: Queue, cursor: Option<&str>, max: usize) -> StoreResult<Page<DeadLetter>> {
        let query = ["dead letters", queue.name()];
        let after = match cursor {
            None => None,
            Some(cursor) => {
                let [dead_at, id] = cursor::open(&query, cursor)?;
                let place = dead_at.parse().ok().zip(id.parse().ok());
                Some(place.ok_or(StoreError::InvalidCursor)?)
            }
        };
        let mut dead = self.shared.board().dead(queue, after, max.saturating_add(1));
        let more = dead.len() > max;
        dead.truncate(max);
        let next = dead.last().filter(|_| more);
        let next = next.map(|last| cursor::seal(&query, [&last.dead_at.to_string(), &last.id.to_string()]));
        Ok(Page { items: self.with_bodies(dead, letter).await?, next })
    }

    async fn dead_letter(&self, queue: Queue, id: &str) -> StoreResult<Option<DeadLetter>> {
        let found = id.parse().ok().and_then(|id| self.shared.board().dead_one(queue, id));
        Ok(self.with_bodies(found.into_iter().collect(), letter).await?.pop())
    }

    async fn redrive(&self, queue: Queue, which: &Letters) -> StoreResult<u64> {
        let moved = self.shared.board().redrive(queue, which, self.clock.now());
        self.shared.wake(queue, usize::try_from(moved).unwrap_or(usize::MAX).min(1_000));
        self.database.write_at_once(Urgency::Lazy, "redrive dead letters", |_| Ok(())).await?;
        Ok(moved)
    }

    async fn delete_dead_letters(&self, queue: Queue, which: &Letters) -> StoreResult<u64> {
        let deleted = self.shared.board().delete_dead(queue, which);
        self.database.write_at_once(Urgency::Lazy, "delete dead letters", |_| Ok(())).await?;
        Ok(deleted)
    }
}

fn letter(dead: Dead, body: String) -> DeadLetter {
    let time = |millis: i64| (millis > 0).then(|| Timestamp::from_millis(millis));
    DeadLetter {
        id: dead.id.to_string(),
        body,
        receive_count: dead.receive_count,
        sent_at: time(dead.sent_at),
        first_received_at: time(dead.first_received_at),
        dead_at: time(dead.dead_at),
    }
}

fn delivery(taken: Taken, body: String) -> Delivery {
    let Taken { id, attempt, receive_count, .. } = taken;
    Delivery { id: id.to_string(), receipt: format!("{id}.{attempt}"), body, receive_count }
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
            QueueDepth { in_flight: 1, delayed: 1, oldest_at: at(50.0), ..QueueDepth::default() }
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
