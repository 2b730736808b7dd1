//! Secrets that sign or verify, kept for a moment: a store of secrets has no room for a question with every message.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use millrace_asl::Timestamp;

use crate::error::Error;
use crate::ports::{Clock, Ports, Secret, SecretStore};

/// How long a secret is believed, in milliseconds.
const BELIEVED_MILLIS: i64 = 60_000;
/// How old a secret must be to be read again because a signature does not match: it may have been rotated.
const DOUBTED_MILLIS: i64 = 2_000;
/// Names that are remembered; anybody may ask for sources that there are not.
const MOST: usize = 256;

/// Secrets by name, with the time at which they were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct SecretCache(Arc<Mutex<HashMap<String, Remembered>>>);

/// A secret, or that there is none, and when that was read.
type Remembered = (Option<Secret>, Timestamp);

/// How sure one must be of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// One that was read lately will do.
    Lately,
    /// It was not the right one: read it again, unless it was read just now.
    Doubtful,
}

impl SecretCache {
    /// A secret, and whether it was read for this call.
    pub(crate) async fn get<P: Ports>(
        &self,
        ports: &P,
        name: &str,
        trust: Trust,
    ) -> Result<(Option<Secret>, bool), Error> {
        let now = ports.clock().now();
        let believed = if trust == Trust::Lately { BELIEVED_MILLIS } else { DOUBTED_MILLIS };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some((secret, at)) = known
            && now.millis().saturating_sub(at.millis()) < believed
        {
            return Ok((secret, false));
        }
        let secret = ports.secrets().get(name).await?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(name.to_owned(), (secret.clone(), now));
        Ok((secret, true))
    }
}
