//! Definitions: the model, reading it from JSON or YAML, and what is wrong with it.

mod distributed;
mod fields;
mod graph;
mod model;
mod parse;
mod resource;

pub use distributed::{Distributed, ItemBatcher, ItemReader, MOST_ITEMS, ResultWriter};
pub use fields::{Diagnostic, Severity};
pub use model::{
    Catcher, Choice, Condition, Items, Kind, MachineId, MapState, ParallelState, ResultPath, Retrier, Selection, State,
    StateMachine, States, TaskState, Transition, Wait,
};
pub use parse::DefinitionError;
pub use resource::{Pattern, Resource};
