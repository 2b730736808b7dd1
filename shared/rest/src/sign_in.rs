//! The routes by which the web console signs people in.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use millrace_app::ports::Ports;
use millrace_app::{Error, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Refusal;
use crate::ai::Answer;
use crate::body::JsonObject;
use crate::config::AuthMode;
use crate::params::QueryParams;
use crate::problem::Problem;
use crate::{App, views};

/// The longest code, token or address: what an issuer sends through a browser's address is far below.
const LONGEST: usize = 16 * 1024;

/// Why nobody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The issuer refuses, or its token is not one that is taken here. The text is for the caller.
    #[error("{0}")]
    Refused(String),
    /// The issuer does not answer.
    #[error("the issuer does not answer as it should: try again, or sign in with an API key")]
    Unavailable,
}

/// The answer of a [`SignIn`], when it is there.
pub type SignInAnswer<'a, T> = Answer<'a, Result<T, SignInError>>;

/// As whom a browser goes to the issuer, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SignInClient)]
pub struct SignInClient {
    /// The issuer.
    pub issuer: String,
    /// The public client.
    pub client_id: String,
    /// Where the issuer asks who somebody is.
    pub authorization_endpoint: String,
    /// What to ask for.
    pub scope: String,
}

/// What a browser brings from the issuer.
pub enum Grant {
    /// A code, with what proves that the browser asked for it (RFC 7636).
    Code {
        /// The code.
        code: String,
        /// The verifier whose SHA-256 the issuer has.
        verifier: String,
        /// Where the issuer sent the browser.
        redirect_uri: String,
    },
    /// What renews a token.
    Refresh(String),
}

/// Somebody is signed in.
pub struct SignedIn {
    /// What requests show.
    pub token: String,
    /// From when on it is not valid.
    pub expires_at: Timestamp,
    /// What renews it, if the issuer gave such a thing.
    pub refresh_token: Option<String>,
}

/// An issuer that signs people in.
pub trait SignIn: Send + Sync {
    /// As whom a browser goes to the issuer, and where to.
    fn client(&self) -> SignInAnswer<'_, SignInClient>;

    /// Exchanges what the browser brings for a token that is taken here.
    fn exchange(&self, grant: Grant) -> SignInAnswer<'_, SignedIn>;
}

/// The issuer of a router; none where the router has no [`sign_in`] layer.
#[derive(Clone)]
pub struct Issuer(Option<Arc<dyn SignIn>>);

/// A layer that gives a router its issuer.
pub fn sign_in(issuer: Option<Arc<dyn SignIn>>) -> Extension<Issuer> {
    Extension(Issuer(issuer))
}

impl<S: Sync> FromRequestParts<S> for Issuer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self(None)))
    }
}

/// The routes are open, and ask the issuer: whoever sends too many requests is refused here.
pub(crate) struct Patient;

impl<S: Sync> FromRequestParts<S> for Patient {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Refusal>() {
            Some(refusal @ Refusal::TooMany(_)) => Err(Problem::refused(refusal)),
            _ => Ok(Self),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match &error {
            SignInError::Refused(why) => Self::unauthorized(why),
            SignInError::Unavailable => Self::issuer_unavailable(error.to_string()),
        }
    }
}

/// The ways to sign in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignInWays)]
pub(crate) struct WaysView {
    /// Does the server ask who calls? Then an API key is one way.
    required: bool,
    /// The issuer with whom people sign in, where one is configured.
    oidc: Option<SignInClient>,
}

/// A token of the issuer.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(crate) struct SignedInView {
    /// What requests show as `Authorization: Bearer`.
    token: String,
    /// From when on it is not valid.
    #[schema(format = DateTime)]
    expires_at: String,
    /// What renews it.
    refresh_token: Option<String>,
}

/// What a browser brings from the issuer: `code`, `code_verifier` and `redirect_uri`, or `refresh_token`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = SignIn)]
pub(crate) struct GrantBody {
    /// The issuer's code.
    code: Option<String>,
    /// The verifier whose SHA-256 the issuer was sent (RFC 7636).
    #[schema(min_length = 43, max_length = 128)]
    code_verifier: Option<String>,
    /// Where the issuer sent the browser, as it was told.
    redirect_uri: Option<String>,
    /// What renews a token.
    refresh_token: Option<String>,
}

/// Ask how to sign in
#[utoipa::path(
    get, path = "/api/sign-in", tag = "keys",
    responses(
        (status = 200, description = "The ways", body = WaysView),
        (status = 429, description = "`too-many-requests`"),
        (status = 503, description = "`unavailable`"),
    ),
)]
pub(crate) async fn get_sign_in<P: Ports>(
    State(app): State<App<P>>,
    _: Patient,
    Issuer(issuer): Issuer,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let required = app.config.auth_mode == AuthMode::Required;
    let oidc = match issuer.filter(|_| required) {
        Some(issuer) => Some(issuer.client().await?),
        None => None,
    };
    Ok(views::json(StatusCode::OK, WaysView { required, oidc }))
}

/// Sign in with the issuer
///
/// Exchanges what the issuer gave to the browser for a token. Nothing is stored.
#[utoipa::path(
    post, path = "/api/sign-in/token", tag = "keys", request_body = GrantBody,
    responses(
        (status = 200, description = "The token", body = SignedInView),
        (status = 401, description = "`unauthorized`: the issuer refuses, or its token is not taken here"),
        (status = 422, description = "`not-configured`"),
        (status = 429, description = "`too-many-requests`"),
        (status = 503, description = "`unavailable`"),
    ),
)]
pub(crate) async fn create_token<P: Ports>(
    State(_): State<App<P>>,
    _: Patient,
    Issuer(issuer): Issuer,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let grant = match fields.text_within("refresh_token", LONGEST) {
        Some(token) => Grant::Refresh(token),
        None => {
            let code = fields.required_text("code");
            let verifier = fields.required_text("code_verifier");
            let redirect_uri = fields.required_text("redirect_uri");
            if !(43..=128).contains(&verifier.len()) && !verifier.is_empty() {
                fields.problem("code_verifier", "must have 43 to 128 characters");
            }
            for (name, text) in [("code", &code), ("redirect_uri", &redirect_uri)] {
                if text.len() > LONGEST {
                    fields.problem(name, format!("must have at most {LONGEST} bytes"));
                }
            }
            Grant::Code { code, verifier, redirect_uri }
        }
    };
    fields.finish()?;
    let Some(issuer) = issuer else {
        let text = "no issuer is configured for the web console (MILLRACE_OIDC_CLIENT_ID): use an API key";
        return Err(Error::NotConfigured(text.to_owned()).into());
    };
    let SignedIn { token, expires_at, refresh_token } = issuer.exchange(grant).await?;
    Ok(views::json(StatusCode::OK, SignedInView { token, expires_at: expires_at.to_string(), refresh_token }))
}
