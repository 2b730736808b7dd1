//! In which form a request is made: how a schema is given, and whether a temperature is.

use millrace_app::models::{Asked, ChatRequest, Finish, Provider};
use serde_json::Value;

use crate::schema;

/// How the form of an answer is asked for, from the richest to the plainest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// As the provider's structured output.
    Native,
    /// As the arguments of a tool (Anthropic, Bedrock), or as any JSON (OpenAI, Gemini).
    Second,
    /// In words.
    Words,
}

/// The form of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) shape: Shape,
    pub(crate) temperature: bool,
    pub(crate) stream: bool,
    /// A stream was refused.
    pub(crate) whole: bool,
}

/// Longer answers are streamed.
const STREAMED: u32 = 4_096;

impl Form {
    /// The richest form that the provider is known to take.
    pub(crate) fn first(provider: Provider, request: &ChatRequest) -> Self {
        let open = request.schema.as_ref().is_some_and(|schema| !schema::is_closed(&schema.schema));
        // These take objects only where `additionalProperties` is false.
        let wants_closed = matches!(provider, Provider::Anthropic | Provider::Bedrock);
        Self {
            shape: if open && wants_closed { Shape::Second } else { Shape::Native },
            temperature: true,
            stream: request.max_output_tokens > STREAMED
                && matches!(provider, Provider::Anthropic | Provider::OpenAi | Provider::Gemini),
            whole: false,
        }
    }

    pub(crate) fn no_richer_than(self, learnt: Self) -> Self {
        Self {
            shape: self.shape.max(learnt.shape),
            temperature: self.temperature && learnt.temperature,
            stream: self.stream && !learnt.whole,
            whole: learnt.whole,
        }
    }

    /// The next form to try after a request was refused, if another one could change that.
    pub(crate) fn plainer(self, asked: Asked<'_>, message: &str) -> Option<Self> {
        let message = message.to_ascii_lowercase();
        if self.temperature && asked.request.temperature.is_some() && message.contains("temperature") {
            return Some(Self { temperature: false, ..self });
        }
        if self.stream && message.contains("stream") {
            return Some(Self { stream: false, whole: true, ..self });
        }
        asked.request.schema.as_ref()?;
        let shape = match self.shape {
            Shape::Native if asked.model.provider == Provider::Ollama => Shape::Words,
            Shape::Native => Shape::Second,
            Shape::Second => Shape::Words,
            Shape::Words => return None,
        };
        Some(Self { shape, ..self })
    }
}

/// The system prompt with the schema in words, where the form does not carry it.
pub(crate) fn system(request: &ChatRequest, form: Form, in_words: bool) -> Option<String> {
    let schema = request.schema.as_ref().filter(|_| in_words || form.shape == Shape::Words);
    let Some(schema) = schema else { return request.system.clone() };
    let words = format!(
        "Answer with one JSON object and nothing else: no words before or after it, no code fence. It must match this \
         JSON Schema:\n{}",
        schema.schema
    );
    Some(match &request.system {
        Some(system) => format!("{system}\n\n{words}"),
        None => words,
    })
}

/// The temperature, where the form has one.
pub(crate) fn temperature(request: &ChatRequest, form: Form) -> Option<f64> {
    request
        .temperature
        .filter(|_| form.temperature)
        .map(|temperature| (f64::from(temperature) * 1_000.0).round() / 1_000.0)
}

/// The text of an answer that is meant to be JSON, without the fence that some models put around it.
pub(crate) fn unfenced(request: &ChatRequest, text: String, finish: Finish) -> String {
    if request.schema.is_none() || finish != Finish::Stop || serde_json::from_str::<Value>(&text).is_ok() {
        return text;
    }
    let inner = text.trim().strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inner = inner.and_then(|rest| rest.split_once('\n')).map(|(_, inner)| inner.trim());
    match inner {
        Some(inner) if serde_json::from_str::<Value>(inner).is_ok() => inner.to_owned(),
        _ => text,
    }
}
