//! Signed links to artifacts: who has one may read one blob until a time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use millrace_app::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

/// What stays as it is in a path and in a query's value (RFC 3986, unreserved).
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &VALUE.remove(b'/');

/// Why a download link is not honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DownloadRefused {
    /// Its time has passed.
    #[error("the download link has expired: ask for a new one")]
    Expired,
    /// It was not made by this server, or it was changed.
    #[error("the download link's signature is not valid: ask for a new link")]
    Forged,
}

/// The key that signs links: as long as a block of the hash.
#[derive(Clone)]
pub(crate) struct DownloadKey([u8; 64]);

impl DownloadKey {
    pub(crate) const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// `/artifacts/{key}?filename=…&expires=…&signature=…`; `expires` is in whole seconds since 1970, rounded up.
    pub(crate) fn url(&self, key: &str, filename: &str, expires_at: Timestamp) -> String {
        let expires = (expires_at.millis().saturating_add(999)).div_euclid(1000).to_string();
        let signature = URL_SAFE_NO_PAD.encode(self.mac(key, filename, &expires).finalize().into_bytes());
        let (key, filename) = (utf8_percent_encode(key, PATH), utf8_percent_encode(filename, VALUE));
        format!("/artifacts/{key}?filename={filename}&expires={expires}&signature={signature}")
    }

    /// Checks the parts of a link, percent-decoded, in constant time.
    pub(crate) fn verify(
        &self,
        key: &str,
        filename: &str,
        expires: &str,
        signature: &str,
        now: Timestamp,
    ) -> Result<(), DownloadRefused> {
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| DownloadRefused::Forged)?;
        self.mac(key, filename, expires).verify_slice(&signature).map_err(|_| DownloadRefused::Forged)?;
        let seconds: i64 = expires.parse().map_err(|_| DownloadRefused::Forged)?;
        if now.millis() >= seconds.saturating_mul(1000) { Err(DownloadRefused::Expired) } else { Ok(()) }
    }

    fn mac(&self, key: &str, filename: &str, expires: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        for part in ["download-1", key, filename, expires] {
            // With its length, so that no text can move from one part to the next.
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_blob_name_and_time() {
        let downloads = DownloadKey::new([7; 64]);
        let now = Timestamp::from_millis(1_000_000);
        let url = downloads.url("a b/é.zip", "my shop.zip", now.plus_millis(60_000));
        let (path, query) = url.split_once('?').unwrap();
        assert_eq!(path, "/artifacts/a%20b/%C3%A9.zip");
        let parts: Vec<&str> = query.split('&').map(|part| part.split_once('=').unwrap().1).collect();
        let [filename, expires, signature] = parts[..] else { panic!("{url}") };
        assert_eq!((filename, expires), ("my%20shop.zip", "1060"));
        let verify = |key, name, until, signature, now| downloads.verify(key, name, until, signature, now);
        assert_eq!(verify("a b/é.zip", "my shop.zip", expires, signature, now), Ok(()));
        assert_eq!(
            verify("a b/é.zip", "my shop.zip", expires, signature, now.plus_millis(60_000)),
            Err(DownloadRefused::Expired)
        );
        for (key, name, until, signature) in [
            ("a b/x.zip", "my shop.zip", expires, signature),
            ("a b/é.zip", "other.zip", expires, signature),
            ("a b/é.zip", "my shop.zip", "9999999999", signature),
            ("a b/é.zip", "my shop.zip", expires, ""),
            ("a b/é.zip", "my shop.zip", expires, &signature[1..]),
        ] {
            assert_eq!(verify(key, name, until, signature, now), Err(DownloadRefused::Forged), "{key} {name} {until}");
        }
        let other = DownloadKey::new([8; 64]);
        assert_eq!(other.verify("a b/é.zip", "my shop.zip", expires, signature, now), Err(DownloadRefused::Forged));
    }
}
