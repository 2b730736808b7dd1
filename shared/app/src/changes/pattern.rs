//! Patterns over keys, as code and as a filter of the table's stream.

use serde_json::{Value, json};

use crate::ports::RecordKey;

/// Which sort keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// This one.
    Is(&'static str),
    /// Those that begin so.
    Begins(&'static str),
}

impl Sort {
    fn matches(self, sort: &str) -> bool {
        match self {
            Self::Is(text) => sort == text,
            Self::Begins(text) => sort.starts_with(text),
        }
    }

    fn filter(self) -> Value {
        match self {
            Self::Is(text) => json!(text),
            Self::Begins(text) => json!({ "prefix": text }),
        }
    }
}

/// Keys whose partition begins with one of some texts and whose sort key is one of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPattern {
    /// What the partition begins with: one of these.
    pub partitions: &'static [&'static str],
    /// What the sort key is: one of these.
    pub sorts: &'static [Sort],
}

impl KeyPattern {
    /// Does a key fit?
    #[must_use]
    pub fn matches(&self, key: &RecordKey) -> bool {
        self.partitions.iter().any(|prefix| key.partition.starts_with(prefix))
            && self.sorts.iter().any(|sort| sort.matches(&key.sort))
    }

    /// The same as a pattern of an event source mapping's `FilterCriteria` for a DynamoDB stream.
    #[must_use]
    pub fn filter(&self) -> Value {
        let partitions: Vec<Value> = self.partitions.iter().map(|prefix| json!({ "prefix": prefix })).collect();
        let sorts: Vec<Value> = self.sorts.iter().map(|sort| sort.filter()).collect();
        json!({ "dynamodb": { "Keys": { "PK": { "S": partitions }, "SK": { "S": sorts } } } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::{LIVE, NOTIFIED, matches};
    use crate::patterns::Pattern;

    fn key(partition: &str, sort: &str) -> RecordKey {
        RecordKey { partition: partition.into(), sort: sort.into() }
    }

    #[test]
    fn a_key_and_its_stream_record_are_decided_alike() {
        for (partition, sort, notified, live) in [
            ("PROJECT#prj_1", "METADATA", true, true),
            ("PROJECT#prj_1", "EVENT#evt_1", false, true),
            ("PROJECT#prj_1", "EVENTMARK#evt_1", false, false),
            ("PROJECT#prj_1", "FILE#METADATA", false, false),
            ("EXECUTION#exe_1", "METADATA", true, true),
            ("EXECUTION#exe_1", "LOG#0000000001", false, true),
            ("EXECUTION#exe_1#0#0", "0000000002#0000000001", false, true),
            ("EXECUTION#exe_1#0#0", "JOIN", false, false),
            ("EXECUTION#exe_1", "BEAT#exe_1 3", false, false),
            ("SCHEDULE#sch_1", "METADATA", true, true),
            ("FUNCTION#fnc_1", "METADATA", true, true),
            ("FUNCTION#fnc_1", "COUNTERS", false, false),
            ("FUNCTIONS", "COUNTERS", false, false),
            ("WORKFLOW#wfl_1", "METADATA", false, false),
            ("SUBSCRIPTION#sub_1", "METADATA", false, false),
        ] {
            let key = key(partition, sort);
            let record = json!({ "dynamodb": { "Keys": { "PK": { "S": partition }, "SK": { "S": sort } } } });
            for (patterns, expected) in [(NOTIFIED, notified), (LIVE, live)] {
                assert_eq!(matches(patterns, &key), expected, "{partition} {sort}");
                let as_filter =
                    patterns.iter().any(|pattern| Pattern::parse(&pattern.filter()).unwrap().matches(&record));
                assert_eq!(as_filter, expected, "{partition} {sort}");
            }
        }
    }
}
