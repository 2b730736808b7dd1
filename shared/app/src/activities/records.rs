//! The records of activities.

use std::collections::BTreeSet;

use millrace_asl::definition::Resource;
use millrace_asl::{Decision, Effect, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::ActivityError;
use crate::error::Error;
use crate::keys;
use crate::ports::{Clock, Condition, Index, Order, Page, Ports, Query, Record, RecordStore, StoreError, Write};
use crate::workflows::{MOST_TAGS, Tag, check_name, merged};

/// An activity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Its ARN, `arn:aws:states:{region}:{account}:activity:{name}`.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: String,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// `encryptionConfiguration`, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Value>,
    /// At most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// What an activity is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateActivity {
    /// Its ARN. The name is the part behind `activity:`.
    pub arn: String,
    /// Who owns it.
    pub owner: String,
    /// `encryptionConfiguration`
    pub encryption: Option<Value>,
    /// Its tags; ignored where it is there.
    pub tags: Vec<Tag>,
}

/// The region and the name in the ARN of an activity.
pub(super) fn parse(arn: &str) -> Result<(&str, &str), ActivityError> {
    let wrong = |why: String| ActivityError::InvalidArn(why);
    if !arn.starts_with("arn:") {
        return Err(wrong(format!("Invalid ARN prefix: {arn}")));
    }
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let [_, _, service, region, account, kind, name] = parts.as_slice() else {
        return Err(wrong(format!("Malformed ARN: {arn}")));
    };
    if *service != "states" {
        return Err(wrong(format!("Invalid service: {service}")));
    }
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if region.is_empty() || !is_account || name.is_empty() {
        return Err(wrong(format!("Malformed ARN: {arn}")));
    }
    if *kind != "activity" {
        return Err(wrong(format!("Resource type not valid in this context: {kind}")));
    }
    Ok((region, name))
}

fn read(record: Record) -> Result<Activity, Error> {
    let what = record.key.partition;
    serde_json::from_value(record.body).map_err(|problem| StoreError::corrupt(what, problem).into())
}

/// Makes an activity. One that is there and the same is answered as it is.
///
/// # Errors
/// [`ActivityError::InvalidName`], [`ActivityError::AlreadyExists`] where it is there with another encryption.
pub async fn create_activity<P: Ports>(ports: &P, create: CreateActivity) -> Result<Activity, ActivityError> {
    // Read from the front: what names may not hold must not change what the name is.
    let name = create.arn.splitn(7, ':').nth(6).unwrap_or_default();
    check_name(name).map_err(|_| ActivityError::InvalidName(name.to_owned()))?;
    let (region, name) = parse(&create.arn)?;
    let activity = Activity {
        name: name.to_owned(),
        arn: create.arn.clone(),
        owner: create.owner,
        created_at: ports.clock().now(),
        encryption: create.encryption,
        tags: checked(merged(&[], &create.tags), &create.arn)?,
    };
    match ports.records().write(vec![Write::Put(record(&activity, region, 0)?, Condition::Absent)]).await {
        Ok(()) => Ok(activity),
        Err(StoreError::Conflict) => {
            let there = describe_activity(ports, &activity.arn).await?;
            if there.encryption == activity.encryption {
                Ok(there)
            } else {
                Err(ActivityError::AlreadyExists(activity.arn))
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn record(activity: &Activity, region: &str, version: u64) -> Result<Record, Error> {
    let partition = keys::owner_activities(&activity.owner, region);
    Ok(Record {
        key: keys::activity(&activity.arn),
        version,
        body: serde_json::to_value(activity).map_err(Error::internal)?,
        listings: vec![keys::listing(Index::Owner, partition, activity.created_at, &activity.arn)],
        expires_at: None,
    })
}

fn checked(tags: Vec<Tag>, arn: &str) -> Result<Vec<Tag>, ActivityError> {
    match tags.len() {
        count if count > MOST_TAGS => Err(ActivityError::TooManyTags { count, arn: arn.to_owned() }),
        _ => Ok(tags),
    }
}

/// Puts tags on an activity.
///
/// # Errors
/// [`ActivityError::DoesNotExist`], [`ActivityError::TooManyTags`]
pub async fn tag_activity<P: Ports>(ports: &P, arn: &str, tags: &[Tag]) -> Result<(), ActivityError> {
    change_tags(ports, arn, |had| checked(merged(had, tags), arn)).await
}

/// Takes tags from an activity; those that it does not have are ignored.
///
/// # Errors
/// [`ActivityError::DoesNotExist`]
pub async fn untag_activity<P: Ports>(ports: &P, arn: &str, keys: &[String]) -> Result<(), ActivityError> {
    change_tags(ports, arn, |had| Ok(had.iter().filter(|tag| !keys.contains(&tag.key)).cloned().collect())).await
}

async fn change_tags<P: Ports>(
    ports: &P,
    arn: &str,
    tags: impl Fn(&[Tag]) -> Result<Vec<Tag>, ActivityError>,
) -> Result<(), ActivityError> {
    /// How often a change is decided again after somebody else wrote.
    const TRIES: usize = 12;
    let (region, _) = parse(arn)?;
    for _ in 0..TRIES {
        let stored = ports.records().get(&keys::activity(arn)).await?;
        let stored = stored.ok_or_else(|| ActivityError::DoesNotExist(arn.to_owned()))?;
        let version = stored.version;
        let mut activity = read(stored)?;
        activity.tags = tags(&activity.tags)?;
        let write = Write::Put(record(&activity, region, version)?, Condition::Version(version));
        match ports.records().write(vec![write]).await {
            Err(StoreError::Conflict) => {}
            written => return Ok(written?),
        }
    }
    Err(StoreError::Conflict.into())
}

/// An activity by its ARN.
///
/// # Errors
/// [`ActivityError::InvalidArn`], [`ActivityError::DoesNotExist`]
pub async fn describe_activity<P: Ports>(ports: &P, arn: &str) -> Result<Activity, ActivityError> {
    parse(arn)?;
    let record = ports.records().get(&keys::activity(arn)).await?;
    let record = record.ok_or_else(|| ActivityError::DoesNotExist(arn.to_owned()))?;
    Ok(read(record)?)
}

/// Removes an activity; it need not be there. Tasks that wait for it wait on, for one of the same name.
///
/// # Errors
/// [`ActivityError::InvalidArn`]
pub async fn delete_activity<P: Ports>(ports: &P, arn: &str) -> Result<(), ActivityError> {
    parse(arn)?;
    Ok(ports.records().write(vec![Write::Delete(keys::activity(arn), Condition::Any)]).await?)
}

/// A page of an owner's activities in a region, by creation.
///
/// # Errors
/// [`ActivityError::InvalidToken`]
pub async fn list_activities<P: Ports>(
    ports: &P,
    owner: &str,
    region: &str,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<Activity>, ActivityError> {
    let query = Query {
        index: Some(Index::Owner),
        partition: keys::owner_activities(owner, region),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Ascending,
        limit,
        cursor,
    };
    let page = ports.records().query(&query).await?;
    let items = page.items.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// The activities whose tasks a decision schedules and that don't exist.
pub(crate) async fn missing<P: Ports>(ports: &P, owner: &str, decision: &Decision) -> Result<Vec<String>, Error> {
    let mut named = BTreeSet::new();
    collect(&decision.effects, &mut named);
    let mut missing = Vec::new();
    for arn in named {
        let record = ports.records().get(&keys::activity(arn)).await?;
        let own = record.map(read).transpose()?.is_some_and(|activity| activity.owner == owner);
        if !own {
            missing.push(arn.to_owned());
        }
    }
    Ok(missing)
}

fn collect<'a>(effects: &'a [Effect], named: &mut BTreeSet<&'a str>) {
    for effect in effects {
        match effect {
            Effect::InvokeTask { resource, .. } if Resource::of(resource) == Resource::Activity => {
                named.insert(resource);
            }
            Effect::StartChild { decision, .. } => collect(&decision.effects, named),
            _ => {}
        }
    }
}
