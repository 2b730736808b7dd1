//! Starting an execution.

use millrace_asl::Timestamp;
use serde_json::Value;

use crate::error::Error;
use crate::ids::ExecutionId;
use crate::ports::Ports;

/// What an execution is started with.
#[derive(Debug, Clone)]
pub struct StartExecution {
    /// The id; the same id twice starts one execution. Derive it from what must not start twice.
    pub id: ExecutionId,
    /// Who owns it.
    pub owner: String,
    /// Its name, `$$.Execution.Name`.
    pub name: String,
    /// The definition as ASL in JSON or YAML.
    pub definition: String,
    /// Its input.
    pub input: Value,
    /// The project whose delivery it is; told when the execution ends.
    pub project: Option<crate::ids::ProjectId>,
}

/// Starts an execution: commits its first entry and sends its first messages. Idempotent by id.
///
/// # Errors
/// [`Error::Invalid`] with JSON pointers where the definition isn't valid; [`Error::Store`].
pub async fn start_execution<P: Ports>(ports: &P, start: StartExecution) -> Result<Timestamp, Error> {
    let _ = (ports, start);
    Err(Error::NotConfigured("the engine is being written".into()))
}
