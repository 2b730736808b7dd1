//! Test ports with a virtual clock and planned faults, and the contract every adapter passes.
