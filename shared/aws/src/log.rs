//! The executions' logs on DynamoDB.

use std::collections::{HashMap, HashSet};
use std::num::ParseIntError;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use millrace_app::Timestamp;
use millrace_app::executions::{ChildRef, JoinArm, LogEntry, LogId};
use millrace_app::ports::{ExecutionLog, StoreError, StoreResult};

use crate::attribute::{AttributeValue, Item};
use crate::dynamo::{
    Refused, check_size, corrupt, get_expiry, get_number, get_packed, get_text, item_of, number, packed, persist,
    refused, request_token, set_expiry, text,
};
use crate::keys::{
    AT, BODY, COUNTED, FAN, ItemKey, JoinTree, MAX_SEQ, SK, child_prefix, log_entry, log_prefix, parse_child_sort,
    parse_seq,
};
use crate::requests::{
    AttributesAnswer, ItemAnswer, ItemRequest, QueryAnswer, QueryRequest, TransactItem, Transaction,
};
use crate::services::{DYNAMODB, Services, body};

/// Logs in the table. A transition is one conditional `PutItem`; the end of a child of a fan-out is one transaction
/// with the count in its shard (see `keys.rs`).
#[derive(Debug, Clone)]
pub struct DynamoExecutionLog {
    services: Arc<Services>,
}

const APPEND: &str = "ExecutionLog::append";
const JOINED: &str = "ExecutionLog::joined";
const ABSENT: &str = "attribute_not_exists(PK)";

const RANGE: &str = "PK = :pk AND SK BETWEEN :first AND :last";

/// The values of [`RANGE`].
fn range<'a>(partition: &str, first: &str, last: &str) -> HashMap<&'a str, AttributeValue> {
    [(":pk", text(partition)), (":first", text(first)), (":last", text(last))].into()
}

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
    item.insert(BODY.to_owned(), packed("a log's entry", entry.body.clone())?);
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
        body: get_packed(item, BODY)?.into_owned(),
        expires_at: get_expiry(item)?,
    })
}

impl DynamoExecutionLog {
    pub(crate) const fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    fn table(&self) -> &str {
        &self.services.config.table
    }

    /// How a counter counts a member. It goes when what it counts goes.
    fn count(member: u32, expires_at: Option<Timestamp>) -> (String, Item) {
        let mut values = Item::new();
        set_expiry(&mut values, expires_at);
        let mut sets: Vec<String> = values.keys().map(|name| format!("{name} = :{name}")).collect();
        sets.sort_unstable();
        let set = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
        let mut values: Item = values.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect();
        values.insert(":member".to_owned(), AttributeValue::Ns(vec![(member % FAN).to_string()]));
        (format!("ADD {COUNTED} :member{set}"), values)
    }

    /// Appends the entry and counts its child, in one transaction.
    async fn append_and_count(&self, entry: &LogEntry, item: Item, tree: &JoinTree, position: u32) -> StoreResult<()> {
        let put = ItemRequest {
            table_name: self.table(),
            item: Some(item),
            condition_expression: Some(ABSENT.to_owned()),
            ..ItemRequest::default()
        };
        let (expression, values) = Self::count(position, entry.expires_at);
        let count = ItemRequest {
            table_name: self.table(),
            key: Some(item_of(tree.counter(0, position / FAN))),
            update_expression: Some(expression),
            expression_attribute_values: Some(values),
            ..ItemRequest::default()
        };
        let transact_items = vec![TransactItem::Put(put), TransactItem::Update(count)];
        let request = Transaction { client_request_token: request_token(), transact_items };
        self.write("TransactWriteItems", body(APPEND, &request)?).await
    }

    /// Makes a write, until it is made or refused for good.
    async fn write(&self, operation: &'static str, request: Bytes) -> StoreResult<()> {
        persist(|| {
            let call = self.services.json(&DYNAMODB, operation, request.clone());
            async move { call.await.map(|_| ()).map_err(|error| refused(APPEND, error)) }
        })
        .await
    }

    /// Reads a page of a partition.
    async fn query(&self, operation: &'static str, request: &QueryRequest<'_>) -> StoreResult<QueryAnswer> {
        let answer = self.services.ask(&DYNAMODB, "Query", body(operation, request)?).await;
        answer.map_err(|error| StoreError::unavailable(operation, error))
    }

    /// What a counter has counted.
    async fn counted(&self, tree: &JoinTree, level: u32, node: u32) -> StoreResult<Counted> {
        let request = ItemRequest {
            table_name: self.table(),
            key: Some(item_of(tree.counter(level, node))),
            consistent_read: Some(true),
            ..ItemRequest::default()
        };
        let answer = self.services.ask(&DYNAMODB, "GetItem", body(JOINED, &request)?).await;
        let answer: ItemAnswer = answer.map_err(|error| StoreError::unavailable(JOINED, error))?;
        answer.item.as_ref().map_or_else(|| Ok(Counted::default()), Counted::of)
    }

    /// Counts a full item in the item above it.
    async fn count_full(
        &self,
        tree: &JoinTree,
        level: u32,
        node: u32,
        expires_at: Option<Timestamp>,
    ) -> StoreResult<Counted> {
        let (expression, values) = Self::count(node, expires_at);
        let request = ItemRequest {
            table_name: self.table(),
            key: Some(item_of(tree.counter(level + 1, node / FAN))),
            update_expression: Some(expression),
            expression_attribute_values: Some(values),
            return_values: Some("ALL_NEW"),
            ..ItemRequest::default()
        };
        let request = body(JOINED, &request)?;
        let counted = Mutex::new(Counted::default());
        persist(|| {
            let call = self.services.ask::<AttributesAnswer>(&DYNAMODB, "UpdateItem", request.clone());
            let counted = &counted;
            async move {
                let answer = call.await.map_err(|error| refused(JOINED, error))?;
                let new = answer.attributes.as_ref().map_or_else(|| Ok(Counted::default()), Counted::of);
                *counted.lock().unwrap_or_else(PoisonError::into_inner) = new.map_err(Refused::Final)?;
                Ok(())
            }
        })
        .await?;
        Ok(counted.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Follows a count upwards as far as items are full.
    async fn count_up(&self, tree: &JoinTree, position: u32, expires_at: Option<Timestamp>) -> StoreResult<bool> {
        let (mut level, mut node) = (0, position / FAN);
        let mut counted = self.counted(tree, level, node).await?;
        while counted.members.len() >= tree.full(level, node) as usize {
            if level == tree.top() {
                return Ok(true);
            }
            counted = self.count_full(tree, level, node, expires_at).await?;
            (level, node) = (level + 1, node / FAN);
        }
        Ok(false)
    }

    /// The item's content if it is full. Counts full items below it that a crash left uncounted.
    fn full<'a>(
        &'a self,
        tree: &'a JoinTree,
        level: u32,
        node: u32,
    ) -> Pin<Box<dyn Future<Output = StoreResult<Option<Counted>>> + Send + 'a>> {
        Box::pin(async move {
            let full = tree.full(level, node) as usize;
            let mut counted = self.counted(tree, level, node).await?;
            if counted.members.len() < full
                && let Some(lower) = level.checked_sub(1)
            {
                let below = tree.below(level, node);
                for below in below.filter(|below| !counted.members.contains(&(below % FAN))).collect::<Vec<_>>() {
                    if let Some(uncounted) = self.full(tree, lower, below).await? {
                        counted = self.count_full(tree, lower, below, uncounted.expires_at).await?;
                    }
                }
            }
            Ok((counted.members.len() >= full).then_some(counted))
        })
    }
}

/// A counter's content.
#[derive(Debug, Default)]
struct Counted {
    members: HashSet<u32>,
    expires_at: Option<Timestamp>,
}

impl Counted {
    fn of(item: &Item) -> StoreResult<Self> {
        let members: Result<_, ParseIntError> = match item.get(COUNTED) {
            Some(AttributeValue::Ns(numbers)) => numbers.iter().map(|number| number.parse()).collect(),
            _ => return Err(corrupt(item, "it has no set of numbers")),
        };
        Ok(Self { members: members.map_err(|error| corrupt(item, error))?, expires_at: get_expiry(item)? })
    }
}

impl ExecutionLog for DynamoExecutionLog {
    async fn append(&self, entry: &LogEntry, join: Option<&JoinArm>) -> StoreResult<bool> {
        let item = to_item(entry)?;
        let Some((arm, tree)) = join.and_then(|arm| Some((arm, JoinTree::of(arm)?))) else {
            let put = ItemRequest {
                table_name: self.table(),
                item: Some(item),
                condition_expression: Some(ABSENT.to_owned()),
                ..ItemRequest::default()
            };
            self.write("PutItem", body(APPEND, &put)?).await?;
            return Ok(false);
        };
        self.append_and_count(entry, item, &tree, arm.position).await?;
        self.count_up(&tree, arm.position, entry.expires_at).await
    }

    async fn joined(&self, arm: &JoinArm) -> StoreResult<bool> {
        match JoinTree::of(arm) {
            Some(tree) => self.full(&tree, tree.top(), 0).await.map(|full| full.is_some()),
            None => Ok(false),
        }
    }

    async fn latest(&self, log: &LogId) -> StoreResult<Option<LogEntry>> {
        let ItemKey { partition, sort } = log_prefix(log);
        let request = QueryRequest {
            table_name: self.table(),
            key_condition_expression: "PK = :pk AND begins_with(SK, :sk)",
            expression_attribute_values: [(":pk", text(partition)), (":sk", text(sort))].into(),
            scan_index_forward: Some(false),
            limit: Some(1),
            consistent_read: Some(true),
            ..QueryRequest::default()
        };
        let answer = self.query("ExecutionLog::latest", &request).await?;
        answer.items.first().map(|item| from_item(log.clone(), item)).transpose()
    }

    async fn appended(&self, log: &LogId, after: u64, wait: Duration) -> StoreResult<Option<LogEntry>> {
        /// How often is looked: a read costs money.
        const LOOK_EVERY: Duration = Duration::from_millis(250);
        let end = tokio::time::Instant::now() + wait;
        loop {
            let newest = self.latest(log).await?.filter(|entry| entry.seq > after);
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            if newest.is_some() || left.is_zero() {
                return Ok(newest);
            }
            tokio::time::sleep(LOOK_EVERY.min(left)).await;
        }
    }

    async fn entries(&self, log: &LogId, from: u64, limit: usize) -> StoreResult<Vec<LogEntry>> {
        if from > MAX_SEQ {
            return Ok(Vec::new());
        }
        let (first, last) = (log_entry(log, from), log_entry(log, MAX_SEQ).sort);
        let mut entries = Vec::new();
        let mut start: Option<Item> = None;
        while entries.len() < limit {
            let page = i32::try_from(limit - entries.len()).unwrap_or(i32::MAX);
            let request = QueryRequest {
                table_name: self.table(),
                key_condition_expression: RANGE,
                expression_attribute_values: range(&first.partition, &first.sort, &last),
                limit: Some(page),
                consistent_read: Some(true),
                exclusive_start_key: start,
                ..QueryRequest::default()
            };
            let answer = self.query("ExecutionLog::entries", &request).await?;
            for item in &answer.items {
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
                let request = QueryRequest {
                    table_name: self.table(),
                    key_condition_expression: RANGE,
                    expression_attribute_values: range(&first.partition, &first.sort, &end),
                    scan_index_forward: Some(false),
                    consistent_read: Some(true),
                    exclusive_start_key: start,
                    ..QueryRequest::default()
                };
                let answer = self.query("ExecutionLog::children", &request).await?;
                for item in &answer.items {
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
