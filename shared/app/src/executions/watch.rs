//! Waiting in this process for an execution's end.
//!
//! Whoever closes an execution here tells those who wait here. An end that another process decides is not told: who waits
//! looks at the store now and then all the same.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::ids::ExecutionId;

#[derive(Debug, Default)]
struct Watched {
    ended: bool,
    waker: Option<Waker>,
}

type Watches = HashMap<ExecutionId, Vec<Arc<Mutex<Watched>>>>;

fn watches() -> MutexGuard<'static, Watches> {
    static WATCHES: OnceLock<Mutex<Watches>> = OnceLock::new();
    WATCHES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ready when this process has closed the execution after the watch began; it may be awaited again then, and is ready at
/// once.
#[derive(Debug)]
pub struct EndWatch {
    id: ExecutionId,
    watched: Arc<Mutex<Watched>>,
}

/// Begins to wait for the end of an execution. Look at the execution afterwards: it may have ended before.
#[must_use]
pub fn watch_end(id: &ExecutionId) -> EndWatch {
    let watched = Arc::<Mutex<Watched>>::default();
    watches().entry(id.clone()).or_default().push(Arc::clone(&watched));
    EndWatch { id: id.clone(), watched }
}

/// Tells those who wait for the end of an execution.
pub(crate) fn ended(id: &ExecutionId) {
    let Some(all) = watches().remove(id) else { return };
    for watched in all {
        let waker = {
            let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
            watched.ended = true;
            watched.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for EndWatch {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if watched.ended {
            return Poll::Ready(());
        }
        watched.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for EndWatch {
    fn drop(&mut self) {
        let mut watches = watches();
        if let Some(all) = watches.get_mut(&self.id) {
            all.retain(|other| !Arc::ptr_eq(other, &self.watched));
            if all.is_empty() {
                watches.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    #[test]
    fn an_end_is_told_to_all_who_wait_and_nobody_is_left() {
        let id = ExecutionId::derived("watched");
        let (first, second) = (watch_end(&id), watch_end(&id));
        drop(second);
        let mut first = pin!(first);
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        ended(&id);
        assert!(first.as_mut().poll(&mut context).is_ready());
        assert!(!watches().contains_key(&id));
    }
}
