use std::borrow::Cow;
use std::fmt::Write as _;

use md5::Md5;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::intrinsics::{MAX_CHARACTERS, Refusal, take};
use crate::query::Entropy;

/// `States.Hash(data, algorithm)`: the digest in lower-case hexadecimal, of at most 10,000 characters. Data that is no
/// text is hashed as JSON. The algorithms are MD5, SHA-1, SHA-256, SHA-384 and SHA-512.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let [data, algorithm] = take(arguments)?;
    let text = match &data {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Cow::Owned(data.to_string())
        }
    };
    if text.chars().count() > MAX_CHARACTERS {
        return Err(Refusal::Arguments);
    }
    let hex = algorithm.as_str().and_then(|algorithm| digest(algorithm, text.as_bytes()));
    hex.map(Value::String).ok_or(Refusal::Arguments)
}

/// The digest in lower-case hexadecimal; nothing where the algorithm isn't known.
pub(crate) fn digest(algorithm: &str, bytes: &[u8]) -> Option<String> {
    let digest = match algorithm {
        "MD5" => Md5::digest(bytes).to_vec(),
        "SHA-1" => Sha1::digest(bytes).to_vec(),
        "SHA-256" => Sha256::digest(bytes).to_vec(),
        "SHA-384" => Sha384::digest(bytes).to_vec(),
        "SHA-512" => Sha512::digest(bytes).to_vec(),
        _ => return None,
    };
    Some(digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}
