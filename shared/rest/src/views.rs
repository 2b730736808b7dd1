//! What the API answers: the public form of records. Stored forms may change without these.

use axum::Json;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace_app::ports::Page;
use millrace_app::projects::{self, Budget, Event, Failure, FileRecord, Modification, Plan, PlanTask, Project, Stored};
use millrace_templates::Template;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::config::RestConfig;

/// A JSON answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, body: T) -> Response {
    (status, Json(body)).into_response()
}

/// A project as an answer, with its `ETag`.
pub(crate) fn project(status: StatusCode, stored: Stored<Project>) -> Response {
    let tag = etag(stored.version);
    let mut response = json(status, ProjectView::from(stored));
    response.headers_mut().extend(tag);
    response
}

fn etag(version: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        headers.insert(ETAG, tag);
    }
    headers
}

/// Says where a thing is that was made.
pub(crate) fn with_location(mut response: Response, location: &str) -> Response {
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident of $item:ident as $schema:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Serialize, ToSchema)]
        #[schema(as = $name)]
        pub(crate) struct $name {
            /// The page's items.
            items: Vec<$item>,
            /// Give it as `cursor` to get the next page; null on the last one.
            #[schema(required = true)]
            next_cursor: Option<String>,
        }

        impl $name {
            /// A page of these.
            pub(crate) fn of<T>(page: Page<T>, view: impl FnMut(T) -> $item) -> Self {
                Self { items: page.items.into_iter().map(view).collect(), next_cursor: page.next }
            }
        }
    )*};
}

pages! {
    /// A page of projects, newest first.
    ProjectPage of ProjectSummary as "ProjectPage";
    /// A page of files, by path.
    FilePage of FileView as "FilePage";
    /// A page of test reports, newest first.
    TestPage of TestView as "TestPage";
    /// A page of deployment packages, newest first.
    DeploymentPage of DeploymentView as "DeploymentPage";
    /// A page of events in order of time.
    EventPage of EventView as "EventPage";
}

/// Where a project stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = ProjectStatus)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StatusView {
    Created,
    Planning,
    Developing,
    Testing,
    Packaging,
    Completed,
    Failed,
    Cancelled,
    Paused,
}

impl From<projects::ProjectStatus> for StatusView {
    fn from(status: projects::ProjectStatus) -> Self {
        use projects::ProjectStatus as Status;
        match status {
            Status::Created => Self::Created,
            Status::Planning => Self::Planning,
            Status::Developing => Self::Developing,
            Status::Testing => Self::Testing,
            Status::Packaging => Self::Packaging,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::Cancelled => Self::Cancelled,
            Status::Paused => Self::Paused,
        }
    }
}

/// A stage of a delivery.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Stage)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StageView {
    Planning,
    Developing,
    Testing,
    Packaging,
}

impl From<projects::Stage> for StageView {
    fn from(stage: projects::Stage) -> Self {
        match stage {
            projects::Stage::Planning => Self::Planning,
            projects::Stage::Developing => Self::Developing,
            projects::Stage::Testing => Self::Testing,
            projects::Stage::Packaging => Self::Packaging,
        }
    }
}

/// Why a run delivers.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = RunKind)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunKindView {
    Create,
    Modify,
}

/// What a project may use; null is no limit.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Budget)]
pub(crate) struct BudgetView {
    /// US dollars.
    #[schema(required = true, minimum = 0)]
    usd: Option<f64>,
    /// Tokens, in and out together.
    #[schema(required = true, minimum = 0)]
    tokens: Option<u64>,
}

impl From<Budget> for BudgetView {
    fn from(budget: Budget) -> Self {
        Self { usd: budget.usd, tokens: budget.tokens }
    }
}

/// Why a delivery did not end well.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Failure)]
pub(crate) struct FailureView {
    /// The error's name.
    error: String,
    /// What happened.
    cause: String,
    /// What to do about it.
    what_to_do: String,
}

impl From<Failure> for FailureView {
    fn from(failure: Failure) -> Self {
        Self { error: failure.error, cause: failure.cause, what_to_do: failure.what_to_do }
    }
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Project)]
pub(crate) struct ProjectView {
    /// Its id.
    #[schema(example = "prj_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    id: String,
    /// What people call it.
    name: String,
    /// What it is; may be empty.
    description: String,
    /// What it is to do, in words.
    #[schema(required = true)]
    requirements: Option<String>,
    /// The template that it is made from.
    #[schema(required = true)]
    template_id: Option<String>,
    /// The template's parameters, with every default filled in.
    #[schema(required = true, value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
    /// Its own delivery workflow; null for the built-in one.
    #[schema(required = true)]
    workflow: Option<String>,
    /// Where it stands.
    status: StatusView,
    /// The stage that was begun last in the current run.
    #[schema(required = true)]
    stage: Option<StageView>,
    /// What it may use.
    budget: BudgetView,
    /// Counts deliveries from 1.
    run: u32,
    /// Why the current run delivers.
    run_kind: RunKindView,
    /// The current run's last execution.
    #[schema(required = true)]
    execution_id: Option<String>,
    /// Why the last delivery did not end well.
    #[schema(required = true)]
    failure: Option<FailureView>,
    /// The version, as in `ETag`.
    version: u64,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Stored<Project>> for ProjectView {
    fn from(stored: Stored<Project>) -> Self {
        let Stored { value: project, version } = stored;
        Self {
            id: project.id.into(),
            name: project.name,
            description: project.description,
            requirements: project.requirements,
            template_id: project.template_id,
            parameters: project.parameters,
            workflow: project.workflow,
            status: project.status.into(),
            stage: project.stage.map(Into::into),
            budget: project.budget.into(),
            run: project.run,
            run_kind: match project.run_kind {
                projects::RunKind::Create => RunKindView::Create,
                projects::RunKind::Modify => RunKindView::Modify,
            },
            execution_id: project.execution_id.map(Into::into),
            failure: project.failure.map(Into::into),
            version,
            created_at: project.created_at.to_string(),
            updated_at: project.updated_at.to_string(),
        }
    }
}

/// A project in a listing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectSummary {
    /// Its id.
    id: String,
    /// What people call it.
    name: String,
    /// What it is; may be empty.
    description: String,
    /// The template that it is made from.
    #[schema(required = true)]
    template_id: Option<String>,
    /// Where it stands.
    status: StatusView,
    /// The stage that was begun last in the current run.
    #[schema(required = true)]
    stage: Option<StageView>,
    /// Counts deliveries from 1.
    run: u32,
    /// Why the last delivery did not end well.
    #[schema(required = true)]
    failure: Option<FailureView>,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Project> for ProjectSummary {
    fn from(project: Project) -> Self {
        Self {
            id: project.id.into(),
            name: project.name,
            description: project.description,
            template_id: project.template_id,
            status: project.status.into(),
            stage: project.stage.map(Into::into),
            run: project.run,
            failure: project.failure.map(Into::into),
            created_at: project.created_at.to_string(),
            updated_at: project.updated_at.to_string(),
        }
    }
}

/// An accepted modification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Modification)]
pub(crate) struct ModificationView {
    /// Its id.
    id: String,
    /// The project.
    project_id: String,
    /// The run that carries it out.
    run: u32,
    /// What was asked for in words.
    #[schema(required = true)]
    request: Option<String>,
    /// The parameters that were given.
    #[schema(required = true, value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
    /// When it was asked for.
    #[schema(format = DateTime)]
    created_at: String,
}

impl ModificationView {
    /// A modification of a project.
    pub(crate) fn of(project: &Project, modification: Modification) -> Self {
        Self {
            id: modification.id.into(),
            project_id: project.id.to_string(),
            run: modification.run,
            request: modification.request,
            parameters: modification.parameters,
            created_at: modification.created_at.to_string(),
        }
    }
}

/// A plan with its task graph.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Plan)]
pub(crate) struct PlanView {
    /// Its id.
    id: String,
    /// The run that it plans.
    run: u32,
    /// The project's name as a slug.
    name: String,
    /// What will be made.
    description: String,
    /// The template and its version.
    #[schema(required = true)]
    template: Option<String>,
    /// `sam`, `static-site`, `cli`…
    project_type: String,
    /// Languages and tools.
    stack: StackView,
    /// Every file, by path.
    files: Vec<PlanFileView>,
    /// Every task, after all that it depends on.
    tasks: Vec<PlanTaskView>,
    /// How to test, build, run and deploy.
    commands: CommandsView,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// Languages and tools.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stack)]
struct StackView {
    /// Languages of the code, in lower case.
    languages: Vec<String>,
    /// Programs that the test commands need.
    tools: Vec<String>,
}

/// A planned file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanFile)]
struct PlanFileView {
    /// Its path below the project's root.
    path: String,
    /// The task that makes it.
    task_id: String,
    /// Its language; `text` when it has none.
    language: String,
}

/// A planned task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanTask)]
struct PlanTaskView {
    /// Unique in the plan.
    id: String,
    /// What is made, in a few words.
    title: String,
    /// What is made and how.
    description: String,
    /// Tasks that must be finished before.
    depends_on: Vec<String>,
    /// 1 for tasks that depend on nothing; tasks of one wave can run at the same time.
    wave: u32,
    /// Statements that hold when the task is done.
    acceptance: Vec<String>,
    /// Paths of the files that it makes.
    files: Vec<String>,
}

/// Shell commands, each for the project's root.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Commands)]
struct CommandsView {
    /// Runs the tests.
    test: Vec<String>,
    /// Builds.
    build: Vec<String>,
    /// Runs the project locally.
    run: Vec<String>,
    /// Deploys.
    deploy: Vec<String>,
}

impl From<Plan> for PlanView {
    fn from(plan: Plan) -> Self {
        let Plan { id, run, created_at, contents } = plan;
        let task = |task: PlanTask| PlanTaskView {
            id: task.id,
            title: task.title,
            description: task.description,
            depends_on: task.depends_on,
            wave: task.wave,
            acceptance: task.acceptance,
            files: task.files,
        };
        let files = contents.files.into_iter();
        Self {
            id: id.into(),
            run,
            name: contents.name,
            description: contents.description,
            template: contents.template,
            project_type: contents.project_type,
            stack: StackView { languages: contents.stack.languages, tools: contents.stack.tools },
            files: files
                .map(|file| PlanFileView { path: file.path, task_id: file.task_id, language: file.language })
                .collect(),
            tasks: contents.tasks.into_iter().map(task).collect(),
            commands: CommandsView {
                test: contents.commands.test,
                build: contents.commands.build,
                run: contents.commands.run,
                deploy: contents.commands.deploy,
            },
            created_at: created_at.to_string(),
        }
    }
}

/// A file of a project, without its contents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub(crate) struct FileView {
    /// Its path below the project's root.
    path: String,
    /// Size in bytes.
    size: u64,
    /// SHA-256 of the contents in lower-case hexadecimal.
    sha256: String,
    /// Its language; `text` when it has none.
    language: String,
    /// Is it a program to be run?
    executable: bool,
    /// The run that wrote it last.
    run: u32,
    /// The task that wrote it last.
    task_id: String,
    /// When it was written last.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<FileRecord> for FileView {
    fn from(file: FileRecord) -> Self {
        Self {
            path: file.path,
            size: file.size,
            sha256: file.sha256,
            language: file.language,
            executable: file.executable,
            run: file.run,
            task_id: file.task_id,
            updated_at: file.updated_at.to_string(),
        }
    }
}

/// A test report in short, with its three forms to download.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestReport)]
pub(crate) struct TestView {
    /// Its id.
    id: String,
    /// The run that it tests.
    run: u32,
    /// 0 to 100.
    score: f64,
    /// `A` to `E`.
    rating: String,
    /// Did nothing block?
    passed: bool,
    /// Findings that send the work back.
    blocking: u64,
    /// All findings.
    findings: u64,
    /// Files that were looked at.
    files: u64,
    /// Lines of code in them.
    sloc: u64,
    /// The outcome in a sentence.
    summary: String,
    /// Downloads the whole report as JSON; valid for a quarter of an hour.
    json_url: String,
    /// The same as Markdown.
    markdown_url: String,
    /// The same as JUnit XML.
    junit_url: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

impl TestView {
    /// A report with links to this server.
    pub(crate) fn of(report: projects::TestReport, config: &RestConfig) -> Self {
        let projects::TestReport { record, json_url, markdown_url, junit_url } = report;
        Self {
            id: record.id.into(),
            run: record.run,
            score: record.summary.score,
            rating: record.summary.rating,
            passed: record.summary.passed,
            blocking: record.summary.blocking,
            findings: record.summary.findings,
            files: record.summary.files,
            sloc: record.summary.sloc,
            summary: record.summary.summary,
            json_url: config.link(&json_url),
            markdown_url: config.link(&markdown_url),
            junit_url: config.link(&junit_url),
            created_at: record.created_at.to_string(),
        }
    }
}

/// A deployment package.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deployment)]
pub(crate) struct DeploymentView {
    /// Its id.
    id: String,
    /// The run that it packages.
    run: u32,
    /// Its name.
    name: String,
    /// `sam`, `static-site`, `cli`…
    project_type: String,
    /// The zip's name.
    filename: String,
    /// The zip's size in bytes.
    size: u64,
    /// SHA-256 of the zip in lower-case hexadecimal.
    sha256: String,
    /// How to deploy it, in Markdown.
    instructions: String,
    /// Downloads the zip; valid for a quarter of an hour.
    download_url: String,
    /// Downloads the manifest.
    manifest_url: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

impl DeploymentView {
    /// A package with links to this server.
    pub(crate) fn of(deployment: projects::Deployment, config: &RestConfig) -> Self {
        let projects::Deployment { record, download_url, manifest_url } = deployment;
        Self {
            filename: record.filename(),
            id: record.id.into(),
            run: record.run,
            name: record.name,
            project_type: record.project_type,
            size: record.size,
            sha256: record.sha256,
            instructions: record.instructions,
            download_url: config.link(&download_url),
            manifest_url: config.link(&manifest_url),
            created_at: record.created_at.to_string(),
        }
    }
}

/// An event on a project's timeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// Its id; give it as `after` to get what follows.
    id: String,
    /// What happened, as a stable dotted name.
    #[schema(example = "stage.started")]
    kind: String,
    /// The stage in which it happened.
    #[schema(required = true)]
    stage: Option<StageView>,
    /// The run in which it happened.
    run: u32,
    /// What happened, for people.
    message: String,
    /// More about it.
    data: Value,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.into(),
            kind: event.kind,
            stage: event.stage.map(Into::into),
            run: event.run,
            message: event.message,
            data: event.data,
            at: event.at.to_string(),
        }
    }
}

/// What a project has used, and what it may use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cost)]
pub(crate) struct CostView {
    /// Model calls.
    calls: u64,
    /// Tokens.
    tokens: TokensView,
    /// US dollars.
    usd: f64,
    /// What it may use.
    budget: BudgetView,
    /// What is left of it; null where there is no limit.
    remaining: BudgetView,
}

/// Counted tokens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tokens)]
struct TokensView {
    /// Sent.
    input: u64,
    /// Received.
    output: u64,
    /// Both.
    total: u64,
}

impl From<Project> for CostView {
    fn from(project: Project) -> Self {
        let (usage, budget) = (project.usage, project.budget);
        let total = usage.input_tokens.saturating_add(usage.output_tokens);
        Self {
            calls: usage.calls,
            tokens: TokensView { input: usage.input_tokens, output: usage.output_tokens, total },
            usd: usage.usd,
            budget: budget.into(),
            remaining: BudgetView {
                usd: budget.usd.map(|usd| (usd - usage.usd).max(0.0)),
                tokens: budget.tokens.map(|tokens| tokens.saturating_sub(total)),
            },
        }
    }
}

/// All templates.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TemplateList {
    /// In the order of their ids.
    items: Vec<TemplateView>,
}

impl From<&[Template]> for TemplateList {
    fn from(templates: &[Template]) -> Self {
        Self { items: templates.iter().map(TemplateView::from).collect() }
    }
}

/// A project template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
pub(crate) struct TemplateView {
    /// Its id.
    id: String,
    /// Its title.
    name: String,
    /// What the made project is.
    description: String,
    /// Changes whenever the made files change.
    version: String,
    /// `sam`, `static-site`, `cli`…
    project_type: String,
    /// Languages of the code.
    languages: Vec<String>,
    /// Programs that the test commands need.
    tools: Vec<String>,
    /// How to test, build, run and deploy the made project.
    commands: CommandsView,
    /// A JSON Schema of the parameters.
    #[schema(value_type = Object)]
    parameters: Value,
}

impl From<&Template> for TemplateView {
    fn from(template: &Template) -> Self {
        Self {
            id: template.id.clone(),
            name: template.name.clone(),
            description: template.description.clone(),
            version: template.version.clone(),
            project_type: template.project_type.clone(),
            languages: template.languages.clone(),
            tools: template.tools.clone(),
            commands: CommandsView {
                test: template.commands.test.clone(),
                build: template.commands.build.clone(),
                run: template.commands.run.clone(),
                deploy: template.commands.deploy.clone(),
            },
            parameters: template.parameters.clone(),
        }
    }
}
