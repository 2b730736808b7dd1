//! What is asked of a model and what it answers, in no provider's words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who runs a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// Google's Gemini API.
    Gemini,
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's chat completions, and every server that speaks them.
    OpenAi,
    /// Amazon Bedrock's Converse API.
    Bedrock,
    /// Ollama, on this machine or another.
    Ollama,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Gemini, Self::Anthropic, Self::OpenAi, Self::Bedrock, Self::Ollama];

    /// The word before the slash of a model's name, and in names of secrets and variables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::Bedrock => "bedrock",
            Self::Ollama => "ollama",
        }
    }
}

/// A model of a provider, written `anthropic/claude-sonnet-4-5`. What follows the first slash is the provider's own name of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelRef {
    /// Who runs it.
    pub provider: Provider,
    /// What the provider calls it.
    pub model: String,
}

/// A text that names no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no model: write provider/model, with the provider gemini, anthropic, openai, bedrock or ollama, like \
     anthropic/claude-sonnet-4-5"
)]
pub struct ModelRefError(String);

/// The longest name of a model, in bytes.
const NAME_BYTES: usize = 256;

impl FromStr for ModelRef {
    type Err = ModelRefError;

    fn from_str(text: &str) -> Result<Self, ModelRefError> {
        let error = || ModelRefError(text.chars().take(100).collect());
        let (provider, model) = text.split_once('/').ok_or_else(error)?;
        let provider = Provider::ALL.into_iter().find(|known| known.name() == provider).ok_or_else(error)?;
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'%' | b'\\' | b'"');
        let climbs = model.split('/').any(|part| matches!(part, "" | "." | ".."));
        if model.len() > NAME_BYTES || climbs || !model.bytes().all(plain) {
            return Err(error());
        }
        Ok(Self { provider, model: model.to_owned() })
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.provider.name(), self.model)
    }
}

impl TryFrom<String> for ModelRef {
    type Error = ModelRefError;

    fn try_from(text: String) -> Result<Self, ModelRefError> {
        text.parse()
    }
}

impl From<ModelRef> for String {
    fn from(model: ModelRef) -> Self {
        model.to_string()
    }
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub text: String,
}

impl ChatMessage {
    /// What is asked.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, text: text.into() }
    }

    /// What the model said before.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self { role: Role::Assistant, text: text.into() }
    }
}

/// The form that an answer must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// What the answer is, as 1 to 64 of `A-Z a-z 0-9 _ -`: some providers show it to the model.
    pub name: String,
    /// A JSON Schema whose root is an object.
    pub schema: Value,
}

/// A conversation that a model is to continue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// What holds for the whole conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The conversation, oldest first; the last message is the user's.
    pub messages: Vec<ChatMessage>,
    /// The answer is to be JSON of this form. A model may still answer something else: check what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
    /// The longest answer, in tokens, thinking included; at least 1.
    pub max_output_tokens: u32,
    /// From 0 for the most likely words; `None` leaves it to the provider. Not every model takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
}

impl ChatRequest {
    /// A question without system prompt, form and temperature.
    pub fn new(prompt: impl Into<String>, max_output_tokens: u32) -> Self {
        Self {
            system: None,
            messages: vec![ChatMessage::user(prompt)],
            schema: None,
            max_output_tokens,
            temperature: None,
        }
    }

    /// A cautious estimate of the tokens that are sent. Tokens of text and code are three to four bytes; two are taken for
    /// granted, which also covers digits and scripts of several bytes a letter.
    #[must_use]
    pub fn input_tokens(&self) -> u64 {
        /// What providers put around each message, and around the whole.
        const AROUND: usize = 16;
        let texts = self.messages.iter().map(|message| message.text.len() / 2 + AROUND).sum::<usize>();
        let system = self.system.as_ref().map_or(0, |text| text.len() / 2 + AROUND);
        let schema = self.schema.as_ref().map_or(0, |schema| schema.schema.to_string().len() / 2 + 8 * AROUND);
        u64::try_from(texts + system + schema + AROUND).unwrap_or(u64::MAX)
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model had said all.
    Stop,
    /// `max_output_tokens`, or the model's own limit, was reached: the text breaks off.
    Length,
    /// The model, or its provider's filter, refused. The text says why, where the provider does.
    Refused,
}

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Tokens sent, those from the provider's cache included.
    pub input: u64,
    /// Tokens received, thinking included.
    pub output: u64,
    /// How many of `input` came from the provider's cache.
    #[serde(default)]
    pub cached_input: u64,
    /// The provider told no usage: these are estimates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatAnswer {
    /// What it says; with a schema, meant to be JSON.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// What it used.
    pub usage: TokenUsage,
    /// The model's full name, as the provider tells it.
    pub model: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_its_provider_and_its_name() {
        for name in [
            "gemini/gemini-2.5-pro",
            "anthropic/claude-sonnet-4-5",
            "openai/meta-llama/Llama-3.3-70B-Instruct",
            "bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "ollama/qwen2.5-coder:7b",
        ] {
            assert_eq!(name.parse::<ModelRef>().map(|model| model.to_string()).as_deref(), Ok(name));
        }
        for name in ["", "gpt-4o", "openai/", "acme/x", "openai/a b", "openai/../x", "gemini/x?key=1", "openai//x"] {
            let error = name.parse::<ModelRef>().unwrap_err().to_string();
            assert!(error.contains("provider/model"), "{name}: {error}");
        }
    }

    #[test]
    fn the_estimate_of_what_is_sent_is_cautious() {
        let request = ChatRequest::new("fn main() { println!(\"hello\"); }", 10);
        assert!((15..60).contains(&request.input_tokens()), "{}", request.input_tokens());
        let longer = ChatRequest { system: Some("x".repeat(4_000)), ..request.clone() };
        assert!(longer.input_tokens() >= request.input_tokens() + 2_000);
    }
}
