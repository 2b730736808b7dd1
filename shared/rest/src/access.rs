//! What each route needs: the guard that runs before it, and the words of the description. `openapi.rs` says it beside each
//! route; a route that says nothing does not compile.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use millrace_app::identity::Role;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};

use crate::caller::Caller;
use crate::config::AuthMode;
use crate::problem::Problem;

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nobody need say who they are: it tells nothing about anybody, or the request proves itself in another way, as a
    /// webhook's signature does.
    Open,
    /// A caller who may look.
    Read,
    /// A caller who may run what is there.
    Run,
    /// A caller who may change what is there.
    Admin,
    /// A caller who may see and change what belongs to no owner, or to any.
    Operator,
}

impl Access {
    /// The smallest role that it needs.
    const fn role(self) -> Option<Role> {
        match self {
            Self::Open => None,
            Self::Read => Some(Role::Read),
            Self::Run => Some(Role::Run),
            Self::Admin | Self::Operator => Some(Role::Admin),
        }
    }

    /// What the description calls it.
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Operator => Some("operator"),
            other => other.role().map(Role::name),
        }
    }
}

/// Why the front let a request pass without a [`Caller`]: it showed something, and that was not good. In the request's
/// extensions; without it a request showed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// What it showed is not valid. The text is for the caller and says no more than that they may know.
    NotValid(&'static str),
    /// Too many requests: again in so many seconds.
    TooMany(u32),
    /// Who is right can't be found out now.
    Unavailable,
}

/// Lets those pass whose role is enough, before anything of the body is read.
pub(crate) async fn guard(
    State((mode, access)): State<(AuthMode, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(needed) = access.role() else { return next.run(request).await };
    let extensions = request.extensions_mut();
    if let Some(refusal) = extensions.get::<Refusal>() {
        return Problem::refused(refusal).into_response();
    }
    if mode == AuthMode::Off && extensions.get::<Caller>().is_none() {
        extensions.insert(Caller::local());
    }
    match extensions.get::<Caller>() {
        None => Problem::unauthorized("the request does not say who calls").into_response(),
        Some(caller) if !caller.role.allows(needed) => Problem::forbidden(caller.role, needed).into_response(),
        Some(caller) if access == Access::Operator && !caller.operator => Problem::operators_only().into_response(),
        Some(_) => next.run(request).await,
    }
}

/// The ways in which a caller says who they are, by their names in the description.
const SCHEMES: [&str; 3] = ["bearer", "api_key", "aws_signature"];

/// Describes the ways.
pub(crate) fn describe_schemes(document: &mut OpenApi) {
    let components = document.components.get_or_insert_with(Components::new);
    let bearer = "An API key, or a token of the configured OpenID Connect issuer";
    let signature = "AWS Signature Version 4, where API Gateway checks it (`ApiAuthorization: AWS_IAM`)";
    let key = "An API key; not behind API Gateway, which reads `Authorization` only";
    let [as_bearer, as_key, as_signature] = SCHEMES;
    components.add_security_scheme(
        as_bearer,
        SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).description(Some(bearer)).build()),
    );
    components.add_security_scheme(
        as_key,
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("x-api-key", key))),
    );
    components.add_security_scheme(
        as_signature,
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("Authorization", signature))),
    );
}

/// Describes what an operation needs: each way will do, with this role (OpenAPI 3.1 allows role names for every scheme).
pub(crate) fn describe(access: Access, operation: &mut Operation) {
    let ways = |word: &str| SCHEMES.map(|scheme| SecurityRequirement::new(scheme, [word])).to_vec();
    operation.security = Some(access.word().map(ways).unwrap_or_default());
}

/// The problems that follow from what an operation needs.
pub(crate) const fn problems(access: Access) -> &'static [(&'static str, &'static str)] {
    match access {
        Access::Open => &[],
        Access::Read | Access::Run | Access::Admin | Access::Operator => &[
            ("401", "`unauthorized`"),
            ("403", "`forbidden`"),
            ("429", "`too-many-requests`"),
            ("500", "`internal`"),
            ("503", "`unavailable`"),
        ],
    }
}
