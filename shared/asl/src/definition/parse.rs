//! Reading a definition from JSON or YAML.

use std::collections::HashMap;

use serde_json::Value;

use crate::choice::Rule;
use crate::query::{Dynamic, Expression, QueryLanguage, Template};
use crate::{AttributeFields, FieldFault, Limits, PayloadLimit, Timestamp};

use super::distributed;
use super::fields::{Diagnostic, Diagnostics, Fields, SCHEMA, below};
use super::graph;
use super::model::{
    Catcher, Choice, Condition, Items, Kind, MachineId, MapState, ParallelState, ResultPath, Retrier, Selection, State,
    StateMachine, States, TaskState, Transition, Wait,
};
use super::resource::Resource;

/// Step Functions' limit on the size of a definition, 1 MiB; a larger one is refused before it is read.
const LARGEST: usize = 1024 * 1024;
/// State machines inside of state machines.
const DEEPEST: usize = 32;
/// 99999999 seconds: the longest wait and timeout that Step Functions takes.
const LONGEST: f64 = 99_999_999.0;

/// A definition that can't be executed, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the definition is not valid: {}", .diagnostics.first().map_or_else(String::new, |first| format!("{} at {}", first.message, first.location)))]
pub struct DefinitionError {
    /// At least one of them is an error.
    pub diagnostics: Vec<Diagnostic>,
}

impl StateMachine {
    /// Reads a definition from JSON or YAML text.
    ///
    /// # Errors
    /// With every diagnostic, when one of them is an error.
    pub fn parse(text: &str) -> Result<Self, DefinitionError> {
        Self::from_value(&Self::read(text)?)
    }

    /// The JSON value of a definition's text in JSON or YAML, whatever it defines.
    ///
    /// # Errors
    /// When the text is neither, or too long.
    pub fn read(text: &str) -> Result<Value, DefinitionError> {
        let refuse = |message: String| {
            let mut diagnostics = Diagnostics::default();
            diagnostics.error("INVALID_JSON_DESCRIPTION", "/", message);
            DefinitionError { diagnostics: diagnostics.0 }
        };
        if text.len() > LARGEST {
            return Err(refuse(format!("the definition is {} bytes; the limit is {LARGEST}", text.len())));
        }
        if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|problem| refuse(format!("the definition is not JSON: {problem}")))
        } else {
            serde_saphyr::from_str(text).map_err(|problem| refuse(format!("the definition is not YAML: {problem}")))
        }
    }

    /// Reads a definition from a JSON value.
    ///
    /// # Errors
    /// With every diagnostic, when one of them is an error.
    pub fn from_value(value: &Value) -> Result<Self, DefinitionError> {
        let mut reader = Reader::default();
        let machine = reader.definition(value);
        match machine {
            Some(machine) if !reader.diagnostics.has_errors() => Ok(machine),
            _ => Err(DefinitionError { diagnostics: reader.diagnostics.0 }),
        }
    }
}

#[derive(Default)]
struct Reader {
    diagnostics: Diagnostics,
    machines: Vec<Option<States>>,
    depth: usize,
    names: HashMap<String, String>,
}

impl Reader {
    fn definition(&mut self, value: &Value) -> Option<StateMachine> {
        let mut fields = Fields::new(value, String::new(), QueryLanguage::JsonPath, &mut self.diagnostics)?;
        let comment = fields.string("Comment", &mut self.diagnostics).map(ToOwned::to_owned);
        fields.take("Version");
        fields.query_language(&mut self.diagnostics);
        let timeout_seconds = fields.whole("TimeoutSeconds", 1.0..=LONGEST, &mut self.diagnostics);
        let payload_limit = self.payload_limit(&mut fields);
        let language = fields.language;
        let limits = fields.take("limits").and_then(|value| self.known(Limits::parse(value, language)));
        let attributes =
            fields.take("attributes").and_then(|value| self.known(AttributeFields::parse(value, language)));
        self.states(fields, "a definition")?;
        let machines = std::mem::take(&mut self.machines).into_iter().collect::<Option<Vec<_>>>()?;
        let warnings = self.diagnostics.0.clone();
        let reads_execution_input = reads_execution_input(value);
        let makes_tokens = machines
            .iter()
            .flat_map(|machine| &machine.states)
            .any(|state| matches!(&state.kind, Kind::Task(task) if Resource::of(&task.resource).has_token()));
        Some(StateMachine {
            comment,
            timeout_seconds,
            reads_execution_input,
            makes_tokens,
            payload_limit,
            limits,
            attributes: attributes.unwrap_or_default(),
            warnings,
            machines,
        })
    }

    fn known<T>(&mut self, read: Result<T, Vec<FieldFault>>) -> Option<T> {
        read.map_err(|faults| {
            for (place, message) in faults {
                self.diagnostics.error(SCHEMA, &place, message);
            }
        })
        .ok()
    }

    fn payload_limit(&mut self, fields: &mut Fields<'_>) -> Option<PayloadLimit> {
        match fields.string("payload_limit", &mut self.diagnostics)? {
            "aws" => Some(PayloadLimit::Aws),
            "none" => Some(PayloadLimit::None),
            other => {
                let message = format!("'payload_limit' is \"aws\" or \"none\", not {other:?}");
                self.diagnostics.error(SCHEMA, &fields.at("payload_limit"), message);
                None
            }
        }
    }

    fn states(&mut self, mut fields: Fields<'_>, kind: &str) -> Option<MachineId> {
        if self.depth >= DEEPEST {
            let message = format!("state machines nest more than {DEEPEST} deep");
            self.diagnostics.error(SCHEMA, &fields.pointer, message);
            return None;
        }
        let id = self.machines.len();
        self.machines.push(None);
        let start_at = fields.required_string("StartAt", &mut self.diagnostics).map(ToOwned::to_owned);
        let place = fields.at("States");
        let entries = match fields.take("States") {
            Some(Value::Object(entries)) if !entries.is_empty() => entries,
            Some(_) => {
                self.diagnostics.error(SCHEMA, &place, "'States' must be an object with at least one state");
                return None;
            }
            None => {
                self.diagnostics.error(SCHEMA, &fields.pointer, "'States' is missing");
                return None;
            }
        };
        let (pointer, language) = (fields.pointer.clone(), fields.language);
        fields.finish(kind, &mut self.diagnostics);
        self.depth += 1;
        let mut states = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let at = below(&place, name);
            if name.is_empty() || name.chars().count() > 80 {
                self.diagnostics.error(SCHEMA, &at, "a state's name has 1 to 80 characters");
            }
            if let Some(other) = self.names.insert(name.clone(), at.clone()) {
                let message = format!("the name '{name}' is taken by the state at {other}; names are unique");
                self.diagnostics.error("DUPLICATE_STATE_NAME", &at, message);
            }
            states.extend(self.state(name, value, at, language));
        }
        self.depth -= 1;
        let index = states.iter().enumerate().map(|(place, state)| (state.name.clone(), place)).collect();
        let complete = states.len() == entries.len();
        let machine = States { start_at: start_at?, states, index };
        if complete {
            graph::check(&machine, &pointer, &mut self.diagnostics);
        }
        if let Some(slot) = self.machines.get_mut(id) {
            *slot = Some(machine);
        }
        MachineId::try_from(id).ok()
    }

    fn state(&mut self, name: &str, value: &Value, at: String, language: QueryLanguage) -> Option<State> {
        let mut fields = Fields::new(value, at, language, &mut self.diagnostics)?;
        let comment = fields.string("Comment", &mut self.diagnostics).map(ToOwned::to_owned);
        let kind_name = fields.required_string("Type", &mut self.diagnostics)?;
        fields.query_language(&mut self.diagnostics);
        let (mut input_path, mut output_path) = (Selection::Whole, Selection::Whole);
        let (mut assign, mut output) = (None, None);
        if kind_name != "Fail" {
            if fields.in_jsonata() {
                output = fields.template("Output", &mut self.diagnostics);
            } else {
                input_path = fields.selection("InputPath", &mut self.diagnostics);
                output_path = fields.selection("OutputPath", &mut self.diagnostics);
            }
            if kind_name != "Succeed" {
                assign = fields.assign(&mut self.diagnostics);
            }
        }
        let transition = match kind_name {
            "Choice" | "Succeed" | "Fail" => Some(Transition::End),
            _ => self.transition(&mut fields),
        };
        let kind = match kind_name {
            "Pass" if fields.in_jsonata() => {
                Some(Kind::Pass { result: None, parameters: None, result_path: ResultPath::Whole })
            }
            "Pass" => Some(Kind::Pass {
                result: fields.take("Result").cloned(),
                parameters: fields.template("Parameters", &mut self.diagnostics),
                result_path: fields.result_path(&mut self.diagnostics),
            }),
            "Task" => self.task(&mut fields),
            "Choice" => self.choice(&mut fields),
            "Wait" => self.wait(&mut fields),
            "Succeed" => Some(Kind::Succeed),
            "Fail" => Some(Kind::Fail {
                error: self.fail_text(&mut fields, "Error", "ErrorPath"),
                cause: self.fail_text(&mut fields, "Cause", "CausePath"),
            }),
            "Parallel" => self.parallel(&mut fields),
            "Map" => self.map(&mut fields),
            other => {
                let message = format!(
                    "'{other}' is not a type of state; the types are Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map"
                );
                self.diagnostics.error(SCHEMA, &fields.at("Type"), message);
                return None;
            }
        };
        let fields_language = fields.language;
        fields.finish(&format!("a {kind_name} state"), &mut self.diagnostics);
        Some(State {
            name: name.to_owned(),
            comment,
            language: fields_language,
            input_path,
            output_path,
            assign,
            output,
            transition: transition?,
            kind: kind?,
        })
    }

    fn transition(&mut self, fields: &mut Fields<'_>) -> Option<Transition> {
        let next = fields.string("Next", &mut self.diagnostics).map(ToOwned::to_owned);
        let end = fields.boolean("End", &mut self.diagnostics);
        match (next, end) {
            (Some(next), None | Some(false)) => Some(Transition::Next(next)),
            (None, Some(true)) => Some(Transition::End),
            _ => {
                self.diagnostics.error(SCHEMA, &fields.pointer, "a state has either 'Next' or 'End': true");
                None
            }
        }
    }

    fn task(&mut self, fields: &mut Fields<'_>) -> Option<Kind> {
        let resource = fields.required_string("Resource", &mut self.diagnostics).map(ToOwned::to_owned);
        if resource.as_ref().is_some_and(String::is_empty) {
            self.diagnostics.error(SCHEMA, &fields.at("Resource"), "'Resource' must name what does the task");
        }
        let (parameters, result_selector, result_path) = self.payload(fields);
        let task = TaskState {
            resource: resource?,
            parameters,
            credentials: fields.template("Credentials", &mut self.diagnostics),
            result_selector,
            result_path,
            timeout: fields.dynamic_whole("TimeoutSeconds", "TimeoutSecondsPath", 1.0..=LONGEST, &mut self.diagnostics),
            heartbeat: fields.dynamic_whole(
                "HeartbeatSeconds",
                "HeartbeatSecondsPath",
                1.0..=LONGEST,
                &mut self.diagnostics,
            ),
            retry: self.retry(fields),
            catch: self.catch(fields),
        };
        if let (Some(Dynamic::Fixed(beat)), Some(Dynamic::Fixed(timeout))) = (&task.heartbeat, &task.timeout)
            && beat >= timeout
        {
            let message = "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'";
            self.diagnostics.error(SCHEMA, &fields.at("HeartbeatSeconds"), message);
        }
        Some(Kind::Task(Box::new(task)))
    }

    /// `Arguments`, or `Parameters`, `ResultSelector` and `ResultPath`.
    fn payload(&mut self, fields: &mut Fields<'_>) -> (Option<Template>, Option<Template>, ResultPath) {
        if fields.in_jsonata() {
            return (fields.template("Arguments", &mut self.diagnostics), None, ResultPath::Whole);
        }
        let parameters = fields.template("Parameters", &mut self.diagnostics);
        let result_selector = fields.template("ResultSelector", &mut self.diagnostics);
        (parameters, result_selector, fields.result_path(&mut self.diagnostics))
    }

    fn choice(&mut self, fields: &mut Fields<'_>) -> Option<Kind> {
        let place = fields.at("Choices");
        let default = fields.string("Default", &mut self.diagnostics).map(ToOwned::to_owned);
        let entries = fields.array("Choices", &mut self.diagnostics).filter(|entries| !entries.is_empty());
        let Some(entries) = entries else {
            self.diagnostics.error(SCHEMA, &place, "'Choices' must be an array with at least one rule");
            return None;
        };
        let mut choices = Vec::with_capacity(entries.len());
        for (number, entry) in entries.iter().enumerate() {
            choices.extend(self.rule(entry, below(&place, number), fields.language));
        }
        Some(Kind::Choice { choices, default })
    }

    fn rule(&mut self, entry: &Value, at: String, language: QueryLanguage) -> Option<Choice> {
        let mut fields = Fields::new(entry, at, language, &mut self.diagnostics)?;
        let next = fields.take("Next").and_then(Value::as_str).map(ToOwned::to_owned);
        if next.is_none() {
            self.diagnostics.error(SCHEMA, &fields.pointer, "a choice needs 'Next', the name of a state");
        }
        let assign = fields.assign(&mut self.diagnostics);
        if language == QueryLanguage::Jsonata {
            fields.string("Comment", &mut self.diagnostics);
            let output = fields.template("Output", &mut self.diagnostics);
            if !fields.has("Condition") {
                self.diagnostics.error(SCHEMA, &fields.pointer, "'Condition' is missing");
            }
            let condition = fields.dynamic("Condition", "", &mut self.diagnostics, |fields, diagnostics| {
                fields.boolean("Condition", diagnostics)
            });
            fields.finish("a choice", &mut self.diagnostics);
            return Some(Choice { condition: Condition::Condition(condition?), next: next?, assign, output });
        }
        match Rule::parse(entry, &fields.pointer) {
            Ok(rule) => Some(Choice { condition: Condition::Rule(rule), next: next?, assign, output: None }),
            Err(problems) => {
                for problem in problems {
                    self.diagnostics.error(SCHEMA, &problem.pointer, problem.message);
                }
                None
            }
        }
    }

    fn wait(&mut self, fields: &mut Fields<'_>) -> Option<Kind> {
        const FIELDS: [&str; 4] = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
        let known = if fields.in_jsonata() { ["Seconds", "", "Timestamp", ""] } else { FIELDS };
        let given = known.into_iter().filter(|field| fields.has(field)).count();
        if given != 1 {
            let known: Vec<&str> = known.into_iter().filter(|field| !field.is_empty()).collect();
            let message = format!("a Wait state has exactly one of {}", known.join(", "));
            self.diagnostics.error(SCHEMA, &fields.pointer, message);
        }
        let seconds = fields.dynamic_whole("Seconds", "SecondsPath", 0.0..=LONGEST, &mut self.diagnostics);
        let timestamp = fields.dynamic("Timestamp", "TimestampPath", &mut self.diagnostics, |fields, diagnostics| {
            let time = Timestamp::parse(fields.string("Timestamp", diagnostics)?);
            if time.is_none() {
                let message = "'Timestamp' must be RFC 3339 with a 'T' and a zone, like 2026-01-31T09:30:00Z";
                diagnostics.error(SCHEMA, &fields.at("Timestamp"), message);
            }
            time
        });
        seconds.map(Wait::Seconds).or_else(|| timestamp.map(Wait::Timestamp)).map(Kind::Wait)
    }

    fn fail_text(
        &mut self,
        fields: &mut Fields<'_>,
        field: &'static str,
        path: &'static str,
    ) -> Option<Dynamic<String>> {
        let text = |fields: &mut Fields<'_>, diagnostics: &mut Diagnostics| {
            fields.string(field, diagnostics).map(ToOwned::to_owned)
        };
        if fields.in_jsonata() || !fields.has(path) {
            return fields.dynamic(field, "", &mut self.diagnostics, text);
        }
        if fields.has(field) {
            self.diagnostics.error(SCHEMA, &fields.pointer, format!("'{field}' and '{path}' exclude each other"));
        }
        text(fields, &mut self.diagnostics);
        match Expression::parse(fields.string(path, &mut self.diagnostics)?) {
            Ok(expression) => Some(Dynamic::Computed(expression)),
            Err(problem) => {
                self.diagnostics.error(SCHEMA, &fields.at(path), problem.to_string());
                None
            }
        }
    }

    fn parallel(&mut self, fields: &mut Fields<'_>) -> Option<Kind> {
        let place = fields.at("Branches");
        let entries = fields.array("Branches", &mut self.diagnostics).filter(|entries| !entries.is_empty());
        let Some(entries) = entries else {
            self.diagnostics.error(SCHEMA, &place, "'Branches' must be an array with at least one branch");
            return None;
        };
        let mut branches = Vec::with_capacity(entries.len());
        for (number, entry) in entries.iter().enumerate() {
            if let Some(mut branch) = Fields::new(entry, below(&place, number), fields.language, &mut self.diagnostics)
            {
                branch.string("Comment", &mut self.diagnostics);
                branches.extend(self.states(branch, "a branch"));
            }
        }
        let (parameters, result_selector, result_path) = self.payload(fields);
        let parallel = ParallelState {
            parameters,
            result_selector,
            result_path,
            retry: self.retry(fields),
            catch: self.catch(fields),
            branches,
        };
        Some(Kind::Parallel(Box::new(parallel)))
    }

    fn map(&mut self, fields: &mut Fields<'_>) -> Option<Kind> {
        let field = if fields.has("Iterator") { "Iterator" } else { "ItemProcessor" };
        let place = fields.at(field);
        let Some(value) = fields.take(field) else {
            self.diagnostics.error(SCHEMA, &fields.pointer, "'ItemProcessor' is missing");
            return None;
        };
        let mut processor = Fields::new(value, place, fields.language, &mut self.diagnostics)?;
        processor.string("Comment", &mut self.diagnostics);
        let config = distributed::processor(&mut processor, &mut self.diagnostics);
        let machine = self.states(processor, "an item processor");
        let (items, selector) = if fields.in_jsonata() {
            let items = fields.template("Items", &mut self.diagnostics);
            (items.map_or(Items::Path(Selection::Whole), Items::Template), "ItemSelector")
        } else {
            let selector = if fields.has("Parameters") { "Parameters" } else { "ItemSelector" };
            (Items::Path(fields.selection("ItemsPath", &mut self.diagnostics)), selector)
        };
        let item_selector = fields.template(selector, &mut self.diagnostics);
        let (result_selector, result_path) = if fields.in_jsonata() {
            (None, ResultPath::Whole)
        } else {
            (fields.template("ResultSelector", &mut self.diagnostics), fields.result_path(&mut self.diagnostics))
        };
        let map = MapState {
            distributed: distributed::distributed(fields, config, &mut self.diagnostics),
            items,
            item_selector,
            max_concurrency: fields
                .dynamic_whole("MaxConcurrency", "MaxConcurrencyPath", 0.0..=LONGEST, &mut self.diagnostics)
                .unwrap_or(Dynamic::Fixed(0.0)),
            result_selector,
            result_path,
            retry: self.retry(fields),
            catch: self.catch(fields),
            processor: machine?,
        };
        Some(Kind::Map(Box::new(map)))
    }

    fn retry(&mut self, fields: &mut Fields<'_>) -> Vec<Retrier> {
        let place = fields.at("Retry");
        let entries = fields.array("Retry", &mut self.diagnostics).cloned().unwrap_or_default();
        let last = entries.len().saturating_sub(1);
        let mut retriers = Vec::with_capacity(entries.len());
        for (number, entry) in entries.iter().enumerate() {
            let Some(mut retrier) = Fields::new(entry, below(&place, number), fields.language, &mut self.diagnostics)
            else {
                continue;
            };
            retrier.string("Comment", &mut self.diagnostics);
            let error_equals = self.error_equals(&mut retrier, number == last);
            let jitter = retrier.string("JitterStrategy", &mut self.diagnostics);
            if let Some(other) = jitter.filter(|jitter| !matches!(*jitter, "FULL" | "NONE")) {
                let message = format!("'JitterStrategy' is \"FULL\" or \"NONE\", not {other:?}");
                self.diagnostics.error(SCHEMA, &retrier.at("JitterStrategy"), message);
            }
            let attempts = retrier.whole("MaxAttempts", 0.0..=LONGEST, &mut self.diagnostics).unwrap_or(3.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
            retriers.push(Retrier {
                error_equals,
                interval_seconds: retrier.whole("IntervalSeconds", 1.0..=LONGEST, &mut self.diagnostics).unwrap_or(1.0),
                max_attempts: attempts as u64,
                backoff_rate: retrier.number("BackoffRate", 1.0..=LONGEST, &mut self.diagnostics).unwrap_or(2.0),
                max_delay_seconds: retrier.whole("MaxDelaySeconds", 1.0..=31_622_400.0, &mut self.diagnostics),
                full_jitter: jitter == Some("FULL"),
            });
            retrier.finish("a retrier", &mut self.diagnostics);
        }
        retriers
    }

    fn catch(&mut self, fields: &mut Fields<'_>) -> Vec<Catcher> {
        let place = fields.at("Catch");
        let entries = fields.array("Catch", &mut self.diagnostics).cloned().unwrap_or_default();
        let last = entries.len().saturating_sub(1);
        let mut catchers = Vec::with_capacity(entries.len());
        for (number, entry) in entries.iter().enumerate() {
            let Some(mut catcher) = Fields::new(entry, below(&place, number), fields.language, &mut self.diagnostics)
            else {
                continue;
            };
            catcher.string("Comment", &mut self.diagnostics);
            let error_equals = self.error_equals(&mut catcher, number == last);
            let next = catcher.required_string("Next", &mut self.diagnostics).map(ToOwned::to_owned);
            let assign = catcher.assign(&mut self.diagnostics);
            let (output, result_path) = if catcher.in_jsonata() {
                (catcher.template("Output", &mut self.diagnostics), ResultPath::Whole)
            } else {
                (None, catcher.result_path(&mut self.diagnostics))
            };
            catcher.finish("a catcher", &mut self.diagnostics);
            catchers.extend(next.map(|next| Catcher { error_equals, next, result_path, assign, output }));
        }
        catchers
    }

    fn error_equals(&mut self, fields: &mut Fields<'_>, is_last: bool) -> Vec<String> {
        let place = fields.at("ErrorEquals");
        let entries = fields.array("ErrorEquals", &mut self.diagnostics);
        let names: Option<Vec<String>> =
            entries.map(|entries| entries.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect());
        match names {
            Some(names) if !names.is_empty() && entries.is_some_and(|entries| entries.len() == names.len()) => {
                if names.iter().any(|name| name == "States.ALL") && (names.len() > 1 || !is_last) {
                    self.diagnostics.error(SCHEMA, &place, "'States.ALL' must stand alone and in the last entry");
                }
                names
            }
            _ => {
                self.diagnostics.error(SCHEMA, &place, "'ErrorEquals' must be an array with at least one error name");
                Vec::new()
            }
        }
    }
}

/// Does some text of a path field or under a `.$` key read `$$`, or an expression `$states.context`, other than what is
/// known not to hold the input?
fn reads_execution_input(value: &Value) -> bool {
    const NARROW: [&str; 9] = [
        ".Map.",
        ".State.",
        ".Task.",
        ".StateMachine.",
        ".Execution.Id",
        ".Execution.Name",
        ".Execution.RedriveCount",
        ".Execution.RoleArn",
        ".Execution.StartTime",
    ];
    const OTHERS: [&str; 3] = [".input", ".result", ".errorOutput"];
    match value {
        Value::String(text) if text.starts_with("{%") => text.match_indices("$states").any(|(at, found)| {
            let rest = text.get(at + found.len()..).unwrap_or_default();
            let narrow =
                rest.strip_prefix(".context").is_some_and(|rest| NARROW.iter().any(|narrow| rest.starts_with(narrow)));
            !narrow && !OTHERS.iter().any(|other| rest.starts_with(other))
        }),
        Value::String(text) => text.match_indices("$$").any(|(at, found)| {
            let rest = text.get(at + found.len()..).unwrap_or_default();
            !NARROW.iter().any(|narrow| rest.starts_with(narrow))
        }),
        Value::Array(items) => items.iter().any(reads_execution_input),
        Value::Object(fields) => fields.values().any(reads_execution_input),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
