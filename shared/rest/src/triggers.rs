//! The trigger of workflows.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::ports::Ports;
use millrace_app::triggers::{self, Trigger};
use millrace_app::workflows::WorkflowError;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::App;
use crate::body::{DATA_BYTES, JsonObject};
use crate::caller::Caller;
use crate::frame::IDEMPOTENCY_REPLAYED;
use crate::params::QueryParams;
use crate::problem::Problem;
use crate::views;

/// What to start.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = TriggerWorkflow, example = json!({
    "definition_id": "greet", "input_data": { "name": "Ada" }, "name": "greeting-42", "initiated_by": "crm"
}))]
pub(crate) struct TriggerBody {
    /// The workflow: its id, ARN or name, or the name of a built-in one (`daily-report`, `cleanup`, `sync`). An ARN may have a version or an alias.
    definition_id: String,
    /// The execution's input: any JSON value.
    #[schema(value_type = Value, required = false)]
    input_data: Value,
    /// The execution's name; the same name with the same input starts one execution.
    #[schema(min_length = 1, max_length = 80)]
    name: Option<String>,
    /// Who asks; the execution can be found by the attribute `initiated_by`.
    #[schema(min_length = 1, max_length = 256)]
    initiated_by: Option<String>,
}

/// An execution that was started.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TriggeredExecution)]
pub(crate) struct TriggeredView {
    /// The execution's id.
    execution_id: String,
    /// Its ARN.
    execution_arn: String,
    /// Its name.
    name: String,
}

/// Start a workflow
///
/// Idempotent by `name`: the same name with the same input answers the execution that is there, with the header
/// `Idempotency-Replayed: true`.
#[utoipa::path(
    post, path = "/workflows/trigger", tag = "executions", request_body = TriggerBody,
    responses((status = 202, description = "The execution", body = TriggeredView, headers(
        ("Location" = String, description = "Where the execution is"),
        ("Idempotency-Replayed" = String, description = "`true` when an earlier request started it"),
    ))),
)]
pub(crate) async fn trigger_workflow<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject<DATA_BYTES>,
) -> Result<Response, Problem> {
    query.finish()?;
    let trigger = Trigger {
        definition_id: fields.required_text("definition_id"),
        input_data: fields.any("input_data").unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        name: fields.text("name"),
        initiated_by: fields.parsed("initiated_by", |text| match text.len() {
            1..=256 => Ok(text.to_owned()),
            _ => Err("must have 1 to 256 bytes".to_owned()),
        }),
    };
    fields.finish()?;
    let (owner, place) = (caller.workflow_owner(), caller.place(&app.config));
    let started = triggers::trigger_workflow(&app.ports, &owner, &place, &app.config.builtins, trigger, None);
    let started = started.await.map_err(|error| match error {
        WorkflowError::InputMismatch(problems) => Problem::input_mismatch("/input_data", problems),
        other => other.into(),
    })?;
    let location = app.config.link(&format!("/api/executions/{}", started.id));
    let body = TriggeredView { execution_id: started.id.into(), execution_arn: started.arn, name: started.name };
    let mut response = views::with_location(views::json(StatusCode::ACCEPTED, body), &location);
    if started.replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, axum::http::HeaderValue::from_static("true"));
    }
    Ok(response)
}
