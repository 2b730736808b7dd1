//! Whose things are whose.

use std::fmt;
use std::str::FromStr;

/// The longest name of an owner, in bytes: keys of the table hold it beside other names.
pub const MOST_OWNER_BYTES: usize = 256;

/// Somebody to whom records belong, as text: `local`, `aws:123456789012`, `arn:aws:iam::…`, `oidc:alice@example.com`.
/// 1 to 256 bytes, no control characters, no white space at its ends. Compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(String);

/// A text that can't be an owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an owner must have 1 to {MOST_OWNER_BYTES} bytes, no control characters and no white space at its ends")]
pub struct OwnerError;

impl Owner {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Owner {
    type Err = OwnerError;

    fn from_str(text: &str) -> Result<Self, OwnerError> {
        let fits = !text.is_empty()
            && text.len() <= MOST_OWNER_BYTES
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(OwnerError) }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_are_owners() {
        for good in
            ["local", "a", "oidc:auth0|5f7", "oidc:élodie@example.com", "oidc:a#b/c%d", "a b", "大".repeat(85).as_str()]
        {
            assert_eq!(good.parse::<Owner>().unwrap().as_str(), good);
        }
        for bad in ["", " a", "a\n", "a\u{0}b", "a\u{7f}", "x".repeat(257).as_str()] {
            assert_eq!(bad.parse::<Owner>(), Err(OwnerError), "{bad:?}");
        }
    }
}
