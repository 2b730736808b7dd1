//! Who calls, and what they may do.
//!
//! It owns owners, roles and API keys: their form, their records, and what is right about one that somebody shows. It
//! knows no HTTP and no tokens of other issuers; `millrace-identity` reads requests and asks here. Start reading at
//! [`Role`], then [`create_key`].

mod owner;
mod role;

pub use owner::{MOST_OWNER_BYTES, Owner, OwnerError};
pub use role::Role;
