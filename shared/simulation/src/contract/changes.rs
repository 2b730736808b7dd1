//! The contract of `ChangeFeed`.

use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::changes::{Change, ChangeFeed, READERS};
use millrace_app::ports::{Clock as _, Condition, Ports, Record, RecordKey, RecordStore as _, StoreError, Write};
use serde_json::{Value, json};

use super::{ContractEnv, fresh};

fn key(partition: impl Into<String>, sort: &str) -> RecordKey {
    RecordKey { partition: partition.into(), sort: sort.into() }
}

fn project<E: ContractEnv>(env: &E) -> RecordKey {
    key(format!("PROJECT#{}", fresh(env)), "METADATA")
}

fn put(key: &RecordKey, body: Value, condition: Condition) -> Write {
    let record = Record { key: key.clone(), version: 0, body, listings: Vec::new(), expires_at: None };
    Write::Put(record, condition)
}

async fn write<E: ContractEnv>(env: &E, writes: impl IntoIterator<Item = Write>) {
    env.ports().records().write(writes.into_iter().collect()).await.unwrap();
}

/// Has somebody read the feed, and takes what is there already.
async fn begin<E: ContractEnv>(env: &E)
where
    E::Ports: ChangeFeed,
{
    write(env, [put(&key(format!("{READERS}{}", fresh(env)), "SUBSCRIPTION#x"), json!({}), Condition::Absent)]).await;
    let changes = env.ports().changes(1_000).await.unwrap();
    if let Some(last) = changes.last() {
        env.ports().forget_changes(&last.id).await.unwrap();
    }
}

fn told(changes: &[Change]) -> Vec<(&RecordKey, Option<&Value>, Option<&Value>)> {
    changes.iter().map(|change| (&change.key, change.old.as_ref(), change.new.as_ref())).collect()
}

/// New, changed, deleted; a write that changes nothing is no change.
pub async fn changes_come_in_order_with_before_and_after<E: ContractEnv>(env: &E)
where
    E::Ports: ChangeFeed,
{
    begin(env).await;
    let (one, other) = (project(env), project(env));
    let before = env.ports().clock().now();
    let (first, second) = (json!({ "n": 1 }), json!({ "n": 2, "text": "é" }));
    write(env, [put(&one, first.clone(), Condition::Absent)]).await;
    write(env, [put(&other, first.clone(), Condition::Any)]).await;
    write(env, [put(&one, second.clone(), Condition::Version(1))]).await;
    write(env, [put(&one, second.clone(), Condition::Version(2))]).await;
    write(env, [Write::Delete(one.clone(), Condition::Version(3))]).await;
    let changes = env.ports().changes(100).await.unwrap();
    assert_eq!(
        told(&changes),
        [
            (&one, None, Some(&first)),
            (&other, None, Some(&first)),
            (&one, Some(&first), Some(&second)),
            (&one, Some(&second), None),
        ]
    );
    let now = env.ports().clock().now();
    assert!(changes.iter().all(|change| (before..=now).contains(&change.at)));
}

/// Those that were read come again until somebody forgets them, and others then have other ids.
pub async fn a_change_is_told_until_it_is_forgotten<E: ContractEnv>(env: &E)
where
    E::Ports: ChangeFeed,
{
    begin(env).await;
    let ports = env.ports();
    for _ in 0..3 {
        write(env, [put(&project(env), json!({}), Condition::Absent)]).await;
    }
    let two = ports.changes(2).await.unwrap();
    assert_eq!(two.len(), 2);
    assert_eq!(ports.changes(2).await.unwrap(), two);
    ports.forget_changes(&two[0].id).await.unwrap();
    let rest = ports.changes(100).await.unwrap();
    assert_eq!((rest.len(), &rest[0]), (2, &two[1]));
    ports.forget_changes(&rest[1].id).await.unwrap();
    ports.forget_changes(&rest[0].id).await.unwrap();
    assert_eq!(ports.changes(100).await.unwrap(), []);
    write(env, [put(&project(env), json!({}), Condition::Absent)]).await;
    let next = ports.changes(100).await.unwrap();
    assert!(next.len() == 1 && next[0].id != rest[1].id && next[0].id != two[0].id);
}

/// A refused transaction leaves nothing behind.
pub async fn what_was_not_written_is_no_change<E: ContractEnv>(env: &E)
where
    E::Ports: ChangeFeed,
{
    begin(env).await;
    let (one, other) = (project(env), project(env));
    let refused = vec![put(&one, json!({}), Condition::Absent), put(&other, json!({}), Condition::Version(3))];
    assert!(matches!(env.ports().records().write(refused).await, Err(StoreError::Conflict)));
    write(env, [Write::Delete(other, Condition::Any)]).await;
    assert_eq!(env.ports().changes(100).await.unwrap(), []);
}

/// Every record of a transaction is told.
pub async fn a_transaction_is_noted_whole<E: ContractEnv>(env: &E)
where
    E::Ports: ChangeFeed,
{
    begin(env).await;
    let keys: Vec<RecordKey> = (0..40).map(|_| project(env)).collect();
    write(env, keys.iter().map(|key| put(key, json!({ "a": [1] }), Condition::Absent))).await;
    let changes = env.ports().changes(100).await.unwrap();
    assert_eq!(changes.iter().map(|change| &change.key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
}

/// Other records change without a word.
pub async fn only_what_the_patterns_name_is_noted<E: ContractEnv>(env: &E)
where
    E::Ports: ChangeFeed,
{
    begin(env).await;
    let id = fresh(env);
    let all: Vec<RecordKey> = ["PROJECT", "EXECUTION", "SCHEDULE", "FUNCTION", "WORKFLOW", "APIKEY", "SUBSCRIPTION"]
        .into_iter()
        .flat_map(|kind| ["METADATA", "EVENT#1", "COUNTERS"].map(|sort| key(format!("{kind}#{id}"), sort)))
        .collect();
    write(env, all.iter().map(|key| put(key, json!({}), Condition::Absent))).await;
    let changes = env.ports().changes(100).await.unwrap();
    let expected = ["PROJECT", "EXECUTION", "SCHEDULE", "FUNCTION"].map(|kind| key(format!("{kind}#{id}"), "METADATA"));
    assert_eq!(changes.iter().map(|change| &change.key).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
}

/// A record that takes the place of an expired one is new.
pub async fn an_expired_record_was_not_there<E: ContractEnv>(env: &E)
where
    E::Ports: ChangeFeed,
{
    begin(env).await;
    let key = project(env);
    let expires_at = Some(Timestamp::from_millis(env.ports().clock().now().millis() + 1_000));
    let old = Record { key: key.clone(), version: 0, body: json!({ "n": 1 }), listings: Vec::new(), expires_at };
    write(env, [Write::Put(old, Condition::Absent)]).await;
    env.pass_time(Duration::from_secs(3)).await;
    let new = json!({ "n": 2 });
    write(env, [put(&key, new.clone(), Condition::Absent)]).await;
    let changes = env.ports().changes(100).await.unwrap();
    assert_eq!(told(&changes)[1], (&key, None, Some(&new)));
}
