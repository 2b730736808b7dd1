//! The state under test, and the state machine that is made around it.

use serde_json::{Map, Value, json};

use crate::definition::StateMachine;
use crate::validation::{Options, invalid_definition, parse_definition, validate, validate_state};

use super::{TestStateError, TestStateRequest};

/// The name of a state that is tested, whatever it is called in its definition.
pub(super) const NAME: &str = "StateName";

/// A state of a valid definition.
#[derive(Debug)]
pub(super) struct Single {
    state: Map<String, Value>,
}

/// The state that a request is about.
pub(super) fn find(request: &TestStateRequest) -> Result<Single, TestStateError> {
    let options = Options::default();
    let parsed = parse_definition(&request.definition)
        .map_err(|problems| TestStateError::InvalidDefinition(invalid_definition(&problems)))?;
    let Some(name) = &request.state_name else {
        let found = validate_state(NAME, &parsed, &options);
        return match parsed {
            Value::Object(state) if found.is_valid() => Ok(Single { state }),
            _ => Err(TestStateError::InvalidDefinition(found.message())),
        };
    };
    let found = validate(&request.definition, &options);
    if !found.is_valid() {
        return Err(TestStateError::InvalidDefinition(found.message()));
    }
    let mut state = parsed
        .as_object()
        .and_then(|machine| named(machine, name))
        .cloned()
        .ok_or_else(|| TestStateError::Validation("State not found in definition".to_owned()))?;
    if let Some(language) = parsed.get("QueryLanguage") {
        state.entry("QueryLanguage").or_insert_with(|| language.clone());
    }
    Ok(Single { state })
}

/// A state by name, also inside of others. Definitions that are valid don't nest deeply.
fn named<'v>(machine: &'v Map<String, Value>, name: &str) -> Option<&'v Map<String, Value>> {
    let states = machine.get("States")?.as_object()?;
    if let Some(state) = states.get(name) {
        return state.as_object();
    }
    states.values().flat_map(inside).find_map(|machine| named(machine, name))
}

/// The state machines inside of a state.
fn inside(state: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    let processors = ["ItemProcessor", "Iterator"].into_iter().filter_map(|field| state.get(field));
    let branches = state.get("Branches").and_then(Value::as_array).into_iter().flatten();
    processors.chain(branches).filter_map(Value::as_object)
}

impl Single {
    /// `Type`
    pub(super) fn kind(&self) -> &str {
        self.text("Type")
    }

    /// `Resource`, of a Task state.
    pub(super) fn resource(&self) -> &str {
        self.text("Resource")
    }

    fn text(&self, field: &str) -> &str {
        self.state.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// A field of the state.
    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        self.state.get(name)
    }

    /// How many retriers it has.
    pub(super) fn retriers(&self) -> usize {
        self.state.get("Retry").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// How many branches it has.
    pub(super) fn branches(&self) -> usize {
        self.state.get("Branches").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// Whether a state of that name is inside of it.
    pub(super) fn holds(&self, name: &str) -> bool {
        let state = Value::Object(self.state.clone());
        inside(&state).any(|machine| named(machine, name).is_some())
    }

    /// A state machine of this state and of one that ends for each that it leads to: their names are replaced by their
    /// number in the list that is returned.
    pub(super) fn machine(&self) -> Result<(StateMachine, Vec<String>), TestStateError> {
        let mut state = self.state.clone();
        let mut targets = Vec::new();
        for field in ["Next", "Default"] {
            stand_in(state.get_mut(field), &mut targets);
        }
        for field in ["Choices", "Catch"] {
            for entry in state.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
                stand_in(entry.get_mut("Next"), &mut targets);
            }
        }
        let mut states = Map::new();
        states.insert(NAME.to_owned(), Value::Object(state));
        for number in 0..targets.len() {
            states.insert(target(number), json!({ "Type": "Succeed" }));
        }
        let definition = json!({ "StartAt": NAME, "States": states });
        let machine = StateMachine::from_value(&definition).map_err(|problem| {
            TestStateError::InvalidDefinition(format!("Invalid State Machine Definition: '{problem}'"))
        })?;
        Ok((machine, targets))
    }
}

fn stand_in(next: Option<&mut Value>, targets: &mut Vec<String>) {
    if let Some(Value::String(name)) = next {
        let stands_in = target(targets.len());
        targets.push(std::mem::replace(name, stands_in));
    }
}

/// The name that stands in for a target; no name of a definition is likely to be the same.
fn target(number: usize) -> String {
    format!("\u{1}{number}")
}

/// The target that a name stands in for.
pub(super) fn target_of(name: &str, targets: &[String]) -> Option<String> {
    targets.get(name.strip_prefix('\u{1}')?.parse::<usize>().ok()?).cloned()
}
