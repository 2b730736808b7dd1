//! Callbacks, signed as Standard Webhooks say (<https://www.standardwebhooks.com>), to addresses of the public internet.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use millrace_app::models::{Callback, CallbackSender};
use millrace_app::ports::Secret;
use millrace_client::{HttpClient, Limits, is_public};
use sha2::Sha256;

/// The largest answer of a receiver that is read, in bytes.
const ANSWER: usize = 64 * 1024;

/// Sends callbacks.
#[derive(Debug)]
pub struct Callbacks {
    http: HttpClient,
    private: bool,
}

impl Callbacks {
    /// With `private`, addresses of this machine and its network may be called too, and without TLS.
    #[must_use]
    pub fn new(private: bool) -> Self {
        Self { http: if private { HttpClient::default() } else { HttpClient::guarded() }, private }
    }
}

/// The signature of a message: `v1,` and the HMAC-SHA256 of id, time and body in base 64. A secret of the form `whsec_…` is
/// base 64 itself.
fn signature(secret: &Secret, id: &str, seconds: i64, body: &str) -> Option<String> {
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

impl CallbackSender for Callbacks {
    fn check(&self, url: &str) -> Option<String> {
        let wrong = "must be an address that begins with https://".to_owned();
        let Ok(uri) = url.parse::<http::Uri>() else { return Some(wrong) };
        let Some(authority) = uri.authority() else { return Some(wrong) };
        if authority.as_str().contains('@') {
            return Some("must not have a user or a password in it".into());
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if self.private => {}
            _ => return Some(wrong),
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let local = host == "localhost" || host.ends_with(".localhost") || !host.contains(['.', ':']);
        if !self.private && (local || host.parse::<IpAddr>().is_ok_and(|ip| !is_public(ip))) {
            return Some("must be an address of the public internet".into());
        }
        None
    }

    async fn send(&self, callback: Callback<'_>) -> Result<(), String> {
        let Callback { url, id, at, body, secret, timeout } = callback;
        if let Some(problem) = self.check(url) {
            return Err(format!("the address {problem}"));
        }
        let seconds = at.millis().div_euclid(1_000);
        let signature =
            signature(secret, id, seconds, body).ok_or("the secret that signs callbacks is empty or no base 64")?;
        let request = http::Request::post(url)
            .header("content-type", "application/json")
            .header("user-agent", concat!("millrace/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature)
            .body(bytes::Bytes::copy_from_slice(body.as_bytes()))
            .map_err(|_| "the address can't be used".to_owned())?;
        // A redirection is no success: it could lead anywhere.
        let answer =
            self.http.send(request, Limits { timeout, body: ANSWER }).await.map_err(|error| error.to_string())?;
        if (200..300).contains(&answer.status) {
            Ok(())
        } else {
            Err(format!("the receiver answered {}", answer.status))
        }
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
    }

    #[test]
    fn addresses_of_this_network_are_refused() {
        let (outside, inside) = (Callbacks::new(false), Callbacks::new(true));
        for (url, public, private) in [
            ("https://example.com/hook", true, true),
            ("https://example.com:8443/hook?a=b", true, true),
            ("http://example.com/hook", false, true),
            ("https://127.0.0.1/hook", false, true),
            ("https://169.254.169.254/latest", false, true),
            ("https://[::1]/x", false, true),
            ("https://localhost/x", false, true),
            ("https://metadata/x", false, true),
            ("https://user@example.com/x", false, false),
            ("ftp://example.com", false, false),
            ("/hook", false, false),
            ("", false, false),
        ] {
            assert_eq!(outside.check(url).is_none(), public, "{url}");
            assert_eq!(inside.check(url).is_none(), private, "{url}");
        }
    }
}
