//! Watching an execution: its events as they come, and its end.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::route;
use crate::client::{Api, Call, Changes, Heard, is_local};
use crate::commands::{Session, patiently, when_interrupted};
use crate::exit::{EndedError, Ending};
use crate::output::{Progress, clean, compact, count, items, text, time};

/// The longest that the server is asked to wait, in seconds; gateways give up after thirty.
const LONGEST_WAIT: u64 = 20;
/// How often a server on this machine is asked; another one less often while nothing happens.
const OFTEN: Duration = Duration::from_millis(150);
const SELDOM: Duration = Duration::from_secs(2);
/// How often it is asked where it tells of changes by itself, and how often it is tried to have it do so.
const BY_ITSELF: Duration = Duration::from_secs(20);

/// How an execution is followed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Following {
    /// How long at the most.
    pub(crate) timeout: Option<Duration>,
    /// From the first event; else from now on.
    pub(crate) whole: bool,
}

pub(super) fn is_over(view: &Value) -> bool {
    !matches!(text(view, "/status"), "RUNNING" | "PENDING_REDRIVE")
}

/// How an execution ended, as a result: an error unless it succeeded.
pub(crate) fn ended(view: &Value) -> anyhow::Result<()> {
    let id = text(view, "/id");
    let ending = match text(view, "/status") {
        "SUCCEEDED" => return Ok(()),
        "TIMED_OUT" => Ending::TimedOut,
        "ABORTED" => Ending::Stopped,
        "FAILED" => Ending::Failed,
        _ => Ending::Unfinished,
    };
    let reason: Vec<&str> =
        [text(view, "/error"), text(view, "/cause")].into_iter().filter(|text| !text.is_empty()).collect();
    let reason = if reason.is_empty() { String::new() } else { format!(": {}", reason.join(": ")) };
    let next = if ending == Ending::Unfinished {
        format!("`millrace execution watch {id}` watches it again")
    } else {
        format!(
            "`millrace execution history {id} --reverse` tells more, `millrace execution redrive {id}` goes on with it"
        )
    };
    let what =
        if ending == Ending::Unfinished { "goes on".to_owned() } else { format!("ended as {}", text(view, "/status")) };
    Err(EndedError { ending, text: format!("the execution {what}{reason}\nnext: {next}") }.into())
}

/// Waits for the end without showing events.
pub(crate) fn wait(session: &Session, api: &Api, id: &str, timeout: Option<Duration>) -> anyhow::Result<Value> {
    when_interrupted(farewell(id));
    let began = Instant::now();
    let mut progress = Progress::new(session.out.is_silent());
    loop {
        let left = timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
        let seconds = left.map_or(LONGEST_WAIT, |left| left.as_secs().clamp(1, LONGEST_WAIT));
        let say = |line: &str| progress.say(line);
        let view = patiently(say, || api.json(Call::get(route(id, &[])).query("wait", seconds)))?;
        if is_over(&view) || timeout.is_some_and(|timeout| began.elapsed() >= timeout) {
            progress.end();
            return Ok(view);
        }
        progress.status(&standing(&view));
    }
}

fn farewell(id: &str) -> String {
    format!(
        "the execution goes on: `millrace execution watch {id}` watches it again, `millrace execution stop {id}` stops it"
    )
}

/// Where an execution stands, in a line.
fn standing(view: &Value) -> String {
    let paused = if view.get("paused") == Some(&Value::Bool(true)) { ", paused" } else { "" };
    match text(view, "/state") {
        "" => format!("{}{paused}", text(view, "/status")),
        state => clean(&format!("{} at {state}{paused}", text(view, "/status"))),
    }
}

/// Shows events until the end: as lines on standard error, with `--json` as they are on standard output.
pub(crate) fn follow(session: &Session, api: &Api, id: &str, how: &Following) -> anyhow::Result<Value> {
    when_interrupted(farewell(id));
    let began = Instant::now();
    let mut progress = Progress::new(session.out.is_silent());
    let mut events = Events::default();
    if !how.whole {
        let last = api.json(Call::get(route(id, &["history"])).query("reverse", true).query("limit", 1))?;
        events.last = last.pointer("/items/0/id").and_then(Value::as_u64).unwrap_or_default();
    }
    let often = if is_local(&api.target().base) { OFTEN } else { OFTEN * 4 };
    let mut pause = often;
    let mut live = Live::default();
    loop {
        // The execution first: what ended it is among the events that are read afterwards.
        let say = |line: &str| progress.say(line);
        let view = patiently(say, || api.get(route(id, &[])))?;
        let mut came = false;
        loop {
            let call = Call::get(route(id, &["history"])).query("limit", 100).query("cursor", events.last + 1);
            let page = patiently(|line| progress.say(line), || api.json(call.clone()))?;
            for event in items(&page, "/items") {
                came = true;
                if session.out.json {
                    progress.suspended(|| session.out.row(event))?;
                } else {
                    progress.say(&events.line(event));
                }
                events.see(event);
            }
            if text(&page, "/next_cursor").is_empty() {
                break;
            }
        }
        let late = how.timeout.is_some_and(|timeout| began.elapsed() >= timeout);
        if is_over(&view) || late {
            progress.end();
            return Ok(view);
        }
        progress.status(&standing(&view));
        pause = if came { often } else { (pause * 2).min(SELDOM) };
        let left = how.timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(began.elapsed()));
        live.pause(api, text(&view, "/id"), pause, left);
    }
}

/// Waits between looks: until the server tells of a change where it does, else for a while.
#[derive(Debug, Default)]
struct Live {
    changes: Option<Changes>,
    tried: Option<Instant>,
}

impl Live {
    fn pause(&mut self, api: &Api, id: &str, pause: Duration, left: Duration) {
        if self.changes.is_none() && self.tried.is_none_or(|tried| tried.elapsed() > BY_ITSELF) {
            self.changes = Changes::of(api.target(), &format!("execution/{id}"));
            self.tried = Some(Instant::now());
        }
        let Some(changes) = &mut self.changes else { return std::thread::sleep(pause.min(left)) };
        if changes.wait(BY_ITSELF.min(left)) == Heard::Gone {
            self.changes = None;
        }
    }
}

/// The events that were seen, and the states that they belong to.
#[derive(Debug, Default)]
struct Events {
    last: u64,
    states: HashMap<u64, String>,
}

impl Events {
    fn see(&mut self, event: &Value) {
        let number = |pointer| event.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        let id = number("/id");
        let state = self.state(event);
        self.last = self.last.max(id);
        self.states.insert(id, state);
    }

    /// The state of an event: its own, or that of the event that led to it.
    fn state(&self, event: &Value) -> String {
        let own = text(event, "/details/name");
        let kind = text(event, "/type");
        if kind.contains("State") && !own.is_empty() {
            return own.to_owned();
        }
        let previous = event.pointer("/previous_event_id").and_then(Value::as_u64).unwrap_or_default();
        self.states.get(&previous).cloned().unwrap_or_default()
    }

    /// An event as a line for people.
    fn line(&self, event: &Value) -> String {
        let at = time(event, "/timestamp");
        let at = at.split_once(' ').map_or(at.as_str(), |(_, time)| time);
        let kind = text(event, "/type");
        let what = match kind {
            _ if kind.ends_with("StateEntered") => format!("entered ({})", kind.trim_end_matches("StateEntered")),
            _ if kind.ends_with("StateExited") => "left".to_owned(),
            _ => words(kind),
        };
        let mut more = Vec::new();
        for pointer in ["/details/resource", "/details/error", "/details/cause"] {
            more.extend(Some(text(event, pointer)).filter(|text| !text.is_empty()).map(str::to_owned));
        }
        if kind == "MapStateStarted" {
            more.push(format!("{} items", count(event, "/details/length")));
        }
        if kind.starts_with("MapIteration") {
            more.push(format!("item {}", count(event, "/details/index")));
        }
        if kind == "ExecutionSucceeded" {
            more.extend(event.pointer("/details/output").map(|output| compact(output, 100)));
        }
        let state = if kind.starts_with("Execution") { String::new() } else { self.state(event) };
        let line = format!("{at}  {state:<20} {what}");
        let line = if more.is_empty() { line } else { format!("{line}: {}", more.join(": ")) };
        clean(&line.replace(['\n', '\t'], " "))
    }
}

/// `TaskTimedOut` as `task timed out`.
fn words(kind: &str) -> String {
    let mut text = String::new();
    for letter in kind.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_told_with_their_states() {
        let mut events = Events::default();
        let all = [
            json!({ "id": 1, "previous_event_id": 0, "type": "ExecutionStarted", "timestamp": "2026-01-02T03:04:05.678Z", "details": {} }),
            json!({ "id": 2, "previous_event_id": 0, "type": "TaskStateEntered", "timestamp": "2026-01-02T03:04:05.678Z", "details": { "name": "Pay" } }),
            json!({ "id": 3, "previous_event_id": 2, "type": "TaskFailed", "timestamp": "2026-01-02T03:04:06Z",
                    "details": { "resource": "invoke", "error": "No", "cause": "a\nb\u{1b}" } }),
        ];
        let lines: Vec<String> = all
            .iter()
            .map(|event| {
                let line = events.line(event);
                events.see(event);
                line
            })
            .collect();
        assert_eq!(
            lines,
            [
                "03:04:05                       execution started",
                "03:04:05  Pay                  entered (Task)",
                "03:04:06  Pay                  task failed: invoke: No: a b\u{fffd}",
            ]
        );
        assert_eq!(events.last, 3);
    }

    #[test]
    fn an_end_has_its_code() {
        let code = |status: &str| ended(&json!({ "id": "exe_1", "status": status, "error": "E", "cause": "why" }));
        assert!(code("SUCCEEDED").is_ok());
        for (status, ending) in [
            ("FAILED", Ending::Failed),
            ("TIMED_OUT", Ending::TimedOut),
            ("ABORTED", Ending::Stopped),
            ("RUNNING", Ending::Unfinished),
        ] {
            let error = code(status).unwrap_err();
            assert_eq!(error.downcast_ref::<EndedError>().unwrap().ending, ending);
            assert!(error.to_string().contains("E: why") && error.to_string().contains("next: `millrace execution"));
        }
    }
}
