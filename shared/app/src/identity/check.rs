//! What is right about a key that somebody shows.

use millrace_asl::Timestamp;

use super::key::{KeyText, key_of_access_key, same_secret};
use super::manage::signing_secrets;
use super::record::{ApiKey, KeyStatus, StoredKey};
use crate::error::Error;
use crate::ids::KeyId;
use crate::ports::{Clock, Ports, Secret, StoreError};

/// A use is noted where the last one noted is older: an hour.
const NOTED_EVERY_MILLIS: i64 = 3600 * 1000;

/// Why a key opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum KeyRefused {
    /// It is no key, or none that is known.
    #[error("the key is not known")]
    Unknown,
    /// Its time is over, or that of its text after a rotation.
    #[error("the key has expired")]
    Expired,
    /// Somebody ended it.
    #[error("the key was revoked")]
    Revoked,
    /// The records don't answer.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl KeyRefused {
    /// What the caller is told.
    #[must_use]
    pub const fn told(&self) -> &'static str {
        match self {
            Self::Unknown => "the key is not known",
            Self::Expired => "the key has expired",
            Self::Revoked => "the key was revoked",
            Self::Failed(_) => "who calls can't be found out now",
        }
    }
}

fn valid(stored: Option<StoredKey>, now: Timestamp) -> Result<StoredKey, KeyRefused> {
    let stored = stored.ok_or(KeyRefused::Unknown)?;
    match stored.key.status(now) {
        KeyStatus::Active => Ok(stored),
        KeyStatus::Expired => Err(KeyRefused::Expired),
        KeyStatus::Revoked => Err(KeyRefused::Revoked),
    }
}

/// The key that a text is. Only who shows the whole text learns that a key has expired or was revoked.
///
/// # Errors
/// [`KeyRefused`]
pub async fn check_key<P: Ports>(ports: &P, text: &str) -> Result<ApiKey, KeyRefused> {
    Ok(check_key_until(ports, text).await?.0)
}

/// The same with the moment from which on this text is not good any more, as far as that is known.
///
/// # Errors
/// [`KeyRefused`]
pub async fn check_key_until<P: Ports>(ports: &P, text: &str) -> Result<(ApiKey, Option<Timestamp>), KeyRefused> {
    let text = KeyText::parse(text).ok_or(KeyRefused::Unknown)?;
    let now = ports.clock().now();
    let stored = StoredKey::load(ports, text.id()).await?.ok_or(KeyRefused::Unknown)?;
    let hash = text.hash();
    let known = stored.key.texts.iter().find(|known| same_secret(&known.sha256, &hash));
    let valid_until = known.ok_or(KeyRefused::Unknown)?.valid_until;
    let stored = valid(Some(stored), now)?;
    if valid_until.is_some_and(|until| until <= now) {
        return Err(KeyRefused::Expired);
    }
    let key = note_use(ports, stored).await?;
    let end = [valid_until, key.expires_at].into_iter().flatten().min();
    Ok((key, end))
}

/// Is there such a key, and is it good? For who showed its text before.
///
/// # Errors
/// [`Error::Store`]
pub async fn is_valid_key<P: Ports>(ports: &P, id: &KeyId) -> Result<bool, Error> {
    let now = ports.clock().now();
    Ok(StoredKey::load(ports, id).await?.is_some_and(|stored| stored.key.status(now) == KeyStatus::Active))
}

/// The key to which an access key belongs, and the secrets of which one must have made the signature, the newest first.
///
/// # Errors
/// [`KeyRefused`]
pub async fn find_access_key<P: Ports>(ports: &P, access_key_id: &str) -> Result<(ApiKey, Vec<Secret>), KeyRefused> {
    let id = key_of_access_key(access_key_id).ok_or(KeyRefused::Unknown)?;
    let now = ports.clock().now();
    let stored = valid(StoredKey::load(ports, &id).await?, now)?;
    let secrets = signing_secrets(ports, &id, now).await?;
    if secrets.is_empty() {
        return Err(KeyRefused::Unknown);
    }
    Ok((note_use(ports, stored).await?, secrets))
}

/// Notes a use, once an hour at most. Who writes at the same time notes it as well.
async fn note_use<P: Ports>(ports: &P, mut stored: StoredKey) -> Result<ApiKey, KeyRefused> {
    let now = ports.clock().now();
    let old = stored.key.last_used_at.is_none_or(|last| last.plus_millis(NOTED_EVERY_MILLIS) <= now);
    if old {
        stored.key.last_used_at = Some(now);
        match stored.store(ports).await {
            Ok(()) | Err(Error::Store(StoreError::Conflict)) => {}
            // A key is good also where a note of it can't be written.
            Err(error) => tracing::warn!(key = %stored.key.id, %error, "the use of a key could not be noted"),
        }
    }
    Ok(stored.key)
}
