//! Workflows, their versions and aliases.

use std::collections::BTreeMap;

use millrace_app::FieldProblem;
use millrace_app::workflows::{Alias, Configuration, Tag, Version, Workflow};
use millrace_asl::StateMachine;
use millrace_asl::definition::Severity;
use millrace_asl::validation::{Diagnostic, Validation};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workflow)]
pub(crate) struct WorkflowView {
    #[serde(flatten)]
    summary: WorkflowSummary,
    /// The version that this is; null for the newest revision where that was not published.
    #[schema(required = true)]
    version: Option<u64>,
    /// The definition, in the Amazon States Language.
    #[schema(value_type = Object)]
    definition: Value,
    /// The definition's text as it was given.
    definition_text: String,
    /// What the input of its executions must fit, JSON Schema 2020-12; null: anything does.
    #[schema(value_type = Option<Object>, required = true)]
    input_schema: Option<Value>,
    /// The role that service integrations act as.
    role_arn: String,
    /// Its tags.
    tags: BTreeMap<String, String>,
}

impl WorkflowView {
    /// A workflow with one of its definitions.
    pub(crate) fn of(workflow: Workflow, version: Option<u64>, beside: Configuration, definition: String) -> Self {
        let tags = workflow.tags.iter().map(|Tag { key, value }| (key.clone(), value.clone())).collect();
        let value = StateMachine::read(&definition).unwrap_or_default();
        Self {
            version,
            definition: value,
            definition_text: definition,
            input_schema: beside.input_schema.map(|schema| schema.value()),
            role_arn: beside.role_arn,
            tags,
            summary: workflow.into(),
        }
    }
}

/// A workflow in a listing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkflowSummary {
    /// Its id.
    #[schema(example = "wfl_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    id: String,
    /// The state machine's ARN in the Step Functions API.
    arn: String,
    /// Its name.
    name: String,
    /// `STANDARD` or `EXPRESS`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// `ACTIVE` or `DELETING`.
    status: &'static str,
    /// Counts its definitions, from 1.
    revision: u64,
    /// The version that was published last.
    #[schema(required = true)]
    latest_version: Option<u64>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its newest revision was made.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Workflow> for WorkflowSummary {
    fn from(workflow: Workflow) -> Self {
        Self {
            id: workflow.id.into(),
            arn: workflow.arn,
            name: workflow.name,
            kind: workflow.kind.name(),
            status: workflow.status.name(),
            revision: workflow.revision.number,
            latest_version: Some(workflow.last_version).filter(|version| *version > 0),
            created_at: workflow.created_at.to_string(),
            updated_at: workflow.updated_at.to_string(),
        }
    }
}

/// A published version: it never changes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowVersion)]
pub(crate) struct VersionView {
    /// Its number, from 1.
    version: u64,
    /// The revision that it is of.
    revision: u64,
    /// What its publisher says of it.
    #[schema(required = true)]
    description: Option<String>,
    /// When it was published.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self {
            version: version.number,
            revision: version.revision.number,
            description: version.description,
            created_at: version.created_at.to_string(),
        }
    }
}

/// A name for one version, or two with weights.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowAlias)]
pub(crate) struct AliasView {
    /// Its name.
    name: String,
    /// What its maker says of it.
    #[schema(required = true)]
    description: Option<String>,
    /// Where it leads.
    routes: Vec<RouteView>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// One of the versions of an alias.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowRoute)]
struct RouteView {
    /// The version.
    version: u64,
    /// How many of 100 executions.
    weight: u32,
}

impl From<Alias> for AliasView {
    fn from(alias: Alias) -> Self {
        let routes = alias.routes.iter().map(|route| RouteView { version: route.version, weight: route.weight });
        Self {
            routes: routes.collect(),
            name: alias.name,
            description: alias.description,
            created_at: alias.created_at.to_string(),
            updated_at: alias.updated_at.to_string(),
        }
    }
}

/// What is to say of a definition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Validation)]
pub(crate) struct ValidationView {
    /// Can it be created?
    valid: bool,
    /// What was found.
    diagnostics: Vec<DiagnosticView>,
}

/// One thing that is to say of a definition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Diagnostic)]
pub(crate) struct DiagnosticView {
    /// `ERROR` or `WARNING`.
    severity: &'static str,
    /// Its kind.
    #[schema(example = "MISSING_TRANSITION_TARGET")]
    code: String,
    /// In words.
    message: String,
    /// A JSON pointer into the definition; below `/input_schema` into the schema of the input.
    #[schema(required = true)]
    pointer: Option<String>,
}

impl From<Diagnostic> for DiagnosticView {
    fn from(one: Diagnostic) -> Self {
        let severity = match one.severity {
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
        };
        Self { severity, code: one.code.to_string(), message: one.message, pointer: one.location }
    }
}

impl From<Validation> for ValidationView {
    fn from(found: Validation) -> Self {
        let valid = found.is_valid();
        Self { valid, diagnostics: found.diagnostics.into_iter().map(Into::into).collect() }
    }
}

impl ValidationView {
    /// The same with what was found in the schema of the input.
    pub(crate) fn with_schema(mut self, problems: Vec<FieldProblem>) -> Self {
        self.valid &= problems.is_empty();
        self.diagnostics.extend(problems.into_iter().map(|one| DiagnosticView {
            severity: "ERROR",
            code: "INVALID_INPUT_SCHEMA".to_owned(),
            message: one.message,
            pointer: Some(format!("/input_schema{}", one.field)),
        }));
        self
    }
}
