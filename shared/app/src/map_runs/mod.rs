//! Map runs: what the engine does for the interpreter's, and the use cases that look at them and change them.
//!
//! A run's state is its log's (`docs/adr/0013`). Its record says where that is, and how the run ended; the name of an
//! execution of it leads to the record and to the execution's place, so that none is indexed. The items are stored in
//! pages. Start reading at `perform`, then `inspect`.

mod children;
mod earlier;
mod formats;
mod inspect;
mod name;
mod pages;
mod read;
mod record;
mod work;
mod write;

pub use children::{
    MapExecution, MapExecutionFilter, describe_map_execution, list_map_executions, map_execution_history,
    stop_map_execution,
};
pub use inspect::{
    MapRunCounts, MapRunView, UpdateMapRun, describe_map_run, find_map_run, list_map_runs, update_map_run,
};
pub use read::execute;
pub(crate) use record::{note_begin, note_end};
pub(crate) use work::{join, perform, work_at};
