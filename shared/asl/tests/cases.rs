//! A folder for each behaviour: `definition.json` (or `.yaml`), `input.json`, `script.json`, and what comes of it in
//! `history.snap`. Review changes with `cargo insta review`.
//!
//! The script says what each attempt at a task answers, by the state's name, and which events come from outside:
//!
//! ```json
//! { "answers": { "Work": [{ "error": "Busy", "cause": "try later" }, { "after": 1500, "output": 7 }] },
//!   "events": [{ "at": 60000, "abort": { "error": "Stopped" } }] }
//! ```
//!
//! Times are milliseconds. The last answer of a state repeats; `{ "echo": true }` answers the input,
//! `{ "never": true }` nothing. Events: `abort`, `task_succeeded`, `task_failed`, `not_started`, `started`, `submitted`,
//! `heartbeat`, `reported` (with the token that the task then has), `timer`, `child_ended`, `joined`, at the execution's
//! own log or at `log`, a list of `[fan-out, index]`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod driver;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use driver::{Answer, LogPath, World, offset};
use millrace_asl::{Effect, Event, EventType, Failure, Outcome, Report, StateMachine};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
    answers: std::collections::BTreeMap<String, Vec<Reply>>,
    events: Vec<Planned>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reply {
    after: i64,
    output: Option<Value>,
    echo: bool,
    never: bool,
    error: Option<String>,
    cause: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Planned {
    at: i64,
    #[serde(default)]
    log: LogPath,
    #[serde(flatten)]
    event: Outside,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outside {
    Abort { error: Option<String>, cause: Option<String> },
    TaskSucceeded { id: u32, output: Value },
    TaskFailed { id: u32, error: Option<String> },
    NotStarted { id: u32, error: Option<String> },
    Started { id: u32, worker: Option<String> },
    Submitted { id: u32, output: Value },
    Heartbeat { id: u32, at: i64 },
    Reported { id: u32, output: Option<Value>, error: Option<String>, cause: Option<String>, secret: Option<String> },
    Timer(u32),
    ChildEnded { fanout: u32, index: u32, error: Option<String> },
    Joined { fanout: u32, outputs: Vec<(u32, Value)> },
}

impl Outside {
    fn event(self) -> Event {
        let failure = |error: Option<String>, cause: Option<String>| Failure { error, cause };
        match self {
            Self::Abort { error, cause } => Event::Abort { failure: failure(error, cause) },
            Self::TaskSucceeded { id, output } => Event::TaskSucceeded { id, output },
            Self::TaskFailed { id, error } => Event::TaskFailed { id, failure: failure(error, None) },
            Self::NotStarted { id, error } => Event::TaskNotStarted { id, failure: failure(error, None) },
            Self::Started { id, worker } => Event::TaskStarted { id, worker },
            Self::Submitted { id, output } => Event::TaskSubmitted { id, output },
            Self::Heartbeat { id, at } => Event::TaskHeartbeat { id, at: driver::BEGINNING.plus_millis(at) },
            Self::Reported { id, output, error, cause, secret } => {
                let report = match output {
                    Some(output) => Report::Success { output },
                    None => Report::Failure { failure: failure(error, cause) },
                };
                Event::TaskReported { id, secret: secret.unwrap_or_default(), report }
            }
            Self::Timer(id) => Event::TimerFired { id },
            Self::ChildEnded { fanout, index, error } => {
                Event::ChildEnded { fanout, index, failure: error.map(|error| failure(Some(error), None)) }
            }
            Self::Joined { fanout, outputs } => Event::ChildrenJoined { fanout, outputs },
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn play(case: &Path) -> String {
    let definition = ["definition.json", "definition.yaml"].map(|name| std::fs::read_to_string(case.join(name)));
    let definition = definition.into_iter().find_map(Result::ok).expect("a definition");
    let machine = StateMachine::parse(&definition).unwrap_or_else(|problem| panic!("{problem:?}"));
    let read = |name: &str| std::fs::read_to_string(case.join(name)).ok();
    let input = read("input.json").map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    let script: Script = read("script.json").map_or_else(Script::default, |text| serde_json::from_str(&text).unwrap());
    let answers = script.answers;
    let worker = move |state: &str, times: usize, input: &Value| {
        let replies = answers.get(state).unwrap_or_else(|| panic!("no answer for {state}"));
        let reply = replies.get(times).or_else(|| replies.last()).unwrap().clone();
        let result = match reply {
            Reply { never: true, .. } => None,
            Reply { echo: true, .. } => Some(Ok(input.clone())),
            Reply { output: Some(output), .. } => Some(Ok(output)),
            Reply { error, cause, .. } => Some(Err(Failure { error, cause })),
        };
        Answer { after: reply.after, result }
    };
    let mut world = World::start(&machine, input, Box::new(worker));
    for planned in script.events {
        world.plan(planned.at, planned.log, planned.event.event());
    }
    assert!(world.run(10_000), "the case doesn't come to rest");
    show(&world)
}

fn show(world: &World<'_>) -> String {
    let mut text = String::new();
    match world.outcome() {
        Some(Outcome::Succeeded { output }) => writeln!(text, "SUCCEEDED {output}").unwrap(),
        Some(Outcome::Failed { failure }) => writeln!(text, "FAILED {failure:?}").unwrap(),
        Some(Outcome::TimedOut) => writeln!(text, "TIMED_OUT").unwrap(),
        Some(Outcome::Aborted { failure }) => writeln!(text, "ABORTED {failure:?}").unwrap(),
        None => writeln!(text, "RUNNING in {}", world.snapshot().state().unwrap()).unwrap(),
    }
    writeln!(text, "\nhistory").unwrap();
    for event in world.history() {
        let details = Value::Object(event.details);
        let (id, previous, name) = (event.id, event.previous, event.kind.name());
        writeln!(text, "{id:3} <{previous:3} {} {name} {details}", offset(event.at)).unwrap();
    }
    for (log, history) in world.executions() {
        writeln!(text, "\nexecution at {log:?}").unwrap();
        for event in history {
            let details = Value::Object(event.details);
            let (id, previous, name) = (event.id, event.previous, event.kind.name());
            writeln!(text, "{id:3} <{previous:3} {} {name} {details}", offset(event.at)).unwrap();
        }
    }
    for (title, notes) in [("effects", &world.effects), ("decided nothing", &world.ignored)] {
        if !notes.is_empty() {
            writeln!(text, "\n{title}").unwrap();
        }
        for note in notes {
            let log: String = note.log.iter().map(|(fanout, index)| format!("/{fanout}.{index}")).collect();
            writeln!(text, "{} {}{} {}", offset(note.at), if log.is_empty() { "/" } else { "" }, log, note.text)
                .unwrap();
        }
    }
    text
}

#[test]
fn every_case() {
    let mut failed = Vec::new();
    for case in cases() {
        let compared = std::panic::catch_unwind(|| {
            let text = play(&case);
            insta::with_settings!({
                snapshot_path => &case, prepend_module_to_snapshot => false, omit_expression => true,
            }, { insta::assert_snapshot!("history", text) });
        });
        if compared.is_err() {
            failed.push(case.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    assert!(failed.is_empty(), "these cases failed: {}", failed.join(", "));
}

/// Names every effect; the match is exhaustive, so that a new one is missed by nobody.
const fn name_of(effect: &Effect) -> &'static str {
    match effect {
        Effect::InvokeTask { .. } => "InvokeTask",
        Effect::SetTimer { .. } => "SetTimer",
        Effect::StartChild { .. } => "StartChild",
        Effect::JoinChildren { .. } => "JoinChildren",
        Effect::AbortChildren { .. } => "AbortChildren",
        Effect::StopExecution { .. } => "StopExecution",
        Effect::TurnChildren { .. } => "TurnChildren",
        Effect::MapRunEnded { .. } => "MapRunEnded",
    }
}

#[test]
fn every_event_type_and_effect_is_in_some_case() {
    let texts: Vec<String> =
        cases().iter().map(|case| std::fs::read_to_string(case.join("history.snap")).unwrap_or_default()).collect();
    let seen = |name: &str| texts.iter().any(|text| text.contains(&format!(" {name} ")));
    let unseen = EventType::ALL.iter().map(|kind| kind.name()).filter(|name| !seen(name));
    // An execution is redriven from outside (`src/redrive.rs`, `tests/redrive.rs` of the simulation).
    let unseen: Vec<&str> = unseen.filter(|name| !name.ends_with("Redriven")).collect();
    assert!(unseen.is_empty(), "no case shows {}", unseen.join(", "));
    let effects = [
        Effect::InvokeTask { id: 1, state: String::new(), resource: String::new(), input: Value::Null },
        Effect::SetTimer { id: 1, at: driver::BEGINNING },
        Effect::JoinChildren { fanout: 0 },
        Effect::AbortChildren { fanout: 0, children: Vec::new() },
        Effect::StopExecution { execution: String::new() },
    ];
    for name in effects.iter().map(name_of).chain(["StartChild", "MapRunEnded"]) {
        assert!(seen(name), "no case shows the effect {name}");
    }
}
