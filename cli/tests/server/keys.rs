//! A server that asks for keys.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Server, millrace};

fn start(data: &Path, command: &mut Command) -> Server {
    Server::spawn_with(command, data, &["--auth", "keys"])
}

fn kept(data: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(data.join("admin-key.json")).unwrap()).unwrap()
}

#[test]
fn it_makes_a_key_once_and_lets_nobody_in_without_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(dir.path(), &mut millrace());
    let first = kept(dir.path());
    let key = first["key"].as_str().unwrap().to_owned();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(dir.path().join("admin-key.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(server.call("GET", "/health", &[], None).0, 200);
    assert_eq!(server.call("GET", "/api/projects", &[], None).0, 401);
    let bearer = format!("Bearer {key}");
    for header in [("authorization", bearer.as_str()), ("x-api-key", key.as_str())] {
        let (status, body) = server.call("GET", "/api/caller", &[header], None);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let caller: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&caller["owner"], &caller["operator"]), (&json!("local"), &json!(true)));
    }
    let wrong = format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
    assert_eq!(server.call("GET", "/api/caller", &[("x-api-key", &wrong)], None).0, 401);
    // Clients of Step Functions without a signature are told in their own words.
    let target = ("x-amz-target", "AWSStepFunctions.ListStateMachines");
    let (status, body) = server.call("POST", "/", &[target], Some(&json!({})));
    assert_eq!(status, 403);
    assert!(String::from_utf8_lossy(&body).contains("MissingAuthenticationTokenException"));
    assert_eq!(server.call("POST", "/", &[target, ("x-api-key", &key)], Some(&json!({}))).0, 200);
    // Another owner has their own.
    let body = json!({ "name": "bob", "role": "admin", "owner": "bob" });
    let (status, made) = server.call("POST", "/api/keys", &[("x-api-key", &key)], Some(&body));
    assert_eq!(status, 201);
    let made: Value = serde_json::from_slice(&made).unwrap();
    let bob = made["key"].as_str().unwrap();
    let (_, list) = server.call("POST", "/", &[target, ("x-api-key", bob)], Some(&json!({})));
    assert_eq!(serde_json::from_slice::<Value>(&list).unwrap()["stateMachines"], json!([]));
    // What all owners do together is for operators.
    for (key, status) in [(None, 401), (Some(bob), 403), (Some(key.as_str()), 200)] {
        let headers: Vec<_> = key.map(|key| ("x-api-key", key)).into_iter().collect();
        assert_eq!(server.call("GET", "/metrics", &headers, None).0, status);
    }

    let mut stderr = server.stderr.take().unwrap();
    server.kill();
    let mut told = String::new();
    stderr.read_to_string(&mut told).unwrap();
    assert_eq!(told.matches(&key).count(), 1, "it is printed once, and never logged");
    // A second start makes no other.
    let mut server = start(dir.path(), &mut millrace());
    assert_eq!(kept(dir.path()), first);
    assert_eq!(server.call("GET", "/api/caller", &[("x-api-key", &key)], None).0, 200);
    let mut stderr = server.stderr.take().unwrap();
    server.kill();
    told.clear();
    stderr.read_to_string(&mut told).unwrap();
    // What every key of these hours begins with; logs name modules that begin with `millrace_`.
    assert!(!told.contains(&key[..12]), "{told}");
}

#[test]
fn a_wrong_environment_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let output = millrace()
        .args(["up", "--port", "0", "--auth", "keys", "--data"])
        .arg(dir.path())
        .env("MILLRACE_OIDC_ISSUER", "http://issuer.example")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("MILLRACE_OIDC_ISSUER") && told.contains("MILLRACE_OIDC_AUDIENCE"), "{told}");
}
