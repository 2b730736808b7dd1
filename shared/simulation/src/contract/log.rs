//! The contract of `ExecutionLog`.

use futures_util::future::join_all;
use millrace_app::Timestamp;
use millrace_app::executions::{JoinArm, LogEntry, LogId};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{Clock as _, ExecutionLog as _, Ports as _, StoreError};

use super::{ContractEnv, ODD_TEXTS};

fn fresh_log<E: ContractEnv>(env: &E) -> LogId {
    LogId::root(ExecutionId::new(env.ports()))
}

fn entry<E: ContractEnv>(env: &E, log: &LogId, seq: u64, body: &str) -> LogEntry {
    LogEntry { log: log.clone(), seq, at: env.ports().clock().now(), body: body.to_owned(), expires_at: None }
}

fn arm(child: &LogId, position: u32, total: u32) -> JoinArm {
    JoinArm { child: child.clone(), position, total }
}

/// An entry is appended once; a second one with its number conflicts and changes nothing.
pub async fn conditional_append<E: ContractEnv>(env: &E) {
    let (store, log) = (env.ports().log(), fresh_log(env));
    assert_eq!(store.latest(&log).await.unwrap(), None);
    let first = entry(env, &log, 0, "first");
    assert!(!store.append(&first, None).await.unwrap(), "without a join nothing is complete");
    let again = store.append(&entry(env, &log, 0, "second"), None).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let again = store.append(&first, None).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "the same entry conflicts with itself: {again:?}");
    assert_eq!(store.entries(&log, 0, 10).await.unwrap(), [first]);
}

/// Of many that append the same number at once, exactly one wins, and its entry is the stored one.
pub async fn concurrent_appends_have_one_winner<E: ContractEnv>(env: &E) {
    let (store, log) = (env.ports().log(), fresh_log(env));
    for seq in 0..3 {
        let racers: Vec<LogEntry> = (0..16).map(|racer| entry(env, &log, seq, &format!("racer {racer}"))).collect();
        let answers = join_all(racers.iter().map(|racer| store.append(racer, None))).await;
        let mut winners = Vec::new();
        for (racer, answer) in racers.into_iter().zip(answers) {
            match answer {
                Ok(_) => winners.push(racer),
                Err(StoreError::Conflict) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "entry {seq}");
        assert_eq!(store.latest(&log).await.unwrap().as_ref(), winners.first());
    }
    assert_eq!(store.entries(&log, 0, 10).await.unwrap().len(), 3);
}

/// What is read is what was written, all of it.
pub async fn bodies_stay_intact<E: ContractEnv>(env: &E) {
    let (store, log) = (env.ports().log(), fresh_log(env));
    let large = "0123456789é".repeat(10_000);
    let mut written = Vec::new();
    for body in ODD_TEXTS.into_iter().chain([large.as_str(), "{}"]) {
        let mut one = entry(env, &log, written.len() as u64, body);
        one.at = Timestamp::from_millis(1_769_851_800_123 + i64::try_from(written.len()).unwrap());
        one.expires_at = (written.len() % 2 == 0).then(|| Timestamp::from_millis(4_102_444_800_000));
        store.append(&one, None).await.unwrap();
        written.push(one);
    }
    assert_eq!(store.entries(&log, 0, 100).await.unwrap(), written);
}

/// Entries come by number, from where and as many as asked for.
pub async fn entries_come_in_order_and_pages<E: ContractEnv>(env: &E) {
    let (store, log) = (env.ports().log(), fresh_log(env));
    // Numbers with more digits than others: their order is that of numbers, not of texts.
    for seq in 0..25 {
        store.append(&entry(env, &log, seq, &format!("entry {seq}")), None).await.unwrap();
    }
    let numbers = async |from, limit| {
        let entries = store.entries(&log, from, limit).await.unwrap();
        entries.iter().for_each(|entry| assert_eq!(entry.body, format!("entry {}", entry.seq)));
        entries.into_iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    assert_eq!(numbers(0, 100).await, (0..25).collect::<Vec<_>>());
    assert_eq!(numbers(8, 4).await, [8, 9, 10, 11]);
    assert_eq!(numbers(24, 4).await, [24]);
    assert_eq!(numbers(25, 4).await, [0; 0]);
}

/// The newest entry is the one with the greatest number.
pub async fn latest_is_the_newest<E: ContractEnv>(env: &E) {
    let (store, log) = (env.ports().log(), fresh_log(env));
    for seq in 0..12 {
        let one = entry(env, &log, seq, &format!("entry {seq}"));
        store.append(&one, None).await.unwrap();
        assert_eq!(store.latest(&log).await.unwrap(), Some(one));
    }
}

/// An execution's log, its children's and theirs have nothing to do with each other.
pub async fn logs_are_apart<E: ContractEnv>(env: &E) {
    let (store, root) = (env.ports().log(), fresh_log(env));
    let logs = [
        root.clone(),
        root.child(0, 1),
        root.child(0, 11),
        root.child(1, 1),
        root.child(0, 1).child(0, 1),
        root.child(11, 1),
        fresh_log(env),
    ];
    for (number, log) in logs.iter().enumerate() {
        assert_eq!(store.latest(log).await.unwrap(), None, "{log}");
        store.append(&entry(env, log, 1, &format!("log {number}")), None).await.unwrap();
    }
    for (number, log) in logs.iter().enumerate() {
        let entries = store.entries(log, 0, 10).await.unwrap();
        assert_eq!(entries.len(), 1, "{log}");
        assert_eq!((&entries[0].log, &entries[0].body), (log, &format!("log {number}")));
    }
}

/// Of each child in the range that has entries: the newest, by index.
pub async fn children_answer_their_newest_entries<E: ContractEnv>(env: &E) {
    let (store, root) = (env.ports().log(), fresh_log(env));
    let parent = root.child(3, 0);
    // Child 4 has no entries; the others have 1, 2, 3… of them. Neighbours must not show up.
    for index in (0..12_u32).filter(|index| *index != 4) {
        for seq in 1..=u64::from(index % 4) + 1 {
            store.append(&entry(env, &parent.child(2, index), seq, &format!("{index}/{seq}")), None).await.unwrap();
        }
    }
    for stranger in [parent.child(1, 2), parent.child(20, 2), parent.child(2, 2).child(0, 0), root.child(2, 2)] {
        store.append(&entry(env, &stranger, 1, "stranger"), None).await.unwrap();
    }
    let children = async |from, to| {
        let entries = store.children(&parent, 2, from, to).await.unwrap();
        entries.into_iter().map(|entry| (entry.log, entry.seq, entry.body)).collect::<Vec<_>>()
    };
    let newest = |index: u32| {
        let seq = u64::from(index % 4) + 1;
        (parent.child(2, index), seq, format!("{index}/{seq}"))
    };
    assert_eq!(children(0, 100).await, (0..12).filter(|index| *index != 4).map(newest).collect::<Vec<_>>());
    assert_eq!(children(3, 6).await, [newest(3), newest(5)]);
    assert_eq!(children(4, 5).await, []);
    assert_eq!(children(12, 20).await, []);
    assert_eq!(store.children(&parent, 7, 0, 100).await.unwrap(), []);
}

/// The last child's end makes the join complete; a child that is counted again counts no more.
pub async fn a_join_counts_each_child_once<E: ContractEnv>(env: &E) {
    let (store, root) = (env.ports().log(), fresh_log(env));
    let child = |index| root.child(0, index);
    let end = async |index: u32, seq| {
        let arm = arm(&child(index), index, 3);
        store.append(&entry(env, &child(index), seq, "end"), Some(&arm)).await.unwrap()
    };
    let joined = async || store.joined(&arm(&child(0), 0, 3)).await.unwrap();
    assert!(!joined().await);
    assert!(!end(0, 1).await);
    assert!(!end(0, 2).await, "the same child again");
    assert!(!end(0, 3).await, "and again");
    assert!(!end(2, 1).await);
    assert!(!joined().await);
    assert!(end(1, 1).await, "the third child completes it");
    assert!(joined().await);
    assert!(end(1, 2).await, "a repeat finds it complete");
}

/// A join counts only together with its entry.
pub async fn a_refused_append_does_not_count<E: ContractEnv>(env: &E) {
    let (store, root) = (env.ports().log(), fresh_log(env));
    let (first, second) = (root.child(0, 0), root.child(0, 1));
    store.append(&entry(env, &first, 1, "running"), None).await.unwrap();
    let refused = store.append(&entry(env, &first, 1, "end"), Some(&arm(&first, 0, 1))).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert!(!store.joined(&arm(&first, 0, 1)).await.unwrap(), "nothing was counted");
    assert!(!store.append(&entry(env, &first, 2, "end"), Some(&arm(&first, 0, 2))).await.unwrap());
    let refused = store.append(&entry(env, &first, 2, "end"), Some(&arm(&first, 0, 2))).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert!(!store.joined(&arm(&first, 0, 2)).await.unwrap());
    assert!(store.append(&entry(env, &second, 1, "end"), Some(&arm(&second, 1, 2))).await.unwrap());
}

/// Many children that end at the same time are counted exactly, and one of them learns that all have ended.
pub async fn a_wide_join_counts_exactly<E: ContractEnv>(env: &E) {
    const TOTAL: u32 = 620;
    let (store, root) = (env.ports().log(), fresh_log(env));
    let mut complete = 0;
    let last = TOTAL - 1;
    // Ranks need not be indexes: the children with odd indexes come first.
    let children: Vec<u32> = (0..TOTAL).map(|rank| (rank * 2 + 1) % (TOTAL + 1)).collect();
    for (chunk, indexes) in children[..last as usize].chunks(40).enumerate() {
        let ends = indexes.iter().enumerate().map(async |(offset, index)| {
            let child = root.child(5, *index);
            let position = u32::try_from(chunk * 40 + offset).unwrap();
            store.append(&entry(env, &child, 1, "end"), Some(&arm(&child, position, TOTAL))).await.unwrap()
        });
        complete += join_all(ends).await.into_iter().filter(|complete| *complete).count();
    }
    let child = root.child(5, children[last as usize]);
    let arm = arm(&child, last, TOTAL);
    assert_eq!(complete, 0, "one is missing");
    assert!(!store.joined(&arm).await.unwrap());
    assert!(store.append(&entry(env, &child, 1, "end"), Some(&arm)).await.unwrap());
    assert!(store.joined(&arm).await.unwrap());
    assert_eq!(store.children(&root, 5, 0, TOTAL + 1).await.unwrap().len(), TOTAL as usize);
}

/// Children of one fan-out do not count into another one.
pub async fn fan_outs_are_counted_apart<E: ContractEnv>(env: &E) {
    let (store, root) = (env.ports().log(), fresh_log(env));
    let parents = [root.clone(), root.child(0, 0), root.child(1, 0)];
    for parent in &parents {
        for fanout in [0, 1, 10] {
            let child = parent.child(fanout, 1);
            assert!(!store.append(&entry(env, &child, 1, "end"), Some(&arm(&child, 0, 2))).await.unwrap(), "{child}");
        }
    }
    // Where two racers end a fan-out, at least the one that the store takes last learns it.
    for parent in &parents {
        let (a, b) = (parent.child(4, 0), parent.child(4, 1));
        let (end_a, end_b) = (entry(env, &a, 1, "end"), entry(env, &b, 1, "end"));
        let (arm_a, arm_b) = (arm(&a, 0, 2), arm(&b, 1, 2));
        let ends = join_all([store.append(&end_a, Some(&arm_a)), store.append(&end_b, Some(&arm_b))]).await;
        assert!(ends.into_iter().any(Result::unwrap), "{parent}");
    }
}
