//! Which fields each type of state has, and in which query language.

use crate::query::QueryLanguage;

/// Where a field may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum In {
    /// Whatever the query language.
    Both,
    /// States of one query language.
    Only(QueryLanguage),
}

const EVERY: &[&str] = &["Type", "Comment", "QueryLanguage"];

/// The types of states, in the service's order.
pub(super) const TYPES: [&str; 8] = ["Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"];

struct Table {
    both: &'static [&'static str],
    json_path: &'static [&'static str],
    jsonata: &'static [&'static str],
}

fn table(kind: &str) -> Option<Table> {
    Some(match kind {
        "Task" => Table {
            both: &[
                "Resource",
                "Next",
                "End",
                "Assign",
                "Retry",
                "Catch",
                "TimeoutSeconds",
                "HeartbeatSeconds",
                "Credentials",
            ],
            json_path: &[
                "InputPath",
                "OutputPath",
                "ResultPath",
                "Parameters",
                "ResultSelector",
                "TimeoutSecondsPath",
                "HeartbeatSecondsPath",
            ],
            jsonata: &["Arguments", "Output"],
        },
        "Pass" => Table {
            both: &["Next", "End", "Assign"],
            json_path: &["InputPath", "OutputPath", "ResultPath", "Parameters", "Result"],
            jsonata: &["Output"],
        },
        "Wait" => Table {
            both: &["Next", "End", "Assign", "Seconds", "Timestamp"],
            json_path: &["InputPath", "OutputPath", "SecondsPath", "TimestampPath"],
            jsonata: &["Output"],
        },
        "Choice" => Table {
            both: &["Choices", "Default", "Assign"],
            json_path: &["InputPath", "OutputPath"],
            jsonata: &["Output"],
        },
        "Succeed" => Table { both: &[], json_path: &["InputPath", "OutputPath"], jsonata: &["Output"] },
        "Fail" => Table { both: &["Error", "Cause"], json_path: &["ErrorPath", "CausePath"], jsonata: &[] },
        "Parallel" => Table {
            both: &["Branches", "Next", "End", "Assign", "Retry", "Catch"],
            json_path: &["InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector"],
            jsonata: &["Arguments", "Output"],
        },
        "Map" => Table {
            both: &[
                "ItemProcessor",
                "Iterator",
                "ItemReader",
                "ItemSelector",
                "ItemBatcher",
                "ResultWriter",
                "MaxConcurrency",
                "ToleratedFailureCount",
                "ToleratedFailurePercentage",
                "Label",
                "Next",
                "End",
                "Assign",
                "Retry",
                "Catch",
            ],
            json_path: &[
                "InputPath",
                "OutputPath",
                "ResultPath",
                "Parameters",
                "ResultSelector",
                "ItemsPath",
                "MaxConcurrencyPath",
                "ToleratedFailureCountPath",
                "ToleratedFailurePercentagePath",
            ],
            jsonata: &["Items", "Output"],
        },
        _ => return None,
    })
}

/// Where `field` may stand in a state of type `kind`, if anywhere.
pub(super) fn place(kind: &str, field: &str) -> Option<In> {
    let table = table(kind)?;
    if EVERY.contains(&field) || table.both.contains(&field) {
        Some(In::Both)
    } else if table.json_path.contains(&field) {
        Some(In::Only(QueryLanguage::JsonPath))
    } else if table.jsonata.contains(&field) {
        Some(In::Only(QueryLanguage::Jsonata))
    } else {
        None
    }
}
