//! Who calls, and what they may do.
//!
//! It owns owners, roles and API keys: their form, their records, what is right about one that somebody shows, and how many requests
//! a caller has left. It
//! knows no HTTP and no tokens of other issuers; `millrace-identity` reads requests and asks here. Start reading at
//! [`Role`], then [`create_key`] and [`check_key`].

mod account;
mod allowance;
mod check;
mod key;
mod manage;
mod owner;
mod record;
mod role;

pub use account::account_of;
pub use allowance::{Allowance, Counter, reserve_requests};
pub use check::{KeyRefused, check_key, check_key_until, find_access_key, is_valid_key};
pub use key::{ACCESS_KEY_PREFIX, KEY_PREFIX, KeyText, access_key_id, key_of_access_key, same_secret};
pub use manage::{
    AccessKey, GRACE, IssuedKey, LONGEST_GRACE, MOST_NAME_CHARS, Manager, NewKey, create_key, get_key, list_keys,
    revoke_key, rotate_key,
};
pub use owner::{MOST_OWNER_BYTES, Owner, OwnerError};
pub use record::{ApiKey, KeyStatus};
pub use role::Role;
