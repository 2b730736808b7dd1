//! Webhooks of ten sources, as pure functions: whether a request is signed by its source, what it delivers, and the answer
//! that its source wants.
//!
//! It owns the sources' schemes and forms. It refuses to read clocks and secrets, to store and to start: time and secrets
//! come in as arguments. Start reading at [`Source`], then [`verify`] and [`read`].

mod answer;
mod delivery;
mod request;
mod signature;
mod soap;
mod source;

pub use answer::{Answer, Question, acknowledgement, question};
pub use delivery::{Delivery, ReadError, detail_of, read};
pub use request::{Headers, Request};
pub use signature::{Secrets, SignatureError, TOLERANCE_SECONDS, Verified, verify};
pub use soap::redacted;
pub use source::{Scheme, Source, SourceError};
