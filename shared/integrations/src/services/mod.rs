//! The integrations, each a function from arguments to result.

pub(crate) mod connection;
pub(crate) mod http_task;
pub(crate) mod json;
pub(crate) mod lambda;
pub(crate) mod s3;
pub(crate) mod sns;

use crate::fault::Fault;

/// An argument that must be there is not.
fn missing(name: &str) -> Fault {
    Fault::Client(format!("The field '{name}' is required but was missing"))
}
