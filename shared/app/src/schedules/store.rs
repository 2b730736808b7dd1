//! The records of schedules, their timers, and the sweep that sends lost ones again.

use millrace_asl::Timestamp;

use super::model::Schedule;
use crate::error::Error;
use crate::executions::{Envelope, GRACE_MILLIS, Message, Patience};
use crate::ids::ScheduleId;
use crate::keys;
use crate::ports::{
    Condition, Index, Listing, MessageQueues, Order, Ports, Query, Queue, Record, RecordStore, StoreError, Write,
};
use crate::projects::Stored;

/// How often a change is decided again because somebody else wrote first.
pub(super) const TRIES: usize = 12;

/// The id of an owner's schedule.
pub(super) fn id(owner: &str, name: &str) -> ScheduleId {
    ScheduleId::derived(&format!("{name} {owner}"))
}

pub(super) fn decode(record: Record) -> Result<Stored<Schedule>, Error> {
    let what = format!("{}/{}", record.key.partition, record.key.sort);
    let value = serde_json::from_value(record.body).map_err(|problem| StoreError::corrupt(what, problem))?;
    Ok(Stored { value, version: record.version })
}

/// A schedule by its id.
pub(super) async fn find<P: Ports>(ports: &P, id: &ScheduleId) -> Result<Option<Stored<Schedule>>, Error> {
    ports.records().get(&keys::schedule(id)).await?.map(decode).transpose()
}

/// Whose a schedule is.
pub(crate) async fn owner_of_schedule<P: Ports>(ports: &P, id: &ScheduleId) -> Result<Option<String>, Error> {
    Ok(find(ports, id).await?.map(|stored| stored.value.owner))
}

/// The error for a schedule that is not there, or not the caller's.
pub(super) fn not_found(name: &str) -> Error {
    Error::NotFound { kind: "schedule", id: name.chars().take(200).collect() }
}

/// The write of a schedule. `wake_at`: when it is to be looked at next.
pub(super) fn write(schedule: &Schedule, version: u64, wake_at: Option<Timestamp>) -> Result<Write, Error> {
    let mut listings = vec![Listing {
        index: Index::Owner,
        partition: keys::owner_schedules(&schedule.owner),
        sort: schedule.name.clone(),
    }];
    listings.extend(
        wake_at.map(|at| {
            keys::listing(Index::Due, keys::DUE_SCHEDULES, at.plus_millis(GRACE_MILLIS), schedule.id.as_str())
        }),
    );
    let body = serde_json::to_value(schedule).map_err(Error::internal)?;
    let record = Record { key: keys::schedule(&schedule.id), version, body, listings, expires_at: None };
    Ok(Write::Put(record, if version == 0 { Condition::Absent } else { Condition::Version(version) }))
}

/// Sets the timer for the next look.
pub(super) async fn set_timer<P: Ports>(
    ports: &P,
    schedule: &Schedule,
    wake_at: Option<Timestamp>,
) -> Result<(), Error> {
    let Some(at) = wake_at else { return Ok(()) };
    let Schedule { id, edition, .. } = schedule;
    let message = Message::Schedule { id: id.clone(), edition: *edition, at };
    // Each turn begins something new.
    let message = message.outgoing(Envelope::default(), &format!("schedule {id} {edition} {at}"), Some(at))?;
    Ok(ports.queues().send(Queue::Scheduler, vec![message]).await?)
}

/// Sends again for schedules that should have been looked at.
pub(crate) async fn sweep<P: Ports>(ports: &P, now: Timestamp, patience: Patience) -> Result<(), Error> {
    let mut problem = None;
    let mut cursor = None;
    loop {
        let query = Query {
            index: Some(Index::Due),
            partition: keys::DUE_SCHEDULES.to_owned(),
            sort_prefix: String::new(),
            sort_to: (patience == Patience::Grace).then(|| keys::due_to(now)),
            order: Order::Ascending,
            limit: 100,
            cursor: cursor.take(),
        };
        let page = ports.records().query(&query).await?;
        for listed in page.items {
            let sent = match decode(listed) {
                // The index may be behind; a message too many does nothing.
                Ok(Stored { value: schedule, .. }) => {
                    let wake_at = schedule.next_at.into_iter().chain(schedule.look_at).min();
                    set_timer(ports, &schedule, Some(wake_at.unwrap_or(now))).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = sent {
                tracing::warn!(%error, "a schedule could not be looked after");
                problem.get_or_insert(error);
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return problem.map_or(Ok(()), Err);
        }
    }
}
