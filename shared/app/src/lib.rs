//! The use cases of Millrace, over ports.
//!
//! It owns the product's rules: what a request does, what is stored under which key, which message goes where. It knows
//! no cloud, no database and no HTTP. Start reading at [`ports`], then [`executions`], [`activities`] and [`projects`].

pub mod activities;
pub mod addresses;
pub mod archives;
pub mod builtins;
pub mod changes;
pub mod digest;
mod error;
pub mod executions;
pub mod functions;
pub mod identity;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod live;
pub mod logs;
pub mod map_runs;
pub mod metrics;
pub mod models;
pub mod notifications;
pub mod origin;
pub mod patterns;
pub mod ports;
pub mod projects;
pub mod queues;
pub mod schedules;
pub(crate) mod secrets;
pub mod storage;
pub mod templates;
pub mod traces;
pub mod triggers;
pub mod webhooks;
pub mod workers;
pub mod workflows;

pub use error::{Error, FieldProblem};
pub use millrace_asl::{PayloadLimit, Timestamp};
