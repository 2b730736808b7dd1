//! Schedules: workflows that start at times.
//!
//! A schedule is a record with the time of its next turn and a timer for it: on AWS a one-time schedule of EventBridge Scheduler,
//! locally a message that waits. When it comes, `turn` decides what is started, left out or put off; the record is written,
//! and the next timer is set. What a crash loses the sweep sends again. The same code says when a schedule comes, on AWS and
//! locally, and in a preview (`expression`). Start reading there, then at `turn`.

mod change;
mod cron;
mod expression;
mod model;
mod read;
mod run;
mod store;
mod turn;

pub use change::{NewSchedule, create_schedule, delete_schedule, pause_schedule, resume_schedule, update_schedule};
pub use expression::{Expression, time_zone};
pub use model::{
    CatchUp, Counts, MOST_QUEUED, Outcome, Overlap, Run, Schedule, ScheduleStatus, Target, Timing, check_name,
};
pub use read::{MOST_PREVIEWED, get_schedule, list_schedules, preview};
pub use run::run_now;
pub(crate) use run::{ATTRIBUTE, name_of, wake};
pub(crate) use store::{owner_of_schedule, sweep};
