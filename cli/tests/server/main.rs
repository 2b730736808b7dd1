//! The real program: started on a free port over a folder of its own, killed and started again.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

mod builtins;
mod client;
mod correlation;
mod functions;
mod import;
mod inputs;
mod keys;
mod kills;
mod live;
mod logs;
mod map_runs;
mod notifications;
mod program;
mod secrets;
mod surroundings;
mod traces;
mod words;

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use program::{Server, millrace};

fn create(server: &Server, name: &str) -> String {
    let body = json!({ "template_id": "python-cli", "parameters": { "name": name } });
    let (status, body) = server.call("POST", "/api/projects", &[], Some(&body));
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    let project: Value = serde_json::from_slice(&body).unwrap();
    project["id"].as_str().unwrap().to_owned()
}

fn wait_until_completed(server: &Server, id: &str) {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let project = server.get(&format!("/api/projects/{id}"));
        match project["status"].as_str().unwrap() {
            "completed" => return,
            "failed" | "cancelled" | "paused" => panic!("{project:#}"),
            _ => assert!(Instant::now() < deadline, "{project:#}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn run(arguments: &[&str], data: Option<&Path>) -> Output {
    let mut command = millrace();
    command.args(arguments);
    if let Some(data) = data {
        command.arg("--data").arg(data);
    }
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_starts_answers_and_stops() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let note: Value = serde_json::from_slice(&std::fs::read(dir.path().join("server.json")).unwrap()).unwrap();
    assert_eq!(
        (note["url"].as_str().unwrap(), note["pid"].as_u64()),
        (server.url.as_str(), Some(server.child.id().into()))
    );
    assert!(note["started_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(server.get("/health")["status"], "ok");
    assert_eq!(server.get("/openapi.json")["openapi"], "3.1.0");

    // Only this machine's own names are answered.
    let port = server.url.rsplit(':').next().unwrap();
    assert_eq!(server.call("GET", "/health", &[("host", &format!("localhost:{port}"))], None).0, 200);
    assert_eq!(server.call("GET", "/health", &[("host", "attacker.example:80")], None).0, 421);

    // A second one over the same folder, or on the same port, says why it can't.
    let second = run(&["up", "--port", "0"], Some(dir.path()));
    assert_eq!(second.status.code(), Some(3), "{}", stderr(&second));
    assert!(stderr(&second).contains(&server.child.id().to_string()), "{}", stderr(&second));
    assert!(second.stdout.is_empty());
    let other = tempfile::tempdir().unwrap();
    let second = run(&["up", "--port", port], Some(other.path()));
    assert_eq!(second.status.code(), Some(4), "{}", stderr(&second));
    assert!(stderr(&second).contains("--port"), "{}", stderr(&second));

    let started = Instant::now();
    let (code, out, err) = server.terminate();
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    assert!(started.elapsed() < Duration::from_secs(8), "idle loops end at once: {:?}", started.elapsed());
    assert!(!dir.path().join("server.json").exists());
    // Not on a terminal: each line of the log is a JSON object.
    assert!(!err.is_empty());
    err.lines().for_each(|line| assert!(serde_json::from_str::<Value>(line).unwrap().is_object(), "{line}"));
}

#[test]
fn a_project_survives_kills() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let ids: Vec<String> = (0..2).map(|number| create(&server, &format!("tool-{number}"))).collect();
    server.kill();
    assert!(dir.path().join("server.json").exists(), "it had no time to remove it");

    // Twice more in the middle of the work. A message may be received three times before it is given up.
    let server = Server::start(dir.path(), &[]);
    std::thread::sleep(Duration::from_millis(150));
    server.kill();
    let server = Server::start(dir.path(), &[]);
    for id in &ids {
        wait_until_completed(&server, id);
        let deployments = server.get(&format!("/api/projects/{id}/deployments"));
        assert_eq!(deployments["items"].as_array().unwrap().len(), 1, "packaged once");
        let events = server.get(&format!("/api/projects/{id}/events?limit=100"));
        let completed =
            events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "project.completed").count();
        assert_eq!(completed, 1, "{events:#}");
        let url = deployments["items"][0]["download_url"].as_str().unwrap();
        let (status, zip) = server.call("GET", url, &[], None);
        assert_eq!(status, 200);
        assert_eq!(zip.len() as u64, deployments["items"][0]["size"].as_u64().unwrap());
        assert_eq!(&zip[..2], b"PK");
        for forged in [
            url.replace("signature=", "signature=A"),
            url.replace("expires=", "expires=9"),
            url.split('?').next().unwrap().to_owned(),
        ] {
            assert_eq!(server.call("GET", &forged, &[], None).0, 403, "{forged}");
        }
    }
    let (code, _, err) = server.terminate();
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn the_command_line_explains_itself() {
    let open = run(&["up", "--host", "0.0.0.0"], None);
    assert_eq!(open.status.code(), Some(2));
    assert!(stderr(&open).contains("loopback") && stderr(&open).contains("--auth keys"), "{}", stderr(&open));
    assert_eq!(run(&["up", "--port", "70000"], None).status.code(), Some(2));
    let version = run(&["--version"], None);
    assert_eq!(String::from_utf8_lossy(&version.stdout).trim(), concat!("millrace ", env!("CARGO_PKG_VERSION")));
    let help = run(&["--help"], None);
    assert!(String::from_utf8_lossy(&help.stdout).contains("Exit codes:"));
    let data = tempfile::tempdir().unwrap();
    let template = run(&["demo", "--template", "cobol-monolith"], Some(data.path()));
    assert_eq!(template.status.code(), Some(1));
    assert!(stderr(&template).contains("python-rest-api"), "it names what there is: {}", stderr(&template));
    assert!(template.stdout.is_empty());
}

#[test]
fn the_demo_ends_with_a_zip() {
    let dir = tempfile::tempdir().unwrap();
    let demo = run(&["demo"], Some(dir.path()));
    assert!(demo.status.success(), "{}", stderr(&demo));
    let out = String::from_utf8(demo.stdout.clone()).unwrap();
    let zip = Path::new(out.lines().last().unwrap());
    assert_eq!(zip, dir.path().join("book-shop.zip"));
    assert_eq!(&std::fs::read(zip).unwrap()[..2], b"PK");
    let told = stderr(&demo);
    for part in ["planning", "developing", "testing", "packaging", "Its own tests pass"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!dir.path().join("server.json").exists());

    // Again over the same folder, for programs.
    let demo = run(&["demo", "--json", "--template", "static-site"], Some(dir.path()));
    assert!(demo.status.success(), "{}", stderr(&demo));
    let out = String::from_utf8(demo.stdout.clone()).unwrap();
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (result, events) = lines.split_last().unwrap();
    assert!(events.iter().any(|event| event["kind"] == "project.completed"), "{out}");
    assert!(Path::new(result["zip"].as_str().unwrap()).is_file(), "{result}");
}
