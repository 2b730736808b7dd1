//! Where work comes from: the request that led to it, and the span of a trace that it belongs to.
//!
//! It goes along with the work by itself, through everything that a future awaits, and through the queues in the messages'
//! envelopes; use cases name it nowhere. It decides nothing: without it the same things are done.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use crate::ports::IdSource;
use crate::traces::SpanContext;

/// Where work comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The id of the request that led to it.
    pub request: Option<Arc<str>>,
    /// The span that it is a part of; none where it is not traced.
    pub span: Option<SpanContext>,
}

/// A fresh name for a request that came without one, in the form of a UUID, as AWS names requests.
#[must_use]
pub fn request_id(ids: &impl IdSource) -> String {
    use std::fmt::Write as _;
    let mut id = String::with_capacity(36);
    for (place, byte) in ids.random().into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        let _infallible = write!(id, "{byte:02x}");
    }
    id
}

thread_local! {
    static CURRENT: RefCell<Origin> = RefCell::default();
}

/// Puts back what was before, also when a future panics.
struct Exchanged<'a>(&'a mut Origin);

impl<'a> Exchanged<'a> {
    fn with(own: &'a mut Origin) -> Self {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, own));
        Self(own)
    }
}

impl Drop for Exchanged<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.0));
    }
}

impl Origin {
    /// That of the work which is being done now.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.with_borrow(Clone::clone)
    }

    /// The span that the work is a part of which is being done now.
    #[must_use]
    pub fn span() -> Option<SpanContext> {
        CURRENT.with_borrow(|current| current.span)
    }

    /// Runs a future as work of this origin.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        let mut own = self;
        let mut future = pin!(future);
        poll_fn(|context| {
            let _exchanged = Exchanged::with(&mut own);
            future.as_mut().poll(context)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn of(request: &str) -> Origin {
        Origin { request: Some(request.into()), span: None }
    }

    #[test]
    fn it_is_there_while_its_work_is_done_and_nowhere_else() {
        let mut polls = 0;
        let inner = of("inner").scope(poll_fn(|_| {
            assert_eq!(Origin::current(), of("inner"));
            polls += 1;
            if polls < 2 { Poll::Pending } else { Poll::Ready(polls) }
        }));
        let mut outer = pin!(of("outer").scope(async {
            let polls = inner.await;
            assert_eq!(Origin::current(), of("outer"));
            polls
        }));
        let mut context = Context::from_waker(Waker::noop());
        assert!(outer.as_mut().poll(&mut context).is_pending());
        assert_eq!(Origin::current(), Origin::default());
        assert_eq!(outer.as_mut().poll(&mut context), Poll::Ready(2));
        assert_eq!(Origin::current(), Origin::default());
    }

    #[test]
    fn a_panic_leaves_nothing_behind() {
        let panicked = std::panic::catch_unwind(|| {
            let mut work = pin!(of("broken").scope(async { panic!("as asked") }));
            let _never = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        });
        assert!(panicked.is_err());
        assert_eq!(Origin::current(), Origin::default());
    }
}
