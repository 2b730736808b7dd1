//! Test ports with a virtual clock and planned faults, and the contract every adapter passes.
//!
//! For tests only. [`contract`] is the suite that every adapter passes; [`memory`] holds ports in memory; [`http`] is a
//! service in the process; [`watched`] wraps any ports to count calls and plan faults; [`functions`] runs functions that are
//! scripts; [`outside`] is whoever has task tokens; [`pages`] reads the examples of how-to pages; [`world`] runs executions over them with crashes, lost and repeated
//! messages, in virtual time.

pub mod contract;
pub mod functions;
pub mod http;
pub mod memory;
pub mod objects;
pub mod outside;
pub mod pages;
pub mod watched;
pub mod world;

pub use functions::ScriptedRuntime;
pub use memory::MemoryPorts;
pub use objects::MemoryObjects;
pub use watched::{Call, Fate, Watched, Watcher};

/// Mixes a number into another one that looks unrelated (the finalizer of splitmix64).
#[must_use]
pub const fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
