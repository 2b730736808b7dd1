//! Codes, encodings and comparison.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha256, Sha512};

/// Is `code` the HMAC-SHA256 of the parts, one after the other? In constant time.
pub(super) fn is_hmac(key: &[u8], parts: &[&[u8]], code: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(code).is_ok()
}

/// The same with SHA-512.
pub(super) fn is_hmac_sha512(key: &[u8], parts: &[&[u8]], code: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(key) else { return false };
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(code).is_ok()
}

/// Are both the same? Codes of both are compared, so that the time tells neither contents nor length.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    const DOMAIN: &[u8] = b"millrace webhook token";
    let code = |text: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(DOMAIN).ok()?;
        mac.update(text);
        Some(mac)
    };
    match (code(one), code(other)) {
        (Some(one), Some(other)) => one.verify_slice(&other.finalize().into_bytes()).is_ok(),
        _ => false,
    }
}

/// Is it the Ed25519 signature of the message under this public key?
pub(super) fn is_ed25519(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public_key).verify(message, signature).is_ok()
}

/// Hexadecimal digits of exactly `bytes` bytes.
pub(super) fn hex(text: &str, bytes: usize) -> Option<Vec<u8>> {
    if text.len() != bytes.checked_mul(2)? || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..bytes).map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect()
}

/// Base64 with padding.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}

/// Seconds since 1970: digits and nothing else.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn codes_are_as_published() {
        let (key, text) = (b"Jefe", b"what do ya want for nothing?");
        let code = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 32).unwrap();
        assert!(is_hmac(key, &[text], &code));
        assert!(is_hmac(key, &[b"what do ya want ", b"for nothing?"], &code));
        assert!(!is_hmac(key, &[text], &code[..16]), "a part of it is not enough");
        let long = hex(
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            64,
        );
        assert!(is_hmac_sha512(key, &[text], &long.unwrap()));
    }

    /// RFC 8032, 7.1, test 2.
    #[test]
    fn ed25519_is_as_published() {
        let key = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", 32).unwrap();
        let signature = hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            64,
        );
        assert!(is_ed25519(&key, &[0x72], signature.as_deref().unwrap()));
        assert!(!is_ed25519(&key, &[0x73], signature.as_deref().unwrap()));
        assert!(!is_ed25519(&key[..31], &[0x72], signature.as_deref().unwrap()));
    }

    #[test]
    fn forms() {
        assert_eq!(hex("00fF", 2), Some(vec![0, 255]));
        for wrong in ["00f", "00fg", "+0ff", "00ff00", "", "ä0f"] {
            assert_eq!(hex(wrong, 2), None, "{wrong}");
        }
        assert_eq!(seconds("1531420618"), Some(1_531_420_618));
        for wrong in ["", "-1", "+1", "1.5", " 1", "99999999999999999999"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
        assert!(is_same(b"a", b"a") && !is_same(b"a", b"ab") && !is_same(b"", b"a"));
    }
}
