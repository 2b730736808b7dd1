//! The functions service: `manage.rs` keeps functions, `invoke.rs` runs them, `calls.rs` gives them HTTP requests as API
//! Gateway would.

pub(crate) mod calls;
mod event;
pub(crate) mod invoke;
pub(crate) mod manage;
mod response;

use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use millrace_app::functions::{FunctionName, FunctionRuntime, Functions};
use millrace_app::ports::Ports;

use crate::App;
use crate::caller::Caller;
use crate::params::PathParams;
use crate::problem::Problem;

/// The functions that a router serves.
#[derive(Debug)]
pub struct FunctionsService<R: FunctionRuntime> {
    /// They.
    pub functions: Functions<R>,
    /// How long a caller is kept waiting at most, where somebody before the router gives up at a time.
    pub patience: Option<Duration>,
}

/// What every handler of this folder sees.
pub(crate) struct FunctionsApp<P, R: FunctionRuntime> {
    pub(crate) app: App<P>,
    pub(crate) functions: Functions<R>,
    pub(crate) patience: Option<Duration>,
    pub(crate) started: Instant,
}

impl<P: Clone, R: FunctionRuntime> Clone for FunctionsApp<P, R> {
    fn clone(&self) -> Self {
        let (app, functions) = (self.app.clone(), self.functions.clone());
        Self { app, functions, patience: self.patience, started: self.started }
    }
}

impl<P, R: FunctionRuntime> FunctionsApp<P, R> {
    pub(crate) fn new(app: App<P>, service: FunctionsService<R>) -> Self {
        Self { app, functions: service.functions, patience: service.patience, started: Instant::now() }
    }
}

impl<P: Ports, R: FunctionRuntime> FromRequestParts<FunctionsApp<P, R>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &FunctionsApp<P, R>) -> Result<Self, Problem> {
        Self::from_request_parts(parts, &state.app).await
    }
}

/// The address of whoever sent a request, in the request's extensions where the front knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress(pub String);

/// The function that a path names.
fn named(caller: &Caller, path: &PathParams) -> FunctionName {
    FunctionName::new(caller.workflow_owner(), path.get("projectId"), path.get("name"))
}
