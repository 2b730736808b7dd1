//! Transitions: every target exists, every state is a target, something ends.
//!
//! The service looks at transitions only when the schema holds. A state that is the target of any transition counts as
//! reachable, even where nothing leads to the state that names it. Without a state that ends, it doesn't look for
//! states that nothing leads to.

use std::collections::HashSet;

use serde_json::Value;

use super::report::{At, Report};
use super::scalars::Fields;

const MISSING_TARGET: &str = "MISSING_TRANSITION_TARGET";

/// Checks a state machine and those inside of it. It has been found to be of the right shape.
pub(super) fn check(machine: &Fields, at: &At, report: &mut Report) {
    let Some(states) = machine.get("States").and_then(Value::as_object) else { return };
    let place = at.field("States");
    let mut targets = HashSet::new();
    let mut target = |name: Option<&Value>, at: At, report: &mut Report| {
        let Some(name) = name.and_then(Value::as_str) else { return };
        targets.insert(name.to_owned());
        if !states.contains_key(name) {
            report.error(MISSING_TARGET, &at, format!("Missing 'Next' target: {name}"));
        }
    };
    target(machine.get("StartAt"), at.field("StartAt"), report);
    for (name, state) in states {
        let here = place.field(name);
        for field in ["Next", "Default"] {
            target(state.get(field), here.field(field), report);
        }
        for field in ["Choices", "Catch"] {
            let entries = state.get(field).and_then(Value::as_array).into_iter().flatten();
            for (index, entry) in entries.enumerate() {
                target(entry.get("Next"), here.field(field).item(index).field("Next"), report);
            }
        }
    }
    if !states.values().any(ends) {
        report.error_elsewhere("MISSING_END_STATE", None, "Workflow has no terminal state");
    } else {
        for name in states.keys().filter(|name| !targets.contains(*name)) {
            report.error(MISSING_TARGET, &place.field(name), format!("State \"{name}\" is not reachable."));
        }
    }
    for (name, state) in states {
        nested(state, &place.field(name), report);
    }
}

/// Checks the state machines inside of a state.
pub(super) fn nested(state: &Value, at: &At, report: &mut Report) {
    for field in ["ItemProcessor", "Iterator"] {
        if let Some(processor) = state.get(field).and_then(Value::as_object) {
            check(processor, &at.field(field), report);
        }
    }
    let branches = state.get("Branches").and_then(Value::as_array).into_iter().flatten();
    for (index, branch) in branches.enumerate() {
        if let Some(branch) = branch.as_object() {
            check(branch, &at.field("Branches").item(index), report);
        }
    }
}

fn ends(state: &Value) -> bool {
    let kind = state.get("Type").and_then(Value::as_str).unwrap_or_default();
    matches!(kind, "Succeed" | "Fail") || state.get("End") == Some(&Value::Bool(true))
}
