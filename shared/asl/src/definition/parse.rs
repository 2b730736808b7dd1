//! Reading a definition from JSON or YAML.

use std::collections::HashMap;

use serde_json::Value;

use crate::Timestamp;
use crate::choice::Rule;
use crate::query::Expression;

use super::fields::{Diagnostic, Diagnostics, Fields, SCHEMA, below};
use super::graph;
use super::model::{
    Catcher, Choice, Duration, FailText, Kind, MachineId, MapState, ParallelState, Retrier, State, StateMachine,
    States, TaskState, Transition, Wait,
};

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
        let refuse = |message: String| {
            let mut diagnostics = Diagnostics::default();
            diagnostics.error("INVALID_JSON_DESCRIPTION", "/", message);
            DefinitionError { diagnostics: diagnostics.0 }
        };
        if text.len() > LARGEST {
            return Err(refuse(format!("the definition is {} bytes; the limit is {LARGEST}", text.len())));
        }
        let value: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|problem| refuse(format!("the definition is not JSON: {problem}")))?
        } else {
            serde_saphyr::from_str(text).map_err(|problem| refuse(format!("the definition is not YAML: {problem}")))?
        };
        Self::from_value(&value)
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
        let mut fields = Fields::new(value, String::new(), &mut self.diagnostics)?;
        let comment = fields.string("Comment", &mut self.diagnostics).map(ToOwned::to_owned);
        fields.take("Version");
        if let Some(language) = fields.string("QueryLanguage", &mut self.diagnostics)
            && language != "JSONPath"
        {
            let message = format!("'QueryLanguage' {language:?} is not available in this version; use \"JSONPath\"");
            self.diagnostics.error(SCHEMA, &fields.at("QueryLanguage"), message);
        }
        let timeout_seconds = fields.whole("TimeoutSeconds", 1.0..=LONGEST, &mut self.diagnostics);
        self.states(fields, "a definition")?;
        let machines = std::mem::take(&mut self.machines).into_iter().collect::<Option<Vec<_>>>()?;
        let warnings = self.diagnostics.0.clone();
        let reads_execution_input = reads_execution_input(value);
        Some(StateMachine { comment, timeout_seconds, reads_execution_input, warnings, machines })
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
        let pointer = fields.pointer.clone();
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
            states.extend(self.state(name, value, at));
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

    fn state(&mut self, name: &str, value: &Value, at: String) -> Option<State> {
        let mut fields = Fields::new(value, at, &mut self.diagnostics)?;
        let comment = fields.string("Comment", &mut self.diagnostics).map(ToOwned::to_owned);
        let kind_name = fields.required_string("Type", &mut self.diagnostics)?;
        if let Some(language) = fields.string("QueryLanguage", &mut self.diagnostics)
            && language != "JSONPath"
        {
            let message = format!("'QueryLanguage' {language:?} is not available in this version; use \"JSONPath\"");
            self.diagnostics.error(SCHEMA, &fields.at("QueryLanguage"), message);
        }
        let (mut input_path, mut output_path) = (super::Selection::Whole, super::Selection::Whole);
        if kind_name != "Fail" {
            input_path = fields.selection("InputPath", &mut self.diagnostics);
            output_path = fields.selection("OutputPath", &mut self.diagnostics);
        }
        let transition = match kind_name {
            "Choice" | "Succeed" | "Fail" => Some(Transition::End),
            _ => self.transition(&mut fields),
        };
        let kind = match kind_name {
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
        fields.finish(&format!("a {kind_name} state"), &mut self.diagnostics);
        Some(State { name: name.to_owned(), comment, input_path, output_path, transition: transition?, kind: kind? })
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
        let task = TaskState {
            resource: resource?,
            parameters: fields.template("Parameters", &mut self.diagnostics),
            result_selector: fields.template("ResultSelector", &mut self.diagnostics),
            result_path: fields.result_path(&mut self.diagnostics),
            timeout: fields.duration("TimeoutSeconds", "TimeoutSecondsPath", 1.0..=LONGEST, &mut self.diagnostics),
            heartbeat: fields.duration(
                "HeartbeatSeconds",
                "HeartbeatSecondsPath",
                1.0..=LONGEST,
                &mut self.diagnostics,
            ),
            retry: self.retry(fields),
            catch: self.catch(fields),
        };
        if let (Some(Duration::Fixed(beat)), Some(Duration::Fixed(timeout))) = (&task.heartbeat, &task.timeout)
            && beat >= timeout
        {
            let message = "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'";
            self.diagnostics.error(SCHEMA, &fields.at("HeartbeatSeconds"), message);
        }
        Some(Kind::Task(Box::new(task)))
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
            let at = below(&place, number);
            let next = entry.get("Next").and_then(Value::as_str).map(ToOwned::to_owned);
            if next.is_none() {
                self.diagnostics.error(SCHEMA, &at, "a choice needs 'Next', the name of a state");
            }
            match Rule::parse(entry, &at) {
                Ok(rule) => choices.extend(next.map(|next| Choice { rule, next })),
                Err(problems) => {
                    for problem in problems {
                        self.diagnostics.error(SCHEMA, &problem.pointer, problem.message);
                    }
                }
            }
        }
        Some(Kind::Choice { choices, default })
    }

    fn wait(&mut self, fields: &mut Fields<'_>) -> Option<Kind> {
        const FIELDS: [&str; 4] = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
        let given: Vec<&str> = FIELDS.into_iter().filter(|field| fields.has(field)).collect();
        if given.len() != 1 {
            let message = format!("a Wait state has exactly one of {}", FIELDS.join(", "));
            self.diagnostics.error(SCHEMA, &fields.pointer, message);
        }
        let seconds = fields.whole("Seconds", 0.0..=LONGEST, &mut self.diagnostics).map(Wait::Seconds);
        let seconds_path = fields.path("SecondsPath", &mut self.diagnostics).map(Wait::SecondsPath);
        let timestamp_path = fields.path("TimestampPath", &mut self.diagnostics).map(Wait::TimestampPath);
        let timestamp = fields.string("Timestamp", &mut self.diagnostics).and_then(|text| {
            let time = Timestamp::parse(text);
            if time.is_none() {
                let message = "'Timestamp' must be RFC 3339 with a 'T' and a zone, like 2026-01-31T09:30:00Z";
                self.diagnostics.error(SCHEMA, &fields.at("Timestamp"), message);
            }
            time.map(Wait::Timestamp)
        });
        seconds.or(seconds_path).or(timestamp).or(timestamp_path).map(Kind::Wait)
    }

    fn fail_text(&mut self, fields: &mut Fields<'_>, field: &'static str, path: &'static str) -> Option<FailText> {
        if fields.has(field) && fields.has(path) {
            self.diagnostics.error(SCHEMA, &fields.pointer, format!("'{field}' and '{path}' exclude each other"));
        }
        let fixed = fields.string(field, &mut self.diagnostics).map(|text| FailText::Fixed(text.to_owned()));
        if let Some(text) = fields.string(path, &mut self.diagnostics) {
            return match Expression::parse(text) {
                Ok(expression) => Some(FailText::Computed(expression)),
                Err(problem) => {
                    self.diagnostics.error(SCHEMA, &fields.at(path), problem.to_string());
                    None
                }
            };
        }
        fixed
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
            if let Some(mut branch) = Fields::new(entry, below(&place, number), &mut self.diagnostics) {
                branch.string("Comment", &mut self.diagnostics);
                branches.extend(self.states(branch, "a branch"));
            }
        }
        let parallel = ParallelState {
            parameters: fields.template("Parameters", &mut self.diagnostics),
            result_selector: fields.template("ResultSelector", &mut self.diagnostics),
            result_path: fields.result_path(&mut self.diagnostics),
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
        let mut processor = Fields::new(value, place, &mut self.diagnostics)?;
        processor.string("Comment", &mut self.diagnostics);
        if let Some(config) = processor.take("ProcessorConfig") {
            let mode = config.get("Mode").and_then(Value::as_str).unwrap_or("INLINE");
            if mode != "INLINE" {
                let message = format!("the mode {mode:?} is not available in this version; use \"INLINE\"");
                self.diagnostics.error(SCHEMA, &processor.at("ProcessorConfig"), message);
            }
        }
        let machine = self.states(processor, "an item processor");
        let selector = if fields.has("Parameters") { "Parameters" } else { "ItemSelector" };
        let map = MapState {
            items_path: fields.selection("ItemsPath", &mut self.diagnostics),
            item_selector: fields.template(selector, &mut self.diagnostics),
            max_concurrency: fields
                .duration("MaxConcurrency", "MaxConcurrencyPath", 0.0..=LONGEST, &mut self.diagnostics)
                .unwrap_or(Duration::Fixed(0.0)),
            result_selector: fields.template("ResultSelector", &mut self.diagnostics),
            result_path: fields.result_path(&mut self.diagnostics),
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
            let Some(mut retrier) = Fields::new(entry, below(&place, number), &mut self.diagnostics) else { continue };
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
            let Some(mut catcher) = Fields::new(entry, below(&place, number), &mut self.diagnostics) else { continue };
            catcher.string("Comment", &mut self.diagnostics);
            let error_equals = self.error_equals(&mut catcher, number == last);
            let next = catcher.required_string("Next", &mut self.diagnostics).map(ToOwned::to_owned);
            let result_path = catcher.result_path(&mut self.diagnostics);
            catcher.finish("a catcher", &mut self.diagnostics);
            catchers.extend(next.map(|next| Catcher { error_equals, next, result_path }));
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

/// Does some string under a `.$` key or a path field read `$$`, other than what is known not to hold the input?
fn reads_execution_input(value: &Value) -> bool {
    match value {
        Value::String(text) => text.match_indices("$$").any(|(at, _)| {
            let rest = text.get(at + 2..).unwrap_or_default();
            const NARROW: [&str; 7] = [
                ".Map.",
                ".State.",
                ".Task.",
                ".StateMachine.",
                ".Execution.Id",
                ".Execution.Name",
                ".Execution.StartTime",
            ];
            !NARROW.iter().any(|narrow| rest.starts_with(narrow))
        }),
        Value::Array(items) => items.iter().any(reads_execution_input),
        Value::Object(fields) => fields.values().any(reads_execution_input),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
