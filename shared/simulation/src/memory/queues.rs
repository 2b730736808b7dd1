//! The queues in memory.

use std::sync::atomic::Ordering;
use std::time::Duration;

use millrace_app::ports::{
    Clock as _, DeadLetter, Delivery, Letters, MessageQueues, OutgoingMessage, Page, Queue, QueueDepth, StoreError,
    StoreResult,
};

use super::{MemoryPorts, Message, cursor_at, cursor_place, give_way};

impl MemoryPorts {
    fn take_dead(&self, queue: Queue, which: &Letters) -> Vec<Message> {
        let mut state = self.state();
        let dead = state.dead.entry(queue).or_default();
        let (chosen, rest) = std::mem::take(dead).into_iter().partition(|one| which.contains(&one.id.to_string()));
        *dead = rest;
        chosen
    }

    fn take(&self, queue: Queue, max: usize, visibility: Duration) -> Vec<Delivery> {
        let (now, early) = (self.now(), self.early.load(Ordering::SeqCst));
        let mut guard = self.state();
        let state = &mut *guard;
        let messages = state.queues.entry(queue).or_default();
        let (spent, rest): (Vec<_>, Vec<_>) = std::mem::take(messages)
            .into_iter()
            .partition(|message| message.visible_at <= now && message.receives >= Queue::MAX_RECEIVES);
        *messages = rest;
        let spent = spent.into_iter().map(|message| Message { visible_at: now, ..message });
        state.dead.entry(queue).or_default().extend(spent);
        let hidden = i64::try_from(visibility.as_millis()).unwrap_or(i64::MAX);
        let mut deliveries = Vec::new();
        for message in messages.iter_mut().filter(|message| message.comes_at(early) <= now).take(max) {
            state.last_message += 1;
            message.receives += 1;
            message.first_received_at.get_or_insert(now);
            message.receipt = state.last_message;
            message.visible_at = now.plus_millis(hidden);
            deliveries.push(Delivery {
                id: message.id.to_string(),
                receipt: message.receipt.to_string(),
                body: message.body.clone(),
                receive_count: message.receives,
            });
        }
        deliveries
    }
}

impl MessageQueues for MemoryPorts {
    async fn send(&self, queue: Queue, messages: Vec<OutgoingMessage>) -> StoreResult<()> {
        let limit = OutgoingMessage::MAX_BYTES;
        if let Some(size) = messages.iter().map(|message| message.body.len()).find(|size| *size > limit) {
            return Err(StoreError::TooLarge { what: "a message", size, limit });
        }
        let now = self.now();
        let mut state = self.state();
        for message in messages {
            state.last_message += 1;
            let id = state.last_message;
            let visible_at = message.deliver_at.unwrap_or(now).max(now);
            state.queues.entry(queue).or_default().push(Message {
                id,
                body: message.body,
                visible_at,
                receives: 0,
                receipt: 0,
                copied: false,
                sent_at: now,
                due_at: visible_at,
                first_received_at: None,
            });
        }
        Ok(())
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> StoreResult<Vec<Delivery>> {
        /// Virtual time doesn't pass while a caller waits; others only get their turns.
        const TURNS: usize = 1000;
        for _ in 0..if wait.is_zero() { 0 } else { TURNS } {
            let taken = self.take(queue, max, visibility);
            if !taken.is_empty() {
                return Ok(taken);
            }
            give_way().await;
        }
        Ok(self.take(queue, max, visibility))
    }

    async fn delete(&self, queue: Queue, receipt: &str) -> StoreResult<()> {
        let mut state = self.state();
        let messages = state.queues.entry(queue).or_default();
        messages.retain(|message| message.receipt == 0 || message.receipt.to_string() != receipt);
        Ok(())
    }

    async fn release(&self, queue: Queue, receipt: &str, delay: Duration) -> StoreResult<()> {
        let visible_at = self.now().plus_millis(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
        let mut state = self.state();
        let messages = state.queues.entry(queue).or_default();
        for message in messages.iter_mut().filter(|message| message.receipt.to_string() == receipt) {
            message.visible_at = visible_at;
        }
        Ok(())
    }

    async fn depth(&self, queue: Queue) -> StoreResult<QueueDepth> {
        let now = self.now();
        let state = self.state();
        let mut depth = QueueDepth { dead: state.dead.get(&queue).map_or(0, Vec::len) as u64, ..QueueDepth::default() };
        for message in state.queues.get(&queue).into_iter().flatten() {
            if message.due_at <= now {
                depth.oldest_at = Some(depth.oldest_at.map_or(message.due_at, |oldest| oldest.min(message.due_at)));
            }
            match (message.visible_at <= now, message.receipt) {
                (true, _) => depth.ready += 1,
                (false, 0) => depth.delayed += 1,
                (false, _) => depth.in_flight += 1,
            }
        }
        Ok(depth)
    }

    async fn dead_letters(&self, queue: Queue, cursor: Option<&str>, max: usize) -> StoreResult<Page<DeadLetter>> {
        let after = cursor.map(|cursor| cursor_place(queue.name(), cursor)).transpose()?;
        let after: u64 = match after {
            Some(after) => after.parse().map_err(|_| StoreError::InvalidCursor)?,
            None => 0,
        };
        let state = self.state();
        let mut dead: Vec<&Message> = state.dead.get(&queue).into_iter().flatten().collect();
        dead.retain(|message| message.id > after);
        dead.sort_by_key(|message| message.id);
        let more = dead.len() > max;
        dead.truncate(max);
        let next = dead.last().filter(|_| more).map(|last| cursor_at(queue.name(), &last.id.to_string()));
        Ok(Page { items: dead.into_iter().map(letter).collect(), next })
    }

    async fn dead_letter(&self, queue: Queue, id: &str) -> StoreResult<Option<DeadLetter>> {
        let state = self.state();
        let mut dead = state.dead.get(&queue).into_iter().flatten();
        Ok(dead.find(|message| message.id.to_string() == id).map(letter))
    }

    async fn redrive(&self, queue: Queue, which: &Letters) -> StoreResult<u64> {
        let now = self.now();
        let chosen = self.take_dead(queue, which);
        let count = chosen.len() as u64;
        let fresh = chosen.into_iter().map(|message| Message {
            visible_at: now,
            receives: 0,
            receipt: 0,
            due_at: now,
            first_received_at: None,
            ..message
        });
        self.state().queues.entry(queue).or_default().extend(fresh);
        Ok(count)
    }

    async fn delete_dead_letters(&self, queue: Queue, which: &Letters) -> StoreResult<u64> {
        Ok(self.take_dead(queue, which).len() as u64)
    }
}

fn letter(message: &Message) -> DeadLetter {
    DeadLetter {
        id: message.id.to_string(),
        body: message.body.clone(),
        receive_count: message.receives,
        sent_at: Some(message.sent_at),
        first_received_at: message.first_received_at,
        dead_at: Some(message.visible_at),
    }
}
