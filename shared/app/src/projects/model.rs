//! What is stored of a project. Times in bodies are RFC 3339.

use std::fmt;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::import::Import;
pub use super::plan::{Plan, PlanCommands, PlanContents, PlanFile, PlanStack, PlanTask};
use crate::ids::{DeploymentId, EventId, ExecutionId, ModificationId, PlanId, ProjectId, TestId};

/// Where a project stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectStatus {
    /// Accepted; no agent has begun yet.
    Created,
    /// The PM agent works.
    Planning,
    /// The Dev agent works.
    Developing,
    /// The QA agent works.
    Testing,
    /// The Ops agent works.
    Packaging,
    /// There is a package.
    Completed,
    /// The last delivery ended with a failure.
    Failed,
    /// Somebody stopped the delivery.
    Cancelled,
    /// The delivery waits for somebody: a budget is used up.
    Paused,
    /// The delivery waits for somebody to approve, edit or reject its plan.
    AwaitingApproval,
}

impl ProjectStatus {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Planning,
        Self::Developing,
        Self::Testing,
        Self::Packaging,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Paused,
        Self::AwaitingApproval,
    ];

    /// The word in records, keys and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Planning => "planning",
            Self::Developing => "developing",
            Self::Testing => "testing",
            Self::Packaging => "packaging",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Paused => "paused",
            Self::AwaitingApproval => "awaiting_approval",
        }
    }

    /// The status of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for ProjectStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A stage of a delivery: one agent's work. Ordered as a delivery goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// PM.
    Planning,
    /// Dev.
    Developing,
    /// QA.
    Testing,
    /// Ops.
    Packaging,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Planning, Self::Developing, Self::Testing, Self::Packaging];

    /// The word in records and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.status().as_str()
    }

    /// The status of a project in this stage.
    #[must_use]
    pub const fn status(self) -> ProjectStatus {
        match self {
            Self::Planning => ProjectStatus::Planning,
            Self::Developing => ProjectStatus::Developing,
            Self::Testing => ProjectStatus::Testing,
            Self::Packaging => ProjectStatus::Packaging,
        }
    }
}

/// Why a run delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// The first delivery.
    Create,
    /// A modification of what exists.
    Modify,
}

impl RunKind {
    /// The word in the execution's input.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Modify => "modify",
        }
    }
}

/// What a project may use. `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// Tokens, in and out together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Model calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Seconds that model calls may take, added up. Calls at the same time may together go over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// What a project has used of models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Model calls.
    pub calls: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// How many of them came from a provider's cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// US dollars.
    pub usd: f64,
    /// Calls at a price that nobody knew: they are not in `usd`.
    #[serde(default)]
    pub unpriced_calls: u64,
    /// Milliseconds that calls took, added up.
    #[serde(default)]
    pub millis: u64,
}

/// Why a delivery did not end well, in words for the project's owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error's name, as the workflow has it.
    pub error: String,
    /// What happened.
    pub cause: String,
    /// What to do about it.
    pub what_to_do: String,
}

/// What is still to be done for a project outside of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pending {
    /// Its execution is to be started.
    Start,
    /// Its execution is to be stopped.
    Stop,
}

/// What a project waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Ends the task that waits.
    pub token: String,
    /// The plan that is to be approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<PlanId>,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: Timestamp,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Who owns it.
    pub owner: String,
    /// What people call it.
    pub name: String,
    /// What it is, in a sentence or more; may be empty.
    pub description: String,
    /// What it is to do, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirements: Option<String>,
    /// What the current run was asked for in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The template that it is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// The synchronised archive that the current run's template is from, by its SHA-256; `None` for one that comes with Millrace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates_sha256: Option<String>,
    /// The template's parameters, with every default filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
    /// The archive that its first files came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<Import>,
    /// Its own delivery workflow as ASL text; `None` takes the built-in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Where it stands.
    pub status: ProjectStatus,
    /// The stage that was begun last in the current run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The round in which that stage was begun; 0 while the workflow counts none.
    #[serde(default)]
    pub round: u32,
    /// What it may use.
    pub budget: Budget,
    /// Counts deliveries from 1: the first one and one more for each modification.
    pub run: u32,
    /// Counts executions of the current run from 1; 0 before the first.
    pub attempt: u32,
    /// Why the current run delivers.
    pub run_kind: RunKind,
    /// Does each delivery wait for its owner after the plan?
    #[serde(default)]
    pub approve_plan: bool,
    /// What waits for the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Why the last plan was rejected, for the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
    /// The current run's last execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<ExecutionId>,
    /// The current plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<PlanId>,
    /// Why the last delivery did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What is still to be done outside of this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// When it was created.
    #[serde(with = "rfc3339")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(with = "rfc3339")]
    pub updated_at: Timestamp,
}

impl Project {
    /// Is a delivery under way?
    #[must_use]
    pub const fn is_running(&self) -> bool {
        match self.status {
            ProjectStatus::Created => self.execution_id.is_some(),
            ProjectStatus::Planning
            | ProjectStatus::Developing
            | ProjectStatus::Testing
            | ProjectStatus::Packaging
            | ProjectStatus::AwaitingApproval => true,
            ProjectStatus::Completed | ProjectStatus::Failed | ProjectStatus::Cancelled | ProjectStatus::Paused => {
                false
            }
        }
    }
}

/// A stored thing with the version of its record, for `If-Match`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// The thing.
    pub value: T,
    /// Its record's version.
    pub version: u64,
}

/// A file of a project, without its contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path below the project's root, with `/` between segments.
    pub path: String,
    /// SHA-256 of the contents in lower-case hexadecimal; also names the blob.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
    /// Language in lower case; `text` when it has none.
    pub language: String,
    /// Is it a program to be run?
    pub executable: bool,
    /// The run that wrote it last.
    pub run: u32,
    /// The task that wrote it last.
    pub task_id: String,
    /// When it was written last.
    #[serde(with = "rfc3339")]
    pub updated_at: Timestamp,
}

/// A requested modification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Modification {
    /// Its id.
    pub id: ModificationId,
    /// The run that carries it out.
    pub run: u32,
    /// What was asked for in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The parameters that were given; `null` takes a default back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
    /// When it was asked for.
    #[serde(with = "rfc3339")]
    pub created_at: Timestamp,
}

/// What a test report says in short. The whole report is in three blobs: JSON, Markdown and JUnit XML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestRecord {
    /// Its id.
    pub id: TestId,
    /// The run that it tests.
    pub run: u32,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub created_at: Timestamp,
    /// What it says in short.
    #[serde(flatten)]
    pub summary: TestSummary,
}

/// The short form of a test report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TestSummary {
    /// 0 to 100, from the published formula.
    pub score: f64,
    /// `A` to `E`.
    pub rating: String,
    /// Did nothing block?
    pub passed: bool,
    /// Findings and failed tests that send the work back.
    pub blocking: u64,
    /// All findings.
    pub findings: u64,
    /// Files that were looked at.
    pub files: u64,
    /// Lines of code in them.
    pub sloc: u64,
    /// The project's own tests; none in records of earlier versions.
    #[serde(default)]
    pub tests: TestNumbers,
    /// The outcome in a sentence.
    pub summary: String,
}

/// A project's own tests by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestNumbers {
    /// They ended as they should.
    pub passed: u64,
    /// They did not, and send the work back.
    pub failed: u64,
    /// Their authors left them out.
    pub skipped: u64,
    /// They need what is not there; the report says what.
    pub not_run: u64,
}

/// A deployment package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// Its id.
    pub id: DeploymentId,
    /// The run that it packages.
    pub run: u32,
    /// Its name without version and extension.
    pub name: String,
    /// `sam`, `static-site`, `cli`…
    pub project_type: String,
    /// The zip's blob.
    pub zip: String,
    /// The manifest's blob.
    pub manifest: String,
    /// SHA-256 of the zip in lower-case hexadecimal.
    pub sha256: String,
    /// The zip's size in bytes.
    pub size: u64,
    /// How to deploy it, in Markdown.
    pub instructions: String,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub created_at: Timestamp,
}

impl DeploymentRecord {
    /// The name under which the zip is downloaded.
    #[must_use]
    pub fn filename(&self) -> String {
        self.zip.rsplit('/').next().unwrap_or("package.zip").to_owned()
    }
}

/// An event on a project's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id; ids sort as the timeline does.
    pub id: EventId,
    /// What happened, as a stable dotted name: `project.created`.
    pub kind: String,
    /// The stage in which it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The run in which it happened.
    pub run: u32,
    /// What happened, for people.
    pub message: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
}

/// What is left of a deleted project until its artifacts are gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tombstone {
    pub(super) project_id: ProjectId,
    pub(super) execution_id: Option<ExecutionId>,
    #[serde(with = "rfc3339")]
    pub(super) deleted_at: Timestamp,
    /// Is it of a project that is being imported, and may still come?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) awaited: bool,
}

/// Timestamps as RFC 3339 text.
pub(crate) mod rfc3339 {
    use millrace_asl::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is not an RFC 3339 time")))
    }
}
