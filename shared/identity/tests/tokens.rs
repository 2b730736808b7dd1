//! Tokens of an issuer whose keys are fetched over HTTP.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millrace_app::Timestamp;
use millrace_app::identity::Role;
use millrace_identity::{Authenticator, Identity, IdentityConfig, NotIdentified};
use millrace_simulation::http::{Answer, Fake};
use millrace_sqlite::{LocalClock, ManualClock, Options, SqlitePorts};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

const NOW: i64 = 1_780_000_000;
const ISSUER: &str = "https://issuer.example";

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn part(value: &Value) -> String {
    text(value.to_string().as_bytes())
}

/// An issuer's key of the kind Ed25519.
struct Signer {
    pair: Ed25519KeyPair,
    id: &'static str,
}

impl Signer {
    fn new(id: &'static str, seed: u8) -> Self {
        Self { pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap(), id }
    }

    fn public(&self) -> Value {
        let x = text(self.pair.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "use": "sig", "alg": "EdDSA", "x": x })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        let signature = text(self.pair.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": "EdDSA", "kid": self.id, "typ": "JWT" }), claims)
    }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "millrace", "sub": "ada", "exp": NOW + 600, "iat": NOW, "nbf": NOW, "roles": ["millrace:run"] })
}

fn with(change: Value) -> Value {
    let mut all = claims();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(name);
        } else {
            all[name] = value.clone();
        }
    }
    all
}

struct World {
    authenticator: Authenticator<SqlitePorts>,
    clock: ManualClock,
    keys: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
    _fake: Fake,
}

impl World {
    async fn new(keys: Value, more: &[(&str, &str)]) -> Self {
        let keys = Arc::new(Mutex::new(json!({ "keys": keys })));
        let asked = Arc::new(AtomicUsize::new(0));
        let (served, counted) = (Arc::clone(&keys), Arc::clone(&asked));
        let fake = Fake::start(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            match &*served.lock().unwrap() {
                Value::Null => Answer::status(500, "no"),
                keys => Answer::json(200, keys),
            }
        })
        .await;
        let url = format!("{}/jwks", fake.url);
        let mut variables = vec![
            ("MILLRACE_OIDC_ISSUER", ISSUER),
            ("MILLRACE_OIDC_AUDIENCE", "millrace,app-client"),
            ("MILLRACE_OIDC_JWKS_URL", url.as_str()),
        ];
        variables.extend(more);
        let config = IdentityConfig::from_variables("000000000000", |name| {
            variables.iter().rev().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
        });
        let clock = ManualClock::new(Timestamp::from_millis(NOW * 1000));
        let options = Options { clock: LocalClock::manual(clock.clone()), ..Options::default() };
        let ports = SqlitePorts::in_memory_with(options).unwrap();
        Self { authenticator: Authenticator::new(ports, config.unwrap()), clock, keys, asked, _fake: fake }
    }

    async fn identify(&self, token: &str) -> Result<Identity, NotIdentified> {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        self.authenticator.identify(&headers).await.map(Option::unwrap)
    }

    async fn refused(&self, token: &str) -> String {
        self.identify(token).await.unwrap_err().to_string()
    }
}

#[tokio::test]
async fn a_good_token_says_owner_and_role() {
    let signer = Signer::new("one", 1);
    let world = World::new(json!([signer.public()]), &[]).await;
    let ada = world.identify(&signer.token(&claims())).await.unwrap();
    assert_eq!((ada.owner.as_str(), ada.role, ada.operator, ada.key), ("oidc:ada", Role::Run, false, None));
    assert_eq!(ada.account.len(), 12);
    let eve = world.identify(&signer.token(&with(json!({ "sub": "eve" })))).await.unwrap();
    assert_ne!(eve.account, ada.account, "each owner has an account of their own");
    // A subject can't be made to look like an owner of another kind.
    let sly = world.identify(&signer.token(&with(json!({ "sub": "aws:123456789012" })))).await.unwrap();
    assert_eq!(sly.owner, "oidc:aws:123456789012");
    assert_ne!(sly.account, "123456789012");
    for (roles, expected) in [
        (json!(["other", "millrace:read", "millrace:admin"]), Role::Admin),
        (json!("openid millrace:read"), Role::Read),
    ] {
        let token = signer.token(&with(json!({ "roles": roles })));
        assert_eq!(world.identify(&token).await.unwrap().role, expected);
    }
    for aud in [json!(["x", "millrace"]), json!("app-client")] {
        world.identify(&signer.token(&with(json!({ "aud": aud })))).await.unwrap();
    }
    assert_eq!(world.asked.load(Ordering::SeqCst), 1, "the keys were fetched once");
}

#[tokio::test]
async fn cognito_s_access_tokens_are_good() {
    let signer = Signer::new("one", 1);
    let world = World::new(json!([signer.public()]), &[("MILLRACE_OIDC_ROLES_CLAIM", "cognito:groups")]).await;
    let change = json!({ "aud": null, "roles": null, "client_id": "app-client", "token_use": "access", "cognito:groups": ["millrace:admin"] });
    assert_eq!(world.identify(&signer.token(&with(change.clone()))).await.unwrap().role, Role::Admin);
    let mut id = change.clone();
    id["token_use"] = json!("id");
    assert_eq!(world.refused(&signer.token(&with(id))).await, "the token is for another audience");
    let mut other = change;
    other["client_id"] = json!("another");
    assert_eq!(world.refused(&signer.token(&with(other))).await, "the token is for another audience");
}

#[tokio::test]
async fn nested_claims_and_a_default_role() {
    let signer = Signer::new("one", 1);
    let more = [
        ("MILLRACE_OIDC_ROLES_CLAIM", "/realm_access/roles"),
        ("MILLRACE_OIDC_OWNER_CLAIM", "/org/name"),
        ("MILLRACE_OIDC_DEFAULT_ROLE", "read"),
    ];
    let world = World::new(json!([signer.public()]), &more).await;
    let nested = json!({ "realm_access": { "roles": ["millrace:admin"] }, "org": { "name": "a#b/c@d é" } });
    let ada = world.identify(&signer.token(&with(nested))).await.unwrap();
    assert_eq!((ada.owner.as_str(), ada.role), ("oidc:a#b/c@d é", Role::Admin));
    let plain = world.identify(&signer.token(&with(json!({ "org": { "name": "x" } })))).await.unwrap();
    assert_eq!(plain.role, Role::Read);
}

#[tokio::test]
async fn claims_that_do_not_fit_are_refused() {
    let signer = Signer::new("one", 1);
    let world = World::new(json!([signer.public()]), &[]).await;
    for (change, told) in [
        (json!({ "iss": "https://issuer.example/" }), "the token is of another issuer"),
        (json!({ "iss": null }), "the token is of another issuer"),
        (json!({ "aud": "another" }), "the token is for another audience"),
        (json!({ "aud": null }), "the token is for another audience"),
        (json!({ "aud": { "a": "millrace" } }), "the token is for another audience"),
        (json!({ "exp": null }), "the token has no end (`exp`)"),
        (json!({ "exp": "later" }), "a time of the token is no number"),
        (json!({ "exp": NOW - 60 }), "the token has expired"),
        (json!({ "nbf": NOW + 61 }), "the token is not valid yet"),
        (json!({ "iat": NOW + 61 }), "the token was made in the future"),
        (json!({ "sub": null }), "the token lacks the claim that names its owner"),
        (json!({ "sub": "" }), "the token lacks the claim that names its owner"),
        (json!({ "sub": "a\nb" }), "the token's owner is no name that can be used"),
        (json!({ "sub": "x".repeat(300) }), "the token's owner is no name that can be used"),
        (json!({ "roles": ["admin"] }), "the token grants no role"),
        (json!({ "roles": null }), "the token grants no role"),
    ] {
        assert_eq!(world.refused(&signer.token(&with(change.clone()))).await, told, "{change}");
    }
    for fine in [json!({ "exp": NOW - 59 }), json!({ "nbf": NOW + 60 }), json!({ "exp": NOW as f64 + 0.5 })] {
        world.identify(&signer.token(&with(fine))).await.unwrap();
    }
}

#[tokio::test]
async fn a_token_does_not_choose_how_it_is_checked() {
    let signer = Signer::new("one", 1);
    let public = signer.public();
    let secret = json!({ "kty": "oct", "kid": "secret", "k": text(b"0123456789abcdef0123456789abcdef") });
    let rsa: Value = serde_json::from_str(include_str!("data/rsa.json")).unwrap();
    let world = World::new(json!([public, secret, rsa["jwk"]]), &[]).await;
    let good = signer.token(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, body) = message.split_once('.').unwrap();
    let told = "the token's `alg` is not one of RS256, PS256, ES256, EdDSA and their kin";
    for alg in ["none", "None", "NONE", "HS256", "HS384", "HS512", "", "RS1"] {
        let header = part(&json!({ "alg": alg, "kid": "one" }));
        for signature in ["", signature] {
            assert_eq!(world.refused(&format!("{header}.{body}.{signature}")).await, told, "{alg}");
        }
    }
    let wrong_signature = "the token's signature is not the issuer's";
    // Another algorithm than the key is for, another key, no such key, a key that the token brings along.
    for header in [
        json!({ "alg": "RS256", "kid": "one" }),
        json!({ "alg": "EdDSA", "kid": "rsa" }),
        json!({ "alg": "EdDSA", "kid": "secret" }),
        json!({ "alg": "EdDSA", "kid": "unknown" }),
        json!({ "alg": "EdDSA", "kid": "../../one" }),
        json!({ "alg": "EdDSA", "kid": "mine", "jwk": Signer::new("mine", 9).public() }),
        json!({ "alg": "EdDSA", "kid": "mine", "jku": "https://evil.example/jwks" }),
    ] {
        assert_eq!(world.refused(&Signer::new("x", 9).sign(&header, &claims())).await, wrong_signature, "{header}");
        assert_eq!(world.refused(&format!("{}.{body}.{signature}", part(&header))).await, wrong_signature, "{header}");
    }
    assert_eq!(world.refused(&Signer::new("one", 9).token(&claims())).await, wrong_signature);
    let other = part(&with(json!({ "sub": "eve" })));
    assert_eq!(world.refused(&format!("{header}.{other}.{signature}")).await, wrong_signature);
    let odd = signer.sign(&json!({ "alg": "EdDSA", "kid": "one", "crit": ["exp"] }), &claims());
    assert!(world.refused(&odd).await.contains("crit"));
    let odd = signer.sign(&json!({ "alg": "EdDSA", "kid": "one", "typ": "JWE" }), &claims());
    assert!(world.refused(&odd).await.contains("typ"));
    for broken in ["ey.ey.ey", "eyJ.eyJ.", &format!("{message}.{signature}="), &format!("ey{}.a.b", "x".repeat(20_000))]
    {
        assert!(world.refused(broken).await.starts_with("the token "), "{broken:.40}");
    }
    world.identify(&signer.sign(&json!({ "alg": "EdDSA", "typ": "at+jwt" }), &claims())).await.unwrap();
}

#[tokio::test]
async fn each_algorithm_of_the_list_works() {
    let rsa: Value = serde_json::from_str(include_str!("data/rsa.json")).unwrap();
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let ec = json!({ "kty": "EC", "crv": "P-256", "kid": "ec", "x": text(&point[1..33]), "y": text(&point[33..]) });
    let world = World::new(json!([{ "kty": "new" }, rsa["jwk"], ec]), &[]).await;
    for algorithm in ["RS256", "RS384", "RS512", "PS256"] {
        let token = rsa["tokens"][algorithm].as_str().unwrap();
        assert_eq!(world.identify(token).await.unwrap().owner, "oidc:ada", "{algorithm}");
    }
    let message = format!("{}.{}", part(&json!({ "alg": "ES256", "kid": "ec" })), part(&claims()));
    let signature = pair.sign(&random, message.as_bytes()).unwrap();
    let token = format!("{message}.{}", text(signature.as_ref()));
    assert_eq!(world.identify(&token).await.unwrap().owner, "oidc:ada");
}

#[tokio::test]
async fn new_keys_are_found_and_nobody_makes_us_ask_for_more() {
    let (one, two) = (Signer::new("one", 1), Signer::new("two", 2));
    let world = World::new(json!([one.public()]), &[]).await;
    world.identify(&one.token(&claims())).await.unwrap();
    let wrong = "the token's signature is not the issuer's";
    let asked = || world.asked.load(Ordering::SeqCst);
    // A key that the issuer does not have yet, again and again: asked once in 30 seconds.
    for _ in 0..20 {
        assert_eq!(world.refused(&two.token(&claims())).await, wrong);
    }
    assert_eq!(asked(), 1);
    world.clock.advance(Duration::from_secs(30));
    for _ in 0..20 {
        assert_eq!(world.refused(&two.token(&claims())).await, wrong);
    }
    assert_eq!(asked(), 2);
    // The issuer rotates.
    *world.keys.lock().unwrap() = json!({ "keys": [one.public(), two.public()] });
    world.clock.advance(Duration::from_secs(30));
    world.identify(&two.token(&claims())).await.unwrap();
    world.identify(&one.token(&claims())).await.unwrap();
    assert_eq!(asked(), 3);
    // A key that the issuer withdraws is good for 15 minutes at most.
    *world.keys.lock().unwrap() = json!({ "keys": [two.public()] });
    world.clock.advance(Duration::from_secs(15 * 60));
    let later = with(json!({ "exp": NOW + 1_000_000 }));
    assert_eq!(world.refused(&one.token(&later)).await, wrong);
    // While the issuer is away, its keys are good for a day.
    *world.keys.lock().unwrap() = Value::Null;
    world.clock.advance(Duration::from_secs(3600));
    world.identify(&two.token(&later)).await.unwrap();
    world.clock.advance(Duration::from_secs(24 * 3600));
    let failed = world.identify(&two.token(&later)).await;
    assert!(matches!(failed, Err(NotIdentified::Unavailable(_))), "{failed:?}");
}

#[tokio::test]
async fn without_an_issuer_no_token_is_good() {
    let signer = Signer::new("one", 1);
    let ports = SqlitePorts::in_memory_with(Options::default()).unwrap();
    let authenticator = Authenticator::new(ports, IdentityConfig::default());
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {}", signer.token(&claims())).parse().unwrap());
    assert!(matches!(authenticator.identify(&headers).await, Err(NotIdentified::NotValid(_))));
    assert!(authenticator.identify(&HeaderMap::new()).await.unwrap().is_none());
}
