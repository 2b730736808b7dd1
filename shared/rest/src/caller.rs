//! Who calls. The one place that decides it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::App;
use crate::config::AuthMode;
use crate::problem::Problem;

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose projects these are.
    pub owner: String,
}

impl Caller {
    /// The owner of everything where authentication is off.
    pub const LOCAL: &'static str = "local";
}

impl<P: Send + Sync> FromRequestParts<App<P>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App<P>) -> Result<Self, Problem> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        match app.config.auth_mode {
            AuthMode::Off => Ok(Self { owner: Self::LOCAL.to_owned() }),
            AuthMode::Required => Err(Problem::unauthorized()),
        }
    }
}
