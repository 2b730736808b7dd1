//! The websocket function: live updates where API Gateway holds the connections.
//!
//! Three kinds of events come: of the WebSocket API's routes (`$connect`, `$default`, `$disconnect`), and batches of the table's
//! stream. The protocol is `millrace_app::live`'s; this crate stores each connection's session between two messages and asks
//! the gateway to send. What the gateway calls gone is forgotten. Start reading at [`Handler::handle`].

mod config;
mod connections;
mod gateway;

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use millrace_app::Error;
use millrace_app::changes::Moved;
use millrace_app::live::connections::{StoredConnection, Watcher, forget, is_full, leave, load, watchers};
use millrace_app::live::{
    Audience, Closing, Concern, LiveCaller, Received, ServerMessage, Session, SignIn, TimeLimits, catch_up,
    is_still_allowed, news, receive,
};
use millrace_app::ports::{Clock as _, Ports, StoreError};
use millrace_aws::stream::StreamEvent;
use serde_json::{Value, json};

pub use config::{Authorization, WebsocketConfig, WebsocketConfigError};
pub use connections::{ApiConnections, Connections, SendError, Sent};
pub use gateway::GatewayEvent;

/// The owner of everything where nobody is asked.
const LOCAL: &str = "local";
/// How often a message is handled again after another one of its connection was handled meanwhile.
const TRIES: usize = 6;
/// So many clients are told at once.
const AT_ONCE: usize = 32;
/// The gateway ends a connection after ten minutes without a message; for the sign-in there is no shorter end than the next one.
const LIMITS: TimeLimits = TimeLimits { sign_in: 30_000, idle: 660_000 };

/// An event was not handled. Lambda tells the gateway, or has the stream's batch again.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// It is of no kind that is known.
    #[error("the event is neither of a WebSocket API nor of the table's stream: {0}")]
    Unknown(String),
    /// A store failed.
    #[error("what is stored can't be read or written now")]
    Store(#[source] Error),
}

impl From<Error> for HandleError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<StoreError> for HandleError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// Handles events.
pub struct Handler<P, S, C> {
    ports: P,
    sign_in: S,
    connections: C,
    config: WebsocketConfig,
}

/// An answer to the gateway: its status decides about a connection that begins, and about nothing else.
fn status(status: u16) -> Value {
    json!({ "statusCode": status })
}

impl<P: Ports, S: SignIn, C: Connections> Handler<P, S, C> {
    /// A handler over ports, and over the gateway's connections.
    pub const fn new(ports: P, sign_in: S, connections: C, config: WebsocketConfig) -> Self {
        Self { ports, sign_in, connections, config }
    }

    /// Handles an event.
    ///
    /// # Errors
    /// [`HandleError`]
    pub async fn handle(&self, event: Value) -> Result<Value, HandleError> {
        if event.get("Records").is_some() {
            let batch = StreamEvent::parse(event).map_err(|error| HandleError::Unknown(error.to_string()))?;
            self.tell(&batch).await?;
            return Ok(json!({}));
        }
        let event = GatewayEvent::read(event).map_err(|error| HandleError::Unknown(error.to_string()))?;
        match event.route() {
            "$connect" => self.connect(&event).await,
            "$disconnect" => {
                forget(&self.ports, event.connection()).await?;
                Ok(status(200))
            }
            _ => self.message(&event).await,
        }
    }

    /// A handshake. Nothing can be said to the client before it is over.
    async fn connect(&self, event: &GatewayEvent) -> Result<Value, HandleError> {
        if !self.config.lets_in(event.origin()) {
            tracing::info!(origin = event.origin(), "a page of another origin was refused");
            return Ok(status(403));
        }
        let caller = match self.config.authorization {
            Authorization::Keys => None,
            Authorization::None => {
                Some(LiveCaller { owner: LOCAL.to_owned(), shared_owner: None, key: None, valid_until: None })
            }
            Authorization::Iam => match event.signer() {
                Some(caller) => Some(caller),
                None => return Ok(status(401)),
            },
        };
        if let Some(caller) = &caller
            && is_full(&self.ports, &caller.owner).await?
        {
            return Ok(status(429));
        }
        // Who has not said who they are costs nothing: their first message makes the record.
        if caller.is_some() {
            let session = Session::new(self.ports.clock().now(), caller);
            StoredConnection::new(event.connection().to_owned(), session).store(&self.ports, &[], &[]).await?;
        }
        Ok(status(200))
    }

    /// A message of a client. Others of the same connection may be handled at the same time.
    async fn message(&self, event: &GatewayEvent) -> Result<Value, HandleError> {
        let id = event.connection();
        for _ in 0..TRIES {
            let loaded = load(&self.ports, id).await?;
            let mut stored = loaded
                .clone()
                .unwrap_or_else(|| StoredConnection::new(id.to_owned(), Session::new(event.connected_at(), None)));
            let was_known = stored.session.caller.is_some();
            let mut received = match &stored.session.caller {
                Some(caller) if !is_still_allowed(&self.ports, caller).await => Received::close(Closing::SignInEnded),
                _ => receive(&self.ports, &self.sign_in, &mut stored.session, LIMITS, event.body()).await,
            };
            if let Some(caller) = stored.session.caller.as_ref().filter(|_| !was_known)
                && is_full(&self.ports, &caller.owner).await?
            {
                received = Received::close(Closing::TooMany);
            }
            if received.close.is_some() {
                self.say(id, &received.replies).await;
                return self.end(id).await;
            }
            // Nothing is kept of who has not said who they are.
            if stored.session.caller.is_some() {
                let came: Vec<_> = received.watched.iter().map(|asked| asked.topic.clone()).collect();
                if !stored.store(&self.ports, &came, &received.left).await? {
                    continue;
                }
            }
            // What was missed is looked for once changes are told: nothing falls between.
            received.replies.extend(catch_up(&self.ports, &received.watched).await);
            if self.say(id, &received.replies).await == Sent::Gone {
                forget(&self.ports, id).await?;
            }
            return Ok(status(200));
        }
        Err(StoreError::Conflict.into())
    }

    async fn end(&self, id: &str) -> Result<Value, HandleError> {
        if let Err(error) = self.connections.close(id).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a connection could not be ended");
        }
        forget(&self.ports, id).await?;
        Ok(status(200))
    }

    /// Says all, in order, while the client is there. Who did not hear something asks again.
    async fn say(&self, id: &str, messages: &[ServerMessage]) -> Sent {
        for message in messages {
            match self.connections.send(id, &message.to_text()).await {
                Ok(Sent::Taken) => {}
                Ok(Sent::Gone) => return Sent::Gone,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a message could not be sent");
                }
            }
        }
        Sent::Taken
    }

    /// Tells whoever watches what moved; each audience once, however much of it moved.
    async fn tell(&self, batch: &StreamEvent) -> Result<(), HandleError> {
        let mut audiences = BTreeSet::new();
        for record in &batch.records {
            let moved = match record.key() {
                Ok(key) => Moved::of(&key),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "an item of the stream can't be read");
                    None
                }
            };
            let Some(moved) = moved else { continue };
            let concern = Concern::of(&moved);
            let owner = if concern.needs_owner() { record.owner() } else { None };
            audiences.extend(concern.audiences(owner.as_deref()));
        }
        for audience in audiences {
            self.tell_audience(&audience).await?;
        }
        Ok(())
    }

    async fn tell_audience(&self, audience: &Audience) -> Result<(), HandleError> {
        let (mut cursor, mut text) = (None, None);
        loop {
            let (page, next) = watchers(&self.ports, audience, cursor).await?;
            if page.is_empty() && next.is_none() {
                return Ok(());
            }
            let text = match &text {
                Some(text) => text,
                None => text.insert(news(&self.ports, &audience.topic).await.to_text()),
            };
            let told = stream::iter(page).map(|watcher| self.tell_one(audience, watcher, text));
            let told: Vec<Result<(), HandleError>> = told.buffer_unordered(AT_ONCE).collect().await;
            told.into_iter().collect::<Result<(), _>>()?;
            cursor = next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn tell_one(&self, audience: &Audience, watcher: Watcher, text: &str) -> Result<(), HandleError> {
        let id = &watcher.connection;
        if watcher.valid_until.is_some_and(|until| until <= self.ports.clock().now()) {
            self.say(id, &[Closing::SignInEnded.told()]).await;
            self.end(id).await?;
            return Ok(());
        }
        match self.connections.send(id, text).await {
            Ok(Sent::Taken) => {}
            Ok(Sent::Gone) => {
                forget(&self.ports, id).await?;
                // Its record may have gone before.
                leave(&self.ports, audience, id).await?;
            }
            // The client looks by itself now and then.
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "a change could not be told"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
