//! A task that is out: how far it has come, and what is reported of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;
use crate::snapshot::Failure;

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It waits for its worker, or its worker is at it.
    #[default]
    Scheduled,
    /// The task of an activity: a worker has taken it.
    Started,
    /// The call that begins it has answered; its end is reported with its token.
    Submitted,
}

/// What is known of a task that is out, beside what every task has.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// How far it has come.
    #[serde(rename = "s", default, skip_serializing_if = "is_default")]
    pub stage: Stage,
    /// The secret of its token.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// `Credentials`
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Value>,
    /// `TimeoutSeconds` of an activity's task that no worker has taken yet.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// `HeartbeatSeconds`
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<u32>,
    /// From when on the heartbeat's seconds count; `None` while they don't.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub beat: Option<Timestamp>,
    /// The execution that was started and whose end is its end.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub nested: Option<String>,
    /// Its end, reported before the call that began it had answered.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

impl Progress {
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// When the next heartbeat is due at the latest.
    #[must_use]
    pub fn heartbeat_due(&self) -> Option<Timestamp> {
        Some(self.beat?.plus_millis(i64::from(self.heartbeat?).saturating_mul(1000)))
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The end of a task as somebody reports it with its token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Report {
    /// It succeeded.
    Success {
        /// Its result.
        #[serde(rename = "o")]
        output: Value,
    },
    /// It failed.
    Failure {
        /// Why.
        #[serde(flatten)]
        failure: Failure,
    },
}
