//! A pure interpreter for the Amazon States Language.
//!
//! It owns what a definition means: parsing, validation, paths, and the decision what follows from an event. It refuses
//! to do I/O: time, ids and random numbers come in as arguments, and what must be done leaves as [`Effect`]s.
//! Start reading at [`decide()`].

mod time;

pub use time::Timestamp;
