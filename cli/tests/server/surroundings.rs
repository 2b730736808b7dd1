//! What surrounds commands: which server they find, profiles and keys, output, interrupts, and what needs no server.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use millrace_simulation::http::{Answer, Fake};
use serde_json::{Value, json};

use super::client::{Person, command, run};
use super::program::{Server, millrace};

#[test]
fn no_server() {
    let home = tempfile::tempdir().unwrap();
    let nobody = "http://127.0.0.1:1";
    let away = run(home.path(), &["project", "list", "--endpoint", nobody])
        .failed(6, "no server answers at http://127.0.0.1:1");
    assert!(away.err.contains("next: "), "{}", away.err);
    let json = run(home.path(), &["project", "list", "--endpoint", nobody, "--json"]).failed(6, "");
    let problem: Value = serde_json::from_str(&json.err).unwrap();
    assert_eq!((problem["code"].as_str(), json.out.as_str()), (Some("unreachable"), ""));
    run(home.path(), &["project", "list", "--endpoint", "localhost:7420"]).failed(2, "http://localhost:7420");
    run(home.path(), &["project", "list", "--profile", "nobody"]).failed(2, "config set");
    run(home.path(), &["up", "--endpoint", nobody]).failed(2, "starts a server of its own");
    // A note of a server that is gone is not followed.
    let data = home.path().join("data/local");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("server.json"), r#"{"pid": 1, "url": "http://127.0.0.1:1"}"#).unwrap();
    let shown = run(home.path(), &["config", "show"]).ok().out;
    assert!(shown.contains("http://127.0.0.1:7420") && shown.contains("default"), "{shown}");
}

#[test]
fn profiles_and_keys() {
    let person = Person::new();
    let home = person.home.path();
    let url = person.server.url.as_str();
    person.run(&["config", "set", "here"]).failed(2, "address");
    person.run(&["config", "set", "here", "ftp://x"]).failed(2, "http://");
    person.run(&["config", "set", "here", url, "--use"]).ok();
    person.given("mr_not_a_real_key\n", &["config", "key", "here"]).ok();
    let keys = home.join("config/keys.json");
    assert!(std::fs::read_to_string(&keys).unwrap().contains("mr_not_a_real_key"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    }
    for arguments in
        [&["config", "list"][..], &["config", "show"], &["config", "show", "here", "--json"], &["doctor", "--json"]]
    {
        let said = person.run(arguments);
        assert!(!said.out.contains("not_a_real_key") && !said.err.contains("not_a_real_key"), "{arguments:?}");
        assert!(said.out.contains(url), "{arguments:?}: {}", said.out);
    }
    assert!(
        person.run(&["workflow", "list"]).ok().err.is_empty() || person.run(&["workflow", "list"]).err.contains("none")
    );
    person.given(" \n", &["config", "key", "here"]).failed(2, "empty");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
        person.run(&["workflow", "list"]).failed(2, "chmod 600");
        assert_eq!(person.run(&["doctor"]).code, 1);
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    // Another address forgets the key.
    assert!(person.run(&["config", "set", "here", "https://millrace.example.com"]).ok().err.contains("forgotten"));
    assert!(!std::fs::read_to_string(&keys).unwrap().contains("mr_not_a_real_key"));
    person.run(&["config", "remove", "here"]).failed(2, "--yes");
    person.run(&["config", "remove", "here", "--yes"]).ok();
    assert!(person.run(&["config", "list"]).ok().err.contains("There are none"));
    // Before the environment goes the flag.
    let mut other = command(home, &["config", "show", "--endpoint", "http://127.0.0.1:2"]);
    let output = other.env("MILLRACE_ENDPOINT", "http://127.0.0.1:3").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("127.0.0.1:2"));
    let mut readable = command(home, &["workflow", "list", "--endpoint", "http://192.0.2.1"]);
    let output = readable.env("MILLRACE_API_KEY", "mr_x").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not encrypted"));
}

#[test]
fn callers_are_told_and_a_wrong_key_too() {
    let home = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // It lets nobody in and says what it was shown.
    let fake = runtime.block_on(Fake::start(|seen| {
        let shown = seen.header("authorization").unwrap_or("nothing").split(['/', '_']).next().unwrap_or_default();
        let problem = json!({ "type": "/errors/unauthorized", "code": "unauthorized", "status": 401, "detail": format!("not {shown}") });
        Answer::json(401, &problem)
    }));
    let listing = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(home.path(), &[&["workflow", "list"], arguments].concat());
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(7), "{err}");
        err
    };
    let here = ["--endpoint", fake.url.as_str()];
    let nothing = listing(&here, &[]);
    assert!(nothing.contains("not nothing (401 unauthorized)") && nothing.contains("MILLRACE_API_KEY"), "{nothing}");
    let wrong = listing(&here, &[("MILLRACE_API_KEY", "mr_wrong")]);
    assert!(
        wrong.contains("not Bearer mr (401") && wrong.contains("config key") && !wrong.contains("mr_wrong"),
        "{wrong}"
    );
    run(home.path(), &["config", "set", "aws", &fake.url, "--auth", "iam", "--region", "eu-north-1"]).ok();
    let keys = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")];
    let signed = listing(&["--profile", "aws"], &keys);
    assert!(
        signed.contains("not AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE") && signed.contains("eu-north-1"),
        "{signed}"
    );
    // Without credentials nothing is sent.
    let empty = [
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
        ("AWS_CONFIG_FILE", "/nonexistent"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    assert!(listing(&["--profile", "aws"], &empty).contains("aws configure"));
}

#[test]
fn a_local_server_with_keys_lets_its_owner_in() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::spawn_with(&mut millrace(), &home.path().join("data/local"), &["--auth", "keys"]);
    run(home.path(), &["template", "list"]).ok();
    run(home.path(), &["template", "list", "--endpoint", &server.url]).failed(7, "MILLRACE_API_KEY");
    let key = run(home.path(), &["key", "create", "look", "--role", "read", "-q"]).ok().out;
    let mut refused = command(home.path(), &["workflow", "delete", "x", "-y"]);
    let output = refused.env("MILLRACE_API_KEY", key.trim()).output().unwrap();
    assert_eq!(output.status.code(), Some(8), "it may look, and there is none");
    let mut refused = command(home.path(), &["key", "create", "more", "--role", "admin"]);
    let output = refused.env("MILLRACE_API_KEY", key.trim()).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(7) && err.contains("larger role"), "{err}");
}

#[cfg(unix)]
#[test]
fn interrupts_and_pipes() {
    let person = Person::new();
    person.write("wait.yaml", "StartAt: Wait\nStates:\n  Wait: {Type: Wait, Seconds: 3600, End: true}\n");
    let mut watching = command(person.home.path(), &["run", "wait.yaml", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(watching.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("entered (Wait)") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended by itself");
    }
    assert!(Command::new("kill").args(["-INT", &watching.id().to_string()]).status().unwrap().success());
    assert_eq!(watching.wait().unwrap().code(), Some(130));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("the execution goes on: `millrace execution watch exe_"), "{rest}");

    // A reader that has enough is no failure.
    let mut listing = command(person.home.path(), &["template", "list", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(listing.stdout.take());
    let output = listing.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Not on a terminal there are no colours, unless they are asked for.
    assert!(!person.run(&["execution", "list"]).ok().out.contains('\u{1b}'));
    assert!(person.run(&["execution", "list", "--color", "always"]).ok().out.contains('\u{1b}'));
}

#[test]
fn without_a_server() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    write("good.yaml", "StartAt: A\nStates:\n  A: {Type: Succeed}\n");
    write("bad.json", "{ \"StartAt\": \"A\",\n  \"States\": { \"A\": { \"Type\": \"Pass\", \"Next\": \"B\" } } }");
    write("broken.json", "{\n  \"StartAt\": ,\n}");
    let good = run(home.path(), &["validate", "good.yaml"]).ok();
    assert_eq!((good.out.as_str(), good.err.as_str()), ("", "1 file valid.\n"));
    let bad =
        run(home.path(), &["validate", "good.yaml", "bad.json", "broken.json"]).failed(9, "2 of 3 files not valid");
    assert!(bad.out.contains("bad.json:2:") && bad.out.contains("broken.json:2:14: error"), "{}", bad.out);
    let json = run(home.path(), &["validate", "bad.json", "--json"]).failed(9, "").json();
    assert_eq!((&json["valid"], &json["files"][0]["diagnostics"][0]["line"]), (&Value::Bool(false), &Value::from(2)));
    assert!(run(home.path(), &["graph", "good.yaml", "--format", "svg"]).ok().out.starts_with("<svg"));
    assert!(run(home.path(), &["graph", "good.yaml"]).ok().out.contains("Succeed"));
    run(home.path(), &["graph", "bad.json"]).failed(9, "bad.json:2:");
    for (shell, part) in [
        ("bash", "_millrace"),
        ("zsh", "#compdef millrace"),
        ("fish", "complete -c millrace"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        assert!(run(home.path(), &["completions", shell]).ok().out.contains(part), "{shell}");
    }
    let doctor = run(home.path(), &["doctor", "--json", "--port", "0"]).ok().json();
    let names: Vec<&str> =
        doctor["checks"].as_array().unwrap().iter().filter_map(|check| check["name"].as_str()).collect();
    for name in [
        "data folder",
        "disk",
        "cargo",
        "python",
        "node",
        "sam",
        "cargo-lambda",
        "configuration",
        "model",
        "port",
        "server",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    run(home.path(), &["deploy", "--check"]).failed(2, "template.yaml");
    let nonsense = run(home.path(), &["projct", "list"]).failed(2, "project");
    assert!(nonsense.out.is_empty());
}
