//! The Step Functions JSON API (`awsJson1.0`, `X-Amz-Target: AWSStepFunctions.<Operation>`) over the use cases of
//! `millrace-app`.
//!
//! It owns what the protocol adds: reading requests and checking their members as the service does, with its error names
//! and texts, and shaping the answers. It holds no rule of workflows and knows no server: the lambda and the local
//! server both call [`router`]. Start reading at `handler.rs`, which lists every operation.

mod access;
mod caller;
mod error;
mod fields;
mod handler;
mod history;
mod operations;
mod paging;
mod views;

pub use caller::{ApiCaller, ApiRefusal, StepFunctionsConfig};
pub use handler::{LARGEST_BODY, OPERATIONS, Refused, call, router, router_with_tasks};
