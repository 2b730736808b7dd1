//! The catalogue of project templates: what the offline provider makes projects from.
//!
//! A template is a folder of files with a `template.yaml`, embedded at compile time. It says which parameters it
//! takes, which files it makes and which tasks, in dependency order, make them. This crate validates parameters, turns
//! a template into a [`PlannedProject`] and renders one task at a time. It does no I/O at run time, and the same
//! parameters always give the same bytes.
//!
//! Parameters are untrusted text: every template writes them through an escaping filter of the target language (see
//! `filters` in the source), and rendering is strict, so a misspelt variable is an error.
//!
//! Start reading at [`catalogue`] and [`Template`]; how to add a template is in this crate's `README.md`.

mod catalogue;
mod definition;
mod error;
mod filters;
mod glob;
mod literals;
mod names;
mod plan;
mod render;
mod rules;
mod samples;
mod schema;

pub use catalogue::{Catalogue, Parameters, Template, catalogue};
pub use definition::Commands;
pub use error::{ParameterProblem, TemplateError};
pub use plan::{PlannedFile, PlannedProject, PlannedTask, Stack};
pub use render::RenderedFile;
