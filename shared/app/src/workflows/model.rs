//! What is stored of a workflow.

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::input_schema::InputSchema;
use crate::ids::WorkflowId;

/// How a workflow's executions run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkflowType {
    /// With a history that can be read, and one execution a name.
    #[default]
    Standard,
    /// For many short executions: they can be awaited, and a name may be used again.
    Express,
}

impl WorkflowType {
    /// As it is spelt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

/// Whether a workflow can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkflowStatus {
    /// It can.
    Active,
    /// It is gone as soon as its executions have ended.
    Deleting,
}

impl WorkflowStatus {
    /// As it is spelt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Deleting => "DELETING",
        }
    }
}

/// Which events of an execution are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are Step Functions' own")]
pub enum LogLevel {
    All,
    Error,
    Fatal,
    #[default]
    Off,
}

impl LogLevel {
    /// As it is spelt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Off => "OFF",
        }
    }
}

/// `loggingConfiguration`: kept and told, as the definition's owner gave it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Logging {
    /// Which events.
    pub level: LogLevel,
    /// With input and output?
    #[serde(default)]
    pub include_execution_data: bool,
    /// ARNs of log groups, where any were named, be it none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<String>>,
}

/// `encryptionConfiguration`: kept and told; the store encrypts by its own means.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Encryption {
    /// `AWS_OWNED_KEY`
    #[default]
    #[serde(rename = "AWS_OWNED_KEY")]
    OwnedKey,
    /// `CUSTOMER_MANAGED_KMS_KEY`
    #[serde(rename = "CUSTOMER_MANAGED_KMS_KEY")]
    CustomerKey {
        /// The key's id, ARN or alias.
        key: String,
        /// For how many seconds a data key is used again: 60 to 900.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reuse_seconds: Option<u32>,
    },
}

/// What is set beside a definition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Configuration {
    /// The role that service integrations act as.
    pub role_arn: String,
    /// What is logged.
    #[serde(default)]
    pub logging: Logging,
    /// Are traces asked for?
    #[serde(default)]
    pub tracing: bool,
    /// Which key encrypts.
    #[serde(default)]
    pub encryption: Encryption,
    /// What the input of an execution must fit; anything without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<InputSchema>,
}

/// A definition with its configuration. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Names it among all revisions that the workflow, or an earlier one of its name, ever had.
    pub key: String,
    /// From 1, in the order in which they were made.
    pub number: u64,
    /// The name that callers see; the first revision has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// SHA-256 of the definition's text, its address among the blobs.
    pub definition: String,
    /// What is set beside it.
    #[serde(flatten)]
    pub configuration: Configuration,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// From 1. A deleted version's number is not given again.
    pub number: u64,
    /// What its publisher says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is a version of.
    pub revision: Revision,
    /// When it was published.
    pub created_at: Timestamp,
}

/// One of the versions to which an alias points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The version.
    pub version: u64,
    /// How many of 100 executions.
    pub weight: u32,
}

/// A name for one version, or two with weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Its name.
    pub name: String,
    /// What its maker says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// One or two.
    pub routes: Vec<Route>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Through what an execution was started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Qualifier {
    /// The workflow itself: its newest revision.
    #[default]
    None,
    /// A version.
    Version(u64),
    /// An alias, which picked a version.
    Alias {
        /// The alias.
        name: String,
        /// The version that it picked.
        version: u64,
    },
}

impl Qualifier {
    /// Is it the workflow itself?
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The version, chosen or picked.
    #[must_use]
    pub const fn version(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Version(version) | Self::Alias { version, .. } => Some(*version),
        }
    }

    /// The alias.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        match self {
            Self::Alias { name, .. } => Some(name),
            Self::None | Self::Version(_) => None,
        }
    }
}

/// A workflow: its newest revision and what holds for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its id, which follows from the ARN.
    pub id: WorkflowId,
    /// The state machine's ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: String,
    /// How its executions run.
    #[serde(rename = "type")]
    pub kind: WorkflowType,
    /// Whether it can be started.
    pub status: WorkflowStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its newest revision was made.
    pub updated_at: Timestamp,
    /// The newest revision.
    pub revision: Revision,
    /// The number of the version that was published last; 0: none was.
    #[serde(default)]
    pub last_version: u64,
    /// Was a version published as it was made, and with which description? A repeated creation must say the same.
    #[serde(default)]
    pub published: bool,
    /// See `published`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_description: Option<String>,
    /// At most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}
