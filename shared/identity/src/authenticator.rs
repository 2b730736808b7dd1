//! From what a request shows to who sends it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Uri};
use millrace_app::identity::{
    ApiKey, KEY_PREFIX, KeyRefused, Role, account_of, check_key_until, find_access_key, same_secret,
};
use millrace_app::ports::{Clock, Ports, Secret};
use millrace_app::{Error, Timestamp};
use millrace_client::{SignatureFault, Signed};

use crate::config::{IdentityConfig, OidcConfig};
use crate::jwks::Jwks;
use crate::jwt::{Token, looks_like};

const X_API_KEY: &str = "x-api-key";
/// The owner whom the configured pair signs for.
const LOCAL: &str = "local";
/// The name of the Step Functions API in signatures.
pub(crate) const SERVICE: &str = "states";
/// So many owners' accounts are remembered.
const MOST_ACCOUNTS: usize = 10_000;

/// Who sends a request, proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whose things they see.
    pub owner: String,
    /// The account of their ARNs: twelve digits.
    pub account: String,
    /// What they may do.
    pub role: Role,
    /// The id of the API key that they showed.
    pub key: Option<String>,
    /// May they manage keys of other owners?
    pub operator: bool,
    /// From when on what they showed is not good any more, where that is known.
    pub valid_until: Option<Timestamp>,
}

/// What a request showed is not good.
#[derive(Debug, thiserror::Error)]
pub enum NotIdentified {
    /// It is wrong; the text is for the caller.
    #[error("{0}")]
    NotValid(&'static str),
    /// Who is right can't be found out now.
    #[error("who calls can't be found out now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<KeyRefused> for NotIdentified {
    fn from(refused: KeyRefused) -> Self {
        match refused {
            KeyRefused::Failed(error) => Self::Unavailable(Box::new(error)),
            other => Self::NotValid(other.told()),
        }
    }
}

impl From<Error> for NotIdentified {
    fn from(error: Error) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// A signature that is not good.
#[derive(Debug)]
pub(crate) enum NotSigned {
    /// The signature can't be right, or is wrong.
    Fault(SignatureFault),
    /// Nobody has this access key.
    Unknown,
    /// Who is right can't be found out now.
    Unavailable,
}

/// An issuer with its keys.
#[derive(Debug)]
struct Issuer {
    config: OidcConfig,
    keys: Jwks,
}

/// Finds out who sends requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator<P> {
    pub(crate) ports: P,
    pub(crate) config: Arc<IdentityConfig>,
    issuer: Option<Arc<Issuer>>,
    accounts: Arc<Mutex<HashMap<String, String>>>,
}

/// What a request shows in place of a signature.
fn shown(headers: &HeaderMap) -> Result<Option<&str>, NotIdentified> {
    let single = |name: &str, wrong| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(one), None) => one.to_str().map(Some).map_err(|_| NotIdentified::NotValid(wrong)),
            (Some(_), Some(_)) => Err(NotIdentified::NotValid(wrong)),
        }
    };
    let key = single(X_API_KEY, "the header x-api-key must be one value of ASCII characters")?;
    let Some(text) = single(AUTHORIZATION.as_str(), "the header Authorization must be one value of ASCII characters")?
    else {
        return Ok(key.map(str::trim));
    };
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(NotIdentified::NotValid("the header Authorization must be Bearer, a blank, and a key or a token"));
    }
    let bearer = rest.trim();
    if key.is_some_and(|key| key.trim() != bearer) {
        return Err(NotIdentified::NotValid("the headers Authorization and x-api-key show different things"));
    }
    Ok(Some(bearer))
}

impl<P: Ports> Authenticator<P> {
    /// Checks callers as the configuration says.
    pub fn new(ports: P, config: IdentityConfig) -> Self {
        let issuer = config.oidc.clone().map(|config| Arc::new(Issuer { keys: Jwks::new(&config), config }));
        Self { ports, config: Arc::new(config), issuer, accounts: Arc::default() }
    }

    /// Who sends a request with these headers: the API key or the token in `Authorization: Bearer`, or the key in
    /// `x-api-key`. `None` where it shows neither.
    ///
    /// # Errors
    /// [`NotIdentified`]
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Option<Identity>, NotIdentified> {
        let Some(text) = shown(headers)? else { return Ok(None) };
        self.identify_text(text).await.map(Some)
    }

    /// Whose an API key or a token is.
    ///
    /// # Errors
    /// [`NotIdentified`]
    pub async fn identify_text(&self, text: &str) -> Result<Identity, NotIdentified> {
        if text.starts_with(KEY_PREFIX) {
            let (key, valid_until) = check_key_until(&self.ports, text).await?;
            return Ok(Identity { valid_until, ..self.of_key(key).await? });
        }
        let Some(issuer) = self.issuer.as_ref().filter(|_| looks_like(text)) else {
            return Err(NotIdentified::NotValid(
                "what the request shows is neither an API key nor a token that is taken here",
            ));
        };
        let wrong = |refused: crate::jwt::Refused| NotIdentified::NotValid(refused.0);
        let token = Token::read(text).map_err(wrong)?;
        let now = self.ports.clock().now();
        // Nobody has the issuer asked for keys by tokens that could not be good anyway.
        let claimed = token.check_claims(&issuer.config, now).map_err(wrong)?;
        let keys = issuer.keys.find(|key| token.may_be_of(key), now).await;
        let keys = keys.map_err(|error| NotIdentified::Unavailable(Box::new(error)))?;
        token.check_signature(&keys).map_err(wrong)?;
        let account = self.account(claimed.owner.as_str()).await?;
        let (owner, role, valid_until) = (claimed.owner.into(), claimed.role, Some(claimed.until));
        Ok(Identity { owner, account, role, key: None, operator: false, valid_until })
    }

    /// Who signed a request as AWS's clients do, before its body is known: what is wrong for sure, and whose signature it
    /// must be.
    pub(crate) async fn signer(&self, headers: &HeaderMap) -> Result<Signer, NotSigned> {
        let now = self.ports.clock().now();
        let signed = Signed::read(headers, SERVICE, now).map_err(NotSigned::Fault)?;
        if let Some((id, secret)) = &self.config.access_key
            && same_secret(id, &signed.access_key_id)
        {
            let account = self.config.account.clone();
            let identity = Identity {
                owner: LOCAL.to_owned(),
                account,
                role: Role::Admin,
                key: None,
                operator: true,
                valid_until: None,
            };
            return Ok(Signer { identity, signed, secrets: vec![secret.clone()] });
        }
        let found = find_access_key(&self.ports, &signed.access_key_id).await;
        let failed = |error: &(dyn std::error::Error + 'static)| {
            tracing::error!(error, "an access key can't be looked up");
            NotSigned::Unavailable
        };
        let (key, secrets) = found.map_err(|refused| match refused {
            KeyRefused::Failed(error) => failed(&error),
            KeyRefused::Unknown | KeyRefused::Expired | KeyRefused::Revoked => NotSigned::Unknown,
        })?;
        let identity = self.of_key(key).await.map_err(|error| failed(&error))?;
        Ok(Signer { identity, signed, secrets })
    }

    async fn of_key(&self, key: ApiKey) -> Result<Identity, Error> {
        let account = self.account(&key.owner).await?;
        let ApiKey { owner, id, role, operator, expires_at: valid_until, .. } = key;
        Ok(Identity { owner, account, role, key: Some(id.into()), operator, valid_until })
    }

    async fn account(&self, owner: &str) -> Result<String, Error> {
        let known = || self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known().get(owner) {
            return Ok(account.clone());
        }
        let account = account_of(&self.ports, owner, &self.config.account).await?;
        let mut known = known();
        if known.len() >= MOST_ACCOUNTS {
            known.clear();
        }
        known.insert(owner.to_owned(), account.clone());
        Ok(account)
    }
}

/// Who must have signed a request.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(crate) identity: Identity,
    signed: Signed,
    secrets: Vec<Secret>,
}

impl Signer {
    /// Did they?
    pub(crate) fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body_sha256: &str,
    ) -> Result<(), SignatureFault> {
        self.signed.check(method, uri, headers, body_sha256, &self.secrets)
    }
}
