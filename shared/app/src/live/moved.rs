//! From what moved to who is told.

use super::message::ServerMessage;
use super::session::{LiveCaller, Session};
use super::standing;
use super::topic::{Audience, Topic};
use crate::changes::{Moved, Part, Subject};
use crate::error::Error;
use crate::ports::Ports;

/// What of a session may be concerned by what moved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Concern {
    thing: Option<Topic>,
    listing: Option<Topic>,
}

impl Concern {
    /// What something that moved concerns.
    #[must_use]
    pub fn of(moved: &Moved) -> Self {
        let (thing, listing) = match &moved.subject {
            Subject::Execution(id) => (Some(Topic::Execution(id.clone())), Some(Topic::Executions)),
            Subject::Project(id) => (Some(Topic::Project(id.clone())), Some(Topic::Projects)),
            Subject::WebhookEvent(_) => (None, Some(Topic::Webhooks)),
            Subject::Schedule(_) => (None, Some(Topic::Schedules)),
            Subject::Function(_) => (None, Some(Topic::Functions)),
        };
        // A log that grows changes no listing.
        Self { thing, listing: listing.filter(|_| moved.part == Part::Record) }
    }

    /// Does it matter whose it is?
    #[must_use]
    pub const fn needs_owner(&self) -> bool {
        self.listing.is_some()
    }

    /// Everybody whom it concerns, where the owner is known.
    pub fn audiences(self, owner: Option<&str>) -> impl Iterator<Item = Audience> {
        let listing = self.listing.zip(owner).map(|(topic, owner)| Audience::of(topic, owner));
        let thing = self.thing.map(|topic| Audience { topic, owner: None });
        thing.into_iter().chain(listing)
    }

    /// Marks what a session watches of it.
    ///
    /// # Errors
    /// [`Error::Store`] where it can't be found out whose it is.
    pub async fn mark<P: Ports>(&self, ports: &P, session: &mut Session, moved: &Moved) -> Result<(), Error> {
        if let Some(thing) = &self.thing {
            session.mark(thing);
        }
        // Whose it is, is asked only where the answer matters.
        let Some(listing) = self.listing.as_ref().filter(|topic| session.watches(topic) && !session.is_marked(topic))
        else {
            return Ok(());
        };
        let owner = match &moved.subject {
            Subject::Execution(id) => standing::owner_of_execution(ports, id).await?,
            Subject::Project(id) => standing::owner_of_project(ports, id).await?,
            Subject::WebhookEvent(id) => crate::webhooks::owner_of_event(ports, id).await?,
            Subject::Schedule(id) => crate::schedules::owner_of_schedule(ports, id).await?,
            Subject::Function(id) => crate::functions::owner_of_function(ports, id).await?,
        };
        let is_theirs = |caller: &LiveCaller| {
            // What is gone was perhaps theirs.
            owner.as_deref().is_none_or(|owner| Audience::of(listing.clone(), owner) == listing.audience(caller))
        };
        if session.caller.as_ref().is_some_and(is_theirs) {
            session.mark(listing);
        }
        Ok(())
    }
}

/// What there is to tell of a topic that has changed.
pub async fn news<P: Ports>(ports: &P, topic: &Topic) -> ServerMessage {
    match standing::news(ports, topic).await {
        Ok(message) => message,
        // Who reads it hears what is wrong.
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %topic, "a version can't be read");
            ServerMessage::Changed { topic: topic.to_string(), version: None }
        }
    }
}

/// What a session is told of what it was marked with.
pub async fn moves<P: Ports>(ports: &P, session: &mut Session) -> Vec<ServerMessage> {
    let mut told = Vec::new();
    for topic in session.take_news() {
        told.push(news(ports, &topic).await);
    }
    told
}
