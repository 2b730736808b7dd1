//! What can be watched.

use std::fmt;
use std::str::FromStr;

use super::session::LiveCaller;
use crate::ids::{ExecutionId, ProjectId};
use crate::keys;

/// Something that can be watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// `execution/{id}`: an execution, with its history.
    Execution(ExecutionId),
    /// `project/{id}`: a project, with its timeline and all that its delivery makes.
    Project(ProjectId),
    /// `executions`: which executions there are, and their statuses.
    Executions,
    /// `projects`: which projects there are, and their statuses.
    Projects,
    /// `webhooks`: events that webhooks delivered.
    Webhooks,
    /// `schedules`: schedules, with their turns.
    Schedules,
    /// `functions`: functions, without what their calls are counted as.
    Functions,
}

/// A text that names no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be execution/<id>, project/<id>, executions, projects, webhooks, schedules or functions")]
pub struct TopicError;

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        match text.split_once('/') {
            Some(("execution", id)) => id.parse().map(Self::Execution).map_err(|_| TopicError),
            Some(("project", id)) => id.parse().map(Self::Project).map_err(|_| TopicError),
            Some(_) => Err(TopicError),
            None => match text {
                "executions" => Ok(Self::Executions),
                "projects" => Ok(Self::Projects),
                "webhooks" => Ok(Self::Webhooks),
                "schedules" => Ok(Self::Schedules),
                "functions" => Ok(Self::Functions),
                _ => Err(TopicError),
            },
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Execution(id) => write!(formatter, "execution/{id}"),
            Self::Project(id) => write!(formatter, "project/{id}"),
            Self::Executions => formatter.write_str("executions"),
            Self::Projects => formatter.write_str("projects"),
            Self::Webhooks => formatter.write_str("webhooks"),
            Self::Schedules => formatter.write_str("schedules"),
            Self::Functions => formatter.write_str("functions"),
        }
    }
}

/// All who watch the same: a thing, or a listing of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Audience {
    /// What they watch.
    pub topic: Topic,
    /// Whose listing; nothing for a thing, which has one owner anyway.
    pub owner: Option<String>,
}

impl Audience {
    /// Those who watch a listing of an owner, or a thing.
    #[must_use]
    pub fn of(topic: Topic, owner: &str) -> Self {
        let owner = topic.is_listing().then(|| owner.to_owned());
        Self { topic, owner }
    }

    /// The partition that holds their connections.
    #[must_use]
    pub fn partition(&self) -> String {
        keys::live_audience(&self.topic.to_string(), self.owner.as_deref())
    }
}

impl Topic {
    /// Is it a listing of the caller's, not a thing by its id?
    #[must_use]
    pub const fn is_listing(&self) -> bool {
        matches!(self, Self::Executions | Self::Projects | Self::Webhooks | Self::Schedules | Self::Functions)
    }

    /// The audience to which a caller comes with it.
    #[must_use]
    pub fn audience(&self, caller: &LiveCaller) -> Audience {
        let owner = match self {
            Self::Projects => &caller.owner,
            _ => caller.workflow_owner(),
        };
        Audience::of(self.clone(), owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let (execution, project) = (ExecutionId::derived("x"), ProjectId::derived("x"));
        for topic in [
            Topic::Execution(execution.clone()),
            Topic::Project(project),
            Topic::Executions,
            Topic::Projects,
            Topic::Webhooks,
            Topic::Schedules,
            Topic::Functions,
        ] {
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
        for wrong in
            ["", "execution", "execution/", &format!("project/{execution}"), "executions/x", "Projects", "a/b/c"]
        {
            assert_eq!(wrong.parse::<Topic>(), Err(TopicError), "{wrong}");
        }
    }

    #[test]
    fn no_owner_hears_of_anothers_listing() {
        let names = ["a", "a#executions", "a%23executions", "", "#"];
        let of = |owner: &&str| Audience::of(Topic::Executions, owner).partition();
        let partitions: std::collections::BTreeSet<String> = names.iter().map(of).collect();
        assert_eq!(partitions.len(), names.len());
        let thing = Topic::Execution(ExecutionId::derived("x"));
        assert_eq!(Audience::of(thing.clone(), "a"), Audience::of(thing, "b"));
    }
}
