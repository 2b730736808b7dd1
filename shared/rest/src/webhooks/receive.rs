//! The receivers. Who sends a webhook has no key of ours: the signature says who it is.

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace_app::ports::Ports;
use millrace_app::webhooks::{self, Answer, Headers, Question, ReceiveError, Received};

use super::views::ReceiptView;
use crate::App;
use crate::body;
use crate::params::PathParams;
use crate::problem::Problem;
use crate::views;

/// The largest body of a webhook: 10 MiB, as an API Gateway takes.
const WEBHOOK_BYTES: usize = 10 * 1024 * 1024;

fn answer(received: Received) -> Response {
    let kind = |kind: &'static str| [(CONTENT_TYPE, HeaderValue::from_static(kind))];
    match (received.question, received.answer) {
        (Some(Question::Challenge(text)), _) => {
            (StatusCode::OK, kind("text/plain; charset=utf-8"), text).into_response()
        }
        (_, Answer::Empty) => (StatusCode::OK, kind("text/plain; charset=utf-8"), "").into_response(),
        (Some(Question::Ping), _) => views::json(StatusCode::OK, ReceiptView { status: "pong", events: Vec::new() }),
        (None, Answer::Soap(text)) => (StatusCode::OK, kind("text/xml; charset=utf-8"), text).into_response(),
        (None, Answer::Json) => {
            let is_new = received.events.iter().any(|event| !event.duplicate);
            let status = if is_new { "accepted" } else { "duplicate" };
            let events = received.events.into_iter().map(|event| event.id.into()).collect();
            // Not 202: to some sources only 200 is a success.
            views::json(StatusCode::OK, ReceiptView { status, events })
        }
    }
}

async fn receive<P: Ports>(app: &App<P>, source: Option<&str>, request: Request) -> Result<Response, Problem> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Headers = request.headers().iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = body::read(request, WEBHOOK_BYTES).await?.to_vec();
    let request = webhooks::Request { headers, query, body };
    match webhooks::receive(&app.ports, &app.webhooks, source, &request).await {
        Ok(received) => Ok(answer(received)),
        Err(ReceiveError::App(error)) => Err(error.into()),
        Err(ReceiveError::Signature(error)) => {
            tracing::warn!(source = source.unwrap_or("not named"), %error, "a webhook was refused");
            Err(Problem::signature_invalid(error.to_string()))
        }
    }
}

/// Receive a webhook
///
/// The header `X-Webhook-Source` names the source; without it the sender's own headers do. See `POST /webhooks/{source}`.
#[utoipa::path(
    post, path = "/webhooks", tag = "webhooks",
    params(
        ("X-Webhook-Source" = Option<String>, Header, description = "The source"),
        ("X-Webhook-Signature" = Option<String>, Header, description = "`sha256=` and the body's HMAC-SHA256"),
    ),
    request_body(content = String, description = "What the source sends", content_type = "*/*"),
    responses(
        (status = 200, description = "It was taken, now or before, and its events are matched with the rules; or the answer that its \
            source wants", content(
            (ReceiptView = "application/json"),
            (String = "text/plain; charset=utf-8"),
            (String = "text/xml; charset=utf-8"),
        )),
    ),
)]
pub(crate) async fn receive_webhook<P: Ports>(
    State(app): State<App<P>>,
    request: Request,
) -> Result<Response, Problem> {
    receive(&app, None, request).await
}

/// Receive a webhook of a source
///
/// Verified by the source's own signature, or by `X-Webhook-Signature`, with the secrets that are stored as
/// `webhooks/{source}`. The body is taken as it is sent, of any type. A delivery that comes again starts nothing.
#[utoipa::path(
    post, path = "/webhooks/{source}", tag = "webhooks",
    params(
        ("source" = String, Path, description = "`github`, `gitlab`, `bitbucket`, `stripe`, `slack`, `shopify`, `linear`, \
            `salesforce`, `standard`, `generic`, or a name of your own for one that signs as the last two"),
        ("X-Webhook-Signature" = Option<String>, Header, description = "`sha256=` and the body's HMAC-SHA256"),
    ),
    request_body(content = String, description = "What the source sends", content_type = "*/*"),
    responses(
        (status = 200, description = "It was taken, now or before, and its events are matched with the rules; or the answer that its \
            source wants", content(
            (ReceiptView = "application/json"),
            (String = "text/plain; charset=utf-8"),
            (String = "text/xml; charset=utf-8"),
        )),
    ),
)]
pub(crate) async fn receive_webhook_of<P: Ports>(
    State(app): State<App<P>>,
    path: PathParams,
    request: Request,
) -> Result<Response, Problem> {
    receive(&app, Some(path.get("source")), request).await
}
