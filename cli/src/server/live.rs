//! Live updates at `/live`: a WebSocket over the state machine of `millrace_app::live`.
//!
//! A connection holds its session in memory and hears from the store, in this process, that something moved. What moves is
//! gathered for a moment and told once. Who takes nothing is dropped: nothing is kept for them.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Router};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use millrace_app::changes::Moved;
use millrace_app::live::{
    Closing, Concern, LiveCaller, MESSAGE_BYTES, MOST_CONNECTIONS, NotSignedIn, Received, ServerMessage, Session,
    SignIn, TimeLimits, catch_up, is_still_allowed, moves, receive,
};
use millrace_app::ports::{Clock as _, Ports as _, Secret};
use millrace_identity::{Authenticator, Identity};
use millrace_rest::{Caller, Refusal};
use millrace_sqlite::SqlitePorts;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::guard::may_call;

/// What moves within this time is told together.
const GATHER: Duration = Duration::from_millis(100);
/// A client takes a message within this time, or is dropped.
const SEND: Duration = Duration::from_secs(10);
/// How often it is looked whether a key is still good.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// At most so many connections at once, whosever they are.
const MOST_ALTOGETHER: usize = 1_024;

/// The close frame's codes (RFC 6455, 7.4.1).
const GOING_AWAY: u16 = 1001;
const UNSUPPORTED: u16 = 1003;
const TOO_BIG: u16 = 1009;

/// Who may connect, and what connections are served from.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) ports: SqlitePorts,
    /// `None`: whoever calls is the owner of everything.
    pub(crate) authenticator: Option<Authenticator<SqlitePorts>>,
    /// Origins of pages that may connect, beside this server's own.
    pub(crate) origins: Arc<[String]>,
    pub(crate) limits: TimeLimits,
    pub(crate) places: Places,
    pub(crate) stopped: watch::Receiver<bool>,
}

impl SignIn for Live {
    async fn sign_in(&self, token: &Secret) -> Result<LiveCaller, NotSignedIn> {
        match &self.authenticator {
            Some(authenticator) => authenticator.sign_in(token).await,
            None => Ok(everybody()),
        }
    }
}

fn everybody() -> LiveCaller {
    LiveCaller { owner: Caller::LOCAL.to_owned(), shared_owner: None, key: None, valid_until: None }
}

/// How many connections there are, by owner. Those of nobody yet are under no name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<String, usize>>>);

impl Places {
    /// A place for an owner, while it is kept; `None` where there is none left.
    fn take(&self, owner: &str) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.entry(owner.to_owned()).or_default();
        // Who has not said yet who they are shares these with everybody else who has not, for the seconds that they have.
        let most = if owner.is_empty() { MOST_ALTOGETHER / 2 } else { MOST_CONNECTIONS };
        if all >= MOST_ALTOGETHER || *own >= most {
            return None;
        }
        *own += 1;
        Some(Place { places: self.clone(), owner: owner.to_owned() })
    }
}

/// A connection's place.
struct Place {
    places: Places,
    owner: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.owner) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.remove(&self.owner);
            }
        }
    }
}

/// The route.
pub(crate) fn routes(live: Live) -> Router {
    Router::new().route("/live", any(connect)).with_state(live)
}

fn refused(status: StatusCode, code: &str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let problem = json!({
        "type": format!("/errors/{code}"), "title": title, "status": status.as_u16(), "detail": detail, "code": code,
        "instance": "/live",
    });
    (status, [(CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
}

async fn connect(
    State(live): State<Live>,
    headers: HeaderMap,
    identity: Option<Extension<Identity>>,
    refusal: Option<Extension<Refusal>>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let status = rejection.into_response().status();
            let detail = "connect with the WebSocket protocol, version 13 (ws:// or wss://)";
            return refused(status, "invalid-request", detail);
        }
    };
    // A browser says which page it is, and nothing else holds a page back: WebSockets know no CORS.
    if !may_call(&headers, &live.origins) {
        let detail = "pages of this origin may not connect: add it to CORS_ORIGINS";
        return refused(StatusCode::FORBIDDEN, "forbidden", detail);
    }
    match refusal.map(|Extension(refusal)| refusal) {
        None => {}
        Some(Refusal::NotValid(why)) => return refused(StatusCode::UNAUTHORIZED, "unauthorized", why),
        Some(Refusal::TooMany(_)) => {
            let detail = "too many requests: connect again later";
            return refused(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail);
        }
        Some(Refusal::Unavailable) => {
            let detail = "who calls can't be found out now; try again";
            return refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        }
    }
    let caller = match (&live.authenticator, identity) {
        (None, _) => Some(everybody()),
        (Some(_), identity) => identity.map(|Extension(identity)| identity.into()),
    };
    let owner = caller.as_ref().map_or("", |caller: &LiveCaller| &caller.owner);
    let Some(place) = live.places.take(owner) else {
        let detail = format!(
            "too many connections are open already ({MOST_CONNECTIONS} for each owner): close one, or connect again later"
        );
        return refused(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", &detail);
    };
    // Heard from before the first topic is watched, so that nothing falls between.
    let moved = live.ports.listen();
    let session = Session::new(live.ports.clock().now(), caller);
    upgrade
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES)
        .max_write_buffer_size(1024 * 1024)
        .on_upgrade(move |socket: WebSocket| async move { serve(live, session, place, moved, socket).await })
}

/// Why a connection's loop ended.
enum End {
    /// The client is gone, or takes nothing.
    Gone,
    /// With a close frame.
    Close(u16, &'static str),
}

impl From<Closing> for End {
    fn from(closing: Closing) -> Self {
        Self::Close(closing.code(), closing.reason())
    }
}

/// Serves a connection until it ends.
async fn serve<S>(live: Live, session: Session, place: Place, moved: broadcast::Receiver<Moved>, socket: S)
where
    S: Stream<Item = Result<Message, axum::Error>> + Sink<Message, Error = axum::Error> + Send,
{
    let mut socket = pin!(socket);
    let mut connection = Connection { live, session, place };
    if let End::Close(code, reason) = connection.run(moved, &mut socket).await {
        let frame = CloseFrame { code, reason: reason.into() };
        let _gone = timeout(SEND, socket.send(Message::Close(Some(frame)))).await;
        // The client answers the frame; what else it still sends is not looked at.
        let _answered = timeout(Duration::from_secs(1), async { while let Some(Ok(_)) = socket.next().await {} }).await;
    }
}

struct Connection {
    live: Live,
    session: Session,
    place: Place,
}

impl Connection {
    async fn run<S>(&mut self, mut moved: broadcast::Receiver<Moved>, socket: &mut S) -> End
    where
        S: Stream<Item = Result<Message, axum::Error>> + Sink<Message, Error = axum::Error> + Send + Unpin,
    {
        let mut stopped = self.live.stopped.clone();
        let mut tell_at: Option<Instant> = None;
        let mut look_at = Instant::now() + LOOK_AGAIN;
        loop {
            let over_at = self.over_at();
            tokio::select! {
                message = socket.next() => match self.take(message, socket).await {
                    Ok(()) => {}
                    Err(end) => return end,
                },
                heard = moved.recv() => {
                    match heard {
                        Ok(moved) => self.mark(&moved).await,
                        Err(RecvError::Lagged(_)) => self.session.mark_all(),
                        Err(RecvError::Closed) => return End::Close(GOING_AWAY, "the server stops: connect again"),
                    }
                    if self.session.has_news() && tell_at.is_none() {
                        tell_at = Some(Instant::now() + GATHER);
                    }
                }
                () = sleep_until(tell_at.unwrap_or(look_at)), if tell_at.is_some() => {
                    tell_at = None;
                    let told = moves(&self.live.ports, &mut self.session).await;
                    if let Err(end) = say(socket, told).await {
                        return end;
                    }
                }
                () = sleep_until(look_at) => {
                    look_at = Instant::now() + LOOK_AGAIN;
                    if let Some(caller) = &self.session.caller
                        && !is_still_allowed(&self.live.ports, caller).await
                    {
                        let _gone = say(socket, vec![Closing::SignInEnded.told()]).await;
                        return Closing::SignInEnded.into();
                    }
                }
                () = sleep_until(over_at) => {
                    if let Some(closing) = self.session.overdue(self.live.ports.clock().now(), self.live.limits) {
                        let _gone = say(socket, vec![closing.told()]).await;
                        return closing.into();
                    }
                }
                () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
                    return End::Close(GOING_AWAY, "the server stops: connect again");
                }
            }
        }
    }

    /// When the connection's time is over. The store's clock is another one than that of waiting: looked at a moment late.
    fn over_at(&self) -> Instant {
        let (at, _) = self.session.end(self.live.limits);
        let left = at.millis().saturating_sub(self.live.ports.clock().now().millis());
        Instant::now() + Duration::from_millis(u64::try_from(left).unwrap_or_default() + 10)
    }

    async fn mark(&mut self, moved: &Moved) {
        let concern = Concern::of(moved);
        if let Err(error) = concern.mark(&self.live.ports, &mut self.session, moved).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "whom a change concerns can't be read");
            self.session.mark_all();
        }
    }

    async fn take<S>(&mut self, message: Option<Result<Message, axum::Error>>, socket: &mut S) -> Result<(), End>
    where
        S: Sink<Message, Error = axum::Error> + Send + Unpin,
    {
        let text = match message {
            None | Some(Ok(Message::Close(_))) => return Err(End::Gone),
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return Err(End::Close(UNSUPPORTED, "messages are texts")),
            // Pings are answered by the protocol's implementation; they say that the client is there.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                return self.session.hear(self.live.ports.clock().now(), self.live.limits).map_err(End::from);
            }
            Some(Err(error)) => {
                let text = error.to_string();
                return Err(if text.contains("too long") || text.contains("too big") {
                    End::Close(TOO_BIG, "the message is too large: at most 16 KiB")
                } else {
                    End::Gone
                });
            }
        };
        let was_known = self.session.caller.is_some();
        let (ports, limits) = (self.live.ports.clone(), self.live.limits);
        let Received { mut replies, watched, close, .. } =
            receive(&ports, &self.live, &mut self.session, limits, text.as_str()).await;
        if let Some(caller) = self.session.caller.as_ref().filter(|_| !was_known) {
            match self.live.places.take(&caller.owner) {
                Some(place) => self.place = place,
                None => {
                    say(socket, vec![Closing::TooMany.told()]).await?;
                    return Err(Closing::TooMany.into());
                }
            }
        }
        replies.extend(catch_up(&ports, &watched).await);
        say(socket, replies).await?;
        close.map_or(Ok(()), |closing| Err(closing.into()))
    }
}

/// Sends messages to a client that takes them.
async fn say<S>(socket: &mut S, messages: Vec<ServerMessage>) -> Result<(), End>
where
    S: Sink<Message, Error = axum::Error> + Send + Unpin,
{
    for message in messages {
        match timeout(SEND, socket.send(Message::Text(message.to_text().into()))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(End::Gone),
            Err(_) => {
                tracing::info!("a client of live updates took nothing for ten seconds and was dropped");
                return Err(End::Gone);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use millrace_app::changes::{Part, Subject};
    use millrace_app::ids::ExecutionId;

    use super::*;

    /// A client that says what it was given and then nothing, and takes so many messages.
    struct Slow {
        says: Vec<&'static str>,
        takes: usize,
    }

    impl Stream for Slow {
        type Item = Result<Message, axum::Error>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            match self.says.pop() {
                Some(text) => Poll::Ready(Some(Ok(Message::Text(text.into())))),
                None => Poll::Pending,
            }
        }
    }

    impl Sink<Message> for Slow {
        type Error = axum::Error;

        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
            if self.takes > 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn start_send(mut self: Pin<&mut Self>, _: Message) -> Result<(), axum::Error> {
            self.takes -= 1;
            Ok(())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
            Poll::Ready(Ok(()))
        }
    }

    fn live(ports: &SqlitePorts) -> (Live, watch::Sender<bool>) {
        let (stop, stopped) = watch::channel(false);
        let live = Live {
            ports: ports.clone(),
            authenticator: None,
            origins: Arc::new([]),
            limits: TimeLimits::default(),
            places: Places::default(),
            stopped,
        };
        (live, stop)
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_dropped_and_their_place_given_back() {
        let ports = SqlitePorts::in_memory().unwrap();
        let (live, _stop) = live(&ports);
        let place = live.places.take("local").unwrap();
        let session = Session::new(ports.clock().now(), Some(everybody()));
        // What it asks for is answered with two messages, and it takes one.
        let client = Slow { says: vec![r#"{"action":"subscribe","topics":[{"topic":"projects"}]}"#], takes: 1 };
        let served = serve(live.clone(), session, place, ports.listen(), client);
        let began = Instant::now();
        timeout(Duration::from_secs(60), served).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), SEND.as_secs());
        assert!(live.places.0.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_falls_behind_is_told_of_all_they_watch() {
        let ports = SqlitePorts::in_memory().unwrap();
        let (live, stop) = live(&ports);
        let place = live.places.take("local").unwrap();
        let (sender, moved) = broadcast::channel(2);
        for number in 0..5 {
            let subject = Subject::Execution(ExecutionId::derived(&number.to_string()));
            sender.send(Moved { subject, part: Part::Log }).unwrap();
        }
        let mut session = Session::new(ports.clock().now(), Some(everybody()));
        session.watch(&millrace_app::live::Topic::Projects);
        let mut connection = Connection { live, session, place };
        let mut client = Slow { says: Vec::new(), takes: 9 };
        let end = timeout(Duration::from_secs(1), connection.run(moved, &mut client)).await;
        assert!(end.is_err(), "it goes on");
        assert_eq!(client.takes, 8, "one message for the one topic");
        drop(stop);
    }
}
