//! The routes of workflows. They are the state machines of the Step Functions API.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace_app::executions::load_definition;
use millrace_app::ports::Ports;
use millrace_app::workflows::{
    self, Configuration, CreateWorkflow, InputSchema, Listed, Resolved, StateMachineArn, Tag, UpdateWorkflow, Workflow,
    WorkflowType,
};
use millrace_asl::export::{self, Graph, Statuses};
use millrace_asl::validation::{self, Options};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::App;
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams, if_match};
use crate::problem::Problem;
use crate::views::{self, GraphView, ValidationView, WorkflowPage, WorkflowSummary, WorkflowView};

/// A workflow to make.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = CreateWorkflow, example = json!({
    "name": "greet",
    "definition": { "StartAt": "Hello", "States": { "Hello": { "Type": "Pass", "Result": "hello", "End": true } } }
}))]
pub(crate) struct CreateBody {
    /// Its name; 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// In the Amazon States Language: an object, or a string with JSON or YAML.
    #[schema(value_type = Value)]
    definition: Value,
    /// `STANDARD` or `EXPRESS`.
    #[serde(rename = "type")]
    #[schema(default = "STANDARD")]
    kind: Option<String>,
    /// What the input of its executions must fit: JSON Schema 2020-12, at most 32 KiB. References lead into the schema
    /// itself and in no circle. Without it any input does.
    #[schema(value_type = Option<Object>)]
    input_schema: Option<Value>,
    /// The role that service integrations act as.
    role_arn: Option<String>,
    /// Is it to be published as version 1?
    #[schema(default = true)]
    publish: Option<bool>,
    /// What is to say of that version.
    #[schema(max_length = 256)]
    version_description: Option<String>,
    /// At most 50.
    #[schema(value_type = Option<Object>)]
    tags: Option<Map<String, Value>>,
}

/// What to change; what is not given stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = UpdateWorkflow)]
pub(crate) struct UpdateBody {
    /// In the Amazon States Language: an object, or a string with JSON or YAML.
    #[schema(value_type = Value, required = false)]
    definition: Value,
    /// What the input of executions must fit, as for a new workflow; null takes the schema away.
    #[schema(value_type = Option<Object>)]
    input_schema: Option<Value>,
    /// The role that service integrations act as.
    role_arn: Option<String>,
    /// Is what comes out to be published as the next version?
    #[schema(default = true)]
    publish: Option<bool>,
    /// What is to say of that version.
    #[schema(max_length = 256)]
    version_description: Option<String>,
}

/// A definition to look at.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = ValidateWorkflow)]
pub(crate) struct ValidateBody {
    /// In the Amazon States Language: an object, or a string with JSON or YAML.
    #[schema(value_type = Value)]
    definition: Value,
    /// `STANDARD` or `EXPRESS`.
    #[serde(rename = "type")]
    #[schema(default = "STANDARD")]
    kind: Option<String>,
    /// A schema for the input of executions; what is found in it is told with pointers below `/input_schema`.
    #[schema(value_type = Option<Object>)]
    input_schema: Option<Value>,
}

/// `input_schema`: `Some(None)` for null. What is wrong with it is told of `fields`.
fn input_schema(fields: &mut Fields) -> Option<Option<InputSchema>> {
    match fields.any("input_schema")? {
        Value::Null => Some(None),
        schema => match InputSchema::parse(&schema) {
            Ok(schema) => Some(Some(schema)),
            Err(problems) => {
                fields.problems_of("input_schema", problems);
                None
            }
        },
    }
}

fn kind(fields: &mut Fields) -> WorkflowType {
    let read = fields.parsed("type", |text| match text {
        "STANDARD" => Ok(WorkflowType::Standard),
        "EXPRESS" => Ok(WorkflowType::Express),
        _ => Err("must be STANDARD or EXPRESS".to_owned()),
    });
    read.unwrap_or_default()
}

fn required_definition(fields: &mut Fields) -> String {
    let text = fields.definition("definition");
    if text.is_none() {
        fields.problem("definition", "must be an object, or a string with JSON or YAML");
    }
    text.unwrap_or_default()
}

fn role_arn(fields: &mut Fields) -> Option<String> {
    fields.parsed("role_arn", |text| match text.starts_with("arn:") && text.len() <= 256 {
        true => Ok(text.to_owned()),
        false => Err("must be the ARN of a role".to_owned()),
    })
}

fn description(fields: &mut Fields) -> Option<String> {
    fields.parsed("version_description", |text| match text.chars().count() {
        0..=256 => Ok(text.to_owned()),
        _ => Err("must have at most 256 characters".to_owned()),
    })
}

/// The workflow that a path names, with the version of its record.
pub(crate) async fn named<P: Ports>(
    app: &App<P>,
    caller: &Caller,
    path: &PathParams,
) -> Result<(Workflow, u64), Problem> {
    let place = caller.place(&app.config);
    Ok(workflows::find_workflow(&app.ports, &caller.workflow_owner(), &place, path.get("id")).await?)
}

/// The ARN of a workflow with a version or an alias.
pub(crate) fn qualified(workflow: &Workflow, qualifier: Option<String>) -> Result<StateMachineArn, Problem> {
    Ok(StateMachineArn { qualifier, ..StateMachineArn::parse(&workflow.arn)? })
}

/// A workflow as an answer, with its `ETag`.
async fn answer<P: Ports>(
    app: &App<P>,
    status: StatusCode,
    resolved: Resolved,
    stored: u64,
) -> Result<Response, Problem> {
    let definition = workflows::definition_text(&app.ports, resolved.revision()).await?;
    let configuration = resolved.revision().configuration.clone();
    let Resolved { workflow, version } = resolved;
    let view = WorkflowView::of(workflow, version.map(|version| version.number), configuration, definition);
    let mut response = views::json(status, view);
    response.headers_mut().extend(views::etag(stored));
    Ok(response)
}

/// Create a workflow
///
/// Idempotent by name: the same name with the same definition answers the workflow that is there.
#[utoipa::path(
    post, path = "/api/workflows", tag = "workflows", request_body = CreateBody,
    responses((status = 201, description = "The workflow", body = WorkflowView, headers(
        ("Location" = String, description = "Where the workflow is"),
        ("ETag" = String, description = "The version of its record"),
    ))),
)]
pub(crate) async fn create_workflow<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let place = caller.place(&app.config);
    let name = fields.required_text("name");
    let definition = required_definition(&mut fields);
    let kind = kind(&mut fields);
    let role_arn = role_arn(&mut fields)
        .unwrap_or_else(|| format!("arn:{}:iam::{}:role/millrace", place.partition, place.account));
    let input_schema = input_schema(&mut fields).flatten();
    let publish = fields.boolean("publish").unwrap_or(true);
    let version_description = description(&mut fields);
    let tags: BTreeMap<String, String> = fields.texts("tags").unwrap_or_default();
    fields.finish()?;
    let create = CreateWorkflow {
        place,
        owner: caller.workflow_owner(),
        name,
        definition,
        kind,
        configuration: Configuration { role_arn, input_schema, ..Configuration::default() },
        publish,
        version_description,
        tags: tags.into_iter().map(|(key, value)| Tag { key, value }).collect(),
    };
    let created = workflows::create_workflow(&app.ports, create).await?;
    let id = created.workflow.id.to_string();
    let (workflow, stored) =
        workflows::find_workflow(&app.ports, &created.workflow.owner, &caller.place(&app.config), &id).await?;
    let target = qualified(&workflow, created.version.map(|version| version.to_string()))?;
    let resolved = workflows::describe_workflow(&app.ports, &target).await?;
    let location = app.config.link(&format!("/api/workflows/{id}"));
    Ok(views::with_location(answer(&app, StatusCode::CREATED, resolved, stored).await?, &location))
}

/// List the caller's workflows, newest first
#[utoipa::path(
    get, path = "/api/workflows", tag = "workflows",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of workflows", body = WorkflowPage)),
)]
pub(crate) async fn list_workflows<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let which = Listed::OwnedBy(caller.workflow_owner());
    let page = workflows::list_workflows(&app.ports, &which, paging.size()?, paging.cursor).await?;
    Ok(views::json(StatusCode::OK, WorkflowPage::of(page, WorkflowSummary::from)))
}

/// Read a workflow
#[utoipa::path(
    get, path = "/api/workflows/{id}", tag = "workflows",
    params(
        ("id" = String, Path, description = "The workflow's id, ARN or name"),
        ("version" = Option<u64>, Query, description = "A version instead of the newest revision", minimum = 1),
    ),
    responses((status = 200, description = "The workflow", body = WorkflowView, headers(
        ("ETag" = String, description = "The version of its record"),
    ))),
)]
pub(crate) async fn get_workflow<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let version = version(&mut query);
    query.finish()?;
    let (workflow, stored) = named(&app, &caller, &path).await?;
    let resolved = workflows::describe_workflow(&app.ports, &qualified(&workflow, version)?).await?;
    answer(&app, StatusCode::OK, resolved, stored).await
}

fn version(query: &mut QueryParams) -> Option<String> {
    query.read("version", |text| match text.parse::<u64>() {
        Ok(number @ 1..) => Ok(number.to_string()),
        _ => Err("must be the number of a version, from 1".to_owned()),
    })
}

/// Change a workflow: a new revision, and the next version
///
/// Fields that are not given stay as they are. Executions that run stay with the definition that they were started with.
/// `If-Match` must name the version that was read.
#[utoipa::path(
    put, path = "/api/workflows/{id}", tag = "workflows", request_body = UpdateBody,
    params(
        ("id" = String, Path, description = "The workflow's id, ARN or name"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read, or `*`"),
    ),
    responses((status = 200, description = "The changed workflow", body = WorkflowView, headers(
        ("ETag" = String, description = "The new version of its record"),
    ))),
)]
pub(crate) async fn update_workflow<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let wanted = if_match(&headers)?.ok_or_else(Problem::precondition_required)?;
    let update = UpdateWorkflow {
        definition: fields.definition("definition"),
        role_arn: role_arn(&mut fields),
        input_schema: input_schema(&mut fields),
        publish: fields.boolean("publish").unwrap_or(true),
        version_description: description(&mut fields),
        ..UpdateWorkflow::default()
    };
    fields.finish()?;
    let (workflow, stored) = named(&app, &caller, &path).await?;
    let expected = wanted.expected("the workflow", stored)?;
    let updated = workflows::update_workflow_at(&app.ports, &workflow.arn, expected, update).await?;
    let (workflow, stored) = named(&app, &caller, &path).await?;
    let target = qualified(&workflow, updated.version.map(|version| version.to_string()))?;
    let resolved = workflows::describe_workflow(&app.ports, &target).await?;
    answer(&app, StatusCode::OK, resolved, stored).await
}

/// Delete a workflow
///
/// Its executions that run are stopped. Those that ended, and their histories, stay.
#[utoipa::path(
    delete, path = "/api/workflows/{id}", tag = "workflows",
    params(
        ("id" = String, Path, description = "The workflow's id, ARN or name"),
        ("If-Match" = Option<String>, Header, description = "Delete only this version"),
    ),
    responses((status = 204, description = "The workflow takes no more executions")),
)]
pub(crate) async fn delete_workflow<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query.finish()?;
    let (workflow, stored) = named(&app, &caller, &path).await?;
    let expected = match if_match(&headers)? {
        Some(wanted) => wanted.expected("the workflow", stored)?,
        None => None,
    };
    workflows::delete_workflow_at(&app.ports, &workflow.arn, expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Check a definition without creating it
#[utoipa::path(
    post, path = "/api/workflows/validate", tag = "workflows", request_body = ValidateBody,
    responses((status = 200, description = "What is to say of it", body = ValidationView)),
)]
pub(crate) async fn validate_workflow<P: Ports>(
    State(_): State<App<P>>,
    _: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let definition = required_definition(&mut fields);
    let kind = match kind(&mut fields) {
        WorkflowType::Standard => validation::WorkflowType::Standard,
        WorkflowType::Express => validation::WorkflowType::Express,
    };
    let schema = match fields.any("input_schema") {
        None | Some(Value::Null) => Vec::new(),
        Some(schema) => InputSchema::parse(&schema).err().unwrap_or_default(),
    };
    fields.finish()?;
    let options = Options { severity: millrace_asl::definition::Severity::Warning, ..Options::for_type(kind) };
    let found = ValidationView::from(validation::validate(&definition, &options)).with_schema(schema);
    Ok(views::json(StatusCode::OK, found))
}

/// Draw a workflow
#[utoipa::path(
    get, path = "/api/workflows/{id}/graph", tag = "workflows",
    params(
        ("id" = String, Path, description = "The workflow's id, ARN or name"),
        ("version" = Option<u64>, Query, description = "A version instead of the newest revision", minimum = 1),
        ("format" = Option<String>, Query, description = "`json` (the default), `mermaid` or `svg`"),
    ),
    responses((status = 200, description = "Its states and transitions", content(
        (GraphView = "application/json"),
        (String = "text/vnd.mermaid; charset=utf-8"),
        (String = "image/svg+xml"),
    ))),
)]
pub(crate) async fn get_workflow_graph<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let (version, format) = (version(&mut query), Format::of(&mut query));
    query.finish()?;
    let (workflow, _) = named(&app, &caller, &path).await?;
    let resolved = workflows::describe_workflow(&app.ports, &qualified(&workflow, version)?).await?;
    let machine = load_definition(&app.ports, &resolved.revision().definition).await?;
    Ok(format.draw(&Graph::of(&machine), None))
}

/// The forms of a graph.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Format {
    #[default]
    Json,
    Mermaid,
    Svg,
}

impl Format {
    /// Reads `format`.
    pub(crate) fn of(query: &mut QueryParams) -> Self {
        let read = query.read("format", |text| match text {
            "json" => Ok(Self::Json),
            "mermaid" => Ok(Self::Mermaid),
            "svg" => Ok(Self::Svg),
            _ => Err("must be json, mermaid or svg".to_owned()),
        });
        read.unwrap_or_default()
    }

    /// A graph in this form.
    pub(crate) fn draw(self, graph: &Graph, statuses: Option<&BTreeMap<String, Statuses>>) -> Response {
        let (kind, text) = match self {
            Self::Json => return views::json(StatusCode::OK, GraphView::of(graph, statuses)),
            Self::Mermaid => ("text/vnd.mermaid; charset=utf-8", export::mermaid(graph, statuses)),
            Self::Svg => ("image/svg+xml", export::svg(graph, statuses)),
        };
        (StatusCode::OK, [(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
    }
}
