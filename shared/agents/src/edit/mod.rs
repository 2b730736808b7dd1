//! How a model says what to change, and how that is done to a project's files.
//!
//! A model answers in text: [`parse`] reads blocks from it, [`apply`] does them to a [`Tree`], and [`feedback`] says in words
//! for the model what was done and what was not. [`merge`] brings together what two tasks made of the same file. Code is
//! never carried inside JSON. The format is in `docs/agents.md`, its reasons in `docs/adr/0022-edits.md`.
//!
//! Everything here is a function of its arguments: no store, no clock. Nothing panics on any text.

mod apply;
mod feedback;
mod find;
mod merge;
mod parse;
mod text;

use std::collections::BTreeMap;

pub use apply::{Applied, Done, Limits, Outcome, Refusal, apply};
pub use feedback::feedback;
pub use find::Region;
pub use merge::{Conflict, merge};
pub use parse::{Answer, Op, ParseProblem, Step, parse};

/// The files of a project: path → contents.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// The format, as models are told it.
pub const FORMAT: &str = include_str!("format.md");
