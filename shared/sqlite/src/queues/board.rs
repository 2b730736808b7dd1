//! What is on the queues: all of it in memory, with what the database does not say yet.
//!
//! It owns the order of messages, receives, visibility and dead letters. It does no I/O: [`Board::unwritten`] hands over
//! what a transaction must write, and [`Board::written`] hears how that ended.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::ports::{Letters, OutgoingMessage, Queue, QueueDepth};

use super::{dead_number, number};

/// Bodies that may stay in memory once they are written, in bytes over all messages.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// A message as the table has it.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// The number of its queue, or of that queue's dead letters.
    pub(super) queue: i64,
    /// When it can be received; milliseconds.
    pub(super) visible_at: i64,
    /// Received, and not seen again yet.
    pub(super) held: bool,
    /// Receives since it was sent or redriven.
    pub(super) receive_count: u32,
    /// Receives without ever starting anew.
    pub(super) attempt: i64,
    /// When it was sent; milliseconds, 0 where a former version did not say.
    pub(super) sent_at: i64,
    /// When it could be received for the first time, since it was sent or redriven; the same.
    pub(super) due_at: i64,
    /// When it was received first since then; 0: not yet.
    pub(super) first_received_at: i64,
    /// Sent again under this name it is the same message, as long as it was not received.
    pub(super) name: Arc<str>,
    /// `None`: only the table has it.
    pub(super) body: Option<Arc<str>>,
}

/// A received message, perhaps without its body.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) id: i64,
    pub(super) attempt: i64,
    pub(super) receive_count: u32,
    pub(super) body: Option<Arc<str>>,
}

/// A dead letter, perhaps without its body.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) id: i64,
    pub(super) dead_at: i64,
    pub(super) sent_at: i64,
    pub(super) first_received_at: i64,
    pub(super) receive_count: u32,
    pub(super) body: Option<Arc<str>>,
}

impl Dead {
    fn of(id: i64, message: &Message) -> Self {
        let Message { visible_at, sent_at, first_received_at, receive_count, .. } = *message;
        Self { id, dead_at: visible_at, sent_at, first_received_at, receive_count, body: message.body.clone() }
    }
}

/// What a transaction has to write.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    pub(super) puts: Vec<(i64, Message)>,
    pub(super) deletes: Vec<i64>,
}

/// All queues.
#[derive(Debug, Default)]
pub(super) struct Board {
    messages: HashMap<i64, Message>,
    /// By the queue's number: when and which.
    order: HashMap<i64, BTreeSet<(i64, i64)>>,
    /// The messages that were sent and not received, by queue and name.
    names: HashMap<(i64, Arc<str>), i64>,
    last_id: i64,
    changed: HashSet<i64>,
    deleted: Vec<i64>,
    /// Is it in the table, or on its way there?
    stored: HashSet<i64>,
    kept_bytes: usize,
}

impl Board {
    /// Puts on a message that the table holds. Nobody holds it any more.
    pub(super) fn recover(&mut self, id: i64, mut message: Message, now: Timestamp) -> bool {
        let was_held = message.held && message.queue < dead_number(Queue::Engine);
        if was_held {
            message.held = false;
            message.visible_at = message.visible_at.min(now.millis());
        }
        self.last_id = self.last_id.max(id);
        self.stored.insert(id);
        self.place(id, message);
        was_held
    }

    /// The largest id that was ever given.
    pub(super) fn ids_from(&mut self, last: i64) {
        self.last_id = self.last_id.max(last);
    }

    fn place(&mut self, id: i64, message: Message) {
        self.order.entry(message.queue).or_default().insert((message.visible_at, id));
        if !message.held && message.receive_count == 0 {
            self.names.insert((message.queue, Arc::clone(&message.name)), id);
        }
        self.kept_bytes += message.body.as_ref().map_or(0, |body| body.len());
        self.messages.insert(id, message);
    }

    fn take_off(&mut self, id: i64) -> Option<Message> {
        let message = self.messages.remove(&id)?;
        if let Some(order) = self.order.get_mut(&message.queue) {
            order.remove(&(message.visible_at, id));
        }
        let name = (message.queue, Arc::clone(&message.name));
        if self.names.get(&name) == Some(&id) {
            self.names.remove(&name);
        }
        self.kept_bytes = self.kept_bytes.saturating_sub(message.body.as_ref().map_or(0, |body| body.len()));
        Some(message)
    }

    /// Changes a message and remembers to write it.
    fn change(&mut self, id: i64, change: impl FnOnce(&mut Message)) {
        if let Some(mut message) = self.take_off(id) {
            change(&mut message);
            self.place(id, message);
            self.changed.insert(id);
        }
    }

    /// Sends a message. One of the same name that nobody has received yet is the same one: it comes at the earlier time.
    pub(super) fn send(&mut self, queue: Queue, message: OutgoingMessage, now: Timestamp) {
        let visible_at = message.deliver_at.map_or(now, |at| at.max(now)).millis();
        let name: Arc<str> = message.name.into();
        if let Some(id) = self.names.get(&(number(queue), Arc::clone(&name))).copied() {
            if self.messages.get(&id).is_some_and(|sent| sent.visible_at > visible_at) {
                self.change(id, |sent| (sent.visible_at, sent.due_at) = (visible_at, visible_at));
            }
            return;
        }
        self.last_id += 1;
        let body = Some(message.body.into());
        let queue = number(queue);
        let fresh = Message {
            queue,
            visible_at,
            held: false,
            receive_count: 0,
            attempt: 0,
            sent_at: now.millis(),
            due_at: visible_at,
            first_received_at: 0,
            name,
            body,
        };
        self.place(self.last_id, fresh);
        self.changed.insert(self.last_id);
    }

    /// Takes up to `max` visible messages; those received too often become dead letters.
    pub(super) fn take(&mut self, queue: Queue, max: usize, visibility: Duration, now: Timestamp) -> Vec<Taken> {
        let mut taken = Vec::new();
        // At least a millisecond, so that the loop does not see it again.
        let until = later(now, visibility.max(Duration::from_millis(1)));
        while taken.len() < max.clamp(1, 10) {
            let first = self.order.get(&number(queue)).and_then(|order| order.first().copied());
            let Some((_, id)) = first.filter(|(visible_at, _)| *visible_at <= now.millis()) else { break };
            let mut found = None;
            self.change(id, |message| {
                message.held = message.receive_count < Queue::MAX_RECEIVES;
                if message.held {
                    message.visible_at = until;
                    if message.receive_count == 0 {
                        message.first_received_at = now.millis();
                    }
                    message.receive_count += 1;
                    message.attempt += 1;
                    found = Some((message.attempt, message.receive_count, message.body.clone()));
                } else {
                    message.visible_at = now.millis();
                    message.queue = dead_number(queue);
                }
            });
            taken.extend(found.map(|(attempt, receive_count, body)| Taken { id, attempt, receive_count, body }));
        }
        taken
    }

    /// When the next message of a queue can be received.
    pub(super) fn next(&self, queue: Queue) -> Option<Timestamp> {
        self.order.get(&number(queue))?.first().map(|(visible_at, _)| Timestamp::from_millis(*visible_at))
    }

    /// The message of a receipt, if that is its latest receive.
    fn received(&self, queue: Queue, id: i64, attempt: i64) -> Option<&Message> {
        self.messages.get(&id).filter(|message| message.attempt == attempt && message.queue == number(queue))
    }

    /// Deletes a message by its receipt.
    pub(super) fn delete(&mut self, queue: Queue, id: i64, attempt: i64) {
        if self.received(queue, id, attempt).is_some() {
            self.remove(id);
        }
    }

    /// Makes a message visible again by its receipt.
    pub(super) fn release(&mut self, queue: Queue, (id, attempt): (i64, i64), delay: Duration, now: Timestamp) {
        let held = self.received(queue, id, attempt);
        if held.is_some_and(|message| message.held && message.visible_at > now.millis()) {
            self.change(id, |message| {
                message.held = false;
                message.visible_at = later(now, delay);
            });
        }
    }

    /// How full a queue is.
    pub(super) fn depth(&self, queue: Queue, now: Timestamp) -> QueueDepth {
        let mut depth = QueueDepth::default();
        let mut oldest = i64::MAX;
        for (visible_at, id) in self.order.get(&number(queue)).into_iter().flatten() {
            let held = self.messages.get(id).is_some_and(|message| message.held);
            let due_at = self.messages.get(id).map_or(0, |message| message.due_at);
            if (1..=now.millis()).contains(&due_at) {
                oldest = oldest.min(due_at);
            }
            let count = match (*visible_at <= now.millis(), held) {
                (true, _) => &mut depth.ready,
                (false, true) => &mut depth.in_flight,
                (false, false) => &mut depth.delayed,
            };
            *count += 1;
        }
        depth.oldest_at = (oldest < i64::MAX).then(|| Timestamp::from_millis(oldest));
        depth.dead = self.order.get(&dead_number(queue)).map_or(0, |order| order.len() as u64);
        depth
    }

    /// Dead letters of a queue in the order in which they died, after that place: when and which.
    pub(super) fn dead(&self, queue: Queue, after: Option<(i64, i64)>, max: usize) -> Vec<Dead> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let dead = self.order.get(&dead_number(queue)).map(|order| order.range((after, Bound::Unbounded)));
        dead.into_iter().flatten().take(max).filter_map(|(_, id)| Some(Dead::of(*id, self.messages.get(id)?))).collect()
    }

    /// A dead letter of a queue.
    pub(super) fn dead_one(&self, queue: Queue, id: i64) -> Option<Dead> {
        let message = self.messages.get(&id).filter(|message| message.queue == dead_number(queue))?;
        Some(Dead::of(id, message))
    }

    /// Those of the dead letters that there are.
    fn chosen(&self, queue: Queue, which: &Letters) -> Vec<i64> {
        match which {
            Letters::All => self.order.get(&dead_number(queue)).into_iter().flatten().map(|(_, id)| *id).collect(),
            Letters::Of(ids) => {
                let found = ids.iter().filter_map(|id| id.parse().ok());
                found.filter(|id| self.dead_one(queue, *id).is_some()).collect()
            }
        }
    }

    /// Sends dead letters of a queue back to it.
    pub(super) fn redrive(&mut self, queue: Queue, which: &Letters, now: Timestamp) -> u64 {
        let dead = self.chosen(queue, which);
        for id in &dead {
            self.change(*id, |message| {
                message.queue = number(queue);
                message.visible_at = now.millis();
                message.due_at = now.millis();
                message.first_received_at = 0;
                message.receive_count = 0;
            });
        }
        dead.len() as u64
    }

    /// Deletes dead letters of a queue.
    pub(super) fn delete_dead(&mut self, queue: Queue, which: &Letters) -> u64 {
        let dead = self.chosen(queue, which);
        for id in &dead {
            self.remove(*id);
        }
        dead.len() as u64
    }

    fn remove(&mut self, id: i64) {
        self.take_off(id);
        self.changed.remove(&id);
        if self.stored.remove(&id) {
            self.deleted.push(id);
        }
    }

    /// Is there something to write?
    pub(super) fn is_clean(&self) -> bool {
        self.changed.is_empty() && self.deleted.is_empty()
    }

    /// What the table does not hold yet. It counts as stored from now on.
    pub(super) fn unwritten(&mut self) -> Unwritten {
        let puts: Vec<_> = std::mem::take(&mut self.changed)
            .into_iter()
            .filter_map(|id| Some((id, self.messages.get(&id)?.clone())))
            .collect();
        self.stored.extend(puts.iter().map(|(id, _)| *id));
        Unwritten { puts, deletes: std::mem::take(&mut self.deleted) }
    }

    /// How a transaction ended that wrote this. After a failure it is to be written again.
    pub(super) fn written(&mut self, unwritten: Unwritten, committed: bool, now: Timestamp) {
        if !committed {
            self.changed.extend(unwritten.puts.iter().map(|(id, _)| *id).filter(|id| self.messages.contains_key(id)));
            self.deleted.extend(unwritten.deletes);
            return;
        }
        for (id, message) in unwritten.puts {
            // Nobody reads these soon, or there is too much of them.
            let idle = !message.held && message.visible_at > soon(now) || message.queue >= dead_number(Queue::Engine);
            if (idle || self.kept_bytes > KEPT_BYTES)
                && let Some(body) = self.messages.get_mut(&id).and_then(|message| message.body.take())
            {
                self.kept_bytes = self.kept_bytes.saturating_sub(body.len());
            }
        }
    }
}

/// Bodies of messages that can be received only after this are left to the table; longer than any receiver sleeps.
pub(super) const fn soon(now: Timestamp) -> i64 {
    now.millis().saturating_add(60_000)
}

fn later(now: Timestamp, by: Duration) -> i64 {
    now.plus_millis(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)).millis()
}
