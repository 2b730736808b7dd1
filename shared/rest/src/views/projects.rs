//! Projects and what is asked of them.

use millrace_app::projects::{self, Budget, Failure, Modification, Project, Stored};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

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
    AwaitingApproval,
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
            Status::AwaitingApproval => Self::AwaitingApproval,
        }
    }
}

/// A stage of a delivery.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Stage)]
#[serde(rename_all = "snake_case")]
pub(super) enum StageView {
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
pub(super) struct BudgetView {
    /// US dollars.
    #[schema(required = true, minimum = 0)]
    pub(super) usd: Option<f64>,
    /// Tokens, in and out together.
    #[schema(required = true, minimum = 0)]
    pub(super) tokens: Option<u64>,
    /// Model calls.
    #[schema(required = true, minimum = 0)]
    pub(super) calls: Option<u64>,
    /// Seconds that model calls take, added up.
    #[schema(required = true, minimum = 0)]
    pub(super) seconds: Option<u64>,
}

impl From<Budget> for BudgetView {
    fn from(budget: Budget) -> Self {
        let Budget { usd, tokens, calls, seconds } = budget;
        Self { usd, tokens, calls, seconds }
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

/// An archive that was imported.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import)]
pub(crate) struct ImportView {
    /// `zip`, `tar` or `tar.gz`.
    format: String,
    /// SHA-256 of the archive in lower-case hexadecimal.
    sha256: String,
    /// The archive's size in bytes.
    size: u64,
    /// How many files were taken.
    files: u64,
    /// Their bytes together.
    bytes: u64,
    /// The folder that held everything and was taken away.
    #[schema(required = true)]
    top_folder: Option<String>,
    /// What was left out: at most 50 files and folders.
    skipped: Vec<SkippedView>,
    /// How many entries were left out, also those that are not named.
    skipped_entries: u64,
}

/// Entries of an archive that were left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Skipped)]
pub(crate) struct SkippedView {
    /// A file, or a folder with all that is in it, which then ends with `/`.
    path: String,
    /// Why.
    reason: String,
    /// How many files and links.
    entries: u64,
}

impl From<projects::Import> for ImportView {
    fn from(import: projects::Import) -> Self {
        let skipped = import.skipped.into_iter();
        let skipped = skipped.map(|one| SkippedView { path: one.path, reason: one.reason, entries: one.entries });
        Self {
            format: import.format,
            sha256: import.sha256,
            size: import.size,
            files: import.files,
            bytes: import.bytes,
            top_folder: import.top_folder,
            skipped: skipped.collect(),
            skipped_entries: import.skipped_entries,
        }
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
    /// The archive that its first files came from.
    #[schema(required = true)]
    import: Option<ImportView>,
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
    /// Does each delivery wait for its owner after the plan?
    approve_plan: bool,
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
            import: project.import.map(Into::into),
            workflow: project.workflow,
            status: project.status.into(),
            stage: project.stage.map(Into::into),
            budget: project.budget.into(),
            run: project.run,
            run_kind: match project.run_kind {
                projects::RunKind::Create => RunKindView::Create,
                projects::RunKind::Modify => RunKindView::Modify,
            },
            approve_plan: project.approve_plan,
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
