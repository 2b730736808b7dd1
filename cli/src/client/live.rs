//! Live updates of a server (`docs/how-to/live.md`), as the hint when to look again.
//!
//! Only servers without TLS have them for the command line: the local server, at `/live` beside its API. Where there is no
//! connection the caller asks again and again.

use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use http::Uri;
use http::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use serde_json::{Value, json};
use tungstenite::handshake::client::generate_key;
use tungstenite::{Error, Message, WebSocket};

use super::target::{Auth, Target};
use crate::output::text;

/// How long a server may take to connect and to answer the subscription.
const CONNECT: Duration = Duration::from_secs(3);
/// After ten minutes without a message a server ends the connection.
const PING: Duration = Duration::from_secs(240);

/// What came of waiting for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Something has changed.
    Changed,
    /// Nothing, as far as was told.
    Nothing,
    /// The connection has ended.
    Gone,
}

/// A connection that tells when a topic changes.
#[derive(Debug)]
pub(crate) struct Changes {
    socket: WebSocket<TcpStream>,
    said: Instant,
}

impl Changes {
    /// Watches a topic; `None` where the server has no live updates for this caller.
    pub(crate) fn of(target: &Target, topic: &str) -> Option<Self> {
        let uri: Uri = format!("{}/live", target.base).parse().ok()?;
        if uri.scheme_str() != Some("http") {
            return None;
        }
        let (host, authority) = (uri.host()?, uri.authority()?.as_str());
        let address = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80)).to_socket_addrs().ok()?.next()?;
        let stream = TcpStream::connect_timeout(&address, CONNECT).ok()?;
        stream.set_read_timeout(Some(CONNECT)).ok()?;
        stream.set_write_timeout(Some(CONNECT)).ok()?;
        let mut request = http::Request::builder()
            .uri(format!("ws://{authority}{}", uri.path()))
            .header(HOST, authority)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, generate_key())
            .body(())
            .ok()?;
        match &target.auth {
            Auth::None => {}
            Auth::Key(key) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose())).ok()?;
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
            }
            Auth::Iam { .. } => return None,
        }
        let (socket, _) = tungstenite::client(request, stream).ok()?;
        let mut changes = Self { socket, said: Instant::now() };
        changes.say(&json!({ "action": "subscribe", "topics": [{ "topic": topic }] }))?;
        let began = Instant::now();
        while began.elapsed() < CONNECT {
            let message = changes.read()??;
            match text(&message, "/type") {
                "subscribed" => return Some(changes),
                "error" => return None,
                _ => {}
            }
        }
        None
    }

    fn say(&mut self, message: &Value) -> Option<()> {
        self.said = Instant::now();
        self.socket.send(Message::text(message.to_string())).ok()
    }

    /// The next message; `Some(None)` where none came in time, `None` where none will.
    fn read(&mut self) -> Option<Option<Value>> {
        match self.socket.read() {
            Ok(Message::Text(text)) => Some(serde_json::from_str(text.as_str()).ok()),
            Ok(Message::Close(_)) => None,
            Ok(_) => Some(None),
            Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Some(None),
            Err(_) => None,
        }
    }

    /// Waits for a change, so long at the most.
    pub(crate) fn wait(&mut self, most: Duration) -> Heard {
        let began = Instant::now();
        loop {
            let left = most.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Heard::Nothing;
            }
            if self.said.elapsed() > PING && self.say(&json!({ "action": "ping" })).is_none() {
                return Heard::Gone;
            }
            if self.socket.get_ref().set_read_timeout(Some(left)).is_err() {
                return Heard::Gone;
            }
            match self.read() {
                None => return Heard::Gone,
                Some(Some(message)) if text(&message, "/type") == "changed" => return Heard::Changed,
                Some(Some(message)) if text(&message, "/type") == "error" => return Heard::Gone,
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use millrace_app::ports::Secret;

    use super::super::target::Found;
    use super::*;

    fn target(base: String, auth: Auth) -> Target {
        Target { base, found: Found::Endpoint, auth }
    }

    #[test]
    fn changes_are_heard_until_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
            let asked: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
            for message in
                [json!({ "type": "subscribed", "topics": ["execution/exe_1"] }), json!({ "type": "changed" })]
            {
                socket.send(Message::text(message.to_string())).unwrap();
            }
            asked
        });
        let mut changes = Changes::of(&target(base, Auth::Key(Secret::new("mk_x"))), "execution/exe_1").unwrap();
        assert_eq!(changes.wait(Duration::from_secs(10)), Heard::Changed);
        assert_eq!(server.join().unwrap()["topics"][0]["topic"], "execution/exe_1");
        assert_eq!(changes.wait(Duration::from_secs(10)), Heard::Gone);
    }

    #[test]
    fn who_has_none_is_asked_again_and_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        for base in [format!("http://{address}"), "https://example.com".to_owned()] {
            assert!(Changes::of(&target(base, Auth::None), "execution/exe_1").is_none());
        }
    }
}
