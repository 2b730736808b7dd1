//! What stands before both routers: it tells them who calls, and counts.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::header::AUTHORIZATION;
use millrace_app::digest::sha256_hex;
use millrace_app::ports::Ports;
use millrace_client::SignatureFault;
use millrace_rest::{Caller, Refusal};
use millrace_stepfunctions::{ApiCaller, ApiRefusal, LARGEST_BODY};

use crate::authenticator::{Authenticator, Identity, NotIdentified, NotSigned};
use crate::limiter::limit_alone;

const TARGET: &str = "x-amz-target";

/// Puts the check before all routes: of the REST API (API keys and tokens) and of the Step Functions API (signatures, too).
/// Requests get a [`Caller`] and an [`ApiCaller`], and the [`Identity`] that they were made of.
pub fn before<P: Ports>(router: Router, authenticator: Authenticator<P>) -> Router {
    let router = match authenticator.config.rate_limit {
        Some(limit) => limit_alone(router, authenticator.ports.clone(), limit),
        None => router,
    };
    router.layer(middleware::from_fn_with_state(authenticator, front::<P>))
}

/// Who calls, or why that is not known.
enum Outcome {
    Known(Identity),
    Nobody,
    Refused(Refusal, ApiRefusal),
}

async fn front<P: Ports>(State(authenticator): State<Authenticator<P>>, request: Request, next: Next) -> Response {
    let (mut request, outcome) = find_out(&authenticator, request).await;
    let extensions = request.extensions_mut();
    // What a request brings along of these would be somebody else's.
    extensions.remove::<Caller>();
    extensions.remove::<ApiCaller>();
    extensions.remove::<Identity>();
    match outcome {
        Outcome::Known(identity) => {
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
        Outcome::Nobody => {}
        Outcome::Refused(refusal, api) => {
            extensions.insert(refusal);
            extensions.insert(api);
        }
    }
    next.run(request).await
}

async fn find_out<P: Ports>(authenticator: &Authenticator<P>, request: Request) -> (Request, Outcome) {
    let signed = request.headers().get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"));
    if signed && request.uri().path() == "/" && request.headers().contains_key(TARGET) {
        return check_signature(authenticator, request).await;
    }
    let request_id = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
    let outcome = match authenticator.identify(request.headers()).await {
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
async fn check_signature<P: Ports>(authenticator: &Authenticator<P>, request: Request) -> (Request, Outcome) {
    let refused = |api: ApiRefusal| Outcome::Refused(Refusal::NotValid("the signature is not valid"), api);
    let signer = match authenticator.signer(request.headers()).await {
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
