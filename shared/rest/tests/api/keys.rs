use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use millrace_app::identity::{KeyRefused, Role, check_key, find_access_key};
use millrace_rest::{AuthMode, Caller, RestConfig};
use serde_json::{Value, json};

use crate::support::{Answer, Server};

const HOUR: Duration = Duration::from_secs(3600);

fn server() -> Server {
    Server::with(RestConfig { auth_mode: AuthMode::Required, access_keys: true, ..RestConfig::default() })
}

/// A call as somebody.
async fn call(server: &Server, caller: &Caller, method: &str, path: &str, body: Option<Value>) -> Answer {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    server.send(request.extension(caller.clone()).body(body).unwrap()).await
}

fn admin(owner: &str) -> Caller {
    Caller::new(owner, Role::Admin)
}

#[tokio::test]
async fn a_key_is_made_listed_rotated_and_revoked() {
    let (server, ann) = (server(), admin("ann"));
    let body = json!({ "name": "ci", "role": "run", "expires_at": "2027-01-01T00:00:00Z" });
    let made = call(&server, &ann, "POST", "/api/keys", Some(body)).await;
    let location = made.header("location").to_owned();
    let made = made.ok(201);
    let text = made["key"].as_str().unwrap().to_owned();
    assert!(text.starts_with(made["prefix"].as_str().unwrap()) && text.len() == 94, "{text}");
    assert_eq!(check_key(&server.ports, &text).await.unwrap().role, Role::Run);

    let read = call(&server, &ann, "GET", &location, None).await.ok(200);
    assert_eq!((&read["owner"], &read["status"], &read["key"]), (&json!("ann"), &json!("active"), &Value::Null));
    assert!(read["last_used_at"].is_string());
    let page = call(&server, &ann, "GET", "/api/keys", None).await.ok(200);
    assert_eq!(page["items"], json!([read]));
    let record = server.record(&millrace_app::keys::api_key(&read["id"].as_str().unwrap().parse().unwrap())).await;
    assert!(!record.unwrap().body.to_string().contains(&text[35..]), "only a hash is stored");

    let rotated =
        call(&server, &ann, "POST", &format!("{location}/rotate"), Some(json!({ "grace_seconds": 3600 }))).await;
    let second = rotated.ok(200)["key"].as_str().unwrap().to_owned();
    assert_ne!(second, text);
    for text in [&text, &second] {
        check_key(&server.ports, text).await.unwrap();
    }
    server.pass(HOUR);
    assert!(matches!(check_key(&server.ports, &text).await, Err(KeyRefused::Expired)));
    check_key(&server.ports, &second).await.unwrap();

    let revoked = call(&server, &ann, "DELETE", &location, None).await.ok(200);
    assert_eq!(revoked["status"], "revoked");
    assert_eq!(call(&server, &ann, "DELETE", &location, None).await.ok(200), revoked);
    assert!(matches!(check_key(&server.ports, &second).await, Err(KeyRefused::Revoked)));
    let again = call(&server, &ann, "POST", &format!("{location}/rotate"), Some(json!({}))).await;
    assert_eq!(again.problem(409), "wrong-state");
}

#[tokio::test]
async fn a_key_ends_at_its_time() {
    let (server, ann) = (server(), admin("ann"));
    let past = json!({ "name": "x", "role": "read", "expires_at": "2020-01-01T00:00:00Z" });
    assert_eq!(
        call(&server, &ann, "POST", "/api/keys", Some(past)).await.problems(),
        ["/expires_at: must be in the future"]
    );
    let body = json!({ "name": "x", "role": "read", "expires_at": "2026-05-29T00:00:00Z" });
    let made = call(&server, &ann, "POST", "/api/keys", Some(body)).await.ok(201);
    let text = made["key"].as_str().unwrap();
    check_key(&server.ports, text).await.unwrap();
    server.pass(HOUR * 24);
    assert!(matches!(check_key(&server.ports, text).await, Err(KeyRefused::Expired)));
    // Another text of the same key is not told that much.
    let forged = format!("{}{}", &text[..90], "0000");
    assert!(matches!(check_key(&server.ports, &forged).await, Err(KeyRefused::Unknown)));
}

#[tokio::test]
async fn a_use_is_noted_once_an_hour() {
    let (server, ann) = (server(), admin("ann"));
    let made = call(&server, &ann, "POST", "/api/keys", Some(json!({ "name": "x", "role": "read" }))).await.ok(201);
    let (text, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap().parse().unwrap());
    let version = async || server.record(&millrace_app::keys::api_key(&id)).await.unwrap().version;
    for (pass, expected) in [(Duration::ZERO, 2), (HOUR / 2, 2), (HOUR / 2, 3), (Duration::ZERO, 3)] {
        server.pass(pass);
        check_key(&server.ports, text).await.unwrap();
        assert_eq!(version().await, expected);
    }
}

#[tokio::test]
async fn an_admin_manages_their_own_keys_and_an_operator_all() {
    let (server, ann, bob) = (server(), admin("ann"), admin("bob"));
    let operator = Caller { operator: true, ..admin("local") };
    let new = |more: Value| {
        let mut body = json!({ "name": "x", "role": "admin" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(body)
    };
    let foreign =
        call(&server, &ann, "POST", "/api/keys", new(json!({ "owner": "bob", "operator": true }))).await.problems();
    assert_eq!(foreign.len(), 2, "{foreign:?}");
    let made = call(&server, &operator, "POST", "/api/keys", new(json!({ "owner": "bob" }))).await.ok(201);
    assert_eq!((&made["owner"], &made["operator"]), (&json!("bob"), &json!(false)));
    let path = format!("/api/keys/{}", made["id"].as_str().unwrap());
    let nowhere =
        call(&server, &ann, "GET", "/api/keys/key_01arz3ndektsv4rrffq69g5fav", None).await.json()["detail"].clone();
    for (method, path) in [("GET", path.clone()), ("DELETE", path.clone()), ("POST", format!("{path}/rotate"))] {
        let answer = call(&server, &ann, method, &path, (method == "POST").then(|| json!({}))).await;
        assert_eq!(answer.problem(404), "not-found");
        let told = answer.json()["detail"]
            .as_str()
            .unwrap()
            .replace(made["id"].as_str().unwrap(), "key_01arz3ndektsv4rrffq69g5fav");
        assert_eq!(nowhere, told, "as if it were not there");
    }
    call(&server, &bob, "GET", &path, None).await.ok(200);
    let theirs = call(&server, &operator, "GET", "/api/keys?owner=bob", None).await.ok(200);
    assert_eq!(theirs["items"].as_array().unwrap().len(), 1);
    assert_eq!(call(&server, &ann, "GET", "/api/keys?owner=bob", None).await.problems(), ["owner: must be your own"]);
    assert_eq!(call(&server, &operator, "GET", "/api/keys", None).await.ok(200)["items"], json!([]));
    let bad = json!({ "name": "", "role": "root", "owner": "a\n" });
    assert_eq!(call(&server, &operator, "POST", "/api/keys", Some(bad)).await.problems().len(), 2);
    let who = call(&server, &bob, "GET", "/api/caller", None).await.ok(200);
    assert_eq!((&who["owner"], &who["role"], &who["operator"]), (&json!("bob"), &json!("admin"), &json!(false)));
}

#[tokio::test]
async fn a_pair_for_signatures_goes_with_its_key() {
    let (server, ann) = (server(), admin("ann"));
    let body = json!({ "name": "sfn", "role": "run", "access_key": true });
    let made = call(&server, &ann, "POST", "/api/keys", Some(body)).await.ok(201);
    let id = made["access_key"]["access_key_id"].as_str().unwrap();
    let secret = made["access_key"]["secret_access_key"].as_str().unwrap();
    let (key, secrets) = find_access_key(&server.ports, id).await.unwrap();
    assert_eq!((key.owner.as_str(), secrets[0].expose()), ("ann", secret));
    let path = format!("/api/keys/{}", made["id"].as_str().unwrap());
    let rotated = call(&server, &ann, "POST", &format!("{path}/rotate"), Some(json!({}))).await.ok(200);
    assert_eq!(rotated["access_key"]["access_key_id"], id);
    let (_, secrets) = find_access_key(&server.ports, id).await.unwrap();
    assert_eq!((secrets.len(), secrets[1].expose()), (2, secret));
    server.pass(HOUR * 24);
    assert_eq!(find_access_key(&server.ports, id).await.unwrap().1.len(), 1);
    call(&server, &ann, "DELETE", &path, None).await.ok(200);
    assert!(matches!(find_access_key(&server.ports, id).await, Err(KeyRefused::Revoked)));

    let elsewhere = Server::with(RestConfig::default());
    let body = json!({ "name": "sfn", "role": "run", "access_key": true });
    assert_eq!(call(&elsewhere, &ann, "POST", "/api/keys", Some(body)).await.problem(422), "not-configured");
}
