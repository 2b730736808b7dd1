//! What live updates hear: that something moved.

use super::{LIVE, matches};
use crate::executions::LogId;
use crate::ids::{ExecutionId, FunctionId, ProjectId, ScheduleId, WebhookEventId};
use crate::ports::RecordKey;

/// Of what a page tells.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A project.
    Project(ProjectId),
    /// An execution, with its children.
    Execution(ExecutionId),
    /// A schedule.
    Schedule(ScheduleId),
    /// A function.
    Function(FunctionId),
    /// An event that a webhook delivered.
    WebhookEvent(WebhookEventId),
}

/// What of it moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Its own record: it was made, changed or deleted.
    Record,
    /// A project's timeline.
    Timeline,
    /// An execution's log, or that of one of its children.
    Log,
}

/// Something moved. Says nothing of how it is now: whoever wants to know reads it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moved {
    /// Of what a page tells.
    pub subject: Subject,
    /// What of it.
    pub part: Part,
}

impl Moved {
    /// What moves when the item of this key is written, if a page shows it: a record, or an entry of a log as the table
    /// holds it.
    #[must_use]
    pub fn of(key: &RecordKey) -> Option<Self> {
        if !matches(LIVE, key) {
            return None;
        }
        let mut names = key.partition.split('#');
        let (kind, id) = (names.next()?, names.next()?);
        let subject = match kind {
            "PROJECT" => Subject::Project(id.parse().ok()?),
            "EXECUTION" => Subject::Execution(id.parse().ok()?),
            "SCHEDULE" => Subject::Schedule(id.parse().ok()?),
            "FUNCTION" => Subject::Function(id.parse().ok()?),
            "WEBHOOK" => Subject::WebhookEvent(id.parse().ok()?),
            _ => return None,
        };
        let part = match (&subject, key.sort.as_str()) {
            (_, crate::keys::METADATA) => Part::Record,
            (Subject::Project(_), _) => Part::Timeline,
            _ => Part::Log,
        };
        Some(Self { subject, part })
    }

    /// What moves when a log grows.
    #[must_use]
    pub fn of_log(log: &LogId) -> Self {
        Self { subject: Subject::Execution(log.execution.clone()), part: Part::Log }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::EventId;
    use crate::keys;

    #[test]
    fn keys_name_what_moves() {
        let (project, execution) = (ProjectId::derived("x"), ExecutionId::derived("x"));
        let moved = |subject, part| Some(Moved { subject, part });
        let of_project = |part| moved(Subject::Project(project.clone()), part);
        let of_execution = |part| moved(Subject::Execution(execution.clone()), part);
        assert_eq!(Moved::of(&keys::project(&project)), of_project(Part::Record));
        assert_eq!(Moved::of(&keys::event(&project, &EventId::derived("x"))), of_project(Part::Timeline));
        assert_eq!(Moved::of(&keys::file(&project, "METADATA")), None);
        assert_eq!(Moved::of(&keys::execution(&execution)), of_execution(Part::Record));
        let event = WebhookEventId::derived("x");
        assert_eq!(Moved::of(&keys::webhook_event(&event)), moved(Subject::WebhookEvent(event), Part::Record));
        for (partition, sort) in [("", "LOG#0000000001"), ("#3#0", "0000000300#0000000001")] {
            let key = RecordKey { partition: format!("EXECUTION#{execution}{partition}"), sort: sort.into() };
            assert_eq!(Moved::of(&key), of_execution(Part::Log));
        }
        assert_eq!(Some(Moved::of_log(&LogId::root(execution.clone()).child(0, 1))), of_execution(Part::Log));
    }
}
