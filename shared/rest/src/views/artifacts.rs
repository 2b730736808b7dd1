//! What the agents made, and what it cost.

use millrace_app::projects::{self, Budget, Event, FileRecord, Plan, PlanTask, Usage};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::projects::{BudgetView, StageView};
use crate::config::RestConfig;

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
    /// What it is for, or what changes in it; empty for templates.
    purpose: String,
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
    /// Paths of existing files that it removes.
    deletes: Vec<String>,
}

/// Shell commands, each for the project's root.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Commands)]
pub(super) struct CommandsView {
    /// Runs the tests.
    pub(super) test: Vec<String>,
    /// Builds.
    pub(super) build: Vec<String>,
    /// Runs the project locally.
    pub(super) run: Vec<String>,
    /// Deploys.
    pub(super) deploy: Vec<String>,
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
            deletes: task.deletes,
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
                .map(|file| PlanFileView {
                    path: file.path,
                    task_id: file.task_id,
                    language: file.language,
                    purpose: file.purpose,
                })
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

/// A test report in short, with its forms to download.
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
    /// Findings and failed tests that send the work back.
    blocking: u64,
    /// All findings.
    findings: u64,
    /// Files that were looked at.
    files: u64,
    /// Lines of code in them.
    sloc: u64,
    /// The project's own tests.
    tests: TestNumbersView,
    /// The outcome in a sentence.
    summary: String,
    /// Downloads the whole report as JSON; valid for a quarter of an hour.
    json_url: String,
    /// The same as Markdown.
    markdown_url: String,
    /// The same as JUnit XML.
    junit_url: String,
    /// Its findings as SARIF 2.1.0, for code scanning.
    sarif_url: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// A project's own tests by outcome.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestNumbers)]
pub(crate) struct TestNumbersView {
    /// They ended as they should.
    passed: u64,
    /// They did not, and send the work back.
    failed: u64,
    /// Their authors left them out.
    skipped: u64,
    /// They need what is not there; the report says what.
    not_run: u64,
}

impl TestNumbersView {
    const fn of(numbers: projects::TestNumbers) -> Self {
        let projects::TestNumbers { passed, failed, skipped, not_run } = numbers;
        Self { passed, failed, skipped, not_run }
    }
}

impl TestView {
    /// A report with links to this server.
    pub(crate) fn of(report: projects::TestReport, config: &RestConfig) -> Self {
        let projects::TestReport { record, json_url, markdown_url, junit_url, sarif_url } = report;
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
            tests: TestNumbersView::of(record.summary.tests),
            summary: record.summary.summary,
            json_url: config.link(&json_url),
            markdown_url: config.link(&markdown_url),
            junit_url: config.link(&junit_url),
            sarif_url: config.link(&sarif_url),
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
    /// How many of them had a price that nobody knew: they are not in `usd`.
    unpriced_calls: u64,
    /// Tokens.
    tokens: TokensView,
    /// US dollars.
    usd: f64,
    /// Seconds that calls took, added up.
    seconds: u64,
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
    /// How many of those sent came from a provider's cache.
    cached_input: u64,
    /// Both.
    total: u64,
}

impl CostView {
    pub(crate) fn new(budget: Budget, usage: Usage) -> Self {
        let total = usage.input_tokens.saturating_add(usage.output_tokens);
        let seconds = usage.millis / 1_000;
        Self {
            calls: usage.calls,
            unpriced_calls: usage.unpriced_calls,
            tokens: TokensView {
                input: usage.input_tokens,
                output: usage.output_tokens,
                cached_input: usage.cached_tokens,
                total,
            },
            usd: usage.usd,
            seconds,
            budget: budget.into(),
            remaining: BudgetView {
                usd: budget.usd.map(|usd| (usd - usage.usd).max(0.0)),
                tokens: budget.tokens.map(|tokens| tokens.saturating_sub(total)),
                calls: budget.calls.map(|calls| calls.saturating_sub(usage.calls)),
                seconds: budget.seconds.map(|most| most.saturating_sub(seconds)),
            },
        }
    }
}
