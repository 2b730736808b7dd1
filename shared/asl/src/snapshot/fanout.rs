//! The children of a Parallel or Map state, and what is left of them when it ends without success.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Timestamp;
use crate::map_run::{Executions, MapRun};
use crate::snapshot::{Attempt, Moment, is_empty};

/// The children of a Parallel or Map state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fanout {
    /// Counts the fan-outs of the thread, from 0.
    #[serde(rename = "i")]
    pub id: u32,
    /// What each child starts with.
    #[serde(rename = "s")]
    pub source: Source,
    /// How many branches or items there are.
    #[serde(rename = "t")]
    pub total: u32,
    /// The outputs of children that never had to wait.
    #[serde(rename = "o", default, skip_serializing_if = "BTreeMap::is_empty", with = "pairs")]
    pub outputs: BTreeMap<u32, Value>,
    /// How the ends of the others are learnt.
    #[serde(rename = "j")]
    pub join: Join,
    /// How many events its log had recorded then: where its children's numbers begin.
    #[serde(rename = "h", default)]
    pub events: u64,
    /// When the fan-out began, and with what randomness: a child can be started again and come out the same.
    #[serde(rename = "w")]
    pub moment: Moment,
    /// Children that go on where they ended before.
    #[serde(rename = "e", default, skip_serializing_if = "BTreeMap::is_empty", with = "pairs")]
    pub resumed: BTreeMap<u32, Resume>,
    /// In a page of a map run: what its executions have in common.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub executions: Option<Box<Executions>>,
}

/// How a parent learns of its waiting children's ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by")]
pub enum Join {
    /// All have been started; their ends are counted outside, and the last one joins. A failure is told at once.
    #[serde(rename = "count")]
    Counted {
        /// The children that wait.
        #[serde(rename = "w")]
        waiting: Vec<u32>,
    },
    /// `MaxConcurrency` holds some back: every end is told to the parent, which starts the next.
    #[serde(rename = "turn")]
    InTurn {
        /// The children that are out, with the time each was started.
        #[serde(rename = "r", with = "pairs")]
        running: BTreeMap<u32, Timestamp>,
        /// The children that were out and have succeeded.
        #[serde(rename = "d", default)]
        done: Vec<u32>,
        /// The next one to start.
        #[serde(rename = "n")]
        next: u32,
        /// How many may be out at once.
        #[serde(rename = "l")]
        limit: u32,
    },
}

/// What the children of a fan-out start with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of")]
pub enum Source {
    /// The same input for each branch.
    #[serde(rename = "parallel")]
    Branches {
        /// The effective input of the Parallel state.
        #[serde(rename = "i")]
        input: Value,
    },
    /// One item each.
    #[serde(rename = "map")]
    Items {
        /// The array.
        #[serde(rename = "a")]
        items: Vec<Value>,
        /// The effective input of the Map state, for `ItemSelector`.
        #[serde(rename = "i", default, skip_serializing_if = "Value::is_null")]
        input: Value,
    },
    /// The pages of a map run.
    #[serde(rename = "pages")]
    Pages {
        /// The map run.
        #[serde(rename = "u")]
        run: Box<MapRun>,
    },
}

/// The state in which a thread ended without success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The try at it that was the last, with no retry used.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The thread was about to enter the state.
    #[serde(rename = "y", default, skip_serializing_if = "std::ops::Not::not")]
    pub ahead: bool,
    /// Its children, as the thread last knew them.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub fanout: Option<Box<Fanout>>,
    /// Its map run, where that waited for no page: it was dividing its items or writing its results.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<MapRun>>,
}

/// What there is of a fan-out's children when its state goes on: those that have succeeded are not run again, those that
/// had begun go on where they ended, the others begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// What the children started with.
    #[serde(rename = "s")]
    pub source: Source,
    /// How many may be out at once; 0 is no limit.
    #[serde(rename = "l", default)]
    pub limit: u32,
    /// The outputs of those that have succeeded.
    #[serde(rename = "o", default, skip_serializing_if = "BTreeMap::is_empty", with = "pairs")]
    pub outputs: BTreeMap<u32, Value>,
    /// Where those ended that had begun and have not.
    #[serde(rename = "e", default, skip_serializing_if = "BTreeMap::is_empty", with = "pairs")]
    pub ends: BTreeMap<u32, Resume>,
    /// May the definition give the children something else to start with? Then those for which it does begin anew.
    #[serde(skip)]
    pub compared: bool,
}

impl Parts {
    /// Keeps what holds for children that start with `source`.
    pub(crate) fn fit(&mut self, source: &Source) {
        let same = |index: &u32| match (&self.source, source) {
            (Source::Branches { input: before }, Source::Branches { input }) => before == input,
            (Source::Items { items: before, input: with }, Source::Items { items, input }) => {
                let place = usize::try_from(*index).unwrap_or(usize::MAX);
                with == input && items.get(place).is_some_and(|item| before.get(place) == Some(item))
            }
            _ => false,
        };
        self.outputs.retain(|index, _| same(index));
        self.ends.retain(|index, _| same(index));
    }
}

/// Where a child goes on that has ended without success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// The state.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The state has not been entered.
    #[serde(rename = "y", default, skip_serializing_if = "std::ops::Not::not")]
    pub ahead: bool,
    /// The child's variables.
    #[serde(rename = "v", default, skip_serializing_if = "is_empty")]
    pub variables: Arc<Map<String, Value>>,
    /// What there is of the state's own children.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Box<Parts>>,
    /// The map run that the state goes on with.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<MapRun>>,
}

impl Fanout {
    /// The children that have been started, waited, and whose end the parent has not been told.
    #[must_use]
    pub fn out(&self) -> Vec<u32> {
        match &self.join {
            Join::Counted { waiting } => waiting.clone(),
            Join::InTurn { running, .. } => running.keys().copied().collect(),
        }
    }

    /// Every child that has a log of its own.
    #[must_use]
    pub fn with_logs(&self) -> Vec<u32> {
        match &self.join {
            // Every page begins with work.
            Join::InTurn { next, .. } if self.map_run().is_some() => (0..*next).collect(),
            Join::Counted { waiting } => waiting.clone(),
            Join::InTurn { running, done, .. } => {
                let mut all: Vec<u32> = running.keys().chain(done).copied().collect();
                all.sort_unstable();
                all
            }
        }
    }

    /// Are there children that have not been started yet?
    #[must_use]
    pub const fn holds_back(&self) -> bool {
        matches!(self.join, Join::InTurn { next, .. } if next < self.total)
    }

    /// Are these the items of a Map state?
    #[must_use]
    pub const fn is_map(&self) -> bool {
        matches!(self.source, Source::Items { .. })
    }

    /// Had a child begun? One that the thread has no log of may have ended in the decision in which it began.
    #[must_use]
    pub const fn has_begun(&self, index: u32) -> bool {
        match self.join {
            Join::Counted { .. } => true,
            Join::InTurn { next, .. } => index < next,
        }
    }

    /// How many children may be out at once; 0 is no limit.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        match self.join {
            Join::Counted { .. } => 0,
            Join::InTurn { limit, .. } => limit,
        }
    }
}

/// Maps with numbers for keys, as arrays of pairs: a tagged enum's content can't hold such a map.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer, T: Serialize>(map: &BTreeMap<u32, T>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        from: D,
    ) -> Result<BTreeMap<u32, T>, D::Error> {
        Ok(Vec::deserialize(from)?.into_iter().collect())
    }
}
