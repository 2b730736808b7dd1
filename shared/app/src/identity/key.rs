//! The text of an API key.
//!
//! `millrace_`, the key's id (26 characters), 256 random bits (52), and a checksum (7): digits and lower-case letters in one
//! word, so that it is selected whole, and so that scanners for secrets know it by `millrace_[0-9a-hjkmnp-tv-z]{85}` and tell
//! a real one from a look-alike by the CRC-32 without asking anybody.

use std::fmt;

use crate::digest::sha256_hex;
use crate::ids::KeyId;
use crate::ports::{IdSource, Ports, Secret};

/// What every key begins with.
pub const KEY_PREFIX: &str = "millrace_";
/// What the id of an access key for signatures begins with, before the key's own id in capitals.
pub const ACCESS_KEY_PREFIX: &str = "MRAK";

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ID: usize = 26;
const RANDOM: usize = 52;
const CHECKSUM: usize = 7;

/// A text that has the form of a key, with its id. It has no `Debug` that shows it.
#[derive(Clone)]
pub struct KeyText {
    id: KeyId,
    text: Secret,
}

impl fmt::Debug for KeyText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyText({}…)", self.id)
    }
}

impl KeyText {
    /// A fresh text of a key.
    pub(crate) fn fresh<P: Ports>(ports: &P, id: &KeyId) -> Self {
        let (_, bare) = id.as_str().split_once('_').unwrap_or_default();
        let body = format!("{KEY_PREFIX}{bare}{}", random_text(ports));
        let text = format!("{body}{}", checksum(&body));
        Self { id: id.clone(), text: Secret::new(text) }
    }

    /// Reads a text; `None` where its form or its checksum is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(KEY_PREFIX)?;
        if rest.len() != ID + RANDOM + CHECKSUM || !rest.bytes().all(|byte| ALPHABET.contains(&byte)) {
            return None;
        }
        let body = text.get(..text.len() - CHECKSUM)?;
        let id = format!("{}_{}", KeyId::PREFIX, rest.get(..ID)?).parse().ok()?;
        (text.get(text.len() - CHECKSUM..)? == checksum(body)).then(|| Self { id, text: Secret::new(text) })
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole text, to be shown once.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.text
    }

    /// What is stored of it. A plain SHA-256 is enough: nobody guesses 256 random bits, however fast they hash, so neither salt
    /// nor a slow hash would add anything, and every request would pay for it.
    pub(crate) fn hash(&self) -> String {
        sha256_hex(self.text.expose().as_bytes())
    }
}

/// 256 random bits as text.
pub(crate) fn random_text<P: Ports>(ports: &P) -> String {
    let mut bytes = ports.ids().random().to_vec();
    bytes.extend(ports.ids().random());
    encode(&bytes)
}

fn encode(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0_u32);
    let mut push = |five: u32| text.extend(ALPHABET.get((five & 31) as usize).map(|byte| char::from(*byte)));
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(held >> bits);
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        push(held << (5 - bits));
    }
    text
}

fn checksum(body: &str) -> String {
    encode(&crc32fast::hash(body.as_bytes()).to_be_bytes())
}

/// The id of the access key that belongs to a key.
#[must_use]
pub fn access_key_id(id: &KeyId) -> String {
    let (_, bare) = id.as_str().split_once('_').unwrap_or_default();
    format!("{ACCESS_KEY_PREFIX}{}", bare.to_ascii_uppercase())
}

/// The key to which an access key belongs.
#[must_use]
pub fn key_of_access_key(access_key_id: &str) -> Option<KeyId> {
    let bare = access_key_id.strip_prefix(ACCESS_KEY_PREFIX)?;
    if bare.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    format!("{}_{}", KeyId::PREFIX, bare.to_ascii_lowercase()).parse().ok()
}

/// Are two texts the same? Takes as long wherever they differ.
#[must_use]
pub fn same_secret(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_only_whole() {
        assert_eq!(encode(&[0; 32]).len(), RANDOM);
        assert_eq!(encode(&[0xff; 4]).len(), CHECKSUM);
        assert_eq!(encode(&[0xff, 0x00]), "zw00");
        let id = KeyId::derived("x");
        let body = format!("{KEY_PREFIX}{}{}", &id.as_str()[4..], encode(&[7; 32]));
        let text = format!("{body}{}", checksum(&body));
        assert_eq!(text.len(), 94);
        let read = KeyText::parse(&text).unwrap();
        assert_eq!(read.id(), &id);
        assert_eq!(read.hash(), sha256_hex(text.as_bytes()));
        assert!(!format!("{read:?}").contains(&text[40..]));
        for place in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[place] = if other[place] == b'0' { b'1' } else { b'0' };
            assert!(KeyText::parse(&String::from_utf8(other).unwrap()).is_none(), "{place}");
        }
        for other in ["", "millrace_", &text[1..], &text[..93], &format!("{text}0"), &text.to_uppercase()] {
            assert!(KeyText::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn an_access_key_names_its_key() {
        let id = KeyId::derived("x");
        let access = access_key_id(&id);
        assert_eq!(access.len(), 30);
        assert_eq!(key_of_access_key(&access), Some(id));
        for other in ["", "MRAK", "AKIDEXAMPLE", &access.to_lowercase(), &format!("MRAK{}", access[4..].to_lowercase())]
        {
            assert_eq!(key_of_access_key(other), None, "{other}");
        }
        assert!(same_secret("abc", "abc") && !same_secret("abc", "abd") && !same_secret("abc", "ab"));
    }
}
