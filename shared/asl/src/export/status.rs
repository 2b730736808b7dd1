//! How the states of an execution are, read from its history.

use std::collections::{BTreeMap, HashMap};

use crate::history::EventType;

/// How a state is in an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateStatus {
    /// It was entered and not left.
    Running,
    /// It was left.
    Succeeded,
    /// It was left by one of its catchers.
    Caught,
    /// The execution failed, or ran out of time, in it.
    Failed,
    /// It ended with the execution, which failed elsewhere or was stopped.
    Aborted,
}

impl StateStatus {
    /// As it is spelt in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Caught => "CAUGHT",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }
}

/// What became of a state in an execution. States that were not entered have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    /// How it is; of its entries the one that is worst.
    pub status: StateStatus,
    /// How often it was entered: in loops, in iterations of a Map state.
    pub entered: u64,
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It runs.
    Running,
    /// It succeeded.
    Succeeded,
    /// It failed or ran out of time.
    Failed,
    /// It was stopped.
    Aborted,
}

/// One event of a history.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Its id.
    pub id: u64,
    /// The id of the event that led to it; 0: none.
    pub previous: u64,
    /// Its type.
    pub kind: EventType,
    /// The state's name in events of states.
    pub name: Option<&'a str>,
}

/// The statuses of all states that were entered, by name, from a whole history in order.
#[must_use]
pub fn statuses<'a>(events: impl IntoIterator<Item = Seen<'a>>, ending: Ending) -> BTreeMap<String, Statuses> {
    // Each event belongs to the entry of a state: its own, or that of the event before it.
    let mut entry_of: HashMap<u64, u64> = HashMap::new();
    let mut before: HashMap<u64, u64> = HashMap::new();
    let mut entries: BTreeMap<u64, (&'a str, StateStatus)> = BTreeMap::new();
    let mut failed_by = None;
    for event in events {
        before.insert(event.id, event.previous);
        let kind = event.kind.name();
        let entry = if kind.ends_with("StateEntered") {
            entries.insert(event.id, (event.name.unwrap_or_default(), StateStatus::Running));
            Some(event.id)
        } else {
            entry_of.get(&event.previous).copied()
        };
        entry_of.extend(entry.map(|entry| (event.id, entry)));
        if matches!(event.kind, EventType::ExecutionFailed | EventType::ExecutionTimedOut) {
            failed_by = entry_of.get(&event.previous).copied();
        }
        if event.kind == EventType::ExecutionRedriven {
            failed_by = None;
        }
        let exits = kind.ends_with("StateExited");
        // Where a branch or an item is left, the exit follows what ended inside: the state itself is found by its name.
        let own = match (exits, event.name) {
            (true, Some(name)) => outward(event.previous, &entry_of, &before, &entries, name),
            _ => entry,
        };
        let Some((_, status)) = own.and_then(|own| entries.get_mut(&own)) else { continue };
        if exits {
            *status = if *status == StateStatus::Failed { StateStatus::Caught } else { StateStatus::Succeeded };
        } else if fails(kind) {
            *status = StateStatus::Failed;
        } else if kind.ends_with("Scheduled") || kind.ends_with("StateStarted") {
            // A retry.
            *status = StateStatus::Running;
        }
    }
    if let Some(failed) = failed_by {
        // What the execution failed in, and what that is inside of, has failed.
        let mut at = Some(failed);
        while let Some(entry) = at {
            if let Some((_, status)) = entries.get_mut(&entry).filter(|(_, status)| *status == StateStatus::Running) {
                *status = StateStatus::Failed;
            }
            at = before.get(&entry).and_then(|previous| entry_of.get(previous)).copied().filter(|next| *next < entry);
        }
    }
    let mut told: BTreeMap<String, Statuses> = BTreeMap::new();
    for (name, status) in entries.into_values() {
        let status = match (status, ending) {
            (StateStatus::Running, Ending::Succeeded) => StateStatus::Succeeded,
            (StateStatus::Running, Ending::Failed | Ending::Aborted) => StateStatus::Aborted,
            (status, _) => status,
        };
        let told = told.entry(name.to_owned()).or_insert(Statuses { status, entered: 0 });
        told.entered += 1;
        if rank(status) >= rank(told.status) {
            told.status = status;
        }
    }
    told
}

const fn rank(status: StateStatus) -> u8 {
    match status {
        StateStatus::Succeeded => 0,
        StateStatus::Caught => 1,
        StateStatus::Aborted => 2,
        StateStatus::Running => 3,
        StateStatus::Failed => 4,
    }
}

/// Does an event of this type say that what its state does has failed?
fn fails(kind: &str) -> bool {
    let failed = kind.ends_with("Failed") || kind.ends_with("TimedOut");
    failed && !kind.starts_with("Execution") && !kind.starts_with("MapIteration")
}

/// The entry of the state of this name among those that an event lies in or follows.
fn outward(
    from: u64,
    entry_of: &HashMap<u64, u64>,
    before: &HashMap<u64, u64>,
    entries: &BTreeMap<u64, (&str, StateStatus)>,
    name: &str,
) -> Option<u64> {
    let mut at = entry_of.get(&from).copied();
    while let Some(entry) = at {
        if entries.get(&entry).is_some_and(|(known, _)| *known == name) {
            return Some(entry);
        }
        at = before.get(&entry).and_then(|previous| entry_of.get(previous)).copied().filter(|next| *next < entry);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(events: &[(u64, EventType, &'static str)]) -> Vec<Seen<'static>> {
        let numbered = events.iter().zip(1..);
        let name = |text: &'static str| (!text.is_empty()).then_some(text);
        numbered
            .map(|((previous, kind, text), id)| Seen { id, previous: *previous, kind: *kind, name: name(text) })
            .collect()
    }

    #[test]
    fn states_are_told_as_their_events_say() {
        use EventType as E;
        let events = seen(&[
            (0, E::ExecutionStarted, ""),
            (1, E::TaskStateEntered, "Try"),
            (2, E::TaskScheduled, ""),
            (3, E::TaskFailed, ""),
            (4, E::TaskStateExited, "Try"),
            (5, E::ParallelStateEntered, "Both"),
            (6, E::ParallelStateStarted, ""),
            (7, E::PassStateEntered, "Left"),
            (8, E::PassStateExited, "Left"),
            (7, E::WaitStateEntered, "Right"),
            (7, E::FailStateEntered, "Broken"),
            (11, E::ParallelStateFailed, ""),
            (12, E::ExecutionFailed, ""),
        ]);
        let told = statuses(events.clone(), Ending::Failed);
        let of = |name: &str| told.get(name).map(|one| one.status);
        assert_eq!(of("Try"), Some(StateStatus::Caught));
        assert_eq!(of("Left"), Some(StateStatus::Succeeded));
        assert_eq!(of("Right"), Some(StateStatus::Aborted));
        assert_eq!(of("Broken"), Some(StateStatus::Failed));
        assert_eq!(of("Both"), Some(StateStatus::Failed));
        assert_eq!(of("Other"), None);
        let running = statuses(events.into_iter().take(10), Ending::Running);
        assert_eq!(running.get("Both").map(|one| one.status), Some(StateStatus::Running));
    }

    #[test]
    fn loops_count_their_entries() {
        use EventType as E;
        let events = seen(&[
            (0, E::ExecutionStarted, ""),
            (1, E::PassStateEntered, "A"),
            (2, E::PassStateExited, "A"),
            (3, E::PassStateEntered, "A"),
        ]);
        let told = statuses(events, Ending::Running);
        assert_eq!(told.get("A"), Some(&Statuses { status: StateStatus::Running, entered: 2 }));
    }
}
