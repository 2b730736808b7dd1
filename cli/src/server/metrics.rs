//! `GET /metrics`: what was counted in this process, and how full the queues are, for Prometheus.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use millrace_app::ports::{MessageQueues, Ports, Queue, QueueDepth};
use millrace_telemetry::Registry;

use crate::logging;

/// Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The route.
pub(crate) fn routes<P: Ports>(ports: P) -> Router {
    Router::new().route("/metrics", get(metrics::<P>)).with_state(ports)
}

async fn metrics<P: Ports>(State(ports): State<P>) -> Response {
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
    let figures: [(&str, fn(&QueueDepth) -> u64); 4] = [
        ("queue_ready", |depth| depth.ready),
        ("queue_in_flight", |depth| depth.in_flight),
        ("queue_delayed", |depth| depth.delayed),
        ("queue_dead_letters", |depth| depth.dead),
    ];
    for (name, figure) in figures {
        #[expect(clippy::cast_precision_loss, reason = "counts of messages are small")]
        let values: Vec<_> = depths.iter().map(|(queue, depth)| ("queue", queue.name(), figure(depth) as f64)).collect();
        text.push_str(&Registry::gauge(name, &values));
    }
    ([(CONTENT_TYPE, TEXT)], text).into_response()
}
