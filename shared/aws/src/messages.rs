//! Requests and responses of SQS and EventBridge Scheduler, as far as the queues use them.

use std::collections::HashMap;

use millrace_app::traces::SpanContext;
use serde::{Deserialize, Serialize};

/// An entry of `SendMessageBatch`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SendEntry {
    pub(crate) id: String,
    pub(crate) message_body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay_seconds: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_system_attributes: Option<SystemAttributes>,
}

/// What SQS itself tells the receiver: Lambda goes on with the trace.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SystemAttributes {
    #[serde(rename = "AWSTraceHeader")]
    trace_header: TextAttribute,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TextAttribute {
    data_type: &'static str,
    string_value: String,
}

impl SystemAttributes {
    /// A message within a span.
    pub(crate) fn of(span: SpanContext) -> Self {
        Self { trace_header: TextAttribute { data_type: "String", string_value: span.amazon() } }
    }
}

/// An entry of `DeleteMessageBatch`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteEntry {
    pub(crate) id: String,
    pub(crate) receipt_handle: String,
}

/// An entry of `ChangeMessageVisibilityBatch`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VisibilityEntry {
    pub(crate) id: String,
    pub(crate) receipt_handle: String,
    pub(crate) visibility_timeout: i32,
}

/// `SendMessageBatch`, `DeleteMessageBatch` and `ChangeMessageVisibilityBatch`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Batch<'a, E> {
    pub(crate) queue_url: &'a str,
    pub(crate) entries: &'a [E],
}

/// What a batch answers: its entries that were not taken.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct BatchAnswer {
    pub(crate) failed: Vec<FailedEntry>,
}

/// An entry that was not taken.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct FailedEntry {
    pub(crate) id: String,
    pub(crate) code: String,
    pub(crate) message: Option<String>,
    pub(crate) sender_fault: bool,
}

/// What `ReceiveMessage` answers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Received {
    pub(crate) messages: Vec<Message>,
}

/// A message that was received.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Message {
    pub(crate) message_id: Option<String>,
    pub(crate) receipt_handle: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) attributes: HashMap<String, String>,
}

/// What `GetQueueAttributes` answers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct QueueAttributes {
    pub(crate) attributes: HashMap<String, String>,
}

/// `CreateSchedule`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Schedule<'a> {
    pub(crate) group_name: &'a str,
    pub(crate) schedule_expression: String,
    pub(crate) schedule_expression_timezone: &'static str,
    pub(crate) flexible_time_window: FlexibleTimeWindow,
    pub(crate) action_after_completion: &'static str,
    pub(crate) target: Target<'a>,
}

/// How exact a schedule is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FlexibleTimeWindow {
    pub(crate) mode: &'static str,
}

/// What a schedule does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Target<'a> {
    pub(crate) arn: String,
    pub(crate) role_arn: &'a str,
    pub(crate) input: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_traced_message_has_amazons_header_and_another_has_none() {
        let entry = |span: Option<&str>| SendEntry {
            id: "0".to_owned(),
            message_body: "b".to_owned(),
            delay_seconds: None,
            message_system_attributes: span.map(|span| SystemAttributes::of(span.parse().unwrap())),
        };
        assert_eq!(serde_json::to_value(entry(None)).unwrap(), json!({ "Id": "0", "MessageBody": "b" }));
        let traced = serde_json::to_value(entry(Some("5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8"))).unwrap();
        assert_eq!(
            traced["MessageSystemAttributes"],
            json!({ "AWSTraceHeader": { "DataType": "String",
            "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1" } })
        );
    }
}
