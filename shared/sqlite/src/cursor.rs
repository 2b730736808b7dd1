//! Cursors: opaque, URL-safe, and good only for the query that made them; and the ranges that prefixes mean.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millrace_app::ports::{StoreError, StoreResult};
use sha2::{Digest, Sha256};

const BINDING: usize = 12;

/// Makes the cursor that continues the query after `position`.
pub(crate) fn seal<const N: usize>(query: &[&str], position: [&str; N]) -> String {
    let mut bytes = binding(query).to_vec();
    for part in position {
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads the position from a cursor that [`seal`] made for the same query.
pub(crate) fn open<const N: usize>(query: &[&str], cursor: &str) -> StoreResult<[String; N]> {
    read(query, cursor).and_then(|parts| parts.try_into().ok()).ok_or(StoreError::InvalidCursor)
}

fn read(query: &[&str], cursor: &str) -> Option<Vec<String>> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (bound, mut rest) = bytes.split_at_checked(BINDING)?;
    if bound != binding(query) {
        return None;
    }
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (part, tail) = tail.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        parts.push(String::from_utf8(part.to_vec()).ok()?);
        rest = tail;
    }
    Some(parts)
}

/// A digest of what makes a query that query.
fn binding(query: &[&str]) -> [u8; BINDING] {
    let mut hash = Sha256::new();
    for part in query {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().first_chunk().copied().unwrap_or_default()
}

/// The least text that is greater than every text with this prefix; `None` when there is none. SQLite compares the
/// UTF-8 bytes, which is the order of the code points.
pub(crate) fn after_prefix(prefix: &str) -> Option<String> {
    let mut text: Vec<char> = prefix.chars().collect();
    while let Some(last) = text.pop() {
        // The code points after U+D7FF are surrogates: no text holds them.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            text.push(next);
            return Some(text.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_query() {
        let cursor = seal(&["owner", "a"], ["x", "", "é"]);
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{cursor}");
        assert_eq!(open::<3>(&["owner", "a"], &cursor).unwrap(), ["x", "", "é"]);
        for query in [&["owner", "b"][..], &["ownera", ""], &["owner"]] {
            assert!(matches!(open::<3>(query, &cursor), Err(StoreError::InvalidCursor)), "{query:?}");
        }
        assert!(open::<2>(&["owner", "a"], &cursor).is_err());
    }

    #[test]
    fn other_texts_are_no_cursors() {
        let cursor = seal(&["q"], ["position"]);
        for text in ["", "!", "AAAA", &cursor[..cursor.len() - 2], &format!("{cursor}AAAA"), "ééé"] {
            assert!(matches!(open::<1>(&["q"], text), Err(StoreError::InvalidCursor)), "{text}");
        }
    }

    #[test]
    fn the_end_of_a_prefix() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(after_prefix("\u{10ffff}"), None);
        assert_eq!(after_prefix(""), None);
    }
}
