//! The issuer's keys: fetched when one is needed that is not known, kept, and fetched no oftener than allowed.

use std::sync::{Arc, PoisonError, RwLock};

use millrace_app::Timestamp;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::config::OidcConfig;
use crate::issuer::{IssuerClient, IssuerError};
use crate::jwt::Key;

/// Keys are fetched anew after so long: 15 minutes.
const FRESH_MILLIS: i64 = 15 * 60 * 1000;
/// While the issuer does not answer, keys are good for so long: a day.
const KEPT_MILLIS: i64 = 24 * 3600 * 1000;
/// For a key that nobody knows the issuer is asked no oftener than this, whoever sends how many such tokens.
const PAUSE_MILLIS: i64 = 30 * 1000;
/// An issuer has a handful of keys.
const MOST_KEYS: usize = 100;

#[derive(Debug, Default)]
struct Known {
    keys: Arc<Vec<Key>>,
    fetched: Option<Timestamp>,
}

/// The keys of an issuer.
#[derive(Debug)]
pub(crate) struct Jwks {
    issuer: IssuerClient,
    url: Option<String>,
    known: RwLock<Known>,
    /// When the issuer was last asked. Held while it is, so that many who wait ask once.
    asked: Mutex<Option<Timestamp>>,
}

impl Jwks {
    pub(crate) fn new(config: &OidcConfig) -> Self {
        Self {
            issuer: IssuerClient::new(&config.issuer),
            url: config.jwks_url.clone(),
            known: RwLock::default(),
            asked: Mutex::default(),
        }
    }

    fn known(&self) -> (Arc<Vec<Key>>, Option<Timestamp>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&known.keys), known.fetched)
    }

    /// The keys that `wanted` likes; none, where the issuer has none like that.
    pub(crate) async fn find(&self, wanted: impl Fn(&Key) -> bool, now: Timestamp) -> Result<Vec<Key>, IssuerError> {
        let chosen = |keys: &[Key]| keys.iter().filter(|key| wanted(key)).cloned().collect::<Vec<_>>();
        let age = |fetched: Option<Timestamp>| fetched.map(|at| now.millis().saturating_sub(at.millis()));
        let (keys, fetched) = self.known();
        let found = chosen(&keys);
        if !found.is_empty() && age(fetched).is_some_and(|age| age < FRESH_MILLIS) {
            return Ok(found);
        }
        let mut asked = self.asked.lock().await;
        let (keys, fetched) = self.known();
        let found = chosen(&keys);
        let is_fresh = age(fetched).is_some_and(|age| age < FRESH_MILLIS);
        let may_ask = age(*asked).is_none_or(|age| age >= PAUSE_MILLIS);
        if !found.is_empty() && is_fresh {
            return Ok(found);
        }
        let mut failure = None;
        if may_ask {
            *asked = Some(now);
            match self.fetch().await {
                Ok(keys) => {
                    let found = chosen(&keys);
                    let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                    *known = Known { keys: Arc::new(keys), fetched: Some(now) };
                    return Ok(found);
                }
                Err(error) => {
                    tracing::warn!(issuer = self.issuer.name(), %error, "the keys of the issuer can't be fetched");
                    failure = Some(error);
                }
            }
        }
        match age(fetched) {
            Some(age) if age < KEPT_MILLIS => Ok(found),
            _ => Err(failure.unwrap_or_else(|| IssuerError("it did not answer a moment ago".to_owned()))),
        }
    }

    async fn fetch(&self) -> Result<Vec<Key>, IssuerError> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => self.issuer.discover().await?.address("jwks_uri")?,
        };
        let document = self.issuer.get(&url).await?;
        let keys = document.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or_else(|| IssuerError(format!("{url} has no `keys`")))?;
        // Keys of kinds that are not used here are left out, as RFC 7517, 5 asks.
        Ok(keys.iter().take(MOST_KEYS).filter_map(Key::read).collect())
    }
}
