//! Cursors: where the next page of a listing starts, as an opaque text that fits into a URL.
//!
//! A cursor carries a fingerprint of its query, so that one of another query is refused. It is no secret: what it names
//! is read under the query's own partition.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millrace_app::ports::{StoreError, StoreResult};
use sha2::{Digest, Sha256};

/// A short digest of the parts of a query.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(hash.finalize().get(..6).unwrap_or_default())
}

/// Writes a cursor.
pub(crate) fn encode(fingerprint: &str, keys: &[&str]) -> String {
    let parts: Vec<&str> = std::iter::once(fingerprint).chain(keys.iter().copied()).collect();
    URL_SAFE_NO_PAD.encode(serde_json::json!(parts).to_string())
}

/// Reads a cursor with so many keys.
pub(crate) fn decode<const N: usize>(fingerprint: &str, cursor: &str) -> StoreResult<[String; N]> {
    let parts = || {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let mut parts: Vec<String> = serde_json::from_slice(&bytes).ok()?;
        (parts.iter().all(|part| !part.is_empty()) && !parts.is_empty() && parts.remove(0) == fingerprint)
            .then_some(parts)
    };
    parts().and_then(|parts| parts.try_into().ok()).ok_or(StoreError::InvalidCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_only_good_for_its_query() {
        let query = fingerprint(&["a", "bc"]);
        assert_ne!(query, fingerprint(&["ab", "c"]));
        let cursor = encode(&query, &["PROJECT#1", "é/?&"]);
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{cursor}");
        assert_eq!(decode::<2>(&query, &cursor).unwrap(), ["PROJECT#1", "é/?&"]);
        for wrong in ["", "x", "é", &cursor[1..], &encode(&query, &["one"]), &encode("other", &["a", "b"])] {
            assert!(matches!(decode::<2>(&query, wrong), Err(StoreError::InvalidCursor)), "{wrong}");
        }
    }
}
