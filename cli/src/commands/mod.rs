//! The commands that talk to a server, a module for each group, and what they share.
//!
//! A command reads its arguments, makes calls of the API and shows the answers. It holds no rule of the product.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod execution;
pub(crate) mod function;
pub(crate) mod graph;
pub(crate) mod key;
pub(crate) mod limit;
mod listing;
pub(crate) mod project;
pub(crate) mod queue;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod schedule;
mod session;
pub(crate) mod subscription;
pub(crate) mod template;
pub(crate) mod validate;
pub(crate) mod webhook;
pub(crate) mod workflow;

pub(crate) use listing::{Column, Paging, list};
pub(crate) use session::{Session, patiently, variable, when_interrupted};

/// Asks nobody.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Yes {
    /// Do it without asking.
    #[arg(short, long)]
    pub(crate) yes: bool,
}
