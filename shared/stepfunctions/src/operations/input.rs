//! The input of an execution, as JSON text.

use millrace_app::PayloadLimit;
use millrace_asl::validation::parse_json;
use serde_json::Value;

use crate::error::ApiError;
use crate::fields::{DATA, Text};

/// How long a member with data may be. The service counts characters.
pub(super) const fn data_rule(limit: PayloadLimit) -> Text {
    match limit {
        PayloadLimit::None => DATA,
        PayloadLimit::Aws => Text::new(0, 262_144).sensitive(),
    }
}

/// Reads an input; absent is an empty object.
pub(super) fn parse(text: Option<&str>) -> Result<Value, ApiError> {
    let Some(text) = text else { return Ok(Value::Object(serde_json::Map::new())) };
    let invalid =
        |why: &str| ApiError::new("InvalidExecutionInput", format!("Invalid State Machine Execution Input: '{why}'"));
    if text.trim().is_empty() {
        return Err(invalid("Invalid execution input."));
    }
    parse_json(text).map_err(|problem| invalid(&problem.message))
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
                "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' \
                 or 'false')",
            ),
            ("{'not': 'json'", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
        ] {
            let error = parse(Some(text)).unwrap_err();
            assert_eq!(error.name, "InvalidExecutionInput");
            assert_eq!(error.message, format!("Invalid State Machine Execution Input: '{why}'"));
        }
    }
}
