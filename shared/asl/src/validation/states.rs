//! States: what is common to all types, and the simple types.

use serde_json::Value;

use crate::query::QueryLanguage;

use super::fields::{self, In, TYPES};
use super::machine::{Checker, Part};
use super::report::At;
use super::scalars::{Fields, LONGEST};

impl Checker {
    pub(super) fn state(&mut self, name: &str, value: &Value, at: &At) {
        let Some(state) = self.object(value, at) else { return };
        let named = self.language_of(state, at);
        if named == Some(QueryLanguage::JsonPath) && self.language == QueryLanguage::Jsonata {
            self.report.schema(at, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine");
        }
        let language = named.unwrap_or(self.language);
        self.string_field(state, "Comment", at);
        if !state.contains_key("Type") {
            self.require(state, &["Type"], at);
            return;
        }
        let Some(kind) = self.choice_of(state, "Type", &TYPES, at) else { return };
        let refused = self.fields(kind, state, language, at);
        if kind == "Task" {
            self.require(state, &["Resource"], at);
        }
        if !matches!(kind, "Choice" | "Succeed" | "Fail") {
            self.transition(state, at);
        }
        if !refused {
            self.content(name, kind, state, language, at);
        }
    }

    /// Refuses the fields that the state's type doesn't have in this language. Whether there were any of the other
    /// language: what they hold is not looked at then.
    fn fields(&mut self, kind: &str, state: &Fields, language: QueryLanguage, at: &At) -> bool {
        let mut refused = false;
        for field in state.keys() {
            match fields::place(kind, field) {
                Some(In::Both) => {}
                Some(In::Only(only)) if only == language => {}
                Some(In::Only(only)) => {
                    refused = true;
                    let message = format!(
                        "The QueryLanguage is set to '{}', but field '{field}' is only supported for the '{}' QueryLanguage",
                        language.name(),
                        only.name()
                    );
                    self.report.schema(at, message);
                }
                None => self.unsupported(field, at),
            }
        }
        refused
    }

    fn transition(&mut self, state: &Fields, at: &At) {
        self.string_field(state, "Next", at);
        let end = self.boolean_field(state, "End", at);
        match (state.contains_key("Next"), end) {
            (true, Some(true)) => {
                self.report.schema(at, "Only one of these fields can be specified: [Next, End]");
            }
            (false, None | Some(false)) => {
                self.report.schema(at, "One of these fields is required: [Next, End]");
            }
            _ => {}
        }
    }

    fn content(&mut self, name: &str, kind: &str, state: &Fields, language: QueryLanguage, at: &At) {
        for field in ["InputPath", "OutputPath"] {
            self.selection(state, field, at);
        }
        self.result_path(state, at);
        for field in ["Parameters", "ResultSelector", "Arguments", "Output"] {
            self.template(state, field, language, at);
        }
        self.assign(state, language, at);
        match kind {
            "Task" => self.task(state, language, at),
            "Pass" => self.pass(state, at),
            "Wait" => self.wait(state, language, at),
            "Choice" => self.choice(state, language, at),
            "Fail" => self.fail(state, language, at),
            "Parallel" => self.parallel(state, at),
            "Map" => self.map(name, state, language, at),
            _ => {}
        }
        self.retriers(state, at);
        self.catchers(state, language, at);
    }

    fn pass(&mut self, state: &Fields, at: &At) {
        if let Some(result) = state.get("Result")
            && super::template::holds_paths(result)
        {
            let message = "The field 'Result' is static: paths and intrinsic functions in it are not evaluated";
            self.report.warning("PASS_RESULT_IS_STATIC", &at.field("Result"), message);
        }
    }

    fn wait(&mut self, state: &Fields, language: QueryLanguage, at: &At) {
        let fields: &[&str] = match language {
            QueryLanguage::JsonPath => &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"],
            QueryLanguage::Jsonata => &["Seconds", "Timestamp"],
        };
        if self.exclusive(state, fields, at) == 0 {
            self.report.schema(at, format!("One of these fields is required: [{}]", fields.join(", ")));
        }
        self.integer(state, "Seconds", (0, LONGEST), language, at);
        self.timestamp(state, "Timestamp", language, at);
        self.path(state, "SecondsPath", at);
        self.path(state, "TimestampPath", at);
    }

    fn fail(&mut self, state: &Fields, language: QueryLanguage, at: &At) {
        for (field, path) in [("Error", "ErrorPath"), ("Cause", "CausePath")] {
            self.exclusive(state, &[field, path], at);
            self.path_or_intrinsic(state, path, at);
            if let Some(value) = state.get(field)
                && !self.is_expression(value, language, &at.field(field))
            {
                self.string(value, &at.field(field));
                if language == QueryLanguage::JsonPath {
                    self.warn_path(state, field, at);
                }
            }
        }
    }

    fn parallel(&mut self, state: &Fields, at: &At) {
        self.require(state, &["Branches"], at);
        let place = at.field("Branches");
        let Some(branches) = state.get("Branches").and_then(|branches| self.array(branches, &place)) else { return };
        if branches.is_empty() {
            self.report.schema(&place, "Value cannot be empty");
        }
        for (index, branch) in branches.iter().enumerate() {
            let here = place.item(index);
            if let Some(branch) = self.object(branch, &here) {
                self.machine(branch, Part::Branch, &here);
            }
        }
    }
}
