//! Activities: named places where workers outside fetch tasks.
//!
//! An activity is a record. A task of one is a record, too, in the activity's own partition, where workers find the
//! oldest first with one query; the workflow's log says which worker got it, so that exactly one does. Start reading at
//! `tasks.rs`.

mod error;
mod records;
mod tasks;

pub use error::ActivityError;
pub(crate) use records::missing;
pub use records::{
    Activity, CreateActivity, create_activity, delete_activity, describe_activity, list_activities, tag_activity,
    untag_activity,
};
pub(crate) use tasks::waiting_task;
pub use tasks::{ActivityTask, LONGEST_POLL, get_activity_task};
