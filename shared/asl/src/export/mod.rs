//! Pictures of definitions and executions: a graph of states, as Mermaid text and as SVG.
//!
//! It owns their form alone and reads nothing but a parsed definition and the numbered events of a history. Start reading
//! at [`Graph::of`]; [`mermaid()`] and [`svg()`] draw it, with the colours of [`Statuses`] where an execution is drawn.

mod graph;
mod layout;
mod mermaid;
mod status;
mod svg;

pub use graph::{Edge, EdgeKind, Graph, Node};
pub use mermaid::mermaid;
pub use status::{Ending, Seen, StateStatus, Statuses, statuses};
pub use svg::svg;
