//! Signing in with an issuer that speaks over HTTP.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millrace_identity::{Authenticator, IdentityConfig, IssuerSignIn};
use millrace_rest::{AuthMode, RestConfig};
use millrace_simulation::http::{Answer, Fake};
use millrace_sqlite::SqlitePorts;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A token that looks right; its signature is checked by who gets it with a request, not here.
fn token(issuer: &str, change: Value) -> String {
    let now = millrace_client::now().millis() / 1000;
    let mut claims =
        json!({ "iss": issuer, "aud": "console", "sub": "ada", "exp": now + 600, "roles": ["millrace:run"] });
    claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(json!({ "alg": "EdDSA", "typ": "JWT" })), part(claims))
}

/// What the issuer answers to a form, given its own address; and the forms that it saw.
type Answers = Arc<Mutex<Box<dyn Fn(&str) -> Answer + Send>>>;

struct World {
    router: Router,
    issuer: Fake,
    answers: Answers,
    forms: Arc<Mutex<Vec<String>>>,
}

impl World {
    async fn new(more: &[(&str, &str)]) -> Self {
        let answers: Answers = Arc::new(Mutex::new(Box::new(|_| Answer::status(500, "not yet"))));
        let forms = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::new(Mutex::new(String::new()));
        let (answer, seen, name) = (Arc::clone(&answers), Arc::clone(&forms), Arc::clone(&own));
        let issuer = Fake::start(move |request| {
            let url = name.lock().unwrap().clone();
            if request.path == "/.well-known/openid-configuration" {
                return Answer::json(
                    200,
                    &json!({ "issuer": url, "authorization_endpoint": format!("{url}/authorize"),
                        "token_endpoint": format!("{url}/token"), "jwks_uri": format!("{url}/jwks") }),
                );
            }
            seen.lock().unwrap().push(request.text().to_owned());
            (answer.lock().unwrap())(&url)
        })
        .await;
        own.lock().unwrap().clone_from(&issuer.url);
        let mut variables =
            vec![("MILLRACE_OIDC_ISSUER", issuer.url.as_str()), ("MILLRACE_OIDC_AUDIENCE", "console,api")];
        variables.extend(more);
        let config = IdentityConfig::from_variables("000000000000", |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
        })
        .unwrap();
        let ports = SqlitePorts::in_memory().unwrap();
        let rest = RestConfig { auth_mode: AuthMode::Required, ..RestConfig::default() };
        let router =
            millrace_rest::router(ports.clone(), rest).layer(millrace_rest::sign_in(IssuerSignIn::of(&config)));
        let router = millrace_identity::before(router, Authenticator::new(ports, config));
        Self { router, issuer, answers, forms }
    }

    async fn client() -> Self {
        Self::new(&[("MILLRACE_OIDC_CLIENT_ID", "console")]).await
    }

    fn answers(&self, answer: impl Fn(&str) -> Answer + Send + 'static) {
        *self.answers.lock().unwrap() = Box::new(answer);
    }

    async fn call(&self, request: Request<Body>) -> (StatusCode, Value) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn ways(&self) -> (StatusCode, Value) {
        self.call(Request::get("/api/sign-in").body(Body::empty()).unwrap()).await
    }

    async fn exchange(&self, body: Value) -> (StatusCode, Value) {
        let request = Request::post("/api/sign-in/token").header("content-type", "application/json");
        self.call(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn code(&self) -> (StatusCode, Value) {
        let redirect = "https://console.example/sign-in";
        self.exchange(json!({ "code": "c0de &=", "code_verifier": VERIFIER, "redirect_uri": redirect })).await
    }
}

#[tokio::test]
async fn a_browser_is_told_where_to_go() {
    let world = World::client().await;
    let (status, ways) = world.ways().await;
    assert_eq!((status, &ways["required"]), (StatusCode::OK, &json!(true)), "{ways}");
    let url = &world.issuer.url;
    assert_eq!(
        ways["oidc"],
        json!({ "issuer": url, "client_id": "console", "authorization_endpoint": format!("{url}/authorize"), "scope": "openid" })
    );
    let without = World::new(&[]).await;
    assert_eq!(without.ways().await.1, json!({ "required": true, "oidc": null }));
    let (status, refused) = without.code().await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("not-configured")));
}

#[tokio::test]
async fn a_code_becomes_a_token_and_a_refresh_token_the_next_one() {
    let world = World::client().await;
    world.answers(|issuer| {
        Answer::json(200, &json!({ "access_token": token(issuer, json!({ "aud": "api" })), "refresh_token": "again" }))
    });
    let (status, signed_in) = world.code().await;
    assert_eq!(status, StatusCode::OK, "{signed_in}");
    assert!(signed_in["token"].as_str().unwrap().starts_with("ey"));
    assert!(signed_in["expires_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(signed_in["refresh_token"], "again");
    let (status, _) = world.exchange(json!({ "refresh_token": "again" })).await;
    assert_eq!(status, StatusCode::OK);
    let forms = world.forms.lock().unwrap().clone();
    for part in ["grant_type=authorization_code", "code=c0de%20%26%3D", "client_id=console", VERIFIER] {
        assert!(forms[0].contains(part), "{part} in {}", forms[0]);
    }
    assert!(forms[1].contains("grant_type=refresh_token") && forms[1].contains("refresh_token=again"), "{}", forms[1]);
}

#[tokio::test]
async fn the_id_token_will_do_where_the_access_token_is_for_others() {
    let world = World::client().await;
    world.answers(|issuer| {
        Answer::json(200, &json!({ "access_token": "opaque", "id_token": token(issuer, json!({})) }))
    });
    assert_eq!(world.code().await.0, StatusCode::OK);
    world.answers(|issuer| {
        let (access, id) = (token(issuer, json!({ "aud": "mail" })), token(issuer, json!({})));
        Answer::json(200, &json!({ "access_token": access, "id_token": id }))
    });
    let (_, signed_in) = world.code().await;
    assert_eq!(signed_in["token"], token(&world.issuer.url, json!({})));
}

#[tokio::test]
async fn why_nobody_is_signed_in_is_told() {
    let world = World::client().await;
    world.answers(|_| {
        Answer::json(400, &json!({ "error": "invalid_grant", "error_description": "used\nbefore\u{1b}[31m" }))
    });
    let (status, problem) = world.code().await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(problem["detail"], "the issuer refused: invalid_grant: usedbefore[31m");
    world.answers(|issuer| Answer::json(200, &json!({ "access_token": token(issuer, json!({ "roles": [] })) })));
    let (status, problem) = world.code().await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(problem["detail"], "the issuer's token is not taken here: the token grants no role");
    for answer in [Answer::status(502, "<html>"), Answer::ok("<html>"), Answer::broken()] {
        world.answers(move |_| answer.clone());
        let (status, problem) = world.code().await;
        assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")), "{problem}");
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_is_refused_before_the_issuer_is_asked() {
    let world = World::client().await;
    for (body, field) in [
        (json!({}), "/code"),
        (json!({ "code": "c", "code_verifier": "short", "redirect_uri": "https://x" }), "/code_verifier"),
        (json!({ "refresh_token": "a", "code": "c" }), "/code"),
        (json!({ "refresh_token": 1 }), "/refresh_token"),
    ] {
        let (status, problem) = world.exchange(body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|at| at["field"].clone()).collect();
        assert!(fields.contains(&json!(field)), "{field} in {problem}");
    }
    assert!(world.forms.lock().unwrap().is_empty());
}

#[tokio::test]
async fn who_asks_too_often_is_refused() {
    let limits = [("MILLRACE_OIDC_CLIENT_ID", "console"), ("MILLRACE_RATE_LIMIT", "1:2")];
    let world = World::new(&limits).await;
    for expected in [200, 200, 429] {
        assert_eq!(world.ways().await.0.as_u16(), expected);
    }
    assert_eq!(world.code().await.0, StatusCode::TOO_MANY_REQUESTS);
}
