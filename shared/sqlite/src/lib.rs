//! The ports on SQLite and a folder.
