//! What follows when a state fails: `Retry`, `Catch`, the end of the thread.

use serde_json::{Map, Value, json};

use crate::decide::Effect;
use crate::definition::{Catcher, Retrier, State};
use crate::history::EventType;
use crate::query::{QUERY_EVALUATION_ERROR, QueryLanguage};
use crate::run::{Assigned, Run, Step, next_step};
use crate::snapshot::{Attempt, Failure, Outcome, Position, Snapshot};

impl Run<'_> {
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
