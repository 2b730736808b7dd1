//! What a rule gives its workflow.

use millrace_asl::Timestamp;
use millrace_asl::query::{Entropy, QueryLanguage, Scope, Template};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::WebhookRule;
use crate::error::FieldProblem;

/// A template in the language of workflows: in JSONata texts `{% … %}` over `$states.input`, in JSONPath fields `….$` over
/// `$`. The event is the input; `$states.context` or `$$` tells the rule and the number of the replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputTemplate {
    /// `JSONata` or `JSONPath`.
    pub query_language: String,
    /// The template.
    pub template: Value,
}

impl InputTemplate {
    fn parse(&self) -> Result<Template, Vec<FieldProblem>> {
        let language = QueryLanguage::parse(&self.query_language)
            .ok_or_else(|| vec![FieldProblem::new("/query_language", "must be JSONata or JSONPath")])?;
        Template::parse(&self.template, language).map_err(|problems| {
            let told = problems.into_iter().map(|one| {
                let field = format!("/input{}", one.pointer);
                let place = if one.field.is_empty() { field } else { format!("{field}/{}", one.field) };
                FieldProblem::new(place, format!("{}: {}", one.message, one.detail))
            });
            told.collect()
        })
    }

    /// What is wrong with it, at `/input` and `/query_language`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn check(&self) -> Result<(), Vec<FieldProblem>> {
        self.parse().map(|_| ())
    }
}

/// The input that a rule makes of an event.
pub(super) fn input_of(rule: &WebhookRule, event: &Value, replay: u32, now: Timestamp) -> Result<Value, String> {
    let Some(template) = &rule.input else { return Ok(event.clone()) };
    let parsed = template.parse().map_err(|problems| {
        problems.into_iter().next().map_or_else(String::new, |one| format!("{}: {}", one.field, one.message))
    })?;
    let context = json!({ "Rule": { "Id": rule.id, "Name": rule.name }, "Replay": replay });
    let scope = Scope::new(event, &context).at(now);
    // The same event gives the same input, as often as it is matched.
    let seed = u64::try_from(now.millis()).unwrap_or_default();
    parsed.evaluate("input", &scope, &mut Entropy::from_u64(seed)).map_err(|failure| failure.cause)
}
