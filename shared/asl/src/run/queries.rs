//! Evaluating a state's fields: paths, templates, expressions, `Assign`, and what a state makes of its result.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::definition::{Kind, ResultPath, Selection, State};
use crate::history::EventType;
use crate::query::{Dynamic, Found, JsonType, QueryFailure, QueryLanguage, Scope, Template};
use crate::run::{Assigned, Run, Step};
use crate::snapshot::{Attempt, Failure, Snapshot};
use crate::states;

impl<'a> Run<'a> {
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

    pub(super) fn place(&mut self, path: &ResultPath, attempt: &Attempt, result: Value) -> Result<Value, Failure> {
        match path {
            ResultPath::Whole => Ok(result),
            ResultPath::Nothing => Ok(attempt.input.clone()),
            ResultPath::At(path) => {
                path.write(attempt.input.clone(), result).map_err(|problem| self.query_failed(attempt, problem))
            }
        }
    }
}
