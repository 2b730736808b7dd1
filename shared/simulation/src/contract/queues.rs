//! The contract of `MessageQueues`. These tests share five queues: they must not run at the same time against one store.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join;
use millrace_app::Timestamp;
use millrace_app::ports::{
    Clock as _, DeadLetter, Delivery, Letters, MessageQueues as _, OutgoingMessage, Ports as _, Queue, StoreError,
};

use super::{ContractEnv, ODD_TEXTS, eventually, fresh};

/// Long enough for a test to end.
const LONG: Duration = Duration::from_secs(120);
/// Short enough to wait for, in whole seconds since SQS counts so.
const SHORT: Duration = Duration::from_secs(2);
const AFTER_SHORT: Duration = Duration::from_millis(3_200);
/// How long a receive waits where a message is expected.
const WAIT: Duration = Duration::from_secs(1);

/// Messages of one test: their bodies begin with a mark that no other test uses.
struct Mark(String);

impl Mark {
    fn new<E: ContractEnv>(env: &E) -> Self {
        Self(fresh(env))
    }

    fn message(&self, number: usize) -> OutgoingMessage {
        OutgoingMessage { name: format!("{}-{number}", self.0), body: self.body(number), deliver_at: None }
    }

    fn body(&self, number: usize) -> String {
        format!("{} {number}", self.0)
    }
}

/// Receives once; answers this test's messages and removes those that other tests left.
async fn look<E: ContractEnv>(env: &E, queue: Queue, mark: &Mark, hide: Duration, wait: Duration) -> Vec<Delivery> {
    let queues = env.ports().queues();
    let mut own = Vec::new();
    for delivery in queues.receive(queue, 10, hide, wait).await.unwrap() {
        if delivery.body.starts_with(&mark.0) {
            own.push(delivery);
        } else {
            queues.delete(queue, &delivery.receipt).await.unwrap();
        }
    }
    own
}

/// Receives until so many of this test's messages came.
async fn collect<E: ContractEnv>(env: &E, queue: Queue, mark: &Mark, hide: Duration, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    for _ in 0..60 {
        if all.len() >= count {
            break;
        }
        all.extend(look(env, queue, mark, hide, WAIT).await);
    }
    assert_eq!(all.len(), count, "messages of this test on {}", queue.name());
    all
}

/// Receives the only message of this test.
async fn one<E: ContractEnv>(env: &E, queue: Queue, mark: &Mark, hide: Duration) -> Delivery {
    collect(env, queue, mark, hide, 1).await.remove(0)
}

/// No message of this test can be received now.
async fn none<E: ContractEnv>(env: &E, queue: Queue, mark: &Mark) {
    for _ in 0..3 {
        assert_eq!(look(env, queue, mark, LONG, Duration::ZERO).await, []);
    }
}

async fn delete_all<E: ContractEnv>(env: &E, queue: Queue, deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        env.ports().queues().delete(queue, &delivery.receipt).await.unwrap();
    }
}

/// More messages than one request or one receive holds: each arrives once while it is hidden, with a count of 1.
pub async fn every_message_arrives<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Dev);
    queues.send(queue, Vec::new()).await.unwrap();
    queues.send(queue, (0..37).map(|number| mark.message(number)).collect()).await.unwrap();
    let received = collect(env, queue, &mark, LONG, 37).await;
    let bodies: BTreeSet<&str> = received.iter().map(|delivery| delivery.body.as_str()).collect();
    assert_eq!(bodies.len(), 37, "each once");
    let ids: BTreeSet<&str> = received.iter().map(|delivery| delivery.id.as_str()).collect();
    assert_eq!(ids.len(), 37, "each has an id of its own");
    assert!(received.iter().all(|delivery| delivery.receive_count == 1));
    none(env, queue, &mark).await;
    let max = queues.receive(queue, 1, LONG, Duration::ZERO).await.unwrap().len();
    assert!(max <= 1);
    delete_all(env, queue, received).await;
}

/// Not before its time; a time that has passed means at once.
pub async fn a_delayed_message_comes_later<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Engine);
    let now = env.ports().clock().now();
    let later = OutgoingMessage { deliver_at: Some(now.plus_millis(5_000)), ..mark.message(1) };
    let past = OutgoingMessage { deliver_at: Some(Timestamp::from_millis(now.millis() - 60_000)), ..mark.message(2) };
    queues.send(queue, vec![later, past]).await.unwrap();
    let first = one(env, queue, &mark, LONG).await;
    assert_eq!(first.body, mark.body(2));
    none(env, queue, &mark).await;
    env.pass_time(Duration::from_millis(6_200)).await;
    let second = one(env, queue, &mark, LONG).await;
    assert_eq!((second.body.as_str(), second.receive_count), (mark.body(1).as_str(), 1));
    delete_all(env, queue, vec![first, second]).await;
}

/// Hidden for the visibility that the receive named, then received again with a higher count and the same id.
pub async fn a_received_message_is_hidden<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Pm);
    queues.send(queue, vec![mark.message(0)]).await.unwrap();
    let first = one(env, queue, &mark, SHORT).await;
    none(env, queue, &mark).await;
    env.pass_time(AFTER_SHORT).await;
    let second = one(env, queue, &mark, LONG).await;
    assert_eq!((first.receive_count, second.receive_count), (1, 2));
    assert_eq!((&first.id, &first.body), (&second.id, &second.body));
    assert_ne!(first.receipt, second.receipt);
    delete_all(env, queue, vec![second]).await;
}

/// Deleting ends a message.
pub async fn a_deleted_message_does_not_return<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Qa);
    queues.send(queue, vec![mark.message(0)]).await.unwrap();
    let received = one(env, queue, &mark, SHORT).await;
    queues.delete(queue, &received.receipt).await.unwrap();
    queues.delete(queue, &received.receipt).await.unwrap();
    env.pass_time(AFTER_SHORT).await;
    none(env, queue, &mark).await;
}

/// A receipt of an earlier receive neither deletes nor releases, and is no error.
pub async fn a_stale_receipt_does_nothing<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Ops);
    queues.send(queue, vec![mark.message(0)]).await.unwrap();
    let first = one(env, queue, &mark, SHORT).await;
    env.pass_time(AFTER_SHORT).await;
    let second = one(env, queue, &mark, SHORT).await;
    queues.delete(queue, &first.receipt).await.unwrap();
    env.pass_time(AFTER_SHORT).await;
    let third = one(env, queue, &mark, LONG).await;
    assert_eq!(third.receive_count, 3, "it was not deleted");
    queues.delete(queue, &third.receipt).await.unwrap();
    queues.release(queue, &third.receipt, Duration::ZERO).await.unwrap();
    queues.release(queue, &second.receipt, Duration::ZERO).await.unwrap();
    none(env, queue, &mark).await;
}

/// Released, it is visible again after the delay, however long it would have been hidden.
pub async fn a_released_message_returns<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Pm);
    queues.send(queue, vec![mark.message(0)]).await.unwrap();
    let first = one(env, queue, &mark, LONG).await;
    queues.release(queue, &first.receipt, Duration::ZERO).await.unwrap();
    let second = one(env, queue, &mark, LONG).await;
    assert_eq!(second.receive_count, 2);
    queues.release(queue, &second.receipt, SHORT).await.unwrap();
    none(env, queue, &mark).await;
    env.pass_time(AFTER_SHORT).await;
    let third = one(env, queue, &mark, LONG).await;
    assert_eq!(third.receive_count, 3);
    delete_all(env, queue, vec![third]).await;
}

/// All dead letters of a queue, page by page.
async fn letters<E: ContractEnv>(env: &E, queue: Queue, max: usize) -> Vec<DeadLetter> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = env.ports().queues().dead_letters(queue, cursor.as_deref(), max).await.unwrap();
        assert!(page.items.len() <= max && (page.next.is_none() || page.items.len() == max));
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

/// The dead letters of this test.
async fn own_letters<E: ContractEnv>(env: &E, queue: Queue, mark: &Mark) -> Vec<DeadLetter> {
    let mut own = letters(env, queue, 100).await;
    own.retain(|letter| letter.body.starts_with(&mark.0));
    own
}

/// Receives all messages of this test as often as they may be, until they are dead.
async fn exhaust_all<E: ContractEnv>(env: &E, queue: Queue, mark: &Mark, count: usize) -> Vec<DeadLetter> {
    for _ in 0..Queue::MAX_RECEIVES {
        for delivery in collect(env, queue, mark, LONG, count).await {
            env.ports().queues().release(queue, &delivery.receipt, Duration::ZERO).await.unwrap();
        }
    }
    eventually(env, "the messages are dead letters", async || {
        none(env, queue, mark).await;
        Some(own_letters(env, queue, mark).await).filter(|own| own.len() == count)
    })
    .await
}

/// Receives a message as often as it may be, so that it is dead at the next look.
async fn exhaust<E: ContractEnv>(env: &E, queue: Queue, mark: &Mark) {
    for count in 1..=Queue::MAX_RECEIVES {
        let delivery = one(env, queue, mark, LONG).await;
        assert_eq!(delivery.receive_count, count);
        env.ports().queues().release(queue, &delivery.receipt, Duration::ZERO).await.unwrap();
    }
    eventually(env, "the message is a dead letter", async || {
        none(env, queue, mark).await;
        own_letters(env, queue, mark).await.pop()
    })
    .await;
}

/// After so many receives it goes to the dead letters, where looking does not take it.
pub async fn a_message_received_too_often_is_dead<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Qa);
    queues.send(queue, vec![mark.message(0)]).await.unwrap();
    exhaust(env, queue, &mark).await;
    for _ in 0..2 {
        let letter =
            eventually(env, "looking leaves it there", async || own_letters(env, queue, &mark).await.pop()).await;
        assert!(letter.receive_count >= Queue::MAX_RECEIVES, "{letter:?}");
    }
    assert!(queues.dead_letters(queue, None, 1).await.unwrap().items.len() <= 1);
    assert_eq!(own_letters(env, Queue::Ops, &mark).await, [], "each queue has dead letters of its own");
    none(env, queue, &mark).await;
}

/// Redriven, it is delivered again and may be received as often as a new one.
pub async fn dead_letters_are_redriven<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Engine);
    queues.send(queue, vec![mark.message(0)]).await.unwrap();
    exhaust(env, queue, &mark).await;
    assert!(queues.redrive(queue, &Letters::All).await.unwrap() >= 1);
    for count in 1..=Queue::MAX_RECEIVES {
        let delivery = eventually(env, "it is back", async || look(env, queue, &mark, LONG, WAIT).await.pop()).await;
        assert_eq!((delivery.body.as_str(), delivery.receive_count), (mark.body(0).as_str(), count));
        if count == Queue::MAX_RECEIVES {
            queues.delete(queue, &delivery.receipt).await.unwrap();
        } else {
            queues.release(queue, &delivery.receipt, Duration::ZERO).await.unwrap();
        }
    }
    assert_eq!(own_letters(env, queue, &mark).await, []);
}

/// Pages of dead letters lose and repeat nothing; each can be looked at by its id, with what is known of it.
pub async fn dead_letters_come_in_pages<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Scheduler);
    let began = env.ports().clock().now();
    queues.send(queue, (0..5).map(|number| mark.message(number)).collect()).await.unwrap();
    let dead = exhaust_all(env, queue, &mark, 5).await;
    let ids: Vec<&str> = dead.iter().map(|letter| letter.id.as_str()).collect();
    for max in [1, 2, 3] {
        let mut paged = letters(env, queue, max).await;
        paged.retain(|letter| letter.body.starts_with(&mark.0));
        assert_eq!(paged.iter().map(|letter| letter.id.as_str()).collect::<Vec<_>>(), ids, "{max} a page");
    }
    let one = &dead[2];
    let found = queues.dead_letter(queue, &one.id).await.unwrap().unwrap();
    assert_eq!((&found.id, &found.body), (&one.id, &one.body));
    let (early, late) = (began.plus_millis(-5_000), env.ports().clock().now().plus_millis(5_000));
    let sent_at = found.sent_at.unwrap();
    assert!(early <= sent_at && found.first_received_at.is_some_and(|at| sent_at <= at && at <= late), "{found:?}");
    assert!(found.dead_at.is_none_or(|at| sent_at <= at && at <= late), "{found:?}");
    for absent in ["none", "", "0", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(queues.dead_letter(queue, absent).await.unwrap(), None, "{absent:?}");
    }
    assert_eq!(queues.dead_letter(Queue::Ops, &one.id).await.unwrap(), None, "it is another queue's");
    let page = queues.dead_letters(queue, None, 1).await.unwrap();
    let foreign = queues.dead_letters(Queue::Ops, page.next.as_deref(), 1).await;
    assert!(matches!(foreign, Err(StoreError::InvalidCursor)), "{foreign:?}");
    let all = Letters::Of(dead.iter().map(|letter| letter.id.clone()).collect());
    assert_eq!(queues.delete_dead_letters(queue, &all).await.unwrap(), 5);
}

/// Some are redriven or deleted; the others stay.
pub async fn chosen_dead_letters_are_redriven_and_deleted<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Models);
    queues.send(queue, (0..3).map(|number| mark.message(number)).collect()).await.unwrap();
    let dead = exhaust_all(env, queue, &mark, 3).await;
    let of = |numbers: &[usize]| {
        let chosen = numbers.iter().map(|number| dead[*number].id.clone());
        Letters::Of(chosen.chain(["nobody".to_owned()]).collect())
    };
    assert_eq!(queues.redrive(Queue::Pm, &of(&[0, 1, 2])).await.unwrap(), 0, "they are another queue's");
    assert_eq!(queues.delete_dead_letters(Queue::Pm, &of(&[0, 1, 2])).await.unwrap(), 0);
    assert_eq!(queues.redrive(queue, &of(&[1])).await.unwrap(), 1);
    let back = one(env, queue, &mark, LONG).await;
    assert_eq!((&back.body, back.receive_count), (&dead[1].body, 1));
    queues.delete(queue, &back.receipt).await.unwrap();
    assert_eq!(queues.delete_dead_letters(queue, &of(&[1, 2])).await.unwrap(), 1);
    assert_eq!(queues.delete_dead_letters(queue, &of(&[2])).await.unwrap(), 0, "it is gone");
    none(env, queue, &mark).await;
    let rest = eventually(env, "the other one stays", async || own_letters(env, queue, &mark).await.pop()).await;
    assert_eq!(rest.id, dead[0].id);
    assert!(queues.delete_dead_letters(queue, &Letters::All).await.unwrap() >= 1);
    eventually(env, "all are gone", async || own_letters(env, queue, &mark).await.is_empty().then_some(())).await;
}

/// Ready, in flight, delayed and dead messages are counted, at least those of this test.
pub async fn depth_counts<E: ContractEnv>(env: &E) {
    let (queues, queue) = (env.ports().queues(), Queue::Ops);
    let (dead, mark) = (Mark::new(env), Mark::new(env));
    queues.send(queue, vec![dead.message(0)]).await.unwrap();
    exhaust(env, queue, &dead).await;
    queues.send(queue, vec![mark.message(0), mark.message(1)]).await.unwrap();
    let received = collect(env, queue, &mark, LONG, 2).await;
    let late = env.ports().clock().now().plus_millis(600_000);
    let delayed = OutgoingMessage { deliver_at: Some(late), ..mark.message(2) };
    let ready = (3..6).map(|number| mark.message(number));
    queues.send(queue, ready.chain([delayed]).collect()).await.unwrap();
    eventually(env, "the counts", async || {
        let depth = queues.depth(queue).await.unwrap();
        (depth.ready >= 3 && depth.in_flight >= 2 && depth.delayed >= 1 && depth.dead >= 1).then_some(())
    })
    .await;
    delete_all(env, queue, received).await;
    let ready = collect(env, queue, &mark, LONG, 3).await;
    delete_all(env, queue, ready).await;
}

/// The age of the oldest message, where the store knows it, counts from the time at which it was due.
pub async fn the_oldest_message_has_an_age<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Functions);
    let late = env.ports().clock().now().plus_millis(600_000);
    queues.send(queue, vec![OutgoingMessage { deliver_at: Some(late), ..mark.message(0) }]).await.unwrap();
    while !look(env, queue, &mark, LONG, Duration::ZERO).await.is_empty() {}
    assert_eq!(queues.depth(queue).await.unwrap().oldest_at, None, "its time has not come");
    let before = env.ports().clock().now();
    queues.send(queue, vec![mark.message(1)]).await.unwrap();
    env.pass_time(Duration::from_millis(50)).await;
    let is_due = |at: Timestamp| before.plus_millis(-1) <= at && at <= before.plus_millis(5_000);
    assert!(queues.depth(queue).await.unwrap().oldest_at.is_none_or(is_due));
    let received = one(env, queue, &mark, LONG).await;
    assert!(queues.depth(queue).await.unwrap().oldest_at.is_none_or(is_due), "it counts while it is in flight");
    delete_all(env, queue, vec![received]).await;
    assert_eq!(queues.depth(queue).await.unwrap().oldest_at, None);
}

/// What is sent to one queue is received from no other.
pub async fn queues_are_apart<E: ContractEnv>(env: &E) {
    let (queues, mark) = (env.ports().queues(), Mark::new(env));
    for (number, queue) in Queue::ALL.into_iter().enumerate() {
        queues.send(queue, vec![mark.message(number)]).await.unwrap();
    }
    for (number, queue) in Queue::ALL.into_iter().enumerate() {
        let delivery = one(env, queue, &mark, LONG).await;
        assert_eq!(delivery.body, mark.body(number), "{}", queue.name());
        delete_all(env, queue, vec![delivery]).await;
    }
}

/// What is received is what was sent, up to the largest; a larger one is refused.
pub async fn bodies_stay_intact<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Dev);
    let mut bodies: BTreeSet<String> = ODD_TEXTS.iter().map(|text| format!("{} {text}", mark.0)).collect();
    for letter in ["x", "é"] {
        let room = OutgoingMessage::MAX_BYTES - mark.0.len();
        bodies.insert(format!("{}{}", mark.0, letter.repeat(room / letter.len())));
    }
    let message = |(number, body): (usize, &String)| OutgoingMessage { body: body.clone(), ..mark.message(number) };
    queues.send(queue, bodies.iter().enumerate().map(message).collect()).await.unwrap();
    let received = collect(env, queue, &mark, LONG, bodies.len()).await;
    assert_eq!(received.iter().map(|delivery| delivery.body.clone()).collect::<BTreeSet<_>>(), bodies);
    delete_all(env, queue, received).await;
    let body = "x".repeat(OutgoingMessage::MAX_BYTES + 1);
    let answer = queues.send(queue, vec![OutgoingMessage { body, ..mark.message(99) }]).await;
    assert!(matches!(answer, Err(StoreError::TooLarge { .. })), "{answer:?}");
}

/// A receive that waits answers soon after a send, long before its wait is over.
pub async fn a_waiting_receive_hears_of_a_send<E: ContractEnv>(env: &E) {
    let (queues, mark, queue) = (env.ports().queues(), Mark::new(env), Queue::Engine);
    while !look(env, queue, &mark, LONG, Duration::ZERO).await.is_empty() {}
    let started = Instant::now();
    let wait = Duration::from_secs(15);
    let send = async {
        // The receive has been polled once, and waits.
        queues.send(queue, vec![mark.message(0)]).await.unwrap();
    };
    let (received, ()) = join(look(env, queue, &mark, LONG, wait), send).await;
    assert_eq!(received.len(), 1);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    delete_all(env, queue, received).await;
}
