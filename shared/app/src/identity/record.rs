//! The record of an API key.

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::KEY_PREFIX;
use super::role::Role;
use crate::error::Error;
use crate::ids::KeyId;
use crate::keys;
use crate::ports::{Condition, Index, Ports, Record, RecordStore, StoreError, Write};

/// How long the record of a key that is no longer valid is kept, for those who ask what it was: 90 days.
const KEPT_MILLIS: i64 = 90 * 24 * 3600 * 1000;

/// A key, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id, which its text holds.
    pub id: KeyId,
    /// Whose things it opens.
    pub owner: String,
    /// What it is for, in its maker's words.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// May who has it make and see keys of other owners?
    #[serde(default)]
    pub operator: bool,
    /// Does an access key for signatures belong to it?
    #[serde(default)]
    pub has_access_key: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its text was last replaced.
    #[serde(default)]
    pub rotated_at: Option<Timestamp>,
    /// From when on it is not valid.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Since when it is not valid.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
    /// About when it was last used: an hour off at most.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    /// Its texts that may be valid, the newest first.
    pub(super) texts: Vec<TextHash>,
}

/// What is known of a key's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TextHash {
    /// SHA-256 in lower-case hexadecimal.
    pub(super) sha256: String,
    /// Until when it holds; always, where there is nothing.
    #[serde(default)]
    pub(super) valid_until: Option<Timestamp>,
}

/// What a key can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStatus {
    /// It is valid.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

impl KeyStatus {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl ApiKey {
    /// What its text begins with: enough to tell which key somebody has found, and nothing of what is secret.
    #[must_use]
    pub fn prefix(&self) -> String {
        let (_, bare) = self.id.as_str().split_once('_').unwrap_or_default();
        format!("{KEY_PREFIX}{bare}")
    }

    /// What it is at a time.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => KeyStatus::Revoked,
            (None, Some(end)) if end <= now => KeyStatus::Expired,
            (None, _) => KeyStatus::Active,
        }
    }

    /// Until when the text before the newest one holds, if it still does.
    #[must_use]
    pub fn previous_valid_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.texts.iter().filter_map(|text| text.valid_until).filter(|until| *until > now).max()
    }
}

/// A key with the version of its record.
#[derive(Debug, Clone)]
pub(super) struct StoredKey {
    pub(super) key: ApiKey,
    pub(super) version: u64,
}

impl StoredKey {
    pub(super) fn decode(record: Record) -> Result<Self, Error> {
        let version = record.version;
        let key = serde_json::from_value(record.body)
            .map_err(|error| StoreError::corrupt(format!("the key {}", record.key.partition), error))?;
        Ok(Self { key, version })
    }

    pub(super) async fn load<P: Ports>(ports: &P, id: &KeyId) -> Result<Option<Self>, Error> {
        ports.records().get(&keys::api_key(id)).await?.map(Self::decode).transpose()
    }

    pub(super) async fn store<P: Ports>(&self, ports: &P) -> Result<(), Error> {
        let key = &self.key;
        let partition = keys::owner_keys(&key.owner);
        let end = [key.revoked_at, key.expires_at].into_iter().flatten().min();
        let record = Record {
            key: keys::api_key(&key.id),
            version: self.version,
            body: serde_json::to_value(key).map_err(Error::internal)?,
            listings: vec![keys::listing(Index::Owner, partition, key.created_at, key.id.as_str())],
            expires_at: end.map(|end| end.plus_millis(KEPT_MILLIS)),
        };
        let condition = if self.version == 0 { Condition::Absent } else { Condition::Version(self.version) };
        Ok(ports.records().write(vec![Write::Put(record, condition)]).await?)
    }
}
