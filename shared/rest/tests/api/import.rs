use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use millrace_app::archives::ArchiveLimits;
use millrace_app::ports::{BlobStore, Ports};
use millrace_rest::{AuthMode, RestConfig};
use serde_json::{Value, json};

use crate::support::{Answer, Server};

/// A tar with these files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, contents) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, *contents).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn shop() -> Vec<u8> {
    tar(&[
        ("shop-main/app.py", b"print('hello')\n"),
        ("shop-main/logo.png", &[0x89, 0, 255]),
        ("shop-main/node_modules/x/index.js", b""),
        ("shop-main/.git/HEAD", b""),
    ])
}

pub(crate) async fn send(server: &Server, kind: &str, query: &str, body: Vec<u8>, key: Option<&str>) -> Answer {
    let mut request = Request::post(format!("/api/projects{query}")).header("content-type", kind);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    server.send(request.body(Body::from(body)).unwrap()).await
}

async fn nothing_is_stored(server: &Server) {
    assert_eq!(server.get("/api/projects").await.ok(200)["items"], json!([]));
    assert!(BlobStore::list(server.ports.blobs(), "", None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn an_archive_by_itself_becomes_a_project() {
    let server = Server::new();
    let query = "?description=Sells+books&start=false";
    let project = send(&server, "application/x-tar", query, shop(), None).await.ok(201);
    assert_eq!((&project["name"], &project["description"]), (&json!("shop"), &json!("Sells books")));
    assert_eq!((&project["status"], &project["execution_id"]), (&json!("created"), &Value::Null));
    let import = &project["import"];
    assert_eq!(import["format"], "tar");
    assert_eq!((&import["files"], &import["top_folder"]), (&json!(2), &json!("shop-main")));
    assert_eq!(import["skipped_entries"], 2);
    assert_eq!(import["skipped"][0]["path"], ".git/");
    let id = project["id"].as_str().unwrap();
    let files = server.get(&format!("/api/projects/{id}/files")).await.ok(200);
    let paths: Vec<&str> =
        files["items"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["app.py", "logo.png"]);
    assert_eq!(files["items"][0]["language"], "python");
    let logo = server.get(&format!("/api/projects/{id}/files/logo.png")).await;
    assert_eq!((logo.status.as_u16(), logo.bytes.as_ref()), (200, &[0x89, 0, 255][..]));
    let events = server.get(&format!("/api/projects/{id}/events")).await.ok(200);
    assert_eq!(
        events["items"][0]["message"],
        "The project was created from 2 files of an archive (2 entries skipped)."
    );
    let started = server.act(&format!("/api/projects/{id}/resume")).await.ok(200);
    assert!(started["execution_id"].is_string());
    assert_eq!(server.call("DELETE", &format!("/api/projects/{id}"), &[], None).await.status, 204);
}

#[tokio::test]
async fn an_archive_in_base64_says_the_rest_beside_it() {
    let server = Server::new();
    let body = json!({ "archive": STANDARD.encode(shop()), "name": "Shop", "budget": { "usd": 1 } });
    let project = server.post("/api/projects", &body).await.ok(201);
    assert_eq!((&project["name"], &project["budget"]["usd"]), (&json!("Shop"), &json!(1.0)));
    assert!(project["execution_id"].is_string(), "it is started");
}

#[tokio::test]
async fn a_key_makes_one_project_of_an_archive() {
    let server = Server::new();
    let first = send(&server, "application/x-tar", "", shop(), Some("k")).await;
    let second = send(&server, "application/zip", "", shop(), Some("k")).await;
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(first.ok(201)["id"], second.ok(201)["id"]);
    let other = send(&server, "application/x-tar", "", tar(&[("a", b"")]), Some("k")).await;
    assert_eq!(other.problem(422), "idempotency-mismatch");
    assert_eq!(server.get("/api/projects").await.ok(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_refused_stores_nothing() {
    let server = Server::new();
    for (bytes, told) in [
        (tar(&[("ok", b""), ("../x", b"")]), "`../x` can't be taken"),
        (tar(&[("/etc/passwd", b"")]), "`/etc/passwd` can't be taken"),
        (tar(&[("a", b""), ("A", b"")]), "`A` can't be taken"),
        (b"hello".to_vec(), "zip, tar and tar.gz can be read"),
        (Vec::new(), "the archive is empty"),
    ] {
        let problems = send(&server, "application/zip", "", bytes.clone(), Some("k")).await.problems();
        assert!(problems[0].starts_with("/archive: ") && problems[0].contains(told), "{problems:?}");
        let body = json!({ "archive": STANDARD.encode(&bytes) });
        assert_eq!(server.post("/api/projects", &body).await.problems(), problems);
    }
    let answer = send(&server, "application/x-tar", "?requirements=Add+a+cart", shop(), None).await;
    assert_eq!(answer.problem(422), "not-configured", "words need a model");
    for (query, told) in [
        ("?start=maybe", "start: must be true or false"),
        ("?nme=x", "nme: is unknown; did you mean name?"),
        ("?name=", "/name: must not be empty"),
    ] {
        let problems = send(&server, "application/x-tar", query, shop(), None).await.problems();
        assert_eq!(problems, [told], "{query}");
    }
    let both = json!({ "archive": STANDARD.encode(shop()), "template_id": "python-cli", "parameters": {} });
    let problems = server.post("/api/projects", &both).await.problems();
    assert!(problems[0].starts_with("/template_id: can't be combined with an archive"), "{problems:?}");
    for kind in ["multipart/form-data; boundary=x", "text/plain", "application/x-7z-compressed"] {
        let answer = send(&server, kind, "", shop(), None).await;
        assert_eq!(answer.problem(415), "unsupported-media-type");
        assert!(answer.json()["detail"].as_str().unwrap().contains("application/zip"));
    }
    nothing_is_stored(&server).await;
}

#[tokio::test]
async fn what_is_too_large_is_told_with_its_limit() {
    let archives =
        ArchiveLimits { max_archive_bytes: 10_000, max_total_bytes: 2_000, max_files: 3, ..Default::default() };
    let server = Server::with(RestConfig { archives, auth_mode: AuthMode::Off, ..RestConfig::default() });
    let answer = send(&server, "application/x-tar", "", vec![0; 10_001], None).await;
    assert_eq!(answer.problem(413), "payload-too-large");
    let many = tar(&[("a", b""), ("b", b""), ("c", b""), ("d", b"")]);
    let large = tar(&[("a", b""), ("b", &[7; 2_500])]);
    for (bytes, told) in [(many, "`d` is one too many"), (large, "with `b` the files have more than the 2000 bytes")] {
        let answer = send(&server, "application/x-tar", "", bytes, None).await;
        assert_eq!(answer.problem(413), "payload-too-large");
        assert!(answer.json()["detail"].as_str().unwrap().contains(told), "{}", answer.json());
    }
    nothing_is_stored(&server).await;
}
