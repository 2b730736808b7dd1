//! What a report counts. Its size is bounded, however much happened: names beyond the limits are counted together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::models::TokenUsage;

/// Workflows, error names and webhook sources that are told by name.
const NAMES: usize = 100;
/// Projects with models that are told by name.
const COSTS: usize = 500;
/// Schedules that are told by name.
const SCHEDULES: usize = 500;
/// What the rest is called.
const OTHERS: &str = "(others)";
/// Buckets of durations for each doubling: a bucket's middle is within 2.2% of what lies in it.
const PER_DOUBLING: f64 = 16.0;

/// Everything that a report says in numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Executions that were started in the period, by their status.
    pub executions: BTreeMap<String, u64>,
    /// The same by workflow.
    pub workflows: BTreeMap<String, Workflow>,
    /// What those that failed failed with, by error name.
    pub errors: BTreeMap<String, Failures>,
    /// What models were asked for.
    pub cost: Cost,
    /// Events of webhooks, by source.
    pub webhooks: BTreeMap<String, Receipts>,
    /// What schedules did, by name.
    pub schedules: BTreeMap<String, Turns>,
}

/// How the executions of a workflow went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// How many were started.
    pub started: u64,
    /// How many of them ended well.
    pub succeeded: u64,
    /// How many ended otherwise.
    pub failed: u64,
    /// How long those that ended took.
    pub durations: Durations,
}

/// Executions that failed with one error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Failures {
    /// How many.
    pub count: u64,
    /// The newest of them. Causes are not told here: they may hold what the workflow worked on.
    pub example: String,
    /// Its workflow.
    pub workflow: String,
}

/// How long things took, in milliseconds, in buckets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Durations {
    /// How many, by bucket.
    buckets: BTreeMap<u32, u64>,
    /// The longest.
    pub longest: u64,
}

impl Durations {
    /// Adds one.
    pub fn add(&mut self, millis: u64) {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a logarithm times 16 is small and not negative"
        )]
        let bucket = ((millis as f64 + 1.0).log2() * PER_DOUBLING) as u32;
        *self.buckets.entry(bucket).or_default() += 1;
        self.longest = self.longest.max(millis);
    }

    /// How long `percent` of a hundred took at the most, to within 5%; `None` where there were none.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let all: u64 = self.buckets.values().sum();
        let rank = (all * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                let middle = ((f64::from(*bucket) + 0.5) / PER_DOUBLING).exp2() - 1.0;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a middle of what was added; a cast saturates"
                )]
                return Some((middle.max(0.0).round() as u64).min(self.longest));
            }
        }
        None
    }

    fn told(&self) -> Value {
        json!({
            "p50": self.percentile(50), "p90": self.percentile(90), "p99": self.percentile(99),
            "max": self.percentile(100).map(|_| self.longest),
        })
    }
}

/// What models cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// By project and model.
    pub by_project: Vec<CostOf>,
}

/// What a model cost for a project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CostOf {
    /// The project's id; `None` for executions outside of projects.
    pub project_id: Option<String>,
    /// The project's name.
    pub project: String,
    /// `provider/model`
    pub model: String,
    /// What it used.
    #[serde(flatten)]
    pub used: Used,
}

/// Calls, tokens and money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Used {
    /// Calls that were answered.
    pub calls: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Those of them that the provider had in its cache.
    pub cached_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// US dollars, of the calls whose price is known.
    pub usd: f64,
    /// Calls whose price is not known.
    pub unpriced_calls: u64,
}

impl Used {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.usd += other.usd;
        self.unpriced_calls += other.unpriced_calls;
    }

    /// One call.
    #[must_use]
    pub fn of_call(usage: TokenUsage, usd: Option<f64>) -> Self {
        Self {
            calls: 1,
            input_tokens: usage.input,
            cached_tokens: usage.cached_input,
            output_tokens: usage.output,
            usd: usd.unwrap_or_default(),
            unpriced_calls: u64::from(usd.is_none()),
        }
    }
}

impl Cost {
    /// Adds what was used for a project.
    pub fn add(&mut self, project: Option<(&str, &str)>, model: &str, used: Used) {
        let (id, name) = project.unzip();
        let is_it = |row: &&mut CostOf| row.project_id.as_deref() == id && row.model == model;
        if let Some(row) = self.by_project.iter_mut().find(is_it) {
            row.used.add(used);
            return;
        }
        if self.by_project.len() < COSTS {
            let row = CostOf {
                project_id: id.map(str::to_owned),
                project: name.unwrap_or("(no project)").to_owned(),
                model: model.to_owned(),
                used,
            };
            self.by_project.push(row);
            return;
        }
        let full = self.by_project.iter_mut().find(|row| row.project == OTHERS);
        match full {
            Some(row) => row.used.add(used),
            None => self.by_project.push(CostOf {
                project: OTHERS.to_owned(),
                model: OTHERS.to_owned(),
                used,
                ..CostOf::default()
            }),
        }
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> Used {
        self.by_project.iter().fold(Used::default(), |mut sum, row| {
            sum.add(row.used);
            sum
        })
    }

    /// By model.
    #[must_use]
    pub fn by_model(&self) -> BTreeMap<&str, Used> {
        let mut models: BTreeMap<&str, Used> = BTreeMap::new();
        for row in &self.by_project {
            models.entry(&row.model).or_default().add(row.used);
        }
        models
    }
}

/// Events that a source sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// Events.
    pub received: u64,
    /// Those of them that started a workflow.
    pub matched: u64,
    /// Those that fitted no rule.
    pub unmatched: u64,
    /// Those that should have started one, and did not.
    pub failed: u64,
    /// Deliveries that came again and were not counted.
    pub repeats: u64,
}

/// What a schedule's turns came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns {
    /// Executions that it started.
    pub started: u64,
    /// Turns left out, since the execution before ran.
    pub skipped: u64,
    /// Turns left out, since their time had passed.
    pub missed: u64,
    /// Executions that could not be started.
    pub failed: u64,
    /// When it comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// Does it remember no more of the period, so that turns left out before are not counted?
    #[serde(default)]
    pub incomplete: bool,
}

/// An entry of a map that stays small: those for which there is no room share one.
fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, name: &str, most: usize) -> &'a mut T {
    let name = if map.contains_key(name) || map.len() < most { name } else { OTHERS };
    map.entry(name.to_owned()).or_default()
}

impl Tally {
    /// A workflow by its name.
    pub fn workflow(&mut self, name: &str) -> &mut Workflow {
        entry(&mut self.workflows, name, NAMES)
    }

    /// The failures with an error.
    pub fn error(&mut self, name: &str) -> &mut Failures {
        let short: String = name.chars().take(200).collect();
        entry(&mut self.errors, &short, NAMES)
    }

    /// The events of a source.
    pub fn webhook(&mut self, source: &str) -> &mut Receipts {
        entry(&mut self.webhooks, source, NAMES)
    }

    /// A schedule by its name.
    pub fn schedule(&mut self, name: &str) -> &mut Turns {
        entry(&mut self.schedules, name, SCHEDULES)
    }

    /// As the report's JSON has it.
    #[must_use]
    pub fn told(&self) -> Value {
        let workflows: serde_json::Map<String, Value> = self
            .workflows
            .iter()
            .map(|(name, workflow)| {
                let told = json!({
                    "started": workflow.started, "succeeded": workflow.succeeded, "failed": workflow.failed,
                    "duration_millis": workflow.durations.told(),
                });
                (name.clone(), told)
            })
            .collect();
        json!({
            "executions": { "started": self.executions.values().sum::<u64>(), "by_status": self.executions },
            "workflows": workflows,
            "errors": self.errors,
            "cost": {
                "total": self.cost.total(), "by_model": self.cost.by_model(), "by_project": self.cost.by_project,
            },
            "webhooks": self.webhooks,
            "schedules": self.schedules,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_close() {
        let mut durations = Durations::default();
        assert_eq!(durations.percentile(50), None);
        (1..=10_000).for_each(|millis| durations.add(millis * 7));
        for (percent, exact) in [(50, 35_000.0), (90, 63_000.0), (99, 69_300.0)] {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let told = durations.percentile(percent).unwrap() as f64;
            assert!((told / exact - 1.0).abs() < 0.05, "{percent}: {told}");
        }
        assert_eq!((durations.longest, durations.percentile(100) <= Some(70_000)), (70_000, true));
        assert!(durations.buckets.len() < 300);
        let back: Durations = serde_json::from_value(serde_json::to_value(&durations).unwrap()).unwrap();
        assert_eq!(back, durations);
        let mut short = Durations::default();
        short.add(0);
        assert_eq!(short.percentile(50), Some(0));
    }

    #[test]
    fn a_tally_stays_small_and_loses_nothing() {
        let mut tally = Tally::default();
        for number in 0..2_000 {
            tally.workflow(&format!("w{number}")).started += 1;
            tally.error(&format!("E{number}")).count += 1;
            let used = Used::of_call(TokenUsage { input: 1, ..TokenUsage::default() }, Some(0.5));
            tally.cost.add(Some((&format!("p{number}"), "x")), "a/b", used);
        }
        assert_eq!(tally.workflows.values().map(|workflow| workflow.started).sum::<u64>(), 2_000);
        assert_eq!(tally.errors.values().map(|errors| errors.count).sum::<u64>(), 2_000);
        let total = tally.cost.total();
        assert_eq!((total.calls, total.input_tokens), (2_000, 2_000));
        assert!((total.usd - 1_000.0).abs() < 1e-9);
        assert!(serde_json::to_vec(&tally).unwrap().len() < 150_000);
    }
}
