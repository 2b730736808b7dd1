//! What the two stores on DynamoDB share: items, times, conditions and errors.

use std::borrow::Cow;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use millrace_app::Timestamp;
use millrace_app::ports::{IdSource as _, StoreError, StoreResult};

use crate::attribute::{AttributeValue, Item};
use crate::clock::SystemRandom;
use crate::keys::{EXPIRES_AT, EXPIRES_EARLY, ItemKey, PK, SK};
use crate::services::CallFailed;

/// DynamoDB's limit for an item: names and values together.
const MAX_ITEM: usize = 400 * 1024;

/// DynamoDB's limit for a transaction.
pub(crate) const MAX_TRANSACTION: usize = 4 * 1024 * 1024;

/// How often a write that met another transaction is made again before it is given up.
const CONTENDED_ATTEMPTS: u32 = 10;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn item_of(key: ItemKey) -> Item {
    Item::from([(PK.to_owned(), text(key.partition)), (SK.to_owned(), text(key.sort))])
}

/// A text attribute of an item.
pub(crate) fn get_text<'a>(item: &'a Item, name: &str) -> StoreResult<&'a str> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(corrupt(item, format!("it has no text {name}"))),
    }
}

/// Texts longer than this are packed: with its keys and times, an item of one write unit (1 KB) has room for about so
/// much.
const PACK_OVER: usize = 800;

/// A text that may be long: packed (raw deflate, RFC 1951) where that makes it shorter, since each KB costs a write unit.
///
/// # Errors
/// [`StoreError::TooLarge`] for a text that an item could not hold as it is: packing moves no limit.
pub(crate) fn packed(what: &'static str, value: String) -> StoreResult<AttributeValue> {
    if value.len() <= PACK_OVER {
        return Ok(text(value));
    }
    if value.len() > MAX_ITEM {
        return Err(StoreError::TooLarge { what, size: value.len(), limit: MAX_ITEM });
    }
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(value.len() / 2), Compression::fast());
    let packed = encoder.write_all(value.as_bytes()).and_then(|()| encoder.finish());
    match packed {
        Ok(bytes) if bytes.len() < value.len() => Ok(AttributeValue::B(bytes)),
        _ => Ok(text(value)),
    }
}

/// Reads what [`packed`] made.
pub(crate) fn get_packed<'a>(item: &'a Item, name: &str) -> StoreResult<Cow<'a, str>> {
    let Some(AttributeValue::B(bytes)) = item.get(name) else { return get_text(item, name).map(Cow::Borrowed) };
    let mut value = String::new();
    let read = DeflateDecoder::new(bytes.as_slice()).take(MAX_ITEM as u64).read_to_string(&mut value);
    read.map_err(|problem| corrupt(item, problem))?;
    Ok(Cow::Owned(value))
}

/// A number attribute of an item.
pub(crate) fn get_number<T: std::str::FromStr>(item: &Item, name: &str) -> StoreResult<T> {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| corrupt(item, format!("it has no number {name}")))
}

pub(crate) fn corrupt(item: &Item, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    let part = |name: &str| match item.get(name) {
        Some(AttributeValue::S(text)) => text.as_str(),
        _ => "?",
    };
    StoreError::corrupt(format!("item {} {}", part(PK), part(SK)), why)
}

/// Writes when the item may go.
pub(crate) fn set_expiry(item: &mut Item, expires_at: Option<Timestamp>) {
    let Some(at) = expires_at else { return };
    let seconds = at.millis().div_euclid(1_000) + i64::from(at.millis().rem_euclid(1_000) != 0);
    item.insert(EXPIRES_AT.to_owned(), number(seconds));
    let early = seconds.saturating_mul(1_000) - at.millis();
    if early != 0 {
        item.insert(EXPIRES_EARLY.to_owned(), number(early));
    }
}

/// Reads when the item may go.
pub(crate) fn get_expiry(item: &Item) -> StoreResult<Option<Timestamp>> {
    if !item.contains_key(EXPIRES_AT) {
        return Ok(None);
    }
    let early = if item.contains_key(EXPIRES_EARLY) { get_number::<i64>(item, EXPIRES_EARLY)? } else { 0 };
    let seconds: i64 = get_number(item, EXPIRES_AT)?;
    Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1_000) - early)))
}

/// The item's size as DynamoDB counts it, or a little more.
pub(crate) fn size(item: &Item) -> usize {
    item.iter()
        .map(|(name, value)| {
            name.len()
                + match value {
                    AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
                    AttributeValue::B(bytes) => bytes.len(),
                    _ => 1,
                }
        })
        .sum()
}

/// Refuses an item that DynamoDB would refuse.
pub(crate) fn check_size(what: &'static str, item: &Item) -> StoreResult<usize> {
    match size(item) {
        size if size > MAX_ITEM => Err(StoreError::TooLarge { what, size, limit: MAX_ITEM }),
        size => Ok(size),
    }
}

/// Why a write was not made.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another transaction is using the item at this moment, or the partition is hot: soon it may work.
    Contended(StoreError),
    /// Anything else.
    Final(StoreError),
}

/// Why a write was not made. Of the reasons of a transaction a failed condition outweighs a conflict, for repeating won't
/// help.
pub(crate) fn refused(operation: &'static str, error: CallFailed) -> Refused {
    let reason = |wanted: &str| matches!(&error, CallFailed::Refused { reasons, .. } if reasons.iter().any(|reason| reason == wanted));
    if error.is("ConditionalCheckFailedException") || reason("ConditionalCheckFailed") {
        Refused::Final(StoreError::Conflict)
    } else if error.is("TransactionConflictException") || reason("TransactionConflict") {
        Refused::Contended(StoreError::Conflict)
    } else if error.is("TransactionInProgressException")
        || reason("ThrottlingError")
        || reason("ProvisionedThroughputExceeded")
    {
        Refused::Contended(StoreError::unavailable(operation, error))
    } else {
        Refused::Final(StoreError::unavailable(operation, error))
    }
}

/// Makes a write until it succeeds, fails for good, or was refused too often. The pauses grow to about half a second.
pub(crate) async fn persist<F>(mut write: impl FnMut() -> F) -> StoreResult<()>
where
    F: Future<Output = Result<(), Refused>> + Send,
{
    let mut attempt = 0;
    loop {
        let error = match write().await {
            Ok(()) => return Ok(()),
            Err(Refused::Final(error)) => return Err(error),
            Err(Refused::Contended(error)) => error,
        };
        attempt += 1;
        if attempt == CONTENDED_ATTEMPTS {
            return Err(error);
        }
        tokio::time::sleep(pause(attempt)).await;
    }
}

/// Names a transaction, for its tries.
pub(crate) fn request_token() -> String {
    SystemRandom.random().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Between one and two times 5 ms, doubled with each attempt, up to 320 ms.
pub(crate) fn pause(attempt: u32) -> Duration {
    let mut byte = [0_u8];
    let part = getrandom::fill(&mut byte).map_or(0, |()| u64::from(byte[0]));
    let base = 5_u64 << attempt.min(6);
    Duration::from_millis(base + base * part / 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_exact_and_never_early() {
        for millis in [0, 1, 999, 1_000, 1_769_851_800_250] {
            let mut item = Item::new();
            set_expiry(&mut item, Some(Timestamp::from_millis(millis)));
            assert_eq!(get_expiry(&item).unwrap(), Some(Timestamp::from_millis(millis)));
            assert!(get_number::<i64>(&item, EXPIRES_AT).unwrap() * 1_000 >= millis);
        }
        assert_eq!(get_expiry(&Item::new()).unwrap(), None);
    }

    #[test]
    fn an_item_that_is_not_ours_is_corrupt() {
        let item = item_of(ItemKey { partition: "P".into(), sort: "S".into() });
        let error = get_text(&item, "body").unwrap_err();
        assert_eq!(error.to_string(), "item P S is corrupt");
    }

    fn failed(status: u16, body: &str) -> CallFailed {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        let response = millrace_client::Response { status, headers: http::HeaderMap::new(), body };
        CallFailed::of_json(&millrace_client::Answer { response, attempts: 1 })
    }

    #[test]
    fn why_a_write_was_not_made() {
        let cancelled = |reasons: &str| {
            format!(
                r#"{{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"m",
                "CancellationReasons":[{{"Code":"None"}},{reasons}]}}"#
            )
        };
        let named = |code: &str| format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"m"}}"#);
        let (conflict, other) = ("conflict", "unavailable");
        for (status, body, expected) in [
            (400, named("ConditionalCheckFailedException"), (conflict, false)),
            (400, named("TransactionConflictException"), (conflict, true)),
            (400, named("TransactionInProgressException"), (other, true)),
            (400, named("ProvisionedThroughputExceededException"), (other, false)),
            (400, named("ValidationException"), (other, false)),
            (500, String::new(), (other, false)),
            (400, cancelled(r#"{"Code":"ConditionalCheckFailed","Message":"m"}"#), (conflict, false)),
            (400, cancelled(r#"{"Code":"TransactionConflict"},{"Code":"ConditionalCheckFailed"}"#), (conflict, false)),
            (400, cancelled(r#"{"Code":"TransactionConflict"}"#), (conflict, true)),
            (400, cancelled(r#"{"Code":"ThrottlingError"}"#), (other, true)),
            (400, cancelled(r#"{"Code":"ProvisionedThroughputExceeded"}"#), (other, true)),
            (400, cancelled(r#"{"Code":"ValidationError"}"#), (other, false)),
        ] {
            let (error, again) = match refused("test", failed(status, &body)) {
                Refused::Contended(error) => (error, true),
                Refused::Final(error) => (error, false),
            };
            let kind = if matches!(error, StoreError::Conflict) { conflict } else { other };
            assert_eq!((kind, again), expected, "{body}");
        }
    }

    #[test]
    fn pauses_grow_and_stay_short() {
        for attempt in 0..40 {
            assert!(pause(attempt) <= Duration::from_millis(640));
        }
        assert!(pause(6) >= Duration::from_millis(320));
    }
}
