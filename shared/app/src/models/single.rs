//! One question and its answer: `POST /api/ai/…` and the task resource `millrace:model`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::caller::{AgentRole, ModelCaller};
use super::chat::{ChatMessage, ChatRequest, Finish, ModelRef, Schema};
use super::complete::{Caller, Completion, Scope, complete};
use super::error::CompleteError;
use crate::error::FieldProblem;
use crate::ports::Ports;
use crate::projects::Budget;

/// The longest answer where the call does not say it, in tokens.
const OUTPUT_TOKENS: u32 = 4_096;
/// The longest answer that can be asked for, in tokens.
const MOST_OUTPUT_TOKENS: u32 = 200_000;
/// The longest prompt, values filled in, in bytes.
const PROMPT_BYTES: usize = 2 * 1024 * 1024;
/// The largest schema, in bytes.
const SCHEMA_BYTES: usize = 64 * 1024;

/// One question to a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SingleCall {
    /// What is asked. `{{name}}` stands for the member `name` of `values`.
    #[serde(default)]
    pub prompt: String,
    /// What the prompt's and the system prompt's places are filled with: texts as they are, anything else as JSON.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    /// What holds for the whole conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The answer is to be JSON of this form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// `provider/model`; without one the configured model is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What the call may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// The longest answer in tokens, thinking included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// From 0 for the most likely words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
}

/// What a single call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SingleUsage {
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// US dollars; `None` where the price is not known.
    pub usd: Option<f64>,
}

/// What a single call came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SingleAnswer {
    /// A text; with a schema JSON of its form.
    pub result: Value,
    /// The model that answered, as `provider/model`.
    pub model: String,
    /// Why the answer ended: `stop`, or `length` where it breaks off.
    pub finish: Finish,
    /// What was used.
    pub usage: SingleUsage,
}

/// A checked call.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    request: ChatRequest,
    model: Option<ModelRef>,
    budget: Budget,
}

impl SingleCall {
    /// Checks a call and fills its prompt in.
    ///
    /// # Errors
    /// All problems, with JSON pointers.
    pub fn check<M: ModelCaller>(&self, models: &M) -> Result<Question, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let prompt = filled(&self.prompt, &self.values, "/prompt", &mut problems);
        let system = self.system.as_ref().map(|text| filled(text, &self.values, "/system", &mut problems));
        if prompt.trim().is_empty() {
            problems.push(FieldProblem::new("/prompt", "must say what is asked; it is missing or empty"));
        }
        if prompt.len() + system.as_ref().map_or(0, String::len) > PROMPT_BYTES {
            let message = format!("must have at most {PROMPT_BYTES} bytes together with system");
            problems.push(FieldProblem::new("/prompt", message));
        }
        if let Some(schema) = &self.schema {
            let object = schema.get("type").is_some_and(|kind| kind == "object");
            if !object {
                problems.push(FieldProblem::new("/schema", "must be a JSON Schema with \"type\": \"object\""));
            } else if schema.to_string().len() > SCHEMA_BYTES {
                problems.push(FieldProblem::new("/schema", format!("must have at most {SCHEMA_BYTES} bytes")));
            } else if let Some(problem) = models.check_schema(schema) {
                problems.push(FieldProblem::new("/schema", format!("must be a JSON Schema: {problem}")));
            }
        }
        let model = self.model.as_ref().and_then(|name| match name.parse::<ModelRef>() {
            Ok(model) if models.model_for(AgentRole::Single).is_none() || models.can_call(&model) => Some(model),
            Ok(model) => {
                let provider = model.provider.name();
                let message = format!("nothing is configured for the provider {provider}");
                problems.push(FieldProblem::new("/model", message));
                None
            }
            Err(error) => {
                problems.push(FieldProblem::new("/model", error.to_string()));
                None
            }
        });
        let most = self.max_output_tokens.unwrap_or(OUTPUT_TOKENS);
        if !(1..=MOST_OUTPUT_TOKENS).contains(&most) {
            problems.push(FieldProblem::new("/max_output_tokens", format!("must be 1 to {MOST_OUTPUT_TOKENS}")));
        }
        if self.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
            problems.push(FieldProblem::new("/temperature", "must be 0 to 2"));
        }
        let budget = self.budget.unwrap_or_default();
        if budget.usd.is_some_and(|usd| !usd.is_finite() || usd < 0.0) {
            problems.push(FieldProblem::new("/budget/usd", "must be 0 or more US dollars"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let schema = self.schema.clone().map(|schema| Schema { name: "answer".into(), schema });
        let request = ChatRequest {
            system,
            messages: vec![ChatMessage::user(prompt)],
            schema,
            max_output_tokens: most,
            temperature: self.temperature,
        };
        Ok(Question { request, model, budget })
    }
}

/// Fills the places of a template. A place that no value fills is told.
fn filled(template: &str, values: &Map<String, Value>, field: &str, problems: &mut Vec<FieldProblem>) -> String {
    if values.is_empty() {
        return template.to_owned();
    }
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, place)) = rest.split_once("{{") {
        text.push_str(before);
        let Some((name, after)) = place.split_once("}}") else {
            text.push_str("{{");
            rest = place;
            continue;
        };
        match values.get(name.trim()) {
            Some(Value::String(value)) => text.push_str(value),
            Some(value) => text.push_str(&value.to_string()),
            None => {
                let name: String = name.trim().chars().take(100).collect();
                problems.push(FieldProblem::new(
                    field,
                    format!("has the place {{{{{name}}}}} and values has no member {name:?}"),
                ));
            }
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// Asks a model one question. With a schema an answer that breaks it is shown to the model once, with what is wrong.
///
/// # Errors
/// [`CompleteError`]; [`CompleteError::WrongForm`] where the second answer breaks the schema too.
pub async fn ask<P: Ports, M: ModelCaller>(
    ports: &P,
    models: &M,
    scope: Scope,
    task: &str,
    time: Duration,
    question: &Question,
) -> Result<SingleAnswer, CompleteError> {
    let mut caller = Caller {
        scope,
        task: task.to_owned(),
        role: AgentRole::Single,
        model: question.model.clone(),
        variant: 0,
        budget: question.budget,
        time,
    };
    let mut request = question.request.clone();
    let first = complete(ports, models, &caller, &request).await?;
    let Some(schema) = &question.request.schema else {
        return Ok(answer(Value::String(first.answer.text.clone()), &[&first]));
    };
    let problems = match formed(models, &schema.schema, &first) {
        Ok(value) => return Ok(answer(value, &[&first])),
        Err(problems) => problems,
    };
    request.messages.push(ChatMessage::assistant(&first.answer.text));
    request.messages.push(ChatMessage::user(format!(
        "This is not what was asked for:\n- {}\nAnswer again, with the whole JSON object and nothing else.",
        problems.join("\n- ")
    )));
    // What the first answer used counts.
    let used = first.answer.usage;
    let budget = &mut caller.budget;
    budget.usd = budget.usd.map(|usd| (usd - first.usd.unwrap_or_default()).max(0.0));
    budget.tokens = budget.tokens.map(|tokens| tokens.saturating_sub(used.input + used.output));
    budget.calls = budget.calls.map(|calls| calls.saturating_sub(1));
    let second = complete(ports, models, &caller, &request).await?;
    match formed(models, &schema.schema, &second) {
        Ok(value) => Ok(answer(value, &[&first, &second])),
        Err(problems) => Err(CompleteError::WrongForm(problems.join("; "))),
    }
}

/// The answer as JSON of the form that was asked for, or what is wrong with it.
fn formed<M: ModelCaller>(models: &M, schema: &Value, said: &Completion) -> Result<Value, Vec<String>> {
    let value: Value = serde_json::from_str(&said.answer.text).map_err(|error| {
        vec![match said.answer.finish {
            Finish::Length => "it breaks off: the answer is longer than max_output_tokens allows".to_owned(),
            Finish::Stop | Finish::Refused => format!("it is not JSON: {error}"),
        }]
    })?;
    let problems = models.problems(schema, &value);
    if problems.is_empty() { Ok(value) } else { Err(problems) }
}

fn answer(result: Value, calls: &[&Completion]) -> SingleAnswer {
    let sum = |of: fn(&Completion) -> u64| calls.iter().map(|call| of(call)).sum();
    let last = calls.last();
    SingleAnswer {
        result,
        model: last.map(|call| call.model.to_string()).unwrap_or_default(),
        finish: last.map_or(Finish::Stop, |call| call.answer.finish),
        usage: SingleUsage {
            input_tokens: sum(|call| call.answer.usage.input),
            output_tokens: sum(|call| call.answer.usage.output),
            usd: calls.iter().map(|call| call.usd).sum(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::NoModel;
    use serde_json::json;

    fn problems(call: Value) -> Vec<String> {
        let call: SingleCall = serde_json::from_value(call).unwrap();
        call.check(&NoModel).err().unwrap_or_default().into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn places_are_filled() {
        let call = json!({ "prompt": "Hi {{ name }}, {{n}} {{{", "values": { "name": "Ann", "n": [1] }, "system": "{{name}}" });
        let call: SingleCall = serde_json::from_value(call).unwrap();
        let question = call.check(&NoModel).unwrap();
        assert_eq!(question.request.messages[0].text, "Hi Ann, [1] {{{");
        assert_eq!(question.request.system.as_deref(), Some("Ann"));
        // Without values the text is taken as it is.
        let plain: SingleCall = serde_json::from_value(json!({ "prompt": "{{x}}" })).unwrap();
        assert_eq!(plain.check(&NoModel).unwrap().request.messages[0].text, "{{x}}");
    }

    #[test]
    fn every_problem_is_told() {
        assert_eq!(problems(json!({})), ["/prompt"]);
        assert_eq!(problems(json!({ "prompt": " ", "model": "x", "temperature": 3, "max_output_tokens": 0 })).len(), 4);
        assert_eq!(problems(json!({ "prompt": "{{x}} {{y}}", "values": { "x": 1 } })), ["/prompt"]);
        assert_eq!(problems(json!({ "prompt": "x", "schema": { "type": "array" } })), ["/schema"]);
        assert_eq!(problems(json!({ "prompt": "x", "budget": { "usd": -1.0 } })), ["/budget/usd"]);
    }
}
