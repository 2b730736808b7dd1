//! The routes that take up, fork, pause and resume executions.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::Error;
use millrace_app::executions::{self as engine, Execution, ExecutionView};
use millrace_app::identity::Role;
use millrace_app::ids::ExecutionId;
use millrace_app::ports::Ports;
use millrace_app::workflows::{
    self, Changes, Correction, RedriveDefinition, RedriveWorkflow, StateMachineArn, WorkflowError,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::App;
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::executions::found;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::views;

/// What to correct; an empty object corrects nothing.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = RedriveExecution, example = json!({ "input": { "order": 42 } }))]
pub(crate) struct RedriveBody {
    /// A corrected definition: an object, or JSON or YAML as text. It must have the state where the execution ended. Needs the role `admin`.
    #[schema(value_type = Option<Object>)]
    definition: Option<Value>,
    /// The version of the workflow to go on with. It must have the state where the execution ended.
    #[schema(minimum = 1)]
    version: Option<u64>,
    /// A corrected input of the state where the execution ended: any JSON value.
    #[schema(value_type = Value, required = false)]
    input: Value,
}

/// Where to begin.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = ForkExecution, example = json!({ "sequence": 3, "name": "order-42-again" }))]
pub(crate) struct ForkBody {
    /// The entry of the execution's own log, from 0.
    sequence: u64,
    /// The new execution's name.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// Another definition, as in a redrive. Needs the role `admin`.
    #[schema(value_type = Option<Object>)]
    definition: Option<Value>,
    /// The version of the workflow that is the other definition.
    #[schema(minimum = 1)]
    version: Option<u64>,
    /// Another input of the state at which the entry stands: any JSON value.
    #[schema(value_type = Value, required = false)]
    input: Value,
}

/// An execution as it is after it was told something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ControlledExecution {
    /// Its id.
    #[schema(example = "exe_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    id: String,
    /// Its ARN in the Step Functions API; null where it is not one of a workflow.
    #[schema(required = true)]
    arn: Option<String>,
    /// Its name.
    name: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    status: &'static str,
    /// Is it paused?
    paused: bool,
    /// The state at which its own log stands; null once it has ended.
    #[schema(required = true)]
    state: Option<String>,
    /// How often it was redriven.
    redrive_count: u32,
    /// When it was redriven last.
    #[schema(required = true, format = DateTime)]
    redriven_at: Option<String>,
}

impl From<ExecutionView> for ControlledExecution {
    fn from(view: ExecutionView) -> Self {
        let run = view.execution.workflow.as_deref();
        Self {
            redrive_count: run.map_or(0, |run| run.redrives),
            redriven_at: run.and_then(|run| run.redriven_at).map(|at| at.to_string()),
            arn: run.map(|run| run.execution_arn.clone()),
            id: view.execution.id.into(),
            name: view.execution.name,
            status: view.execution.status.name(),
            paused: view.paused,
            state: view.state,
        }
    }
}

fn missing(text: &str) -> Problem {
    Error::NotFound { kind: "execution", id: text.chars().take(256).collect() }.into()
}

async fn answer<P: Ports>(app: &App<P>, status: StatusCode, id: &ExecutionId) -> Result<Response, Problem> {
    let view = engine::describe_execution(&app.ports, id).await?.ok_or_else(|| missing(id.as_str()))?;
    Ok(views::json(status, ControlledExecution::from(view)))
}

/// May this caller bring these? A definition of one's own is written, as a workflow's is.
pub(crate) fn check_role(caller: &Caller, changes: &Changes) -> Result<(), Problem> {
    match changes.definition {
        Some(Correction::Definition(_)) => caller.must_be(Role::Admin),
        Some(Correction::Version(_)) | None => Ok(()),
    }
}

/// What a redrive or a fork corrects.
pub(crate) fn changes(fields: &mut Fields) -> Changes {
    let definition = fields.definition("definition");
    let version = fields.count("version");
    if definition.is_some() && version.is_some() {
        fields.problem("version", "can't be given together with definition");
    }
    let definition = definition.map(Correction::Definition).or_else(|| version.map(Correction::Version));
    Changes { definition, input: fields.any("input") }
}

/// Redrive an execution
///
/// One that has failed, was stopped or has timed out within 14 days goes on in the state where it ended: as it is, or with a
/// corrected definition or input. Branches and items that have succeeded keep their results, unless the input is corrected
/// or the definition changes them.
#[utoipa::path(
    post, path = "/api/executions/{id}/redrive", tag = "executions", request_body = RedriveBody,
    params(("id" = String, Path, description = "The execution's id or ARN")),
    responses((status = 200, description = "The execution, which runs again", body = ControlledExecution)),
)]
pub(crate) async fn redrive_execution<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let changes = changes(&mut fields);
    fields.finish()?;
    check_role(&caller, &changes)?;
    let execution = found(&app, &caller, &path, None).await?.execution;
    redrive(&app, &execution, changes).await?;
    answer(&app, StatusCode::OK, &execution.id).await
}

/// Goes on from the state in which an execution ended.
pub(crate) async fn redrive<P: Ports>(app: &App<P>, execution: &Execution, how: Changes) -> Result<(), WorkflowError> {
    let Some(run) = &execution.workflow else {
        return Err(WorkflowError::NotRedrivable("Only executions of workflows can be redriven".to_owned()));
    };
    let definition = match how.definition {
        Some(Correction::Definition(text)) => Some(RedriveDefinition::Text(text)),
        Some(Correction::Version(version)) => {
            let arn = StateMachineArn::parse(&format!("{}:{version}", run.state_machine_arn))?;
            Some(RedriveDefinition::Of(arn))
        }
        None => None,
    };
    let redrive = RedriveWorkflow { execution: run.execution_arn.clone(), token: None, definition, input: how.input };
    workflows::redrive_workflow(&app.ports, redrive).await.map(|_| ())
}

/// Fork an execution
///
/// Starts an execution of the same workflow where this one stood at an entry of its own log. Its history begins with this
/// one's. The same name, entry and execution again answer the fork that is there.
#[utoipa::path(
    post, path = "/api/executions/{id}/fork", tag = "executions", request_body = ForkBody,
    params(("id" = String, Path, description = "The execution's id or ARN")),
    responses((status = 201, description = "The new execution", body = ControlledExecution, headers(
        ("Location" = String, description = "Where the new execution is"),
    ))),
)]
pub(crate) async fn fork_execution<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let sequence = fields.count("sequence");
    let name = fields.text("name");
    let changes = changes(&mut fields);
    for (field, is_there) in [("sequence", sequence.is_some()), ("name", name.is_some())] {
        if !is_there {
            fields.problem(field, "is missing");
        }
    }
    fields.finish()?;
    check_role(&caller, &changes)?;
    let id = found(&app, &caller, &path, None).await?.execution.id;
    let (sequence, name) = (sequence.unwrap_or_default(), name.unwrap_or_default());
    let forked = workflows::fork(&app.ports, &id, sequence, &name, changes).await?;
    let location = app.config.link(&format!("/api/executions/{}", forked.id));
    Ok(views::with_location(answer(&app, StatusCode::CREATED, &forked.id).await?, &location))
}

/// Pause an execution
///
/// It enters no state and begins no branch or item until it is resumed. Tasks that are out end, and their results are kept.
/// `TimeoutSeconds` goes on counting. Pausing it again changes nothing.
#[utoipa::path(
    post, path = "/api/executions/{id}/pause", tag = "executions",
    params(("id" = String, Path, description = "The execution's id or ARN")),
    responses((status = 200, description = "The execution, which is paused", body = ControlledExecution)),
)]
pub(crate) async fn pause_execution<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let id = found(&app, &caller, &path, None).await?.execution.id;
    engine::pause_execution(&app.ports, &id).await?;
    answer(&app, StatusCode::OK, &id).await
}

/// Resume an execution
///
/// What was held goes on, and waits that came to their end meanwhile end. Resuming it again changes nothing.
#[utoipa::path(
    post, path = "/api/executions/{id}/resume", tag = "executions",
    params(("id" = String, Path, description = "The execution's id or ARN")),
    responses((status = 200, description = "The execution, which goes on", body = ControlledExecution)),
)]
pub(crate) async fn resume_execution<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let id = found(&app, &caller, &path, None).await?.execution.id;
    engine::resume_execution(&app.ports, &id).await?;
    answer(&app, StatusCode::OK, &id).await
}
