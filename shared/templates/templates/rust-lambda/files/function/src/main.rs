//! The Lambda function: API Gateway's requests in, the service's responses out.

mod dynamodb;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use domain::http::{HttpError, Request};
use domain::repository::Repository;
use domain::service::{Moment, Service};
use dynamodb::DynamoRepository;
use lambda_http::{Body, Error, RequestExt, run, service_fn, tracing};
use std::time::SystemTime;
use uuid::Uuid;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let table = std::env::var("TABLE_NAME").map_err(|_| "TABLE_NAME is not set")?;
    let client = aws_sdk_dynamodb::Client::new(&aws_config::load_from_env().await);
    let service = &Service::new(DynamoRepository::new(client, table));
    run(service_fn(move |event| respond(service, event))).await
}

/// The response to a request; an unexpected error is logged and becomes a plain 500.
async fn respond<R: Repository>(
    service: &Service<R>,
    event: lambda_http::Request,
) -> Result<lambda_http::Response<Body>, Error> {
    let request = Request {
        method: event.method().as_str().to_owned(),
        path: event.raw_http_path().to_owned(),
        query: event
            .query_string_parameters()
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: event.body().to_vec(),
    };
    let answer = match service.handle(&request, &moment()?).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(%error, "the request failed");
            let id = event.lambda_context().request_id;
            let detail = format!("Something went wrong; the log has it under request {id}.");
            HttpError::new(500, detail).into_response()
        }
    };
    let mut response = lambda_http::Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = match answer.body {
        Some(body) => {
            response = response.header("content-type", answer.content_type);
            Body::Text(body.to_string())
        }
        None => Body::Empty,
    };
    Ok(response.body(body)?)
}

fn moment() -> Result<Moment, Error> {
    let now = DateTime::from(SystemTime::now());
    // Milliseconds are what clients can rely on.
    let now = DateTime::from_millis(now.to_millis()?).fmt(DateTimeFormat::DateTime)?;
    Ok(Moment { now, new_id: Uuid::now_v7().simple().to_string() })
}
