//! The contract of `RecordStore`.

use std::time::Duration;

use futures_util::future::join_all;
use millrace_app::Timestamp;
use millrace_app::ports::{
    Clock as _, Condition, Index, Listing, Order, Ports as _, Query, Record, RecordKey, RecordStore as _, StoreError,
    Write,
};
use serde_json::{Value, json};

use super::{ContractEnv, ODD_TEXTS, eventually, fresh};

fn key(partition: &str, sort: &str) -> RecordKey {
    RecordKey { partition: partition.to_owned(), sort: sort.to_owned() }
}

fn record(partition: &str, sort: &str, body: Value) -> Record {
    Record { key: key(partition, sort), version: 0, body, listings: Vec::new(), expires_at: None }
}

fn listed(mut record: Record, index: Index, partition: &str, sort: &str) -> Record {
    record.listings.push(Listing { index, partition: partition.to_owned(), sort: sort.to_owned() });
    record
}

fn query(index: Option<Index>, partition: &str, order: Order) -> Query {
    Query {
        index,
        partition: partition.to_owned(),
        sort_prefix: String::new(),
        sort_to: None,
        order,
        limit: 1_000,
        cursor: None,
    }
}

async fn put<E: ContractEnv>(env: &E, record: Record, condition: Condition) -> Result<(), StoreError> {
    env.ports().records().write(vec![Write::Put(record, condition)]).await
}

async fn stored<E: ContractEnv>(env: &E, key: &RecordKey) -> Option<Record> {
    env.ports().records().get(key).await.unwrap()
}

fn conflicts(answer: Result<(), StoreError>) {
    assert!(matches!(answer, Err(StoreError::Conflict)), "{answer:?}");
}

/// All pages of a query, each checked against its limit.
async fn pages<E: ContractEnv>(env: &E, mut query: Query) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let page = env.ports().records().query(&query).await.unwrap();
        assert!(page.items.len() <= query.limit);
        assert!(page.next.is_none() || page.items.len() == query.limit, "only the last page is short");
        all.extend(page.items);
        match page.next {
            Some(next) => {
                let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
                assert!(next.bytes().all(safe), "a cursor is URL-safe: {next}");
                query.cursor = Some(next);
            }
            None => return all,
        }
    }
}

fn sorts(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.key.sort.as_str()).collect()
}

/// Waits until an index answers so many records: it is eventually consistent.
async fn indexed<E: ContractEnv>(env: &E, query: &Query, count: usize) -> Vec<Record> {
    eventually(env, "the index has caught up", async || {
        let found = pages(env, query.clone()).await;
        (found.len() == count).then_some(found)
    })
    .await
}

/// What was never written is `None`, and its partition is empty.
pub async fn missing_records_are_none<E: ContractEnv>(env: &E) {
    let partition = fresh(env);
    assert_eq!(stored(env, &key(&partition, "METADATA")).await, None);
    let page = env.ports().records().query(&query(None, &partition, Order::Ascending)).await.unwrap();
    assert_eq!((page.items, page.next), (Vec::new(), None));
}

/// What is read is what was written, all of it.
pub async fn bodies_stay_intact<E: ContractEnv>(env: &E) {
    let partition = fresh(env);
    let bodies = [
        json!({}),
        json!({ "numbers": [0, -5, 0.1, 1.5e10, 9_007_199_254_740_993_i64, u64::MAX], "flags": [true, false, null] }),
        json!({ "texts": ODD_TEXTS, "empty": "", "": "an empty name", "nested": { "a": [[], [{}], [[1]]] } }),
        json!({ "large": "0123456789é".repeat(10_000) }),
        json!({ "pk": 1, "PK": 2, "SK": 3, "version": "x", "body": {} }),
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        let mut written = record(&partition, &format!("FILE#src/a b/é {number}.rs"), body);
        written.expires_at = (number == 1).then(|| Timestamp::from_millis(4_102_444_800_000));
        written.listings = [Index::Owner, Index::Status, Index::Due]
            .into_iter()
            .take(number)
            .map(|index| Listing { index, partition: format!("{partition}#é"), sort: format!("{number} ü") })
            .collect();
        put(env, written.clone(), Condition::Absent).await.unwrap();
        let mut read = stored(env, &written.key).await.unwrap();
        read.listings.sort_by_key(|listing| listing.index);
        written.version = 1;
        assert_eq!(read, written);
    }
}

/// Each condition of a put holds or conflicts as it says.
pub async fn conditions_of_puts<E: ContractEnv>(env: &E) {
    let partition = fresh(env);
    let with = |number: u32| record(&partition, "a", json!({ "number": number }));
    let number = async || stored(env, &key(&partition, "a")).await.map(|found| found.body["number"].clone());
    conflicts(put(env, with(0), Condition::Version(1)).await);
    assert_eq!(number().await, None);
    put(env, with(1), Condition::Absent).await.unwrap();
    conflicts(put(env, with(2), Condition::Absent).await);
    conflicts(put(env, with(2), Condition::Version(2)).await);
    assert_eq!(number().await, Some(json!(1)));
    put(env, with(3), Condition::Version(1)).await.unwrap();
    conflicts(put(env, with(4), Condition::Version(1)).await);
    assert_eq!(number().await, Some(json!(3)));
    put(env, with(5), Condition::Any).await.unwrap();
    assert_eq!(number().await, Some(json!(5)));
    put(env, record(&partition, "b", json!({})), Condition::Any).await.unwrap();
    assert_eq!(stored(env, &key(&partition, "b")).await.map(|found| found.version), Some(1));
}

/// Each condition of a delete holds or conflicts as it says.
pub async fn conditions_of_deletes<E: ContractEnv>(env: &E) {
    let (records, partition) = (env.ports().records(), fresh(env));
    let delete = async |condition| records.write(vec![Write::Delete(key(&partition, "a"), condition)]).await;
    let create = async || put(env, record(&partition, "a", json!({})), Condition::Absent).await.unwrap();
    delete(Condition::Any).await.unwrap();
    conflicts(delete(Condition::Version(1)).await);
    create().await;
    conflicts(delete(Condition::Version(2)).await);
    conflicts(delete(Condition::Absent).await);
    assert!(stored(env, &key(&partition, "a")).await.is_some());
    delete(Condition::Version(1)).await.unwrap();
    assert_eq!(stored(env, &key(&partition, "a")).await, None);
    create().await;
    delete(Condition::Any).await.unwrap();
    assert_eq!(stored(env, &key(&partition, "a")).await, None);
}

/// 1 after the first write, one more after each.
pub async fn versions_rise_by_one<E: ContractEnv>(env: &E) {
    let partition = fresh(env);
    put(env, record(&partition, "a", json!({})), Condition::Absent).await.unwrap();
    for version in 1..12 {
        let read = stored(env, &key(&partition, "a")).await.unwrap();
        assert_eq!(read.version, version);
        put(env, read, Condition::Version(version)).await.unwrap();
    }
    let mut read = stored(env, &key(&partition, "a")).await.unwrap();
    assert_eq!(read.version, 12);
    // Without a condition the version comes from the record that is put.
    read.version = 40;
    put(env, read, Condition::Any).await.unwrap();
    assert_eq!(stored(env, &key(&partition, "a")).await.unwrap().version, 41);
}

/// Of many that write the same version at once, exactly one wins.
pub async fn concurrent_writes_have_one_winner<E: ContractEnv>(env: &E) {
    let partition = fresh(env);
    for condition in [Condition::Absent, Condition::Version(1), Condition::Version(2)] {
        let racers = (0..12).map(|racer| put(env, record(&partition, "a", json!({ "racer": racer })), condition));
        let answers = join_all(racers).await;
        let winners: Vec<usize> = (0..12).filter(|racer| answers[*racer].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{condition:?}: {answers:?}");
        answers.into_iter().filter(Result::is_err).for_each(conflicts);
        let body = stored(env, &key(&partition, "a")).await.unwrap().body;
        assert_eq!(body, json!({ "racer": winners[0] }), "{condition:?}");
    }
}

/// A transaction of which one condition fails changes nothing.
pub async fn a_transaction_is_all_or_nothing<E: ContractEnv>(env: &E) {
    let (records, partition) = (env.ports().records(), fresh(env));
    let with = |sort: &str, number: u32| record(&partition, sort, json!({ "number": number }));
    let all = vec![
        Write::Put(with("a", 1), Condition::Absent),
        Write::Put(with("b", 1), Condition::Any),
        Write::Put(with("c", 1), Condition::Absent),
    ];
    records.write(all.clone()).await.unwrap();
    let failing = [
        Write::Put(with("d", 2), Condition::Version(1)),
        Write::Put(with("c", 2), Condition::Absent),
        Write::Delete(key(&partition, "c"), Condition::Version(9)),
    ];
    for last in failing {
        let writes = vec![
            Write::Put(with("a", 2), Condition::Version(1)),
            Write::Delete(key(&partition, "b"), Condition::Any),
            Write::Put(with("e", 2), Condition::Absent),
            last.clone(),
        ];
        conflicts(records.write(writes.clone()).await);
        conflicts(records.write(writes.into_iter().rev().collect()).await);
        let left = pages(env, query(None, &partition, Order::Ascending)).await;
        assert_eq!(sorts(&left), ["a", "b", "c"], "{last:?}");
        assert!(left.iter().all(|record| record.body["number"] == 1 && record.version == 1), "{last:?}");
    }
    let writes = vec![
        Write::Put(with("a", 2), Condition::Version(1)),
        Write::Delete(key(&partition, "b"), Condition::Version(1)),
        Write::Put(with("e", 2), Condition::Absent),
    ];
    records.write(writes).await.unwrap();
    assert_eq!(sorts(&pages(env, query(None, &partition, Order::Ascending)).await), ["a", "c", "e"]);
}

/// As many writes as the port allows, in several partitions.
pub async fn a_transaction_takes_a_hundred_writes<E: ContractEnv>(env: &E) {
    let (records, partition) = (env.ports().records(), fresh(env));
    let other = fresh(env);
    let put = |number: usize| {
        let partition = if number.is_multiple_of(2) { &partition } else { &other };
        Write::Put(record(partition, &format!("{number:03}"), json!({ "number": number })), Condition::Absent)
    };
    records.write((0..100).map(put).collect()).await.unwrap();
    for partition in [&partition, &other] {
        assert_eq!(pages(env, query(None, partition, Order::Ascending)).await.len(), 50);
    }
}

/// A record whose time has passed is not answered, and is absent for conditions.
pub async fn expired_records_are_gone<E: ContractEnv>(env: &E) {
    let partition = fresh(env);
    let second = env.ports().clock().now().millis() / 1_000 * 1_000;
    let expiring = |sort: &str| {
        let mut one = listed(record(&partition, sort, json!({})), Index::Owner, &partition, sort);
        one.expires_at = Some(Timestamp::from_millis(second + 4_000));
        one
    };
    put(env, expiring("a"), Condition::Absent).await.unwrap();
    put(env, expiring("b"), Condition::Absent).await.unwrap();
    put(env, record(&partition, "c", json!({})), Condition::Absent).await.unwrap();
    assert_eq!(pages(env, query(None, &partition, Order::Ascending)).await.len(), 3);
    env.pass_time(Duration::from_secs(6)).await;
    assert_eq!(stored(env, &key(&partition, "a")).await, None);
    assert_eq!(sorts(&pages(env, query(None, &partition, Order::Ascending)).await), ["c"]);
    assert_eq!(pages(env, query(Some(Index::Owner), &partition, Order::Ascending)).await, []);
    conflicts(put(env, record(&partition, "a", json!({})), Condition::Version(1)).await);
    put(env, record(&partition, "a", json!({ "new": true })), Condition::Absent).await.unwrap();
    let again = stored(env, &key(&partition, "a")).await.unwrap();
    assert_eq!((again.version, again.expires_at, again.listings), (1, None, Vec::new()));
}

/// By the bytes of the sort key, both ways, in the table and in an index.
pub async fn queries_are_sorted<E: ContractEnv>(env: &E) {
    let (partition, owner) = (fresh(env), fresh(env));
    let mut keys = ["B", "a", "b", "a#1", "a#10", "a#2", "é", "z", "~", "日本", "🦀", "\u{ffff}"];
    for (number, sort) in keys.iter().enumerate() {
        let one = listed(record(&partition, sort, json!({ "number": number })), Index::Owner, &owner, sort);
        put(env, one, Condition::Absent).await.unwrap();
    }
    keys.sort_unstable();
    assert_eq!(sorts(&pages(env, query(None, &partition, Order::Ascending)).await), keys);
    assert_eq!(sorts(&indexed(env, &query(Some(Index::Owner), &owner, Order::Ascending), keys.len()).await), keys);
    keys.reverse();
    assert_eq!(sorts(&pages(env, query(None, &partition, Order::Descending)).await), keys);
    assert_eq!(sorts(&indexed(env, &query(Some(Index::Owner), &owner, Order::Descending), keys.len()).await), keys);
}

/// A prefix and a last sort key leave out the rest.
pub async fn prefixes_and_ends_bound_a_query<E: ContractEnv>(env: &E) {
    let (partition, due) = (fresh(env), fresh(env));
    let keys =
        ["FILE", "FILE#a", "FILE#b", "FILE#b/c", "FILE#é", "FILE$", "FIL", "GILE#a", "PLAN#1", "PLAN#10", "PLAN#2"];
    for sort in keys {
        let one = listed(record(&partition, sort, json!({})), Index::Due, &due, sort);
        put(env, one, Condition::Absent).await.unwrap();
    }
    indexed(env, &query(Some(Index::Due), &due, Order::Ascending), keys.len()).await;
    for (index, partition) in [(None, &partition), (Some(Index::Due), &due)] {
        for order in [Order::Ascending, Order::Descending] {
            let ask = async |prefix: &str, to: Option<&str>| {
                let mut query = query(index, partition, order);
                query.sort_prefix = prefix.to_owned();
                query.sort_to = to.map(str::to_owned);
                query.limit = 2;
                let mut found: Vec<String> =
                    pages(env, query).await.into_iter().map(|record| record.key.sort).collect();
                if order == Order::Descending {
                    found.reverse();
                }
                found
            };
            assert_eq!(ask("FILE#", None).await, ["FILE#a", "FILE#b", "FILE#b/c", "FILE#é"]);
            assert_eq!(ask("FILE#b", None).await, ["FILE#b", "FILE#b/c"]);
            assert_eq!(ask("FILE#é", None).await, ["FILE#é"]);
            assert_eq!(ask("FILES", None).await, [""; 0]);
            assert_eq!(ask("", Some("FILE#b")).await, ["FIL", "FILE", "FILE#a", "FILE#b"]);
            assert_eq!(ask("PLAN#", Some("PLAN#1")).await, ["PLAN#1"]);
            assert_eq!(ask("PLAN#", Some("PLAN#19")).await, ["PLAN#1", "PLAN#10"]);
            assert_eq!(ask("PLAN#", Some("A")).await, [""; 0]);
            assert_eq!(ask("FILE#", Some("Z")).await.len(), 4);
        }
    }
}

/// The pages together are the whole answer, whatever their size.
pub async fn cursors_lose_and_repeat_nothing<E: ContractEnv>(env: &E) {
    let (partition, owner) = (fresh(env), fresh(env));
    let keys: Vec<String> = (0..37).map(|number| format!("ITEM#{number:03}")).collect();
    for (number, sort) in keys.iter().enumerate() {
        let place = format!("{:03}", 100 - number);
        let one = listed(record(&partition, sort, json!({})), Index::Status, &owner, &place);
        put(env, one, Condition::Absent).await.unwrap();
    }
    let whole = query(Some(Index::Status), &owner, Order::Ascending);
    indexed(env, &whole, keys.len()).await;
    for limit in [1, 5, 36, 37, 38, 1_000] {
        for order in [Order::Ascending, Order::Descending] {
            let table = Query { limit, ..query(None, &partition, order) };
            let index = Query { limit, ..query(Some(Index::Status), &owner, order) };
            let (table, index) = (pages(env, table).await, pages(env, index).await);
            let mut expected: Vec<&str> = keys.iter().map(String::as_str).collect();
            if order == Order::Descending {
                expected.reverse();
            }
            assert_eq!(sorts(&table), expected, "{limit} {order:?}");
            expected.reverse();
            assert_eq!(sorts(&index), expected, "{limit} {order:?} by index");
        }
    }
}

/// Records that have the same place in an index are paged without loss too.
pub async fn equal_places_are_paged_too<E: ContractEnv>(env: &E) {
    let (partition, due) = (fresh(env), fresh(env));
    for number in 0..9 {
        let partition = format!("{partition}#{}", number % 3);
        let one = listed(record(&partition, &format!("{number}"), json!({})), Index::Due, &due, "same");
        put(env, one, Condition::Absent).await.unwrap();
    }
    for order in [Order::Ascending, Order::Descending] {
        let query = Query { limit: 2, ..query(Some(Index::Due), &due, order) };
        let found = indexed(env, &query, 9).await;
        let mut numbers = sorts(&found);
        numbers.sort_unstable();
        assert_eq!(numbers, ["0", "1", "2", "3", "4", "5", "6", "7", "8"], "{order:?}");
    }
}

/// Following the cursors ends, and a record that is written meanwhile behind the cursor is found.
pub async fn a_full_last_page_has_no_successor<E: ContractEnv>(env: &E) {
    let (records, partition) = (env.ports().records(), fresh(env));
    for sort in ["a", "b", "c", "d"] {
        put(env, record(&partition, sort, json!({})), Condition::Absent).await.unwrap();
    }
    let mut ask = Query { limit: 2, ..query(None, &partition, Order::Ascending) };
    let first = records.query(&ask).await.unwrap();
    ask.cursor = first.next;
    records.write(vec![Write::Delete(key(&partition, "b"), Condition::Any)]).await.unwrap();
    put(env, record(&partition, "bb", json!({})), Condition::Absent).await.unwrap();
    let second = records.query(&ask).await.unwrap();
    assert_eq!(sorts(&second.items), ["bb", "c"], "the cursor's own record may be gone");
    ask.cursor = second.next;
    let third = records.query(&ask).await.unwrap();
    assert_eq!((sorts(&third.items), third.next), (vec!["d"], None));
}

/// A cursor works for the query that made it and for no other.
pub async fn foreign_cursors_are_refused<E: ContractEnv>(env: &E) {
    let (records, partition) = (env.ports().records(), fresh(env));
    let other = fresh(env);
    for sort in ["a1", "a2", "a3", "b1"] {
        let one = listed(record(&partition, sort, json!({})), Index::Owner, &partition, sort);
        put(env, one, Condition::Absent).await.unwrap();
    }
    let mut own = Query { limit: 1, ..query(None, &partition, Order::Ascending) };
    own.sort_prefix = "a".to_owned();
    own.cursor = records.query(&own).await.unwrap().next;
    assert!(own.cursor.is_some());
    assert_eq!(sorts(&records.query(&own).await.unwrap().items), ["a2"]);
    let larger = Query { limit: 5, ..own.clone() };
    assert_eq!(sorts(&records.query(&larger).await.unwrap().items), ["a2", "a3"], "another limit is the same query");
    let foreign = [
        Query { partition: other, ..own.clone() },
        Query { index: Some(Index::Owner), ..own.clone() },
        Query { order: Order::Descending, ..own.clone() },
        Query { sort_prefix: String::new(), ..own.clone() },
        Query { cursor: Some("AAAA".to_owned()), ..own.clone() },
        Query { cursor: Some("not a cursor é".to_owned()), ..own.clone() },
        Query { cursor: Some(String::new()), ..own.clone() },
        Query { cursor: own.cursor.as_ref().map(|text| text[..text.len() / 2].to_owned()), ..own.clone() },
    ];
    for query in foreign {
        let answer = records.query(&query).await;
        assert!(matches!(answer, Err(StoreError::InvalidCursor)), "{query:?}: {answer:?}");
    }
}

/// A record is listed where its last write says, and nowhere after its deletion.
pub async fn listings_follow_the_record<E: ContractEnv>(env: &E) {
    let partition = fresh(env);
    let (running, done) = (format!("{partition}#RUNNING"), format!("{partition}#DONE"));
    let count = async |index, partition: &str, expected: usize| {
        indexed(env, &query(Some(index), partition, Order::Ascending), expected).await
    };
    let base = record(&partition, "a", json!({}));
    let first = listed(listed(base.clone(), Index::Status, &running, "1"), Index::Owner, &partition, "1");
    put(env, first, Condition::Absent).await.unwrap();
    count(Index::Status, &running, 1).await;
    let mut second = listed(listed(base.clone(), Index::Status, &done, "1"), Index::Owner, &partition, "2");
    second.body = json!({ "status": "DONE" });
    put(env, second, Condition::Version(1)).await.unwrap();
    count(Index::Status, &running, 0).await;
    assert_eq!(count(Index::Status, &done, 1).await[0].body, json!({ "status": "DONE" }));
    let owned = eventually(env, "the new place", async || {
        let owned = count(Index::Owner, &partition, 1).await;
        owned[0].listings.iter().any(|place| place.index == Index::Owner && place.sort == "2").then_some(owned)
    })
    .await;
    assert_eq!(owned[0].version, 2);
    put(env, base.clone(), Condition::Version(2)).await.unwrap();
    count(Index::Status, &done, 0).await;
    count(Index::Owner, &partition, 0).await;
    put(env, listed(base.clone(), Index::Status, &done, "1"), Condition::Version(3)).await.unwrap();
    count(Index::Status, &done, 1).await;
    env.ports().records().write(vec![Write::Delete(base.key, Condition::Any)]).await.unwrap();
    count(Index::Status, &done, 0).await;
}

/// An index holds the records that name it, with all that they hold, and no others.
pub async fn an_index_holds_only_what_is_listed<E: ContractEnv>(env: &E) {
    let partition = fresh(env);
    for number in 0..10 {
        let mut one = record(&partition, &format!("{number}"), json!({ "number": number }));
        if number % 5 == 0 {
            one = listed(one, Index::Due, &partition, &format!("{number}"));
        }
        if number % 2 == 0 {
            one = listed(one, Index::Owner, &partition, &format!("{number}"));
        }
        put(env, one, Condition::Absent).await.unwrap();
    }
    let due = indexed(env, &query(Some(Index::Due), &partition, Order::Ascending), 2).await;
    assert_eq!(sorts(&due), ["0", "5"]);
    let owned = indexed(env, &query(Some(Index::Owner), &partition, Order::Ascending), 5).await;
    assert_eq!(sorts(&owned), ["0", "2", "4", "6", "8"]);
    for found in owned.into_iter().chain(due) {
        let mut found = found;
        let mut direct = stored(env, &found.key).await.unwrap();
        direct.listings.sort_by_key(|listing| listing.index);
        found.listings.sort_by_key(|listing| listing.index);
        assert_eq!(found, direct, "an index answers whole records");
    }
    indexed(env, &query(Some(Index::Status), &partition, Order::Ascending), 0).await;
}
