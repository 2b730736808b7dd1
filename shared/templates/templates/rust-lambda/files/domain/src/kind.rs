//! Kinds of values: each function gives a parser that takes a JSON value or says what it must be.

use serde_json::Value;
use std::fmt::Display;
use std::ops::{Bound, RangeBounds, RangeInclusive};

/// Greater integers lose digits in clients that read JSON numbers as doubles.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// A text; lengths are counted in characters.
pub fn text(lengths: RangeInclusive<usize>) -> impl Fn(&Value) -> Result<String, String> {
    move |value| {
        let text = value.as_str().ok_or("must be a string")?;
        if lengths.contains(&text.chars().count()) {
            Ok(text.to_owned())
        } else {
            let (min, max) = (lengths.start(), lengths.end());
            Err(format!("must have {min} to {max} characters"))
        }
    }
}

/// A whole number within a range.
pub fn integer(range: impl RangeBounds<i64>) -> impl Fn(&Value) -> Result<i64, String> {
    move |value| {
        let integer = value.as_i64().ok_or("must be an integer")?;
        if integer.unsigned_abs() > MAX_INTEGER {
            Err("must be an integer of ordinary size".to_owned())
        } else if range.contains(&integer) {
            Ok(integer)
        } else {
            Err(limits(&range))
        }
    }
}

/// A number within a range.
pub fn number(range: impl RangeBounds<f64>) -> impl Fn(&Value) -> Result<f64, String> {
    move |value| {
        let number = value.as_f64().ok_or("must be a number")?;
        // DynamoDB stores magnitudes from 1e-130 to just under 1e126.
        if number.abs() > 1e125 || (number != 0.0 && number.abs() < 1e-125) {
            Err("must be a number of ordinary size".to_owned())
        } else if range.contains(&number) {
            Ok(number)
        } else {
            Err(limits(&range))
        }
    }
}

fn limits<T: Display>(range: &impl RangeBounds<T>) -> String {
    match (range.start_bound(), range.end_bound()) {
        (Bound::Included(min), Bound::Included(max)) => format!("must be from {min} to {max}"),
        (Bound::Included(min), _) => format!("must be at least {min}"),
        (_, Bound::Included(max)) => format!("must be at most {max}"),
        _ => "must be within its range".to_owned(),
    }
}

/// true or false.
pub fn boolean() -> impl Fn(&Value) -> Result<bool, String> {
    |value| value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// A point in time: RFC 3339 with an offset.
pub fn timestamp() -> impl Fn(&Value) -> Result<String, String> {
    |value| match value.as_str() {
        Some(text) if is_timestamp(text) => Ok(text.to_owned()),
        _ => {
            let message = "must be an RFC 3339 time with an offset, such as 2024-05-01T12:30:00Z";
            Err(message.to_owned())
        }
    }
}

/// One of a fixed set of texts.
pub fn choice(values: &[&str]) -> impl Fn(&Value) -> Result<String, String> {
    |value| match value.as_str() {
        Some(text) if values.contains(&text) => Ok(text.to_owned()),
        _ => Err(format!("must be one of {}", values.join(", "))),
    }
}

fn is_timestamp(text: &str) -> bool {
    // 2024-05-01T12:30:00 has 19 characters; a fraction and the offset follow.
    let (Some(moment), Some(rest)) = (text.get(..19), text.get(19..)) else {
        return false;
    };
    let shape = moment.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 => byte == b'-',
        10 => byte == b'T' || byte == b't',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let part = |from: usize, to: usize| moment[from..to].parse::<u32>().unwrap_or(u32::MAX);
    shape
        && part(0, 4) > 0
        && (1..=days_in(part(0, 4), part(5, 7))).contains(&part(8, 10))
        && part(11, 13) < 24
        && part(14, 16) < 60
        && part(17, 19) < 60
        && is_offset(without_fraction(rest))
}

fn without_fraction(rest: &str) -> &str {
    let Some(fraction) = rest.strip_prefix('.') else {
        return rest;
    };
    let offset = fraction.trim_start_matches(|it: char| it.is_ascii_digit());
    match fraction.len() - offset.len() {
        1..=9 => offset,
        _ => "",
    }
}

fn is_offset(offset: &str) -> bool {
    let digits = offset.strip_prefix(['+', '-']).unwrap_or_default();
    let parts = digits.split_once(':').filter(|(hours, minutes)| {
        let is_pair = |part: &str| part.len() == 2 && part.bytes().all(|it| it.is_ascii_digit());
        is_pair(hours) && is_pair(minutes)
    });
    matches!(offset, "Z" | "z")
        || parts.is_some_and(|(hours, minutes)| hours < "24" && minutes < "60")
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_measured_in_characters() {
        for good in ["a", "äöü"] {
            assert_eq!(text(1..=3)(&json!(good)), Ok(good.to_owned()));
        }
        for bad in [json!(""), json!("abcd"), json!(1), json!(["a"])] {
            assert!(text(1..=3)(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_keep_their_limits() {
        assert_eq!(integer(0..=5)(&json!(5)), Ok(5));
        for bad in [json!(-1), json!(6), json!(1.5), json!("1"), json!(true)] {
            assert!(integer(0..=5)(&bad).is_err(), "{bad}");
        }
        assert!(integer(..)(&json!(1_i64 << 53)).is_err());
        assert_eq!(number(0.5..=1.0)(&json!(1)), Ok(1.0));
        for bad in [json!(0.4), json!(1.1), json!("1")] {
            assert!(number(0.5..=1.0)(&bad).is_err(), "{bad}");
        }
        for bad in [json!(1e300), json!(1e-300)] {
            assert!(number(..)(&bad).is_err(), "{bad}");
        }
        let too_small = Err("must be at least 2".to_owned());
        assert_eq!(integer(2..)(&json!(1)), too_small);
    }

    #[test]
    fn choices_and_booleans_are_exact() {
        assert_eq!(choice(&["a", "b"])(&json!("b")), Ok("b".to_owned()));
        assert!(choice(&["a", "b"])(&json!("B")).is_err());
        assert_eq!(boolean()(&json!(false)), Ok(false));
        assert!(boolean()(&json!(0)).is_err());
    }

    #[test]
    fn timestamps_exist() {
        for good in
            ["2024-05-01T12:30:00Z", "2024-02-29t23:59:59.123456789+05:30", "2000-02-29T00:00:00z"]
        {
            assert_eq!(timestamp()(&json!(good)), Ok(good.to_owned()));
        }
        for bad in [
            "2024-02-30T12:30:00Z",
            "1900-02-29T12:30:00Z",
            "2024-13-01T12:30:00Z",
            "2024-05-01T24:00:00Z",
            "2024-05-01T12:30:00",
            "2024-05-01T12:30:00.Z",
            "2024-05-01T12:30:00+24:00",
            "2024-05-01T12:30:00+1:00",
            "2024-05-01 12:30:00Z",
            "2024-05-01",
            "é024-05-01T12:30:00Z",
            "",
        ] {
            assert!(timestamp()(&json!(bad)).is_err(), "{bad}");
        }
    }
}
