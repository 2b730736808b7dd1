//! The schemes that sign a time with the body: Stripe, Slack, Standard Webhooks.

use super::primitives::{base64, hex, is_ed25519, is_hmac, seconds};
use super::{Check, PUBLIC_KEY_PREFIX, SECRET_PREFIX, SignatureError, TOLERANCE_SECONDS, Verified};

const SHA256_BYTES: usize = 32;
const ED25519_BYTES: usize = 64;

/// The headers of Standard Webhooks: id, time and signature; then those of the sender that they come from.
const NAMES: [[&str; 3]; 2] =
    [["webhook-id", "webhook-timestamp", "webhook-signature"], ["svix-id", "svix-timestamp", "svix-signature"]];

impl Check<'_> {
    /// `t=…,v1=…,v1=…` in any order; what is neither is not looked at, as Stripe asks.
    pub(super) fn stripe(&self) -> Result<Verified, SignatureError> {
        const WHAT: &str = "Stripe-Signature";
        let malformed =
            SignatureError::Malformed { what: WHAT, wanted: "t=, a time in seconds, and v1=, 64 hexadecimal digits" };
        let (mut times, mut codes) = (Vec::new(), Vec::new());
        for part in self.header("stripe-signature", WHAT)?.split(',') {
            match part.trim().split_once('=') {
                Some(("t", time)) => times.push(time),
                Some(("v1", code)) => codes.extend(hex(code, SHA256_BYTES)),
                _ => {}
            }
        }
        let ([time], false) = (times.as_slice(), codes.is_empty()) else { return Err(malformed) };
        let at = seconds(time).ok_or(malformed)?;
        let parts: [&[u8]; 3] = [time.as_bytes(), b".", &self.request.body];
        let verified = self.matching_shared(WHAT, Some(at), |key| is_any(&codes, |code| is_hmac(key, &parts, code)))?;
        self.in_time(WHAT, at, TOLERANCE_SECONDS)?;
        Ok(verified)
    }

    /// `v0=` and the code of `v0:{time}:{body}`.
    pub(super) fn slack(&self) -> Result<Verified, SignatureError> {
        const WHAT: &str = "X-Slack-Signature";
        const TIME: &str = "X-Slack-Request-Timestamp";
        let code = self.header("x-slack-signature", WHAT)?.strip_prefix("v0=").and_then(|text| hex(text, SHA256_BYTES));
        let code = code.ok_or(SignatureError::Malformed { what: WHAT, wanted: "v0= and 64 hexadecimal digits" })?;
        let time = self.beside("x-slack-request-timestamp", TIME)?;
        let at = seconds(time).ok_or(SignatureError::Malformed { what: TIME, wanted: "seconds since 1970" })?;
        let parts: [&[u8]; 4] = [b"v0:", time.as_bytes(), b":", &self.request.body];
        let verified = self.matching_shared(WHAT, Some(at), |key| is_hmac(key, &parts, &code))?;
        self.in_time(TIME, at, TOLERANCE_SECONDS)?;
        Ok(verified)
    }

    /// A header that a signature needs: once there is a signature, nothing else stands in for it.
    fn beside(&self, name: &str, what: &'static str) -> Result<&str, SignatureError> {
        self.header(name, what).map_err(|error| match error {
            SignatureError::Missing { what } => {
                SignatureError::Malformed { what, wanted: "there beside the signature" }
            }
            other => other,
        })
    }

    /// `v1,` with a code or `v1a,` with an Ed25519 signature of `{id}.{time}.{body}`; several are separated by spaces.
    pub(super) fn standard(&self) -> Result<Verified, SignatureError> {
        let is_there = |[.., signature]: &&[&'static str; 3]| self.request.headers.get(signature).is_some();
        let Some([id_name, time_name, what]) = NAMES.iter().find(is_there).copied() else {
            return Err(SignatureError::Missing { what: "webhook-signature" });
        };
        let (mut codes, mut signatures) = (Vec::new(), Vec::new());
        for part in self.header(what, what)?.split(' ') {
            match part.split_once(',') {
                Some(("v1", text)) => codes.extend(base64(text).filter(|code| code.len() == SHA256_BYTES)),
                Some(("v1a", text)) => signatures.extend(base64(text).filter(|one| one.len() == ED25519_BYTES)),
                _ => {}
            }
        }
        if codes.is_empty() && signatures.is_empty() {
            let wanted = "v1, and 32 bytes in Base64, or v1a, and 64";
            return Err(SignatureError::Malformed { what, wanted });
        }
        let id = self.beside(id_name, id_name)?;
        let time = self.beside(time_name, time_name)?;
        let wanted = "seconds since 1970";
        let at = seconds(time).ok_or(SignatureError::Malformed { what: time_name, wanted })?;
        let message = [id.as_bytes(), b".", time.as_bytes(), b".", &self.request.body].concat();
        let keys: Vec<Option<Key>> = self.secrets.values.iter().map(|secret| Key::parse(secret)).collect();
        if keys.iter().all(Option::is_none) {
            let wanted = "it must be whsec_ and a key in Base64, or whpk_ and an Ed25519 public key in Base64";
            return Err(SignatureError::UnusableSecret { name: self.source.secret_name(), wanted });
        }
        let mut keys = keys.into_iter();
        let verified = self.matching(what, Some(at), |_| match keys.next().flatten() {
            Some(Key::Shared(key)) => is_any(&codes, |code| is_hmac(&key, &[&message], code)),
            Some(Key::Public(key)) => is_any(&signatures, |one| is_ed25519(&key, &message, one)),
            None => false,
        })?;
        self.in_time(time_name, at, TOLERANCE_SECONDS)?;
        Ok(verified)
    }
}

/// Is one of them right? All are looked at.
fn is_any(all: &[Vec<u8>], is_right: impl Fn(&[u8]) -> bool) -> bool {
    all.iter().fold(false, |found, one| is_right(one) | found)
}

/// A key of Standard Webhooks.
enum Key {
    Shared(Vec<u8>),
    Public(Vec<u8>),
}

impl Key {
    fn parse(secret: &str) -> Option<Self> {
        if let Some(text) = secret.strip_prefix(PUBLIC_KEY_PREFIX) {
            return base64(text).filter(|key| key.len() == 32).map(Self::Public);
        }
        let text = secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret);
        base64(text).filter(|key| !key.is_empty()).map(Self::Shared)
    }
}
