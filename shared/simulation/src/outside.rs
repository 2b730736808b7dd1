//! Whoever works outside of the world: holds task tokens, sends heartbeats and reports, polls activities.
//!
//! What a task is given says what its worker does: `{"fail": NAME}` reports a failure, `{"beat_for": SECONDS}` sends
//! heartbeats for so long before the report, everything else reports a success at once. A call that fails is made again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::activities::{CreateActivity, create_activity, get_activity_task};
use millrace_app::executions::{TaskTokenError, send_task_failure, send_task_heartbeat, send_task_success};
use millrace_app::ports::Ports;
use serde_json::{Value, json};

/// The pause between two heartbeats.
const BEAT_MILLIS: i64 = 10_800_000;

/// A task that somebody outside is at.
#[derive(Debug, Clone)]
struct Held {
    token: String,
    input: Value,
    next: Timestamp,
    until: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    held: Vec<Held>,
    activities: Vec<String>,
    taken: Vec<String>,
}

/// The workers outside.
#[derive(Debug, Default)]
pub struct Outside(Mutex<State>);

impl Outside {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody got a token, at the start of a task or by an activity.
    pub fn hold(&self, token: &str, input: &Value, now: Timestamp) {
        let beats = input.get("beat_for").and_then(Value::as_i64).unwrap_or_default();
        let until = now.plus_millis(beats.saturating_mul(1000));
        self.state().held.push(Held { token: token.to_owned(), input: input.clone(), next: now, until });
    }

    /// The tokens that workers of activities were given, in order.
    #[must_use]
    pub fn taken(&self) -> Vec<String> {
        self.state().taken.clone()
    }

    /// Is there anybody at all?
    pub(crate) fn has_work(&self) -> bool {
        let state = self.state();
        !state.held.is_empty() || !state.activities.is_empty()
    }

    /// When somebody does something next of their own accord.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.state().held.iter().map(|held| held.next).min()
    }

    /// Makes the activities that a definition names.
    pub(crate) async fn create_activities<P: Ports>(&self, ports: &P, definition: &str) {
        for part in definition.split('"').filter(|text| text.contains(":activity:")) {
            let create =
                CreateActivity { arn: part.to_owned(), owner: "test".to_owned(), encryption: None, tags: Vec::new() };
            if create_activity(ports, create).await.is_ok() && !self.state().activities.iter().any(|arn| arn == part) {
                self.state().activities.push(part.to_owned());
            }
        }
    }

    /// Somebody does something: whoever `draw` says. False when nobody has anything to do now.
    pub(crate) async fn act<P: Ports>(
        &self,
        ports: &P,
        now: Timestamp,
        draw: &mut (dyn FnMut() -> u64 + Send),
    ) -> bool {
        let activities = self.state().activities.clone();
        if !activities.is_empty() && draw().is_multiple_of(2) {
            let place = usize::try_from(draw()).unwrap_or_default() % activities.len();
            let worker = format!("worker-{}", draw() % 3);
            let Some(arn) = activities.get(place) else { return false };
            if let Ok(Some(task)) = get_activity_task(ports, arn, Some(&worker), Duration::ZERO).await {
                self.state().taken.push(task.token.clone());
                self.hold(&task.token, &task.input, now);
                return true;
            }
        }
        let held = {
            let mut state = self.state();
            let ready: Vec<usize> =
                state.held.iter().enumerate().filter(|(_, held)| held.next <= now).map(|(place, _)| place).collect();
            if ready.is_empty() {
                return false;
            }
            let place = ready.get(usize::try_from(draw()).unwrap_or_default() % ready.len()).copied();
            state.held.remove(place.unwrap_or_default())
        };
        let Held { token, input, until, .. } = held.clone();
        let done = if until > now {
            send_task_heartbeat(ports, &token).await
        } else if let Some(name) = input.get("fail").and_then(Value::as_str) {
            send_task_failure(ports, &token, Some(name.to_owned()), Some("as asked".to_owned())).await
        } else {
            send_task_success(ports, &token, &json!({ "done": input }).to_string()).await
        };
        let next = match done {
            // It goes on, or what failed is tried again.
            Ok(()) if until > now => now.plus_millis(BEAT_MILLIS).min(until),
            Err(TaskTokenError::App(_)) => now.plus_millis(1_000),
            Ok(()) | Err(_) => return true,
        };
        self.state().held.push(Held { next, ..held });
        true
    }
}
