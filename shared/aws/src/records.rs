//! Records on DynamoDB.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use millrace_app::Timestamp;
use millrace_app::ports::{
    Condition, Index, Listing, Order, Page, Query, Record, RecordKey, RecordStore, StoreError, StoreResult, Write,
};

use crate::attribute::{AttributeValue, Item};
use crate::clock::now;
use crate::cursor;
use crate::dynamo::{
    MAX_TRANSACTION, check_size, corrupt, get_expiry, get_number, get_packed, get_text, item_of, number, packed,
    persist, refused, request_token, set_expiry, size, text,
};
use crate::keys::{BODY, EXPIRES_AT, ItemKey, PK, SK, VERSION, index_names};
use crate::requests::{ItemAnswer, ItemRequest, QueryAnswer, QueryRequest, TransactItem, Transaction};
use crate::services::{DYNAMODB, Services, body};

/// Records in the table. One write is one conditional `PutItem` or `DeleteItem`, several are one transaction. A record
/// that has expired is not answered, though DynamoDB may take days to remove it.
#[derive(Debug, Clone)]
pub struct DynamoRecordStore {
    services: Arc<Services>,
}

const WRITE: &str = "RecordStore::write";
const QUERY: &str = "RecordStore::query";
const MAX_WRITES: usize = 100;

/// A request that is to be done under a condition.
fn when(condition: Condition, now: Timestamp, request: ItemRequest<'_>) -> ItemRequest<'_> {
    // What has expired counts as absent, though it may still be there.
    let now = (":now".to_owned(), number(now.millis().div_euclid(1_000)));
    match condition {
        Condition::Any => request,
        Condition::Absent => ItemRequest {
            condition_expression: Some(format!("attribute_not_exists({PK}) OR {EXPIRES_AT} <= :now")),
            expression_attribute_values: Some(Item::from([now])),
            ..request
        },
        Condition::Version(version) => ItemRequest {
            condition_expression: Some(format!(
                "#version = :version AND (attribute_not_exists({EXPIRES_AT}) OR {EXPIRES_AT} > :now)"
            )),
            expression_attribute_names: Some([("#version".to_owned(), VERSION.to_owned())].into()),
            expression_attribute_values: Some(Item::from([now, (":version".to_owned(), number(version))])),
            ..request
        },
    }
}

fn to_item(record: Record, condition: Condition) -> StoreResult<Item> {
    let version = match condition {
        Condition::Any => record.version,
        Condition::Absent => 0,
        Condition::Version(version) => version,
    };
    let mut item = item_of(ItemKey { partition: record.key.partition, sort: record.key.sort });
    item.insert(VERSION.to_owned(), number(version.saturating_add(1)));
    item.insert(BODY.to_owned(), packed("a record", record.body.to_string())?);
    for Listing { index, partition, sort } in record.listings {
        let (_, pk, sk) = index_names(index);
        item.insert(pk.to_owned(), text(partition));
        item.insert(sk.to_owned(), text(sort));
    }
    set_expiry(&mut item, record.expires_at);
    check_size("a record", &item)?;
    Ok(item)
}

fn from_item(item: &Item) -> StoreResult<Record> {
    let body = get_packed(item, BODY)?;
    let listings = Index::ALL
        .into_iter()
        .filter(|index| item.contains_key(index_names(*index).1))
        .map(|index| {
            let (_, pk, sk) = index_names(index);
            Ok(Listing { index, partition: get_text(item, pk)?.to_owned(), sort: get_text(item, sk)?.to_owned() })
        })
        .collect::<StoreResult<_>>()?;
    Ok(Record {
        key: RecordKey { partition: get_text(item, PK)?.to_owned(), sort: get_text(item, SK)?.to_owned() },
        version: get_number(item, VERSION)?,
        body: serde_json::from_str(&body).map_err(|error| corrupt(item, error))?,
        listings,
        expires_at: get_expiry(item)?,
    })
}

fn is_live(record: &Record, now: Timestamp) -> bool {
    record.expires_at.is_none_or(|at| at > now)
}

fn key_item(key: RecordKey) -> Item {
    item_of(ItemKey { partition: key.partition, sort: key.sort })
}

/// Which sort keys a query asks for, in the one condition that DynamoDB takes for a sort key.
#[derive(Debug, PartialEq, Eq)]
enum SortKeys {
    All,
    None,
    BeginWith(String),
    UpTo(String),
    Between(String, String),
}

impl SortKeys {
    fn of(prefix: &str, to: Option<&str>) -> Self {
        match to {
            None if prefix.is_empty() => Self::All,
            None => Self::BeginWith(prefix.to_owned()),
            Some("") => Self::None,
            Some(to) if prefix.is_empty() => Self::UpTo(to.to_owned()),
            // Every key from the prefix to a longer one begins with the prefix.
            Some(to) if to.starts_with(prefix) => Self::Between(prefix.to_owned(), to.to_owned()),
            Some(to) if to.as_bytes() < prefix.as_bytes() => Self::None,
            Some(_) => Self::BeginWith(prefix.to_owned()),
        }
    }

    fn condition(&self, sk: &str) -> Option<(String, Vec<&str>)> {
        match self {
            Self::All | Self::None => None,
            Self::BeginWith(prefix) => Some((format!(" AND begins_with({sk}, :s0)"), vec![prefix])),
            Self::UpTo(to) => Some((format!(" AND {sk} <= :s0"), vec![to])),
            Self::Between(from, to) => Some((format!(" AND {sk} BETWEEN :s0 AND :s1"), vec![from, to])),
        }
    }
}

impl DynamoRecordStore {
    pub(crate) const fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    fn table(&self) -> &str {
        &self.services.config.table
    }

    /// A write as a request, alone or as a part of a transaction, and its size.
    fn request(&self, write: Write, now: Timestamp) -> StoreResult<(TransactItem<'_>, usize)> {
        let table = ItemRequest { table_name: self.table(), ..ItemRequest::default() };
        Ok(match write {
            Write::Put(record, condition) => {
                let item = to_item(record, condition)?;
                let size = size(&item);
                (TransactItem::Put(when(condition, now, ItemRequest { item: Some(item), ..table })), size)
            }
            Write::Delete(key, condition) => {
                let key = key_item(key);
                let size = size(&key);
                (TransactItem::Delete(when(condition, now, ItemRequest { key: Some(key), ..table })), size)
            }
        })
    }

    /// Makes a write, until it is made or refused for good.
    async fn make(&self, operation: &'static str, request: Bytes) -> StoreResult<()> {
        persist(|| {
            let call = self.services.json(&DYNAMODB, operation, request.clone());
            async move { call.await.map(|_| ()).map_err(|error| refused(WRITE, error)) }
        })
        .await
    }
}

impl RecordStore for DynamoRecordStore {
    async fn get(&self, key: &RecordKey) -> StoreResult<Option<Record>> {
        const GET: &str = "RecordStore::get";
        let request = ItemRequest {
            table_name: self.table(),
            key: Some(key_item(key.clone())),
            consistent_read: Some(true),
            ..ItemRequest::default()
        };
        let answer = self.services.ask(&DYNAMODB, "GetItem", body(GET, &request)?).await;
        let answer: ItemAnswer = answer.map_err(|error| StoreError::unavailable(GET, error))?;
        let record = answer.item.as_ref().map(from_item).transpose()?;
        Ok(record.filter(|record| is_live(record, now())))
    }

    async fn write(&self, mut writes: Vec<Write>) -> StoreResult<()> {
        if writes.len() > MAX_WRITES {
            return Err(StoreError::TooLarge { what: "a transaction", size: writes.len(), limit: MAX_WRITES });
        }
        let now = now();
        if writes.len() <= 1 {
            let Some(write) = writes.pop() else { return Ok(()) };
            let (operation, request) = match self.request(write, now)?.0 {
                TransactItem::Put(put) => ("PutItem", put),
                TransactItem::Update(update) => ("UpdateItem", update),
                TransactItem::Delete(delete) => ("DeleteItem", delete),
            };
            return self.make(operation, body(WRITE, &request)?).await;
        }
        let mut total = 0;
        let mut items = Vec::with_capacity(writes.len());
        for write in writes {
            let (item, size) = self.request(write, now)?;
            total += size;
            items.push(item);
        }
        if total > MAX_TRANSACTION {
            return Err(StoreError::TooLarge { what: "a transaction", size: total, limit: MAX_TRANSACTION });
        }
        let request = Transaction { client_request_token: request_token(), transact_items: items };
        self.make("TransactWriteItems", body(WRITE, &request)?).await
    }

    async fn query(&self, query: &Query) -> StoreResult<Page<Record>> {
        let (name, pk, sk) = match query.index.map(index_names) {
            Some((name, pk, sk)) => (Some(name), pk, sk),
            None => (None, PK, SK),
        };
        let ascending = query.order == Order::Ascending;
        let fingerprint = cursor::fingerprint(&[
            name.unwrap_or_default(),
            &query.partition,
            &query.sort_prefix,
            query.sort_to.as_deref().unwrap_or("\0none"),
            if ascending { "ascending" } else { "descending" },
        ]);
        let mut start = query.cursor.as_deref().map(|cursor| start_key(query, &fingerprint, cursor)).transpose()?;
        let keys = SortKeys::of(&query.sort_prefix, query.sort_to.as_deref());
        let mut records: Vec<Record> = Vec::new();
        let now = now();
        // One more than asked for tells whether there is a next page.
        while records.len() <= query.limit && keys != SortKeys::None && !query.partition.is_empty() {
            let missing = i32::try_from(query.limit + 1 - records.len()).unwrap_or(i32::MAX);
            let mut condition = format!("{pk} = :pk");
            let mut values = HashMap::from([(":pk", text(query.partition.as_str()))]);
            if let Some((expression, sort)) = keys.condition(sk) {
                condition.push_str(&expression);
                values.extend([":s0", ":s1"].into_iter().zip(sort.into_iter().map(text)));
            }
            let request = QueryRequest {
                table_name: self.table(),
                index_name: name,
                key_condition_expression: &condition,
                expression_attribute_values: values,
                scan_index_forward: Some(ascending),
                limit: Some(missing),
                // An index can't be read strongly consistent.
                consistent_read: name.is_none().then_some(true),
                exclusive_start_key: start,
            };
            let answer = self.services.ask(&DYNAMODB, "Query", body(QUERY, &request)?).await;
            let answer: QueryAnswer = answer.map_err(|error| StoreError::unavailable(QUERY, error))?;
            for item in &answer.items {
                records.push(from_item(item)?);
            }
            records.retain(|record| is_live(record, now));
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        let more = records.len() > query.limit;
        records.truncate(query.limit);
        let next = records.last().filter(|_| more).map(|record| next_cursor(query, &fingerprint, record));
        Ok(Page { items: records, next })
    }
}

fn next_cursor(query: &Query, fingerprint: &str, record: &Record) -> String {
    let listing = record.listings.iter().find(|listing| Some(listing.index) == query.index);
    let sort = listing.map_or(record.key.sort.as_str(), |listing| listing.sort.as_str());
    cursor::encode(fingerprint, &[sort, &record.key.partition, &record.key.sort])
}

fn start_key(query: &Query, fingerprint: &str, text_of_cursor: &str) -> StoreResult<Item> {
    let [sort, partition, record_sort] = cursor::decode(fingerprint, text_of_cursor)?;
    let Some((_, pk, sk)) = query.index.map(index_names) else {
        return Ok(item_of(ItemKey { partition: query.partition.clone(), sort }));
    };
    let mut item = item_of(ItemKey { partition, sort: record_sort });
    item.insert(pk.to_owned(), AttributeValue::S(query.partition.clone()));
    item.insert(sk.to_owned(), AttributeValue::S(sort));
    Ok(item)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> Record {
        Record {
            key: RecordKey { partition: "PROJECT#1".into(), sort: "METADATA".into() },
            version: 4,
            body: json!({"z": 1.0, "a": [null, -0.0, 1e300], "text": "é\u{0}"}),
            listings: vec![
                Listing { index: Index::Owner, partition: "OWNER#me".into(), sort: "2026".into() },
                Listing { index: Index::Due, partition: "DUE".into(), sort: "2027".into() },
            ],
            expires_at: Some(Timestamp::from_millis(1_769_851_800_250)),
        }
    }

    #[test]
    fn a_record_comes_back_exactly() {
        let item = to_item(record(), Condition::Any).unwrap();
        assert_eq!(item["DuePK"], text("DUE"));
        assert_eq!(item[EXPIRES_AT], number(1_769_851_801));
        let back = from_item(&item).unwrap();
        assert_eq!(back, Record { version: 5, ..record() });
        assert_eq!(back.body.to_string(), record().body.to_string());
    }

    #[test]
    fn the_condition_decides_the_version() {
        let version = |condition| from_item(&to_item(record(), condition).unwrap()).unwrap().version;
        assert_eq!(version(Condition::Absent), 1);
        assert_eq!(version(Condition::Any), 5);
        assert_eq!(version(Condition::Version(7)), 8);
    }

    #[test]
    fn a_record_over_the_limit_is_refused() {
        let large = Record { body: json!("x".repeat(400 * 1024)), ..record() };
        assert!(matches!(to_item(large, Condition::Any), Err(StoreError::TooLarge { .. })));
    }

    #[test]
    fn a_long_record_is_packed_and_read_again() {
        let long = Record { body: json!({ "text": "long ".repeat(1_000) }), ..record() };
        let item = to_item(long.clone(), Condition::Any).unwrap();
        assert!(size(&item) < 1_024, "{}", size(&item));
        assert_eq!(from_item(&item).unwrap().body, long.body);
    }

    #[test]
    fn one_condition_for_the_sort_key() {
        let keys = |prefix, to| SortKeys::of(prefix, to);
        assert_eq!(keys("", None), SortKeys::All);
        assert_eq!(keys("FILE#", None), SortKeys::BeginWith("FILE#".into()));
        assert_eq!(keys("", Some("x")), SortKeys::UpTo("x".into()));
        assert_eq!(keys("FILE#", Some("FILE#b")), SortKeys::Between("FILE#".into(), "FILE#b".into()));
        assert_eq!(keys("FILE#", Some("A")), SortKeys::None);
        assert_eq!(keys("FILE#", Some("Z")), SortKeys::BeginWith("FILE#".into()));
        assert_eq!(keys("", Some("")), SortKeys::None);
    }
}
