//! The gateway's side of a connection: saying something to it, and ending it.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use millrace_client::{Backoff, Call, CallError, Client, Endpoint, Endpoints, Repeat, Service, encode};

use crate::config::{WebsocketConfig, WebsocketConfigError};

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The gateway took it.
    Taken,
    /// The connection has ended.
    Gone,
}

/// A message that was not taken, for whatever reason but that its connection has ended.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The gateway said so.
    #[error("the gateway answered {0}")]
    Refused(u16),
    /// It did not answer.
    #[error(transparent)]
    NoAnswer(#[from] CallError),
}

/// Connections that somebody else holds.
pub trait Connections: Send + Sync {
    /// Says something to a client.
    fn send(&self, connection: &str, text: &str) -> impl Future<Output = Result<Sent, SendError>> + Send;

    /// Ends a connection. One that has ended is no error.
    fn close(&self, connection: &str) -> impl Future<Output = Result<(), SendError>> + Send;
}

/// The management API of an API Gateway
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>).
#[derive(Debug)]
pub struct ApiConnections {
    client: Client,
    base: String,
}

/// Its name in signatures is that of the API's host.
const EXECUTE_API: Service = Service::new("APIGATEWAYMANAGEMENTAPI", "execute-api");
const PATIENCE: Duration = Duration::from_secs(5);
/// Hints are not worth many tries: the next one says the same.
const TRIES: Backoff = Backoff { tries: 2, ..Backoff::STANDARD };

impl ApiConnections {
    /// The connections of the configured API.
    ///
    /// # Errors
    /// [`WebsocketConfigError`] for an endpoint that is none.
    pub fn from_env(config: &WebsocketConfig) -> Result<Self, WebsocketConfigError> {
        let (endpoints, problems) = Endpoints::read(std::env::vars());
        if !problems.is_empty() {
            return Err(WebsocketConfigError(problems));
        }
        let base = base(config, &endpoints);
        Ok(Self { client: Client::new(endpoints), base })
    }

    async fn call(&self, method: Method, connection: &str, body: &str) -> Result<Sent, SendError> {
        let mut call = Call::post(&EXECUTE_API, Bytes::copy_from_slice(body.as_bytes()));
        call.method = method;
        call.path = format!("/%40connections/{}", encode(connection));
        call.timeout = PATIENCE;
        call.repeat = Repeat::Failed;
        call.backoff = TRIES;
        let endpoint = Endpoint { base: self.base.clone(), overridden: !self.base.starts_with("https://") };
        let credentials = self.client.credentials(&endpoint).await.map_err(CallError::from)?;
        let answer = self.client.call_as(&call, &endpoint, &credentials).await?;
        match answer.response.status {
            200..300 => Ok(Sent::Taken),
            410 => Ok(Sent::Gone),
            status => Err(SendError::Refused(status)),
        }
    }
}

/// Where the API's stage answers. An endpoint for all services, as stand-ins for AWS have one, tells APIs apart by path.
fn base(config: &WebsocketConfig, endpoints: &Endpoints) -> String {
    let endpoint = endpoints.of(&EXECUTE_API, endpoints.region());
    if endpoints.names(&EXECUTE_API) {
        endpoint.base
    } else if endpoint.overridden {
        let stage = config.connections_url.rsplit('/').next().unwrap_or_default();
        let host = config.connections_url.split_once("://").map_or("", |(_, rest)| rest);
        let api = host.split('.').next().unwrap_or_default();
        format!("{}/_aws/execute-api/{api}/{stage}", endpoint.base)
    } else {
        config.connections_url.clone()
    }
}

impl Connections for ApiConnections {
    async fn send(&self, connection: &str, text: &str) -> Result<Sent, SendError> {
        self.call(Method::POST, connection, text).await
    }

    async fn close(&self, connection: &str) -> Result<(), SendError> {
        self.call(Method::DELETE, connection, "").await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_answers_where_the_stack_or_the_stand_in_has_it() {
        let config = WebsocketConfig {
            connections_url: "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/live".into(),
            ..WebsocketConfig::default()
        };
        let of = |variables: &[(&str, &str)]| {
            let pairs = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            base(&config, &Endpoints::read(pairs).0)
        };
        assert_eq!(of(&[]), config.connections_url);
        let common = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        assert_eq!(of(&[common]), "http://127.0.0.1:4566/_aws/execute-api/a1b2c3/live");
        let own = ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "http://127.0.0.1:9/live");
        assert_eq!(of(&[common, own]), "http://127.0.0.1:9/live");
    }
}
