//! What the outside implements to call models.

use std::future::Future;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::chat::{ChatAnswer, ChatRequest, ModelRef, TokenUsage};
use super::error::ModelError;
use crate::error::Error;
use crate::ports::Ports;

/// For whom a model works. Each may have a model of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgentRole {
    /// Plans.
    Pm,
    /// Writes code.
    Dev,
    /// Checks.
    Qa,
    /// Packages.
    Ops,
    /// A single call: `POST /api/ai/…` and `millrace:model`.
    Single,
}

impl AgentRole {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pm, Self::Dev, Self::Qa, Self::Ops, Self::Single];

    /// The word that names it in records and, in capitals, in variables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pm => "pm",
            Self::Dev => "dev",
            Self::Qa => "qa",
            Self::Ops => "ops",
            Self::Single => "single",
        }
    }
}

/// What a million tokens cost, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Sent.
    pub input: f64,
    /// Received.
    pub output: f64,
    /// Sent and found in the provider's cache; without one they cost as any other.
    #[serde(default)]
    pub cached_input: Option<f64>,
    /// Of calls that send much, where those cost more.
    #[serde(default)]
    pub long: Option<LongPrice>,
}

/// What a million tokens of a long call cost, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongPrice {
    /// A call is long that sends more tokens than this.
    pub over: u64,
    /// Sent.
    pub input: f64,
    /// Received.
    pub output: f64,
    /// Sent and found in the provider's cache.
    #[serde(default)]
    pub cached_input: Option<f64>,
}

impl Price {
    /// US dollars for a call's tokens.
    #[must_use]
    pub fn of(&self, usage: TokenUsage) -> f64 {
        const MILLION: f64 = 1_000_000.0;
        #[expect(clippy::cast_precision_loss, reason = "nobody uses 2^53 tokens")]
        let cost = |tokens: u64, price: f64| tokens as f64 * price / MILLION;
        let (input, output, cached_input) = match self.long {
            Some(long) if usage.input > long.over => (long.input, long.output, long.cached_input),
            _ => (self.input, self.output, self.cached_input),
        };
        let cached = usage.cached_input.min(usage.input);
        cost(usage.input - cached, input) + cost(cached, cached_input.unwrap_or(input)) + cost(usage.output, output)
    }
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Which model.
    pub model: &'a ModelRef,
    /// What it is asked.
    pub request: &'a ChatRequest,
    /// How long the answer may take, to its last byte.
    pub timeout: Duration,
}

/// Calls models. The default of a deployment without a key is [`NoModel`]: it never pretends to be one.
pub trait ModelCaller: Send + Sync {
    /// The model for a role; `None` where none is configured.
    fn model_for(&self, role: AgentRole) -> Option<ModelRef>;

    /// Are there models for both who plans and who writes? Then projects are made from words.
    fn plan_and_write(&self) -> bool {
        [AgentRole::Pm, AgentRole::Dev].into_iter().all(|role| self.model_for(role).is_some())
    }

    /// May calls name this model? A caller refuses those of providers for which nothing is configured.
    fn can_call(&self, model: &ModelRef) -> bool;

    /// Makes ready for a call: what was synchronised since the last one, such as prices, counts from here on.
    fn prepare<P: Ports>(&self, ports: &P) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = ports;
        async { Ok(()) }
    }

    /// What a model costs; `None` where that is unknown.
    fn price(&self, model: &ModelRef) -> Option<Price>;

    /// Makes one call, once: who calls repeats. Keys are read from the ports' secrets.
    fn call<P: Ports>(
        &self,
        ports: &P,
        asked: Asked<'_>,
    ) -> impl Future<Output = Result<ChatAnswer, ModelError>> + Send;

    /// What is wrong with a schema itself; `None` where nothing is.
    fn check_schema(&self, schema: &Value) -> Option<String>;

    /// What of a value breaks a schema, one sentence each, with the place. Empty where nothing does.
    fn problems(&self, schema: &Value, value: &Value) -> Vec<String>;
}

/// No model at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoModel;

impl ModelCaller for NoModel {
    fn model_for(&self, _: AgentRole) -> Option<ModelRef> {
        None
    }

    fn can_call(&self, _: &ModelRef) -> bool {
        false
    }

    fn price(&self, _: &ModelRef) -> Option<Price> {
        None
    }

    async fn call<P: Ports>(&self, _: &P, asked: Asked<'_>) -> Result<ChatAnswer, ModelError> {
        Err(ModelError::UnknownModel(format!("no provider is configured for {}", asked.model)))
    }

    fn check_schema(&self, _: &Value) -> Option<String> {
        None
    }

    fn problems(&self, _: &Value, _: &Value) -> Vec<String> {
        Vec::new()
    }
}
