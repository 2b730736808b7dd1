//! Control calls.

use millrace_asl::{Event, Failure};

use super::advance::{Advanced, After, advance};
use super::log::LogId;
use super::{close, load};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::ports::Ports;

/// Ends a running execution as `ABORTED` with an error name and a cause, its children with it. False when it had ended
/// already.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Store`].
pub async fn stop_execution<P: Ports>(ports: &P, id: &ExecutionId, error: &str, cause: &str) -> Result<bool, Error> {
    let event = Event::Abort { failure: Failure::new(error, cause) };
    match advance(ports, &LogId::root(id.clone()), event, None, After::default()).await? {
        Advanced::Committed => Ok(true),
        Advanced::Late(thread) => {
            close::settle(ports, &thread).await?;
            Ok(false)
        }
        Advanced::Gone => Err(Error::NotFound { kind: "execution", id: id.to_string() }),
    }
}

/// Ends children that nobody waits for.
pub(crate) async fn abort_children<P: Ports>(
    ports: &P,
    log: &LogId,
    fanout: u32,
    children: &[u32],
    failure: &Failure,
) -> Result<(), Error> {
    let mut origin = None;
    for index in children {
        let child = log.child(fanout, *index);
        let event = Event::Abort { failure: failure.clone() };
        let Advanced::Gone = advance(ports, &child, event.clone(), None, After::default()).await? else { continue };
        // It never wrote, and its parent has moved on: its end must stand in its log all the same, for its worker to
        // find.
        if origin.is_none() {
            origin = load::origin(ports, log, fanout).await?;
        }
        if let Some(parent) = &origin
            && let Some(thread) = load::implied(ports, parent, *index).await?
        {
            advance(ports, &child, event, Some(thread), After::default()).await?;
        }
    }
    Ok(())
}
