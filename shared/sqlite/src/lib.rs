//! The ports on one SQLite database and a folder: the store of the local server, and the store of tests.
//!
//! It owns durability on one machine: what a call has acknowledged survives `kill -9` at any point. One thread owns the
//! writing connection and commits the writes of many callers together, so that they share one `fsync`; a few more read.
//! It refuses to know any rule of the product. Start reading at [`SqlitePorts`], then `database.rs` for how calls reach
//! SQLite and `schema.rs` for the tables.

mod blobs;
mod changes;
mod clock;
mod cursor;
mod database;
mod downloads;
mod files;
mod housekeeping;
mod log;
mod open;
mod queues;
mod records;
mod schema;
mod secrets;

pub use blobs::{Artifact, SqliteBlobs};
pub use clock::{LocalClock, ManualClock, SystemIds};
pub use downloads::DownloadRefused;
pub use housekeeping::Removed;
pub use log::SqliteLog;
pub use open::{OpenError, Options, SqlitePorts};
pub use queues::SqliteQueues;
pub use records::SqliteRecords;
pub use secrets::LocalSecrets;
