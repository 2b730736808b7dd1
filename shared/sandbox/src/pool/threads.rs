//! Invocations in threads of this process. Each thread has its next sandbox ready before it takes work.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::crashed;
use crate::compile::Compiled;
use crate::frame::OwnedRequest;
use crate::invocation::{Invocation, Limits, Request};
use crate::realm::{Realm, THREAD_STACK};

struct Job {
    compiled: Compiled,
    request: OwnedRequest,
    limits: Limits,
    reply: SyncSender<Invocation>,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<(VecDeque<Job>, bool)>,
    ready: Condvar,
}

impl Queue {
    /// The next job, once there is one. None when the pool is gone.
    fn take(&self) -> Option<Job> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |(jobs, closed): &mut (VecDeque<Job>, bool)| jobs.is_empty() && !*closed;
        let mut jobs = self.ready.wait_while(jobs, waiting).unwrap_or_else(PoisonError::into_inner);
        jobs.0.pop_front()
    }
}

pub(super) struct Threads {
    queue: Arc<Queue>,
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Threads").finish_non_exhaustive()
    }
}

impl Threads {
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        for _ in 0..count {
            let queue = Arc::clone(&queue);
            let thread = thread::Builder::new().name("sandbox".into()).stack_size(THREAD_STACK);
            thread.spawn(move || work(&queue))?;
        }
        Ok(Self { queue })
    }

    pub(super) fn invoke(&self, compiled: &Compiled, request: &Request<'_>, limits: &Limits) -> Invocation {
        let (reply, answer) = sync_channel(1);
        let job = Job { compiled: compiled.clone(), request: OwnedRequest::of(request), limits: *limits, reply };
        self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner).0.push_back(job);
        self.queue.ready.notify_one();
        answer.recv().unwrap_or_else(|_| crashed("the sandbox panicked"))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.queue.ready.notify_all();
    }
}

fn work(queue: &Queue) {
    let mut next = Realm::new();
    while let Some(job) = queue.take() {
        // A panic would be a bug of the binding; the caller hears of it, and the thread goes on with a fresh sandbox.
        let run = catch_unwind(AssertUnwindSafe(|| match next {
            Ok(realm) => {
                let (invocation, used) = realm.run(&job.compiled, &job.request.borrow(), &job.limits);
                let _ = job.reply.send(invocation);
                drop(used);
            }
            Err(message) => {
                let _ = job.reply.send(crashed(message));
            }
        }));
        drop(run);
        next = Realm::new();
    }
}
