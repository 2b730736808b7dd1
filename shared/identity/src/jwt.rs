//! A token: its form, its signature, its claims (RFC 7515, 7519, 8725).
//!
//! The algorithm is one of a fixed list, all of them of public keys, and must be one that the key found is for: a token can
//! neither ask for `none` nor have a public key taken as a shared secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millrace_app::Timestamp;
use millrace_app::identity::{Owner, Role};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

use crate::config::OidcConfig;

/// The longest token.
const MOST_BYTES: usize = 16 * 1024;

/// Why a token is not good. The texts are for its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) &'static str);

/// An algorithm that is taken (RFC 7518, 3.1; RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A public key of an issuer (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    id: Option<String>,
    /// The one algorithm that it is for, where its issuer says so.
    only: Option<String>,
    material: Material,
}

fn bytes(object: &Value, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(object.get(name)?.as_str()?.trim_end_matches('=')).ok()
}

impl Key {
    /// Reads a key that checks signatures; `None` for every other one.
    pub(crate) fn read(object: &Value) -> Option<Self> {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|is_for| is_for != "sig") {
            return None;
        }
        let operations = object.get("key_ops").and_then(Value::as_array);
        if operations.is_some_and(|list| !list.iter().any(|one| one == "verify")) {
            return None;
        }
        let point = |length: usize| {
            let (x, y) = (bytes(object, "x")?, bytes(object, "y")?);
            (x.len() == length && y.len() == length).then(|| [vec![4], x, y].concat())
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => Material::Rsa { n: bytes(object, "n")?, e: bytes(object, "e")? },
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(object, "x").filter(|x| x.len() == 32)?),
            _ => return None,
        };
        Some(Self { id: text("kid").map(str::to_owned), only: text("alg").map(str::to_owned), material })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm as A;
        let kind = match &self.material {
            Material::Rsa { .. } => matches!(algorithm, A::Rs256 | A::Rs384 | A::Rs512 | A::Ps256),
            Material::P256(_) => algorithm == A::Es256,
            Material::P384(_) => algorithm == A::Es384,
            Material::Ed25519(_) => algorithm == A::EdDsa,
        };
        kind && self.only.as_ref().is_none_or(|only| Algorithm::of(only) == Some(algorithm))
    }

    fn verifies(&self, algorithm: Algorithm, message: &[u8], given: &[u8]) -> bool {
        use Algorithm as A;
        match (&self.material, algorithm) {
            (Material::Rsa { n, e }, _) => {
                let way = match algorithm {
                    A::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    A::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    A::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    A::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    A::Es256 | A::Es384 | A::EdDsa => return false,
                };
                RsaPublicKeyComponents { n, e }.verify(way, message, given).is_ok()
            }
            (Material::P256(point), A::Es256) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, given).is_ok()
            }
            (Material::P384(point), A::Es384) => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(message, given).is_ok()
            }
            (Material::Ed25519(key), A::EdDsa) => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(message, given).is_ok()
            }
            _ => false,
        }
    }
}

/// A token whose form is right, and nothing else of it is known yet.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    message: &'a str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    key_id: Option<String>,
    claims: Map<String, Value>,
}

/// Whom a good token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) owner: Owner,
    pub(crate) role: Role,
    /// When it ends, the issuer's leeway counted in.
    pub(crate) until: Timestamp,
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

/// Does a text have the form of a token at all?
pub(crate) fn looks_like(text: &str) -> bool {
    text.starts_with("ey") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl<'a> Token<'a> {
    /// Reads a token in compact form.
    pub(crate) fn read(text: &'a str) -> Result<Self, Refused> {
        let broken = Refused("the token is not a JSON Web Token");
        if text.len() > MOST_BYTES {
            return Err(Refused("the token is longer than 16 KiB"));
        }
        let (message, signature) = text.rsplit_once('.').ok_or(broken)?;
        let (header, claims) = message.split_once('.').ok_or(broken)?;
        let header = object(header).ok_or(broken)?;
        let claims = object(claims).ok_or(broken)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| broken)?;
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        if header.contains_key("crit") {
            return Err(Refused("the token asks for an extension that is not known (`crit`)"));
        }
        if text("typ").is_some_and(|kind| !["jwt", "at+jwt"].contains(&kind.to_ascii_lowercase().as_str())) {
            return Err(Refused("the token's `typ` must be JWT or at+jwt"));
        }
        let algorithm = text("alg").and_then(Algorithm::of);
        let algorithm =
            algorithm.ok_or(Refused("the token's `alg` is not one of RS256, PS256, ES256, EdDSA and their kin"))?;
        Ok(Self { message, signature, algorithm, key_id: text("kid").map(str::to_owned), claims })
    }

    /// Could this key have signed it?
    pub(crate) fn may_be_of(&self, key: &Key) -> bool {
        let named = match (&self.key_id, &key.id) {
            (Some(wanted), Some(id)) => wanted == id,
            (Some(_), None) => false,
            (None, _) => true,
        };
        named && key.fits(self.algorithm)
    }

    /// Did one of these keys sign it?
    pub(crate) fn check_signature(&self, keys: &[Key]) -> Result<(), Refused> {
        let message = self.message.as_bytes();
        let signed = |key: &Key| key.fits(self.algorithm) && key.verifies(self.algorithm, message, &self.signature);
        if keys.iter().any(signed) { Ok(()) } else { Err(Refused("the token's signature is not the issuer's")) }
    }

    fn time(&self, name: &str) -> Result<Option<f64>, Refused> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or(Refused("a time of the token is no number")),
        }
    }

    /// When it ends.
    pub(crate) fn ends(&self) -> Result<Timestamp, Refused> {
        let end = self.time("exp")?.ok_or(Refused("the token has no end (`exp`)"))?;
        #[expect(clippy::cast_possible_truncation, reason = "a cast saturates, and what is out of range is no time")]
        Ok(Timestamp::from_millis((end * 1000.0) as i64))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// A claim by its name, or by a JSON pointer.
    fn claim(&self, name: &str) -> Option<&Value> {
        let Some(path) = name.strip_prefix('/') else { return self.claims.get(name) };
        let unescaped = |part: &str| part.replace("~1", "/").replace("~0", "~");
        let mut parts = path.split('/');
        let first = self.claims.get(&unescaped(parts.next()?))?;
        parts.try_fold(first, |value, part| value.get(unescaped(part)))
    }

    /// Is it meant for us, and now? Whom does it name?
    pub(crate) fn check_claims(&self, config: &OidcConfig, now: Timestamp) -> Result<Claimed, Refused> {
        if self.text("iss") != Some(config.issuer.as_str()) {
            return Err(Refused("the token is of another issuer"));
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^52")]
        let now = now.millis() as f64 / 1000.0;
        let leeway = config.leeway.as_secs_f64();
        let end = self.time("exp")?.ok_or(Refused("the token has no end (`exp`)"))?;
        if now >= end + leeway {
            return Err(Refused("the token has expired"));
        }
        if self.time("nbf")?.is_some_and(|start| now + leeway < start) {
            return Err(Refused("the token is not valid yet"));
        }
        if self.time("iat")?.is_some_and(|made| now + leeway < made) {
            return Err(Refused("the token was made in the future"));
        }
        let ours = |audience: &str| config.audiences.iter().any(|one| one == audience);
        let for_us = match self.claims.get("aud") {
            Some(Value::String(one)) => ours(one),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(ours),
            Some(_) => false,
            // Cognito's access tokens name the client, and no audience.
            None => self.text("token_use") == Some("access") && self.text("client_id").is_some_and(ours),
        };
        if !for_us {
            return Err(Refused("the token is for another audience"));
        }
        let name = match self.claim(&config.owner_claim) {
            Some(Value::String(name)) if !name.is_empty() => name.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err(Refused("the token lacks the claim that names its owner")),
        };
        let owner =
            format!("oidc:{name}").parse().map_err(|_| Refused("the token's owner is no name that can be used"))?;
        let role = self.role(config).or(config.default_role).ok_or(Refused("the token grants no role"))?;
        #[expect(clippy::cast_possible_truncation, reason = "a cast saturates")]
        let until = Timestamp::from_millis(((end + leeway) * 1000.0) as i64);
        Ok(Claimed { owner, role, until })
    }

    /// The largest role that it grants.
    fn role(&self, config: &OidcConfig) -> Option<Role> {
        let read = |text: &str| text.strip_prefix(config.role_prefix.as_str())?.parse().ok();
        match self.claim(&config.roles_claim)? {
            Value::String(text) => text.split_ascii_whitespace().filter_map(read).max(),
            Value::Array(all) => all.iter().filter_map(Value::as_str).filter_map(read).max(),
            _ => None,
        }
    }
}
