//! The webhook function: receives webhooks behind API Gateway.
//!
//! The gateway lets everybody pass: who sends a webhook proves it with a signature over the body, which arrives as it was
//! sent, decoded where the gateway has encoded it. Everything else is `millrace-rest`.

use axum::Router;
use millrace_api::behind_gateway;
use millrace_app::ports::Ports;
use millrace_rest::{AuthMode, RestConfig, webhook_router};
use millrace_stepfunctions::StepFunctionsConfig;

/// Reads `WEBHOOK_OWNER`, `VERIFY_WEBHOOK_SIGNATURE` and where the workflows are.
#[must_use]
pub fn config_from_env() -> RestConfig {
    let place = StepFunctionsConfig::from_env();
    let config = RestConfig {
        auth_mode: AuthMode::Required,
        account: place.account,
        region: place.region,
        payload_limit: place.payload_limit,
        ..RestConfig::default()
    };
    config.with_webhooks_from_env()
}

/// The routes, for [`lambda_http::run`].
pub fn router<P: Ports>(ports: P, config: RestConfig) -> Router {
    behind_gateway(webhook_router(ports, config))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use http_body_util::BodyExt;
    use millrace_app::ports::{Queue, Secret, SecretStore};
    use millrace_simulation::MemoryPorts;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    const SECRET: &str = "It's a Secret to Everybody";

    /// Sends an event through the routes as `lambda_http::run` does.
    async fn answer(ports: &MemoryPorts, config: RestConfig, event: &str) -> (StatusCode, String) {
        let request = lambda_http::request::from_str(event).unwrap();
        let response =
            router(ports.clone(), config).oneshot(request.map(|body| Body::from(body.to_vec()))).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn config() -> RestConfig {
        RestConfig { webhook_owner: Some("aws:123456789012".into()), ..RestConfig::default() }
    }

    async fn ports() -> MemoryPorts {
        let ports = MemoryPorts::new(1);
        for source in ["github", "payments"] {
            ports.put(&format!("webhooks/{source}"), &Secret::new(SECRET)).await.unwrap();
        }
        ports
    }

    macro_rules! event {
        ($name:literal) => {
            include_str!(concat!("../../../events/webhook/", $name, ".json"))
        };
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[tokio::test]
    async fn bodies_are_verified_as_they_were_sent() {
        let ports = ports().await;
        let (status, body) = answer(&ports, config(), event!("github-push")).await;
        assert_eq!((status, &json(&body)["status"]), (StatusCode::OK, &Value::from("accepted")), "{body}");
        assert_eq!(ports.bodies(Queue::Engine).len(), 1);
        // The same delivery, which the gateway has encoded this time.
        let (status, body) = answer(&ports, config(), event!("github-push-base64")).await;
        assert_eq!((status, &json(&body)["status"]), (StatusCode::OK, &Value::from("duplicate")), "{body}");
        let (status, body) = answer(&ports, config(), event!("github-form-base64")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let (status, body) = answer(&ports, config(), event!("generic")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    #[tokio::test]
    async fn what_is_not_proven_is_refused() {
        let ports = ports().await;
        for event in [event!("github-doubly-encoded"), event!("github-unsigned"), event!("unknown-source")] {
            let (status, body) = answer(&ports, config(), event).await;
            assert_eq!(
                (status, &json(&body)["code"]),
                (StatusCode::UNAUTHORIZED, &Value::from("signature-invalid")),
                "{body}"
            );
        }
        assert!(ports.bodies(Queue::Engine).is_empty());
        let off = RestConfig { verify_webhooks: false, ..config() };
        assert_eq!(answer(&ports, off, event!("github-unsigned")).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_ping_is_answered() {
        let (status, body) = answer(&ports().await, config(), event!("github-ping")).await;
        assert_eq!((status, &json(&body)["status"]), (StatusCode::OK, &Value::from("pong")), "{body}");
    }
}
