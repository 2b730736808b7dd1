//! What the API is told at start.

use millrace_app::PayloadLimit;
use millrace_app::archives::ArchiveLimits;
use millrace_app::builtins::BuiltinIds;
use millrace_app::webhooks::Receiver;

use crate::caller::Caller;

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthMode {
    /// Everybody is the owner `local`. For loopback only.
    Off,
    /// The front identifies the caller and puts a [`Caller`](crate::Caller) into the request's extensions.
    #[default]
    Required,
}

/// The API's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestConfig {
    /// Origins whose pages may call (`https://console.example.com`); `*` is any. Empty: none.
    pub cors_origins: Vec<String>,
    /// Where the API is reached, without a trailing slash (`https://api.example.com/prod`); empty: links are relative.
    pub base_url: String,
    /// Who may call.
    pub auth_mode: AuthMode,
    /// The version that `/health` tells.
    pub version: String,
    /// The account of callers whose account is not known: twelve digits.
    pub account: String,
    /// The region of the workflows.
    pub region: String,
    /// How large the data of executions may be, where neither their definition nor their start says it.
    pub payload_limit: PayloadLimit,
    /// What an imported archive may hold.
    pub archives: ArchiveLimits,
    /// Is there a model that plans and writes? Without one, requirements and requests in words are refused.
    pub with_model: bool,
    /// Does the front check AWS signatures made with pairs of API keys? Without that, none are made.
    pub access_keys: bool,
    /// Whose the events of webhooks are; where nothing is said the account's, or everybody's where nobody is asked.
    pub webhook_owner: Option<String>,
    /// Must webhooks be signed?
    pub verify_webhooks: bool,
    /// The workflows that take the places of built-in ones.
    pub builtins: BuiltinIds,
    /// May notifications go to endpoints on this machine and its network, and without TLS?
    pub private_notifications: bool,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            base_url: String::new(),
            auth_mode: AuthMode::default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            payload_limit: PayloadLimit::None,
            archives: ArchiveLimits::default(),
            with_model: false,
            access_keys: false,
            webhook_owner: None,
            verify_webhooks: true,
            builtins: BuiltinIds::default(),
            private_notifications: false,
        }
    }
}

impl RestConfig {
    /// The same as `WEBHOOK_OWNER` and `VERIFY_WEBHOOK_SIGNATURE` in the environment have it.
    #[must_use]
    pub fn with_webhooks_from_env(self) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        Self {
            webhook_owner: variable("WEBHOOK_OWNER").or(self.webhook_owner),
            verify_webhooks: Receiver::is_to_verify(variable("VERIFY_WEBHOOK_SIGNATURE").as_deref()),
            ..self
        }
    }

    /// Who receives webhooks.
    pub(crate) fn receiver(&self) -> Receiver {
        let owner = self.webhook_owner.clone().unwrap_or_else(|| match self.auth_mode {
            AuthMode::Off => Caller::LOCAL.to_owned(),
            AuthMode::Required => format!("aws:{}", self.account),
        });
        Receiver::new(owner, self.verify_webhooks)
    }

    /// An address of this server: what begins with `/` gets the base URL before it.
    pub(crate) fn link(&self, target: &str) -> String {
        if target.starts_with('/') { format!("{}{target}", self.base_url) } else { target.to_owned() }
    }
}
