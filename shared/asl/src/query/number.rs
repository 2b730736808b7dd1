//! Numbers as the service treats them: integers stay integers, and `1` equals `1.0` in comparisons.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Compares by value. Integers compare exactly; a comparison with a fraction is made on `f64`.
pub(crate) fn compare(left: &Number, right: &Number) -> Ordering {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => float(left).partial_cmp(&float(right)).unwrap_or(Ordering::Equal),
    }
}

/// The number as an integer if it is written as one.
pub(crate) fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// The number as `f64`.
pub(crate) fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default()
}

/// A numeric argument cut to its integer part, as the service does for every function except `States.MathAdd`.
pub(crate) fn truncated(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    number.as_i64().or_else(|| to_i64(float(number).trunc()))
}

/// A numeric argument rounded to the nearest integer, halves towards positive infinity, as `States.MathAdd` does.
pub(crate) fn rounded(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    number.as_i64().or_else(|| to_i64((float(number) + 0.5).floor()))
}

/// A JSON number: an integer where the value is one within 2^53, else a fraction. What JSON can't write is null.
pub(crate) fn from_f64(value: f64) -> Value {
    if value.fract() == 0.0
        && let Some(integer) = to_i64(value)
    {
        return Value::from(integer);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn to_i64(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    if value.abs() > LIMIT {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the value is integral and within 2^53")]
    Some(value as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(value: &Value) -> Number {
        value.as_number().cloned().unwrap()
    }

    #[test]
    fn integers_and_fractions_compare_by_value() {
        assert_eq!(compare(&number(&json!(1)), &number(&json!(1.0))), Ordering::Equal);
        assert_eq!(compare(&number(&json!(u64::MAX)), &number(&json!(-1))), Ordering::Greater);
        assert_eq!(compare(&number(&json!(0.5)), &number(&json!(1))), Ordering::Less);
    }

    #[test]
    fn rounding_and_truncation() {
        assert_eq!(rounded(&json!(-2.5)), Some(-2));
        assert_eq!(rounded(&json!(2.5)), Some(3));
        assert_eq!(truncated(&json!(-2.9)), Some(-2));
        assert_eq!(truncated(&json!(1e300)), None);
        assert_eq!(truncated(&json!("1")), None);
    }
}
