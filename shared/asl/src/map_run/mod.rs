//! A distributed Map: a run of child executions, each with a history of its own, over items in pages.
//!
//! Its log waits for pages as an inline Map waits for items that are told one by one (`docs/adr/0013`). A page is a child
//! thread that gets its items from the driver, runs their executions, and ends with a [`PageReport`]. An execution that
//! never waits leaves only its end with its page: whoever asks for its history runs it again ([`rerun`]).
//!
//! Start reading at `begin`, then `page`.

pub(crate) mod begin;
mod earlier;
pub(crate) mod names;
pub(crate) mod page;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Timestamp;
use crate::snapshot::{ExecutionContext, Failure, Fanout, Outcome, Position, Snapshot, Source};

pub use earlier::{Before, Began, Earlier};
pub use names::RunName;
pub use page::{Rerun, rerun};

/// What a map run is, for as long as its log waits for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapRun {
    /// Its name, from which those of its executions follow.
    #[serde(rename = "k")]
    pub name: RunName,
    /// `Label`, or what stands for it.
    #[serde(rename = "l")]
    pub label: String,
    /// `MaxConcurrency`; 0 is no limit.
    #[serde(rename = "x", default)]
    pub limit: u32,
    /// How many items may fail.
    #[serde(rename = "t", default)]
    pub tolerance: Tolerance,
    /// `ItemBatcher`
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
    /// What the reader of the items is given; `None` where they came with the input.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<Value>,
    /// What the writer of the results is given; `None` where the results are the state's own.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<Value>,
    /// The effective input of the state, where `ItemSelector` needs it.
    #[serde(rename = "i", default, skip_serializing_if = "Value::is_null")]
    pub input: Value,
    /// The items themselves, until they are divided into pages, or for as long as they are a single page.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Value>,
    /// Under which name the pages are stored, chosen by whoever divided the items; empty: they are in `items`.
    #[serde(rename = "g", default, skip_serializing_if = "String::is_empty")]
    pub stored: String,
    /// Are the items the fields of an object, each with its `Key` and `Value`?
    #[serde(rename = "y", default, skip_serializing_if = "std::ops::Not::not")]
    pub keyed: bool,
    /// `$$.Map.Item.Source` of items that do not say it themselves.
    #[serde(rename = "u", default)]
    pub origin: String,
    /// How many items there are.
    #[serde(rename = "n", default)]
    pub total: u64,
    /// How many pages there are.
    #[serde(rename = "p", default)]
    pub pages: u32,
    /// The ends of the executions of the pages that have ended.
    #[serde(rename = "c", default)]
    pub counts: RunCounts,
    /// Why it fails, once it does.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How often it was redriven.
    #[serde(rename = "v", default, skip_serializing_if = "is_zero")]
    pub redrives: u32,
    /// When it was redriven last.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub redriven_at: Option<Timestamp>,
    /// Where its pages were before each redrive, oldest first.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
    /// In a page: what it may do.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PageTerms>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What a page is told when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageTerms {
    /// Which page, from 0.
    #[serde(rename = "p")]
    pub number: u32,
    /// How many of its executions may run at once; 0 is no limit.
    #[serde(rename = "l")]
    pub limit: u32,
    /// How many of its items may fail before the run has failed for certain.
    #[serde(rename = "a")]
    pub allowed: u64,
    /// Its randomness.
    #[serde(rename = "s")]
    pub seed: u64,
}

/// `ToleratedFailureCount` and `ToleratedFailurePercentage`. Where neither is set no failure is tolerated; where both are,
/// the run fails when either is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Tolerance {
    /// `ToleratedFailureCount`
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// `ToleratedFailurePercentage`, 0 to 100.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<f64>,
}

impl Tolerance {
    /// How many of `total` items may fail.
    #[must_use]
    pub fn allowed(&self, total: u64) -> u64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "up to 100,000,000 items; a float cast saturates"
        )]
        // What lies within a millionth of a whole item is one: 7 % of 100 items are 7.
        let share = self.percentage.map(|percentage| (total as f64 * percentage / 100.0 + 1e-6).floor() as u64);
        match (self.count, share) {
            (Some(count), Some(share)) => count.min(share),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => 0,
        }
    }
}

/// `ItemBatcher`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// `MaxItemsPerBatch`
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
    /// `MaxInputBytesPerBatch`
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// `BatchInput`
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// What the driver does for a map run. Its result comes as that of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Read the items from object storage, store them in pages. The result says `stored`, `total` and `pages`.
    Read,
    /// Store the items in pages. The same result.
    Split,
    /// Bring the items of one page. The result says `first`, the place of the first among all, and `items`.
    Load,
    /// Write the results to object storage. The result is the state's.
    Write,
}

impl Work {
    /// What an [`crate::Effect::InvokeTask`] calls it.
    #[must_use]
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Read => "millrace:map:read",
            Self::Split => "millrace:map:split",
            Self::Load => "millrace:map:load",
            Self::Write => "millrace:map:write",
        }
    }

    /// The work that a resource names.
    #[must_use]
    pub fn of(resource: &str) -> Option<Self> {
        [Self::Read, Self::Split, Self::Load, Self::Write].into_iter().find(|work| work.resource() == resource)
    }
}

/// What `Work::Read` and `Work::Split` lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divided {
    /// Under which name the pages are stored.
    pub stored: String,
    /// How many items there are.
    pub total: u64,
    /// How many pages they make.
    pub pages: u32,
    /// Are the items the fields of an object, each with its `Key` and `Value`?
    #[serde(default)]
    pub keyed: bool,
}

/// What `Work::Load` leads to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// The place of the first item among all items of the run, from 0.
    pub first: u64,
    /// The items.
    pub items: Vec<Value>,
    /// `$$.Map.Item.Source` of each, where they differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// What the executions of the items came to before the run was redriven, by index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<(u32, Before)>,
}

/// How many of something came to which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Succeeded.
    #[serde(rename = "s", default)]
    pub succeeded: u64,
    /// Failed.
    #[serde(rename = "f", default)]
    pub failed: u64,
    /// Timed out.
    #[serde(rename = "t", default)]
    pub timed_out: u64,
    /// Stopped.
    #[serde(rename = "a", default)]
    pub aborted: u64,
}

impl Counts {
    /// All that ended.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.succeeded + self.failed + self.timed_out + self.aborted
    }

    const fn add(&mut self, end: &ItemEnd, more: u64) {
        match end {
            ItemEnd::Succeeded { .. } => self.succeeded += more,
            ItemEnd::Failed { .. } => self.failed += more,
            ItemEnd::TimedOut => self.timed_out += more,
            ItemEnd::Aborted { .. } => self.aborted += more,
        }
    }

    const fn plus(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.aborted += other.aborted;
    }
}

/// The ends of executions, and of the items in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunCounts {
    /// Executions.
    #[serde(rename = "e", default)]
    pub executions: Counts,
    /// Items: several an execution where `ItemBatcher` groups them.
    #[serde(rename = "i", default)]
    pub items: Counts,
}

impl RunCounts {
    /// Items that count against the tolerance.
    #[must_use]
    pub const fn failures(&self) -> u64 {
        self.items.failed + self.items.timed_out
    }

    /// Counts an execution of `items` items that ended.
    pub const fn count(&mut self, end: &ItemEnd, items: u64) {
        self.executions.add(end, 1);
        self.items.add(end, items);
    }

    /// Adds what another part of the run came to.
    pub const fn plus(&mut self, other: &Self) {
        self.executions.plus(&other.executions);
        self.items.plus(&other.items);
    }
}

/// How a map run is, spelt as Step Functions spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// It has not ended.
    Running,
    /// No more failed than it tolerates.
    Succeeded,
    /// More failed, or its items could not be read, or its results not be written.
    Failed,
    /// Its execution was stopped or timed out.
    Aborted,
}

impl RunStatus {
    /// As it is spelt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }
}

/// How an execution of a map run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ItemEnd {
    /// With an output.
    #[serde(rename = "s")]
    Succeeded {
        /// The output.
        #[serde(rename = "o")]
        output: Value,
    },
    /// With an error.
    #[serde(rename = "f")]
    Failed {
        /// Why.
        #[serde(flatten)]
        failure: Failure,
    },
    /// Its time ran out.
    #[serde(rename = "t")]
    TimedOut,
    /// It was stopped.
    #[serde(rename = "a")]
    Aborted {
        /// Why.
        #[serde(flatten)]
        failure: Failure,
    },
}

impl From<&Outcome> for ItemEnd {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded { output } => Self::Succeeded { output: output.clone() },
            Outcome::Failed { failure } => Self::Failed { failure: failure.clone() },
            Outcome::TimedOut => Self::TimedOut,
            Outcome::Aborted { failure } => Self::Aborted { failure: failure.clone() },
        }
    }
}

/// What a page ends with, as its output.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PageReport {
    /// How its executions ended.
    #[serde(rename = "c")]
    pub counts: RunCounts,
    /// How many executions it has, those that never ended included.
    #[serde(rename = "n")]
    pub executions: u32,
    /// The place of its first item among all items of the run.
    #[serde(rename = "f")]
    pub first: u64,
    /// Each that ended before the page did, by index.
    #[serde(rename = "e")]
    pub ends: Vec<(u32, ItemEnd)>,
    /// [`Executions::late`]
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<(u32, Timestamp)>,
}

impl PageReport {
    /// The report that a page's output is.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Succeeded { output } => serde_json::from_value(output.clone()).ok(),
            Outcome::Failed { .. } | Outcome::TimedOut | Outcome::Aborted { .. } => None,
        }
    }
}

/// In a page's fan-out: what its children have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Executions {
    /// The run's name.
    #[serde(rename = "k")]
    pub name: RunName,
    /// The run's label.
    #[serde(rename = "l")]
    pub label: String,
    /// The page's terms.
    #[serde(rename = "o")]
    pub terms: PageTerms,
    /// The place of the page's first item among all items of the run.
    #[serde(rename = "f")]
    pub first: u64,
    /// How many items each execution has; empty: one each.
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<u32>,
    /// Executions that ended without success and have been noted.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<(u32, ItemEnd)>,
    /// When those began and ended that did so at once, other than when the page got its items.
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<(u32, Timestamp)>,
    /// Those that are redriven.
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    pub began: Vec<(u32, Began)>,
}

impl Executions {
    /// How many items an execution has.
    #[must_use]
    pub fn size(&self, index: u32) -> u64 {
        if self.sizes.is_empty() {
            return 1;
        }
        usize::try_from(index).ok().and_then(|index| self.sizes.get(index)).copied().map_or(0, u64::from)
    }

    /// Items that count against the tolerance.
    pub(crate) fn failures(&self) -> u64 {
        let failed = self.failed.iter().filter(|(_, end)| !matches!(end, ItemEnd::Aborted { .. }));
        failed.map(|(index, _)| self.size(*index)).sum()
    }

    /// What stays of an execution that is redriven.
    pub(crate) fn began(&self, index: u32) -> Option<Began> {
        let place = self.began.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        self.began.get(place).map(|(_, began)| *began)
    }

    pub(crate) fn has_failed(&self, index: u32) -> bool {
        self.failed.iter().any(|(other, _)| *other == index)
    }

    pub(crate) fn note(&mut self, index: u32, end: ItemEnd) {
        if !self.has_failed(index) {
            self.failed.push((index, end));
            self.failed.sort_unstable_by_key(|(index, _)| *index);
        }
    }

    /// Must the page hear of each failure? Not where all of its items may fail.
    pub(crate) fn tells_failures(&self, total: u32) -> bool {
        let items =
            if self.sizes.is_empty() { u64::from(total) } else { self.sizes.iter().copied().map(u64::from).sum() };
        self.terms.allowed < items
    }
}

/// How many pages run at once, and how many executions in each: together never more than the limit.
#[must_use]
pub fn shares(limit: u32, pages: u32) -> (u32, u32) {
    /// Pages at once where executions are not limited: 10,000 executions, the most that the service runs at once.
    const FREE: u32 = 10;
    /// Pages at once are not many more, so that their log stays small.
    const PAGES: u32 = 50;
    let pages = pages.max(1);
    if limit == 0 {
        return (pages.min(FREE), 0);
    }
    let each = (limit / pages.min(PAGES)).max(1);
    ((limit / each).clamp(1, pages), each)
}

/// How many items make a page, where a limit holds executions back: few, because each end is written to the page.
#[must_use]
pub fn page_size(limit: u32, batch: Option<&Batch>) -> u64 {
    const LARGE: u64 = 1000;
    const SMALL: u64 = 40;
    let executions = if limit == 0 || limit >= 1000 { LARGE } else { SMALL };
    executions.saturating_mul(batch.and_then(|batch| batch.max_items).unwrap_or(1).clamp(1, 10_000))
}

impl MapRun {
    /// Its ARN. `execution` is the context of the execution with the Map state.
    #[must_use]
    pub fn arn(&self, execution: &ExecutionContext) -> String {
        names::run_arn(execution, &self.label, self.name)
    }

    /// The context of an execution of it, without what only the execution itself knows.
    #[must_use]
    pub fn child_context(&self, execution: &ExecutionContext, page: u32, index: u32) -> ExecutionContext {
        names::child_context(execution, &self.label, self.name.execution(page, index))
    }

    /// What a worker that does `work` is given. [`Work::Load`] and [`Work::Split`] need nothing: they look at the log.
    #[must_use]
    pub fn given(&self, work: Work) -> Value {
        match work {
            Work::Read => json!({
                "reader": self.reader, "pageSize": page_size(self.limit, self.batch.as_ref()), "name": self.name.to_string(),
            }),
            Work::Write => json!({ "writer": self.writer, "name": self.name.to_string() }),
            Work::Split | Work::Load => Value::Null,
        }
    }
}

impl Snapshot {
    /// The map run that the thread waits for, if it does. A page's thread waits for none.
    #[must_use]
    pub fn map_run(&self) -> Option<&MapRun> {
        match &self.position {
            Position::Work { run, .. } if run.page.is_none() => Some(run),
            Position::Join { fanout, .. } => fanout.map_run(),
            Position::Work { .. }
            | Position::Queued { .. }
            | Position::Ready { .. }
            | Position::Task { .. }
            | Position::Wait { .. }
            | Position::Backoff { .. }
            | Position::Ended { .. } => None,
        }
    }
}

impl Fanout {
    /// The map run whose pages the children are.
    #[must_use]
    pub fn map_run(&self) -> Option<&MapRun> {
        match &self.source {
            Source::Pages { run } => Some(run),
            Source::Branches { .. } | Source::Items { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_limit() {
        for limit in 1..2_000 {
            for pages in [1, 2, 3, 7, 49, 50, 51, 100, 5_000] {
                let (at_once, each) = shares(limit, pages);
                assert!(at_once >= 1 && each >= 1, "{limit} {pages}");
                assert!(at_once * each <= limit, "{limit} over {pages} pages: {at_once} of {each}");
                assert!(at_once <= pages);
            }
        }
        assert_eq!(shares(1, 100), (1, 1));
        assert_eq!(shares(10, 1), (1, 10));
    }

    #[test]
    fn tolerance_takes_the_narrower() {
        let tolerance = |count, percentage| Tolerance { count, percentage };
        assert_eq!(tolerance(None, None).allowed(100), 0);
        assert_eq!(tolerance(Some(3), None).allowed(100), 3);
        assert_eq!(tolerance(None, Some(7.0)).allowed(100), 7);
        assert_eq!(tolerance(None, Some(0.5)).allowed(100), 0);
        assert_eq!(tolerance(Some(3), Some(50.0)).allowed(100), 3);
        assert_eq!(tolerance(Some(90), Some(50.0)).allowed(100), 50);
        assert_eq!(tolerance(None, Some(100.0)).allowed(u64::MAX / 2), (u64::MAX / 2) + 1);
    }
}
