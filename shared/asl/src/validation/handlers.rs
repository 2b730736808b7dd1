//! `Retry` and `Catch`.

use serde_json::Value;

use crate::query::QueryLanguage;

use super::machine::Checker;
use super::report::At;
use super::scalars::{Fields, LONGEST};

/// 31622400 seconds, a leap year: `MaxDelaySeconds` stays below.
const LONGEST_DELAY: i64 = 31_622_399;

impl Checker {
    pub(super) fn retriers(&mut self, state: &Fields, at: &At) {
        let fixed = QueryLanguage::JsonPath;
        for (here, retrier, last) in self.entries(state, "Retry", at) {
            let Some(retrier) = self.object(retrier, &here) else { continue };
            self.only(
                retrier,
                &[
                    "ErrorEquals",
                    "IntervalSeconds",
                    "MaxAttempts",
                    "BackoffRate",
                    "MaxDelaySeconds",
                    "JitterStrategy",
                    "Comment",
                ],
                &here,
            );
            self.errors(retrier, last, &here);
            self.string_field(retrier, "Comment", &here);
            let interval = self.integer(retrier, "IntervalSeconds", (1, LONGEST), fixed, &here);
            self.integer(retrier, "MaxAttempts", (0, LONGEST), fixed, &here);
            self.number(retrier, "BackoffRate", (1.0, f64::MAX), fixed, &here);
            let delay = self.integer(retrier, "MaxDelaySeconds", (1, LONGEST_DELAY), fixed, &here);
            if let (Some(delay), Some(interval)) = (delay, interval)
                && delay <= interval
            {
                let message = "MaxDelaySeconds must be greater than IntervalSeconds";
                self.report.schema(&here.field("MaxDelaySeconds"), message);
            }
            self.choice_of(retrier, "JitterStrategy", &["FULL", "NONE"], &here);
        }
    }

    pub(super) fn catchers(&mut self, state: &Fields, language: QueryLanguage, at: &At) {
        for (here, catcher, last) in self.entries(state, "Catch", at) {
            let Some(catcher) = self.object(catcher, &here) else { continue };
            for field in catcher.keys() {
                let only = match field.as_str() {
                    "ErrorEquals" | "Next" | "Comment" | "Assign" => continue,
                    "ResultPath" => QueryLanguage::JsonPath,
                    "Output" => QueryLanguage::Jsonata,
                    _ => {
                        self.unsupported(field, &here);
                        continue;
                    }
                };
                if only != language {
                    let message = format!(
                        "The QueryLanguage is set to '{}', but field '{field}' is only supported for the '{}' QueryLanguage",
                        language.name(),
                        only.name()
                    );
                    self.report.schema(&here, message);
                }
            }
            self.errors(catcher, last, &here);
            self.require(catcher, &["Next"], &here);
            self.string_field(catcher, "Next", &here);
            self.string_field(catcher, "Comment", &here);
            self.assign(catcher, language, &here);
            match language {
                QueryLanguage::JsonPath => self.result_path(catcher, &here),
                QueryLanguage::Jsonata => self.template(catcher, "Output", language, &here),
            }
        }
    }

    /// The entries of an array, each with its place and whether it is the last.
    fn entries<'v>(&mut self, state: &'v Fields, field: &str, at: &At) -> Vec<(At, &'v Value, bool)> {
        let place = at.field(field);
        let Some(entries) = state.get(field).and_then(|entries| self.array(entries, &place)) else {
            return Vec::new();
        };
        let count = entries.len();
        entries.iter().enumerate().map(|(index, entry)| (place.item(index), entry, index + 1 == count)).collect()
    }

    fn errors(&mut self, entry: &Fields, last: bool, at: &At) {
        self.require(entry, &["ErrorEquals"], at);
        let place = at.field("ErrorEquals");
        let Some(names) = entry.get("ErrorEquals").and_then(|names| self.array(names, &place)) else { return };
        if names.is_empty() {
            self.report.schema(&place, "Value cannot be empty");
        }
        for (index, name) in names.iter().enumerate() {
            let here = place.item(index);
            if self.string(name, &here) == Some("States.ALL") && (names.len() > 1 || !last) {
                self.report.schema(&here, "States.ALL must appear alone and at end of list");
            }
        }
    }
}
