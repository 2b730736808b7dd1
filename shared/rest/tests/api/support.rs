//! A client that calls the router and holds every answer against the description.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use millrace_app::Timestamp;
use millrace_app::executions::Retention;
use millrace_app::functions::{Functions, Settings};
use millrace_app::ids::ProjectId;
use millrace_app::models::{CallbackSender, ModelCaller};
use millrace_app::ports::{Ports, Record, RecordKey, RecordStore};
use millrace_app::projects::{self, Stage, work};
use millrace_rest::{AuthMode, FunctionsService, RestConfig, openapi, router_with_functions};
use millrace_simulation::ScriptedRuntime;
use millrace_simulation::watched::{Watched, Watcher};
use millrace_sqlite::{LocalClock, ManualClock, Options, SqlitePorts};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) struct Server {
    pub(crate) ports: SqlitePorts,
    clock: ManualClock,
    router: Router,
    document: Value,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem, whose form is checked.
    pub(crate) fn problem(&self, status: u16) -> String {
        let body = self.json();
        assert_eq!(self.status.as_u16(), status, "{body}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], self.header("x-request-id"));
        let code = body["code"].as_str().unwrap().to_owned();
        assert_eq!(body["type"], format!("/errors/{code}"));
        code
    }

    /// `field: message` of each listed problem.
    pub(crate) fn problems(&self) -> Vec<String> {
        assert_eq!(self.problem(400), "invalid-request");
        let errors = self.json()["errors"].as_array().unwrap().clone();
        let text = |at: &Value, name: &str| at[name].as_str().unwrap().to_owned();
        errors.iter().map(|at| format!("{}: {}", text(at, "field"), text(at, "message"))).collect()
    }

    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }
}

/// A body that makes a project.
pub(crate) fn from_template(name: &str) -> Value {
    json!({ "template_id": "python-rest-api", "parameters": { "name": name } })
}

fn ports() -> (SqlitePorts, ManualClock) {
    ports_that_keep(Retention::default())
}

fn ports_that_keep(retention: Retention) -> (SqlitePorts, ManualClock) {
    let clock = ManualClock::new(Timestamp::from_millis(1_780_000_000_000));
    let options = Options { clock: LocalClock::manual(clock.clone()), retention, ..Options::default() };
    (SqlitePorts::in_memory_with(options).unwrap(), clock)
}

/// Functions that are scripts.
fn functions() -> FunctionsService<ScriptedRuntime> {
    let functions = Functions::new(ScriptedRuntime::default(), Settings::default());
    FunctionsService { functions, patience: None }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(RestConfig { auth_mode: AuthMode::Off, ..RestConfig::default() })
    }

    pub(crate) fn with(config: RestConfig) -> Self {
        let (ports, clock) = ports();
        Self::over(router_with_functions(ports.clone(), functions(), config), ports, clock)
    }

    /// A server that keeps executions for so long.
    pub(crate) fn keeping(retention: Retention) -> Self {
        let (ports, clock) = ports_that_keep(retention);
        let config = RestConfig { auth_mode: AuthMode::Off, ..RestConfig::default() };
        Self::over(router_with_functions(ports.clone(), functions(), config), ports, clock)
    }

    /// A server with models.
    pub(crate) fn with_models<M: ModelCaller + CallbackSender + 'static>(config: RestConfig, models: M) -> Self {
        let (ports, clock) = ports();
        let router = router_with_functions(ports.clone(), functions(), config);
        let patience = Duration::from_secs(25);
        Self::over(router.layer(millrace_rest::ai::<SqlitePorts, M>(models, patience)), ports, clock)
    }

    /// A server whose calls of ports are watched; those of `ports` are not.
    pub(crate) fn watched<W: Watcher>(watcher: Arc<W>) -> Self {
        let (ports, clock) = ports();
        let config = RestConfig { auth_mode: AuthMode::Off, ..RestConfig::default() };
        let router = router_with_functions(Watched::new(ports.clone(), watcher), functions(), config);
        Self::over(router, ports, clock)
    }

    fn over(router: Router, ports: SqlitePorts, clock: ManualClock) -> Self {
        Self { router, ports, clock, document: serde_json::to_value(openapi()).unwrap() }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Lets a millisecond pass; what happens in one has no order.
    pub(crate) fn tick(&self) {
        self.advance(Duration::from_millis(1));
    }

    /// Lets so much time pass.
    pub(crate) fn advance(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().as_str().to_lowercase(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let answer = Answer { status: parts.status, headers: parts.headers, bytes };
        self.check(&method, &path, &answer);
        answer
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(value) => {
                request = request.header("content-type", "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, &[], Some(body)).await
    }

    pub(crate) async fn act(&self, path: &str) -> Answer {
        self.call("POST", path, &[], None).await
    }

    /// A created project that nobody delivers.
    pub(crate) async fn idle_project(&self, name: &str) -> ProjectId {
        let mut body = from_template(name);
        body["start"] = json!(false);
        self.post("/api/projects", &body).await.ok(201)["id"].as_str().unwrap().parse().unwrap()
    }

    /// What is stored under a key.
    pub(crate) async fn record(&self, key: &RecordKey) -> Option<Record> {
        RecordStore::get(self.ports.records(), key).await.unwrap()
    }

    /// A project in delivery.
    pub(crate) async fn running_project(&self, name: &str) -> ProjectId {
        let body = self.post("/api/projects", &from_template(name)).await.ok(201);
        let id = body["id"].as_str().unwrap().parse().unwrap();
        work::begin_stage(&self.ports, &id, 1, 0, Stage::Planning).await.unwrap();
        id
    }

    /// Tells the project that its execution has ended.
    pub(crate) async fn end(&self, id: &ProjectId, outcome: projects::ExecutionOutcome, error: &str, cause: &str) {
        let body = self.get(&format!("/api/projects/{id}")).await.ok(200);
        let execution = body["execution_id"].as_str().unwrap().parse().unwrap();
        projects::execution_ended(&self.ports, id, &execution, outcome, Some(error), Some(cause)).await.unwrap();
    }

    pub(crate) async fn completed_project(&self, name: &str) -> ProjectId {
        let id = self.running_project(name).await;
        self.end(&id, projects::ExecutionOutcome::Succeeded, "", "").await;
        id
    }

    /// The described operation of a call; `None` where nothing is described.
    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let paths = self.document["paths"].as_object().unwrap();
        let exact = paths.get(path);
        let matching = || {
            paths.iter().find_map(|(template, item)| {
                let wanted: Vec<&str> = template.split('/').collect();
                let given: Vec<&str> =
                    path.splitn(if template.ends_with("{path}") { wanted.len() } else { 99 }, '/').collect();
                let fits =
                    |(wanted, given): (&&str, &&str)| wanted.starts_with('{') && !given.is_empty() || wanted == given;
                (wanted.len() == given.len() && wanted.iter().zip(&given).all(fits)).then_some(item)
            })
        };
        exact.or_else(matching)?.get(method)
    }

    fn check(&self, method: &str, path: &str, answer: &Answer) {
        for (name, value) in
            [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("cache-control", "no-store")]
        {
            assert_eq!(answer.header(name), value, "{method} {path}");
        }
        assert!(!answer.header("x-request-id").is_empty());
        let Some(operation) = self.operation(method, path) else {
            assert!(
                answer.status.is_client_error() || method == "head" || method == "options",
                "{method} {path} is not described"
            );
            return;
        };
        let status = answer.status.as_str();
        if operation["responses"].get("default").is_some()
            && answer.header("content-type") != "application/problem+json"
        {
            return;
        }
        let described = operation["responses"].get(status);
        let described = described.unwrap_or_else(|| panic!("{method} {path}: {status} is not described"));
        let Some(content) = described.get("content") else {
            assert!(answer.bytes.is_empty(), "{method} {path}: {status} has a body that is not described");
            return;
        };
        let kind = answer.header("content-type");
        let media = content.get(kind).unwrap_or_else(|| panic!("{method} {path}: {kind} is not described: {content}"));
        if kind.contains("json") {
            let mut schema = media["schema"].clone();
            schema["components"] = self.document["components"].clone();
            let validator = jsonschema::validator_for(&schema).unwrap();
            let problems: Vec<String> = validator
                .iter_errors(&answer.json())
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(problems.is_empty(), "{method} {path}: {status}: {problems:?}\n{}", answer.json());
        }
    }
}
