//! The API over in-memory ports. Every answer is checked against the OpenAPI description.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod ai;
mod artifacts;
mod create;
mod description;
mod faults;
mod functions;
mod how_to;
mod http;
mod import;
mod input_schema;
mod keys;
mod lifecycle;
mod listing;
mod queues;
mod schedules;
mod subscriptions;
mod support;
mod tasks;
mod triggers;
mod webhooks;
mod work;
mod workflows;
