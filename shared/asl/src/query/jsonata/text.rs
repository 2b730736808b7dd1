//! Values as texts, in JavaScript's way of writing numbers.

use super::problem::{Fallible, problem};
use super::value::{Kind, Val};

/// What `$string` and `&` make of a value; nothing of nothing.
pub(super) fn string(value: &Val<'_>, pretty: bool) -> Fallible<Option<String>> {
    match value.kind() {
        Kind::Undefined => Ok(None),
        Kind::Text => Ok(value.as_str().map(ToOwned::to_owned)),
        Kind::Function => Ok(Some(String::new())),
        Kind::Number if value.float().is_some_and(|number| !number.is_finite()) => Err(problem("D3001")),
        _ => {
            let mut text = String::new();
            write(value, pretty, 0, &mut text)?;
            Ok(Some(text))
        }
    }
}

fn write(value: &Val<'_>, pretty: bool, level: usize, to: &mut String) -> Fallible<()> {
    // Far more than the largest value that may be made, and less than could do harm.
    const LONGEST: usize = 64 * 1024 * 1024;
    if to.len() > LONGEST {
        return Err(
            problem("").with_message("Expression evaluation memory limit exceeded: Check for excessive memory usage")
        );
    }
    let line = |to: &mut String, level: usize| {
        if pretty {
            to.push('\n');
            (0..level).for_each(|_| to.push_str("  "));
        }
    };
    match value.kind() {
        Kind::Undefined | Kind::Null => to.push_str("null"),
        Kind::Bool => to.push_str(if matches!(value, Val::Bool(true)) { "true" } else { "false" }),
        Kind::Number => {
            if let Some(number) = value.number()? {
                to.push_str(&number_text(to_precision(number)));
            } else {
                to.push_str("null");
            }
        }
        Kind::Text => to.push_str(&quoted(value.as_str().unwrap_or_default())),
        Kind::Function => to.push_str("\"\""),
        Kind::Array => {
            to.push('[');
            for (place, item) in value.items().enumerate() {
                if place > 0 {
                    to.push(',');
                }
                line(to, level + 1);
                write(&item, pretty, level + 1, to)?;
            }
            if value.len() > 0 {
                line(to, level);
            }
            to.push(']');
        }
        Kind::Object => {
            to.push('{');
            let fields: Vec<_> = value.fields().into_iter().filter(|(_, field)| !field.is_undefined()).collect();
            for (place, (name, field)) in fields.iter().enumerate() {
                if place > 0 {
                    to.push(',');
                }
                line(to, level + 1);
                to.push_str(&quoted(name));
                to.push_str(if pretty { ": " } else { ":" });
                write(field, pretty, level + 1, to)?;
            }
            if !fields.is_empty() {
                line(to, level);
            }
            to.push('}');
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The number with 15 significant digits.
pub(super) fn to_precision(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
}

/// A finite number as JavaScript writes it.
pub(super) fn number_text(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let written = format!("{number:e}");
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let split = |at: i32| digits.split_at_checked(usize::try_from(at).unwrap_or_default()).unwrap_or((&digits, ""));
    let point = exponent + 1;
    let plain = if (length..=21).contains(&point) {
        format!("{digits}{}", zeros(point - length))
    } else if (1..=21).contains(&point) {
        let (whole, fraction) = split(point);
        format!("{whole}.{fraction}")
    } else if (-5..=0).contains(&point) {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (whole, fraction) = split(1);
        let dot = if fraction.is_empty() { "" } else { "." };
        format!("{whole}{dot}{fraction}e{}{}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
    };
    format!("{sign}{plain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_javascript_writes_them() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-12.5, "-12.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (0.000_001, "0.000001"),
            (0.000_000_15, "1.5e-7"),
            (123_456_789.125, "123456789.125"),
        ] {
            assert_eq!(number_text(number), text);
        }
        assert_eq!(to_precision(0.1 + 0.2), 0.3);
    }
}
