//! CloudWatch's embedded metric format: a log line that CloudWatch Logs makes metrics of
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::measure::Measure;

/// The namespace of all metrics.
const NAMESPACE: &str = "Millrace";

/// The line for a recording, for the stack as a whole and by its dimension.
#[must_use]
pub fn emf(stack: &str, measure: &Measure, at: SystemTime) -> String {
    let millis =
        at.duration_since(UNIX_EPOCH).map_or(0, |passed| u64::try_from(passed.as_millis()).unwrap_or_default());
    let mut dimensions = vec![json!(["Stack"])];
    dimensions.extend(measure.dimension.iter().map(|(name, _)| json!(["Stack", name])));
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": dimensions,
        "Metrics": [{ "Name": measure.name, "Unit": measure.unit }] });
    let mut line = Map::from_iter([
        ("_aws".to_owned(), json!({ "Timestamp": millis, "CloudWatchMetrics": [directive] })),
        ("Stack".to_owned(), json!(stack)),
    ]);
    line.extend(measure.dimension.iter().map(|(name, value)| (name.clone(), json!(value))));
    line.insert(measure.name.clone(), json!(measure.value));
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_is_as_the_specification_says() {
        let measure = Measure {
            name: "ExecutionsEnded".into(),
            value: 1.0,
            unit: "Count".into(),
            dimension: Some(("Result".into(), "FAILED".into())),
        };
        let line = emf("millrace-dev", &measure, UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
        let line: Value = serde_json::from_str(&line).unwrap();
        let expected = json!({
            "_aws": { "Timestamp": 1_700_000_000_123_u64, "CloudWatchMetrics": [{
                "Namespace": "Millrace", "Dimensions": [["Stack"], ["Stack", "Result"]],
                "Metrics": [{ "Name": "ExecutionsEnded", "Unit": "Count" }] }] },
            "Stack": "millrace-dev", "Result": "FAILED", "ExecutionsEnded": 1.0
        });
        assert_eq!(line, expected);
    }
}
