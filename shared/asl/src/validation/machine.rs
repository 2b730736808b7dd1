//! State machines: the whole definition, branches and item processors.

use std::collections::HashSet;

use serde_json::Value;

use crate::query::QueryLanguage;
use crate::start_fields::{AttributeFields, Limits};

use super::report::{At, Report, SCHEMA};
use super::scalars::{Fields, LONGEST};
use super::{WorkflowType, graph};

/// State machines inside of state machines.
const DEEPEST: usize = 32;
/// The most characters in the name of a state.
const LONGEST_NAME: usize = 80;

/// What is known while a definition is walked.
pub(super) struct Checker {
    pub(super) report: Report,
    /// The query language of the whole definition: states that name none have it, however deep.
    pub(super) language: QueryLanguage,
    /// Whether tasks at this place run in an express workflow.
    pub(super) express: bool,
    pub(super) labels: HashSet<String>,
    /// The whole definition's type.
    pub(super) workflow_type: WorkflowType,
    names: HashSet<String>,
    depth: usize,
}

/// What a state machine is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Branch,
    ItemProcessor,
}

impl Part {
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Whole => &[
                "Comment",
                "StartAt",
                "States",
                "Version",
                "TimeoutSeconds",
                "QueryLanguage",
                "payload_limit",
                "limits",
                "attributes",
            ],
            Self::Branch => &["Comment", "StartAt", "States"],
            Self::ItemProcessor => &["Comment", "StartAt", "States", "ProcessorConfig"],
        }
    }
}

impl Checker {
    pub(super) fn new(workflow_type: WorkflowType) -> Self {
        Self {
            report: Report::default(),
            language: QueryLanguage::JsonPath,
            express: workflow_type == WorkflowType::Express,
            labels: HashSet::new(),
            workflow_type,
            names: HashSet::new(),
            depth: 0,
        }
    }

    pub(super) fn definition(&mut self, value: &Value) {
        let Value::Object(object) = value else {
            self.report.error_elsewhere(SCHEMA, None, "Definition must be a valid JSON object");
            return;
        };
        let at = At::default();
        self.language = self.language_of(object, &at).unwrap_or_default();
        self.machine(object, Part::Whole, &at);
        self.string_field(object, "Version", &at);
        self.integer(object, "TimeoutSeconds", (1, LONGEST), QueryLanguage::JsonPath, &at);
        self.choice_of(object, "payload_limit", &["aws", "none"], &at);
        let limits = object.get("limits").and_then(|limits| Limits::parse(limits, self.language).err());
        let attributes =
            object.get("attributes").and_then(|fields| AttributeFields::parse(fields, self.language).err());
        for (place, message) in [limits, attributes].into_iter().flatten().flatten() {
            self.report.error_elsewhere(SCHEMA, Some(place), message);
        }
        if !self.report.has_errors() {
            graph::check(object, &at, &mut self.report);
        }
    }

    /// One state, without what it leads to.
    pub(super) fn single_state(&mut self, name: &str, state: &Value) {
        let at = At::default().field("States").field(name);
        self.state(name, state, &at);
        if !self.report.has_errors() {
            graph::nested(state, &at, &mut self.report);
        }
    }

    /// The query language that an object names. Whatever is not "JSONPath" counts as JSONata, as in the service.
    pub(super) fn language_of(&mut self, object: &Fields, at: &At) -> Option<QueryLanguage> {
        let named = object.get("QueryLanguage")?;
        self.choice_of(object, "QueryLanguage", &["JSONPath", "JSONata"], at);
        Some(if named == "JSONPath" { QueryLanguage::JsonPath } else { QueryLanguage::Jsonata })
    }

    pub(super) fn machine(&mut self, object: &Fields, part: Part, at: &At) {
        if self.depth >= DEEPEST {
            let message = format!("State machines are nested more than {DEEPEST} levels deep");
            self.report.error("TOO_DEEPLY_NESTED", at, message);
            return;
        }
        self.only(object, part.fields(), at);
        self.require(object, &["States", "StartAt"], at);
        self.string_field(object, "Comment", at);
        self.string_field(object, "StartAt", at);
        let place = at.field("States");
        let Some(states) = object.get("States").and_then(|states| self.object(states, &place)) else { return };
        if states.is_empty() {
            self.report.schema(&place, "Value cannot be empty");
        }
        self.depth += 1;
        for (name, state) in states {
            let here = place.field(name);
            self.name(name, &here);
            self.state(name, state, &here);
        }
        self.depth -= 1;
    }

    fn name(&mut self, name: &str, at: &At) {
        if name.is_empty() {
            self.report.error("INVALID_STATE_NAME", at, "State name cannot be empty");
        }
        if name.chars().count() > LONGEST_NAME {
            let message = format!("State name exceeds the maximum length of {LONGEST_NAME} characters");
            self.report.error("INVALID_STATE_NAME", at, message);
        }
        if !self.names.insert(name.to_owned()) {
            self.report.error("DUPLICATE_STATE_NAME", at, format!("Duplicate State name: {name}"));
        }
    }
}
