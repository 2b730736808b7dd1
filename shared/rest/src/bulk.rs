//! One action for many executions.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::executions::{self as engine, Attributes, Execution, ExecutionStatus, Search, check_attributes};
use millrace_app::ports::Ports;
use millrace_app::workflows::{Changes, WorkflowError};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::App;
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::control::{changes, check_role, redrive};
use crate::executions::{WorkflowName, check_delivery, reason, status, workflow_arn};
use crate::params::{QueryParams, time};
use crate::problem::Problem;
use crate::views;

/// Executions that one call acts on at the most.
const MOST: u64 = 100;

/// What to do with which executions.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = BulkAction, example = json!({
    "action": "stop", "filter": { "workflow": "orders", "attributes": { "customer": "7" } }, "dry_run": true
}))]
pub(crate) struct BulkBody {
    /// `stop`, `redrive`, `pause` or `resume`
    action: String,
    /// Which; at least one condition.
    filter: FilterBody,
    /// How many at the most: 1 to 100.
    #[schema(default = 100, minimum = 1, maximum = 100)]
    limit: Option<u64>,
    /// `next_cursor` of the call before.
    cursor: Option<String>,
    /// Only tell what would be done.
    #[schema(default = false)]
    dry_run: Option<bool>,
    /// Of `stop`: an error's name.
    #[schema(max_length = 256)]
    error: Option<String>,
    /// Of `stop`: the reason in words.
    #[schema(max_length = 32768)]
    cause: Option<String>,
    /// Of `redrive`: a corrected definition, as in the redrive of one. Needs the role `admin`.
    #[schema(value_type = Option<Object>)]
    definition: Option<Value>,
    /// Of `redrive`: the version of the workflow to go on with.
    #[schema(minimum = 1)]
    version: Option<u64>,
    /// Of `redrive`: a corrected input of the state where the execution ended.
    #[schema(value_type = Value, required = false)]
    input: Value,
}

/// Which executions; all conditions must hold.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read member by member")]
#[schema(as = ExecutionFilter)]
struct FilterBody {
    /// Those of this workflow: its id, ARN or name.
    workflow: Option<String>,
    /// Those of this status.
    status: Option<String>,
    /// Those that have these attributes.
    #[schema(value_type = Option<Object>)]
    attributes: Option<Map<String, Value>>,
    /// Those started then or later.
    #[schema(format = DateTime)]
    started_from: Option<String>,
    /// Those started before.
    #[schema(format = DateTime)]
    started_before: Option<String>,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkResult)]
pub(crate) struct BulkView {
    /// One an execution, newest first.
    results: Vec<ResultView>,
    /// Was nothing done?
    dry_run: bool,
    /// Give it as `cursor` to go on; null where no more executions fit.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// What was done with an execution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkResultItem)]
struct ResultView {
    /// The execution's id.
    id: String,
    /// Its ARN.
    #[schema(required = true)]
    arn: Option<String>,
    /// Its name.
    name: String,
    /// `done`; `planned` in a dry run; `skipped` where there is nothing to do; `failed`.
    outcome: &'static str,
    /// Why it was skipped or failed.
    #[schema(required = true)]
    detail: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Stop,
    Redrive,
    Pause,
    Resume,
}

fn action(text: &str) -> Result<Action, String> {
    match text {
        "stop" => Ok(Action::Stop),
        "redrive" => Ok(Action::Redrive),
        "pause" => Ok(Action::Pause),
        "resume" => Ok(Action::Resume),
        _ => Err("must be stop, redrive, pause or resume".to_owned()),
    }
}

impl Action {
    /// The status of executions that it is for, where there is only one.
    const fn is_for(self) -> Option<ExecutionStatus> {
        match self {
            Self::Stop | Self::Pause | Self::Resume => Some(ExecutionStatus::Running),
            Self::Redrive => None,
        }
    }

    /// Why there is nothing to do.
    fn skips(self, execution: &Execution) -> Option<String> {
        match self {
            Self::Stop | Self::Pause | Self::Resume if execution.status != ExecutionStatus::Running => {
                Some(format!("it has ended: {}", execution.status.name()))
            }
            Self::Redrive if matches!(execution.status, ExecutionStatus::Running | ExecutionStatus::Succeeded) => {
                Some(format!("it is {}", execution.status.name()))
            }
            Self::Stop | Self::Redrive | Self::Pause | Self::Resume => None,
        }
    }
}

/// Act on many executions
///
/// At most `limit` executions that fit the filter, newest first; `next_cursor` leads on to older ones. One that fails
/// holds up no other.
#[utoipa::path(
    post, path = "/api/executions/bulk", tag = "executions", request_body = BulkBody,
    responses((status = 200, description = "What was done with each", body = BulkView)),
)]
pub(crate) async fn act_on_executions<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let wanted = fields.parsed("action", action);
    let filter = fields.nested("filter", |inner| filter(&app, &caller, inner)).flatten();
    let limit = fields.count("limit").unwrap_or(MOST);
    let cursor = fields.text("cursor");
    let dry_run = fields.boolean("dry_run").unwrap_or_default();
    let (error, cause) = reason(&mut fields);
    let corrected = changes(&mut fields);
    if !(1..=MOST).contains(&limit) {
        fields.problem("limit", format!("must be 1 to {MOST}"));
    }
    if !matches!(wanted, Some(Action::Redrive)) {
        let given = [("definition", corrected.definition.is_some()), ("input", corrected.input.is_some())];
        for (field, _) in given.into_iter().filter(|(_, is_there)| *is_there) {
            fields.problem(field, "can only be given for redrive");
        }
    }
    if wanted.is_none() {
        fields.problem("action", "must be stop, redrive, pause or resume");
    }
    let is_bare = filter.as_ref().is_none_or(|(search, workflow)| *search == Search::default() && workflow.is_none());
    if is_bare {
        fields.problem("filter", "must have a condition: workflow, status, attributes, started_from or started_before");
    }
    fields.finish()?;
    check_role(&caller, &corrected)?;
    let (Some(wanted), Some((mut search, workflow))) = (wanted, filter) else { return Err(Problem::panicked()) };
    check_attributes(&search.attributes)?;
    if let Some(workflow) = workflow {
        search.workflow = Some(workflow.arn(&app, &caller).await?);
    }
    search.status = search.status.or_else(|| wanted.is_for());
    let limit = usize::try_from(limit).unwrap_or_default();
    let owner = caller.workflow_owner();
    let page = engine::search_executions(&app.ports, &owner, &search, limit, cursor.as_deref()).await?;
    let mut results = Vec::with_capacity(page.items.len());
    for execution in page.items {
        let (outcome, detail) = match wanted.skips(&execution) {
            Some(why) => ("skipped", Some(why)),
            None if dry_run => ("planned", None),
            None => act(&app, wanted, &execution, (error.as_deref(), cause.as_deref()), &corrected).await,
        };
        results.push(ResultView {
            arn: execution.workflow.map(|run| run.execution_arn),
            id: execution.id.into(),
            name: execution.name,
            outcome,
            detail,
        });
    }
    Ok(views::json(StatusCode::OK, BulkView { results, dry_run, next_cursor: page.next }))
}

async fn act<P: Ports>(
    app: &App<P>,
    wanted: Action,
    execution: &Execution,
    (error, cause): (Option<&str>, Option<&str>),
    corrected: &Changes,
) -> (&'static str, Option<String>) {
    if let Err(problem) = check_delivery(execution) {
        return ("failed", Some(problem.detail().to_owned()));
    }
    let done = match wanted {
        Action::Stop => engine::stop_execution(&app.ports, &execution.id, error, cause).await,
        Action::Pause => engine::pause_execution(&app.ports, &execution.id).await,
        Action::Resume => engine::resume_execution(&app.ports, &execution.id).await,
        Action::Redrive => match redrive(app, execution, corrected.clone()).await {
            Err(WorkflowError::NotRedrivable(why)) => return ("skipped", Some(why)),
            Err(WorkflowError::App(error)) => Err(error),
            Err(error) => return ("failed", Some(error.to_string())),
            Ok(()) => Ok(true),
        },
    };
    match done {
        Ok(true) => ("done", None),
        Ok(false) => ("skipped", Some("it was so already".to_owned())),
        Err(error) => {
            tracing::warn!(execution_id = %execution.id, %error, "a bulk action failed");
            ("failed", Some(Problem::from(error).detail().to_owned()))
        }
    }
}

fn filter<P: Ports>(app: &App<P>, caller: &Caller, fields: &mut Fields) -> (Search, Option<WorkflowName>) {
    let workflow = fields.text("workflow").map(|text| workflow_arn(app, caller, &text));
    let attributes: Attributes = fields.texts("attributes").unwrap_or_default();
    let search = Search {
        workflow: None,
        status: fields.parsed("status", status),
        attributes,
        started_from: fields.parsed("started_from", time),
        started_before: fields.parsed("started_before", time),
    };
    (search, workflow)
}
