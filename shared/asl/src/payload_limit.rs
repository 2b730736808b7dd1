//! The service's limits on data and histories, where an execution has them (`payload_limit: aws`).

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::run::Run;
use crate::snapshot::{Failure, Snapshot};

/// How large inputs, outputs and results may be, and how long a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadLimit {
    /// No limit.
    #[default]
    None,
    /// As Step Functions has it: 262,144 bytes of UTF-8 and 25,000 events.
    Aws,
}

/// Bytes of a value as JSON text in UTF-8.
const LARGEST: usize = 262_144;
/// Events of a history, the last one included.
const MOST_EVENTS: u64 = 25_000;

impl PayloadLimit {
    /// No limit?
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// Counts bytes and refuses those that are too many.
struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::other("too large"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_too_large(value: &Value) -> bool {
    serde_json::to_writer(Counter(LARGEST), value).is_err()
}

impl Run<'_> {
    /// Checks what a state or a task gave. `name` is the state's, the function's or the service's.
    pub(crate) fn fits(&self, thread: &Snapshot, name: &str, value: &Value) -> Result<(), Failure> {
        self.within(thread, value, || {
            format!(
                "The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
            )
        })
    }

    /// Checks what a task is given.
    pub(crate) fn fits_as_input(&self, thread: &Snapshot, name: &str, value: &Value) -> Result<(), Failure> {
        self.within(thread, value, || {
            format!(
                "The state/task '{name}' was given an input with a size exceeding the maximum number of bytes service \
                 limit."
            )
        })
    }

    fn within(&self, thread: &Snapshot, value: &Value, cause: impl FnOnce() -> String) -> Result<(), Failure> {
        if thread.execution.payload_limit.is_none() || !is_too_large(value) {
            return Ok(());
        }
        Err(Failure::new("States.DataLimitExceeded", cause()))
    }

    /// Checks that the history has room for another state. Children with logs of their own count for themselves.
    pub(crate) fn has_room(&self, thread: &Snapshot) -> Result<(), Failure> {
        let events = self.events_before + self.history.len() as u64;
        if thread.execution.payload_limit.is_none() || events + 2 < MOST_EVENTS {
            return Ok(());
        }
        let cause = format!("The execution reached the maximum number of history events ({MOST_EVENTS}).");
        Err(Failure::new("States.Runtime", cause))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_are_counted_as_json_in_utf8() {
        let text = |length: usize| json!("a".repeat(length));
        assert!(!is_too_large(&text(LARGEST - 2)));
        assert!(is_too_large(&text(LARGEST - 1)));
        assert!(!is_too_large(&json!("ü".repeat(LARGEST / 2 - 1))));
        assert!(is_too_large(&json!("ü".repeat(LARGEST / 2))));
    }
}
