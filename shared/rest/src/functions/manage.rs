//! Keeping functions.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace_app::functions::{
    self, Described, FunctionChanges, FunctionRuntime, MAX_REGISTERED, NewFunction, get_function,
};
use millrace_app::ports::Ports;
use utoipa::ToSchema;

use super::{FunctionsApp, named};
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams, if_match};
use crate::problem::Problem;
use crate::views::{self, CodeView, FunctionPage, FunctionView, RegisteredView};

/// The largest body of a request with one source: what JSON makes of 1 MiB may be longer.
const CODE_BODY: usize = 4 * 1024 * 1024;
/// The largest body of a request with many sources. Lambda takes no more than 6 MB.
const REGISTER_BODY: usize = 5 * 1024 * 1024;

/// A function to make.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that `NewFunction` is read from")]
#[schema(as = CreateFunction, example = json!({
    "function_name": "greet",
    "code": "export async function handler(event) { return { hello: event.name }; }"
}))]
pub(crate) struct CreateBody {
    /// Letters, digits, `-` and `_`.
    #[schema(min_length = 1, max_length = 64)]
    function_name: String,
    /// The source: an ES module that exports a function `handler`, in one file.
    #[schema(min_length = 1)]
    code: String,
    /// The file that it comes from; stack traces name it.
    #[schema(max_length = 512)]
    file_path: Option<String>,
    /// `javascript` or `typescript`; without it the file's extension says it.
    runtime: Option<String>,
    /// What it is for.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// May it be invoked?
    #[schema(default = true)]
    is_active: Option<bool>,
    /// How long an invocation may take, in milliseconds.
    #[schema(minimum = 1, maximum = 30000, default = 30000)]
    timeout_ms: Option<u64>,
    /// How much memory an invocation may use, in MiB.
    #[schema(minimum = 1, maximum = 256, default = 64)]
    memory_mb: Option<u64>,
    /// Names of environment values that it may see as `context.env`. The values are secrets of the stack.
    #[schema(max_items = 50)]
    environment: Option<Vec<String>>,
}

/// What to change; what is not given stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that `FunctionChanges` is read from")]
#[schema(as = UpdateFunction, example = json!({ "code": "export const handler = () => 42;", "timeout_ms": 500 }))]
pub(crate) struct UpdateBody {
    /// The source. Another one makes the next version.
    code: Option<String>,
    /// The file that it comes from.
    #[schema(max_length = 512)]
    file_path: Option<String>,
    /// `javascript` or `typescript`.
    runtime: Option<String>,
    /// What it is for.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// May it be invoked?
    is_active: Option<bool>,
    /// How long an invocation may take, in milliseconds.
    #[schema(minimum = 1, maximum = 30000)]
    timeout_ms: Option<u64>,
    /// How much memory an invocation may use, in MiB.
    #[schema(minimum = 1, maximum = 256)]
    memory_mb: Option<u64>,
    /// Names of environment values that it may see.
    #[schema(max_items = 50)]
    environment: Option<Vec<String>>,
}

/// Functions that a build has made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = RegisterFunctions, example = json!({
    "project_id": "shop",
    "functions": [{ "function_name": "greet", "code": "export const handler = () => 'hello';" }]
}))]
pub(crate) struct RegisterBody {
    /// The project.
    project_id: String,
    /// They.
    #[schema(min_items = 1, max_items = 100)]
    functions: Vec<CreateBody>,
}

fn new_function(fields: &mut Fields) -> NewFunction {
    NewFunction {
        name: fields.required_text("function_name"),
        code: fields.required_text("code"),
        file_path: fields.text("file_path"),
        runtime: fields.text("runtime"),
        description: fields.text("description"),
        is_active: fields.boolean("is_active"),
        time_ms: fields.count("timeout_ms"),
        memory_mb: fields.count("memory_mb"),
        environment: fields.text_list("environment"),
    }
}

/// The version of the record that may be changed, if the request names one.
fn expected(headers: &HeaderMap, current: u64) -> Result<Option<u64>, Problem> {
    if_match(headers)?.map_or(Ok(None), |wanted| wanted.expected("the function", current))
}

fn described(status: StatusCode, described: Described) -> Response {
    let tag = views::etag(described.function.version);
    let mut response = views::json(status, FunctionView::from(described));
    response.headers_mut().extend(tag);
    response
}

/// Create a function
///
/// The source is compiled, and nothing is stored where that fails. A project is one of the caller's, or any name that the
/// caller groups functions by.
#[utoipa::path(
    post, path = "/api/functions/projects/{projectId}", tag = "functions", request_body = CreateBody,
    params(("projectId" = String, Path, description = "A project's id, or a name of 1 to 64 characters")),
    responses((status = 201, description = "The function was created", body = FunctionView, headers(
        ("Location" = String, description = "Where the function is"),
        ("ETag" = String, description = "Its version"),
    ))),
)]
pub(crate) async fn create_function<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject<CODE_BODY>,
) -> Result<Response, Problem> {
    query.finish()?;
    let new = new_function(&mut fields);
    fields.finish()?;
    let (ports, project) = (&state.app.ports, path.get("projectId"));
    let owner = caller.workflow_owner();
    let made = functions::create_function(ports, &state.functions, &caller.owner, &owner, project, new).await?;
    let location = state.app.config.link(&format!("/api/functions/{project}/{}", made.value.name));
    let made = Described { function: made, counters: functions::Counters::default() };
    Ok(views::with_location(described(StatusCode::CREATED, made), &location))
}

async fn list<P: Ports, R: FunctionRuntime>(
    state: &FunctionsApp<P, R>,
    caller: &Caller,
    path: &PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let (ports, project) = (&state.app.ports, path.get("projectId"));
    let owner = caller.workflow_owner();
    let page = functions::list_functions(ports, &state.functions, &caller.owner, &owner, project, &paging).await?;
    Ok(views::json(StatusCode::OK, FunctionPage::of(page, FunctionView::from)))
}

/// List a project's functions, by name
#[utoipa::path(
    get, path = "/api/functions/projects/{projectId}", tag = "functions",
    params(
        ("projectId" = String, Path, description = "The project"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of functions", body = FunctionPage)),
)]
pub(crate) async fn list_functions<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    list(&state, &caller, &path, query).await
}

/// List a project's functions, by name: the same at the functions service
#[utoipa::path(
    get, path = "/api/v1/projects/{projectId}/functions", tag = "functions",
    params(
        ("projectId" = String, Path, description = "The project"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of functions", body = FunctionPage)),
)]
pub(crate) async fn list_project_functions<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    list(&state, &caller, &path, query).await
}

/// Read a function
#[utoipa::path(
    get, path = "/api/functions/{projectId}/{name}", tag = "functions",
    params(
        ("projectId" = String, Path, description = "The project"),
        ("name" = String, Path, description = "The function's name"),
    ),
    responses((status = 200, description = "The function", body = FunctionView,
        headers(("ETag" = String, description = "Its version")))),
)]
pub(crate) async fn read_function<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let found = get_function(&state.app.ports, &state.functions, &named(&caller, &path)).await?;
    Ok(described(StatusCode::OK, found))
}

/// Change a function
///
/// Another source, path or language makes the next version; what is being invoked goes on with the one before. With
/// `If-Match` only the version that it names is changed.
#[utoipa::path(
    patch, path = "/api/functions/{projectId}/{name}", tag = "functions", request_body = UpdateBody,
    params(
        ("projectId" = String, Path, description = "The project"),
        ("name" = String, Path, description = "The function's name"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read"),
    ),
    responses((status = 200, description = "The function as it is now", body = FunctionView,
        headers(("ETag" = String, description = "Its version")))),
)]
pub(crate) async fn update_function<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
    JsonObject(mut fields): JsonObject<CODE_BODY>,
) -> Result<Response, Problem> {
    query.finish()?;
    let changes = FunctionChanges {
        code: fields.text("code"),
        file_path: fields.text("file_path"),
        runtime: fields.text("runtime"),
        description: fields.text("description"),
        is_active: fields.boolean("is_active"),
        time_ms: fields.count("timeout_ms"),
        memory_mb: fields.count("memory_mb"),
        environment: fields.text_list("environment"),
    };
    fields.finish()?;
    change(&state, &caller, &path, &headers, changes).await
}

/// Changes a function and answers with it.
pub(super) async fn change<P: Ports, R: FunctionRuntime>(
    state: &FunctionsApp<P, R>,
    caller: &Caller,
    path: &PathParams,
    headers: &HeaderMap,
    changes: FunctionChanges,
) -> Result<Response, Problem> {
    let (ports, name) = (&state.app.ports, named(caller, path));
    let found = get_function(ports, &state.functions, &name).await?;
    let expected = expected(headers, found.function.version)?;
    let function = functions::update_function(ports, &state.functions, &name, expected, changes).await?;
    Ok(described(StatusCode::OK, Described { function, counters: found.counters }))
}

/// Delete a function with its versions and counts
#[utoipa::path(
    delete, path = "/api/functions/{projectId}/{name}", tag = "functions",
    params(
        ("projectId" = String, Path, description = "The project"),
        ("name" = String, Path, description = "The function's name"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read"),
    ),
    responses((status = 204, description = "The function is gone")),
)]
pub(crate) async fn delete_function<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query.finish()?;
    let (ports, name) = (&state.app.ports, named(&caller, &path));
    let found = get_function(ports, &state.functions, &name).await?;
    let expected = expected(&headers, found.function.version)?;
    functions::delete_function(ports, &state.functions, &name, expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Register the functions of a build
///
/// Makes those that are not there, changes those that are other, and leaves the rest: the same request again changes
/// nothing. Nothing is stored where anything is wrong with one of them. What is not said of a function that is there stays
/// as it is.
#[utoipa::path(
    post, path = "/api/functions/register", tag = "functions", request_body = RegisterBody,
    responses((status = 200, description = "What was done", body = RegisteredView)),
)]
pub(crate) async fn register_functions<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    caller: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject<REGISTER_BODY>,
) -> Result<Response, Problem> {
    query.finish()?;
    let project = fields.required_text("project_id");
    let all = fields.list("functions", new_function);
    if all.is_none() {
        fields.problem("functions", format!("must have 1 to {MAX_REGISTERED} functions"));
    }
    fields.finish()?;
    let (ports, owner) = (&state.app.ports, caller.workflow_owner());
    let all = all.unwrap_or_default();
    let done = functions::register_functions(ports, &state.functions, &caller.owner, &owner, &project, all).await?;
    Ok(views::json(StatusCode::OK, RegisteredView::from(done)))
}

/// Read a function's source
#[utoipa::path(
    get, path = "/api/functions/code/{projectId}/{name}", tag = "functions",
    params(
        ("projectId" = String, Path, description = "The project"),
        ("name" = String, Path, description = "The function's name"),
        ("version" = Option<u64>, Query, description = "One of the newest 21 versions; the newest where none is named"),
    ),
    responses((status = 200, description = "The source", body = CodeView)),
)]
pub(crate) async fn get_function_code<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let version = query.read("version", |text| match text.parse() {
        Ok(version @ 1..) => Ok(version),
        _ => Err("must be a version's number".to_owned()),
    });
    query.finish()?;
    let code = functions::get_code(&state.app.ports, &named(&caller, &path), version).await?;
    Ok(views::json(StatusCode::OK, CodeView::from(code)))
}
