//! A service over memory, with a clock and ids that tests can foresee.

use domain::http::{Request, Response};
use domain::memory::MemoryRepository;
use domain::service::{Moment, Service};
use serde_json::Value;
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Sends requests to a service of its own.
pub struct Client {
    service: Service<MemoryRepository>,
    count: Cell<u32>,
}

impl Client {
    pub fn new() -> Self {
        Self { service: Service::new(MemoryRepository::default()), count: Cell::new(0) }
    }

    /// The response to a request; `target` is a path with an optional query.
    pub fn send(&self, method: &str, target: &str, body: Option<&Value>) -> Response {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send_raw(method, target, body.as_bytes())
    }

    pub fn send_raw(&self, method: &str, target: &str, body: &[u8]) -> Response {
        let count = self.count.get() + 1;
        self.count.set(count);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: body.to_vec(),
        };
        let moment = Moment {
            now: format!("2024-05-01T12:{:02}:{:02}.000Z", count / 60, count % 60),
            new_id: format!("{count:032x}"),
        };
        block_on(self.service.handle(&request, &moment)).expect("memory does not fail")
    }
}

/// The members that a 422 complains about.
#[allow(dead_code, reason = "not every test file uses it")]
pub fn pointers(response: &Response) -> Vec<&str> {
    let errors = response.body.as_ref().and_then(|body| body["errors"].as_array());
    let errors = errors.expect("problems are listed");
    errors.iter().filter_map(|error| error["pointer"].as_str()).collect()
}

/// Runs a future that never waits for anything outside.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
