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
mod openapi;
mod params;
mod problem;
mod projects;
mod schedules;
mod tasks;
mod templates;
mod versions;
mod views;
mod workflows;

pub use access::Refusal;
pub use ai::{Ai, ai};
pub use caller::Caller;
pub use config::{AuthMode, RestConfig};
pub use frame::RequestId;
pub use functions::{ClientAddress, FunctionsService};
pub use openapi::{functions_router, openapi, router, router_with_functions};
pub use problem::{HTTP_CODES, Problem};

use std::sync::Arc;

/// What every handler sees.
#[derive(Debug, Clone)]
struct App<P> {
    ports: P,
    config: Arc<RestConfig>,
}
