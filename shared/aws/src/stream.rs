//! The table's stream: what Lambda hands to a function that reads it.
//!
//! A record has the item before and after the change, as the table holds them. Records are told in order within a
//! partition of the table, at least once. Whoever can't handle one answers its number, and gets it and all after it again.

use millrace_app::Timestamp;
use millrace_app::changes::Change;
use millrace_app::ports::{RecordKey, StoreError, StoreResult};
use serde::Deserialize;

use crate::attribute::Item;
use crate::dynamo::{corrupt, get_packed, get_text};
use crate::keys::{BODY, PK, SK};
use crate::worker::{BatchItemFailure, BatchResponse};

/// An event that the stream sent to Lambda.
#[derive(Debug, Clone, Deserialize)]
pub struct StreamEvent {
    /// The batch.
    #[serde(rename = "Records")]
    pub records: Vec<StreamRecord>,
}

/// A change of an item.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamRecord {
    #[serde(rename = "eventID")]
    event_id: String,
    dynamodb: Images,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    keys: Item,
    old_image: Option<Item>,
    new_image: Option<Item>,
    sequence_number: String,
    /// Seconds since 1970. Lambda writes them as a number with or without a fraction.
    #[serde(default)]
    approximate_creation_date_time: f64,
}

impl StreamRecord {
    /// Which item, be it a record or an entry of a log.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an item that is not ours.
    pub fn key(&self) -> StoreResult<RecordKey> {
        let text = |name| get_text(&self.dynamodb.keys, name).map(str::to_owned);
        Ok(RecordKey { partition: text(PK)?, sort: text(SK)? })
    }

    /// When it was changed.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "times fit by far, and a cast saturates")]
        Timestamp::from_millis((self.dynamodb.approximate_creation_date_time * 1_000.0) as i64)
    }

    /// The change of a record; [`None`] where its body stayed as it was.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for what is not a record.
    pub fn change(&self) -> StoreResult<Option<Change>> {
        let body = |image: &Option<Item>| {
            let parse =
                |item: &Item| serde_json::from_str(&get_packed(item, BODY)?).map_err(|error| corrupt(item, error));
            image.as_ref().map(parse).transpose()
        };
        let (old, new) = (body(&self.dynamodb.old_image)?, body(&self.dynamodb.new_image)?);
        if old == new {
            return Ok(None);
        }
        Ok(Some(Change { id: self.event_id.clone(), key: self.key()?, old, new, at: self.at() }))
    }

    /// Whose record it is or was, where its body says so.
    #[must_use]
    pub fn owner(&self) -> Option<String> {
        let item = self.dynamodb.new_image.as_ref().or(self.dynamodb.old_image.as_ref())?;
        let body: serde_json::Value = serde_json::from_str(&get_packed(item, BODY).ok()?).ok()?;
        body.get("owner")?.as_str().map(str::to_owned)
    }

    /// The answer that has this record and those after it told again.
    #[must_use]
    pub fn again_from_here(&self) -> BatchResponse {
        BatchResponse { failures: vec![BatchItemFailure { id: self.dynamodb.sequence_number.clone() }] }
    }
}

impl StreamEvent {
    /// Reads a batch.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for what is not an event of a stream.
    pub fn parse(event: serde_json::Value) -> StoreResult<Self> {
        serde_json::from_value(event).map_err(|error| StoreError::corrupt("an event of the table's stream", error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(old: Value, new: Value) -> StreamRecord {
        let event = json!({ "Records": [{
            "eventID": "c4ca4238a0b923820dcc509a6f75849b",
            "eventName": "MODIFY",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_767_225_600,
                "Keys": { "PK": { "S": "PROJECT#1" }, "SK": { "S": "METADATA" } },
                "OldImage": old,
                "NewImage": new,
                "SequenceNumber": "4421584500000000017450439091",
                "SizeBytes": 26,
                "StreamViewType": "NEW_AND_OLD_IMAGES"
            },
            "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000"
        }] });
        StreamEvent::parse(event).unwrap().records.remove(0)
    }

    fn item(body: &str) -> Value {
        json!({ "PK": { "S": "PROJECT#1" }, "SK": { "S": "METADATA" }, "version": { "N": "2" }, "body": { "S": body } })
    }

    #[test]
    fn a_record_of_the_stream_is_a_change() {
        let record = event(item("{\"n\":1}"), item("{\"n\":2}"));
        let change = record.change().unwrap().unwrap();
        assert_eq!((change.key.partition.as_str(), change.key.sort.as_str()), ("PROJECT#1", "METADATA"));
        assert_eq!((change.old, change.new), (Some(json!({ "n": 1 })), Some(json!({ "n": 2 }))));
        assert_eq!(change.at, Timestamp::from_millis(1_767_225_600_000));
        assert_eq!(record.again_from_here().failures[0].id, "4421584500000000017450439091");
        let fresh = event(Value::Null, item("{}")).change().unwrap().unwrap();
        assert_eq!((fresh.old, fresh.new), (None, Some(json!({}))));
        assert!(event(item("{\"n\":1}"), Value::Null).change().unwrap().unwrap().new.is_none());
        let owned = |owner: &str| item(&format!("{{\"owner\":\"{owner}\"}}"));
        assert_eq!(event(owned("ann"), owned("bob")).owner().as_deref(), Some("bob"));
        assert_eq!(event(owned("ann"), Value::Null).owner().as_deref(), Some("ann"));
        assert_eq!(record.owner(), None);
    }

    #[test]
    fn what_changes_no_body_is_no_change_and_what_is_not_ours_is_an_error() {
        assert_eq!(event(item("{}"), item("{}")).change().unwrap(), None);
        assert!(event(item("{"), item("{}")).change().is_err());
        assert!(event(json!({ "PK": { "S": "x" } }), item("{}")).change().is_err());
        assert!(StreamEvent::parse(json!({ "Records": [{}] })).is_err());
    }
}
