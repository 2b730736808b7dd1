//! Whether a request was signed by who knows the secret.
//!
//! Everything is computed over the body's bytes as they came, and compared in constant time. A source's own signature
//! decides where the request has one; else `X-Webhook-Signature` does, which every source may send.

mod primitives;
mod schemes;
mod stamped;

use crate::request::Request;
use crate::source::{Scheme, Source};

/// How far a request's time may lie from ours, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;
/// The same for Linear, whose documentation says one minute.
const LINEAR_TOLERANCE_SECONDS: i64 = 60;

/// How Standard Webhooks spell a secret, and a public key.
const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_KEY_PREFIX: &str = "whpk_";

/// A source's secrets, the newest first. A secret is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    values: Vec<String>,
    organizations: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Secrets({})", self.values.len())
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

impl Secrets {
    /// Reads what is stored: one secret a line. White space round a secret and empty lines don't count.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self { values: lines(text), organizations: Vec::new() }
    }

    /// The same with the ids of Salesforce organizations, one a line.
    #[must_use]
    pub fn with_organizations(self, text: &str) -> Self {
        Self { organizations: lines(text), ..self }
    }
}

/// Why a request is not taken for its source's. The texts are for the sender: they hold no secret and no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// No secret is stored for the source.
    #[error("no secret is stored for this source: store one as {name}")]
    NoSecret {
        /// The secret's name.
        name: String,
    },
    /// What is stored holds no secret.
    #[error("the secret {name} is empty: an empty secret proves nothing")]
    EmptySecret {
        /// The secret's name.
        name: String,
    },
    /// None of the stored secrets can be a key of this scheme.
    #[error("the secret {name} can't be used: {wanted}")]
    UnusableSecret {
        /// The secret's name.
        name: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// The request has no signature.
    #[error("{what} is missing")]
    Missing {
        /// The header, or the part of the body.
        what: &'static str,
    },
    /// The signature or the time does not have its form.
    #[error("{what} must be {wanted}")]
    Malformed {
        /// The header, or the part of the body.
        what: &'static str,
        /// Its form.
        wanted: &'static str,
    },
    /// The request's time is too far from ours.
    #[error("{what} is {seconds} seconds from now; at most {limit} are allowed")]
    NotInTime {
        /// The header, or the part of the body.
        what: &'static str,
        /// How far; negative in the future.
        seconds: i64,
        /// How far it may be.
        limit: i64,
    },
    /// Nobody who knows the secret signed these bytes.
    #[error("the signature in {what} does not match the body")]
    Mismatch {
        /// The header that was compared.
        what: &'static str,
    },
    /// The message is of another Salesforce organization.
    #[error("the message's OrganizationId is not among those stored as {name}")]
    ForeignOrganization {
        /// The name under which the known ones are stored.
        name: String,
    },
}

/// What proved that a request is its source's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The header, or the parameter, that held the proof.
    pub by: &'static str,
    /// Which of the secrets it was, from 0, the newest.
    pub secret: usize,
    /// The time that was signed, in seconds since 1970.
    pub signed_at: Option<i64>,
}

/// What the schemes look at.
struct Check<'a> {
    source: &'a Source,
    request: &'a Request,
    secrets: &'a Secrets,
    now: i64,
}

/// Verifies a request. `now` is in seconds since 1970.
///
/// # Errors
/// [`SignatureError`]
pub fn verify(
    source: &Source,
    request: &Request,
    secrets: Option<&Secrets>,
    now: i64,
) -> Result<Verified, SignatureError> {
    let name = source.secret_name();
    let Some(secrets) = secrets else { return Err(SignatureError::NoSecret { name }) };
    if secrets.values.is_empty() {
        return Err(SignatureError::EmptySecret { name });
    }
    let check = Check { source, request, secrets, now };
    let scheme = source.scheme(request);
    match check.own(scheme) {
        Err(SignatureError::Missing { .. }) if scheme != Scheme::Generic && check.has_generic() => {
            check.instead(scheme)
        }
        own => own,
    }
}

impl Check<'_> {
    /// The time of a request, where it is near enough.
    fn in_time(&self, what: &'static str, at: i64, limit: i64) -> Result<i64, SignatureError> {
        let seconds = self.now.saturating_sub(at);
        if seconds.saturating_abs() > limit {
            return Err(SignatureError::NotInTime { what, seconds, limit });
        }
        Ok(at)
    }

    /// The only value of a header.
    fn header(&self, name: &str, what: &'static str) -> Result<&str, SignatureError> {
        let mut values = self.request.headers.all(name);
        let first = values.next().ok_or(SignatureError::Missing { what })?;
        if values.next().is_some() {
            return Err(SignatureError::Malformed { what, wanted: "given once" });
        }
        Ok(first.trim())
    }

    /// The same with secrets that both sides keep to themselves: a public key proves nothing, whoever shows or uses it, and a
    /// prefix alone is an empty secret.
    fn matching_shared(
        &self,
        what: &'static str,
        signed_at: Option<i64>,
        proves: impl Fn(&[u8]) -> bool,
    ) -> Result<Verified, SignatureError> {
        let is_shared = |secret: &String| !secret.starts_with(PUBLIC_KEY_PREFIX) && secret != SECRET_PREFIX;
        if !self.secrets.values.iter().any(is_shared) {
            let wanted = "this signature needs a secret that both sides know, and no public key";
            return Err(SignatureError::UnusableSecret { name: self.source.secret_name(), wanted });
        }
        let mut secrets = self.secrets.values.iter();
        self.matching(what, signed_at, |key| secrets.next().is_some_and(is_shared) && proves(key))
    }

    /// Which secret makes `proves` true. All are tried, so that the time tells nothing of which one it is.
    fn matching(
        &self,
        what: &'static str,
        signed_at: Option<i64>,
        mut proves: impl FnMut(&[u8]) -> bool,
    ) -> Result<Verified, SignatureError> {
        let mut found = None;
        for (number, secret) in self.secrets.values.iter().enumerate() {
            if proves(secret.as_bytes()) && found.is_none() {
                found = Some(number);
            }
        }
        let secret = found.ok_or(SignatureError::Mismatch { what })?;
        Ok(Verified { by: what, secret, signed_at })
    }
}
