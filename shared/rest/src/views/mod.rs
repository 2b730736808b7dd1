//! What the API answers: the public form of records. Stored forms may change without these.

mod ai;
mod artifacts;
mod executions;
mod functions;
mod keys;
mod map_runs;
mod projects;
mod subscriptions;
mod templates;
mod workflows;

use axum::Json;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace_app::ports::Page;
use millrace_app::projects::{Project, Stored};
use serde::Serialize;
use utoipa::ToSchema;

use crate::reports::ReportSummaryView;
use crate::webhooks::WebhookEventView;

pub(crate) use ai::{AiAnswerView, AiTaskView};
pub(crate) use artifacts::{CostView, DeploymentView, EventView, FileView, PlanView, TestView};
pub(crate) use executions::{EventItemView, ExecutionSummary, ExecutionView, GraphView};
pub(crate) use functions::{CodeView, FunctionView, FunctionsHealthView, InvocationView, RegisteredView};
pub(crate) use keys::{CallerView, IssuedKeyView, KeyView};
pub(crate) use map_runs::{MapRunExecutionSummary, MapRunExecutionView, MapRunSummary, MapRunView};
pub(crate) use projects::{ModificationView, ProjectSummary, ProjectView, StatusView};
pub(crate) use subscriptions::{
    DeliveryDetailsView, DeliveryView, IssuedSubscriptionView, ReplayedDeliveriesView, SubscriptionDetailsView,
    SubscriptionListView, SubscriptionView,
};
pub(crate) use templates::{TemplateList, TemplateView};
pub(crate) use workflows::{AliasView, ValidationView, VersionView, WorkflowSummary, WorkflowView};

/// A JSON answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, body: T) -> Response {
    (status, Json(body)).into_response()
}

/// A project as an answer, with its `ETag`.
pub(crate) fn project(status: StatusCode, stored: Stored<Project>) -> Response {
    let tag = etag(stored.version);
    let mut response = json(status, ProjectView::from(stored));
    response.headers_mut().extend(tag);
    response
}

pub(crate) fn etag(version: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        headers.insert(ETAG, tag);
    }
    headers
}

/// Says where a thing is that was made.
pub(crate) fn with_location(mut response: Response, location: &str) -> Response {
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident of $item:ident as $schema:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Serialize, ToSchema)]
        #[schema(as = $name)]
        pub(crate) struct $name {
            /// The page's items.
            items: Vec<$item>,
            /// Give it as `cursor` to get the next page; null on the last one.
            #[schema(required = true)]
            next_cursor: Option<String>,
        }

        impl $name {
            /// A page of these.
            pub(crate) fn of<T>(page: Page<T>, view: impl FnMut(T) -> $item) -> Self {
                Self { items: page.items.into_iter().map(view).collect(), next_cursor: page.next }
            }
        }
    )*};
}

pages! {
    /// A page of projects, newest first.
    ProjectPage of ProjectSummary as "ProjectPage";
    /// A page of keys, newest first.
    KeyPage of KeyView as "KeyPage";
    /// A page of functions, by name.
    FunctionPage of FunctionView as "FunctionPage";
    /// A page of files, by path.
    FilePage of FileView as "FilePage";
    /// A page of test reports, newest first.
    TestPage of TestView as "TestPage";
    /// A page of deployment packages, newest first.
    DeploymentPage of DeploymentView as "DeploymentPage";
    /// A page of workflows, newest first.
    WorkflowPage of WorkflowSummary as "WorkflowPage";
    /// A page of versions, newest first.
    VersionPage of VersionView as "VersionPage";
    /// A page of aliases, by name.
    AliasPage of AliasView as "AliasPage";
    /// A page of executions, newest first. It may have fewer items than asked for, or none, before the last one.
    ExecutionPage of ExecutionSummary as "ExecutionPage";
    /// A page of events of webhooks, newest first. It may have fewer items than asked for, or none, before the last one.
    WebhookEventPage of WebhookEventView as "WebhookEventPage";
    /// A page of reports, newest first.
    ReportPage of ReportSummaryView as "ReportPage";
    /// A page of deliveries, newest first.
    DeliveryPage of DeliveryView as "DeliveryPage";
    /// A page of map runs, newest first.
    MapRunPage of MapRunSummary as "MapRunPage";
    /// A page of executions of a map run, newest first.
    MapRunExecutionPage of MapRunExecutionSummary as "MapRunExecutionPage";
    /// A page of a history.
    HistoryPage of EventItemView as "HistoryPage";
    /// A page of events in order of time.
    EventPage of EventView as "EventPage";
}
