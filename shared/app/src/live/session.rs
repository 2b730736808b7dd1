//! What is known of a connection, and its rules. Pure: moments and results arrive as arguments.

use std::collections::BTreeSet;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::MOST_TOPICS;
use super::message::{Asked, LiveProblem, ServerMessage};
use super::topic::Topic;
use crate::ids::KeyId;

/// So many messages a client may send within [`WINDOW_MILLIS`].
const MOST_MESSAGES: u32 = 60;
const WINDOW_MILLIS: i64 = 10_000;

/// Who watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCaller {
    /// Whose projects they see.
    pub owner: String,
    /// Whose workflows they see, where that is somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_owner: Option<String>,
    /// The API key that they showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// When what they showed ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

impl LiveCaller {
    /// Whose workflows, executions and events of webhooks they see.
    #[must_use]
    pub fn workflow_owner(&self) -> &str {
        self.shared_owner.as_deref().unwrap_or(&self.owner)
    }

    /// Is what this owner has theirs?
    #[must_use]
    pub fn sees(&self, owner: &str) -> bool {
        owner == self.owner || owner == self.workflow_owner()
    }
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Nobody said in time who they are.
    NotSignedIn,
    /// What they showed is not, or no longer, good.
    SignInEnded,
    /// Too many messages, or too many connections.
    TooMany,
    /// Nothing was heard for too long.
    Idle,
}

impl Closing {
    /// The code of the WebSocket's close frame: 4000 and the status that HTTP has for it.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::NotSignedIn | Self::SignInEnded => 4401,
            Self::TooMany => 4429,
            Self::Idle => 4408,
        }
    }

    /// The reason in words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotSignedIn => "nobody said who they are in time: send authenticate first",
            Self::SignInEnded => "the sign-in is not, or no longer, good: sign in again",
            Self::TooMany => "too many messages or connections: connect again later",
            Self::Idle => "nothing was heard for too long: send ping now and then",
        }
    }

    /// What is said before the end.
    #[must_use]
    pub fn told(self) -> ServerMessage {
        let problem = match self {
            Self::NotSignedIn | Self::SignInEnded => LiveProblem::new("unauthorized", 401, self.reason()),
            Self::TooMany => LiveProblem::new("too-many-requests", 429, self.reason()),
            Self::Idle => LiveProblem::new("invalid-request", 400, self.reason()),
        };
        ServerMessage::Error(problem)
    }
}

/// How long is waited, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// For who they are.
    pub sign_in: i64,
    /// For the next message.
    pub idle: i64,
}

impl Default for TimeLimits {
    /// Ten seconds for the sign-in; ten minutes between messages, as API Gateway has it.
    fn default() -> Self {
        Self { sign_in: 10_000, idle: 600_000 }
    }
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When it was made.
    pub opened_at: Timestamp,
    /// When its client was heard last.
    pub heard_at: Timestamp,
    /// Who it is, once that is known.
    pub caller: Option<LiveCaller>,
    /// What they watch, as text.
    topics: BTreeSet<String>,
    /// What has changed and was not told yet. Not stored: where sessions are, nothing is told late.
    #[serde(skip)]
    pending: BTreeSet<String>,
    #[serde(skip)]
    window: Option<(Timestamp, u32)>,
}

impl Session {
    /// A fresh connection, of somebody whom its front knows already, or of nobody yet.
    #[must_use]
    pub const fn new(now: Timestamp, caller: Option<LiveCaller>) -> Self {
        Self { opened_at: now, heard_at: now, caller, topics: BTreeSet::new(), pending: BTreeSet::new(), window: None }
    }

    /// Notes that a message came.
    ///
    /// # Errors
    /// [`Closing`] where the connection has to end instead: there were too many, or its time is over.
    pub fn hear(&mut self, now: Timestamp, limits: TimeLimits) -> Result<(), Closing> {
        if let Some(closing) = self.overdue(now, limits) {
            return Err(closing);
        }
        self.heard_at = now;
        let (since, count) = match self.window {
            Some((since, count)) if now.millis() - since.millis() < WINDOW_MILLIS => (since, count + 1),
            _ => (now, 1),
        };
        self.window = Some((since, count));
        if count > MOST_MESSAGES { Err(Closing::TooMany) } else { Ok(()) }
    }

    /// When the connection's time is over, and why.
    #[must_use]
    pub fn end(&self, limits: TimeLimits) -> (Timestamp, Closing) {
        let idle = (self.heard_at.plus_millis(limits.idle), Closing::Idle);
        let sign_in = match &self.caller {
            None => Some((self.opened_at.plus_millis(limits.sign_in), Closing::NotSignedIn)),
            Some(caller) => caller.valid_until.map(|until| (until, Closing::SignInEnded)),
        };
        match sign_in {
            Some(sign_in) if sign_in.0 <= idle.0 => sign_in,
            _ => idle,
        }
    }

    /// Why it has to end now, if it has to.
    #[must_use]
    pub fn overdue(&self, now: Timestamp, limits: TimeLimits) -> Option<Closing> {
        let (at, closing) = self.end(limits);
        (at <= now).then_some(closing)
    }

    /// What they watch.
    pub fn topics(&self) -> impl Iterator<Item = Topic> {
        self.topics.iter().filter_map(|text| text.parse().ok())
    }

    /// Is this watched?
    #[must_use]
    pub fn watches(&self, topic: &Topic) -> bool {
        self.topics.contains(&topic.to_string())
    }

    /// Do these fit beside what is watched already?
    ///
    /// # Errors
    /// The problem to tell; then nothing of it is watched.
    pub fn fits(&self, asked: &[Asked]) -> Result<(), LiveProblem> {
        let fresh: BTreeSet<String> = asked.iter().map(|asked| asked.topic.to_string()).collect();
        if self.topics.union(&fresh).count() > MOST_TOPICS {
            let detail = format!("a connection watches at most {MOST_TOPICS} topics: unsubscribe from some first");
            return Err(LiveProblem::new("limit-reached", 409, detail));
        }
        Ok(())
    }

    /// Watches a topic that is the caller's. True where it was not watched before.
    pub fn watch(&mut self, topic: &Topic) -> bool {
        self.topics.insert(topic.to_string())
    }

    /// No longer watches a topic. True where it was watched.
    pub fn leave(&mut self, topic: &Topic) -> bool {
        let text = topic.to_string();
        self.pending.remove(&text);
        self.topics.remove(&text)
    }

    /// Notes that a topic changed. True where it is watched and there is something new to tell.
    pub fn mark(&mut self, topic: &Topic) -> bool {
        let text = topic.to_string();
        self.topics.contains(&text) && self.pending.insert(text)
    }

    /// Notes that anything may have changed: what was heard is not complete.
    pub fn mark_all(&mut self) {
        self.pending.clone_from(&self.topics);
    }

    /// Is this to be told already?
    #[must_use]
    pub fn is_marked(&self, topic: &Topic) -> bool {
        self.pending.contains(&topic.to_string())
    }

    /// Is there something to tell?
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.pending.is_empty()
    }

    /// What is to be told, once.
    pub fn take_news(&mut self) -> Vec<Topic> {
        std::mem::take(&mut self.pending).iter().filter_map(|text| text.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ExecutionId;

    const LIMITS: TimeLimits = TimeLimits { sign_in: 10, idle: 100_000 };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn caller(valid_until: Option<i64>) -> LiveCaller {
        LiveCaller { owner: "ann".into(), shared_owner: None, key: None, valid_until: valid_until.map(at) }
    }

    #[test]
    fn a_connection_ends_with_its_time() {
        let nobody = Session::new(at(0), None);
        assert_eq!((nobody.overdue(at(9), LIMITS), nobody.overdue(at(10), LIMITS)), (None, Some(Closing::NotSignedIn)));
        let mut known = Session::new(at(0), Some(caller(Some(150_000))));
        assert_eq!(known.overdue(at(99_999), LIMITS), None);
        assert_eq!(known.overdue(at(100_000), LIMITS), Some(Closing::Idle));
        known.hear(at(99_999), LIMITS).unwrap();
        assert_eq!(known.overdue(at(149_999), LIMITS), None);
        assert_eq!(known.hear(at(150_000), LIMITS), Err(Closing::SignInEnded));
    }

    #[test]
    fn who_sends_too_much_is_sent_away() {
        let mut session = Session::new(at(0), Some(caller(None)));
        for _ in 0..MOST_MESSAGES {
            session.hear(at(5), LIMITS).unwrap();
        }
        assert_eq!(session.clone().hear(at(6), LIMITS), Err(Closing::TooMany));
        session.hear(at(5 + WINDOW_MILLIS), LIMITS).unwrap();
    }

    #[test]
    fn a_change_is_told_once_and_only_of_what_is_watched() {
        let (one, other) = (Topic::Execution(ExecutionId::derived("1")), Topic::Execution(ExecutionId::derived("2")));
        let mut session = Session::new(at(0), Some(caller(None)));
        assert!(session.watch(&one) && !session.watch(&one) && session.watch(&Topic::Projects));
        assert!(session.mark(&one) && !session.mark(&one) && !session.mark(&other));
        assert_eq!(session.take_news(), std::slice::from_ref(&one));
        assert!(!session.has_news());
        session.mark_all();
        assert!(session.leave(&one) && !session.leave(&one));
        assert_eq!(session.take_news(), [Topic::Projects]);
    }

    #[test]
    fn so_many_topics_and_no_more() {
        let mut session = Session::new(at(0), Some(caller(None)));
        let topic = |number: usize| Topic::Execution(ExecutionId::derived(&number.to_string()));
        assert!((0..MOST_TOPICS).all(|number| session.watch(&topic(number))));
        let asked = |number| [Asked { topic: topic(number), after: None }];
        session.fits(&asked(0)).unwrap();
        assert_eq!(session.fits(&asked(MOST_TOPICS)).unwrap_err().code, "limit-reached");
    }

    #[test]
    fn a_stored_session_is_the_same_but_for_what_is_not_told_yet() {
        let mut session = Session::new(at(7), Some(caller(Some(9))));
        session.watch(&Topic::Webhooks);
        let text = serde_json::to_string(&session).unwrap();
        assert_eq!(serde_json::from_str::<Session>(&text).unwrap(), session);
    }
}
