//! Stopping an execution.

use crate::error::Error;
use crate::ids::ExecutionId;
use crate::ports::Ports;

/// Ends a running execution as `ABORTED` with an error name and a cause, its children with it. False when it had ended
/// already.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Store`].
pub async fn stop_execution<P: Ports>(ports: &P, id: &ExecutionId, error: &str, cause: &str) -> Result<bool, Error> {
    let _ = (ports, id, error, cause);
    Err(Error::NotConfigured("the engine is being written".into()))
}
