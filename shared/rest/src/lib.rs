//! The REST API: router, problem details, OpenAPI.
//!
//! It owns what HTTP adds to the use cases of `millrace-app`: reading requests, checking their form, answering with
//! JSON or `application/problem+json`, and describing itself as OpenAPI 3.1. It holds no rule of the product and knows
//! no server: the lambda and the local server both call [`router`]. Start reading at `openapi.rs`, which lists every
//! route, then `projects.rs`.

mod access;
mod ai;
mod artifacts;
mod body;
mod bulk;
mod caller;
mod config;
mod control;
mod error_pages;
mod executions;
mod frame;
mod functions;
mod health;
mod import;
mod keys;
mod limits;
mod logs;
mod map_runs;
mod openapi;
mod params;
mod problem;
mod projects;
mod queues;
mod reports;
mod schedules;
mod sign_in;
mod subscriptions;
mod tasks;
mod templates;
mod triggers;
mod versions;
mod views;
mod webhooks;
mod workflows;

pub use access::Refusal;
pub use ai::{Ai, ai};
pub use caller::Caller;
pub use config::{AuthMode, RestConfig};
pub use frame::{RequestId, with_request_ids};
pub use functions::{ClientAddress, FunctionsService};
pub use logs::{LogsFrom, logs};
pub use openapi::{functions_router, openapi, router, router_with_functions, trigger_router, webhook_router};
pub use problem::{HTTP_CODES, Problem};
pub use sign_in::{Grant, Issuer, SignIn, SignInAnswer, SignInClient, SignInError, SignedIn, sign_in};

use std::sync::Arc;

use millrace_app::webhooks::Receiver;

/// What every handler sees.
#[derive(Debug, Clone)]
struct App<P> {
    ports: P,
    config: Arc<RestConfig>,
    webhooks: Receiver,
}

impl<P> App<P> {
    fn new(ports: P, config: RestConfig) -> Self {
        Self { ports, webhooks: config.receiver(), config: Arc::new(config) }
    }
}
