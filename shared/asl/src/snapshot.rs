//! Where a thread of control stands: all that a decision needs besides the definition.
//!
//! A log holds one thread: the execution's own, or a child's (a branch of a Parallel state, an item of a Map state) that
//! had to wait. Short field names: a snapshot is written with every transition and travels with every task.

mod fanout;

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::Timestamp;
use crate::definition::{MachineId, StateMachine};
use crate::map_run::{MapRun, Work};
use crate::payload_limit::PayloadLimit;
use crate::progress::Progress;
use crate::token::TaskToken;

pub use fanout::{Fanout, Join, Parts, Resume, Source, Unfinished};

/// A thread of control between two decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which of the definition's state machines it runs.
    #[serde(rename = "m")]
    pub machine: MachineId,
    /// What the context object says of the execution.
    #[serde(rename = "x")]
    pub execution: Arc<ExecutionContext>,
    /// The link to the parent, in a child.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub child: Option<Child>,
    /// Variables, by name. A child begins with its parent's; what it assigns stays its own.
    #[serde(rename = "v", default, skip_serializing_if = "is_empty")]
    pub variables: Arc<Map<String, Value>>,
    /// The last id given to a task, wait or back-off of this thread.
    #[serde(rename = "n")]
    pub last_step: StepId,
    /// How many fan-outs of this thread had children that waited.
    #[serde(rename = "f", default)]
    pub fanouts: u32,
    /// How many events its log has recorded.
    #[serde(rename = "h")]
    pub events: u64,
    /// In a thread that has ended without success: the state that it ended in, for [`crate::redrive`].
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Box<Unfinished>>,
    /// Where it stands.
    #[serde(rename = "p")]
    pub position: Position,
    /// How often it was paused and resumed: odd while it is paused.
    #[serde(rename = "tu", default, skip_serializing_if = "is_zero")]
    pub turn: u32,
}

/// Names what a thread waits for; an event that names an older one is late. 0 is the execution's own timeout.
pub type StepId = u32;

/// What the context object says of the execution and its state machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionContext {
    /// `$$.Execution.Id`
    #[serde(rename = "i")]
    pub id: String,
    /// `$$.Execution.Name`
    #[serde(rename = "n")]
    pub name: String,
    /// `$$.Execution.StartTime`
    #[serde(rename = "t")]
    pub start_time: Timestamp,
    /// `$$.Execution.RoleArn`
    #[serde(rename = "r", default, skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
    /// `$$.Execution.Input`; kept only where the definition reads it.
    #[serde(rename = "in", default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// `$$.StateMachine.Id`
    #[serde(rename = "mi")]
    pub state_machine_id: String,
    /// `$$.StateMachine.Name`
    #[serde(rename = "mn")]
    pub state_machine_name: String,
    /// When the execution as a whole times out.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// The driver's own name for the execution, without spaces: what task tokens begin with. Kept only where the
    /// definition makes tokens.
    #[serde(rename = "k", default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// How large the execution's data may be.
    #[serde(rename = "l", default, skip_serializing_if = "PayloadLimit::is_none")]
    pub payload_limit: PayloadLimit,
    /// `$$.Execution.RedriveCount`; `None` in executions that can't be redriven.
    #[serde(rename = "rc", default = "never_redriven", skip_serializing_if = "is_never_redriven")]
    pub redrive_count: Option<u32>,
}

/// What executions have that were stored before redrives were counted.
#[expect(clippy::unnecessary_wraps, reason = "serde asks for the field's type")]
const fn never_redriven() -> Option<u32> {
    Some(0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_never_redriven(count: &Option<u32>) -> bool {
    matches!(count, Some(0))
}

impl ExecutionContext {
    /// Keeps what the definition reads of the execution, and counts its timeout from `now` on. `input` is what the
    /// execution was started with.
    pub(crate) fn fit(&mut self, machine: &StateMachine, input: Value, now: Timestamp) {
        self.input = machine.reads_execution_input.then_some(input);
        if !machine.makes_tokens {
            self.key = String::new();
        }
        self.payload_limit = machine.payload_limit.unwrap_or(self.payload_limit);
        self.deadline = machine.timeout_seconds.map(|seconds| now.plus_seconds(seconds));
    }

    /// The region and the account that the execution's ARN names; `None` where its id is no ARN.
    #[must_use]
    pub fn region_and_account(&self) -> Option<(&str, &str)> {
        let mut parts = self.id.splitn(6, ':');
        let (arn, _, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account) = (parts.next()?, parts.next()?);
        (arn == "arn" && service == "states").then_some((region, account))
    }
}

/// A child's link to its parent's fan-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Child {
    /// The Map or Parallel state.
    #[serde(rename = "s")]
    pub state: String,
    /// Is the parent a Map state?
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_map: bool,
    /// The branch or item, from 0.
    #[serde(rename = "i")]
    pub index: u32,
    /// How many fan-outs lie above it, from 1.
    #[serde(rename = "d")]
    pub depth: u32,
    /// `$$.Map.Item.Value`
    #[serde(rename = "v", default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub item: Option<Value>,
    /// The way from the execution's own log down to the child's, like `/0.5/2.17`: fan-out and index of each step. Kept
    /// only where the definition makes task tokens.
    #[serde(rename = "l", default, skip_serializing_if = "String::is_empty")]
    pub log: String,
    /// How its end is counted; `None` where the parent is told of each end.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
    /// What it is to a map run.
    #[serde(rename = "k", default, skip_serializing_if = "Role::is_inner")]
    pub role: Role,
    /// `$$.Map.Item.Key`
    #[serde(skip)]
    pub key: Option<String>,
    /// `$$.Map.Item.Source`
    #[serde(skip)]
    pub origin: Option<String>,
}

impl Child {
    /// The `index`-th child of a page or run whose state is `attempt`'s.
    pub(crate) fn of(attempt: &Attempt, index: u32, role: Role) -> Self {
        Self {
            state: attempt.state.clone(),
            is_map: false,
            index,
            depth: 0,
            item: None,
            log: String::new(),
            counted: None,
            role,
            key: None,
            origin: None,
        }
    }
}

/// What a child is to a map run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Nothing: a part of its parent's execution.
    #[default]
    Inner,
    /// A page of items.
    Page,
    /// An execution of its own, whose parent counts its end and is not told of it.
    Execution,
    /// An execution of its own, whose parent is told when it ends without success.
    ToldExecution,
}

impl Role {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    const fn is_inner(&self) -> bool {
        matches!(self, Self::Inner)
    }

    /// Is it an execution of its own?
    #[must_use]
    pub const fn is_execution(self) -> bool {
        matches!(self, Self::Execution | Self::ToldExecution)
    }
}

/// A child's place among the counted children of a fan-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// From 0.
    #[serde(rename = "p")]
    pub position: u32,
    /// How many are counted.
    #[serde(rename = "t")]
    pub total: u32,
}

/// A try at a state that has `Retry`: kept from the first entry to the last attempt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// The state's name.
    #[serde(rename = "s")]
    pub state: String,
    /// The state's raw input.
    #[serde(rename = "i")]
    pub input: Value,
    /// `$$.State.EnteredTime`
    #[serde(rename = "e")]
    pub entered: Timestamp,
    /// The number of the event that entered it, in its log.
    #[serde(rename = "ev")]
    pub event: u64,
    /// How often each retrier has been used.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub retries: Vec<u64>,
}

impl Attempt {
    /// `$$.State.RetryCount`
    #[must_use]
    pub fn retry_count(&self) -> u64 {
        self.retries.iter().sum()
    }
}

/// Where a thread stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at")]
pub enum Position {
    /// Not begun: it waits until the limits of its keys let it ([`crate::Event::Admit`]).
    #[serde(rename = "queued")]
    Queued {
        /// Names this stop.
        id: StepId,
        /// The first state.
        state: String,
        /// Its input.
        input: Value,
    },
    /// About to enter a state: the decision before had done enough.
    #[serde(rename = "ready")]
    Ready {
        /// Names this stop.
        id: StepId,
        /// The state.
        state: String,
        /// Its input.
        input: Value,
    },
    /// A task is out.
    #[serde(rename = "task")]
    Task {
        /// Names this attempt of the task.
        id: StepId,
        /// The state.
        #[serde(flatten)]
        attempt: Attempt,
        /// What the task is given, where it is not the state's raw input.
        #[serde(rename = "g", default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        given: Option<Value>,
        /// When it was scheduled.
        #[serde(rename = "w")]
        scheduled: Timestamp,
        /// When it times out.
        #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// What is known of it beyond that.
        #[serde(rename = "pr", default, skip_serializing_if = "Progress::is_plain")]
        progress: Box<Progress>,
    },
    /// A Wait state.
    #[serde(rename = "wait")]
    Wait {
        /// Names this wait.
        id: StepId,
        /// The state.
        #[serde(flatten)]
        attempt: Attempt,
        /// Until when.
        #[serde(rename = "u")]
        until: Timestamp,
    },
    /// Between two attempts.
    #[serde(rename = "backoff")]
    Backoff {
        /// Names this pause.
        id: StepId,
        /// The state.
        #[serde(flatten)]
        attempt: Attempt,
        /// Until when.
        #[serde(rename = "u")]
        until: Timestamp,
    },
    /// A Parallel or Map state has children that wait.
    #[serde(rename = "join")]
    Join {
        /// The state.
        #[serde(flatten)]
        attempt: Attempt,
        /// Its children.
        #[serde(rename = "f")]
        fanout: Box<Fanout>,
    },
    /// The driver does something for a map run: reads its items, divides them, brings a page of them, writes the results.
    #[serde(rename = "work")]
    Work {
        /// Names this piece of work.
        id: StepId,
        /// The state.
        #[serde(flatten)]
        attempt: Attempt,
        /// What is to be done.
        #[serde(rename = "w")]
        work: Work,
        /// For what.
        #[serde(rename = "u")]
        run: Box<MapRun>,
    },
    /// It has ended.
    #[serde(rename = "end")]
    Ended {
        /// How.
        #[serde(rename = "o")]
        outcome: Outcome,
    },
}

/// How a thread ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is")]
pub enum Outcome {
    /// With an output.
    #[serde(rename = "succeeded")]
    Succeeded {
        /// The output.
        #[serde(rename = "o")]
        output: Value,
    },
    /// With an error.
    #[serde(rename = "failed")]
    Failed {
        /// Why.
        #[serde(flatten)]
        failure: Failure,
    },
    /// The execution's `TimeoutSeconds` ran out.
    #[serde(rename = "timed_out")]
    TimedOut,
    /// Stopped from outside, or by the end of its parent's state.
    #[serde(rename = "aborted")]
    Aborted {
        /// Why.
        #[serde(flatten)]
        failure: Failure,
    },
}

/// An error name and a cause; a Fail state may have neither.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// `Error`
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// `Cause`
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl Failure {
    /// An error with a cause.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: Some(error.into()), cause: Some(cause.into()) }
    }
}

/// The time and the randomness of a decision: arguments, since the interpreter has neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Now.
    #[serde(rename = "t")]
    pub now: Timestamp,
    /// Fresh random bits.
    #[serde(rename = "s")]
    pub seed: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_empty(variables: &Arc<Map<String, Value>>) -> bool {
    variables.is_empty()
}

/// A field that is there is `Some`, even when it holds null.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

impl Snapshot {
    /// Is it paused? Then it enters no state and begins no child.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.turn % 2 == 1
    }

    /// Does it wait until the limits of its keys let it begin?
    #[must_use]
    pub const fn is_queued(&self) -> bool {
        matches!(self.position, Position::Queued { .. })
    }

    /// When the execution as a whole times out, in its own thread or that of an execution of a map run; its branches and
    /// items end with it.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let is_own = self.child.as_ref().is_none_or(|child| child.role.is_execution());
        self.execution.deadline.filter(|_| is_own)
    }

    /// How the thread ended, if it has.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        match &self.position {
            Position::Ended { outcome } => Some(outcome),
            Position::Queued { .. }
            | Position::Ready { .. }
            | Position::Task { .. }
            | Position::Wait { .. }
            | Position::Backoff { .. }
            | Position::Work { .. }
            | Position::Join { .. } => None,
        }
    }

    /// The state in which the thread stands, with its children, as one in which it may have to go on; `None` when it has
    /// ended.
    pub(crate) fn stop(&self) -> Option<Unfinished> {
        let at = |attempt: &Attempt| Unfinished {
            attempt: Attempt { retries: Vec::new(), ..attempt.clone() },
            ahead: false,
            fanout: None,
            run: None,
        };
        match &self.position {
            Position::Queued { state, input, .. } | Position::Ready { state, input, .. } if !state.is_empty() => {
                let attempt = Attempt { state: state.clone(), input: input.clone(), ..Attempt::default() };
                Some(Unfinished { ahead: true, ..at(&attempt) })
            }
            Position::Queued { .. } | Position::Ready { .. } | Position::Ended { .. } => None,
            Position::Task { attempt, .. } | Position::Wait { attempt, .. } | Position::Backoff { attempt, .. } => {
                Some(at(attempt))
            }
            Position::Work { attempt, run, .. } => Some(Unfinished { run: Some(run.clone()), ..at(attempt) }),
            Position::Join { attempt, fanout } => Some(Unfinished { fanout: Some(fanout.clone()), ..at(attempt) }),
        }
    }

    /// The token of the task at which the thread stands, if it has one.
    #[must_use]
    pub fn task_token(&self) -> Option<TaskToken> {
        let Position::Task { id, progress, .. } = &self.position else { return None };
        Some(TaskToken { log: self.log(), step: *id, secret: progress.secret.clone()? })
    }

    /// The thread's log, as its driver names it; empty where the definition makes no task tokens.
    pub(crate) fn log(&self) -> String {
        let below = self.child.as_ref().map_or("", |child| child.log.as_str());
        format!("{}{below}", self.execution.key)
    }

    /// The fan-out that the thread waits for, if it does.
    #[must_use]
    pub fn fanout(&self) -> Option<&Fanout> {
        match &self.position {
            Position::Join { fanout, .. } => Some(fanout),
            Position::Queued { .. }
            | Position::Ready { .. }
            | Position::Task { .. }
            | Position::Wait { .. }
            | Position::Backoff { .. }
            | Position::Work { .. }
            | Position::Ended { .. } => None,
        }
    }

    /// The name of the state in which the thread stands; `None` when it has ended.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        match &self.position {
            Position::Queued { state, .. } | Position::Ready { state, .. } => Some(state),
            Position::Task { attempt, .. }
            | Position::Wait { attempt, .. }
            | Position::Backoff { attempt, .. }
            | Position::Work { attempt, .. }
            | Position::Join { attempt, .. } => Some(&attempt.state),
            Position::Ended { .. } => None,
        }
    }
}
