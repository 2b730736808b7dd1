//! Messages signed as Standard Webhooks say (<https://www.standardwebhooks.com>), posted once to an address that a user gave.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use millrace_app::Timestamp;
use millrace_app::ports::Secret;
use sha2::Sha256;

use crate::http::{HttpClient, HttpError, Limits, Response};

/// So much of a receiver's answer is read, in bytes; what it says does not matter.
const ANSWER: usize = 64 * 1024;

/// A message for an endpoint.
#[derive(Debug, Clone, Copy)]
pub struct SignedPost<'a> {
    /// Where to.
    pub url: &'a str,
    /// `webhook-id`: the same however often it is sent.
    pub id: &'a str,
    /// `webhook-timestamp`: when it is sent.
    pub now: Timestamp,
    /// JSON text.
    pub body: &'a str,
    /// What signs it; each signs.
    pub secrets: &'a [Secret],
    /// How long the endpoint has to answer.
    pub timeout: Duration,
}

/// Why there is no answer. The texts hold nothing of the message and of its secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// A secret can't sign.
    #[error("the secret that signs is empty or no base 64")]
    Secret,
    /// The address is none.
    #[error("the address can't be used")]
    Address,
    /// The endpoint did not answer.
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// The signature of a message: `v1,` and the HMAC-SHA256 of id, time and body in base 64. A secret of the form `whsec_…` is
/// base 64 itself. `None` for an empty one, and for one that is no base 64.
#[must_use]
pub fn signature(secret: &Secret, id: &str, seconds: i64, body: &str) -> Option<String> {
    let text = secret.expose().trim();
    let key = match text.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).ok()?,
        None => text.as_bytes().to_vec(),
    };
    if key.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

impl HttpClient {
    /// Signs a message and posts it once. Redirections are not followed: they could lead anywhere. An answer of any status
    /// is an answer; its body is dropped.
    ///
    /// # Errors
    /// [`PostError`]
    pub async fn post_signed(&self, post: SignedPost<'_>) -> Result<Response, PostError> {
        let SignedPost { url, id, now, body, secrets, timeout } = post;
        let seconds = now.millis().div_euclid(1_000);
        let signatures: Option<Vec<String>> =
            secrets.iter().map(|secret| signature(secret, id, seconds, body)).collect();
        let signatures = signatures.filter(|all| !all.is_empty()).ok_or(PostError::Secret)?;
        let request = http::Request::post(url)
            .header("content-type", "application/json")
            .header("user-agent", concat!("millrace/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signatures.join(" "))
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .map_err(|_| PostError::Address)?;
        Ok(self.send_for_status(request, Limits { timeout, body: ANSWER }).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        // The example of the specification's reference implementations.
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(signature(&Secret::new("whsec_"), "x", 1, ""), None);
        assert_eq!(signature(&Secret::new("whsec_%"), "x", 1, ""), None);
    }
}
