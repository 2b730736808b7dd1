//! What a definition is, once it has been read. Field names are the Amazon States Language's.

use std::collections::HashMap;

use serde_json::Value;

use crate::choice::Rule;
use crate::definition::{Diagnostic, Distributed};
use crate::query::{Dynamic, Path, QueryLanguage, ReferencePath, Template};
use crate::{AttributeFields, Limits, PayloadLimit};

/// Numbers the state machines of a definition: 0 is the definition itself, the branches and item processors follow in
/// the order in which they are written. Stable, because a definition never changes.
pub type MachineId = u32;

/// A definition that can be executed.
#[derive(Debug)]
pub struct StateMachine {
    /// `Comment`
    pub comment: Option<String>,
    /// `TimeoutSeconds` of the whole execution.
    pub timeout_seconds: Option<f64>,
    /// Does some expression read the execution's input through the context object? Then snapshots must carry it.
    pub reads_execution_input: bool,
    /// Has some Task state a task token? Then snapshots must carry the names of their logs.
    pub makes_tokens: bool,
    /// `payload_limit`, an extension of ours; `None` where the definition leaves it to whoever starts it.
    pub payload_limit: Option<PayloadLimit>,
    /// `limits`, an extension of ours.
    pub limits: Option<Limits>,
    /// `attributes`, an extension of ours.
    pub attributes: AttributeFields,
    /// What is odd about the definition without keeping it from being executed.
    pub warnings: Vec<Diagnostic>,
    pub(crate) machines: Vec<States>,
}

impl StateMachine {
    /// One of the definition's state machines; 0 is the outermost.
    #[must_use]
    pub fn states(&self, id: MachineId) -> Option<&States> {
        self.machines.get(usize::try_from(id).ok()?)
    }
}

/// `StartAt` and `States`: a definition, a branch of a Parallel state or the processor of a Map state.
#[derive(Debug)]
pub struct States {
    /// `StartAt`
    pub start_at: String,
    /// The states in the order in which they are written.
    pub states: Vec<State>,
    pub(crate) index: HashMap<String, usize>,
}

impl States {
    /// A state by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&State> {
        self.states.get(*self.index.get(name)?)
    }
}

/// A state.
#[derive(Debug)]
pub struct State {
    /// Its key under `States`.
    pub name: String,
    /// `Comment`
    pub comment: Option<String>,
    /// `QueryLanguage`, its own or that of what it belongs to.
    pub language: QueryLanguage,
    /// `InputPath`
    pub input_path: Selection,
    /// `OutputPath`
    pub output_path: Selection,
    /// `Assign`; in a Choice state it is for `Default`.
    pub assign: Option<Template>,
    /// `Output`; in a Choice state it is for `Default`.
    pub output: Option<Template>,
    /// `Next` or `End`; Choice, Succeed and Fail have none.
    pub transition: Transition,
    /// What the state does.
    pub kind: Kind,
}

/// What follows a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// `Next`
    Next(String),
    /// `End`, or a state that ends its machine.
    End,
}

/// `InputPath`, `OutputPath`, `ItemsPath`.
#[derive(Debug)]
pub enum Selection {
    /// `$`
    Whole,
    /// `null`: an empty object.
    Nothing,
    /// Another path.
    At(Path),
}

/// `ResultPath`
#[derive(Debug)]
pub enum ResultPath {
    /// `$`: the result replaces the input.
    Whole,
    /// `null`: the result is dropped.
    Nothing,
    /// The result goes into the input.
    At(ReferencePath),
}

/// The state's type with its own fields.
#[derive(Debug)]
pub enum Kind {
    /// `Pass`
    Pass {
        /// `Result`
        result: Option<Value>,
        /// `Parameters`
        parameters: Option<Template>,
        /// `ResultPath`
        result_path: ResultPath,
    },
    /// `Task`
    Task(Box<TaskState>),
    /// `Choice`
    Choice {
        /// `Choices`
        choices: Vec<Choice>,
        /// `Default`
        default: Option<String>,
    },
    /// `Wait`
    Wait(Wait),
    /// `Succeed`
    Succeed,
    /// `Fail`
    Fail {
        /// `Error` or `ErrorPath`
        error: Option<Dynamic<String>>,
        /// `Cause` or `CausePath`
        cause: Option<Dynamic<String>>,
    },
    /// `Parallel`
    Parallel(Box<ParallelState>),
    /// `Map`
    Map(Box<MapState>),
}

impl Kind {
    /// The value of `Type`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pass { .. } => "Pass",
            Self::Task(_) => "Task",
            Self::Choice { .. } => "Choice",
            Self::Wait(_) => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail { .. } => "Fail",
            Self::Parallel(_) => "Parallel",
            Self::Map(_) => "Map",
        }
    }
}

/// The fields of a Task state.
#[derive(Debug)]
pub struct TaskState {
    /// `Resource`
    pub resource: String,
    /// `Parameters` or `Arguments`
    pub parameters: Option<Template>,
    /// `Credentials`
    pub credentials: Option<Template>,
    /// `ResultSelector`
    pub result_selector: Option<Template>,
    /// `ResultPath`
    pub result_path: ResultPath,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`
    pub timeout: Option<Dynamic<f64>>,
    /// `HeartbeatSeconds` or `HeartbeatSecondsPath`
    pub heartbeat: Option<Dynamic<f64>>,
    /// `Retry`
    pub retry: Vec<Retrier>,
    /// `Catch`
    pub catch: Vec<Catcher>,
}

/// The fields of a Parallel state.
#[derive(Debug)]
pub struct ParallelState {
    /// `Branches`
    pub branches: Vec<MachineId>,
    /// `Parameters` or `Arguments`
    pub parameters: Option<Template>,
    /// `ResultSelector`
    pub result_selector: Option<Template>,
    /// `ResultPath`
    pub result_path: ResultPath,
    /// `Retry`
    pub retry: Vec<Retrier>,
    /// `Catch`
    pub catch: Vec<Catcher>,
}

/// The fields of a Map state.
#[derive(Debug)]
pub struct MapState {
    /// `ItemProcessor` (or `Iterator`)
    pub processor: MachineId,
    /// What a distributed Map has besides.
    pub distributed: Option<Box<Distributed>>,
    /// `ItemsPath` or `Items`
    pub items: Items,
    /// `ItemSelector` (or `Parameters`)
    pub item_selector: Option<Template>,
    /// `MaxConcurrency` or `MaxConcurrencyPath`; 0 is no limit.
    pub max_concurrency: Dynamic<f64>,
    /// `ResultSelector`
    pub result_selector: Option<Template>,
    /// `ResultPath`
    pub result_path: ResultPath,
    /// `Retry`
    pub retry: Vec<Retrier>,
    /// `Catch`
    pub catch: Vec<Catcher>,
}

/// What a Map state goes through.
#[derive(Debug)]
pub enum Items {
    /// `ItemsPath`, into the effective input.
    Path(Selection),
    /// `Items`, in JSONata.
    Template(Template),
}

/// How long a Wait state waits.
#[derive(Debug)]
pub enum Wait {
    /// `Seconds` or `SecondsPath`
    Seconds(Dynamic<f64>),
    /// `Timestamp` or `TimestampPath`
    Timestamp(Dynamic<crate::Timestamp>),
}

/// One of a Choice state's `Choices`.
#[derive(Debug)]
pub struct Choice {
    /// When it is taken.
    pub condition: Condition,
    /// `Next`
    pub next: String,
    /// `Assign`
    pub assign: Option<Template>,
    /// `Output`
    pub output: Option<Template>,
}

/// When a choice is taken.
#[derive(Debug)]
pub enum Condition {
    /// In JSONPath.
    Rule(Rule),
    /// `Condition`, in JSONata.
    Condition(Dynamic<bool>),
}

/// One of `Retry`.
#[derive(Debug)]
pub struct Retrier {
    /// `ErrorEquals`
    pub error_equals: Vec<String>,
    /// `IntervalSeconds`, 1 where it is absent.
    pub interval_seconds: f64,
    /// `MaxAttempts`, 3 where it is absent.
    pub max_attempts: u64,
    /// `BackoffRate`, 2 where it is absent.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`
    pub max_delay_seconds: Option<f64>,
    /// `JitterStrategy` is `FULL`.
    pub full_jitter: bool,
}

/// One of `Catch`.
#[derive(Debug)]
pub struct Catcher {
    /// `ErrorEquals`
    pub error_equals: Vec<String>,
    /// `Next`
    pub next: String,
    /// `ResultPath`
    pub result_path: ResultPath,
    /// `Assign`
    pub assign: Option<Template>,
    /// `Output`
    pub output: Option<Template>,
}
