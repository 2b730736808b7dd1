//! Loading and changing events and rules.

use serde::de::DeserializeOwned;

use super::model::{EventStatus, KEPT_DAYS, WebhookEvent, WebhookRule};
use crate::error::Error;
use crate::ids::{WebhookEventId, WebhookRuleId};
use crate::keys;
use crate::ports::{Condition, Index, Order, Ports, Query, Record, RecordStore, StoreError, Write};
use crate::projects::Stored;

/// How often a change is decided again after somebody else wrote.
pub(super) const TRIES: usize = 12;
/// How long an event may wait before the sweep sends its message again, in milliseconds.
const DUE_MILLIS: i64 = 120_000;
/// A day, in milliseconds.
const DAY_MILLIS: i64 = 24 * 3_600 * 1_000;

pub(super) fn decode<T: DeserializeOwned>(record: Record) -> Result<T, Error> {
    let what = format!("{}/{}", record.key.partition, record.key.sort);
    serde_json::from_value(record.body).map_err(|problem| StoreError::corrupt(what, problem).into())
}

/// The record of an event, in its listings. `due` is when its message was last sent, for one that waits.
pub(super) fn event_record(event: &WebhookEvent, sent_at: millrace_asl::Timestamp) -> Result<Record, Error> {
    let id = event.id.as_str();
    let by_owner = keys::owner_webhook_events(&event.owner);
    let by_source = keys::owner_webhook_events_of_source(&event.owner, &event.source);
    let mut listings = vec![
        keys::listing(Index::Owner, by_owner, event.received_at, id),
        keys::listing(Index::Status, by_source, event.received_at, id),
    ];
    if event.status == EventStatus::Received {
        listings.push(keys::listing(Index::Due, keys::DUE_WEBHOOKS, sent_at.plus_millis(DUE_MILLIS), id));
    }
    let body = serde_json::to_value(event).map_err(Error::internal)?;
    let expires_at = Some(event.received_at.plus_millis(KEPT_DAYS * DAY_MILLIS));
    Ok(Record { key: keys::webhook_event(&event.id), version: 0, body, listings, expires_at })
}

/// An event that has not expired.
pub(super) async fn find_event<P: Ports>(
    ports: &P,
    id: &WebhookEventId,
) -> Result<Option<Stored<WebhookEvent>>, Error> {
    let now = crate::ports::Clock::now(ports.clock());
    let record = ports.records().get(&keys::webhook_event(id)).await?;
    let Some(record) = record.filter(|record| record.expires_at.is_none_or(|at| at > now)) else { return Ok(None) };
    let version = record.version;
    Ok(Some(Stored { value: decode(record)?, version }))
}

/// Changes an event; `decide` answers false to leave it as it is. `None` where there is none, or it was left so.
pub(super) async fn change_event<P: Ports>(
    ports: &P,
    id: &WebhookEventId,
    mut decide: impl FnMut(&mut WebhookEvent) -> bool + Send,
) -> Result<Option<WebhookEvent>, Error> {
    for _ in 0..TRIES {
        let Some(mut stored) = find_event(ports, id).await? else { return Ok(None) };
        if !decide(&mut stored.value) {
            return Ok(None);
        }
        let now = crate::ports::Clock::now(ports.clock());
        let write = Write::Put(event_record(&stored.value, now)?, Condition::Version(stored.version));
        match ports.records().write(vec![write]).await {
            Ok(()) => return Ok(Some(stored.value)),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// The record of a rule.
pub(super) fn rule_record(rule: &WebhookRule) -> Result<Record, Error> {
    let body = serde_json::to_value(rule).map_err(Error::internal)?;
    let key = keys::webhook_rule(&rule.owner, &rule.id);
    Ok(Record { key, version: 0, body, listings: Vec::new(), expires_at: None })
}

/// An owner's rule.
pub(super) async fn load_rule<P: Ports>(
    ports: &P,
    owner: &str,
    id: &WebhookRuleId,
) -> Result<Stored<WebhookRule>, Error> {
    let record = ports.records().get(&keys::webhook_rule(owner, id)).await?;
    let record = record.ok_or_else(|| Error::NotFound { kind: "webhook rule", id: id.to_string() })?;
    let version = record.version;
    Ok(Stored { value: decode(record)?, version })
}

/// All rules of an owner, by creation: read from the table, so that one that was just made counts.
pub(super) async fn all_rules<P: Ports>(ports: &P, owner: &str) -> Result<Vec<Stored<WebhookRule>>, Error> {
    let query = Query {
        index: None,
        partition: keys::webhook_rules(owner),
        sort_prefix: keys::WEBHOOK_RULE.to_owned(),
        sort_to: None,
        order: Order::Ascending,
        limit: 1_000,
        cursor: None,
    };
    let page = ports.records().query(&query).await?;
    let stored = |record: Record| {
        let version = record.version;
        Ok(Stored { value: decode(record)?, version })
    };
    page.items.into_iter().map(stored).collect()
}
