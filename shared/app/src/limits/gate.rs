//! The gate of a key.

use millrace_asl::{Demand, Rate, Timestamp};
use serde::{Deserialize, Serialize};

use super::window::Window;

/// Names a gate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GateRef {
    pub(crate) owner: String,
    pub(crate) key: String,
}

/// Figures of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// How many executions may run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How many may start, by the length of the window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Rate>,
}

/// Figures that somebody has set at run time: they hold for every execution that names the key, in place of those of its
/// definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The figures; those that are not set stay the definitions'.
    #[serde(flatten)]
    pub figures: Figures,
    /// When they were set.
    pub at: Timestamp,
}

/// What is stored of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gate {
    pub(crate) owner: String,
    pub(crate) key: String,
    /// Executions that are in.
    #[serde(default)]
    pub(crate) held: u64,
    /// Executions that wait here.
    #[serde(default)]
    pub(crate) waiting: u64,
    #[serde(default)]
    pub(crate) windows: Vec<Window>,
    /// What the execution asked that came last.
    #[serde(default)]
    pub(crate) asked: Figures,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<Change>,
    /// When a message comes that looks at a window which opens then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wake: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
}

/// Why nobody gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Until one leaves, or the figure is raised.
    Full,
    /// Until then; `None`: until the figure is raised.
    Until(Option<Timestamp>),
}

impl Gate {
    pub(crate) fn new(gate: &GateRef, now: Timestamp) -> Self {
        Self {
            owner: gate.owner.clone(),
            key: gate.key.clone(),
            held: 0,
            waiting: 0,
            windows: Vec::new(),
            asked: Figures::default(),
            change: None,
            wake: None,
            updated_at: now,
        }
    }

    /// The figure that holds for an execution whose definition says `own`.
    fn concurrency(&self, own: u32) -> u32 {
        self.change.as_ref().and_then(|change| change.figures.concurrency).unwrap_or(own)
    }

    fn rate(&self, own: Rate) -> u32 {
        let changed = self.change.iter().flat_map(|change| &change.figures.rates);
        changed.into_iter().find(|rate| rate.per_seconds == own.per_seconds).map_or(own.limit, |rate| rate.limit)
    }

    pub(crate) fn window(&self, per_seconds: u32) -> Option<&Window> {
        self.windows.iter().find(|window| window.per_seconds == per_seconds)
    }

    /// Why an execution that asks this does not get in now.
    pub(crate) fn closed(&self, demand: &Demand, now: Timestamp) -> Option<Closed> {
        if demand.concurrency.is_some_and(|own| self.held >= u64::from(self.concurrency(own))) {
            return Some(Closed::Full);
        }
        let mut closed = None;
        for rate in &demand.rates {
            let limit = self.rate(*rate);
            let opens = match self.window(rate.per_seconds) {
                Some(window) => window.opens_at(limit, now),
                None => (limit > 0).then_some(now),
            };
            match opens {
                None => return Some(Closed::Until(None)),
                Some(opens) if opens > now => closed = closed.max(Some(opens)),
                Some(_) => {}
            }
        }
        closed.map(|opens| Closed::Until(Some(opens)))
    }

    /// Lets an execution in.
    pub(crate) fn take(&mut self, demand: &Demand, now: Timestamp) {
        self.held += u64::from(demand.concurrency.is_some());
        self.windows.retain(|window| !window.is_over(now));
        for rate in &demand.rates {
            match self.windows.iter_mut().find(|window| window.per_seconds == rate.per_seconds) {
                Some(window) => window.take(now),
                None => {
                    let mut window = Window::new(rate.per_seconds);
                    window.take(now);
                    self.windows.push(window);
                }
            }
        }
        self.updated_at = now;
    }

    /// Remembers what somebody who came asked.
    pub(crate) fn note(&mut self, demand: &Demand) {
        self.asked = Figures { concurrency: demand.concurrency, rates: demand.rates.clone() };
    }

    /// Is nothing counted here, and nothing set?
    pub(crate) fn is_idle(&self) -> bool {
        self.held == 0 && self.waiting == 0 && self.change.is_none()
    }

    /// The longest of its windows, in milliseconds.
    pub(crate) fn longest_millis(&self) -> i64 {
        self.windows.iter().map(|window| i64::from(window.per_seconds) * 1000).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_figure_holds_unless_it_was_changed() {
        let now = Timestamp::from_millis(1_000);
        let mut gate = Gate::new(&GateRef { owner: "o".to_owned(), key: "k".to_owned() }, now);
        let demand = |concurrency| Demand { key: "k".to_owned(), concurrency, rates: Vec::new() };
        gate.take(&demand(Some(2)), now);
        assert_eq!(gate.closed(&demand(Some(1)), now), Some(Closed::Full));
        assert_eq!(gate.closed(&demand(Some(2)), now), None);
        assert_eq!(gate.closed(&demand(None), now), None);
        gate.change = Some(Change { figures: Figures { concurrency: Some(1), rates: Vec::new() }, at: now });
        assert_eq!(gate.closed(&demand(Some(2)), now), Some(Closed::Full));
        assert_eq!(gate.closed(&demand(None), now), None);
    }

    #[test]
    fn the_latest_of_the_windows_decides() {
        let now = Timestamp::from_millis(1_000);
        let mut gate = Gate::new(&GateRef { owner: "o".to_owned(), key: "k".to_owned() }, now);
        let rates = vec![Rate { per_seconds: 1, limit: 1 }, Rate { per_seconds: 60, limit: 1 }];
        let demand = Demand { key: "k".to_owned(), concurrency: None, rates };
        assert_eq!(gate.closed(&demand, now), None);
        gate.take(&demand, now);
        assert_eq!(gate.closed(&demand, now), Some(Closed::Until(Some(now.plus_millis(60_000)))));
        assert_eq!(gate.closed(&demand, now.plus_millis(60_000)), None);
        gate.change = Some(Change {
            figures: Figures { concurrency: None, rates: vec![Rate { per_seconds: 60, limit: 0 }] },
            at: now,
        });
        assert_eq!(gate.closed(&demand, now.plus_millis(60_000)), Some(Closed::Until(None)));
    }
}
