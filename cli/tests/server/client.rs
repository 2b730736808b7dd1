//! The commands that talk to a server, on a real one: what they do, and what they say when it can't be done.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::program::{Server, millrace};

/// A person with a folder, a configuration of their own and a server.
pub(crate) struct Person {
    pub(crate) home: tempfile::TempDir,
    pub(crate) server: Server,
}

/// What a command came to.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Done {
    /// It did what it was asked.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }

    /// It ended with a code and said why.
    pub(crate) fn failed(self, code: i32, said: &str) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        assert!(self.err.contains(said), "{said:?} is not in {}", self.err);
        self
    }

    /// What it answered, as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}\n{}", self.out, self.err))
    }

    /// The last of several lines of JSON.
    pub(crate) fn last(&self) -> Value {
        serde_json::from_str(self.out.lines().last().unwrap()).unwrap_or_else(|_| panic!("{}", self.out))
    }
}

/// A command that knows nothing of this machine's own configuration.
pub(crate) fn command(home: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = millrace();
    for name in
        ["MILLRACE_ENDPOINT", "MILLRACE_PROFILE", "MILLRACE_API_KEY", "NO_COLOR", "MILLRACE_MODEL", "AWS_PROFILE"]
    {
        command.env_remove(name);
    }
    command.current_dir(home).env("MILLRACE_CONFIG_DIR", home.join("config")).args(arguments);
    command
}

pub(crate) fn run(home: &Path, arguments: &[&str]) -> Done {
    command(home, arguments).output().unwrap().into()
}

impl Person {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        // Where the commands look for a local server that runs.
        let server = Server::start(&home.path().join("data/local"), &[]);
        Self { home, server }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home.path().join(name), text).unwrap();
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        run(self.home.path(), arguments)
    }

    /// The same with something on standard input.
    pub(crate) fn given(&self, input: &str, arguments: &[&str]) -> Done {
        let mut command = command(self.home.path(), arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// With `--json`, as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).ok().json()
    }
}

const GREET: &str = r#"{ "StartAt": "Greet", "QueryLanguage": "JSONata", "States": {
  "Greet": { "Type": "Pass", "Output": "{% 'Hello, ' & $states.input.name %}", "End": true } } }"#;
const WAIT: &str = "StartAt: Wait\nStates:\n  Wait: {Type: Wait, Seconds: 3600, Next: Done}\n  Done: {Type: Succeed}\n";
const FAIL: &str = "StartAt: Refuse\nStates:\n  Refuse: {Type: Fail, Error: Sold.Out, Cause: nothing is left}\n";

#[test]
fn workflows() {
    let person = Person::new();
    person.write("greet.json", GREET);
    person.write("wait.yaml", WAIT);
    person.write("broken.json", "{\n  \"StartAt\": \"A\",\n  \"States\": {}\n}");
    let made = person.run(&["workflow", "create", "greet", "greet.json", "--tag", "team=shop"]).ok();
    assert_eq!(made.out, "greet is made, version 1.\n");
    assert!(made.err.contains("Using http://127.0.0.1:") && made.err.contains("server.json"), "{}", made.err);
    person.run(&["workflow", "create", "bad", "broken.json"]).failed(9, "(400 ");
    person.run(&["workflow", "create", "bad", "nowhere.json"]).failed(1, "nowhere.json can't be read");
    let listed = person.run(&["workflow", "list"]).ok().out;
    assert!(listed.starts_with("NAME") && listed.contains("greet") && listed.contains("STANDARD"), "{listed}");
    assert_eq!(person.run(&["workflow", "list", "-q"]).ok().out, "greet\n");
    assert_eq!(person.json(&["workflow", "list"])["items"][0]["name"], "greet");
    assert_eq!(person.run(&["workflow", "show", "greet", "--definition"]).ok().out.trim(), GREET);
    assert!(person.run(&["workflow", "show", "greet"]).ok().out.contains("Tags:            team=shop"));
    person.run(&["workflow", "show", "nobody"]).failed(8, "millrace workflow list");

    let changed =
        person.given(&GREET.replace("Hello", "Hi"), &["workflow", "update", "greet", "-", "--description", "shorter"]);
    assert_eq!(changed.ok().out, "greet is changed, version 2.\n");
    person.run(&["workflow", "update", "greet", "greet.json", "--if-match", "\"0\""]).failed(1, "version-mismatch");
    let versions = person.run(&["workflow", "versions", "greet"]).ok().out;
    assert!(versions.lines().nth(1).unwrap().contains("shorter"), "{versions}");
    let diff = person.run(&["workflow", "diff", "greet"]).ok().out;
    assert!(diff.contains("-  \"Greet\": ") && diff.contains("+  \"Greet\": ") && diff.contains("'Hi, '"), "{diff}");
    assert!(
        person
            .run(&["workflow", "diff", "greet", "--from", "1", "--file", "greet.json"])
            .ok()
            .err
            .contains("are the same")
    );
    let alias = person.run(&["workflow", "alias", "set", "greet", "live", "1=90", "2=10"]).ok();
    assert_eq!(alias.out, "live leads to 1=90 2=10.\n");
    person.run(&["workflow", "alias", "set", "greet", "live", "9"]).failed(8, "");
    assert!(person.run(&["workflow", "alias", "list", "greet"]).ok().out.contains("1=90 2=10"));
    person.run(&["workflow", "alias", "delete", "greet", "live"]).failed(2, "--yes");
    person.run(&["workflow", "alias", "delete", "greet", "live", "--yes"]).ok();
    assert!(person.run(&["workflow", "validate", "greet.json"]).ok().err.contains("greet.json is valid"));
    let invalid = person.run(&["workflow", "validate", "broken.json"]).failed(9, "not valid");
    assert!(invalid.out.contains("broken.json:3:3: error"), "{}", invalid.out);
    assert!(person.run(&["workflow", "graph", "greet", "--format", "mermaid"]).ok().out.contains("Greet"));
    person.run(&["workflow", "graph", "greet", "-o", "g.svg"]).ok();
    assert!(std::fs::read_to_string(person.home.path().join("g.svg")).unwrap().starts_with("<svg"));
    person.run(&["workflow", "graph", "greet", "-o", "g.png"]).failed(2, ".svg");
    person.run(&["workflow", "delete", "greet"]).failed(2, "--yes");
    assert_eq!(person.run(&["workflow", "delete", "greet", "--yes"]).ok().out, "greet is deleted.\n");
}

#[test]
fn executions() {
    let person = Person::new();
    for (name, text) in [("greet.json", GREET), ("wait.yaml", WAIT), ("fail.yaml", FAIL)] {
        person.write(name, text);
    }
    // A file is made a workflow, once; and its next version when it changes.
    let done = person.run(&["run", "greet.json", "--input", "{\"name\": \"Ada\"}"]).ok();
    assert_eq!(done.out, "\"Hello, Ada\"\n");
    assert!(done.err.contains("Made the workflow greet"), "{}", done.err);
    let again = person.given("{\"name\": \"Bob\"}", &["run", "greet.json", "--input", "-", "--watch"]).ok();
    assert_eq!(again.out, "\"Hello, Bob\"\n");
    assert!(again.err.contains("Greet                entered (Pass)") && !again.err.contains("Made"), "{}", again.err);
    person.write("greet.json", &GREET.replace("Hello", "Hi"));
    let changed = person.run(&["run", "greet.json", "-i", "{\"name\": \"Eve\"}", "--json"]).ok();
    assert_eq!((&changed.json()["output"], &changed.json()["version"]), (&json!("Hi, Eve"), &json!(2)));
    person.run(&["run", "greet", "--input", "{name}"]).failed(2, "--input is not JSON");
    person.run(&["run", "nobody"]).failed(8, "millrace workflow list");
    person.run(&["run", "fail.yaml"]).failed(10, "ended as FAILED: Sold.Out: nothing is left");
    let broken =
        person.given("{\"StartAt\": \"A\"}", &["run", "-", "--workflow-name", "x"]).failed(9, "nothing was sent");
    assert!(broken.err.contains("<stdin>:1:1: error"), "{}", broken.err);

    let id =
        person.run(&["run", "wait.yaml", "--detach", "--quiet", "--attribute", "customer=7", "--name", "one"]).ok().out;
    let id = id.trim();
    assert!(id.starts_with("exe_"), "{id}");
    let late = person.run(&["execution", "watch", id, "--timeout", "1"]).failed(13, "execution watch");
    assert!(late.err.contains("Wait                 entered (Wait)"), "{}", late.err);
    let late = person
        .run(&["run", "wait", "--timeout", "1", "--name", "two", "--attribute", "customer=8"])
        .failed(13, "goes on");
    assert!(late.out.is_empty());
    assert!(person.run(&["execution", "show", id]).ok().out.contains("Attributes:  customer=7"));
    assert_eq!(person.run(&["execution", "list", "--attribute", "customer=7", "-q"]).ok().out.trim(), id);
    let page = person.json(&["execution", "list", "--limit", "2"]);
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(person.json(&["execution", "list", "--all", "--cursor", cursor])["next_cursor"], Value::Null);
    person.run(&["execution", "show", "exe_no"]).failed(8, "execution list");
    assert!(person.run(&["execution", "pause", id]).ok().out.contains("is paused"));
    person.run(&["execution", "resume", id]).ok();
    let history = person.run(&["execution", "history", id]).ok().out;
    assert!(history.contains("WaitStateEntered"), "{history}");
    assert!(person.run(&["execution", "graph", id]).ok().out.contains("RUNNING"));
    let planned = person.run(&["execution", "stop", "--attribute", "customer=8", "--dry-run"]).ok().out;
    assert!(planned.contains("planned") && planned.contains("two"), "{planned}");
    person.run(&["execution", "stop", "--attribute", "customer=8"]).failed(2, "--yes");
    assert!(person.run(&["execution", "stop", "--attribute", "customer=8", "--yes"]).ok().out.contains("done"));
    let stopped = person.json(&["execution", "stop", id, "--error", "Cancelled", "--cause", "no more"]);
    assert_eq!((&stopped["status"], &stopped["cause"]), (&json!("ABORTED"), &json!("no more")));
    person.run(&["execution", "watch", id]).failed(12, "Cancelled: no more");
    person.run(&["execution", "stop"]).failed(2, "required");

    let failed = person.run(&["execution", "list", "--status", "failed", "-q"]).ok().out;
    person.write("fixed.yaml", "StartAt: Refuse\nStates:\n  Refuse: {Type: Pass, Result: mended, End: true}\n");
    let redriven = person.run(&["execution", "redrive", failed.trim(), "--definition", "fixed.yaml", "--watch"]).ok();
    assert!(redriven.out.contains("\"mended\""), "{}", redriven.out);
    person.run(&["execution", "redrive", failed.trim()]).failed(1, "");
    let forked = person.json(&["execution", "fork", id, "forked", "--sequence", "0"]);
    assert_eq!(forked["name"], "forked");
    person.run(&["execution", "fork", id, "late", "--sequence", "99"]).failed(9, "sequence");
    let watched = person.run(&["execution", "watch", failed.trim(), "--json"]).ok();
    assert_eq!(
        (watched.last()["status"].as_str(), watched.last()["output"].as_str()),
        (Some("SUCCEEDED"), Some("mended"))
    );
    assert!(watched.out.lines().count() > 3);
}

#[test]
fn projects() {
    let person = Person::new();
    let templates = person.run(&["template", "list"]).ok().out;
    assert!(templates.contains("python-cli") && templates.contains("static-site"), "{templates}");
    assert!(person.run(&["template", "show", "python-cli"]).ok().out.contains("PARAMETER"));
    person.run(&["template", "show", "cobol"]).failed(8, "template list");
    let parameters = person.run(&["template", "show", "static-site", "--parameters"]).ok();
    assert!(parameters.json().is_object());
    person.run(&["project", "create"]).failed(2, "--template");
    let refused =
        person.run(&["project", "create", "-t", "python-cli", "-p", "name=Not A Slug"]).failed(9, "/parameters/name");
    assert!(refused.err.contains("template show python-cli"), "{}", refused.err);
    person.run(&["project", "create", "-r", "a shop"]).failed(9, "not-configured");

    let made = person.run(&["project", "create", "-t", "python-cli", "-p", "name=tool", "--wait", "--json"]).ok();
    let project = made.last();
    let id = project["id"].as_str().unwrap();
    assert_eq!(project["status"], "completed");
    assert!(made.out.lines().count() > 5, "{}", made.out);
    let watched = person.run(&["project", "watch", id]).ok();
    assert!(watched.err.contains("packaging") && watched.out.contains("is completed."), "{}", watched.err);
    for (command, part) in [
        ("show", "Template:"),
        ("plan", "WAVE"),
        ("files", "README.md"),
        ("tests", "RATING"),
        ("deployments", ".zip"),
        ("cost", "Spent:"),
        ("events", "project.c"),
    ] {
        let done = person.run(&["project", command, id]).ok();
        assert!(done.out.contains(part), "{command}: {}", done.out);
        person.run(&["project", command, "prj_no"]).failed(8, "project list");
    }
    assert!(person.run(&["project", "list", "--status", "completed"]).ok().out.contains(id));
    assert!(person.run(&["project", "cat", id, "README.md"]).ok().out.starts_with('#'));
    person.run(&["project", "cat", id, "no/such.file"]).failed(8, "");
    assert!(person.run(&["project", "tests", id, "--report", "junit"]).ok().out.contains("<testsuite"));
    let zip = person.run(&["project", "download", id]).ok();
    assert_eq!(&std::fs::read(person.home.path().join(zip.out.trim())).unwrap()[..2], b"PK");
    person.run(&["project", "download", id]).failed(2, "--overwrite");
    person.run(&["project", "download", id, "--overwrite", "-o", "here.zip"]).ok();
    person.run(&["project", "download", id, "--files", "out"]).ok();
    assert!(person.home.path().join("out/README.md").is_file());
    person.run(&["project", "update", id, "--description", "another", "--budget-usd", "2.5"]).ok();
    assert_eq!(person.json(&["project", "show", id])["budget"]["usd"], 2.5);
    person.run(&["project", "update", id]).failed(2, "--budget");
    person.run(&["project", "modify", id]).failed(2, "--parameter");
    person.run(&["project", "approve", id]).failed(1, "wrong-state");
    person.run(&["project", "resume", id]).failed(1, "wrong-state");
    person.run(&["project", "cancel", id, "--yes"]).failed(1, "wrong-state");
    person.run(&["project", "delete", id]).failed(2, "--yes");
    person.run(&["project", "delete", id, "--yes"]).ok();
    person.run(&["project", "show", id]).failed(8, "not-found");

    let waiting = person.json(&["project", "create", "-t", "python-cli", "-p", "name=later", "--no-start"]);
    person.run(&["project", "watch", waiting["id"].as_str().unwrap()]).failed(14, "project resume");
}

#[test]
fn functions_schedules_limits_and_keys() {
    let person = Person::new();
    person.write("price.ts", "export const handler = (event: any) => { if (event.books > 9) throw new RangeError('too many'); console.log('priced'); return { total: event.books * 12 }; };\n");
    person.write("greet.json", GREET);
    person.run(&["function", "create", "shop/price", "price.ts", "--timeout", "500"]).ok();
    person.run(&["function", "create", "shop", "price.ts"]).failed(2, "PROJECT/NAME");
    person.run(&["function", "create", "shop/price", "price.ts"]).failed(1, "");
    let called = person.run(&["function", "invoke", "shop/price", "--input", "{\"books\": 3}"]).ok();
    assert_eq!(called.out, "{\n  \"total\": 36\n}\n");
    assert!(called.err.contains("log: priced"), "{}", called.err);
    let threw = person
        .run(&["function", "invoke", "shop/price", "--input", "{\"books\": 10}"])
        .failed(10, "RangeError: too many");
    assert!(threw.err.contains("price.ts:1"), "{}", threw.err);
    person.run(&["function", "invoke", "shop/none"]).failed(8, "function list");
    assert!(person.run(&["function", "list", "shop"]).ok().out.contains("typescript"));
    assert!(person.run(&["function", "show", "shop/price"]).ok().out.contains("Timeout:     500 ms"));
    assert!(person.run(&["function", "code", "shop/price"]).ok().out.starts_with("export const handler"));
    person.run(&["function", "disable", "shop/price"]).ok();
    person.run(&["function", "invoke", "shop/price"]).failed(1, "wrong-state");
    person.run(&["function", "enable", "shop/price"]).ok();
    person.run(&["function", "update", "shop/price", "--memory", "96"]).ok();
    person.run(&["function", "update", "shop/price"]).failed(2, "nothing is to be changed");
    let registered = person.run(&["function", "register", "shop", "price.ts"]).ok().out;
    assert!(registered.contains("unchanged"), "{registered}");
    person.run(&["function", "delete", "shop/price"]).failed(2, "--yes");
    person.run(&["function", "delete", "shop/price", "-y"]).ok();

    person.run(&["workflow", "create", "greet", "greet.json"]).ok();
    let made = person
        .run(&["schedule", "create", "nightly", "cron(0 3 * * ? *)", "greet", "--input", "{\"name\": \"Ada\"}"])
        .ok();
    assert!(made.out.starts_with("nightly is ENABLED, next at "), "{}", made.out);
    person.run(&["schedule", "create", "bad", "cron(0 3)", "greet"]).failed(9, "expression");
    assert!(person.run(&["schedule", "list"]).ok().out.contains("greet"));
    assert_eq!(person.run(&["schedule", "next", "nightly", "--count", "3"]).ok().out.lines().count(), 3);
    assert_eq!(person.run(&["schedule", "preview", "rate(1 hour)", "--count", "2"]).ok().out.lines().count(), 2);
    assert!(person.run(&["schedule", "pause", "nightly"]).ok().out.contains("PAUSED"));
    person.run(&["schedule", "resume", "nightly"]).ok();
    assert!(person.run(&["schedule", "run", "nightly"]).ok().out.starts_with("started: arn:"));
    person.run(&["schedule", "update", "nightly", "rate(1 day)", "greet"]).ok();
    assert!(person.run(&["schedule", "show", "nightly"]).ok().out.contains("rate(1 day)"));
    person.run(&["schedule", "show", "none"]).failed(8, "schedule list");
    person.run(&["schedule", "delete", "nightly", "-y"]).ok();

    let pattern = r#"{"source": ["github"], "detail-type": ["push"]}"#;
    let made = person.json(&["webhook", "rule", "create", "build", "greet", "--pattern", pattern]);
    let rule = made["id"].as_str().unwrap();
    person.run(&["webhook", "rule", "create", "build", "greet"]).failed(2, "--pattern");
    person.run(&["webhook", "rule", "create", "x", "greet", "--pattern", "{\"source\": 1}"]).failed(9, "pattern");
    assert!(person.run(&["webhook", "rule", "list"]).ok().out.contains("greet"));
    let event = r#"{"source": "github", "detail-type": "push", "detail": {"ref": "main"}}"#;
    person.run(&["webhook", "rule", "test", "--pattern", pattern, "--event", event]).ok();
    let other = event.replace("push", "ping");
    person.run(&["webhook", "rule", "test", "--pattern", pattern, "--event", &other]).failed(10, "does not fit");
    person.run(&["webhook", "rule", "disable", rule]).ok();
    assert!(person.run(&["webhook", "rule", "show", rule]).ok().out.contains("Enabled:   no"));
    person.run(&["webhook", "rule", "update", rule, "--name", "other"]).ok();
    person.run(&["webhook", "rule", "delete", rule, "-y"]).ok();
    person.run(&["webhook", "rule", "show", rule]).failed(8, "webhook rule list");
    assert!(person.run(&["webhook", "list"]).ok().err.contains("There are none"));
    person.run(&["webhook", "show", "whe_no"]).failed(8, "webhook list");
    person.run(&["webhook", "replay", "--source", "github"]).failed(2, "--yes");
    person.run(&["webhook", "replay", "--source", "github", "--yes"]).ok();

    let limited = format!("limits: {{concurrency: [{{key: shop, limit: 1}}]}}\n{WAIT}");
    person.write("limited.yaml", &limited);
    person.run(&["run", "limited.yaml", "--detach", "-q"]).ok();
    assert!(person.run(&["limit", "list"]).ok().out.contains("shop"));
    assert!(person.run(&["limit", "set", "shop", "--concurrency", "2"]).ok().out.contains("2 at once"));
    assert!(person.run(&["limit", "show", "shop"]).ok().out.contains("Who runs:"));
    person.run(&["limit", "reset", "shop", "-y"]).ok();
    person.run(&["limit", "set", "shop", "--rate", "x"]).failed(2, "100/60");
    person.run(&["limit", "show", "none"]).failed(8, "limit list");

    let key = person.run(&["key", "create", "ci", "--role", "run"]).ok();
    assert_eq!(key.out.lines().count(), 1);
    let listed = person.run(&["key", "list"]).ok().out;
    assert!(listed.contains("ci") && !listed.contains(key.out.trim()), "{listed}");
    let id = person.run(&["key", "list", "-q"]).ok().out;
    assert!(person.run(&["key", "show", id.trim()]).ok().out.contains("Role:"));
    assert_ne!(person.run(&["key", "rotate", id.trim()]).ok().out, key.out);
    person.run(&["key", "revoke", id.trim()]).failed(2, "--yes");
    person.run(&["key", "revoke", id.trim(), "-y"]).ok();
    person.run(&["key", "create", "x", "--role", "boss"]).failed(2, "admin");
}
