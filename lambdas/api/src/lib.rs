//! The api function: the REST API behind API Gateway.
//!
//! API Gateway checks who calls; this crate turns what it found into the router's [`Caller`]. Everything else is
//! `millrace-rest`.

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::map_request;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use millrace_app::ports::Ports;
use millrace_rest::{AuthMode, Caller, RestConfig};

const X_REQUEST_ID: &str = "x-request-id";

/// What the function is told beside the names of the stack's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Does API Gateway check who calls?
    pub authorized: bool,
    /// Origins whose pages may call.
    pub cors_origins: Vec<String>,
}

/// The environment can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("API_AUTHORIZATION is {0:?}: it must be AWS_IAM or NONE, as the gateway's route has it")]
pub struct ApiConfigError(String);

impl ApiConfig {
    /// Reads `API_AUTHORIZATION` and `CORS_ORIGINS`.
    ///
    /// # Errors
    /// [`ApiConfigError`]
    pub fn from_env() -> Result<Self, ApiConfigError> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        Self::parse(&variable("API_AUTHORIZATION"), &variable("CORS_ORIGINS"))
    }

    fn parse(authorization: &str, origins: &str) -> Result<Self, ApiConfigError> {
        let authorized = match authorization {
            "AWS_IAM" => true,
            "NONE" => false,
            other => return Err(ApiConfigError(other.to_owned())),
        };
        let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        Ok(Self { authorized, cors_origins: origins.map(str::to_owned).collect() })
    }
}

/// The routes, for [`lambda_http::run`].
pub fn router<P: Ports>(ports: P, config: ApiConfig) -> Router {
    let auth_mode = if config.authorized { AuthMode::Required } else { AuthMode::Off };
    let rest = RestConfig { cors_origins: config.cors_origins, auth_mode, ..RestConfig::default() };
    millrace_rest::router(ports, rest).layer(map_request(from_gateway))
}

/// Tells the router what API Gateway and Lambda know of a request: who calls, and a name for it.
async fn from_gateway(mut request: Request) -> Request {
    if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref()
        && let Some(iam) = context.authorizer.as_ref().and_then(|authorizer| authorizer.iam.as_ref())
        && let Some(arn) = iam.user_arn.clone()
    {
        request.extensions_mut().insert(Caller { owner: arn });
    }
    if !request.headers().contains_key(X_REQUEST_ID)
        && let Some(context) = request.lambda_context_ref()
        && let Ok(id) = HeaderValue::from_str(&context.request_id)
    {
        request.headers_mut().insert(X_REQUEST_ID, id);
    }
    request
}
