//! Where figures go: a table for people, and `target/bench.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

/// Figures by name.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Prints a figure: the median of its runs.
    pub(crate) fn note(&mut self, name: &str, what: &str, mut runs: Vec<f64>) {
        runs.sort_by(f64::total_cmp);
        let median = runs[runs.len() / 2];
        println!("{name:34} {median:12.2}   {what}");
        self.0.insert(name.to_owned(), median);
    }

    /// Adds the figures to `target/bench.json`.
    pub(crate) fn write(&self) {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
        let file = target.join("bench.json");
        let stored = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut all: serde_json::Map<String, Value> = stored.unwrap_or_default();
        all.extend(self.0.iter().map(|(name, figure)| (name.clone(), json!(figure))));
        std::fs::write(&file, format!("{:#}\n", Value::Object(all))).expect("bench.json can be written");
    }
}

/// The value below which this share of the sorted times lies.
pub(crate) fn at(times: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((times.len() - 1) as f64 * share).round() as usize;
    times[index]
}
