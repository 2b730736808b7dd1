//! The Context Object: `$$`, `$states.context`.

use std::cell::OnceCell;

use serde_json::{Map, Value, json};

use crate::Timestamp;
use crate::definition::{Kind, StateMachine};
use crate::query::{ContextObject, Scope};
use crate::snapshot::{Attempt, Snapshot};

/// The Context Object of a state, made when something reads it.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    machine: &'a StateMachine,
    thread: &'a Snapshot,
    attempt: &'a Attempt,
    token: Option<String>,
    fixed: Option<Value>,
    value: OnceCell<Value>,
}

impl<'a> Context<'a> {
    /// `token` is the task's, where it has one; `fixed` is the whole object where someone has given it.
    pub(crate) const fn new(
        machine: &'a StateMachine,
        thread: &'a Snapshot,
        attempt: &'a Attempt,
        token: Option<String>,
        fixed: Option<Value>,
    ) -> Self {
        Self { machine, thread, attempt, token, fixed, value: OnceCell::new() }
    }

    /// What the state's expressions are read from.
    pub(crate) fn scope<'s>(&'s self, input: &'s Value, now: Timestamp) -> Scope<'s> {
        Scope::new(input, self).with_variables(&self.thread.variables).at(now)
    }

    fn make(&self) -> Value {
        if let Some(fixed) = &self.fixed {
            return fixed.clone();
        }
        let (execution, attempt) = (&self.thread.execution, self.attempt);
        let mut about = Map::new();
        about.insert("Id".to_owned(), json!(execution.id));
        if let Some(input) = &execution.input {
            about.insert("Input".to_owned(), input.clone());
        }
        about.insert("Name".to_owned(), json!(execution.name));
        if let Some(count) = execution.redrive_count {
            about.insert("RedriveCount".to_owned(), json!(count));
        }
        about.insert("RoleArn".to_owned(), json!(execution.role_arn));
        about.insert("StartTime".to_owned(), json!(execution.start_time.to_string()));
        let mut state = Map::new();
        state.insert("Name".to_owned(), json!(attempt.state));
        state.insert("EnteredTime".to_owned(), json!(attempt.entered.to_string()));
        let definition = self.machine.states(self.thread.machine).and_then(|states| states.get(&attempt.state));
        if definition.is_some_and(|state| matches!(state.kind, Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_))) {
            state.insert("RetryCount".to_owned(), json!(attempt.retry_count()));
        }
        let mut context = Map::new();
        context.insert("Execution".to_owned(), Value::Object(about));
        let machine = json!({ "Id": execution.state_machine_id, "Name": execution.state_machine_name });
        context.insert("StateMachine".to_owned(), machine);
        context.insert("State".to_owned(), Value::Object(state));
        if let Some(token) = &self.token {
            context.insert("Task".to_owned(), json!({ "Token": token }));
        }
        if let Some(child) = self.thread.child.as_ref().filter(|child| child.is_map) {
            let mut item = json!({ "Index": child.index, "Value": child.item });
            for (name, text) in [("Key", &child.key), ("Source", &child.origin)] {
                if let (Some(text), Some(item)) = (text, item.as_object_mut()) {
                    item.insert(name.to_owned(), json!(text));
                }
            }
            context.insert("Map".to_owned(), json!({ "Item": item }));
        }
        Value::Object(context)
    }
}

impl ContextObject for Context<'_> {
    fn value(&self) -> &Value {
        self.value.get_or_init(|| self.make())
    }
}
