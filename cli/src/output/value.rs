//! Reading the API's JSON, and putting it as text.

use serde_json::Value;

/// What is at a pointer; null where nothing is.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// The text at a pointer; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer).as_str().unwrap_or_default()
}

/// The whole number at a pointer as text; empty where there is none.
pub(crate) fn count(value: &Value, pointer: &str) -> String {
    at(value, pointer).as_i64().map(|number| number.to_string()).unwrap_or_default()
}

/// The items of a list at a pointer.
pub(crate) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    at(value, pointer).as_array().map_or(&[], Vec::as_slice)
}

/// The texts of a list at a pointer.
pub(crate) fn strings<'a>(value: &'a Value, pointer: &str) -> Vec<&'a str> {
    items(value, pointer).iter().filter_map(Value::as_str).collect()
}

/// A moment to the second; UTC, as the API has it.
pub(crate) fn time(value: &Value, pointer: &str) -> String {
    let text = text(value, pointer);
    match text.split_once('T') {
        Some((date, time)) => format!("{date} {}", time.split(['.', 'Z', '+']).next().unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A size for people.
pub(crate) fn bytes(size: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let scaled = |by: u64, unit: &str| format!("{:.1} {unit}", size as f64 / by as f64);
    match size {
        0..1_024 => format!("{size} B"),
        1_024..1_048_576 => scaled(1_024, "KiB"),
        1_048_576..1_073_741_824 => scaled(1_048_576, "MiB"),
        _ => scaled(1_073_741_824, "GiB"),
    }
}

/// An amount in US dollars.
pub(crate) fn money(value: &Value) -> String {
    match value.as_f64() {
        Some(amount) if amount != 0.0 && amount < 0.01 => format!("${amount:.4}"),
        Some(amount) => format!("${amount:.2}"),
        None => String::new(),
    }
}

/// JSON on one line, cut where it is long.
pub(crate) fn compact(value: &Value, longest: usize) -> String {
    let text = value.to_string();
    if text.chars().count() <= longest {
        return text;
    }
    let kept: String = text.chars().take(longest.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Text whose control characters, but for ends of lines and tabs, are replaced.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() && !matches!(letter, '\n' | '\t') { '\u{fffd}' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_people_read() {
        let value = json!({ "at": "2026-01-02T03:04:05.678Z", "n": 7, "list": ["a", 1, "b"] });
        assert_eq!((time(&value, "/at").as_str(), count(&value, "/n").as_str()), ("2026-01-02 03:04:05", "7"));
        assert_eq!((strings(&value, "/list"), text(&value, "/no")), (vec!["a", "b"], ""));
        assert_eq!(
            (bytes(1023).as_str(), bytes(1536).as_str(), bytes(3 << 20).as_str()),
            ("1023 B", "1.5 KiB", "3.0 MiB")
        );
        assert_eq!(
            (money(&json!(1.5)).as_str(), money(&json!(0.0012)).as_str(), money(&json!(0)).as_str()),
            ("$1.50", "$0.0012", "$0.00")
        );
        assert_eq!(compact(&json!({ "a": "bcdef" }), 6), "{\"a\":…");
        assert_eq!(clean("a\u{1b}[31mb\tc"), "a\u{fffd}[31mb\tc");
    }
}
