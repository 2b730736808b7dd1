//! Live updates: who watches what, and what they are told.
//!
//! A message says *that* something changed, with a version, never what it is now: whoever hears it reads for themselves, with
//! the rights that they have then. So nothing is kept for those who are away. Who comes back says which version they know, and
//! is told at once where the stored one is newer, or where that can't be said for sure.
//!
//! It owns the protocol (`docs/how-to/live.md`): topics, messages, the [`Session`] of a connection as a pure state machine, and
//! for servers that keep no connection themselves the stored [`connections`]. It knows no socket: the local server and the
//! function behind API Gateway bring texts to [`receive`] and send what it answers. Start reading at [`Session`], then
//! [`receive`].

pub mod connections;
mod message;
mod moved;
mod serve;
mod session;
mod standing;
mod topic;

pub use message::{Asked, LiveProblem, Request, ServerMessage};
pub use moved::{Concern, moves, news};
pub use serve::{NotSignedIn, Received, SignIn, catch_up, is_still_allowed, receive};
pub use session::{Closing, LiveCaller, Session, TimeLimits};
pub use topic::{Audience, Topic};

/// The largest message that a client may send, in bytes.
pub const MESSAGE_BYTES: usize = 16 * 1024;
/// At most so many topics a connection.
pub const MOST_TOPICS: usize = 50;
/// At most so many connections of one owner at once; where connections are stored, about so many.
pub const MOST_CONNECTIONS: usize = 100;
