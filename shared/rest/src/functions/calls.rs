//! Giving functions HTTP requests as API Gateway would: `/_functions/{name}`.

use axum::extract::{Request, State};
use axum::response::Response;
use millrace_app::functions::{Call, FunctionName, FunctionRuntime, find_project};
use millrace_app::ports::{Clock, Ports};

use super::event::{HttpCall, event};
use super::invoke::read_body;
use super::response::response;
use super::{ClientAddress, FunctionsApp};
use crate::caller::Caller;
use crate::frame::RequestId;
use crate::params::PathParams;
use crate::problem::Problem;

/// The header that names a function's project.
pub(crate) const X_PROJECT_ID: &str = "x-project-id";

async fn call<P: Ports, R: FunctionRuntime>(
    state: FunctionsApp<P, R>,
    caller: Caller,
    path: PathParams,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (ports, name, owner) = (&state.app.ports, path.get("name"), caller.workflow_owner());
    let said = parts.headers.get(X_PROJECT_ID).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let project = match said {
        Some(project) => project,
        None => {
            let query = parts.uri.query().unwrap_or_default().as_bytes();
            let preferred = form_urlencoded::parse(query).find(|(name, _)| name == "project");
            let preferred = preferred.as_ref().map(|(_, project)| project.as_ref());
            find_project(ports, &state.functions, &owner, name, preferred).await?
        }
    };
    let body = read_body(body).await?;
    let request_id = parts.extensions.get::<RequestId>().map_or("", |id| &id.0);
    let event = event(HttpCall {
        method: &parts.method,
        uri: &parts.uri,
        version: parts.version,
        headers: &parts.headers,
        body,
        name,
        rest: path.get("path"),
        source_ip: parts.extensions.get::<ClientAddress>().map_or("", |address| &address.0),
        account: caller.account.as_deref().unwrap_or(&state.app.config.account),
        request_id,
        now: ports.clock().now(),
    });
    let function = FunctionName::new(owner, project, name);
    let call = Call { function, event, id: None, at_most: state.patience };
    let invoked = state.functions.invoke(ports, call).await?;
    match invoked.result {
        Ok(result) => response(&result).map_err(Problem::function_failed),
        Err(error) => Err(Problem::function_failed(format!("{}: {}", error.name, error.message))),
    }
}

/// The same for each method: a description has no word for all.
macro_rules! calls {
    ($($method:ident $plain:ident $below:ident;)*) => {$(
        /// Call a function by its name
        ///
        /// The function gets the request as an event in API Gateway's payload format 2.0, and its result is the response.
        /// The header `x-project-id` names the project. Without it the name must be that of one function of the caller's,
        /// or the parameter `project` says whose. A function that fails answers 502.
        #[utoipa::path(
            $method, path = "/_functions/{name}", tag = "functions",
            params(
                ("name" = String, Path, description = "The function's name"),
                ("x-project-id" = Option<String>, Header, description = "The project"),
            ),
            responses((status = "default", description = "What the function answers")),
        )]
        pub(crate) async fn $plain<P: Ports, R: FunctionRuntime>(
            State(state): State<FunctionsApp<P, R>>,
            caller: Caller,
            path: PathParams,
            request: Request,
        ) -> Result<Response, Problem> {
            call(state, caller, path, request).await
        }

        /// Call a function by its name, with a path below it
        #[utoipa::path(
            $method, path = "/_functions/{name}/{path}", tag = "functions",
            params(
                ("name" = String, Path, description = "The function's name"),
                ("path" = String, Path, description = "What the function makes of it"),
                ("x-project-id" = Option<String>, Header, description = "The project"),
            ),
            responses((status = "default", description = "What the function answers")),
        )]
        pub(crate) async fn $below<P: Ports, R: FunctionRuntime>(
            State(state): State<FunctionsApp<P, R>>,
            caller: Caller,
            path: PathParams,
            request: Request,
        ) -> Result<Response, Problem> {
            call(state, caller, path, request).await
        }
    )*};
}

calls! {
    get call_function_get call_function_path_get;
    post call_function_post call_function_path_post;
    put call_function_put call_function_path_put;
    patch call_function_patch call_function_path_patch;
    delete call_function_delete call_function_path_delete;
}
