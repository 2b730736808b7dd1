//! Looking at definitions that are not created.

use millrace_app::ports::Ports;
use millrace_asl::definition::Severity;
use millrace_asl::validation::{self, Options, WorkflowType};
use serde_json::{Value, json};

use crate::fields::{DEFINITION, Fields};
use crate::handler::{Answered, Call};
use crate::views::Answer;

pub(crate) async fn validate<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let definition = fields.required("definition", DEFINITION)?;
    let types = [("STANDARD", WorkflowType::Standard), ("EXPRESS", WorkflowType::Express)];
    let workflow_type = fields.word("type", &types)?.unwrap_or_default();
    let severities = [("ERROR", Severity::Error), ("WARNING", Severity::Warning)];
    let severity = fields.word("severity", &severities)?.unwrap_or(Severity::Error);
    let most = fields.integer("maxResults", 0, 100)?.unwrap_or_default();
    fields.check()?;
    let max_results = usize::try_from(most).unwrap_or_default();
    let found = validation::validate(&definition, &Options { workflow_type, severity, max_results });
    let diagnostics: Vec<Value> = found
        .diagnostics
        .iter()
        .map(|one| {
            Answer::new()
                .set("severity", json!(one.severity))
                .set("code", one.code)
                .set("message", one.message.as_str())
                .maybe("location", one.location.as_deref())
                .into()
        })
        .collect();
    Ok(Answer::new()
        .set("result", if found.is_valid() { "OK" } else { "FAIL" })
        .set("diagnostics", diagnostics)
        .set("truncated", found.truncated)
        .into())
}
