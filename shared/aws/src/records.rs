//! Records on DynamoDB.

use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use millrace_app::Timestamp;
use millrace_app::ports::{
    Condition, Index, Listing, Order, Page, Query, Record, RecordKey, RecordStore, StoreError, StoreResult, Write,
};

use crate::clients::Clients;
use crate::clock::now;
use crate::cursor;
use crate::dynamo::{
    Item, MAX_TRANSACTION, cancelled, check_size, corrupt, get_expiry, get_number, get_packed, get_text, item_of,
    number, packed, persist, refused, set_expiry, size, text,
};
use crate::keys::{BODY, EXPIRES_AT, ItemKey, PK, SK, VERSION, index_names};

/// Records in the table. One write is one conditional `PutItem` or `DeleteItem`, several are one transaction. A record
/// that has expired is not answered, though DynamoDB may take days to remove it.
#[derive(Debug, Clone)]
pub struct DynamoRecordStore {
    clients: Arc<Clients>,
}

const WRITE: &str = "RecordStore::write";
const MAX_WRITES: usize = 100;

/// A condition as DynamoDB takes it, with its values.
#[derive(Debug, Clone, Default)]
struct Expression {
    text: Option<String>,
    names: Option<std::collections::HashMap<String, String>>,
    values: Option<Item>,
}

impl Expression {
    fn of(condition: Condition, now: Timestamp) -> Self {
        // What has expired counts as absent, though it may still be there.
        let now = (":now".to_owned(), number(now.millis().div_euclid(1_000)));
        match condition {
            Condition::Any => Self::default(),
            Condition::Absent => Self {
                text: Some(format!("attribute_not_exists({PK}) OR {EXPIRES_AT} <= :now")),
                names: None,
                values: Some(Item::from([now])),
            },
            Condition::Version(version) => Self {
                text: Some(format!(
                    "#version = :version AND (attribute_not_exists({EXPIRES_AT}) OR {EXPIRES_AT} > :now)"
                )),
                names: Some([("#version".to_owned(), VERSION.to_owned())].into()),
                values: Some(Item::from([now, (":version".to_owned(), number(version))])),
            },
        }
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
    pub(crate) const fn new(clients: Arc<Clients>) -> Self {
        Self { clients }
    }

    fn table(&self) -> &str {
        &self.clients.config.table
    }

    async fn write_one(&self, write: Write) -> StoreResult<()> {
        match write {
            Write::Put(record, condition) => {
                let (item, check) = (to_item(record, condition)?, Expression::of(condition, now()));
                persist(|| {
                    let call = self.clients.dynamodb().put_item().table_name(self.table());
                    let call = call
                        .set_item(Some(item.clone()))
                        .set_condition_expression(check.text.clone())
                        .set_expression_attribute_names(check.names.clone())
                        .set_expression_attribute_values(check.values.clone());
                    async move { call.send().await.map(|_| ()).map_err(|error| refused(WRITE, error)) }
                })
                .await
            }
            Write::Delete(key, condition) => {
                let (key, check) = (key_item(key), Expression::of(condition, now()));
                persist(|| {
                    let call = self.clients.dynamodb().delete_item().table_name(self.table());
                    let call = call
                        .set_key(Some(key.clone()))
                        .set_condition_expression(check.text.clone())
                        .set_expression_attribute_names(check.names.clone())
                        .set_expression_attribute_values(check.values.clone());
                    async move { call.send().await.map(|_| ()).map_err(|error| refused(WRITE, error)) }
                })
                .await
            }
        }
    }

    /// One write of a transaction, and its size.
    fn transact(&self, write: Write, now: Timestamp) -> StoreResult<(TransactWriteItem, usize)> {
        let built = |error| StoreError::unavailable(WRITE, error);
        Ok(match write {
            Write::Put(record, condition) => {
                let (item, check) = (to_item(record, condition)?, Expression::of(condition, now));
                let size = size(&item);
                let put = Put::builder()
                    .table_name(self.table())
                    .set_item(Some(item))
                    .set_condition_expression(check.text)
                    .set_expression_attribute_names(check.names)
                    .set_expression_attribute_values(check.values);
                (TransactWriteItem::builder().put(put.build().map_err(built)?).build(), size)
            }
            Write::Delete(key, condition) => {
                let (key, check) = (key_item(key), Expression::of(condition, now));
                let size = size(&key);
                let delete = Delete::builder()
                    .table_name(self.table())
                    .set_key(Some(key))
                    .set_condition_expression(check.text)
                    .set_expression_attribute_names(check.names)
                    .set_expression_attribute_values(check.values);
                (TransactWriteItem::builder().delete(delete.build().map_err(built)?).build(), size)
            }
        })
    }
}

impl RecordStore for DynamoRecordStore {
    async fn get(&self, key: &RecordKey) -> StoreResult<Option<Record>> {
        let answer = self
            .clients
            .dynamodb()
            .get_item()
            .table_name(self.table())
            .set_key(Some(key_item(key.clone())))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::unavailable("RecordStore::get", error))?;
        let record = answer.item.as_ref().map(from_item).transpose()?;
        Ok(record.filter(|record| is_live(record, now())))
    }

    async fn write(&self, mut writes: Vec<Write>) -> StoreResult<()> {
        if writes.len() > MAX_WRITES {
            return Err(StoreError::TooLarge { what: "a transaction", size: writes.len(), limit: MAX_WRITES });
        }
        if writes.len() <= 1 {
            return match writes.pop() {
                Some(write) => self.write_one(write).await,
                None => Ok(()),
            };
        }
        let now = now();
        let mut total = 0;
        let mut items = Vec::with_capacity(writes.len());
        for write in writes {
            let (item, size) = self.transact(write, now)?;
            total += size;
            items.push(item);
        }
        if total > MAX_TRANSACTION {
            return Err(StoreError::TooLarge { what: "a transaction", size: total, limit: MAX_TRANSACTION });
        }
        persist(|| {
            let call = self.clients.dynamodb().transact_write_items().set_transact_items(Some(items.clone()));
            async move { call.send().await.map(|_| ()).map_err(|error| cancelled(WRITE, error)) }
        })
        .await
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
            let mut call = self
                .clients
                .dynamodb()
                .query()
                .table_name(self.table())
                .set_index_name(name.map(str::to_owned))
                .expression_attribute_values(":pk", text(query.partition.as_str()))
                .scan_index_forward(ascending)
                .limit(missing)
                .set_exclusive_start_key(start);
            // An index can't be read strongly consistent.
            if name.is_none() {
                call = call.consistent_read(true);
            }
            let mut condition = format!("{pk} = :pk");
            if let Some((expression, values)) = keys.condition(sk) {
                condition.push_str(&expression);
                for (place, value) in values.into_iter().enumerate() {
                    call = call.expression_attribute_values(format!(":s{place}"), text(value));
                }
            }
            let answer = call
                .key_condition_expression(condition)
                .send()
                .await
                .map_err(|error| StoreError::unavailable("RecordStore::query", error))?;
            for item in answer.items() {
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
