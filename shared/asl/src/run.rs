//! The loop that runs a thread, and what all states share: paths, transitions, `Retry`, `Catch`, the context object.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::decide::{Decision, Effect};
use crate::definition::{Catcher, Kind, MachineId, ResultPath, Retrier, Selection, State, StateMachine, Transition};
use crate::history::{EventType, HistoryEvent};
use crate::probe::Probe;
use crate::query::{
    Dynamic, Entropy, Found, JsonType, QUERY_EVALUATION_ERROR, QueryFailure, QueryLanguage, Scope, Template,
};
use crate::snapshot::{Attempt, Failure, Moment, Outcome, Position, Snapshot, StepId};
use crate::states;

/// What a state leads to.
#[derive(Debug)]
pub(crate) enum Step {
    /// Another state of the same machine.
    Enter { state: String, input: Value },
    /// Waiting.
    Stand(Position),
    /// The end of the thread.
    End(Outcome),
}

/// The variables that a state assigns when it is left.
#[derive(Debug, Default)]
pub(crate) struct Assigned(Map<String, Value>);

/// What an event weighs besides its values, about.
const EVENT_WEIGHT: usize = 256;

/// A decision that has recorded so much goes on in another one: 8 MiB.
const WEIGHT_A_DECISION: usize = 8 * 1024 * 1024;

/// About how many bytes a value takes.
pub(crate) fn weigh(value: &Value) -> usize {
    const NODE: usize = 32;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => NODE,
        Value::String(text) => NODE + text.len(),
        Value::Array(items) => items.iter().map(weigh).fold(NODE, usize::saturating_add),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| name.len() + weigh(value)).fold(NODE, usize::saturating_add)
        }
    }
}

/// One decision in the making.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) machine: &'a StateMachine,
    pub(crate) moment: Moment,
    /// Events of the thread's log before this decision.
    pub(crate) events_before: u64,
    pub(crate) entropy: Entropy,
    pub(crate) history: Vec<HistoryEvent>,
    /// The event that leads to the next one.
    pub(crate) last: Option<u32>,
    pub(crate) effects: Vec<Effect>,
    /// How many more states may be entered.
    pub(crate) budget: u32,
    /// About how many bytes this decision has recorded, its children's included.
    pub(crate) weight: usize,
    /// `$$.Task.Token`, while the parameters of a task that has one are evaluated.
    pub(crate) token: Option<String>,
    /// Another name by which `Retry` and `Catch` know the failure at hand.
    pub(crate) also_named: Option<&'static str>,
    /// What watches a state that is run by itself.
    pub(crate) probe: Option<Box<Probe>>,
    /// Activities that don't exist.
    pub(crate) missing: Vec<String>,
}

impl From<QueryFailure> for Failure {
    fn from(failure: QueryFailure) -> Self {
        Self::new(failure.error, failure.cause)
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(machine: &'a StateMachine, moment: Moment, budget: u32) -> Self {
        Self {
            machine,
            moment,
            events_before: 0,
            entropy: Entropy::from_u64(moment.seed),
            history: Vec::new(),
            last: None,
            effects: Vec::new(),
            budget,
            weight: 0,
            token: None,
            also_named: None,
            probe: None,
            missing: Vec::new(),
        }
    }

    /// Records an event that leads to the next one.
    pub(crate) fn record(&mut self, kind: EventType, details: Map<String, Value>) {
        self.note(kind, details);
        self.last = u32::try_from(self.history.len()).ok().and_then(|length| length.checked_sub(1));
    }

    /// Records an event that ends a side line: the next one follows from what led to this one.
    pub(crate) fn note(&mut self, kind: EventType, details: Map<String, Value>) {
        self.weight += details.values().map(weigh).fold(EVENT_WEIGHT, usize::saturating_add);
        self.history.push(HistoryEvent { kind, details, previous: self.last });
    }

    pub(crate) fn record_state(&mut self, kind: EventType, state: &str, field: &str, value: &Value) {
        let mut details = Map::new();
        details.insert("name".to_owned(), Value::String(state.to_owned()));
        details.insert(field.to_owned(), value.clone());
        self.record(kind, details);
    }

    pub(crate) fn first_state(&self, machine: MachineId, input: Value) -> Step {
        match self.machine.states(machine) {
            Some(states) => Step::Enter { state: states.start_at.clone(), input },
            None => Step::End(Outcome::Failed { failure: broken("its state machine") }),
        }
    }

    /// Runs a thread until it waits or ends.
    pub(crate) fn finish(self, thread: Snapshot, first: Step) -> Decision {
        self.finish_weighed(thread, first).0
    }

    /// The same, with the weight of what was recorded.
    pub(crate) fn finish_weighed(mut self, mut thread: Snapshot, first: Step) -> (Decision, usize) {
        let mut step = first;
        loop {
            match step {
                Step::Enter { state, input } if self.budget == 0 || self.weight >= WEIGHT_A_DECISION => {
                    let id = next_step(&mut thread);
                    self.effects.push(Effect::SetTimer { id, at: self.moment.now });
                    thread.position = Position::Ready { id, state, input };
                    break;
                }
                Step::Enter { state, input } => {
                    self.budget -= 1;
                    step = self.enter(&mut thread, state, input);
                }
                Step::Stand(position) => {
                    thread.position = position;
                    break;
                }
                Step::End(outcome) => {
                    self.end(&thread, &outcome);
                    thread.position = Position::Ended { outcome };
                    break;
                }
            }
        }
        thread.events = self.events_before + self.history.len() as u64;
        (Decision { snapshot: thread, history: self.history, effects: self.effects }, self.weight)
    }

    fn enter(&mut self, thread: &mut Snapshot, name: String, input: Value) -> Step {
        let Some(state) = self.machine.states(thread.machine).and_then(|states| states.get(&name)) else {
            return Step::End(Outcome::Failed { failure: broken(&name) });
        };
        self.record_state(states::entered(&state.kind), &name, "input", &input);
        let event = self.events_before + self.history.len() as u64;
        let attempt = Attempt { state: name, input, entered: self.moment.now, event, retries: Vec::new() };
        self.attempt(thread, attempt)
    }

    /// The definition of the state that an attempt is at.
    pub(crate) fn state_of(&self, thread: &Snapshot, attempt: &Attempt) -> Option<&'a State> {
        self.machine.states(thread.machine)?.get(&attempt.state)
    }

    /// Does a state's work, for the first time or again.
    pub(crate) fn attempt(&mut self, thread: &mut Snapshot, attempt: Attempt) -> Step {
        let Some(state) = self.state_of(thread, &attempt) else {
            return Step::End(Outcome::Failed { failure: broken(&attempt.state) });
        };
        if let Err(failure) = self.has_room(thread) {
            return Step::End(Outcome::Failed { failure });
        }
        match &state.kind {
            Kind::Pass { result, parameters, result_path } => {
                states::pass::run(self, thread, state, &attempt, result.as_ref(), parameters.as_ref(), result_path)
            }
            Kind::Task(task) => states::task::run(self, thread, state, task, attempt),
            Kind::Choice { choices, default } => {
                states::choice::run(self, thread, state, &attempt, choices, default.as_deref())
            }
            Kind::Wait(wait) => states::wait::run(self, thread, state, wait, attempt),
            Kind::Succeed => self.pass_on(thread, &attempt),
            Kind::Fail { error, cause } => states::fail::run(self, thread, &attempt, error.as_ref(), cause.as_ref()),
            Kind::Parallel(parallel) => states::parallel::run(self, thread, state, parallel, attempt),
            Kind::Map(map) => states::map::run(self, thread, state, map, attempt),
        }
    }

    fn end(&mut self, thread: &Snapshot, outcome: &Outcome) {
        let mut details = Map::new();
        let child = thread.child.as_ref().filter(|child| !child.role.is_execution());
        let kind = match (child, outcome) {
            (None, Outcome::Succeeded { output }) => {
                details.insert("output".to_owned(), output.clone());
                EventType::ExecutionSucceeded
            }
            (None, Outcome::Failed { failure }) => {
                details = failure_details(failure);
                EventType::ExecutionFailed
            }
            (None, Outcome::Aborted { failure }) => {
                details = failure_details(failure);
                EventType::ExecutionAborted
            }
            (None, Outcome::TimedOut) => EventType::ExecutionTimedOut,
            (Some(child), outcome) if child.is_map => {
                details.insert("name".to_owned(), Value::String(child.state.clone()));
                details.insert("index".to_owned(), json!(child.index));
                let kind = match outcome {
                    Outcome::Succeeded { .. } => EventType::MapIterationSucceeded,
                    Outcome::Failed { .. } => EventType::MapIterationFailed,
                    Outcome::TimedOut | Outcome::Aborted { .. } => EventType::MapIterationAborted,
                };
                return self.note(kind, details);
            }
            (Some(_), _) => return,
        };
        self.record(kind, details);
    }

    /// The Context Object of a state.
    pub(crate) fn context<'c>(&self, thread: &'c Snapshot, attempt: &'c Attempt) -> Context<'c>
    where
        'a: 'c,
    {
        let fixed = self.probe.as_ref().map(|probe| probe.context.clone());
        Context::new(self.machine, thread, attempt, self.token.clone(), fixed)
    }

    /// A query failed: what it means for the state. A JSONata expression that failed is told in the history.
    pub(crate) fn query_failed(&mut self, attempt: &Attempt, failure: impl Into<QueryFailure>) -> Failure {
        let failure = failure.into();
        if self.probe.is_some() {
            return failure.into();
        }
        let failure = failure.in_state(&attempt.state, attempt.event);
        if let Some(evaluation) = &failure.evaluation {
            let mut details = Map::new();
            details.insert("cause".to_owned(), Value::String(failure.cause.clone()));
            details.insert("error".to_owned(), Value::String(failure.error.clone()));
            if let Some(location) = &evaluation.location {
                details.insert("location".to_owned(), Value::String(location.clone()));
            }
            details.insert("state".to_owned(), Value::String(attempt.state.clone()));
            // As on the service it follows from what led to the state, where that has only been entered.
            let entered = self.last.and_then(|last| self.history.get(usize::try_from(last).ok()?));
            if let Some(previous) = entered.filter(|event| states::is_entry(event.kind)).map(|event| event.previous) {
                self.last = previous;
            }
            self.record(EventType::EvaluationFailed, details);
        }
        failure.into()
    }

    /// The input after `InputPath`; in JSONata the raw one.
    pub(crate) fn input<'v>(
        &mut self,
        thread: &Snapshot,
        state: &State,
        attempt: &'v Attempt,
    ) -> Result<Cow<'v, Value>, Failure> {
        let input = self.select(thread, &state.input_path, attempt, &attempt.input)?;
        if state.language == QueryLanguage::JsonPath {
            self.seen("afterInputPath", &input);
        }
        Ok(input)
    }

    pub(crate) fn select<'v>(
        &mut self,
        thread: &Snapshot,
        selection: &Selection,
        attempt: &Attempt,
        value: &'v Value,
    ) -> Result<Cow<'v, Value>, Failure> {
        match selection {
            Selection::Whole => Ok(Cow::Borrowed(value)),
            Selection::Nothing => Ok(Cow::Owned(json!({}))),
            Selection::At(path) => {
                let context = self.context(thread, attempt);
                let read = path.read(&context.scope(value, self.moment.now));
                read.map(Cow::Owned).map_err(|problem| self.query_failed(attempt, problem))
            }
        }
    }

    /// Evaluates a template. `location` is where it stands in its state.
    pub(crate) fn evaluate(
        &mut self,
        thread: &Snapshot,
        attempt: &Attempt,
        template: &Template,
        location: &str,
        input: &Value,
    ) -> Result<Value, Failure> {
        let context = self.context(thread, attempt);
        let scope = context.scope(input, self.moment.now);
        self.evaluate_in(&scope, attempt, template, location)
    }

    pub(crate) fn evaluate_in(
        &mut self,
        scope: &Scope<'_>,
        attempt: &Attempt,
        template: &Template,
        location: &str,
    ) -> Result<Value, Failure> {
        template.evaluate(location, scope, &mut self.entropy).map_err(|failure| self.query_failed(attempt, failure))
    }

    /// The input of a state's work: `Parameters` or `Arguments` over the effective input.
    pub(crate) fn payload<'v>(
        &mut self,
        thread: &Snapshot,
        attempt: &Attempt,
        template: Option<&Template>,
        input: Cow<'v, Value>,
    ) -> Result<Cow<'v, Value>, Failure> {
        let Some(template) = template else {
            self.seen("afterParameters", &input);
            return Ok(input);
        };
        let (location, seen) = match template {
            Template::JsonPath(_) => ("Parameters", "afterParameters"),
            Template::Jsonata(_) => ("Arguments", "afterArguments"),
        };
        let payload = self.evaluate(thread, attempt, template, location, &input)?;
        self.seen(seen, &payload);
        Ok(Cow::Owned(payload))
    }

    /// Finds the value of a field, an integer. `field` is its name without `Path`.
    ///
    /// A path may lead to an integer or to a text that holds one, as on the service.
    pub(crate) fn whole(
        &mut self,
        thread: &Snapshot,
        attempt: &Attempt,
        dynamic: &Dynamic<f64>,
        field: &str,
        input: &Value,
        range: RangeInclusive<u32>,
    ) -> Result<u32, Failure> {
        let context = self.context(thread, attempt);
        let scope = context.scope(input, self.moment.now);
        let found = dynamic.find(JsonType::Number, field, &scope, &mut self.entropy);
        let value = match found.map_err(|failure| self.query_failed(attempt, failure))? {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
            Found::Fixed(number) => return Ok(number as u32),
            Found::Value(value) => value,
        };
        let text = value.as_str().map(ToOwned::to_owned).unwrap_or_else(|| value.to_string());
        if let Some(number) = text.parse().ok().filter(|number| range.contains(number)) {
            return Ok(number);
        }
        let source = dynamic.text().unwrap_or_default();
        Err(match dynamic {
            Dynamic::Jsonata(_) => {
                let (low, high) = (range.start(), range.end());
                let cause = format!(
                    "The JSONata expression '{source}' specified for the field '{field}' returned {text}, which is not an \
                     integer from {low} to {high}."
                );
                self.query_failed(attempt, QueryFailure::evaluation(cause, Some(field)))
            }
            Dynamic::Fixed(_) | Dynamic::Computed(_) => {
                let cause =
                    format!("The {field}Path field refers to value \"{text}\" which is not a valid integer: {source}");
                self.query_failed(attempt, QueryFailure::runtime(cause))
            }
        })
    }

    /// `Assign`, over what the state made: `$` in JSONPath. Nothing is assigned before the state is left.
    pub(crate) fn assigned(
        &mut self,
        scope: &Scope<'_>,
        attempt: &Attempt,
        template: Option<&Template>,
        location: &str,
    ) -> Result<Assigned, Failure> {
        match template {
            None => Ok(Assigned::default()),
            Some(template) => match self.evaluate_in(scope, attempt, template, location)? {
                Value::Object(variables) => Ok(Assigned(variables)),
                _ => Ok(Assigned::default()),
            },
        }
    }

    /// `Assign`, `ResultSelector`, `ResultPath`, `OutputPath` or `Assign` and `Output`, the exit event and the
    /// transition.
    pub(crate) fn complete(
        &mut self,
        thread: &mut Snapshot,
        state: &State,
        attempt: &Attempt,
        result: Value,
        result_selector: Option<&Template>,
        result_path: &ResultPath,
    ) -> Result<Step, Failure> {
        self.fits(thread, &state.name, &result)?;
        let context = self.context(thread, attempt);
        if state.language == QueryLanguage::Jsonata {
            let scope = context.scope(&attempt.input, self.moment.now);
            let scope = match state.kind {
                Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_) => scope.with_result(&result),
                _ => scope,
            };
            let assigned = self.assigned(&scope, attempt, state.assign.as_ref(), "Assign")?;
            let output = match &state.output {
                Some(template) => self.evaluate_in(&scope, attempt, template, "Output")?,
                None => result,
            };
            self.fits(thread, &state.name, &output)?;
            return Ok(self.exit(thread, state, output, assigned));
        }
        let scope = context.scope(&result, self.moment.now);
        let assigned = self.assigned(&scope, attempt, state.assign.as_ref(), "Assign")?;
        let result = match result_selector {
            Some(template) => self.evaluate(thread, attempt, template, "ResultSelector", &result)?,
            None => result,
        };
        self.seen("afterResultSelector", &result);
        let output = self.place(result_path, attempt, result)?;
        self.seen("afterResultPath", &output);
        let output = match &state.output_path {
            Selection::Whole => output,
            selection => self.select(thread, selection, attempt, &output)?.into_owned(),
        };
        self.fits(thread, &state.name, &output)?;
        Ok(self.exit(thread, state, output, assigned))
    }

    fn place(&mut self, path: &ResultPath, attempt: &Attempt, result: Value) -> Result<Value, Failure> {
        match path {
            ResultPath::Whole => Ok(result),
            ResultPath::Nothing => Ok(attempt.input.clone()),
            ResultPath::At(path) => {
                path.write(attempt.input.clone(), result).map_err(|problem| self.query_failed(attempt, problem))
            }
        }
    }

    /// The exit event, the variables and the transition.
    pub(crate) fn exit(&mut self, thread: &mut Snapshot, state: &State, output: Value, assigned: Assigned) -> Step {
        self.leave(thread, state, &output, assigned);
        match &state.transition {
            Transition::Next(next) => Step::Enter { state: next.clone(), input: output },
            Transition::End => Step::End(Outcome::Succeeded { output }),
        }
    }

    /// The exit event and the variables.
    pub(crate) fn leave(&mut self, thread: &mut Snapshot, state: &State, output: &Value, assigned: Assigned) {
        let Some(kind) = states::exited(&state.kind) else { return };
        let mut details = Map::new();
        details.insert("name".to_owned(), Value::String(state.name.clone()));
        details.insert("output".to_owned(), output.clone());
        if !assigned.0.is_empty() {
            let variables = Arc::make_mut(&mut thread.variables);
            variables.extend(assigned.0.iter().map(|(name, value)| (name.clone(), value.clone())));
            details.insert("assignedVariables".to_owned(), Value::Object(assigned.0));
        }
        self.record(kind, details);
    }

    /// Leaves a state that only passes its input on (Wait, Succeed).
    pub(crate) fn pass_on(&mut self, thread: &mut Snapshot, attempt: &Attempt) -> Step {
        let Some(state) = self.state_of(thread, attempt) else {
            return Step::End(Outcome::Failed { failure: broken(&attempt.state) });
        };
        self.input(thread, state, attempt)
            .and_then(|input| self.complete(thread, state, attempt, input.into_owned(), None, &ResultPath::Whole))
            .unwrap_or_else(|failure| Step::End(Outcome::Failed { failure }))
    }

    /// A Parallel or Map state failed before it had children: like [`Run::fail`]; where an expression is at fault, with the
    /// event that says so.
    pub(crate) fn fail_early(
        &mut self,
        thread: &mut Snapshot,
        state: &State,
        attempt: &Attempt,
        failure: Failure,
        handlers: (&[Retrier], &[Catcher]),
        failed: EventType,
    ) -> Step {
        if failure.error.as_deref() == Some(QUERY_EVALUATION_ERROR) {
            self.fail_with(thread, state, attempt, failure, handlers, failed)
        } else {
            self.fail(thread, state, attempt, failure, handlers.0, handlers.1)
        }
    }

    /// A state's children failed: like [`Run::fail`], with the event that says so unless the state is tried again.
    pub(crate) fn fail_with(
        &mut self,
        thread: &mut Snapshot,
        state: &State,
        attempt: &Attempt,
        failure: Failure,
        handlers: (&[Retrier], &[Catcher]),
        failed: EventType,
    ) -> Step {
        let (retry, catch) = handlers;
        match self.try_again(thread, attempt, &failure, retry) {
            Some(step) => step,
            None => {
                self.record(failed, Map::new());
                self.catch(thread, state, attempt, failure, catch)
            }
        }
    }

    /// A state failed: `Retry`, then `Catch`, then the end of the thread.
    pub(crate) fn fail(
        &mut self,
        thread: &mut Snapshot,
        state: &State,
        attempt: &Attempt,
        failure: Failure,
        retry: &[Retrier],
        catch: &[Catcher],
    ) -> Step {
        match self.try_again(thread, attempt, &failure, retry) {
            Some(step) => step,
            None => self.catch(thread, state, attempt, failure, catch),
        }
    }

    /// The first retrier that covers the error decides; when its attempts are used up, no other is asked.
    fn try_again(
        &mut self,
        thread: &mut Snapshot,
        attempt: &Attempt,
        failure: &Failure,
        retry: &[Retrier],
    ) -> Option<Step> {
        let error = failure.error.as_deref().unwrap_or_default();
        let (number, retrier) =
            retry.iter().enumerate().find(|(_, retrier)| self.covers(&retrier.error_equals, error))?;
        let used = attempt.retries.get(number).copied().unwrap_or_default();
        self.seen_failure(failure);
        (used < retrier.max_attempts).then(|| self.back_off(thread, attempt, retry.len(), number, retrier, used))
    }

    fn catch(
        &mut self,
        thread: &mut Snapshot,
        state: &State,
        attempt: &Attempt,
        failure: Failure,
        catch: &[Catcher],
    ) -> Step {
        let error = failure.error.as_deref().unwrap_or_default();
        let caught = catch.iter().enumerate().find(|(_, catcher)| self.covers(&catcher.error_equals, error));
        let Some((number, catcher)) = caught else {
            return Step::End(Outcome::Failed { failure });
        };
        self.seen_failure(&failure);
        self.seen_error("catchIndex", json!(number));
        match self.caught(thread, attempt, &failure, number, catcher) {
            Ok((output, assigned)) => {
                self.leave(thread, state, &output, assigned);
                Step::Enter { state: catcher.next.clone(), input: output }
            }
            Err(failure) => Step::End(Outcome::Failed { failure }),
        }
    }

    /// What a catcher makes of a failure: the input of its `Next`, and variables.
    fn caught(
        &mut self,
        thread: &Snapshot,
        attempt: &Attempt,
        failure: &Failure,
        number: usize,
        catcher: &Catcher,
    ) -> Result<(Value, Assigned), Failure> {
        let mut caught = Map::new();
        // An error without a cause has an empty one; a failure without a name has neither.
        let cause = failure.cause.clone().or_else(|| failure.error.as_ref().map(|_| String::new()));
        caught.insert("Error".to_owned(), json!(failure.error));
        caught.insert("Cause".to_owned(), json!(cause));
        let caught = Value::Object(caught);
        let context = self.context(thread, attempt);
        let in_jsonata = self.state_of(thread, attempt).is_some_and(|state| state.language == QueryLanguage::Jsonata);
        let input = if in_jsonata { &attempt.input } else { &caught };
        let scope = context.scope(input, self.moment.now).with_error_output(&caught);
        let assigned = self.assigned(&scope, attempt, catcher.assign.as_ref(), &format!("Catch[{number}]/Assign"))?;
        let output = match &catcher.output {
            Some(template) => self.evaluate_in(&scope, attempt, template, &format!("Catch[{number}]/Output"))?,
            None => self.place(&catcher.result_path, attempt, caught)?,
        };
        Ok((output, assigned))
    }

    fn back_off(
        &mut self,
        thread: &mut Snapshot,
        attempt: &Attempt,
        retriers: usize,
        number: usize,
        retrier: &Retrier,
        used: u64,
    ) -> Step {
        let mut attempt = attempt.clone();
        attempt.retries.resize(retriers, 0);
        if let Some(count) = attempt.retries.get_mut(number) {
            *count += 1;
        }
        let exponent = i32::try_from(used).unwrap_or(i32::MAX);
        let mut delay = retrier.interval_seconds * retrier.backoff_rate.powi(exponent);
        if let Some(longest) = retrier.max_delay_seconds {
            delay = delay.min(longest);
        }
        if retrier.full_jitter {
            delay *= self.fraction();
        }
        self.seen_back_off(number, delay);
        let (id, until) = (next_step(thread), self.moment.now.plus_seconds(delay));
        self.effects.push(Effect::SetTimer { id, at: until });
        Step::Stand(Position::Backoff { id, attempt, until })
    }

    /// Does `ErrorEquals` name the failure at hand?
    fn covers(&self, names: &[String], error: &str) -> bool {
        covers(names, error) || self.also_named.is_some_and(|also| names.iter().any(|name| name == also))
    }

    /// A random number from 0 up to 1.
    fn fraction(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
        let fraction = self.entropy.below(1 << 32) as f64 / (1_u64 << 32) as f64;
        fraction
    }

    /// Has the children of the fan-out that a thread waits for stopped, if there is one.
    pub(crate) fn abort_children(&mut self, thread: &Snapshot) {
        if let Some(fanout) = thread.fanout() {
            self.effects.push(Effect::AbortChildren { fanout: fanout.id, children: fanout.out() });
        }
    }
}

pub(crate) fn next_step(thread: &mut Snapshot) -> StepId {
    thread.last_step += 1;
    thread.last_step
}

/// A snapshot that doesn't belong to the definition: a bug, told as the failure of the execution.
pub(crate) fn broken(state: &str) -> Failure {
    Failure::new("States.Runtime", format!("The definition has no state '{state}'; it isn't the one that was started."))
}

fn failure_details(failure: &Failure) -> Map<String, Value> {
    let mut details = Map::new();
    for (name, text) in [("error", &failure.error), ("cause", &failure.cause)] {
        if let Some(text) = text {
            details.insert(name.to_owned(), Value::String(text.clone()));
        }
    }
    details
}

pub(crate) fn failed_details(failure: &Failure, extra: Map<String, Value>) -> Map<String, Value> {
    let mut details = extra;
    details.extend(failure_details(failure));
    details
}

/// `ErrorEquals`: `States.ALL` is any but `States.Runtime`; `States.TaskFailed` any but `States.Timeout` too.
fn covers(names: &[String], error: &str) -> bool {
    if error == "States.Runtime" {
        return false;
    }
    names.iter().any(|name| match name.as_str() {
        "States.ALL" => true,
        "States.TaskFailed" => error != "States.Timeout",
        name => name == error,
    })
}
