//! What stays of a map run when it is redriven.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;
use crate::snapshot::Resume;

/// Where the pages of a run were before it was redriven; the driver's to say and to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// The log that waited for them.
    #[serde(rename = "l")]
    pub log: String,
    /// The number of the fan-out.
    #[serde(rename = "f")]
    pub fanout: u32,
    /// The entry of the log in which it no longer waited.
    #[serde(rename = "q")]
    pub seq: u64,
}

/// What an execution came to before its run was redriven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// It succeeded: it is not run again.
    Succeeded {
        /// Its output.
        output: Value,
    },
    /// It did not: it goes on where it ended; one of type `EXPRESS` begins anew.
    Ended {
        /// What it was given.
        input: Value,
        /// Since when it is, and how often it was redriven.
        began: Began,
        /// Where it ended; `None` before its first state.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume: Option<Box<Resume>>,
    },
}

/// What stays of an execution that is redriven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// When it was started.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// How often it was redriven, before.
    #[serde(rename = "r")]
    pub redrives: u32,
}
