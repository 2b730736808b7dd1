//! What API Gateway hands to a function behind a WebSocket API
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>).

use std::collections::HashMap;

use millrace_app::Timestamp;
use millrace_app::live::LiveCaller;
use serde::Deserialize;
use serde_json::Value;

/// An event of a connection.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayEvent {
    request_context: Context,
    /// Those of the handshake; with `$connect` only.
    #[serde(default)]
    headers: Option<HashMap<String, String>>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    route_key: String,
    connection_id: String,
    /// Milliseconds since 1970.
    #[serde(default)]
    connected_at: i64,
    #[serde(default)]
    identity: Signer,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signer {
    #[serde(default)]
    user_arn: Option<String>,
    #[serde(default)]
    account_id: Option<String>,
}

impl GatewayEvent {
    /// Reads an event.
    ///
    /// # Errors
    /// What makes it none.
    pub fn read(event: Value) -> Result<Self, serde_json::Error> {
        serde_json::from_value(event)
    }

    /// The route: `$connect`, `$disconnect` or `$default`.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.request_context.route_key
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &str {
        &self.request_context.connection_id
    }

    /// When it was made.
    #[must_use]
    pub const fn connected_at(&self) -> Timestamp {
        Timestamp::from_millis(self.request_context.connected_at)
    }

    /// The page that connects, where a browser says it.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        let headers = self.headers.as_ref()?;
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("origin")).map(|(_, value)| value.as_str())
    }

    /// The message.
    #[must_use]
    pub fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    /// Whoever signed the handshake, as the REST API knows them. The gateway has checked it.
    #[must_use]
    pub fn signer(&self) -> Option<LiveCaller> {
        let Signer { user_arn, account_id } = &self.request_context.identity;
        let shared_owner = account_id.as_ref().map(|account| format!("aws:{account}"));
        Some(LiveCaller { owner: user_arn.clone()?, shared_owner, key: None, valid_until: None })
    }
}
