//! What a provider's error means.

use std::time::Duration;

use millrace_app::models::{ModelError, Provider};
use millrace_client::{Response, error_code, now};
use serde_json::Value;

/// The longest message that is kept of a provider, in characters.
const MESSAGE_CHARS: usize = 500;

/// The longest pause that a provider is believed.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What an answer with an error's status says.
pub(crate) fn of(provider: Provider, response: &Response) -> ModelError {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    // A list of one, from Gemini.
    let body = body.get(0).unwrap_or(&body);
    let error = body.get("error").unwrap_or(body);
    let text = |names: &[&str]| names.iter().find_map(|name| error.get(*name)?.as_str()).map(str::to_owned);
    let words = text(&["message", "Message"]).or_else(|| error.as_str().map(str::to_owned));
    let aws = (provider == Provider::Bedrock).then(|| error_code(response)).flatten();
    let code = aws.or_else(|| text(&["code", "type", "status"])).unwrap_or_default();
    let status = response.status;
    let message = match &words {
        Some(words) if code.is_empty() => format!("{status}: {words}"),
        Some(words) => format!("{status} {code}: {words}"),
        None if code.is_empty() => format!("status {status}"),
        None => format!("{status} {code}"),
    };
    let message: String = message.chars().filter(|char| !char.is_control()).take(MESSAGE_CHARS).collect();
    let lower = words.unwrap_or_default().to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let retry_after = retry_after(response, error);
    if code == "insufficient_quota"
        || has(&["credit balance is too low", "billing hard limit", "payment required"])
        || status == 402
    {
        return ModelError::QuotaExceeded(message);
    }
    if is_context(&code, &lower) || status == 413 {
        return ModelError::ContextTooLong(message);
    }
    if has(&["api key not valid", "api_key_invalid", "invalid api key", "incorrect api key"]) {
        return ModelError::Unauthorized(message);
    }
    match (status, code.as_str()) {
        (_, "ThrottlingException" | "ModelNotReadyException") | (429, _) => {
            ModelError::RateLimited { retry_after, message }
        }
        (_, "ServiceQuotaExceededException") => ModelError::QuotaExceeded(message),
        (401 | 403, _) => ModelError::Unauthorized(message),
        (404, _) => ModelError::UnknownModel(message),
        (408, _) => ModelError::Timeout(message),
        // Bedrock: the model failed while it answered.
        (424, _) | (500.., _) => ModelError::Overloaded { retry_after, message },
        _ => ModelError::InvalidRequest(message),
    }
}

/// In the words of the providers and of the usual servers.
fn is_context(code: &str, lower: &str) -> bool {
    code == "context_length_exceeded"
        || [
            "prompt is too long",
            "input is too long",
            "maximum context length",
            "context length exceeded",
            "context window",
            "exceeds the maximum number of tokens",
            "exceed context limit",
            "too many input tokens",
            "exceeds the available context size",
        ]
        .iter()
        .any(|part| lower.contains(part))
}

/// How long to wait, as the headers say, or Gemini's `RetryInfo`.
fn retry_after(response: &Response, error: &Value) -> Option<Duration> {
    let millis = response
        .header("retry-after-ms")
        .and_then(|text| text.trim().parse::<f64>().ok())
        .map(|millis| millis / 1_000.0);
    let header = response.header("retry-after").map(str::trim);
    let seconds = header.and_then(|text| text.parse::<f64>().ok());
    let date = || {
        let at = jiff::fmt::rfc2822::parse(header?).ok()?.timestamp().as_millisecond();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a pause")]
        Some((at - now().millis()).max(0) as f64 / 1_000.0)
    };
    let info = || {
        let details = error.get("details")?.as_array()?;
        let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
        delay.strip_suffix('s')?.parse::<f64>().ok()
    };
    let seconds = millis.or(seconds).or_else(date).or_else(info)?;
    Duration::try_from_secs_f64(seconds).ok().map(|pause| pause.min(LONGEST))
}
