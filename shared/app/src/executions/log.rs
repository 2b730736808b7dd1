//! The names and the envelope of an execution's log.

use std::fmt;
use std::str::FromStr;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::ExecutionId;

/// One step from a log to the log of a child: the `index`-th child of the parent's `fanout`-th blocking fan-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildRef {
    /// Counts the fan-outs of the parent's log from 0.
    pub fanout: u32,
    /// The branch of a Parallel state or the item of a Map state, from 0.
    pub index: u32,
}

/// Names a log: an execution's own, or that of a child of one of its fan-outs, at any depth. As text
/// `exe_…` or `exe_…/0.5/2.17`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogId {
    /// The execution.
    pub execution: ExecutionId,
    /// From the execution's own log down; empty for that log itself.
    pub path: Vec<ChildRef>,
}

impl LogId {
    /// The execution's own log.
    #[must_use]
    pub const fn root(execution: ExecutionId) -> Self {
        Self { execution, path: Vec::new() }
    }

    /// The log of a child.
    #[must_use]
    pub fn child(&self, fanout: u32, index: u32) -> Self {
        let mut path = self.path.clone();
        path.push(ChildRef { fanout, index });
        Self { execution: self.execution.clone(), path }
    }

    /// The parent's log and the step from there to here; `None` for an execution's own log.
    #[must_use]
    pub fn parent(&self) -> Option<(Self, ChildRef)> {
        let mut path = self.path.clone();
        let last = path.pop()?;
        Some((Self { execution: self.execution.clone(), path }, last))
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.execution)?;
        self.path.iter().try_for_each(|step| write!(formatter, "/{}.{}", step.fanout, step.index))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A text that names no log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of a log (exe_…/fanout.index/…)")]
pub struct LogIdError(String);

impl FromStr for LogId {
    type Err = LogIdError;

    fn from_str(text: &str) -> Result<Self, LogIdError> {
        let wrong = || LogIdError(text.chars().take(120).collect());
        let mut parts = text.split('/');
        let execution = parts.next().and_then(|id| id.parse().ok()).ok_or_else(wrong)?;
        let path = parts
            .map(|part| {
                let (fanout, index) = part.split_once('.')?;
                Some(ChildRef { fanout: fanout.parse().ok()?, index: index.parse().ok()? })
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(wrong)?;
        Ok(Self { execution, path })
    }
}

impl TryFrom<String> for LogId {
    type Error = LogIdError;

    fn try_from(text: String) -> Result<Self, LogIdError> {
        text.parse()
    }
}

impl From<LogId> for String {
    fn from(id: LogId) -> Self {
        id.to_string()
    }
}

/// One transition as it is stored: the new snapshot, the history events and with them the pending effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Which log.
    pub log: LogId,
    /// Its place in the log, without gaps.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// JSON text, or the address of a larger one.
    pub body: String,
    /// When the store may remove it.
    pub expires_at: Option<Timestamp>,
}

/// How the end of a child counts into its parent's fan-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinArm {
    /// The child's log; the counter belongs to its parent's fan-out.
    pub child: LogId,
    /// The child's rank among the fan-out's counted children, from 0; stores may shard the count by it.
    pub position: u32,
    /// How many children are counted.
    pub total: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let root = LogId::root(ExecutionId::derived("x"));
        let child = root.child(0, 5).child(2, 17);
        assert_eq!(child.to_string().parse(), Ok(child.clone()));
        assert_eq!(child.parent(), Some((root.child(0, 5), ChildRef { fanout: 2, index: 17 })));
        assert_eq!(root.parent(), None);
        for wrong in ["", "exe_", "exe_x/1", &format!("{root}/"), &format!("{root}/1.x"), &format!("{root}/-1.0")] {
            assert!(wrong.parse::<LogId>().is_err(), "{wrong}");
        }
    }
}
