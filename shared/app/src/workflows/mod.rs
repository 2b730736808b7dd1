//! Workflows: state machines as records, with numbered revisions, published versions, aliases and tags, and what starts
//! and lists their executions.
//!
//! A workflow is named by its state machine's ARN, as in Step Functions; its [`WorkflowId`](crate::ids::WorkflowId)
//! follows from that ARN. A revision is a definition with its configuration and never changes; an update makes the next
//! one; a version is a revision with a number for callers. Executions stay with the revision that they were started
//! with. The module knows no API: the Step Functions API and the REST API call the same functions. Start reading at
//! `model.rs`, then `create.rs`.

mod aliases;
mod arn;
mod create;
mod delete;
mod error;
mod executions;
mod find;
mod fork;
mod input_schema;
mod limits;
mod list;
mod model;
mod redrive;
mod resolve;
mod start;
mod store;
mod tags;
mod update;
mod versions;

pub use aliases::{CreateAlias, UpdateAlias, create_alias, delete_alias, describe_alias, list_aliases, update_alias};
pub use arn::{ExecutionArn, Place, StateMachineArn};
pub use create::{CreateWorkflow, Created, create_workflow};
pub(crate) use delete::purge_due;
pub use delete::{delete_workflow, delete_workflow_at};
pub use error::WorkflowError;
pub use executions::{ExecutionFilter, list_executions, load_execution};
pub use find::{find_workflow, name_workflow};
pub use fork::{Changes, Correction, fork};
pub(crate) use input_schema::below;
pub use input_schema::{INPUT_SCHEMA_BYTES, InputSchema};
pub(crate) use limits::MOST_TAGS;
pub use limits::{check_logging, check_name};
pub use list::{Listed, list_workflows};
pub use model::{
    Alias, Configuration, Encryption, LogLevel, Logging, Qualifier, Revision, Route, Tag, Version, Workflow,
    WorkflowStatus, WorkflowType,
};
pub use redrive::{RedriveDefinition, RedriveWorkflow, redrive_workflow};
pub use resolve::{Resolved, definition_text, describe_workflow, revision_of, variable_references};
pub use start::{StartWorkflow, StartedWorkflow, start_workflow};
pub(crate) use tags::merged;
pub use tags::{list_tags, not_found, tag_workflow, untag_workflow};
pub use update::{UpdateWorkflow, Updated, update_workflow, update_workflow_at};
pub use versions::{delete_version, list_versions, publish_version};
