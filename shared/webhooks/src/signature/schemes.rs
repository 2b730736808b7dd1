//! The schemes that sign the body alone, and the choice among all.

use super::primitives::{base64, hex, is_hmac, is_hmac_sha512, is_same};
use super::{Check, LINEAR_TOLERANCE_SECONDS, SignatureError, TOLERANCE_SECONDS, Verified};
use crate::soap;
use crate::source::Scheme;

const SHA256_BYTES: usize = 32;
const SHA512_BYTES: usize = 64;
/// So many digits of seconds there were before 1974; a time of today has ten.
const TIME_DIGITS: usize = 9;
/// Where Linear puts the time.
const LINEAR_TIME: &str = "the body's webhookTimestamp";

impl Check<'_> {
    /// The source's own way.
    pub(super) fn own(&self, scheme: Scheme) -> Result<Verified, SignatureError> {
        match scheme {
            Scheme::GitHub => self.prefixed("x-hub-signature-256", "X-Hub-Signature-256"),
            Scheme::Bitbucket => self.prefixed("x-hub-signature", "X-Hub-Signature"),
            Scheme::GitLab => self.gitlab(),
            Scheme::Stripe => self.stripe(),
            Scheme::Slack => self.slack(),
            Scheme::Shopify => self.shopify(),
            Scheme::Linear => self.linear(),
            Scheme::Salesforce => self.salesforce(),
            Scheme::Standard => self.standard(),
            Scheme::Generic => self.generic(),
        }
    }

    /// `sha256=` and the body's code in hexadecimal.
    fn prefixed(&self, name: &str, what: &'static str) -> Result<Verified, SignatureError> {
        let wanted = "sha256= and 64 hexadecimal digits";
        let digits = self.header(name, what)?.strip_prefix("sha256=");
        let code = digits.and_then(|digits| hex(digits, SHA256_BYTES));
        let code = code.ok_or(SignatureError::Malformed { what, wanted })?;
        self.matching_shared(what, None, |key| is_hmac(key, &[&self.request.body], &code))
    }

    /// The body's code in Base64.
    fn encoded(&self, name: &str, what: &'static str) -> Result<Verified, SignatureError> {
        let code = base64(self.header(name, what)?).filter(|code| code.len() == SHA256_BYTES);
        let code = code.ok_or(SignatureError::Malformed { what, wanted: "32 bytes in Base64" })?;
        self.matching_shared(what, None, |key| is_hmac(key, &[&self.request.body], &code))
    }

    /// A token that is the secret itself, or Standard Webhooks where a signing token is set. A signature that is there
    /// decides: the token beside it, which anybody may have read, does not make up for a wrong one.
    fn gitlab(&self) -> Result<Verified, SignatureError> {
        const TOKEN: &str = "X-Gitlab-Token";
        if self.request.headers.get("webhook-signature").is_some() {
            return self.standard();
        }
        let token = self.header("x-gitlab-token", TOKEN)?.as_bytes();
        self.matching_shared(TOKEN, None, |secret| is_same(secret, token))
    }

    fn shopify(&self) -> Result<Verified, SignatureError> {
        match self.request.headers.get("shopify-hmac-sha256") {
            Some(_) => self.encoded("shopify-hmac-sha256", "Shopify-Hmac-Sha256"),
            None => self.encoded("x-shopify-hmac-sha256", "X-Shopify-Hmac-Sha256"),
        }
    }

    /// The body's time counts once its code is right. It is in milliseconds.
    fn linear(&self) -> Result<Verified, SignatureError> {
        const WHAT: &str = "Linear-Signature";
        let code = hex(self.header("linear-signature", WHAT)?, SHA256_BYTES);
        let code = code.ok_or(SignatureError::Malformed { what: WHAT, wanted: "64 hexadecimal digits" })?;
        let verified = self.matching_shared(WHAT, None, |key| is_hmac(key, &[&self.request.body], &code))?;
        // Not "missing": what has a signature does not fall back to another one.
        let malformed = SignatureError::Malformed { what: LINEAR_TIME, wanted: "milliseconds since 1970" };
        Ok(Verified { signed_at: Some(self.linear_time()?.ok_or(malformed)?), ..verified })
    }

    /// The time in a body of Linear's, where it has one.
    fn linear_time(&self) -> Result<Option<i64>, SignatureError> {
        let body: serde_json::Value = serde_json::from_slice(&self.request.body).unwrap_or_default();
        let millis = body.get("webhookTimestamp").and_then(serde_json::Value::as_i64);
        millis.map(|millis| self.in_time(LINEAR_TIME, millis.div_euclid(1_000), LINEAR_TOLERANCE_SECONDS)).transpose()
    }

    /// Data Cloud signs the body. An outbound message can't: the secret stands in the address that Salesforce was given,
    /// and the message must be of a known organization, as Salesforce's documentation asks.
    fn salesforce(&self) -> Result<Verified, SignatureError> {
        const ADDRESS: &str = "the parameter token of the address";
        if self.request.headers.get("x-signature").is_some() {
            return self.encoded("x-signature", "X-Signature");
        }
        let token = self.request.parameter("token").ok_or(SignatureError::Missing { what: ADDRESS })?;
        let verified = self.matching_shared(ADDRESS, None, |secret| is_same(secret, token.as_bytes()))?;
        let name = self.source.organizations_name();
        let id = soap::organization(&self.request.body);
        // Ids of 15 characters tell letters' case, those of 18 are the same with three more.
        let short = |id: &str| id.get(..15).unwrap_or(id).to_owned();
        let is_known = id.is_some_and(|id| self.secrets.organizations.iter().any(|known| short(known) == short(&id)));
        if is_known { Ok(verified) } else { Err(SignatureError::ForeignOrganization { name }) }
    }

    pub(super) fn has_generic(&self) -> bool {
        self.request.headers.get("x-webhook-signature").is_some()
    }

    /// `X-Webhook-Signature` in place of the signature of a source's own scheme, whose code over the same bytes it may be:
    /// what that scheme would refuse for its age is too old here, too.
    pub(super) fn instead(&self, scheme: Scheme) -> Result<Verified, SignatureError> {
        let verified = self.generic()?;
        match (scheme, verified.signed_at) {
            (Scheme::Linear, None) => Ok(Verified { signed_at: self.linear_time()?, ..verified }),
            _ => Ok(verified),
        }
    }

    /// `X-Webhook-Signature`, for every source. With `X-Webhook-Timestamp` the time and a dot stand before the body.
    pub(super) fn generic(&self) -> Result<Verified, SignatureError> {
        const WHAT: &str = "X-Webhook-Signature";
        const TIME: &str = "X-Webhook-Timestamp";
        let wanted = "sha256= and 64 hexadecimal digits, or sha512= and 128";
        let given = self.header("x-webhook-signature", WHAT)?;
        let malformed = SignatureError::Malformed { what: WHAT, wanted };
        let (kind, digits) = given.split_once('=').ok_or_else(|| malformed.clone())?;
        let time = match self.request.headers.get("x-webhook-timestamp") {
            Some(_) => Some(self.header("x-webhook-timestamp", TIME)?),
            None => None,
        };
        let signed_at = match time {
            Some(text) => {
                let at = super::primitives::seconds(text);
                let at = at.ok_or(SignatureError::Malformed { what: TIME, wanted: "seconds since 1970" })?;
                Some(self.in_time(TIME, at, TOLERANCE_SECONDS)?)
            }
            // Such a code may have been made over a time and a body, long ago.
            None if starts_with_time(&self.request.body) => {
                let wanted = "there, because the body starts like a time that was signed with what follows it";
                return Err(SignatureError::Malformed { what: TIME, wanted });
            }
            None => None,
        };
        let head = time.map(|time| format!("{time}.")).unwrap_or_default();
        let parts: [&[u8]; 2] = [head.as_bytes(), &self.request.body];
        match kind {
            "sha256" => {
                let code = hex(digits, SHA256_BYTES).ok_or(malformed)?;
                self.matching_shared(WHAT, signed_at, |key| is_hmac(key, &parts, &code))
            }
            "sha512" => {
                let code = hex(digits, SHA512_BYTES).ok_or(malformed)?;
                self.matching_shared(WHAT, signed_at, |key| is_hmac_sha512(key, &parts, &code))
            }
            _ => Err(malformed),
        }
    }
}

/// Is this what the schemes with a time sign: `{time}.{body}` of Stripe and of our own, `v0:{time}:{body}` of Slack?
fn starts_with_time(body: &[u8]) -> bool {
    let (rest, dot) = body.strip_prefix(b"v0:").map_or((body, b'.'), |rest| (rest, b':'));
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits >= TIME_DIGITS && rest.get(digits) == Some(&dot)
}
