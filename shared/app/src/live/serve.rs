//! What a client's message does.

use super::message::{Asked, LiveProblem, Request, ServerMessage};
use super::session::{Closing, LiveCaller, Session, TimeLimits};
use super::standing;
use super::topic::Topic;
use crate::error::Error;
use crate::identity::is_valid_key;
use crate::ports::{Clock, Ports, Secret};

/// What a client showed opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum NotSignedIn {
    /// It is wrong; the text is for the caller.
    #[error("{0}")]
    Refused(&'static str),
    /// Who is right can't be found out now.
    #[error("who calls can't be found out now; try again")]
    Unavailable,
}

/// Finds out whose a key or a token is. `shared/identity` does.
pub trait SignIn: Send + Sync {
    /// Whose it is.
    fn sign_in(&self, token: &Secret) -> impl Future<Output = Result<LiveCaller, NotSignedIn>> + Send;
}

/// What follows from a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// What is said at once.
    pub replies: Vec<ServerMessage>,
    /// What is watched from now on. Once others know that (where connections are stored: once it is stored), [`catch_up`]
    /// says what its client has missed.
    pub watched: Vec<Asked>,
    /// What is no longer watched.
    pub left: Vec<Topic>,
    /// The connection ends, after the replies.
    pub close: Option<Closing>,
}

impl Received {
    fn reply(message: ServerMessage) -> Self {
        Self { replies: vec![message], ..Self::default() }
    }

    /// An end, with its reason.
    #[must_use]
    pub fn close(closing: Closing) -> Self {
        Self { close: Some(closing), ..Self::reply(closing.told()) }
    }
}

/// Handles a client's message. What is wrong is told to the client, never an error of the caller's.
pub async fn receive<P: Ports>(
    ports: &P,
    sign_in: &impl SignIn,
    session: &mut Session,
    limits: TimeLimits,
    text: &str,
) -> Received {
    let now = ports.clock().now();
    if let Err(closing) = session.hear(now, limits) {
        return Received::close(closing);
    }
    let request = match Request::read(text) {
        Ok(request) => request,
        Err(problem) => return Received::reply(ServerMessage::Error(problem)),
    };
    match (request, &session.caller) {
        (Request::Ping, _) => Received::reply(ServerMessage::Pong),
        // Who it is stays as it is: a front that knows everybody asks for no token.
        (Request::Authenticate(_), Some(_)) => Received::reply(ServerMessage::Ready),
        (Request::Authenticate(token), None) => match sign_in.sign_in(&token).await {
            Ok(caller) => {
                session.caller = Some(caller);
                Received::reply(ServerMessage::Ready)
            }
            Err(NotSignedIn::Refused(why)) => {
                let told = ServerMessage::Error(LiveProblem::new("unauthorized", 401, why));
                Received { close: Some(Closing::SignInEnded), ..Received::reply(told) }
            }
            Err(error @ NotSignedIn::Unavailable) => {
                Received::reply(ServerMessage::Error(LiveProblem::new("unavailable", 503, error.to_string())))
            }
        },
        (Request::Subscribe(_) | Request::Unsubscribe(_), None) => {
            let why = "send authenticate with a key or a token first, and wait for ready";
            Received::reply(ServerMessage::Error(LiveProblem::new("unauthorized", 401, why)))
        }
        (Request::Subscribe(asked), Some(caller)) => subscribe(ports, &caller.clone(), session, asked).await,
        (Request::Unsubscribe(topics), Some(_)) => {
            let left = topics.iter().filter(|topic| session.leave(topic)).cloned().collect();
            let topics = topics.iter().map(ToString::to_string).collect();
            Received { left, ..Received::reply(ServerMessage::Unsubscribed { topics }) }
        }
    }
}

async fn subscribe<P: Ports>(ports: &P, caller: &LiveCaller, session: &mut Session, asked: Vec<Asked>) -> Received {
    if let Err(problem) = session.fits(&asked) {
        return Received::reply(ServerMessage::Error(problem));
    }
    let mut received = Received::default();
    let mut problems = Vec::new();
    for one in asked {
        match standing::is_theirs(ports, caller, &one.topic).await {
            Ok(true) => {
                session.watch(&one.topic);
                received.watched.push(one);
            }
            Ok(false) => problems.push(LiveProblem::not_found(&one.topic)),
            Err(error) => problems.push(failed(&error, &one.topic)),
        }
    }
    if !received.watched.is_empty() {
        let topics = received.watched.iter().map(|asked| asked.topic.to_string()).collect();
        received.replies.push(ServerMessage::Subscribed { topics });
    }
    received.replies.extend(problems.into_iter().map(ServerMessage::Error));
    received
}

fn failed(error: &Error, topic: &Topic) -> LiveProblem {
    tracing::error!(error = error as &dyn std::error::Error, %topic, "a topic can't be read");
    LiveProblem { topic: Some(topic.to_string()), ..LiveProblem::of(error) }
}

/// What the clients of topics that are watched from now on have missed.
pub async fn catch_up<P: Ports>(ports: &P, watched: &[Asked]) -> Vec<ServerMessage> {
    let mut told = Vec::new();
    for asked in watched {
        match standing::catch_up(ports, asked).await {
            Ok(message) => told.extend(message),
            // In doubt it has changed: who reads it hears what is wrong.
            Err(error) => {
                failed(&error, &asked.topic);
                told.push(ServerMessage::Changed { topic: asked.topic.to_string(), version: None });
            }
        }
    }
    told
}

/// Is the key that a caller showed still good? Who showed none is good until their time ends. In doubt they stay.
pub async fn is_still_allowed<P: Ports>(ports: &P, caller: &LiveCaller) -> bool {
    if caller.valid_until.is_some_and(|until| until <= ports.clock().now()) {
        return false;
    }
    let Some(key) = &caller.key else { return true };
    match is_valid_key(ports, key).await {
        Ok(valid) => valid,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a key can't be looked up again");
            true
        }
    }
}
