//! `millrace execution logs`.

use std::time::Duration;

use serde_json::Value;

use super::follow::is_over;
use super::route;
use crate::client::{Api, Call, is_local};
use crate::commands::{Session, patiently, when_interrupted};
use crate::output::{Progress, at, clean, compact, items, text, time};

/// How often it is asked for more, on this machine and elsewhere.
const OFTEN: Duration = Duration::from_millis(500);
const SELDOM: Duration = Duration::from_secs(2);
/// After an execution's end it is asked this often again: its last records are written a moment later.
const LAST_LOOKS: u32 = 2;

/// Which records.
#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    /// The execution's id or ARN.
    id: String,
    /// Show what comes, until the execution ends.
    #[arg(short, long)]
    follow: bool,
    /// Only what is at least so severe.
    #[arg(long, value_parser = ["error", "warn", "info", "debug", "trace"], ignore_case = true)]
    level: Option<String>,
    /// Only what has this text in its message or a field.
    #[arg(long)]
    text: Option<String>,
}

/// Shows the records of an execution, the oldest first, or where they can be seen.
pub(crate) fn logs(session: &Session, asked: &Logs) -> anyhow::Result<()> {
    let api = session.api()?;
    if asked.follow {
        when_interrupted(format!("`millrace execution logs {}` shows them again", asked.id));
    }
    let progress = Progress::new(session.out.is_silent());
    let pause = if is_local(&api.target().base) { OFTEN } else { SELDOM };
    let (mut cursor, mut looks, mut shown) = (None, 0, 0_usize);
    loop {
        let is_over = !asked.follow || {
            let view = patiently(|line| progress.say(line), || api.get(route(&asked.id, &[])))?;
            is_over(&view)
        };
        loop {
            let page = patiently(|line| progress.say(line), || read(&api, asked, cursor.as_deref()))?;
            let url = text(&page, "/url");
            if !url.is_empty() {
                return linked(session, &page, url);
            }
            for record in items(&page, "/items") {
                shown += 1;
                if session.out.json { session.out.row(record)? } else { session.out.line(&line(record))? }
            }
            cursor = Some(text(&page, "/follow_cursor").to_owned()).filter(|cursor| !cursor.is_empty());
            if text(&page, "/next_cursor").is_empty() {
                break;
            }
        }
        if is_over {
            looks += 1;
            if !asked.follow || looks > LAST_LOOKS {
                break;
            }
        }
        std::thread::sleep(pause);
    }
    if shown == 0 {
        session.out.note("Nothing is kept that was logged about it: it is too long ago, or nothing was as severe.");
    }
    Ok(())
}

fn read(api: &Api, asked: &Logs, cursor: Option<&str>) -> anyhow::Result<Value> {
    let call = Call::get(route(&asked.id, &["logs"])).query("order", "oldest").query("limit", 100);
    let level = asked.level.as_ref().map(|level| level.to_lowercase());
    api.json(call.maybe("level", level).maybe("text", asked.text.as_ref()).maybe("cursor", cursor))
}

/// Says where the logs are.
fn linked(session: &Session, page: &Value, url: &str) -> anyhow::Result<()> {
    if session.out.json {
        return Ok(session.out.row(page)?);
    }
    session.out.note("The logs are in CloudWatch; open this, signed in to the stack's account:");
    Ok(session.out.line(&clean(url))?)
}

/// Fields that are told elsewhere in a line, or in every line.
const LEFT_OUT: [&str; 7] =
    ["execution_id", "project_id", "request_id", "message_id", "receive_count", "trace_id", "span_id"];

/// A record as a line for people.
fn line(record: &Value) -> String {
    let mut line =
        format!("{}  {:<5}  {}", time(record, "/timestamp"), text(record, "/level"), text(record, "/message"));
    for (name, value) in at(record, "/fields").as_object().into_iter().flatten() {
        match value {
            _ if LEFT_OUT.contains(&name.as_str()) || value.is_null() => {}
            Value::String(text) => line.push_str(&format!("  {name}={text}")),
            value => line.push_str(&format!("  {name}={}", compact(value, 80))),
        }
    }
    clean(&line.replace(['\n', '\t'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_is_a_line() {
        let record = json!({ "timestamp": "2026-01-02T03:04:05.678901Z", "level": "WARN", "message": "a\nb\u{1b}",
            "location": "x", "fields": { "execution_id": "exe_1", "state": "Pay", "millis": 3, "span_id": "1" } });
        assert_eq!(line(&record), "2026-01-02 03:04:05  WARN   a b\u{fffd}  state=Pay  millis=3");
    }
}
