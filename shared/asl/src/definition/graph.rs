//! Checks over a whole state machine: every target exists, every state can be reached, something ends it.

use std::collections::HashSet;

use super::fields::{Diagnostics, MISSING_TARGET, below};
use super::model::{Kind, State, States, Transition};

/// Every name that `state` may go to, with the field that says so.
fn targets(state: &State) -> Vec<(String, &str)> {
    let mut targets = Vec::new();
    if let Transition::Next(next) = &state.transition {
        targets.push(("/Next".to_owned(), next.as_str()));
    }
    if let Kind::Choice { choices, default } = &state.kind {
        let rules = choices.iter().enumerate();
        targets.extend(rules.map(|(number, choice)| (format!("/Choices/{number}/Next"), choice.next.as_str())));
        targets.extend(default.iter().map(|default| ("/Default".to_owned(), default.as_str())));
    }
    let catch = match &state.kind {
        Kind::Task(task) => task.catch.as_slice(),
        Kind::Parallel(parallel) => parallel.catch.as_slice(),
        Kind::Map(map) => map.catch.as_slice(),
        Kind::Pass { .. } | Kind::Choice { .. } | Kind::Wait(_) | Kind::Succeed | Kind::Fail { .. } => &[],
    };
    let catchers = catch.iter().enumerate();
    targets.extend(catchers.map(|(number, catcher)| (format!("/Catch/{number}/Next"), catcher.next.as_str())));
    targets
}

fn ends(state: &State) -> bool {
    state.transition == Transition::End && !matches!(state.kind, Kind::Choice { .. })
}

pub(super) fn check(machine: &States, pointer: &str, diagnostics: &mut Diagnostics) {
    let states = below(pointer, "States");
    if machine.get(&machine.start_at).is_none() {
        let message = format!("'StartAt' names '{}', which is not in 'States'", machine.start_at);
        diagnostics.error(MISSING_TARGET, &below(pointer, "StartAt"), message);
    }
    for state in &machine.states {
        for (field, target) in targets(state) {
            if machine.get(target).is_none() {
                let message = format!("there is no state '{target}' beside '{}'", state.name);
                diagnostics.error(MISSING_TARGET, &format!("{}{field}", below(&states, &state.name)), message);
            }
        }
    }
    if !machine.states.iter().any(ends) {
        diagnostics.error("NO_TERMINAL_STATE", &states, "no state ends: one needs 'End': true, or is Succeed or Fail");
    }
    let mut reached = HashSet::from([machine.start_at.as_str()]);
    let mut open = vec![machine.start_at.as_str()];
    while let Some(state) = open.pop().and_then(|name| machine.get(name)) {
        open.extend(targets(state).into_iter().filter_map(|(_, target)| reached.insert(target).then_some(target)));
    }
    for state in machine.states.iter().filter(|state| !reached.contains(state.name.as_str())) {
        let message = format!("nothing leads to the state '{}'", state.name);
        diagnostics.warning("UNREACHABLE_STATE", &below(&states, &state.name), message);
    }
}
