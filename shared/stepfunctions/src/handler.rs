//! One endpoint, many operations.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::post;
use millrace_app::Timestamp;
use millrace_app::identity::Role;
use millrace_app::origin::{Origin, request_id};
use millrace_app::ports::{Clock, Ports};
use millrace_app::traces::{self, Kind, Remote};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use serde_json::{Map, Value};
use tracing::Instrument as _;

use crate::access;
use crate::caller::{ApiCaller, ApiRefusal, Scope, StepFunctionsConfig};
use crate::error::ApiError;
use crate::operations::{
    activities, aliases, executions, map_runs, state_machines, tags, tasks, test_state, validation, versions,
};

/// The API's other address, for pages at the same host: a distribution has a page's document at `/`, and behind the gateway
/// this one takes keys where `/` takes signatures.
const BESIDE_PAGES: &str = "/step-functions";
/// The header that names the operation.
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// The header in which a request may bring its id.
const GIVEN_ID: &str = "x-request-id";
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const PREFIX: &str = "AWSStepFunctions.";
/// The largest body: there is no wall for an input, only for what one request may take of the memory.
pub const LARGEST_BODY: usize = 256 * 1024 * 1024;

/// What every operation sees.
pub(crate) struct Call<'a, P> {
    pub(crate) ports: &'a P,
    pub(crate) scope: Scope,
    pub(crate) members: &'a Map<String, Value>,
    /// The token of a task that ends when the execution ends that is started.
    pub(crate) waiting: Option<&'a str>,
    /// How long a call may wait for a task of an activity, or for the end of an execution.
    pub(crate) longest_poll: Duration,
    /// Does the task of a tested state, where that is possible.
    pub(crate) run_task: Option<&'a RunTask>,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock().now()
    }
}

/// Does a task of a state that is tested.
pub(crate) type RunTask = dyn Fn(Task) -> RunningTask + Send + Sync;
type RunningTask = Pin<Box<dyn Future<Output = Result<TaskResult, TaskError>> + Send>>;

/// An operation's answer.
pub(crate) type Answered = Result<Value, ApiError>;

#[derive(Clone)]
struct App<P> {
    ports: P,
    config: Arc<StepFunctionsConfig>,
    run_task: Option<Arc<RunTask>>,
}

/// `POST /`, and `POST /step-functions`, for every operation of the API. `TestState` does no tasks: they need a mock.
pub fn router<P: Ports>(ports: P, config: StepFunctionsConfig) -> Router {
    routes(App { ports, config: Arc::new(config), run_task: None })
}

/// The same, where `TestState` has tasks without a mock done by `executor`.
pub fn router_with_tasks<P: Ports, E: Executor + Clone + 'static>(
    ports: P,
    executor: E,
    config: StepFunctionsConfig,
) -> Router {
    let for_tasks = ports.clone();
    let run_task = move |task: Task| -> RunningTask {
        let (ports, executor) = (for_tasks.clone(), executor.clone());
        Box::pin(async move { executor.execute(&ports, &task).await })
    };
    routes(App { ports, config: Arc::new(config), run_task: Some(Arc::new(run_task)) })
}

fn routes<P: Ports>(app: App<P>) -> Router {
    Router::new().route("/", post(handle::<P>)).route(BESIDE_PAGES, post(handle::<P>)).with_state(app)
}

/// Names each operation once, with the role that it needs.
macro_rules! operations {
    ($($name:ident($role:ident) => $module:ident :: $function:ident;)*) => {
        /// The operations that are served.
        pub const OPERATIONS: &[&str] = &[$(stringify!($name)),*];

        /// The role that an operation needs; nobody gets far with one that is not there.
        fn role_of(operation: &str) -> Role {
            match operation {
                $(stringify!($name) => Role::$role,)*
                _ => Role::Read,
            }
        }

        async fn dispatch<P: Ports>(operation: &str, call: &Call<'_, P>) -> Answered {
            match operation {
                $(stringify!($name) => Box::pin($module::$function(call)).await,)*
                _ => Err(ApiError::new(
                    "UnknownOperationException",
                    format!("The operation {operation:?} is not served here"),
                )),
            }
        }
    };
}

operations! {
    StartExecution(Run) => executions::start;
    DescribeExecution(Read) => executions::describe;
    GetExecutionHistory(Read) => executions::history;
    StartSyncExecution(Run) => executions::start_sync;
    StopExecution(Run) => executions::stop;
    RedriveExecution(Run) => executions::redrive;
    ListExecutions(Read) => executions::list;
    DescribeStateMachineForExecution(Read) => executions::describe_state_machine;
    CreateStateMachine(Admin) => state_machines::create;
    DescribeStateMachine(Read) => state_machines::describe;
    UpdateStateMachine(Admin) => state_machines::update;
    DeleteStateMachine(Admin) => state_machines::delete;
    ListStateMachines(Read) => state_machines::list;
    PublishStateMachineVersion(Admin) => versions::publish;
    ListStateMachineVersions(Read) => versions::list;
    DeleteStateMachineVersion(Admin) => versions::delete;
    CreateStateMachineAlias(Admin) => aliases::create;
    UpdateStateMachineAlias(Admin) => aliases::update;
    DescribeStateMachineAlias(Read) => aliases::describe;
    DeleteStateMachineAlias(Admin) => aliases::delete;
    ListStateMachineAliases(Read) => aliases::list;
    TagResource(Admin) => tags::tag;
    UntagResource(Admin) => tags::untag;
    ListTagsForResource(Read) => tags::list;
    ValidateStateMachineDefinition(Read) => validation::validate;
    TestState(Admin) => test_state::test;
    SendTaskSuccess(Run) => tasks::success;
    SendTaskFailure(Run) => tasks::failure;
    SendTaskHeartbeat(Run) => tasks::heartbeat;
    CreateActivity(Admin) => activities::create;
    DescribeActivity(Read) => activities::describe;
    DeleteActivity(Admin) => activities::delete;
    ListActivities(Read) => activities::list;
    GetActivityTask(Run) => activities::get_task;
    DescribeMapRun(Read) => map_runs::describe;
    ListMapRuns(Read) => map_runs::list;
    UpdateMapRun(Run) => map_runs::update;
}

/// Why an operation that was called without HTTP was refused, as its answer would tell it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// The error's name, without its namespace.
    pub name: &'static str,
    /// For the caller.
    pub message: String,
    /// The request's id, by which the logs tell it.
    pub request_id: String,
}

/// Does an operation for a task of this engine, without HTTP: the members of a request to those of its answer. The caller is
/// the execution's owner in the execution's account, and may do no more than they may over HTTP. `waiting` is the token of a
/// task that ends when the execution ends that `StartExecution` starts.
///
/// # Errors
/// [`Refused`]
pub async fn call<P: Ports>(
    ports: &P,
    config: &StepFunctionsConfig,
    caller: &ApiCaller,
    operation: &str,
    members: &Map<String, Value>,
    waiting: Option<&str>,
) -> Result<Value, Refused> {
    let scope = Scope::of(config, Some(caller), &HeaderMap::new());
    let call = Call { ports, scope, members, waiting, longest_poll: config.longest_poll, run_task: None };
    let answered = match access::check(caller, operation, role_of(operation), members) {
        Ok(()) => dispatch(operation, &call).await,
        Err(error) => Err(error),
    };
    answered.map_err(|error| {
        let request_id = request_id(ports.ids());
        log(&request_id, operation, &error);
        Refused { status: error.status().as_u16(), name: error.name, message: error.message, request_id }
    })
}

fn log(request_id: &str, operation: &str, error: &ApiError) {
    match &error.cause {
        Some(cause) => tracing::error!(request_id, operation, error = chain(cause.as_ref()), "failed"),
        None => tracing::debug!(request_id, operation, error = error.name, "refused"),
    }
}

async fn handle<P: Ports>(State(app): State<App<P>>, request: Request) -> Response {
    let given = header(request.headers(), GIVEN_ID).filter(|id| is_id(id));
    let id = given.map_or_else(|| request_id(app.ports.ids()), str::to_owned);
    let operation = operation_of(request.headers()).unwrap_or_default().to_owned();
    let log = tracing::info_span!("request", request_id = id);
    let known = OPERATIONS.iter().find(|known| **known == operation).copied().unwrap_or("unknown");
    let name = || format!("{PREFIX}{known}");
    let mut span = {
        let remote = || Remote::from_headers(|name| header(request.headers(), name));
        traces::request(remote, Kind::Server, name)
    };
    span.note("rpc.system", || "aws-api");
    span.note("millrace.request.id", || id.as_str());
    let origin = Origin { request: Some(id.as_str().into()), span: span.context() };
    let response = origin.scope(answer(&app, &id, &operation, request).instrument(log)).await;
    span.note("http.response.status_code", || u64::from(response.status().as_u16()));
    if response.status().is_server_error() {
        span.fail(response.status().as_str());
    }
    response
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// An id that a caller or the gateway gave a request, and that logs can hold.
fn is_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=128).contains(&id.len()) && id.bytes().all(fits)
}

async fn answer<P: Ports>(app: &App<P>, id: &str, operation: &str, request: Request) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let caller = parts.extensions.get::<ApiCaller>();
    let scope = Scope::of(&app.config, caller, &parts.headers);
    // Who may not call has no body of theirs read.
    let unknown = match (parts.extensions.get::<ApiRefusal>(), caller) {
        (Some(refusal), _) => Some(ApiError::new(refusal.name, refusal.message.clone())),
        (None, None) if app.config.callers_are_known => {
            Some(ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token"))
        }
        _ => None,
    };
    let members = match unknown {
        Some(error) => Err(error),
        None => read(body).await,
    };
    let members = members.and_then(|members| {
        let allowed = caller.map(|caller| access::check(caller, operation, role_of(operation), &members));
        allowed.transpose().map(|_| members)
    });
    let answered = match members {
        Ok(members) => {
            let run_task = app.run_task.as_deref();
            let longest_poll = app.config.longest_poll;
            let call = Call { ports: &app.ports, scope, members: &members, waiting: None, longest_poll, run_task };
            dispatch(operation, &call).await
        }
        Err(error) => Err(error),
    };
    let (status, text) = match answered {
        Ok(value) => (StatusCode::OK, value.to_string()),
        Err(error) => {
            log(id, operation, &error);
            (error.status(), error.body().to_string())
        }
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(
        operation = OPERATIONS.iter().find(|known| **known == operation),
        status = status.as_u16(),
        millis,
        "request"
    );
    response
}

fn operation_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(TARGET)?.to_str().ok()?.strip_prefix(PREFIX)
}

async fn read(body: Body) -> Result<Map<String, Value>, ApiError> {
    let bytes = to_bytes(body, LARGEST_BODY)
        .await
        .map_err(|_| ApiError::new("RequestEntityTooLargeException", "The request is larger than 256 MiB"))?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ApiError::serialization("Start of structure or map found where not expected.")),
        Err(problem) => Err(ApiError::serialization(format!("The body is not JSON: {problem}"))),
    }
}

/// An error and all that caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
