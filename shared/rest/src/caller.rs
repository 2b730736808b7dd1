//! Who calls. The one place that decides it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use millrace_app::workflows::Place;

use crate::App;
use crate::config::{AuthMode, RestConfig};
use crate::problem::Problem;

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose projects these are.
    pub owner: String,
    /// The account, where the front knows it: twelve digits. Workflows and executions belong to it, as in the Step
    /// Functions API.
    pub account: Option<String>,
}

impl Caller {
    /// The owner of everything where authentication is off.
    pub const LOCAL: &'static str = "local";

    /// Who owns the workflows that the caller makes.
    pub(crate) fn workflow_owner(&self) -> String {
        self.account.as_ref().map_or_else(|| self.owner.clone(), |account| format!("aws:{account}"))
    }

    /// Where they are.
    pub(crate) fn place(&self, config: &RestConfig) -> Place {
        let partition = match config.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Place {
            partition: partition.to_owned(),
            region: config.region.clone(),
            account: self.account.clone().unwrap_or_else(|| config.account.clone()),
        }
    }
}

impl<P: Send + Sync> FromRequestParts<App<P>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App<P>) -> Result<Self, Problem> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        match app.config.auth_mode {
            AuthMode::Off => Ok(Self { owner: Self::LOCAL.to_owned(), account: None }),
            AuthMode::Required => Err(Problem::unauthorized()),
        }
    }
}
