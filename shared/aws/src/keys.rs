//! The shape of the table: its keys, its attributes and its indexes.
//!
//! Records bring their keys from the application. This module adds the keys of the executions' logs and of the
//! counters of their joins:
//!
//! | Item | PK | SK |
//! | --- | --- | --- |
//! | entry of an execution's own log | `EXECUTION#{id}` | `LOG#{seq}` |
//! | entry of a child's log | `{fan-out}#{shard}` | `{index}#{seq}` |
//! | which children of a shard have ended | `{fan-out}#{shard}` | `JOIN` |
//! | which of 256 shards, or of 256 such groups, are full | `{fan-out}#L{level}#{group}` | `JOIN` |
//!
//! `{fan-out}` is `EXECUTION#{id}#{path of the parent}/{number of the fan-out}`. A shard holds 256 children, so that
//! no partition takes more writes than DynamoDB allows for one. Start reading at [`log_entry`] and [`JoinTree`].

use millrace_app::executions::{JoinArm, LogId};
use millrace_app::ports::Index;

pub(crate) const PK: &str = "PK";
pub(crate) const SK: &str = "SK";
/// The body of a record or of an entry: JSON text. Not a DynamoDB map, for that is not exact: its numbers end at 1e126
/// and have no negative zero, it nests 32 deep, and it forgets the order of fields.
pub(crate) const BODY: &str = "body";
pub(crate) const VERSION: &str = "version";
/// When an entry was decided, in milliseconds.
pub(crate) const AT: &str = "at";
/// Seconds since 1970, rounded up: the attribute that DynamoDB's TTL reads.
pub(crate) const EXPIRES_AT: &str = "expires_at";
/// By how many milliseconds `expires_at` was rounded up; left out where it is 0.
pub(crate) const EXPIRES_EARLY: &str = "expires_early";
/// What a counter has counted: a set of numbers, so that counting twice is counting once. Full, it is below 1 KB.
pub(crate) const COUNTED: &str = "counted";

/// How many children, or groups, are counted by one item.
pub(crate) const FAN: u32 = 256;

/// The largest sequence number whose key still sorts as a number.
pub(crate) const MAX_SEQ: u64 = 9_999_999_999;

/// An item's primary key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ItemKey {
    pub(crate) partition: String,
    pub(crate) sort: String,
}

/// An index's name and its two key attributes.
pub(crate) const fn index_names(index: Index) -> (&'static str, &'static str, &'static str) {
    match index {
        Index::Owner => ("owner-index", "OwnerPK", "OwnerSK"),
        Index::Status => ("status-index", "StatusPK", "StatusSK"),
        Index::Due => ("due-index", "DuePK", "DueSK"),
    }
}

/// What the partitions of one fan-out begin with.
fn fanout(parent: &LogId, fanout: u32) -> String {
    let path: String = parent.path.iter().map(|step| format!("{}.{}/", step.fanout, step.index)).collect();
    format!("EXECUTION#{}#{path}{fanout}", parent.execution)
}

/// Where the entries of a log are: their partition, and what their sort keys begin with.
pub(crate) fn log_prefix(log: &LogId) -> ItemKey {
    match log.parent() {
        None => ItemKey { partition: format!("EXECUTION#{}", log.execution), sort: "LOG#".to_owned() },
        Some((parent, step)) => child_prefix(&parent, step.fanout, step.index),
    }
}

/// The same for a child that is named by its parent.
pub(crate) fn child_prefix(parent: &LogId, number: u32, index: u32) -> ItemKey {
    ItemKey { partition: format!("{}#{}", fanout(parent, number), index / FAN), sort: format!("{index:010}#") }
}

/// The key of an entry.
pub(crate) fn log_entry(log: &LogId, seq: u64) -> ItemKey {
    let ItemKey { partition, sort } = log_prefix(log);
    ItemKey { partition, sort: format!("{sort}{seq:010}") }
}

/// The child's index and the sequence number that a sort key of a child's entry holds.
pub(crate) fn parse_child_sort(sort: &str) -> Option<(u32, u64)> {
    let (index, seq) = sort.split_once('#')?;
    Some((index.parse().ok()?, seq.parse().ok()?))
}

/// The sequence number that a sort key holds.
pub(crate) fn parse_seq(sort: &str) -> Option<u64> {
    sort.rsplit_once('#')?.1.parse().ok()
}

/// Counters over the children of a fan-out, as a tree: each item of level 0 counts up to 256 children, each of a higher
/// level up to 256 full items below it. The tree's top is a single item.
#[derive(Debug, Clone)]
pub(crate) struct JoinTree {
    fanout: String,
    total: u32,
}

impl JoinTree {
    /// The tree of an arm's fan-out; `None` for a log that is nobody's child.
    pub(crate) fn of(arm: &JoinArm) -> Option<Self> {
        let (parent, step) = arm.child.parent()?;
        Some(Self { fanout: fanout(&parent, step.fanout), total: arm.total })
    }

    /// How many items a level has.
    pub(crate) fn width(&self, level: u32) -> u32 {
        (0..=level).fold(self.total, |width, _| width.div_ceil(FAN)).max(1)
    }

    /// The highest level.
    pub(crate) fn top(&self) -> u32 {
        (0..).find(|level| self.width(*level) == 1).unwrap_or_default()
    }

    /// Up to what the item counts.
    pub(crate) fn full(&self, level: u32, node: u32) -> u32 {
        let below = level.checked_sub(1).map_or(self.total, |level| self.width(level));
        below.saturating_sub(node.saturating_mul(FAN)).min(FAN)
    }

    /// The items that an item of a level above 0 counts.
    pub(crate) fn below(&self, level: u32, node: u32) -> std::ops::Range<u32> {
        let first = node.saturating_mul(FAN);
        first..first.saturating_add(self.full(level, node))
    }

    fn partition(&self, level: u32, node: u32) -> String {
        match level {
            0 => format!("{}#{node}", self.fanout),
            level => format!("{}#L{level}#{node}", self.fanout),
        }
    }

    /// The counter's key.
    pub(crate) fn counter(&self, level: u32, node: u32) -> ItemKey {
        ItemKey { partition: self.partition(level, node), sort: Self::SORT.to_owned() }
    }

    /// The sort key of counters: behind all entries of children.
    const SORT: &str = "JOIN";
}

#[cfg(test)]
mod tests {
    use millrace_app::ids::ExecutionId;

    use super::*;

    fn arm(total: u32) -> JoinArm {
        JoinArm { child: LogId::root(ExecutionId::derived("x")).child(0, 0), position: 0, total }
    }

    #[test]
    fn keys_of_logs() {
        let root = LogId::root("exe_00000000000000000000000000".parse().unwrap());
        let key = |log: &LogId, seq| {
            let ItemKey { partition, sort } = log_entry(log, seq);
            format!("{partition} {sort}")
        };
        let id = "EXECUTION#exe_00000000000000000000000000";
        assert_eq!(key(&root, 7), format!("{id} LOG#0000000007"));
        assert_eq!(key(&root.child(3, 300), 1), format!("{id}#3#1 0000000300#0000000001"));
        assert_eq!(key(&root.child(3, 300).child(0, 2), 1), format!("{id}#3.300/0#0 0000000002#0000000001"));
        assert_eq!(parse_child_sort("0000000300#0000000001"), Some((300, 1)));
        assert_eq!(parse_child_sort("JOIN"), None);
        assert_eq!(parse_seq("LOG#0000000007"), Some(7));
    }

    #[test]
    fn sort_keys_order_as_numbers_do() {
        let root = LogId::root(ExecutionId::derived("x"));
        assert!(log_entry(&root, 9).sort < log_entry(&root, 10).sort);
        assert!(log_entry(&root, MAX_SEQ - 1).sort < log_entry(&root, MAX_SEQ).sort);
        assert!(child_prefix(&root, 0, 255).sort > log_entry(&root.child(0, 254), MAX_SEQ).sort);
        assert!(child_prefix(&root, 0, u32::MAX).sort.as_str() < JoinTree::SORT);
    }

    #[test]
    fn a_small_join_is_one_item() {
        for total in [1, 255, 256] {
            let tree = JoinTree::of(&arm(total)).unwrap();
            assert_eq!((tree.top(), tree.full(0, 0)), (0, total));
        }
    }

    #[test]
    fn a_large_join_is_a_tree_that_counts_every_child_once() {
        for total in [257, 1_000, 65_536, 65_537, 1_000_000, u32::MAX] {
            let tree = JoinTree::of(&arm(total)).unwrap();
            let top = tree.top();
            assert_eq!(tree.width(top), 1);
            assert!(tree.width(top - 1) > 1);
            let last = tree.width(0) - 1;
            let children = u64::from(last) * u64::from(FAN) + u64::from(tree.full(0, last));
            assert_eq!(children, u64::from(total));
            for level in 1..=top {
                let width = tree.width(level);
                assert_eq!(tree.below(level, width - 1).end, tree.width(level - 1), "{total} {level}");
                assert!(tree.full(level, 0) <= FAN);
            }
        }
    }

    #[test]
    fn counters_and_shards_have_keys_of_their_own() {
        let tree = JoinTree::of(&arm(1_000)).unwrap();
        assert!(tree.counter(0, 1).partition.ends_with("#0#1"));
        assert!(tree.counter(1, 1).partition.ends_with("#0#L1#1"));
    }
}
