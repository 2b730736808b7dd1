//! The query languages: JSONPath (paths, reference paths, payload templates) and JSONata, and what both read from.
//!
//! It owns what a path or a template means and which failure the service reports when one cannot be applied. It refuses
//! to know states: the caller adds the state's name to a failure ([`QueryFailure::in_state`]) and decides who catches
//! it. Everything is read from a [`Scope`]; random numbers come from an [`Entropy`].
//!
//! Start reading at [`Template`] and [`Dynamic`], which stand for both languages; then [`Path`], [`PayloadTemplate`],
//! [`Jsonata`].

mod entropy;
mod expression;
mod failure;
mod field;
mod filter;
mod filter_parser;
mod jsonata;
mod jsonata_template;
pub(crate) mod limits;
pub(crate) mod number;
mod path;
mod path_parser;
mod reference_path;
mod scope;
mod template;
mod walk;

pub use entropy::Entropy;
pub use expression::{Expression, ExpressionError};
pub(crate) use failure::QUERY_EVALUATION_ERROR;
pub use failure::{Evaluation, QueryFailure};
pub use field::{Dynamic, Found, QueryLanguage, Template};
pub use jsonata::{JsonType, Jsonata, JsonataSyntaxError};
pub use jsonata_template::JsonataTemplate;
pub use limits::LimitExceeded;
pub use path::{Path, PathError, PathSyntaxError};
pub use reference_path::ReferencePath;
pub use scope::{ContextObject, Scope};
pub use template::{PayloadTemplate, TemplateProblem};

pub(crate) use path_parser::extent;
