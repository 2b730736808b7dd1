//! `GET /metrics`: what was counted in this process, and how full the queues are, for Prometheus.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use millrace_app::Timestamp;
use millrace_app::ports::{Clock as _, MessageQueues, Ports, Queue, QueueDepth};
use millrace_rest::Caller;
use millrace_telemetry::Registry;

use super::guard::refused;
use crate::logging;

/// Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is told of each queue.
type Figure = (&'static str, fn(&QueueDepth) -> u64);

const FIGURES: [Figure; 4] = [
    ("queue_ready", |depth| depth.ready),
    ("queue_in_flight", |depth| depth.in_flight),
    ("queue_delayed", |depth| depth.delayed),
    ("queue_dead_letters", |depth| depth.dead),
];

/// The route. `is_open`: callers need not say who they are.
pub(crate) fn routes<P: Ports>(ports: P, is_open: bool) -> Router {
    Router::new().route("/metrics", get(metrics::<P>)).with_state((ports, is_open))
}

async fn metrics<P: Ports>(State((ports, is_open)): State<(P, bool)>, caller: Option<Extension<Caller>>) -> Response {
    // What all owners do together is for operators, as the queues are.
    let detail = match caller {
        _ if is_open => None,
        None => Some((StatusCode::UNAUTHORIZED, "unauthorized", "show an operator's key: Authorization: Bearer …")),
        Some(Extension(caller)) if !caller.operator => {
            Some((StatusCode::FORBIDDEN, "forbidden", "this needs an operator's key: it tells of every owner's work"))
        }
        Some(_) => None,
    };
    if let Some((status, code, detail)) = detail {
        return refused(status, &format!("/errors/{code}"), detail);
    }
    let mut depths = Vec::with_capacity(Queue::ALL.len());
    for queue in Queue::ALL {
        match ports.queues().depth(queue).await {
            Ok(depth) => depths.push((queue, depth)),
            Err(error) => {
                tracing::error!(error = logging::chain(&error), queue = queue.name(), "a queue's depth can't be read");
            }
        }
    }
    let mut text = logging::metrics().text();
    for (name, figure) in FIGURES {
        #[expect(clippy::cast_precision_loss, reason = "counts of messages are small")]
        let values: Vec<_> =
            depths.iter().map(|(queue, depth)| ("queue", queue.name(), figure(depth) as f64)).collect();
        text.push_str(&Registry::gauge(name, &values));
    }
    let now = ports.clock().now();
    #[expect(clippy::cast_precision_loss, reason = "ages in milliseconds are exact for ages")]
    let age = |at: Timestamp| now.millis().saturating_sub(at.millis()).max(0) as f64 / 1_000.0;
    let ages: Vec<_> =
        depths.iter().map(|(queue, depth)| ("queue", queue.name(), depth.oldest_at.map_or(0.0, age))).collect();
    text.push_str(&Registry::gauge("queue_oldest_message_age_seconds", &ages));
    ([(CONTENT_TYPE, TEXT)], text).into_response()
}
