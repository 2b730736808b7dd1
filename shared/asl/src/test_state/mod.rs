//! `TestState`: one state by itself, with mocks and with its values on their way through it.
//!
//! It owns what the API checks and answers. It refuses to call anything: a task without a mock comes back as a
//! [`PendingTask`] with its resource and input, and ends when the driver brings the result. States run as in an
//! execution, with the same code; what they show on their way is told in `inspectionData`. Start reading at
//! [`test_state`].

mod context;
mod map;

mod mock;
mod reader_data;
mod request;
mod response;
mod shapes;
mod single;

use serde_json::Value;

use crate::definition::{Kind, Pattern, Resource, StateMachine};
use crate::probe::Probe;
use crate::progress::Report;
use crate::run::{Run, Step};
use crate::snapshot::{Attempt, Failure, Moment, Outcome, Position, Snapshot};
use crate::states;

pub use request::{FieldValidation, InspectionLevel, Mock, MockedResult, StateConfiguration, TestStateRequest};
pub use response::{TestStateResponse, TestStatus};

/// Where a test runs.
#[derive(Debug, Clone)]
pub struct TestStateEnvironment {
    /// The account, 12 digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// Now, and random bits.
    pub moment: Moment,
}

/// Why `TestState` refuses a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestStateError {
    /// The definition is not valid.
    #[error("{0}")]
    InvalidDefinition(String),
    /// The input is no JSON.
    #[error("Invalid State Machine Execution Input: '{0}'")]
    InvalidExecutionInput(String),
    /// Something else of the request is not as it must be.
    #[error("{0}")]
    Validation(String),
}

impl TestStateError {
    /// The API's name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidDefinition(_) => "InvalidDefinition",
            Self::InvalidExecutionInput(_) => "InvalidExecutionInput",
            Self::Validation(_) => "ValidationException",
        }
    }
}

/// A test, as far as it goes without a call.
#[derive(Debug)]
pub enum TestedState {
    /// It has ended.
    Done(Box<TestStateResponse>),
    /// A task is to be done first.
    Task(Box<PendingTask>),
}

/// A task without a mock: what is to be called, and what is needed to go on.
#[derive(Debug)]
pub struct PendingTask {
    bench: Bench,
    resource: String,
    input: Value,
    credentials: Option<Value>,
    timeout_seconds: Option<u32>,
    attempt: Attempt,
}

/// What the call of a task came to.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskCall {
    /// The result, or the error.
    pub result: Result<Value, Failure>,
    /// What an HTTP task sent, for `inspectionData.request`, as the API shows it.
    pub request: Option<Value>,
    /// What it received, for `inspectionData.response`.
    pub response: Option<Value>,
}

impl PendingTask {
    /// `Resource`
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// What the resource is given.
    #[must_use]
    pub const fn input(&self) -> &Value {
        &self.input
    }

    /// The evaluated `Credentials`.
    #[must_use]
    pub const fn credentials(&self) -> Option<&Value> {
        self.credentials.as_ref()
    }

    /// The evaluated `TimeoutSeconds`.
    #[must_use]
    pub const fn timeout_seconds(&self) -> Option<u32> {
        self.timeout_seconds
    }

    /// Goes on with what the call came to.
    #[must_use]
    pub fn finish(mut self, call: TaskCall) -> TestStateResponse {
        let report = match call.result {
            Ok(output) => Report::Success { output },
            Err(failure) => Report::Failure { failure },
        };
        let attempt = self.attempt.clone();
        let step = self.bench.with(|run, thread| report_on(run, thread, &attempt, report));
        for (field, value) in [("request", call.request), ("response", call.response)] {
            if let Some(value) = value {
                self.bench.probe.seen.insert(field.to_owned(), value);
            }
        }
        self.bench.answer(step)
    }
}

/// The state under test with its surroundings.
#[derive(Debug)]
struct Bench {
    machine: StateMachine,
    /// The names that the state's targets stand for in `machine`.
    targets: Vec<String>,
    thread: Snapshot,
    moment: Moment,
    probe: Box<Probe>,
    level: InspectionLevel,
    input: Value,
}

impl Bench {
    /// Lets a part of a decision run, and keeps what it showed.
    fn with<T>(&mut self, part: impl FnOnce(&mut Run<'_>, &mut Snapshot) -> T) -> T {
        let mut run = Run::new(&self.machine, self.moment, 1);
        run.probe = Some(std::mem::take(&mut self.probe));
        let made = part(&mut run, &mut self.thread);
        self.probe = run.probe.take().unwrap_or_default();
        made
    }

    fn answer(self, step: Step) -> TestStateResponse {
        response::of(self, step)
    }
}

/// Tests a state.
///
/// # Errors
/// [`TestStateError`], in the service's words.
pub fn test_state(
    request: &TestStateRequest,
    environment: &TestStateEnvironment,
) -> Result<TestedState, TestStateError> {
    let single = single::find(request)?;
    mock::check_kind(request, &single)?;
    let input = request.parsed_input()?;
    let variables = request.parsed_variables()?;
    let context = context::of(request, environment, &single, &input)?;
    mock::check_result(request, &single)?;
    let (machine, targets) = single.machine()?;
    let thread = context::thread(&machine, variables, environment);
    let retries = vec![request.configuration.retrier_retry_count; single.retriers()];
    let now = environment.moment.now;
    let attempt = Attempt { state: single::NAME.to_owned(), input: input.clone(), entered: now, event: 0, retries };
    let probe = Box::new(Probe { context, ..Probe::default() });
    let mut bench =
        Bench { machine, targets, thread, moment: environment.moment, probe, level: request.inspection_level, input };
    let step = match single.kind() {
        "Map" => map::run(&mut bench, request, &attempt)?,
        "Parallel" => parallel(&mut bench, request, &attempt),
        "Task" => return task(bench, request, attempt),
        _ => bench.with(|run, thread| match run.attempt(thread, attempt) {
            // A test does not wait.
            Step::Stand(Position::Wait { attempt, .. }) => run.pass_on(thread, &attempt),
            step => step,
        }),
    };
    Ok(TestedState::Done(Box::new(bench.answer(step))))
}

fn task(mut bench: Bench, request: &TestStateRequest, attempt: Attempt) -> Result<TestedState, TestStateError> {
    let step = bench.with(|run, thread| run.attempt(thread, attempt));
    let (attempt, given, timeout_seconds, credentials) = match step {
        Step::Stand(Position::Task { attempt, given, scheduled, deadline, progress, .. }) => {
            let timeout = deadline.and_then(|at| u32::try_from((at.millis() - scheduled.millis()) / 1000).ok());
            (attempt, given, timeout.or(progress.timeout), progress.credentials)
        }
        step => return Ok(TestedState::Done(Box::new(bench.answer(step)))),
    };
    let input = given.unwrap_or_else(|| attempt.input.clone());
    let Some(mock) = &request.mock else {
        let resource = resource_of(&bench.machine);
        return Ok(TestedState::Task(Box::new(PendingTask {
            bench,
            resource,
            input,
            credentials,
            timeout_seconds,
            attempt,
        })));
    };
    let report = mocked(mock);
    if let Report::Success { output } = &report {
        bench.probe.seen.insert("result".to_owned(), output.clone());
    }
    let step = bench.with(|run, thread| report_on(run, thread, &attempt, report));
    Ok(TestedState::Done(Box::new(bench.answer(step))))
}

/// A Parallel state's branches are never run: there is a mock, and the state's input isn't looked at.
fn parallel(bench: &mut Bench, request: &TestStateRequest, attempt: &Attempt) -> Step {
    let report = request.mock.as_ref().map(mocked);
    bench.with(|run, thread| {
        let state = run.state_of(thread, attempt);
        match (state, state.map(|state| &state.kind), report) {
            (Some(state), Some(Kind::Parallel(parallel)), Some(Report::Success { output })) => {
                states::parallel::joined(run, thread, state, parallel, attempt, output)
            }
            (Some(state), Some(Kind::Parallel(parallel)), Some(Report::Failure { failure })) => {
                states::parallel::failed(run, thread, state, parallel, attempt, failure)
            }
            _ => Step::End(Outcome::Failed { failure: crate::run::broken(&attempt.state) }),
        }
    })
}

fn mocked(mock: &Mock) -> Report {
    match &mock.result {
        MockedResult::Result(output) => Report::Success { output: output.clone() },
        MockedResult::Error { error, cause } => {
            Report::Failure { failure: Failure { error: error.clone(), cause: cause.clone() } }
        }
    }
}

fn report_on(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt, report: Report) -> Step {
    if let Report::Success { output } = &report {
        run.seen("result", output);
    }
    states::task::ended(run, thread, attempt, report)
}

fn resource_of(machine: &StateMachine) -> String {
    match machine.states(0).and_then(|states| states.get(single::NAME)).map(|state| &state.kind) {
        Some(Kind::Task(task)) => task.resource.clone(),
        _ => String::new(),
    }
}

/// Does the task go on after its call has answered, or wait for a worker? Then a test needs a mock.
fn outlasts_call(resource: &str) -> bool {
    let resource = Resource::of(resource);
    resource == Resource::Activity || resource.pattern() != Pattern::RequestResponse
}
