//! Notifications over ports in memory: what reaches targets, however they behave and whatever is lost on the way.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millrace_app::changes::ChangeFeed as _;
use millrace_app::executions::{Patience, sweep};
use millrace_app::ids::{ScheduleId, SubscriptionId, WorkflowId};
use millrace_app::notifications::{
    self, Deliverer, DeliveryFilter, DeliveryStatus, NewSubscription, NotTaken, NotificationDelivery,
    NotificationSender, Outgoing, PAUSES, SubscriptionChanges, Target, publish,
};
use millrace_app::ports::{
    Clock as _, Condition, MessageQueues as _, Ports as _, Queue, Record, RecordStore as _, Write,
};
use millrace_app::{Error, Timestamp, keys};
use millrace_simulation::MemoryPorts;
use serde_json::{Value, json};

const OWNER: &str = "me";
const HOUR: Duration = Duration::from_secs(3_600);

/// What a target answers; nothing is that it never does.
type Script = Box<dyn Fn(u32) -> Result<Option<u16>, NotTaken> + Send>;

/// An event as a target got it.
#[derive(Debug, Clone, PartialEq)]
struct Got {
    id: String,
    body: Value,
    at: Timestamp,
    secrets: Vec<String>,
}

/// Targets by their addresses, each with a script over how often it was called.
#[derive(Clone, Default)]
struct Targets {
    scripts: Arc<Mutex<BTreeMap<String, Script>>>,
    got: Arc<Mutex<BTreeMap<String, Vec<Got>>>>,
}

impl Targets {
    fn answer(&self, url: &str, script: impl Fn(u32) -> Result<Option<u16>, NotTaken> + Send + 'static) {
        self.scripts.lock().unwrap().insert(url.into(), Box::new(script));
    }

    fn got(&self, url: &str) -> Vec<Got> {
        self.got.lock().unwrap().get(url).cloned().unwrap_or_default()
    }

    fn kinds(&self, url: &str) -> Vec<String> {
        self.got(url).iter().map(|got| got.body["detail-type"].as_str().unwrap().to_owned()).collect()
    }
}

impl NotificationSender for Targets {
    async fn send(&self, outgoing: Outgoing<'_>) -> Result<Option<u16>, NotTaken> {
        let url = outgoing.target.address().to_owned();
        let got = Got {
            id: outgoing.id.to_owned(),
            body: serde_json::from_str(outgoing.body).unwrap(),
            at: outgoing.now,
            secrets: outgoing.secrets.iter().map(|secret| secret.expose().to_owned()).collect(),
        };
        let calls = {
            let mut all = self.got.lock().unwrap();
            let calls = all.entry(url.clone()).or_default();
            calls.push(got);
            u32::try_from(calls.len()).unwrap()
        };
        match self.scripts.lock().unwrap().get(&url) {
            Some(script) => script(calls),
            None => Ok(Some(200)),
        }
    }
}

fn refused() -> Result<Option<u16>, NotTaken> {
    Err(NotTaken { status: Some(503), ..NotTaken::because("the endpoint answered 503") })
}

struct Env {
    ports: MemoryPorts,
    targets: Targets,
    deliverer: Deliverer<Targets>,
    edition: std::cell::Cell<u64>,
}

impl Env {
    fn new() -> Self {
        let targets = Targets::default();
        let deliverer = Deliverer::new(targets.clone());
        Self { ports: MemoryPorts::new(5), targets, deliverer, edition: std::cell::Cell::new(0) }
    }

    async fn subscribe(&self, url: &str, pattern: Value) -> SubscriptionId {
        let new = NewSubscription {
            name: url.into(),
            enabled: true,
            pattern,
            target: Target::Https { url: url.into() },
            projects_of: OWNER.into(),
        };
        notifications::create_subscription(&self.ports, OWNER, new, false).await.unwrap().subscription.value.id
    }

    /// Makes, pauses and resumes a schedule of an owner: an event each.
    async fn change_of(&self, owner: &str, name: &str, paused: bool) {
        let now = self.ports.clock().now();
        let id = ScheduleId::derived(&format!("{owner} {name}"));
        self.edition.set(self.edition.get() + 1);
        let body = json!({
            "id": id, "owner": owner, "name": name, "expression": "rate(1 day)", "time_zone": "UTC", "overlap": "skip",
            "catch_up": "last", "paused": paused, "edition": self.edition.get(),
            "target": { "workflow_id": WorkflowId::derived("x"), "workflow_arn": "arn:w" },
            "anchor": now, "created_at": now, "updated_at": now,
        });
        let record = Record { key: keys::schedule(&id), version: 0, body, listings: Vec::new(), expires_at: None };
        self.ports.write(vec![Write::Put(record, Condition::Any)]).await.unwrap();
    }

    async fn change(&self, name: &str, paused: bool) {
        self.change_of(OWNER, name, paused).await;
    }

    /// What the reader of the feed does.
    async fn publish(&self) {
        let changes = self.ports.changes(1_000).await.unwrap();
        let published = publish(&self.ports, &changes).await;
        assert!(published.problem.is_none() && published.changes == changes.len());
        if let Some(last) = changes.last() {
            self.ports.forget_changes(&last.id).await.unwrap();
        }
    }

    /// Makes the deliveries whose time has come; the answer is how many messages there were.
    async fn deliver(&self) -> usize {
        let mut handled = 0;
        loop {
            let messages = self.ports.receive(Queue::Notifications, 10, HOUR, Duration::ZERO).await.unwrap();
            if messages.is_empty() {
                return handled;
            }
            for message in messages {
                handled += 1;
                self.deliverer.handle(&self.ports, &message).await.unwrap();
                MessageQueuesExt::done(&self.ports, &message.receipt).await;
            }
        }
    }

    /// Goes on until nothing waits, at most for so long.
    async fn run_for(&self, time: Duration) {
        let end = self.ports.now().plus_millis(i64::try_from(time.as_millis()).unwrap());
        loop {
            self.deliver().await;
            let Some(next) = self.ports.next_visible().filter(|next| *next <= end) else { break };
            let wait = next.millis().saturating_sub(self.ports.now().millis()).max(1);
            self.ports.pass(Duration::from_millis(u64::try_from(wait).unwrap()));
        }
        let rest = end.millis().saturating_sub(self.ports.now().millis());
        self.ports.pass(Duration::from_millis(u64::try_from(rest).unwrap_or_default()));
    }

    async fn deliveries(&self, id: &SubscriptionId) -> Vec<NotificationDelivery> {
        let all = DeliveryFilter::default();
        notifications::list_deliveries(&self.ports, OWNER, id, &all, 100, None).await.unwrap().items
    }
}

/// The ports in memory are all ports at once: what is called `delete` there is that of several.
struct MessageQueuesExt;

impl MessageQueuesExt {
    async fn done(ports: &MemoryPorts, receipt: &str) {
        millrace_app::ports::MessageQueues::delete(ports, Queue::Notifications, receipt).await.unwrap();
    }
}

#[tokio::test]
async fn what_fits_a_pattern_reaches_its_target_signed() {
    let env = Env::new();
    let all = env.subscribe("https://all.example/", json!({})).await;
    env.subscribe("https://paused.example/", json!({ "detail-type": ["schedule.paused"] })).await;
    env.subscribe("https://other.example/", json!({ "detail": { "name": ["other"] } })).await;
    env.change("nightly", false).await;
    env.change("nightly", true).await;
    env.change_of("somebody", "nightly", true).await;
    env.publish().await;
    env.deliver().await;
    assert_eq!(env.targets.kinds("https://all.example/"), ["schedule.created", "schedule.paused"]);
    assert_eq!(env.targets.kinds("https://paused.example/"), ["schedule.paused"]);
    assert_eq!(env.targets.got("https://other.example/"), []);
    let got = &env.targets.got("https://all.example/")[1];
    assert_eq!(got.body["source"], "millrace");
    assert_eq!(got.body["detail"]["name"], "nightly");
    assert_eq!(got.body["id"], got.id);
    assert!(got.secrets.len() == 1 && got.secrets[0].starts_with("whsec_"));
    let deliveries = env.deliveries(&all).await;
    assert!(deliveries.iter().all(|delivery| delivery.status == DeliveryStatus::Delivered && delivery.tries == 1));
    assert_eq!(deliveries[0].kind, "schedule.paused", "the newest is the first");
}

#[tokio::test]
async fn a_target_that_fails_gets_the_same_event_until_it_takes_it() {
    let env = Env::new();
    let id = env.subscribe("https://flaky.example/", json!({})).await;
    env.targets.answer("https://flaky.example/", |calls| if calls < 4 { refused() } else { Ok(Some(204)) });
    env.change("nightly", false).await;
    env.publish().await;
    env.run_for(Duration::from_secs(1_000)).await;
    let got = env.targets.got("https://flaky.example/");
    assert_eq!(got.len(), 4);
    assert!(got.iter().all(|one| one.id == got[0].id && one.body == got[0].body));
    for (pair, pause) in got.windows(2).zip(PAUSES) {
        let waited = (pair[1].at.millis() - pair[0].at.millis()) / 1_000;
        assert!((pause..=pause + pause / 10 + 1).contains(&waited), "{waited} instead of {pause}");
    }
    let delivery = &env.deliveries(&id).await[0];
    assert_eq!((delivery.status, delivery.tries), (DeliveryStatus::Delivered, 4));
    assert_eq!(delivery.attempts[0].status, Some(503));
    let known = notifications::get_subscription(&env.ports, OWNER, &id).await.unwrap();
    assert_eq!(known.health, None, "a success forgets failures");
}

#[tokio::test]
async fn a_target_is_waited_for_as_long_as_it_asks() {
    let env = Env::new();
    env.subscribe("https://busy.example/", json!({})).await;
    env.targets.answer("https://busy.example/", |calls| match calls {
        1 => Err(NotTaken { status: Some(429), retry_after: Some(1_000), ..NotTaken::because("429") }),
        _ => Ok(None),
    });
    env.change("nightly", false).await;
    env.publish().await;
    env.run_for(Duration::from_secs(990)).await;
    assert_eq!(env.targets.got("https://busy.example/").len(), 1);
    env.run_for(Duration::from_secs(200)).await;
    assert_eq!(env.targets.got("https://busy.example/").len(), 2);
}

#[tokio::test]
async fn a_dead_target_delays_nobody_else_and_rests() {
    let env = Env::new();
    let dead = env.subscribe("https://dead.example/", json!({})).await;
    env.subscribe("https://fine.example/", json!({})).await;
    env.targets.answer("https://dead.example/", |_| refused());
    for number in 0..50 {
        env.change(&format!("s{number}"), false).await;
    }
    env.publish().await;
    env.deliver().await;
    assert_eq!(env.targets.got("https://fine.example/").len(), 50);
    // After five failures it is left alone: the other deliveries are put off without a call.
    assert_eq!(env.targets.got("https://dead.example/").len(), 5);
    let put_off = env.deliveries(&dead).await.into_iter().filter(|one| one.tries == 0 && one.next_at.is_some()).count();
    assert_eq!(put_off, 45);
    // When a rest is over one at a time tries.
    env.run_for(Duration::from_secs(600)).await;
    let calls = env.targets.got("https://dead.example/").len();
    assert!((6..20).contains(&calls), "{calls}");
    // It comes back: everything arrives, and once is enough.
    env.targets.answer("https://dead.example/", |_| Ok(Some(200)));
    env.run_for(3 * HOUR).await;
    let ids: std::collections::BTreeSet<String> =
        env.targets.got("https://dead.example/").into_iter().map(|got| got.id).collect();
    assert_eq!(ids.len(), 50);
    assert!(env.deliveries(&dead).await.iter().all(|one| one.status == DeliveryStatus::Delivered));
}

#[tokio::test]
async fn lasting_failure_disables_and_says_why_and_a_replay_makes_up_for_it() {
    let env = Env::new();
    let id = env.subscribe("https://gone.example/", json!({})).await;
    env.targets.answer("https://gone.example/", |_| refused());
    for day in 0..3 {
        env.change(&format!("day-{day}"), false).await;
        env.publish().await;
        env.run_for(24 * HOUR).await;
    }
    let known = notifications::get_subscription(&env.ports, OWNER, &id).await.unwrap().subscription.value;
    assert!(!known.enabled);
    let reason = known.disabled.unwrap().reason;
    assert!(reason.contains("48 hours") && reason.contains("503"), "{reason}");
    // Nothing more is sent, and what waited says why.
    let calls = env.targets.got("https://gone.example/").len();
    env.change("later", false).await;
    env.publish().await;
    env.run_for(24 * HOUR).await;
    assert_eq!(env.targets.got("https://gone.example/").len(), calls);
    let deliveries = env.deliveries(&id).await;
    assert_eq!(deliveries.len(), 3, "a disabled subscription hears of nothing");
    assert!(deliveries.iter().all(|one| one.status == DeliveryStatus::Failed && one.error.is_some()));

    let failed = DeliveryFilter { status: Some(DeliveryStatus::Failed), ..DeliveryFilter::default() };
    let refused = notifications::replay_deliveries(&env.ports, OWNER, &id, &failed, 100, None, false).await;
    assert!(matches!(refused, Err(Error::WrongState(_))));
    let enable = SubscriptionChanges { enabled: Some(true), ..SubscriptionChanges::default() };
    let enabled = notifications::update_subscription(&env.ports, OWNER, &id, None, enable, false).await.unwrap();
    assert!(enabled.health.is_none() && enabled.subscription.value.disabled.is_none());
    env.targets.answer("https://gone.example/", |_| Ok(Some(200)));
    let dry = notifications::replay_deliveries(&env.ports, OWNER, &id, &failed, 100, None, true).await.unwrap();
    assert_eq!((dry.items.len(), env.deliver().await), (3, 0));
    notifications::replay_deliveries(&env.ports, OWNER, &id, &failed, 100, None, false).await.unwrap();
    env.deliver().await;
    let deliveries = env.deliveries(&id).await;
    assert!(deliveries.iter().all(|one| one.status == DeliveryStatus::Delivered && one.replays == 1));
    let got = env.targets.got("https://gone.example/");
    assert_eq!(got.last().unwrap().id, got.iter().find(|one| one.body == got.last().unwrap().body).unwrap().id);
}

#[tokio::test]
async fn a_target_that_says_gone_is_not_asked_again() {
    let env = Env::new();
    let id = env.subscribe("https://gone.example/", json!({})).await;
    env.targets.answer("https://gone.example/", |_| {
        Err(NotTaken { status: Some(410), gone: true, ..NotTaken::because("the endpoint answered 410") })
    });
    env.change("nightly", false).await;
    env.publish().await;
    env.run_for(48 * HOUR).await;
    assert_eq!(env.targets.got("https://gone.example/").len(), 1);
    let known = notifications::get_subscription(&env.ports, OWNER, &id).await.unwrap().subscription.value;
    assert!(!known.enabled && known.disabled.unwrap().reason.contains("410"));
}

#[tokio::test]
async fn a_crash_between_change_and_delivery_loses_nothing() {
    let env = Env::new();
    let id = env.subscribe("https://all.example/", json!({})).await;
    env.change("nightly", false).await;
    // The reader dies before it forgets: the changes come again, and make no other deliveries.
    let changes = env.ports.changes(100).await.unwrap();
    publish(&env.ports, &changes).await;
    env.publish().await;
    assert_eq!(env.deliveries(&id).await.len(), 1);
    // The messages are lost, before the first attempt and between attempts: the sweep sends them again.
    env.targets.answer("https://all.example/", |calls| if calls == 1 { refused() } else { Ok(Some(200)) });
    for _ in 0..2 {
        drop(env.ports.receive(Queue::Notifications, 10, 1_000 * HOUR, Duration::ZERO).await.unwrap());
        env.ports.pass(Duration::from_secs(400));
        sweep(&env.ports, Patience::Grace).await.unwrap();
        env.deliver().await;
    }
    env.run_for(HOUR).await;
    assert_eq!(env.targets.got("https://all.example/").len(), 2);
    assert_eq!(env.deliveries(&id).await[0].status, DeliveryStatus::Delivered);
    // What is delivered is not looked at any more.
    env.ports.pass(HOUR);
    sweep(&env.ports, Patience::None).await.unwrap();
    assert_eq!(env.deliver().await, 0);
}

#[tokio::test]
async fn a_message_that_comes_twice_is_made_once_and_one_that_dies_comes_again() {
    let env = Env::new();
    env.subscribe("https://all.example/", json!({})).await;
    env.change("nightly", false).await;
    env.publish().await;
    let messages = env.ports.receive(Queue::Notifications, 10, HOUR, Duration::ZERO).await.unwrap();
    env.deliverer.handle(&env.ports, &messages[0]).await.unwrap();
    env.deliverer.handle(&env.ports, &messages[0]).await.unwrap();
    assert_eq!(env.targets.got("https://all.example/").len(), 1);
}

#[tokio::test]
async fn a_test_is_tried_once_whatever_the_subscription_says() {
    let env = Env::new();
    let id = env.subscribe("https://all.example/", json!({ "detail-type": ["execution.failed"] })).await;
    let disable = SubscriptionChanges { enabled: Some(false), ..SubscriptionChanges::default() };
    notifications::update_subscription(&env.ports, OWNER, &id, None, disable, false).await.unwrap();
    env.targets.answer("https://all.example/", |calls| if calls == 1 { refused() } else { Ok(Some(200)) });
    for expected in [DeliveryStatus::Failed, DeliveryStatus::Delivered] {
        let made = notifications::test_subscription(&env.ports, OWNER, &id).await.unwrap();
        env.run_for(HOUR).await;
        let came = notifications::get_delivery(&env.ports, OWNER, &id, &made.id).await.unwrap();
        assert_eq!((came.status, came.tries, came.test), (expected, 1, true));
    }
    assert_eq!(env.targets.kinds("https://all.example/"), ["subscription.test", "subscription.test"]);
    assert!(notifications::get_subscription(&env.ports, OWNER, &id).await.unwrap().health.is_none());
}

#[tokio::test]
async fn secrets_are_told_once_rotate_and_go_with_their_subscription() {
    let env = Env::new();
    let new = NewSubscription {
        name: "x".into(),
        enabled: true,
        pattern: json!({}),
        target: Target::Https { url: "https://all.example/".into() },
        projects_of: OWNER.into(),
    };
    let made = notifications::create_subscription(&env.ports, OWNER, new, false).await.unwrap();
    let (id, first) = (made.subscription.value.id, made.secret.unwrap().expose().to_owned());
    let rotated = notifications::rotate_secret(&env.ports, OWNER, &id, None, 3_600).await.unwrap();
    let second = rotated.secret.unwrap().expose().to_owned();
    let mismatch = notifications::rotate_secret(&env.ports, OWNER, &id, Some(1), 0).await;
    assert!(matches!(mismatch, Err(Error::VersionMismatch { .. })));
    for (wait, expected) in [(0, vec![second.clone(), first]), (7_200, vec![second])] {
        env.ports.pass(Duration::from_secs(wait));
        env.change(&format!("s{wait}"), false).await;
        env.publish().await;
        env.deliver().await;
        assert_eq!(env.targets.got("https://all.example/").last().unwrap().secrets, expected);
    }
    notifications::delete_subscription(&env.ports, OWNER, &id, None).await.unwrap();
    for number in 0..4 {
        let name = notifications::Subscription::secret_name(&id, number);
        assert_eq!(millrace_app::ports::SecretStore::get(&env.ports, &name).await.unwrap(), None);
    }
    // What was on its way is given up.
    env.change("late", false).await;
    env.publish().await;
    assert_eq!(env.deliver().await, 0);
}

#[tokio::test]
async fn subscriptions_belong_to_their_owners() {
    let env = Env::new();
    let id = env.subscribe("https://all.example/", json!({})).await;
    let other = "somebody";
    let is_missing = |error: Error| matches!(error, Error::NotFound { .. });
    assert!(is_missing(notifications::get_subscription(&env.ports, other, &id).await.unwrap_err()));
    assert!(is_missing(notifications::delete_subscription(&env.ports, other, &id, None).await.unwrap_err()));
    assert!(is_missing(notifications::test_subscription(&env.ports, other, &id).await.unwrap_err()));
    let all = DeliveryFilter::default();
    let listed = notifications::list_deliveries(&env.ports, other, &id, &all, 10, None).await;
    assert!(is_missing(listed.unwrap_err()));
    assert!(notifications::list_subscriptions(&env.ports, other).await.unwrap().is_empty());
}
