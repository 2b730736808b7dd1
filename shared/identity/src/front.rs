//! What stands before both routers: it tells them who calls, and counts.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use millrace_app::digest::sha256_hex;
use millrace_app::ports::{Clock, Ports};
use millrace_client::SignatureFault;
use millrace_rest::{Caller, ClientAddress, Refusal};
use millrace_stepfunctions::{ApiCaller, ApiRefusal, LARGEST_BODY};

use crate::authenticator::{Authenticator, Identity, NotIdentified, NotSigned};
use crate::limiter::{Left, Limiter};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const TARGET: &str = "x-amz-target";

/// What the middleware sees.
#[derive(Clone)]
struct Front<P> {
    authenticator: Authenticator<P>,
    limiter: Option<Arc<Limiter>>,
}

/// Puts the check before all routes: of the REST API (API keys and tokens) and of the Step Functions API (signatures, too).
/// Requests get a [`Caller`] and an [`ApiCaller`], and the [`Identity`] that they were made of.
pub fn before<P: Ports>(router: Router, authenticator: Authenticator<P>) -> Router {
    let limiter = authenticator.config.rate_limit.map(|limit| Arc::new(Limiter::new(limit)));
    router.layer(middleware::from_fn_with_state(Front { authenticator, limiter }, front::<P>))
}

/// Who calls, or why that is not known.
enum Outcome {
    Known(Identity),
    Nobody,
    Refused(Refusal, ApiRefusal),
}

async fn front<P: Ports>(State(front): State<Front<P>>, request: Request, next: Next) -> Response {
    let (mut request, outcome) = front.find_out(request).await;
    let now = front.authenticator.ports.clock().now();
    let address = request.extensions().get::<ClientAddress>().map_or("", |address| &address.0);
    // A key counts for itself; whoever shows nothing good counts with their address, and never against good keys.
    let name = match &outcome {
        Outcome::Known(Identity { key: Some(key), .. }) => key.clone(),
        Outcome::Known(identity) => format!("owner {}", identity.owner),
        Outcome::Nobody | Outcome::Refused(..) => format!("address {address}"),
    };
    let left = front.limiter.as_ref().map(|limiter| (limiter.take(&name, now), limiter.limit));
    let extensions = request.extensions_mut();
    // What a request brings along of these would be somebody else's.
    extensions.remove::<Caller>();
    extensions.remove::<ApiCaller>();
    extensions.remove::<Identity>();
    match (left, outcome) {
        (Some((Left { wait: Some(seconds), .. }, _)), _) => {
            extensions.insert(Refusal::TooMany(seconds));
            extensions.insert(ApiRefusal::new("ThrottlingException", "Rate exceeded"));
        }
        (_, Outcome::Known(identity)) => {
            extensions.insert(ApiCaller {
                account: identity.account.clone(),
                owner: Some(identity.owner.clone()),
                role: identity.role,
            });
            extensions.insert(identity.clone());
            let account = Some(identity.account);
            let Identity { owner, role, key, operator, .. } = identity;
            extensions.insert(Caller { account, key, operator, ..Caller::new(owner, role) });
        }
        (_, Outcome::Nobody) => {}
        (_, Outcome::Refused(refusal, api)) => {
            extensions.insert(refusal);
            extensions.insert(api);
        }
    }
    let mut response = next.run(request).await;
    if let Some((left, limit)) = left {
        let seconds = limit.burst.div_ceil(limit.per_second);
        let policy = format!("\"default\";q={};w={seconds}", limit.burst);
        let state = format!("\"default\";r={};t={}", left.requests, left.wait.unwrap_or(seconds));
        for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}

impl<P: Ports> Front<P> {
    async fn find_out(&self, request: Request) -> (Request, Outcome) {
        let signed = request.headers().get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"));
        if signed && request.uri().path() == "/" && request.headers().contains_key(TARGET) {
            return self.check_signature(request).await;
        }
        let request_id = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
        let outcome = match self.authenticator.identify(request.headers()).await {
            Ok(Some(identity)) => Outcome::Known(identity),
            Ok(None) => Outcome::Nobody,
            Err(NotIdentified::NotValid(why)) => Outcome::Refused(Refusal::NotValid(why), unrecognized()),
            Err(error @ NotIdentified::Unavailable(_)) => {
                tracing::error!(request_id, error = &error as &dyn std::error::Error, "who calls can't be found out");
                Outcome::Refused(Refusal::Unavailable, unavailable())
            }
        };
        (request, outcome)
    }

    /// A signature covers the body, so that is read first, but for signatures that can't be right.
    async fn check_signature(&self, request: Request) -> (Request, Outcome) {
        let refused = |api: ApiRefusal| Outcome::Refused(Refusal::NotValid("the signature is not valid"), api);
        let signer = match self.authenticator.signer(request.headers()).await {
            Ok(signer) => signer,
            Err(NotSigned::Unknown) => return (request, refused(unrecognized())),
            Err(NotSigned::Unavailable) => return (request, Outcome::Refused(Refusal::Unavailable, unavailable())),
            Err(NotSigned::Fault(fault)) => return (request, refused(told(&fault))),
        };
        let (parts, body) = request.into_parts();
        let Ok(bytes) = to_bytes(body, LARGEST_BODY).await else {
            let api =
                ApiRefusal::new("RequestEntityTooLargeException", "The request is larger than 256 MiB, or incomplete");
            return (Request::from_parts(parts, Body::empty()), refused(api));
        };
        let checked = signer.check(&parts.method, &parts.uri, &parts.headers, &sha256_hex(&bytes));
        let request = Request::from_parts(parts, Body::from(bytes));
        match checked {
            Ok(()) => (request, Outcome::Known(signer.identity)),
            Err(fault) => (request, refused(told(&fault))),
        }
    }
}

fn told(fault: &SignatureFault) -> ApiRefusal {
    let name = match fault {
        SignatureFault::Missing => "MissingAuthenticationTokenException",
        SignatureFault::Incomplete(_) => "IncompleteSignatureException",
        SignatureFault::Invalid(_) => "InvalidSignatureException",
    };
    ApiRefusal::new(name, fault.to_string())
}

fn unrecognized() -> ApiRefusal {
    ApiRefusal::new("UnrecognizedClientException", "The security token included in the request is invalid.")
}

fn unavailable() -> ApiRefusal {
    ApiRefusal::new("ServiceUnavailableException", "a part of Millrace did not answer; try again")
}
