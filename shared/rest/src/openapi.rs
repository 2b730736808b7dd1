//! Every route, and the OpenAPI 3.1 description that is made from the same list.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use millrace_app::functions::FunctionRuntime;
use millrace_app::ports::Ports;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{ContentBuilder, HttpMethod, Ref, RefOr, ResponseBuilder, Schema};
use utoipa::{OpenApi, Path};

use crate::access::{self, Access, guard};
use crate::functions::{FunctionsApp, FunctionsService, calls, invoke, manage};
use crate::problem::ProblemBody;
use crate::webhooks::{events, receive, rules};
use crate::{
    App, AuthMode, RestConfig, ai, artifacts, bulk, control, error_pages, executions, frame, health, keys, limits,
    logs, map_runs, projects, queues, reports, schedules, sign_in, subscriptions, tasks, templates, triggers, versions,
    views, workflows,
};

/// A handler for these ports, and this runtime where it needs one.
macro_rules! instance {
    ($module:ident $handler:ident [$($argument:ident),+]) => { $module::$handler::<$($argument),+> };
}

/// Names each handler once, with the description that `utoipa` made of it and the role that it needs; makes the description and
/// the router.
macro_rules! routes {
    ($description:ident, $routes:ident [$($generics:tt)+] $arguments:tt, $state:ty;
     $($module:ident :: { $handler:ident, $path:ident } $access:ident;)*) => {
        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "Millrace",
                description = "A workflow engine and a coding pipeline on it: projects, workflows, executions, functions and models.",
                license(name = "MIT", identifier = "MIT"),
            ),
            paths($($module::$handler),*),
            components(schemas(ProblemBody)),
            tags(
                (name = "projects", description = "From a request to a package"),
                (name = "workflows", description = "Definitions in the Amazon States Language"),
                (name = "executions", description = "Workflows that run or ran"),
                (name = "limits", description = "How many executions run and start, by key"),
                (name = "schedules", description = "Workflows that start at times"),
                (name = "functions", description = "Users' JavaScript"),
                (name = "ai", description = "Single calls of models"),
                (name = "artifacts", description = "What the agents made"),
                (name = "templates", description = "What projects are made from"),
                (name = "tasks", description = "Reports on tasks that somebody outside does"),
                (name = "webhooks", description = "Events that others send, and the workflows that they start"),
                (name = "queues", description = "The deployment's queues and their dead letters"),
                (name = "subscriptions", description = "Notifications of what happens, to endpoints, topics and buses"),
                (name = "keys", description = "API keys, and who calls"),
                (name = "server", description = "The server itself"),
            ),
        )]
        struct $description;

        impl $description {
            /// What each operation needs.
            fn accesses() -> Vec<(String, Vec<HttpMethod>, Access)> {
                vec![$((<$module::$path as Path>::path(), <$module::$path as Path>::methods(), Access::$access)),*]
            }
        }

        fn $routes<$($generics)+>(mode: AuthMode) -> Router<$state> {
            Router::new()
                $(.route(
                    // OpenAPI has no sign for a parameter with slashes in it.
                    &<$module::$path as Path>::path().replace("{path}", "{*path}"),
                    on(filter(&<$module::$path as Path>::methods()), instance!($module $handler $arguments))
                        .route_layer(middleware::from_fn_with_state((mode, Access::$access), guard)),
                ))*
        }
    };
}

routes! {
    Description, routes [P: Ports] [P], App<P>;
    projects::{ create_project, __path_create_project } Run;
    projects::{ list_projects, __path_list_projects } Read;
    projects::{ get_project, __path_get_project } Read;
    projects::{ update_project, __path_update_project } Run;
    projects::{ delete_project, __path_delete_project } Run;
    projects::{ modify_project, __path_modify_project } Run;
    projects::{ approve_project, __path_approve_project } Run;
    projects::{ cancel_project, __path_cancel_project } Run;
    projects::{ resume_project, __path_resume_project } Run;
    artifacts::{ get_plan, __path_get_plan } Read;
    artifacts::{ list_files, __path_list_files } Read;
    artifacts::{ get_file, __path_get_file } Read;
    artifacts::{ list_tests, __path_list_tests } Read;
    artifacts::{ list_deployments, __path_list_deployments } Read;
    artifacts::{ list_events, __path_list_events } Read;
    artifacts::{ get_cost, __path_get_cost } Read;
    tasks::{ report_task_success, __path_report_task_success } Run;
    tasks::{ report_task_failure, __path_report_task_failure } Run;
    tasks::{ report_task_heartbeat, __path_report_task_heartbeat } Run;
    workflows::{ create_workflow, __path_create_workflow } Admin;
    workflows::{ list_workflows, __path_list_workflows } Read;
    workflows::{ validate_workflow, __path_validate_workflow } Read;
    workflows::{ get_workflow, __path_get_workflow } Read;
    workflows::{ update_workflow, __path_update_workflow } Admin;
    workflows::{ delete_workflow, __path_delete_workflow } Admin;
    workflows::{ get_workflow_graph, __path_get_workflow_graph } Read;
    versions::{ list_versions, __path_list_versions } Read;
    versions::{ list_aliases, __path_list_aliases } Read;
    versions::{ put_alias, __path_put_alias } Admin;
    versions::{ delete_alias, __path_delete_alias } Admin;
    executions::{ start_execution, __path_start_execution } Run;
    executions::{ list_executions, __path_list_executions } Read;
    bulk::{ act_on_executions, __path_act_on_executions } Run;
    executions::{ get_execution, __path_get_execution } Read;
    executions::{ get_execution_history, __path_get_execution_history } Read;
    executions::{ get_execution_graph, __path_get_execution_graph } Read;
    logs::{ get_execution_logs, __path_get_execution_logs } Read;
    logs::{ get_project_logs, __path_get_project_logs } Read;
    executions::{ stop_execution, __path_stop_execution } Run;
    map_runs::{ list_map_runs, __path_list_map_runs } Read;
    map_runs::{ get_map_run, __path_get_map_run } Read;
    map_runs::{ list_map_run_executions, __path_list_map_run_executions } Read;
    map_runs::{ get_map_run_execution, __path_get_map_run_execution } Read;
    map_runs::{ get_map_run_history, __path_get_map_run_history } Read;
    control::{ redrive_execution, __path_redrive_execution } Run;
    control::{ fork_execution, __path_fork_execution } Run;
    control::{ pause_execution, __path_pause_execution } Run;
    control::{ resume_execution, __path_resume_execution } Run;
    limits::{ list_limits, __path_list_limits } Read;
    limits::{ get_limit, __path_get_limit } Read;
    limits::{ put_limit, __path_put_limit } Admin;
    limits::{ delete_limit, __path_delete_limit } Admin;
    schedules::{ create_schedule, __path_create_schedule } Admin;
    schedules::{ list_schedules, __path_list_schedules } Read;
    schedules::{ preview_schedule, __path_preview_schedule } Read;
    schedules::{ get_schedule, __path_get_schedule } Read;
    schedules::{ update_schedule, __path_update_schedule } Admin;
    schedules::{ delete_schedule, __path_delete_schedule } Admin;
    schedules::{ pause_schedule, __path_pause_schedule } Run;
    schedules::{ resume_schedule, __path_resume_schedule } Run;
    schedules::{ run_schedule, __path_run_schedule } Run;
    schedules::{ get_next_times, __path_get_next_times } Read;
    reports::{ list_reports, __path_list_reports } Read;
    reports::{ get_report, __path_get_report } Read;
    ai::{ invoke_model, __path_invoke_model } Run;
    ai::{ create_ai_task, __path_create_ai_task } Run;
    ai::{ get_ai_task, __path_get_ai_task } Read;
    keys::{ create_key, __path_create_key } Admin;
    keys::{ list_keys, __path_list_keys } Admin;
    keys::{ get_key, __path_get_key } Admin;
    keys::{ rotate_key, __path_rotate_key } Admin;
    keys::{ revoke_key, __path_revoke_key } Admin;
    keys::{ get_caller, __path_get_caller } Read;
    rules::{ create_rule, __path_create_rule } Admin;
    rules::{ list_rules, __path_list_rules } Read;
    rules::{ test_rule, __path_test_rule } Read;
    rules::{ get_rule, __path_get_rule } Read;
    rules::{ update_rule, __path_update_rule } Admin;
    rules::{ delete_rule, __path_delete_rule } Admin;
    events::{ list_events, __path_list_events } Read;
    events::{ replay_events, __path_replay_events } Run;
    events::{ get_event, __path_get_event } Read;
    events::{ replay_event, __path_replay_event } Run;
    queues::{ list_queues, __path_list_queues } Admin;
    queues::{ list_dead_letters, __path_list_dead_letters } Operator;
    queues::{ delete_dead_letters, __path_delete_dead_letters } Operator;
    queues::{ redrive_dead_letters, __path_redrive_dead_letters } Operator;
    queues::{ get_dead_letter, __path_get_dead_letter } Operator;
    queues::{ delete_dead_letter, __path_delete_dead_letter } Operator;
    subscriptions::{ create_subscription, __path_create_subscription } Admin;
    subscriptions::{ list_subscriptions, __path_list_subscriptions } Read;
    subscriptions::{ get_subscription, __path_get_subscription } Read;
    subscriptions::{ update_subscription, __path_update_subscription } Admin;
    subscriptions::{ delete_subscription, __path_delete_subscription } Admin;
    subscriptions::{ rotate_subscription, __path_rotate_subscription } Admin;
    subscriptions::{ test_subscription, __path_test_subscription } Run;
    subscriptions::{ replay_subscription, __path_replay_subscription } Run;
    subscriptions::{ list_deliveries, __path_list_deliveries } Read;
    subscriptions::{ get_delivery, __path_get_delivery } Read;
    templates::{ list_templates, __path_list_templates } Read;
    templates::{ get_template, __path_get_template } Read;
    sign_in::{ get_sign_in, __path_get_sign_in } Open;
    sign_in::{ create_token, __path_create_token } Open;
    health::{ get_health, __path_get_health } Open;
    description::{ get_openapi, __path_get_openapi } Open;
    error_pages::{ get_error_page, __path_get_error_page } Open;
}

routes! {
    FunctionsDescription, function_routes [P: Ports, R: FunctionRuntime] [P, R], FunctionsApp<P, R>;
    manage::{ create_function, __path_create_function } Admin;
    manage::{ list_functions, __path_list_functions } Read;
    manage::{ register_functions, __path_register_functions } Admin;
    manage::{ read_function, __path_read_function } Read;
    manage::{ update_function, __path_update_function } Admin;
    manage::{ delete_function, __path_delete_function } Admin;
    manage::{ get_function_code, __path_get_function_code } Read;
    manage::{ list_project_functions, __path_list_project_functions } Read;
    invoke::{ get_functions_health, __path_get_functions_health } Read;
    invoke::{ invoke_function, __path_invoke_function } Run;
    invoke::{ get_function_metadata, __path_get_function_metadata } Read;
    invoke::{ switch_function, __path_switch_function } Admin;
    calls::{ call_function_get, __path_call_function_get } Run;
    calls::{ call_function_post, __path_call_function_post } Run;
    calls::{ call_function_put, __path_call_function_put } Run;
    calls::{ call_function_patch, __path_call_function_patch } Run;
    calls::{ call_function_delete, __path_call_function_delete } Run;
    calls::{ call_function_path_get, __path_call_function_path_get } Run;
    calls::{ call_function_path_post, __path_call_function_path_post } Run;
    calls::{ call_function_path_put, __path_call_function_path_put } Run;
    calls::{ call_function_path_patch, __path_call_function_path_patch } Run;
    calls::{ call_function_path_delete, __path_call_function_path_delete } Run;
}

routes! {
    ReceiverDescription, receiver_routes [P: Ports] [P], App<P>;
    receive::{ receive_webhook, __path_receive_webhook } Open;
    receive::{ receive_webhook_of, __path_receive_webhook_of } Open;
}

routes! {
    TriggerDescription, trigger_routes [P: Ports] [P], App<P>;
    triggers::{ trigger_workflow, __path_trigger_workflow } Run;
}

mod description {
    use super::*;

    /// Read this description
    #[utoipa::path(
        get, path = "/openapi.json", tag = "server",
        responses((status = 200, description = "OpenAPI 3.1", body = Object)),
    )]
    pub(crate) async fn get_openapi<P: Ports>(State(_): State<App<P>>) -> Response {
        views::json(StatusCode::OK, openapi())
    }
}

fn filter(methods: &[HttpMethod]) -> MethodFilter {
    let one = |method: &HttpMethod| match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
    };
    methods.iter().map(one).reduce(MethodFilter::or).unwrap_or(MethodFilter::GET)
}

/// The API over these ports, but for the functions service, the receivers of webhooks and the trigger. A front may add routes of its own; `config` says how callers
/// are known.
pub fn router<P: Ports>(ports: P, config: RestConfig) -> Router {
    let app = App::new(ports, config);
    frame::surround(routes(app.config.auth_mode).with_state(app.clone()), &app)
}

/// The receivers of webhooks alone.
pub fn webhook_router<P: Ports>(ports: P, config: RestConfig) -> Router {
    let app = App::new(ports, config);
    frame::surround(receiver_routes(app.config.auth_mode).with_state(app.clone()), &app)
}

/// The trigger of workflows alone.
pub fn trigger_router<P: Ports>(ports: P, config: RestConfig) -> Router {
    let app = App::new(ports, config);
    frame::surround(trigger_routes(app.config.auth_mode).with_state(app.clone()), &app)
}

/// The functions service alone.
pub fn functions_router<P: Ports, R: FunctionRuntime>(
    ports: P,
    service: FunctionsService<R>,
    config: RestConfig,
) -> Router {
    let app = App::new(ports, config);
    let routes = function_routes(app.config.auth_mode).with_state(FunctionsApp::new(app.clone(), service));
    frame::surround(routes, &app)
}

/// The whole API: all of these in one.
pub fn router_with_functions<P: Ports, R: FunctionRuntime>(
    ports: P,
    service: FunctionsService<R>,
    config: RestConfig,
) -> Router {
    let app = App::new(ports, config);
    let mode = app.config.auth_mode;
    let functions = function_routes(mode).with_state(FunctionsApp::new(app.clone(), service));
    let own = routes(mode).merge(receiver_routes(mode)).merge(trigger_routes(mode)).with_state(app.clone());
    frame::surround(own.merge(functions), &app)
}

/// The OpenAPI 3.1 description of [`router_with_functions`].
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Description::openapi();
    document.merge(FunctionsDescription::openapi());
    document.merge(ReceiverDescription::openapi());
    document.merge(TriggerDescription::openapi());
    access::describe_schemes(&mut document);
    let accesses: Vec<_> = [
        Description::accesses(),
        FunctionsDescription::accesses(),
        ReceiverDescription::accesses(),
        TriggerDescription::accesses(),
    ]
    .concat();
    for (path, item) in &mut document.paths.paths {
        let methods = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ];
        for (method, operation) in methods {
            let Some(operation) = operation else { continue };
            let known = accesses.iter().find(|(at, methods, _)| at == path && methods.contains(&method));
            // Each described operation came from the same list.
            let access = known.map_or(Access::Admin, |(_, _, access)| *access);
            access::describe(access, operation);
            describe_problems(path, access, operation);
            describe_as_sent(operation);
        }
    }
    document
}

/// What the types can't say: a parameter that may be left out can't be null, and bytes are no JSON.
fn describe_as_sent(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        match &mut parameter.schema {
            Some(RefOr::T(Schema::Object(object))) => {
                if let SchemaType::Array(types) = &mut object.schema_type {
                    types.retain(|one| *one != Type::Null);
                    if let [one] = types.as_slice() {
                        object.schema_type = SchemaType::Type(one.clone());
                    }
                }
            }
            Some(RefOr::T(Schema::OneOf(choice))) => {
                let reference = choice.items.iter().find(|item| matches!(item, RefOr::Ref(_))).cloned();
                parameter.schema = reference.or_else(|| parameter.schema.take());
            }
            _ => {}
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for (kind, content) in &mut body.content {
            if let RefOr::T(content) = content
                && ["application/zip", "application/gzip", "application/x-tar"].contains(&kind.as_str())
            {
                content.schema = None;
            }
        }
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response
            && let Some(RefOr::T(content)) = response.content.get_mut("application/octet-stream")
        {
            content.schema = None;
        }
    }
}

/// What a receiver of webhooks can answer.
const RECEIVER_PROBLEMS: &[(&str, &str)] =
    &[("401", "`signature-invalid`"), ("500", "`internal`"), ("503", "`unavailable`: send it again")];

/// Problems that an operation can answer with, beyond those that follow from its shape.
const OWN_PROBLEMS: &[(&str, &[(&str, &str)])] = &[
    (
        "create_project",
        &[("409", "`wrong-state`: the key's project was deleted"), ("422", "`not-configured`, `idempotency-mismatch`")],
    ),
    (
        "update_project",
        &[
            ("409", "`wrong-state`"),
            ("412", "`version-mismatch`"),
            ("422", "`not-configured`"),
            ("428", "`precondition-required`"),
        ],
    ),
    ("delete_project", &[("412", "`version-mismatch`")]),
    ("modify_project", &[("409", "`wrong-state`"), ("412", "`version-mismatch`"), ("422", "`not-configured`")]),
    ("approve_project", &[("409", "`wrong-state`: nothing waits for an approval")]),
    ("cancel_project", &[("409", "`wrong-state`"), ("412", "`version-mismatch`")]),
    ("report_task_success", &[("409", "`wrong-state`: the task has ended")]),
    ("report_task_failure", &[("409", "`wrong-state`: the task has ended")]),
    ("report_task_heartbeat", &[("409", "`wrong-state`: the task has ended")]),
    ("create_workflow", &[("409", "`wrong-state`: there is another of that name, or one that is being deleted")]),
    ("update_workflow", &[("409", "`wrong-state`"), ("412", "`version-mismatch`"), ("428", "`precondition-required`")]),
    ("delete_workflow", &[("412", "`version-mismatch`")]),
    ("put_alias", &[("409", "`wrong-state`"), ("412", "`version-mismatch`")]),
    ("start_execution", &[("409", "`wrong-state`: there is another of that name"), ("422", "`idempotency-mismatch`")]),
    ("act_on_executions", &[("404", "`not-found`: there is no such workflow")]),
    ("list_executions", &[("404", "`not-found`: there is no such workflow")]),
    (
        "redrive_execution",
        &[("409", "`wrong-state`: it can't be redriven"), ("429", "`limit-reached`, `too-many-requests`")],
    ),
    (
        "fork_execution",
        &[
            ("409", "`wrong-state`: there is another execution of that name"),
            ("429", "`limit-reached`, `too-many-requests`"),
        ],
    ),
    (
        "create_schedule",
        &[("404", "`not-found`: there is no such workflow"), ("409", "`wrong-state`: there is another of that name")],
    ),
    ("update_schedule", &[("412", "`version-mismatch`"), ("428", "`precondition-required`")]),
    ("delete_schedule", &[("412", "`version-mismatch`")]),
    ("pause_schedule", &[("412", "`version-mismatch`")]),
    ("resume_schedule", &[("412", "`version-mismatch`")]),
    ("run_schedule", &[("409", "`wrong-state`: its workflow can't be started")]),
    ("create_subscription", &[("409", "`wrong-state`: there are too many")]),
    ("update_subscription", &[("412", "`version-mismatch`")]),
    ("delete_subscription", &[("412", "`version-mismatch`")]),
    (
        "rotate_subscription",
        &[("409", "`wrong-state`: what goes to its target is not signed"), ("412", "`version-mismatch`")],
    ),
    ("replay_subscription", &[("409", "`wrong-state`: it is disabled")]),
    ("pause_execution", &[("409", "`wrong-state`: it has ended")]),
    ("resume_execution", &[("409", "`wrong-state`: it has ended")]),
    ("stop_execution", &[("409", "`wrong-state`: it is the delivery of a project"), ("412", "`version-mismatch`")]),
    ("create_function", &[("409", "`wrong-state`: there is one of that name")]),
    ("update_function", &[("412", "`version-mismatch`")]),
    ("delete_function", &[("412", "`version-mismatch`")]),
    ("switch_function", &[("412", "`version-mismatch`")]),
    (
        "invoke_function",
        &[
            ("409", "`wrong-state`: the function is disabled"),
            ("422", "`not-configured`: an environment value is not set"),
        ],
    ),
    ("register_functions", &[("404", "`not-found`: there is no such project"), ("412", "`version-mismatch`")]),
    (
        "invoke_model",
        &[
            ("422", "`not-configured`, `budget-exceeded`"),
            ("502", "`model-failed`: asking again changes nothing"),
            ("503", "`model-failed`: it may answer later"),
        ],
    ),
    ("create_key", &[("422", "`not-configured`: signatures are checked by AWS here")]),
    ("rotate_key", &[("409", "`wrong-state`: the key is no longer valid"), ("412", "`version-mismatch`")]),
    ("revoke_key", &[("412", "`version-mismatch`")]),
    ("create_ai_task", &[("422", "`not-configured`, `idempotency-mismatch`")]),
    ("test_webhook_rule", &[("404", "`not-found`: there is no such event")]),
    ("create_webhook_rule", &[("409", "`wrong-state`: there are too many rules")]),
    ("update_webhook_rule", &[("412", "`version-mismatch`")]),
    ("delete_webhook_rule", &[("412", "`version-mismatch`")]),
    ("replay_webhook_event", &[("409", "`wrong-state`: it waits to be matched with the rules")]),
    ("receive_webhook", RECEIVER_PROBLEMS),
    ("receive_webhook_of", RECEIVER_PROBLEMS),
    (
        "trigger_workflow",
        &[
            ("404", "`not-found`: there is no such workflow"),
            ("409", "`wrong-state`: there is another execution of that name"),
        ],
    ),
    ("resume_project", &[("409", "`wrong-state`"), ("412", "`version-mismatch`")]),
];

fn describe_problems(path: &str, access: Access, operation: &mut Operation) {
    let mut problems: Vec<(&str, &str)> = access::problems(access).to_vec();
    problems.extend([("414", "`uri-too-long`"), ("431", "`headers-too-large`")]);
    if operation.request_body.is_some() {
        problems.push(("400", "`invalid-request`, `bad-json`"));
    } else if path != "/openapi.json" && path != "/health" {
        problems.push(("400", "`invalid-request`"));
    }
    if path.contains('{') {
        problems.push(("404", "`not-found`"));
    }
    if path.starts_with("/_functions/") {
        problems.push(("409", "`wrong-state`: the function is disabled"));
        problems.push(("413", "`payload-too-large`"));
        problems.push(("422", "`not-configured`: an environment value is not set"));
        problems.push(("502", "`function-failed`"));
    }
    if operation.request_body.is_some() {
        problems.push(("413", "`payload-too-large`"));
        problems.push(("415", "`unsupported-media-type`"));
    }
    let name = operation.operation_id.as_deref().unwrap_or_default();
    problems.extend(OWN_PROBLEMS.iter().filter(|(own, _)| *own == name).flat_map(|(_, problems)| problems.iter()));
    for (status, description) in problems {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response =
            ResponseBuilder::new().description(description).content("application/problem+json", content).build();
        operation.responses.responses.insert(status.to_owned(), RefOr::T(response));
    }
}
