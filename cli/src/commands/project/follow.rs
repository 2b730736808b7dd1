//! Watching a project: its events as they come, and the end of its delivery.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::route;
use crate::client::{Api, Call, is_local};
use crate::commands::{Session, patiently, when_interrupted};
use crate::exit::{EndedError, Ending};
use crate::output::{Progress, clean, items, text, time};

/// How often a server on this machine is asked, and another one.
const OFTEN: Duration = Duration::from_millis(100);
const SELDOM: Duration = Duration::from_secs(2);

/// What happens in a project.
pub(crate) enum Seen<'a> {
    /// An event.
    Event(&'a Value),
    /// Its status at the moment.
    Status(&'a str),
}

/// Tells what happens, and what is to say of the watching itself, until the delivery ends, waits for somebody, or the time is over; gives the project.
pub(crate) fn follow(
    api: &Api,
    id: &str,
    timeout: Option<Duration>,
    remark: impl Fn(&str),
    mut see: impl FnMut(Seen<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Value> {
    let began = Instant::now();
    let pause = if is_local(&api.target().base) { OFTEN } else { SELDOM };
    let mut last: Option<String> = None;
    loop {
        // The project first: whatever its end recorded is among the events that are read afterwards.
        let project = patiently(&remark, || api.get(route(id, &[])))?;
        loop {
            let call = Call::get(route(id, &["events"])).query("limit", 100).maybe("after", last.as_ref());
            let page = patiently(&remark, || api.json(call.clone()))?;
            let events = items(&page, "/items");
            for event in events {
                see(Seen::Event(event))?;
            }
            match events.last() {
                Some(event) => last = Some(text(event, "/id").to_owned()),
                None => break,
            }
        }
        let status = text(&project, "/status");
        // One that was started is `created` until its first task begins.
        let unstarted = status == "created" && text(&project, "/execution_id").is_empty();
        let over = unstarted || matches!(status, "completed" | "failed" | "cancelled" | "paused" | "awaiting_approval");
        if over || timeout.is_some_and(|timeout| began.elapsed() >= timeout) {
            return Ok(project);
        }
        see(Seen::Status(status))?;
        std::thread::sleep(pause);
    }
}

/// Shows what happens: as lines on standard error, with `--json` as it is on standard output.
pub(super) fn watch(session: &Session, api: &Api, id: &str, timeout: Option<Duration>) -> anyhow::Result<Value> {
    when_interrupted(format!("the delivery goes on: `millrace project watch {id}` watches it again"));
    let progress = Progress::new(session.out.is_silent());
    follow(
        api,
        id,
        timeout,
        |remark| progress.say(remark),
        |seen| {
            match seen {
                Seen::Event(event) if session.out.json => progress.suspended(|| session.out.row(event))?,
                Seen::Event(event) => progress.say(&line(event)),
                Seen::Status(status) => progress.status(status),
            }
            Ok(())
        },
    )
}

fn line(event: &Value) -> String {
    let at = time(event, "/at");
    let at = at.split_once(' ').map_or(at.as_str(), |(_, time)| time);
    clean(&format!("{at}  {:<11} {}", text(event, "/stage"), text(event, "/message")))
}

/// How a delivery ended, as a result: an error unless it is complete.
pub(crate) fn ended(project: &Value) -> anyhow::Result<()> {
    let (id, status) = (text(project, "/id"), text(project, "/status"));
    let (ending, next) = match status {
        "completed" => return Ok(()),
        "failed" => (
            Ending::Failed,
            format!("`millrace project events {id} --all` tells more, `millrace project resume {id}` goes on with it"),
        ),
        "cancelled" => (Ending::Stopped, format!("`millrace project resume {id}` goes on with it")),
        "paused" => (
            Ending::Waits,
            format!(
                "`millrace project resume {id}` goes on with it, for example after `millrace project update {id} --budget-usd …`"
            ),
        ),
        "awaiting_approval" => (
            Ending::Waits,
            format!("`millrace project plan {id}` shows the plan, `millrace project approve {id}` approves it"),
        ),
        "created" if text(project, "/execution_id").is_empty() => {
            (Ending::Waits, format!("`millrace project resume {id}` starts it"))
        }
        _ => (Ending::Unfinished, format!("`millrace project watch {id}` watches it again")),
    };
    let why: Vec<&str> = [text(project, "/failure/cause"), text(project, "/failure/what_to_do")]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(" ")) };
    let verb = if ending == Ending::Unfinished { "goes on:" } else { "is" };
    Err(EndedError { ending, text: format!("the delivery {verb} {status}{why}\nnext: {next}") }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_end_says_what_to_do() {
        for (status, ending) in [
            ("failed", Ending::Failed),
            ("cancelled", Ending::Stopped),
            ("awaiting_approval", Ending::Waits),
            ("testing", Ending::Unfinished),
        ] {
            let error = ended(&json!({ "id": "prj_1", "status": status, "failure": { "cause": "why" } })).unwrap_err();
            assert_eq!(error.downcast_ref::<EndedError>().unwrap().ending, ending);
            assert!(error.to_string().contains("next: `millrace project "), "{error}");
        }
        assert!(ended(&json!({ "status": "completed" })).is_ok());
    }
}
