//! The input of an execution, as JSON text.

use serde_json::Value;

use crate::error::ApiError;

/// Reads an input; absent is an empty object.
pub(super) fn parse(text: Option<&str>) -> Result<Value, ApiError> {
    let Some(text) = text else { return Ok(Value::Object(serde_json::Map::new())) };
    serde_json::from_str(text).map_err(|problem| {
        let why = explain(text, &problem);
        ApiError::new("InvalidExecutionInput", format!("Invalid State Machine Execution Input: '{why}'"))
    })
}

/// What is wrong with a text, in the words of the service where they are known.
fn explain(text: &str, problem: &serde_json::Error) -> String {
    if text.trim().is_empty() {
        return "Invalid execution input.".to_owned();
    }
    let at = text
        .lines()
        .nth(problem.line().saturating_sub(1))
        .and_then(|line| line.get(problem.column().saturating_sub(1)..))
        .unwrap_or_default();
    let trimmed = text.trim_start();
    if trimmed.starts_with(|first: char| first.is_alphabetic()) {
        let token: String = trimmed.chars().take_while(|character| character.is_alphanumeric()).collect();
        if !matches!(token.as_str(), "true" | "false" | "null") {
            return format!(
                "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', \
                 'true' or 'false')"
            );
        }
    }
    match at.chars().next() {
        None => format!("Unexpected end-of-input: {problem}"),
        Some(found) if problem.to_string().starts_with("key must be a string") => format!(
            "Unexpected character ('{found}' (code {})): was expecting double-quote to start field name",
            u32::from(found)
        ),
        Some(found) => format!("Unexpected character ('{found}' (code {})): {problem}", u32::from(found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_as_the_service_says_it() {
        assert_eq!(parse(None).unwrap(), serde_json::json!({}));
        assert_eq!(parse(Some("1")).unwrap(), serde_json::json!(1));
        for (text, why) in [
            ("", "Invalid execution input."),
            (
                "not some json",
                "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or \
                 'false')",
            ),
            (
                "{'not': 'json'",
                "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
            ),
        ] {
            let error = parse(Some(text)).unwrap_err();
            assert_eq!(error.name, "InvalidExecutionInput");
            assert_eq!(error.message, format!("Invalid State Machine Execution Input: '{why}'"));
        }
    }
}
