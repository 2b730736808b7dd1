//! Projects: from a request to a package.
//!
//! It owns what a project is, when it may be changed, and which delivery runs for it. Agents store their work through
//! [`work`]; the engine tells the end of a delivery through [`execution_ended`]; the sweeper calls [`repair_due`] and
//! [`purge`]. It does no agent's work and knows nothing of HTTP. Start reading at
//! `model.rs` and `create.rs`.
//!
//! Every change of a project's record goes through `store::change`: one transaction, conditional on the version that
//! was read, together with the event that tells of it. What must happen outside of the table is noted in the same
//! record and listed as due until it is done (`delivery.rs`).

mod approval;
mod artifacts;
mod control;
mod cost;
mod create;
mod delete;
mod delivery;
mod ended;
mod events;
mod import;
mod limits;
mod list;
mod model;
mod modify;
pub mod paths;
mod plan;
pub mod planning;
mod replaced;
mod store;
pub mod tree;
mod update;
pub mod work;

pub use approval::{Decision, PLAN_REJECTED, approve_project, run_key, told_of_plan, wait_for_approval};
pub use artifacts::{
    DOWNLOAD_VALID_FOR, Deployment, FileContents, TestReport, get_file, get_plan, list_deployments, list_files,
    list_tests,
};
pub use control::{cancel_project, resume_project};
pub use cost::get_cost;
pub use create::{Created, NewProject, create_project};
pub use delete::{delete_project, purge};
pub use delivery::{CANCELLED, DELIVERY_WORKFLOW, repair_due};
pub use ended::{BUDGET_EXCEEDED, ExecutionOutcome, execution_ended};
pub use events::{EventsPage, list_events};
pub use import::{Import, NewArchive, plan_of_import};
pub use list::{DEFAULT_LIMIT, MAX_LIMIT, Paging, get_project, list_projects};
pub(crate) use list::{find_project, with_cursor};
pub use model::{
    Budget, DeploymentRecord, Event, Failure, FileRecord, Modification, Pending, Plan, PlanCommands, PlanContents,
    PlanFile, PlanStack, PlanTask, Project, ProjectStatus, RunKind, Stage, Stored, TestNumbers, TestRecord,
    TestSummary, Usage, Waiting,
};
pub use modify::{Modified, ModifyProject, modify_project};
pub use update::{ProjectChanges, update_project};

pub(crate) use cost::delivering_budget;
pub(crate) use model::rfc3339;
pub(crate) use replaced::remove_replaced;
