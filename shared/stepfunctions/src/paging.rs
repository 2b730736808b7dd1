//! Page tokens: they belong to one listing and end after a day.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millrace_app::Timestamp;
use millrace_app::digest::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// A token is good for 24 hours, as the service's is.
const VALID_MILLIS: i64 = 24 * 3600 * 1000;

/// What a token holds.
#[derive(Serialize, Deserialize)]
struct Token {
    /// Of which listing: an operation with its arguments.
    #[serde(rename = "l")]
    listing: String,
    /// Until when.
    #[serde(rename = "u")]
    until: Timestamp,
    /// Where the page starts.
    #[serde(rename = "c")]
    cursor: String,
}

/// The next page's token.
pub(crate) fn seal(listing: &[&str], cursor: String, now: Timestamp) -> String {
    let token = Token { listing: bound(listing), until: now.plus_millis(VALID_MILLIS), cursor };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

/// Where a page starts.
pub(crate) fn open(listing: &[&str], token: Option<&str>, now: Timestamp) -> Result<Option<String>, ApiError> {
    let Some(token) = token else { return Ok(None) };
    let invalid = || ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
    if token.listing != bound(listing) || token.until < now {
        return Err(invalid());
    }
    Ok(Some(token.cursor))
}

fn bound(listing: &[&str]) -> String {
    sha256_hex(listing.join("\n").as_bytes()).chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_listing_and_for_a_day() {
        let now = Timestamp::from_millis(1_000);
        let token = seal(&["a", "b"], "here".to_owned(), now);
        assert_eq!(open(&["a", "b"], Some(&token), now).unwrap().as_deref(), Some("here"));
        assert_eq!(open(&["a", "b"], None, now).unwrap(), None);
        for (listing, token, now) in [
            (["a", "c"], token.as_str(), now),
            (["a", "b"], &token, now.plus_millis(VALID_MILLIS + 1)),
            (["a", "b"], "InvalidToken", now),
            (["a", "b"], "", now),
        ] {
            assert_eq!(open(&listing, Some(token), now).unwrap_err().name, "InvalidToken");
        }
    }
}
