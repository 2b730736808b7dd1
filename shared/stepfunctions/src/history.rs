//! Events as `GetExecutionHistory` shapes them.

use millrace_app::executions::HistoryItem;
use serde_json::{Map, Value, json};

use crate::views::seconds;

/// An event: data are texts, and each event has its details under a name of its own.
pub(crate) fn event(item: HistoryItem, with_data: bool) -> Value {
    let kind = item.kind.name();
    let mut event = Map::new();
    event.insert("timestamp".to_owned(), seconds(item.timestamp));
    event.insert("type".to_owned(), Value::String(kind.to_owned()));
    event.insert("id".to_owned(), json!(item.id));
    event.insert("previousEventId".to_owned(), json!(item.previous_event_id));
    if let Some(name) = details_name(kind) {
        event.insert(name, Value::Object(details(item.details, with_data)));
    }
    Value::Object(event)
}

/// The member that holds the details of an event of that type; `None` where it has no details.
pub(crate) fn details_name(kind: &str) -> Option<String> {
    if kind.ends_with("StateEntered") {
        return Some("stateEnteredEventDetails".to_owned());
    }
    if kind.ends_with("StateExited") {
        return Some("stateExitedEventDetails".to_owned());
    }
    let without = kind.starts_with("ParallelState")
        || kind.starts_with("MapState") && kind != "MapStateStarted"
        || matches!(
            kind,
            "LambdaFunctionStarted" | "MapRunSucceeded" | "MapRunAborted" | "TaskStateAborted" | "WaitStateAborted"
        );
    if without {
        return None;
    }
    let mut characters = kind.chars();
    let first = characters.next()?.to_ascii_lowercase();
    Some(format!("{first}{}EventDetails", characters.as_str()))
}

fn details(details: Map<String, Value>, with_data: bool) -> Map<String, Value> {
    let mut shaped = Map::with_capacity(details.len() + 1);
    for (name, value) in details {
        let marker = match name.as_str() {
            "input" => Some("inputDetails"),
            "output" => Some("outputDetails"),
            "assignedVariables" => Some("assignedVariablesDetails"),
            "parameters" => None,
            _ => {
                shaped.insert(name, value);
                continue;
            }
        };
        if !with_data {
            continue;
        }
        let value = match value {
            Value::Object(variables) if name == "assignedVariables" => {
                variables.into_iter().map(|(name, value)| (name, Value::String(value.to_string()))).collect()
            }
            other => Value::String(other.to_string()),
        };
        shaped.insert(name, value);
        if let Some(marker) = marker {
            shaped.insert(marker.to_owned(), json!({ "truncated": false }));
        }
    }
    shaped
}

#[cfg(test)]
mod tests {
    use super::details_name;

    #[test]
    fn the_details_of_each_event_have_a_name() {
        for (kind, name) in [
            ("PassStateEntered", Some("stateEnteredEventDetails")),
            ("MapStateExited", Some("stateExitedEventDetails")),
            ("MapStateStarted", Some("mapStateStartedEventDetails")),
            ("MapIterationFailed", Some("mapIterationFailedEventDetails")),
            ("LambdaFunctionScheduled", Some("lambdaFunctionScheduledEventDetails")),
            ("EvaluationFailed", Some("evaluationFailedEventDetails")),
            ("ExecutionRedriven", Some("executionRedrivenEventDetails")),
            ("MapRunStarted", Some("mapRunStartedEventDetails")),
            ("MapRunRedriven", Some("mapRunRedrivenEventDetails")),
            ("LambdaFunctionStarted", None),
            ("ParallelStateStarted", None),
            ("MapStateFailed", None),
            ("TaskStateAborted", None),
        ] {
            assert_eq!(details_name(kind).as_deref(), name, "{kind}");
        }
    }
}
