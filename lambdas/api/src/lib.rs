//! The api function: the REST API and the Step Functions API behind API Gateway.
//!
//! API Gateway checks who calls; this crate turns what it found into the router's [`Caller`]. Everything else is
//! `millrace-rest`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn, map_request};
use axum::response::Response;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use millrace_app::archives::ArchiveLimits;
use millrace_app::builtins::BuiltinIds;
use millrace_app::identity::Role;
use millrace_app::logs::LogSource;
use millrace_app::models::{CallbackSender, ModelCaller};
use millrace_app::ports::Ports;
use millrace_aws::telemetry::flush;
use millrace_identity::{RateLimit, limit_together};
use millrace_rest::{AuthMode, Caller, ClientAddress, RestConfig, SignIn};
use millrace_stepfunctions::{ApiCaller, StepFunctionsConfig};
use serde_json::Value;

const X_REQUEST_ID: &str = "x-request-id";
const X_AMZN_TRACE_ID: &str = "x-amzn-trace-id";
/// The gateway gives up after 30 seconds.
const LONGEST_POLL: Duration = Duration::from_secs(25);

/// The largest archive: Lambda takes 6 MB, and API Gateway sends bytes as base64.
const ARCHIVE_BYTES: u64 = 4 * 1024 * 1024;

/// What the function is told beside the names of the stack's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Does API Gateway check who calls?
    pub authorized: bool,
    /// Origins whose pages may call.
    pub cors_origins: Vec<String>,
    /// The workflows that take the places of built-in ones.
    pub builtins: BuiltinIds,
    /// How often a caller may call, where the gateway says who that is; `None`: no limit.
    pub rate_limit: Option<RateLimit>,
}

/// The environment can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiConfigError {
    /// What the gateway checks.
    #[error("API_AUTHORIZATION is {0:?}: it must be KEYS, AWS_IAM or NONE, as the gateway's routes have it")]
    Authorization(String),
    /// How often a caller may call.
    #[error(transparent)]
    RateLimit(#[from] millrace_identity::ConfigError),
}

impl ApiConfig {
    /// Reads `API_AUTHORIZATION`, `CORS_ORIGINS`, `MILLRACE_RATE_LIMIT` and the variables of [`BuiltinIds`].
    ///
    /// # Errors
    /// [`ApiConfigError`]
    pub fn from_env() -> Result<Self, ApiConfigError> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let config = Self::parse(&variable("API_AUTHORIZATION"), &variable("CORS_ORIGINS"))?;
        let builtins = BuiltinIds::from_variables(|name| std::env::var(name).ok());
        Ok(Self { builtins, rate_limit: RateLimit::from_env()?, ..config })
    }

    /// How often a caller may call. Where nobody is asked who they are there are no callers to count.
    #[must_use]
    pub fn limit(&self) -> Option<RateLimit> {
        self.rate_limit.filter(|_| self.authorized)
    }

    fn parse(authorization: &str, origins: &str) -> Result<Self, ApiConfigError> {
        let authorized = match authorization {
            "KEYS" | "AWS_IAM" => true,
            "NONE" => false,
            other => return Err(ApiConfigError::Authorization(other.to_owned())),
        };
        let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let cors_origins = origins.map(str::to_owned).collect();
        Ok(Self { authorized, cors_origins, builtins: BuiltinIds::default(), rate_limit: None })
    }
}

/// The routes, for [`lambda_http::run`]; `issuer` signs people in to the web console, `logs` knows where logs are.
pub fn router<P, M>(
    ports: P,
    config: ApiConfig,
    models: M,
    issuer: Option<Arc<dyn SignIn>>,
    logs: Arc<dyn LogSource>,
) -> Router
where
    P: Ports,
    M: ModelCaller + CallbackSender + 'static,
{
    let owner = (!config.authorized).then(|| Caller::LOCAL.to_owned());
    let step_functions = StepFunctionsConfig {
        owner,
        longest_poll: LONGEST_POLL,
        callers_are_known: config.authorized,
        ..StepFunctionsConfig::from_env()
    };
    let limit = config.limit();
    let rest = RestConfig { with_model: models.plan_and_write(), ..rest_config(config, &step_functions) };
    let routes = millrace_rest::router(ports.clone(), rest)
        .layer(millrace_rest::ai::<P, M>(models, LONGEST_POLL))
        .layer(millrace_rest::sign_in(issuer))
        .layer(millrace_rest::logs(logs))
        .merge(millrace_stepfunctions::router(ports.clone(), step_functions));
    behind_gateway(limited(routes, ports, limit))
}

/// Routes that refuse callers who send more requests than the limit, over all functions of a stack together.
pub fn limited<P: Ports>(router: Router, ports: P, limit: Option<RateLimit>) -> Router {
    match limit {
        Some(limit) => limit_together(router, ports, limit),
        None => router,
    }
}

/// The REST API's configuration behind API Gateway.
#[must_use]
pub fn rest_config(config: ApiConfig, place: &StepFunctionsConfig) -> RestConfig {
    RestConfig {
        cors_origins: config.cors_origins,
        builtins: config.builtins,
        auth_mode: if config.authorized { AuthMode::Required } else { AuthMode::Off },
        account: place.account.clone(),
        region: place.region.clone(),
        payload_limit: place.payload_limit,
        archives: ArchiveLimits { max_archive_bytes: ARCHIVE_BYTES, ..ArchiveLimits::default() },
        ..RestConfig::default()
    }
}

/// Routes that are told what API Gateway knows of a request.
pub fn behind_gateway(router: Router) -> Router {
    router.layer(map_request(from_gateway)).layer(from_fn(send_spans))
}

/// Sends what was traced before the answer, after which the process may be frozen.
async fn send_spans(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    flush().await;
    response
}

/// Tells the router what API Gateway and Lambda know of a request: who calls from where, and a name for it.
async fn from_gateway(mut request: Request) -> Request {
    if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() {
        let address = context.http.source_ip.clone();
        let authorizer = context.authorizer.as_ref();
        let known = authorizer.and_then(|authorizer| {
            let signed =
                authorizer.iam.as_ref().and_then(|iam| by_signature(iam.user_arn.clone(), iam.account_id.clone()));
            signed.or_else(|| by_key(|name| authorizer.fields.get(name).cloned()))
        });
        let extensions = request.extensions_mut();
        address.map(|address| extensions.insert(ClientAddress(address)));
        if let Some((caller, api)) = known {
            extensions.insert(caller);
            api.map(|api| extensions.insert(api));
        }
    }
    // What Lambda says of the trace that it is in, in place of what somebody else wrote.
    request.headers_mut().remove(X_AMZN_TRACE_ID);
    if let Some(trace) = request.lambda_context_ref().and_then(|context| context.xray_trace_id.clone())
        && let Ok(trace) = HeaderValue::from_str(&trace)
    {
        request.headers_mut().insert(X_AMZN_TRACE_ID, trace);
    }
    if !request.headers().contains_key(X_REQUEST_ID)
        && let Some(context) = request.lambda_context_ref()
        && let Ok(id) = HeaderValue::from_str(&context.request_id)
    {
        request.headers_mut().insert(X_REQUEST_ID, id);
    }
    request
}

/// A caller whose signature the gateway has checked.
fn by_signature(arn: Option<String>, account: Option<String>) -> Option<(Caller, Option<ApiCaller>)> {
    let api = account.clone().map(|account| ApiCaller { account, owner: None, role: Role::Admin });
    Some((Caller::iam(arn?, account), api))
}

/// A caller whom the stack's authorizer knows. Only the gateway writes its answer into a request's context.
fn by_key(field: impl Fn(&str) -> Option<Value>) -> Option<(Caller, Option<ApiCaller>)> {
    let text = |name: &str| field(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let (owner, account, role) = (text("owner")?, text("account")?, text("role")?.parse::<Role>().ok()?);
    // The gateway's context has texts, numbers and truth values, and some stand-ins have texts only.
    let operator = field("operator").is_some_and(|value| value == true || value == "true");
    let caller =
        Caller { account: Some(account.clone()), key: text("key"), operator, ..Caller::new(owner.clone(), role) };
    Some((caller, Some(ApiCaller { account, owner: Some(owner), role })))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, LOCATION, RETRY_AFTER};
    use http_body_util::BodyExt;
    use millrace_app::models::NoModel;
    use millrace_aws::InsightsLinks;
    use millrace_simulation::MemoryPorts;
    use tower::ServiceExt;

    use super::*;

    /// Sends an event through the routes as `lambda_http::run` does.
    async fn answer(ports: &MemoryPorts, authorized: bool, event: &str) -> (axum::http::response::Parts, Value) {
        let cors_origins = vec!["https://console.example.com".into()];
        let config = ApiConfig { authorized, cors_origins, builtins: BuiltinIds::default(), rate_limit: None };
        send(&process(ports, config), event).await
    }

    /// A process of the function.
    fn process(ports: &MemoryPorts, config: ApiConfig) -> Router {
        let logs = InsightsLinks::new("eu-west-1".into(), vec!["/aws/lambda/shop-api".into()]);
        router(ports.clone(), config, NoModel, None, Arc::new(logs))
    }

    /// The same through routes that are there.
    async fn send(router: &Router, event: &str) -> (axum::http::response::Parts, Value) {
        let mut context = lambda_http::Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".into();
        let request = lambda_http::request::from_str(event).unwrap().with_lambda_context(context);
        let response = router.clone().oneshot(request.map(|body| Body::from(body.to_vec()))).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    macro_rules! event {
        ($name:literal) => {
            include_str!(concat!("../../../events/api/", $name, ".json"))
        };
    }

    #[tokio::test]
    async fn a_project_belongs_to_the_caller_whom_the_gateway_names() {
        let ports = MemoryPorts::new(1);
        let (parts, project) = answer(&ports, true, event!("create-project")).await;
        assert_eq!(parts.status, StatusCode::CREATED, "{project}");
        assert!(parts.headers[LOCATION].to_str().unwrap().starts_with("/api/projects/prj_"));
        let (_, again) = answer(&ports, true, event!("create-project")).await;
        assert_eq!(again["id"], project["id"], "the Idempotency-Key is honoured");
        let (parts, encoded) = answer(&ports, true, event!("create-project-base64")).await;
        assert_eq!(parts.status, StatusCode::CREATED, "{encoded}");
        let (parts, _) = answer(&ports, false, event!("get-project-unknown")).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn logs_are_a_link_for_who_may_see_them() {
        let ports = MemoryPorts::new(1);
        let (_, project) = answer(&ports, true, event!("create-project")).await;
        let ask = |event: &str| {
            let mut event: Value = serde_json::from_str(event).unwrap();
            let path = format!("/api/projects/{}/logs", project["id"].as_str().unwrap());
            event["rawPath"] = path.clone().into();
            event["requestContext"]["http"]["path"] = path.into();
            event["rawQueryString"] = "level=warn".into();
            event["queryStringParameters"] = serde_json::json!({ "level": "warn" });
            event.to_string()
        };
        let (parts, logs) = answer(&ports, true, &ask(event!("list-projects"))).await;
        assert_eq!(parts.status, StatusCode::OK, "{logs}");
        let url = logs["url"].as_str().unwrap();
        assert!(url.starts_with(
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:logs-insights"
        ));
        assert!(
            url.contains(project["id"].as_str().unwrap()) && url.ends_with("~source~(~'*2faws*2flambda*2fshop-api))"),
            "{url}"
        );
        assert_eq!((logs["kind"].as_str(), logs["items"].as_array().map(Vec::len)), (Some("link"), Some(0)));
        let (parts, _) = answer(&ports, true, &ask(event!("list-projects-key"))).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND, "somebody else's");
        let (parts, _) = answer(&ports, true, &ask(event!("list-projects-unauthorized"))).await;
        assert_eq!(parts.status, StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn every_event_is_answered_as_it_should_be() {
        let ports = MemoryPorts::new(1);
        for (event, status) in [
            (event!("create-project-malformed"), 400),
            (event!("list-projects"), 200),
            (event!("list-projects-unauthorized"), 401),
            (event!("list-projects-key"), 200),
            (event!("create-project-read-only"), 403),
            (event!("get-project-unknown"), 404),
            (event!("list-templates"), 200),
            (event!("health"), 200),
            (event!("no-such-route"), 404),
        ] {
            let (parts, body) = answer(&ports, true, event).await;
            assert_eq!(parts.status.as_u16(), status, "{body}");
            assert_eq!(parts.headers["x-request-id"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
            if status >= 400 {
                assert_eq!(parts.headers[CONTENT_TYPE], "application/problem+json");
            }
        }
    }

    #[tokio::test]
    async fn clients_of_step_functions_are_answered_in_their_own_words() {
        let ports = MemoryPorts::new(1);
        for (authorized, event, status, error) in [
            (true, event!("describe-state-machine"), 400, "StateMachineDoesNotExist"),
            (true, event!("describe-state-machine-unauthorized"), 403, "MissingAuthenticationTokenException"),
            (false, event!("describe-state-machine-unauthorized"), 400, "StateMachineDoesNotExist"),
        ] {
            let (parts, body) = answer(&ports, authorized, event).await;
            assert_eq!(parts.status.as_u16(), status, "{body}");
            assert!(body["__type"].as_str().unwrap().ends_with(error), "{body}");
            assert_eq!(parts.headers[CONTENT_TYPE], "application/x-amz-json-1.0");
        }
    }

    /// What a request says of itself is not what the gateway says of it.
    #[tokio::test]
    async fn nobody_names_themselves() {
        let mut event: Value = serde_json::from_str(event!("list-projects-unauthorized")).unwrap();
        let context = serde_json::json!({ "lambda": { "owner": "ann", "account": "1".repeat(12), "role": "admin" } });
        event["headers"]["x-amzn-request-context"] = context.to_string().into();
        event["headers"]["authorizer"] = context.to_string().into();
        event["authorizer"] = context.clone();
        event["queryStringParameters"] = serde_json::json!({ "requestContext": context.to_string() });
        let (parts, body) = answer(&MemoryPorts::new(1), true, &event.to_string()).await;
        assert_eq!(parts.status, StatusCode::UNAUTHORIZED, "{body}");
        event["requestContext"]["authorizer"] = serde_json::json!({ "lambda": { "owner": "ann", "role": "admin" } });
        let (parts, _) = answer(&MemoryPorts::new(1), true, &event.to_string()).await;
        assert_eq!(parts.status, StatusCode::UNAUTHORIZED, "half an answer is none");
    }

    #[tokio::test]
    async fn a_browser_is_told_that_it_may_call() {
        let (parts, _) = answer(&MemoryPorts::new(1), true, event!("preflight")).await;
        assert!(parts.status.is_success());
        assert_eq!(parts.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://console.example.com");
    }

    /// Two processes of two functions: what one lets pass the other does not.
    #[tokio::test]
    async fn a_key_may_call_so_often_over_all_processes() {
        let ports = MemoryPorts::new(1);
        let started = |authorized| {
            let rate_limit = Some(RateLimit { per_second: 1, burst: 4 });
            let config =
                ApiConfig { authorized, cors_origins: Vec::new(), builtins: BuiltinIds::default(), rate_limit };
            process(&ports, config)
        };
        let (one, two, open) = (started(true), started(true), started(false));
        let mut passed = 0;
        for _ in 0..10 {
            for process in [&one, &two] {
                let (parts, body) = send(process, event!("list-projects-key")).await;
                match parts.status.as_u16() {
                    200 => passed += 1,
                    _ => assert_eq!(body["status"], 429, "{body}"),
                }
            }
        }
        assert_eq!(passed, 4);
        let (parts, body) = send(&one, event!("list-projects-key")).await;
        assert_eq!((&parts.headers[RETRY_AFTER], &body["status"]), (&HeaderValue::from_static("4"), &429.into()));
        assert_eq!(parts.headers["ratelimit"], "\"default\";r=0;t=4");
        let (parts, _) = send(&one, event!("list-projects")).await;
        assert_eq!(parts.status, StatusCode::OK, "who signs counts for themselves");
        for _ in 0..5 {
            let (parts, body) = send(&one, event!("describe-state-machine")).await;
            assert_eq!(parts.status.as_u16(), 400, "{body}");
            let throttled = body["__type"].as_str().is_some_and(|name| name.ends_with("ThrottlingException"));
            assert!(throttled || body["__type"].as_str().unwrap().ends_with("StateMachineDoesNotExist"));
            passed += u32::from(throttled);
        }
        assert_eq!(passed, 4 + 2, "the signer's other requests count with them");
        for _ in 0..5 {
            let (parts, _) = send(&open, event!("health")).await;
            assert_eq!(parts.status, StatusCode::OK, "nobody is counted where nobody is asked");
        }
    }

    #[test]
    fn the_environment() {
        let config = ApiConfig::parse("AWS_IAM", " https://a.example, ,https://b.example").unwrap();
        assert_eq!(config.cors_origins, ["https://a.example", "https://b.example"]);
        assert!(config.authorized && !ApiConfig::parse("NONE", "").unwrap().authorized);
        assert!(ApiConfig::parse("KEYS", "").unwrap().authorized);
        assert!(ApiConfig::parse("", "").unwrap_err().to_string().contains("API_AUTHORIZATION"));
    }
}
