//! What is stored of a schedule.

use std::collections::VecDeque;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::expression::{Expression, time_zone};
use crate::error::FieldProblem;
use crate::ids::{ScheduleId, WorkflowId};

/// Turns that wait for the execution before them, at most.
pub const MOST_QUEUED: usize = 100;
/// How many of its last turns a schedule remembers.
pub(super) const REMEMBERED: usize = 20;
/// The longest name, as EventBridge Scheduler's.
const NAME_CHARACTERS: usize = 64;

/// When a schedule comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// `rate(…)`, `cron(…)` or `at(…)`.
    pub expression: String,
    /// The IANA time zone whose clocks cron and at mean.
    pub time_zone: String,
    /// It does not come before this; a rate begins here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// It does not come after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_at: Option<Timestamp>,
}

impl Timing {
    /// The expression, read.
    ///
    /// # Errors
    /// Every problem, by its field.
    pub fn parse(&self) -> Result<Expression, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let zone = time_zone(&self.time_zone).map_err(|why| problems.push(FieldProblem::new("/time_zone", why)));
        let read = Expression::parse(&self.expression, zone.unwrap_or(jiff::tz::TimeZone::UTC));
        let read = read.map_err(|why| problems.push(FieldProblem::new("/expression", why)));
        if let (Some(start), Some(end)) = (self.start_at, self.end_at)
            && end <= start
        {
            problems.push(FieldProblem::new("/end_at", "must be after start_at"));
        }
        match read {
            Ok(read) if problems.is_empty() => Ok(read),
            _ => Err(problems),
        }
    }

    /// The first turn at `from` or later.
    pub(super) fn first_from(&self, expression: &Expression, from: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        let from = self.start_at.map_or(from, |start| start.max(from));
        self.within(expression.first_from(from, anchor))
    }

    /// The turn after one.
    pub(super) fn after(&self, expression: &Expression, due: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        self.within(expression.next_after(due, anchor))
    }

    fn within(&self, due: Option<Timestamp>) -> Option<Timestamp> {
        due.filter(|due| self.end_at.is_none_or(|end| *due <= end))
    }
}

/// What a schedule starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Its ARN, without a qualifier.
    pub workflow_arn: String,
    /// A version's number or an alias's name; the newest revision where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
}

/// What happens when a turn comes while the execution before it still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The turn is left out.
    Skip,
    /// The turn waits; at most [`MOST_QUEUED`] do.
    Queue,
    /// Both run.
    #[default]
    Allow,
}

impl Overlap {
    /// All, with the words of the API.
    pub const ALL: [(&'static str, Self); 3] = [("skip", Self::Skip), ("queue", Self::Queue), ("allow", Self::Allow)];
}

/// What happens to turns whose time passed while nobody was there, by more than a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// They are left out.
    None,
    /// The last one is made up for.
    #[default]
    Last,
    /// All are, one after another.
    All,
}

impl CatchUp {
    /// All, with the words of the API.
    pub const ALL: [(&'static str, Self); 3] = [("none", Self::None), ("last", Self::Last), ("all", Self::All)];
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An execution was started.
    Started,
    /// It was left out, since the execution before it ran.
    Skipped,
    /// It was left out, since its time had passed.
    Missed,
    /// The execution could not be started.
    Failed,
}

impl Outcome {
    /// The word of the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Failed => "failed",
        }
    }
}

/// A turn of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it was due.
    pub due_at: Timestamp,
    /// When that was decided.
    pub at: Timestamp,
    /// What it came to.
    pub outcome: Outcome,
    /// The execution's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<String>,
    /// Why it could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How many turns there were, by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// [`Outcome::Started`]
    pub started: u64,
    /// [`Outcome::Skipped`]
    pub skipped: u64,
    /// [`Outcome::Missed`]
    pub missed: u64,
    /// [`Outcome::Failed`]
    pub failed: u64,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its id, which follows from owner and name.
    pub id: ScheduleId,
    /// Whose it is.
    pub owner: String,
    /// Its name: one of its owner's.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it comes.
    #[serde(flatten)]
    pub timing: Timing,
    /// What it starts.
    pub target: Target,
    /// What with; nothing for the usual input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// What happens when the execution before still runs.
    pub overlap: Overlap,
    /// What happens to turns that were missed.
    pub catch_up: CatchUp,
    /// Does it rest until it is resumed?
    pub paused: bool,
    /// From when a rate counts.
    pub anchor: Timestamp,
    /// When it comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// One more with every change: timers that were set before it mean nothing.
    pub edition: u64,
    /// Turns that wait for the execution before them, by when they were due.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub queued: VecDeque<Timestamp>,
    /// When it is looked next whether a queued turn can start: a look before that is one too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
    /// The ARN of the execution that was started last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// Its last turns, the newest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub runs: VecDeque<Run>,
    /// How many turns there were.
    #[serde(default)]
    pub counts: Counts,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed by its owner.
    pub updated_at: Timestamp,
}

/// How a schedule is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleStatus {
    /// It comes at its times.
    Enabled,
    /// It rests.
    Paused,
    /// It does not come any more.
    Completed,
}

impl ScheduleStatus {
    /// The word of the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Paused => "PAUSED",
            Self::Completed => "COMPLETED",
        }
    }
}

impl Schedule {
    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> ScheduleStatus {
        match (self.paused, self.next_at.is_some() || !self.queued.is_empty()) {
            (true, _) => ScheduleStatus::Paused,
            (false, true) => ScheduleStatus::Enabled,
            (false, false) => ScheduleStatus::Completed,
        }
    }

    /// The next turn, once its times are counted anew at `now`: one that has been decided does not come again.
    pub(super) fn coming(&self, expression: &Expression, now: Timestamp) -> Option<Timestamp> {
        let last = self.runs.front().map_or(now, |run| run.due_at.plus_millis(1));
        self.timing.first_from(expression, now.max(last), self.anchor)
    }

    /// Remembers a turn.
    pub(super) fn remember(&mut self, run: Run) {
        let count = match run.outcome {
            Outcome::Started => &mut self.counts.started,
            Outcome::Skipped => &mut self.counts.skipped,
            Outcome::Missed => &mut self.counts.missed,
            Outcome::Failed => &mut self.counts.failed,
        };
        *count += 1;
        self.runs.push_front(run);
        self.runs.truncate(REMEMBERED);
    }
}

/// Says what is wrong with a schedule's name.
///
/// # Errors
/// What would be right, for people.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || name.len() > NAME_CHARACTERS || !name.bytes().all(fits) {
        return Err(format!("must be 1 to {NAME_CHARACTERS} letters, digits, '_', '-' or '.'"));
    }
    // Clients take dots alone out of addresses, and the route of previews has this name's.
    if name.bytes().all(|byte| byte == b'.') || name == "preview" {
        return Err(format!("must be another name than {name}, which addresses can't hold"));
    }
    Ok(())
}
