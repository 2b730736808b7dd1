//! Making, listing, rotating and revoking keys.

use std::time::Duration;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::{KeyText, access_key_id, random_text};
use super::owner::Owner;
use super::record::{ApiKey, KeyStatus, StoredKey, TextHash};
use super::role::Role;
use crate::error::{Error, FieldProblem};
use crate::ids::KeyId;
use crate::keys;
use crate::ports::{Clock, Index, Order, Page, Ports, Query, RecordStore, Secret, SecretStore, StoreError};

/// How long the text before a rotation stays valid where nobody says it: a day.
pub const GRACE: Duration = Duration::from_secs(24 * 3600);
/// The longest such time: 30 days.
pub const LONGEST_GRACE: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest name, in characters.
pub const MOST_NAME_CHARS: usize = 100;
/// How often a change is decided again because somebody else wrote first.
const TRIES: u32 = 5;

/// Who manages keys: an admin those of their own owner, an operator everybody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// Their owner.
    pub owner: String,
    /// May they manage keys of other owners?
    pub operator: bool,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Whose things it opens; `None`: the maker's. Another's needs an operator.
    pub owner: Option<String>,
    /// What it is for: 1 to 100 characters.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Shall it manage keys of other owners? Needs an operator, and the role [`Role::Admin`].
    pub operator: bool,
    /// From when on it is not valid.
    pub expires_at: Option<Timestamp>,
    /// Make an access key for signatures with it?
    pub access_key: bool,
}

/// A pair for AWS Signature Version 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Not secret.
    pub access_key_id: String,
    /// Shown once.
    pub secret_access_key: Secret,
}

/// A key with what is shown once.
#[derive(Debug, Clone)]
pub struct IssuedKey {
    /// The key.
    pub key: ApiKey,
    /// Its text.
    pub text: Secret,
    /// Its pair for signatures.
    pub access_key: Option<AccessKey>,
}

/// What the secret store holds of an access key.
#[derive(Serialize, Deserialize)]
struct StoredSecrets {
    current: String,
    #[serde(default)]
    previous: Option<String>,
    #[serde(default)]
    previous_until: Option<Timestamp>,
}

fn secret_name(id: &KeyId) -> String {
    format!("identity/access-keys/{id}")
}

async fn read_secrets<P: Ports>(ports: &P, id: &KeyId) -> Result<Option<StoredSecrets>, Error> {
    let Some(secret) = ports.secrets().get(&secret_name(id)).await? else { return Ok(None) };
    // Serde's own message would quote the secret.
    let corrupt = |_| StoreError::corrupt(format!("the access key of {id}"), "it is not what was stored");
    Ok(Some(serde_json::from_str(secret.expose()).map_err(corrupt)?))
}

/// The secrets that sign for a key at a time, the newest first.
pub(super) async fn signing_secrets<P: Ports>(ports: &P, id: &KeyId, now: Timestamp) -> Result<Vec<Secret>, Error> {
    let Some(stored) = read_secrets(ports, id).await? else { return Ok(Vec::new()) };
    let previous = stored.previous.filter(|_| stored.previous_until.is_some_and(|until| until > now));
    Ok(std::iter::once(stored.current).chain(previous).map(Secret::new).collect())
}

async fn issue_access_key<P: Ports>(
    ports: &P,
    id: &KeyId,
    previous: Option<(String, Timestamp)>,
) -> Result<AccessKey, Error> {
    let current = random_text(ports);
    let (previous, previous_until) = previous.unzip();
    let stored = StoredSecrets { current: current.clone(), previous, previous_until };
    let text = serde_json::to_string(&stored).map_err(Error::internal)?;
    ports.secrets().put(&secret_name(id), &Secret::new(text)).await?;
    Ok(AccessKey { access_key_id: access_key_id(id), secret_access_key: Secret::new(current) })
}

fn check(manager: &Manager, new: &NewKey, now: Timestamp) -> Result<Owner, Error> {
    let mut problems = Vec::new();
    let owner = new.owner.as_ref().unwrap_or(&manager.owner);
    if *owner != manager.owner && !manager.operator {
        problems.push(FieldProblem::new("/owner", "must be your own: keys for others are made by an operator's key"));
    }
    let parsed = owner.parse::<Owner>().map_err(|error| problems.push(FieldProblem::new("/owner", error.to_string())));
    let characters = new.name.chars().count();
    if characters == 0 || characters > MOST_NAME_CHARS || new.name.chars().any(char::is_control) {
        let wanted = format!("must have 1 to {MOST_NAME_CHARS} characters and no control characters");
        problems.push(FieldProblem::new("/name", wanted));
    }
    if new.operator && !(manager.operator && new.role == Role::Admin) {
        problems.push(FieldProblem::new("/operator", "needs the role admin, and an operator who makes the key"));
    }
    if new.expires_at.is_some_and(|end| end <= now) {
        problems.push(FieldProblem::new("/expires_at", "must be in the future"));
    }
    match parsed {
        Ok(owner) if problems.is_empty() => Ok(owner),
        _ => Err(Error::Invalid(problems)),
    }
}

/// Makes a key.
///
/// # Errors
/// [`Error::Invalid`] with every problem; [`Error::Store`].
pub async fn create_key<P: Ports>(ports: &P, manager: &Manager, new: NewKey) -> Result<IssuedKey, Error> {
    let now = ports.clock().now();
    let owner = check(manager, &new, now)?;
    let id = KeyId::new(ports);
    let text = KeyText::fresh(ports, &id);
    // The secret first: a key without its pair would be worse than a pair without its key, which opens nothing.
    let access_key = if new.access_key { Some(issue_access_key(ports, &id, None).await?) } else { None };
    let key = ApiKey {
        id,
        owner: owner.into(),
        name: new.name,
        role: new.role,
        operator: new.operator,
        has_access_key: new.access_key,
        created_at: now,
        rotated_at: None,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
        texts: vec![TextHash { sha256: text.hash(), valid_until: None }],
    };
    StoredKey { key: key.clone(), version: 0 }.store(ports).await?;
    Ok(IssuedKey { key, text: text.secret().clone(), access_key })
}

/// A page of an owner's keys, the newest first: the manager's own, or another's for an operator.
///
/// # Errors
/// [`Error::Store`]
pub async fn list_keys<P: Ports>(
    ports: &P,
    manager: &Manager,
    owner: Option<&str>,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<ApiKey>, Error> {
    let owner = owner.filter(|_| manager.operator).unwrap_or(&manager.owner);
    let query = Query {
        index: Some(Index::Owner),
        partition: keys::owner_keys(owner),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Descending,
        limit,
        cursor,
    };
    let page = ports.records().query(&query).await?;
    let items = page.items.into_iter().map(|record| StoredKey::decode(record).map(|stored| stored.key));
    Ok(Page { items: items.collect::<Result<_, _>>()?, next: page.next })
}

async fn load<P: Ports>(ports: &P, manager: &Manager, id: &KeyId) -> Result<StoredKey, Error> {
    let stored = StoredKey::load(ports, id).await?;
    let stored = stored.filter(|stored| manager.operator || stored.key.owner == manager.owner);
    stored.ok_or_else(|| Error::NotFound { kind: "key", id: id.to_string() })
}

/// A key.
///
/// # Errors
/// [`Error::NotFound`], also for another owner's; [`Error::Store`].
pub async fn get_key<P: Ports>(ports: &P, manager: &Manager, id: &KeyId) -> Result<ApiKey, Error> {
    Ok(load(ports, manager, id).await?.key)
}

/// Gives a key a fresh text. The one before stays valid for `grace`, those before it end at once; so with its access key.
///
/// # Errors
/// [`Error::Invalid`] for a grace over [`LONGEST_GRACE`]; [`Error::NotFound`]; [`Error::WrongState`] for a key that is no
/// longer valid; [`Error::Store`].
pub async fn rotate_key<P: Ports>(
    ports: &P,
    manager: &Manager,
    id: &KeyId,
    grace: Duration,
) -> Result<IssuedKey, Error> {
    if grace > LONGEST_GRACE {
        let wanted = format!("must be at most {}", LONGEST_GRACE.as_secs());
        return Err(Error::invalid("/grace_seconds", wanted));
    }
    let text = KeyText::fresh(ports, id);
    for _ in 0..TRIES {
        let mut stored = load(ports, manager, id).await?;
        let now = ports.clock().now();
        if stored.key.status(now) != KeyStatus::Active {
            return Err(Error::WrongState(format!("the key is {}: make a new one", stored.key.status(now).name())));
        }
        let until = now.plus_millis(i64::try_from(grace.as_millis()).unwrap_or(i64::MAX));
        stored.key.rotated_at = Some(now);
        stored.key.texts.truncate(1);
        stored.key.texts.iter_mut().for_each(|before| before.valid_until = Some(until));
        stored.key.texts.insert(0, TextHash { sha256: text.hash(), valid_until: None });
        match stored.store(ports).await {
            Err(Error::Store(StoreError::Conflict)) => continue,
            done => done?,
        }
        let access_key = if stored.key.has_access_key {
            let previous = read_secrets(ports, id).await?.map(|secrets| (secrets.current, until));
            Some(issue_access_key(ports, id, previous).await?)
        } else {
            None
        };
        return Ok(IssuedKey { key: stored.key, text: text.secret().clone(), access_key });
    }
    Err(StoreError::Conflict.into())
}

/// Ends a key at once. Again is no error.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Store`].
pub async fn revoke_key<P: Ports>(ports: &P, manager: &Manager, id: &KeyId) -> Result<ApiKey, Error> {
    for _ in 0..TRIES {
        let mut stored = load(ports, manager, id).await?;
        if stored.key.revoked_at.is_none() {
            stored.key.revoked_at = Some(ports.clock().now());
            match stored.store(ports).await {
                Err(Error::Store(StoreError::Conflict)) => continue,
                done => done?,
            }
        }
        if stored.key.has_access_key {
            ports.secrets().delete(&secret_name(id)).await?;
        }
        return Ok(stored.key);
    }
    Err(StoreError::Conflict.into())
}
