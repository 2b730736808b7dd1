//! `/health`: a real question to each dependency.

use std::future::Future;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::functions::stored_totals;
use millrace_app::keys;
use millrace_app::ports::{BlobStore, MessageQueues, Ports, Queue, RecordStore, StoreResult};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::App;
use crate::views;

/// A dependency that takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the server and what it depends on are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok` when every dependency answers.
    status: Condition,
    /// The server's version.
    version: String,
    /// Each dependency.
    checks: Checks,
    /// All invocations of functions; zero while the records don't answer. A moment old.
    functions: FunctionTotals,
}

/// All invocations of functions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FunctionTotals {
    /// All.
    total_invocations: u64,
    /// Those that ended without an error.
    successful_invocations: u64,
    /// Those that failed.
    failed_invocations: u64,
}

/// Each dependency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthChecks)]
struct Checks {
    /// The records.
    store: Check,
    /// The queues.
    queues: Check,
    /// The artifacts.
    blobs: Check,
}

/// How a dependency is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthCheck)]
struct Check {
    /// `ok` when it answered.
    status: Condition,
    /// How long the answer took, in milliseconds.
    latency_ms: u64,
}

/// `ok` or `failing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = HealthStatus)]
#[serde(rename_all = "lowercase")]
enum Condition {
    Ok,
    Failing,
}

/// How the server and what it depends on are
#[utoipa::path(
    get, path = "/health", tag = "server",
    responses(
        (status = 200, description = "Every dependency answers", body = Health),
        (status = 503, description = "One does not", body = Health),
    ),
)]
pub(crate) async fn get_health<P: Ports>(State(app): State<App<P>>) -> Response {
    let ports = &app.ports;
    let key = keys::health();
    let store = check("store", ports.records().get(&key)).await;
    let queues = check("queues", ports.queues().depth(Queue::Engine)).await;
    let blobs = check("blobs", ports.blobs().list("health/", None, 1)).await;
    // A failure shows in the store's own check.
    let totals = timeout(PATIENCE, stored_totals(ports)).await.ok().and_then(Result::ok).unwrap_or_default();
    let ok = [&store, &queues, &blobs].iter().all(|check| check.status == Condition::Ok);
    let (code, status) =
        if ok { (StatusCode::OK, Condition::Ok) } else { (StatusCode::SERVICE_UNAVAILABLE, Condition::Failing) };
    let checks = Checks { store, queues, blobs };
    let functions = FunctionTotals {
        total_invocations: totals.invocations,
        successful_invocations: totals.invocations.saturating_sub(totals.failed),
        failed_invocations: totals.failed,
    };
    views::json(code, Health { status, version: app.config.version.clone(), checks, functions })
}

async fn check<T>(name: &str, question: impl Future<Output = StoreResult<T>>) -> Check {
    let began = Instant::now();
    let status = match timeout(PATIENCE, question).await {
        Ok(Ok(_)) => Condition::Ok,
        Ok(Err(error)) => {
            tracing::error!(dependency = name, error = &error as &dyn std::error::Error, "unhealthy");
            Condition::Failing
        }
        Err(_) => {
            tracing::error!(dependency = name, "does not answer");
            Condition::Failing
        }
    };
    Check { status, latency_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) }
}
