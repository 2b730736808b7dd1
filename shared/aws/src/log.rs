//! The executions' logs on DynamoDB.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use millrace_app::Timestamp;
use millrace_app::executions::{ChildRef, JoinArm, LogEntry, LogId};
use millrace_app::ports::{ExecutionLog, StoreError, StoreResult};

use crate::clients::Clients;
use crate::dynamo::{
    Item, cancelled, check_size, corrupt, get_expiry, get_number, get_text, item_of, number, persist, refused,
    set_expiry, text,
};
use crate::keys::{
    AT, BODY, COUNT, FAN, ItemKey, JoinTree, MAX_SEQ, SK, child_prefix, log_entry, log_prefix, parse_child_sort,
    parse_seq,
};

/// Logs in the table. A transition is one conditional `PutItem`; the end of a child of a fan-out is one transaction
/// with the count of its shard (see [`crate::keys`]).
#[derive(Debug, Clone)]
pub struct DynamoExecutionLog {
    clients: Arc<Clients>,
}

const ABSENT: &str = "attribute_not_exists(PK)";

fn to_item(entry: &LogEntry) -> StoreResult<Item> {
    if entry.seq > MAX_SEQ {
        return Err(StoreError::TooLarge {
            what: "the sequence number of a log's entry",
            size: usize::try_from(entry.seq).unwrap_or(usize::MAX),
            limit: usize::try_from(MAX_SEQ).unwrap_or(usize::MAX),
        });
    }
    let mut item = item_of(log_entry(&entry.log, entry.seq));
    item.insert(AT.to_owned(), number(entry.at.millis()));
    item.insert(BODY.to_owned(), text(entry.body.as_str()));
    set_expiry(&mut item, entry.expires_at);
    check_size("a log's entry", &item)?;
    Ok(item)
}

fn from_item(log: LogId, item: &Item) -> StoreResult<LogEntry> {
    let seq = parse_seq(get_text(item, SK)?).ok_or_else(|| corrupt(item, "SK holds no sequence number"))?;
    Ok(LogEntry {
        log,
        seq,
        at: Timestamp::from_millis(get_number(item, AT)?),
        body: get_text(item, BODY)?.to_owned(),
        expires_at: get_expiry(item)?,
    })
}

impl DynamoExecutionLog {
    pub(crate) const fn new(clients: Arc<Clients>) -> Self {
        Self { clients }
    }

    fn table(&self) -> &str {
        &self.clients.config.table
    }

    fn put(&self, item: Item) -> StoreResult<TransactWriteItem> {
        let put = Put::builder().table_name(self.table()).set_item(Some(item)).condition_expression(ABSENT).build();
        let put = put.map_err(|error| StoreError::unavailable("ExecutionLog::append", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Adds one to a counter. A counter goes when the log's entries go.
    fn count(&self, key: ItemKey, expires: &Item) -> StoreResult<TransactWriteItem> {
        let mut sets = Vec::new();
        let mut values = HashMap::from([(":one".to_owned(), number(1))]);
        for (name, value) in expires {
            sets.push(format!("{name} = :{name}"));
            values.insert(format!(":{name}"), value.clone());
        }
        let set = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
        let update = Update::builder()
            .table_name(self.table())
            .set_key(Some(item_of(key)))
            .update_expression(format!("ADD #count :one{set}"))
            .expression_attribute_names("#count", COUNT)
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(|error| StoreError::unavailable("ExecutionLog::append", error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Puts an item that must not exist and counts it, in one transaction.
    async fn put_and_count(&self, item: Item, counter: ItemKey, expires_at: Option<Timestamp>) -> StoreResult<()> {
        let mut expires = Item::new();
        set_expiry(&mut expires, expires_at);
        let items = vec![self.put(item)?, self.count(counter, &expires)?];
        persist(|| {
            let call = self.clients.dynamodb().transact_write_items().set_transact_items(Some(items.clone()));
            async move {
                let answer = call.send().await;
                answer.map(|_| ()).map_err(|error| cancelled("ExecutionLog::append", error))
            }
        })
        .await
    }

    /// How many a counter has counted, and when it goes.
    async fn counted(&self, tree: &JoinTree, level: u32, node: u32) -> StoreResult<(u32, Option<Timestamp>)> {
        let call = self.clients.dynamodb().get_item().table_name(self.table());
        let answer = call
            .set_key(Some(item_of(tree.counter(level, node))))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::unavailable("ExecutionLog::joined", error))?;
        answer.item.map_or(Ok((0, None)), |item| Ok((get_number(&item, COUNT)?, get_expiry(&item)?)))
    }

    /// Counts a full item of a level in the item above it, once.
    async fn mark(
        &self,
        tree: &JoinTree,
        level: u32,
        node: u32,
        below: u32,
        expires_at: Option<Timestamp>,
    ) -> StoreResult<()> {
        let mut marker = item_of(tree.marker(level, node, below));
        set_expiry(&mut marker, expires_at);
        match self.put_and_count(marker, tree.counter(level, node), expires_at).await {
            Err(StoreError::Conflict) => Ok(()),
            done => done,
        }
    }

    /// Follows a count upwards as far as items are full.
    async fn count_up(&self, tree: &JoinTree, position: u32, expires_at: Option<Timestamp>) -> StoreResult<bool> {
        let mut node = position / FAN;
        for level in 0..=tree.top() {
            if self.counted(tree, level, node).await?.0 < tree.full(level, node) {
                return Ok(false);
            }
            if level < tree.top() {
                self.mark(tree, level + 1, node / FAN, node, expires_at).await?;
                node /= FAN;
            }
        }
        Ok(true)
    }

    async fn marked(&self, tree: &JoinTree, level: u32, node: u32) -> StoreResult<HashSet<u32>> {
        let below = tree.below(level, node);
        let (first, last) = (tree.marker(level, node, below.start), tree.marker(level, node, below.end));
        let mut pages = self
            .clients
            .dynamodb()
            .query()
            .table_name(self.table())
            .key_condition_expression("PK = :pk AND SK BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(first.partition))
            .expression_attribute_values(":first", text(first.sort))
            .expression_attribute_values(":last", text(last.sort))
            .projection_expression(SK)
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut marked = HashSet::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| StoreError::unavailable("ExecutionLog::joined", error))?;
            let number = parse_seq(get_text(&item, SK)?).and_then(|number| u32::try_from(number).ok());
            marked.insert(number.ok_or_else(|| corrupt(&item, "SK holds no number"))?);
        }
        Ok(marked)
    }

    /// Is an item full? Counts full items below it that a crash left uncounted.
    fn is_full<'a>(
        &'a self,
        tree: &'a JoinTree,
        level: u32,
        node: u32,
    ) -> Pin<Box<dyn Future<Output = StoreResult<bool>> + Send + 'a>> {
        Box::pin(async move {
            let full = tree.full(level, node);
            if self.counted(tree, level, node).await?.0 >= full {
                return Ok(true);
            }
            let Some(lower) = level.checked_sub(1) else {
                return Ok(false);
            };
            let marked = self.marked(tree, level, node).await?;
            let mut repaired = false;
            for below in tree.below(level, node).filter(|below| !marked.contains(below)) {
                if self.is_full(tree, lower, below).await? {
                    let (_, expires_at) = self.counted(tree, lower, below).await?;
                    self.mark(tree, level, node, below, expires_at).await?;
                    repaired = true;
                }
            }
            Ok(repaired && self.counted(tree, level, node).await?.0 >= full)
        })
    }
}

impl ExecutionLog for DynamoExecutionLog {
    async fn append(&self, entry: &LogEntry, join: Option<&JoinArm>) -> StoreResult<bool> {
        let item = to_item(entry)?;
        let Some((arm, tree)) = join.and_then(|arm| Some((arm, JoinTree::of(arm)?))) else {
            persist(|| {
                let call = self.clients.dynamodb().put_item().table_name(self.table());
                let call = call.set_item(Some(item.clone())).condition_expression(ABSENT);
                async move {
                    let answer = call.send().await;
                    answer.map(|_| ()).map_err(|error| refused("ExecutionLog::append", error))
                }
            })
            .await?;
            return Ok(false);
        };
        self.put_and_count(item, tree.counter(0, arm.position / FAN), entry.expires_at).await?;
        self.count_up(&tree, arm.position, entry.expires_at).await
    }

    async fn joined(&self, arm: &JoinArm) -> StoreResult<bool> {
        match JoinTree::of(arm) {
            Some(tree) => self.is_full(&tree, tree.top(), 0).await,
            None => Ok(false),
        }
    }

    async fn latest(&self, log: &LogId) -> StoreResult<Option<LogEntry>> {
        let ItemKey { partition, sort } = log_prefix(log);
        let answer = self
            .clients
            .dynamodb()
            .query()
            .table_name(self.table())
            .key_condition_expression("PK = :pk AND begins_with(SK, :sk)")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":sk", text(sort))
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::unavailable("ExecutionLog::latest", error))?;
        answer.items().first().map(|item| from_item(log.clone(), item)).transpose()
    }

    async fn entries(&self, log: &LogId, from: u64, limit: usize) -> StoreResult<Vec<LogEntry>> {
        if from > MAX_SEQ {
            return Ok(Vec::new());
        }
        let first = log_entry(log, from);
        let mut entries = Vec::new();
        let mut start: Option<Item> = None;
        while entries.len() < limit {
            let page = i32::try_from(limit - entries.len()).unwrap_or(i32::MAX);
            let answer = self
                .clients
                .dynamodb()
                .query()
                .table_name(self.table())
                .key_condition_expression("PK = :pk AND SK BETWEEN :first AND :last")
                .expression_attribute_values(":pk", text(first.partition.as_str()))
                .expression_attribute_values(":first", text(first.sort.as_str()))
                .expression_attribute_values(":last", text(log_entry(log, MAX_SEQ).sort))
                .limit(page)
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::unavailable("ExecutionLog::entries", error))?;
            for item in answer.items() {
                entries.push(from_item(log.clone(), item)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(entries)
    }

    async fn children(&self, parent: &LogId, fanout: u32, from: u32, to: u32) -> StoreResult<Vec<LogEntry>> {
        let mut newest = Vec::new();
        let Some(last) = to.checked_sub(1).filter(|last| *last >= from) else {
            return Ok(newest);
        };
        // Shard by shard downwards: the first entry seen of each child is its newest. After a page the rest of the
        // last child's log is skipped, so that a long log costs one page.
        for shard in (from / FAN..=last / FAN).rev() {
            let lowest = from.max(shard * FAN);
            let highest = last.min(shard * FAN + (FAN - 1));
            let first = child_prefix(parent, fanout, lowest);
            let end = log_entry(&parent.child(fanout, highest), MAX_SEQ).sort;
            let mut start: Option<Item> = None;
            loop {
                let answer = self
                    .clients
                    .dynamodb()
                    .query()
                    .table_name(self.table())
                    .key_condition_expression("PK = :pk AND SK BETWEEN :first AND :last")
                    .expression_attribute_values(":pk", text(first.partition.as_str()))
                    .expression_attribute_values(":first", text(first.sort.as_str()))
                    .expression_attribute_values(":last", text(end.as_str()))
                    .scan_index_forward(false)
                    .consistent_read(true)
                    .set_exclusive_start_key(start)
                    .send()
                    .await
                    .map_err(|error| StoreError::unavailable("ExecutionLog::children", error))?;
                for item in answer.items() {
                    let (index, _) = parse_child_sort(get_text(item, SK)?)
                        .ok_or_else(|| corrupt(item, "SK names no child's entry"))?;
                    let log = parent.child(fanout, index);
                    if newest.last().is_none_or(|entry: &LogEntry| entry.log != log) {
                        newest.push(from_item(log, item)?);
                    }
                }
                let seen = newest.last().and_then(|entry| entry.log.path.last());
                start = match (answer.last_evaluated_key, seen) {
                    (Some(mut key), Some(ChildRef { index, .. })) if *index > lowest => {
                        key.insert(SK.to_owned(), AttributeValue::S(child_prefix(parent, fanout, *index).sort));
                        Some(key)
                    }
                    _ => break,
                };
            }
        }
        newest.reverse();
        Ok(newest)
    }
}
