//! Who calls. The one place that decides it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use millrace_app::identity::Role;
use millrace_app::workflows::Place;

use crate::App;
use crate::config::{AuthMode, RestConfig};
use crate::problem::Problem;

/// The caller of a request. The front makes it and puts it into the request's extensions: nothing that a request says of
/// itself gets in here unproved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose projects these are.
    pub owner: String,
    /// The account of their ARNs, where the front knows it: twelve digits.
    pub account: Option<String>,
    /// Who owns the workflows and functions that they make, where that is not `owner`.
    pub shared_owner: Option<String>,
    /// What they may do.
    pub role: Role,
    /// The id of the API key that they showed.
    pub key: Option<String>,
    /// May they make and see keys of other owners?
    pub operator: bool,
}

impl Caller {
    /// The owner of everything where authentication is off.
    pub const LOCAL: &'static str = "local";

    /// Everybody, where authentication is off.
    #[must_use]
    pub fn local() -> Self {
        Self { operator: true, ..Self::new(Self::LOCAL, Role::Admin) }
    }

    /// A caller to whom all belongs that they make.
    pub fn new(owner: impl Into<String>, role: Role) -> Self {
        Self { owner: owner.into(), account: None, shared_owner: None, role, key: None, operator: false }
    }

    /// A caller whose signature AWS has checked. Workflows and functions belong to the account, as with Step Functions; what
    /// the caller may do is told by their policies.
    pub fn iam(arn: impl Into<String>, account: Option<String>) -> Self {
        let shared_owner = account.as_ref().map(|account| format!("aws:{account}"));
        Self { account, shared_owner, ..Self::new(arn, Role::Admin) }
    }

    /// Some members of a body need more than their route does: a definition of one's own runs whatever it says.
    pub(crate) fn must_be(&self, needed: Role) -> Result<(), Problem> {
        if self.role.allows(needed) { Ok(()) } else { Err(Problem::forbidden(self.role, needed)) }
    }

    /// Who owns the workflows that the caller makes.
    pub(crate) fn workflow_owner(&self) -> String {
        self.shared_owner.as_ref().unwrap_or(&self.owner).clone()
    }

    /// Where they are.
    pub(crate) fn place(&self, config: &RestConfig) -> Place {
        Place::new(&config.region, self.account.as_ref().unwrap_or(&config.account))
    }
}

impl<P: Send + Sync> FromRequestParts<App<P>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App<P>) -> Result<Self, Problem> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        match app.config.auth_mode {
            AuthMode::Off => Ok(Self::local()),
            AuthMode::Required => Err(Problem::unauthorized("the request does not say who calls")),
        }
    }
}
