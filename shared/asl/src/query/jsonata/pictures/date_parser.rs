//! Reading points in time, in ISO 8601 or by a picture.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::query::jsonata::problem::{Fallible, fail, problem};

use super::calendar::{self, days};
use super::date::{self, DAYS, MONTHS, Marker, Part};

const DAY: f64 = 86_400_000.0;

/// Milliseconds since 1970 of a time in ISO 8601; parts may be missing from the end.
pub(in crate::query::jsonata) fn iso(text: &str) -> Fallible<f64> {
    read_iso(text).ok_or_else(|| problem("D3110").with_value(serde_json::Value::from(text).to_string()))
}

fn read_iso(text: &str) -> Option<f64> {
    fn number(rest: &mut &str, length: usize) -> Option<i64> {
        let digits = rest.get(..length).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        *rest = rest.get(length..)?;
        digits.parse().ok()
    }
    let mut rest = text;
    let year = number(&mut rest, 4)?;
    let (mut month, mut day, mut time) = (1, 1, 0.0);
    if let Some(after) = rest.strip_prefix('-').filter(|after| after.get(2..3) != Some(":")) {
        rest = after;
        month = number(&mut rest, 2)?;
        if let Some(after) = rest
            .strip_prefix('-')
            .filter(|after| after.get(2..3) != Some(":") && after.len() < 4 || after.contains('T'))
        {
            rest = after;
            day = number(&mut rest, 2)?;
        }
    }
    if let Some(after) = rest.strip_prefix('T') {
        rest = after;
        let hours = number(&mut rest, 2)?;
        rest = rest.strip_prefix(':')?;
        let minutes = number(&mut rest, 2)?;
        rest = rest.strip_prefix(':')?;
        let seconds = number(&mut rest, 2)?;
        if hours > 24 || minutes > 59 || seconds > 59 {
            return None;
        }
        time = (hours * 3_600_000 + minutes * 60_000 + seconds * 1000) as f64;
        if let Some(after) = rest.strip_prefix('.') {
            let length = after.bytes().take_while(u8::is_ascii_digit).count();
            let fraction: f64 = format!("0.{}", after.get(..length.min(9))?).parse().ok()?;
            time += (fraction * 1000.0).floor();
            rest = after.get(length..)?;
        }
    }
    let zone = match rest {
        "" | "Z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let mut digits = zone.strip_prefix(['+', '-'])?;
            let hours = number(&mut digits, 2)?;
            digits = digits.strip_prefix(':').unwrap_or(digits);
            let minutes = number(&mut digits, 2)?;
            if !digits.is_empty() {
                return None;
            }
            sign * (hours * 60 + minutes)
        }
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(days(year, month - 1, day) as f64 * DAY + time - (zone * 60_000) as f64)
}

/// Milliseconds since 1970 of a time by a picture; nothing where the text isn't as the picture says. `now` completes a
/// date of which only the end is given.
pub(in crate::query::jsonata) fn by_picture(text: &str, picture: &str, now: i64) -> Fallible<Option<f64>> {
    let parts = date::parse(picture)?;
    let mut pattern = String::from("(?i)^");
    for part in &parts {
        let inner = match part {
            Part::Literal(literal) => regex::escape(literal),
            Part::Marker(marker) => marker_pattern(marker)?,
        };
        pattern.push_str(&format!("({inner})"));
    }
    pattern.push('$');
    let built = regex::RegexBuilder::new(&pattern).size_limit(4 * 1024 * 1024).build();
    let Ok(regex) = built else {
        return Err(problem("").with_message("The date/time picture string is too long"));
    };
    let Some(captures) = regex.captures(text) else { return Ok(None) };
    let mut components: HashMap<char, f64> = HashMap::new();
    for (number, part) in parts.iter().enumerate() {
        if let Part::Marker(marker) = part {
            let found = captures.get(number + 1).map_or("", |found| found.as_str());
            if let Some(value) = value(marker, found)? {
                components.insert(marker.component, value);
            }
        }
    }
    if components.is_empty() { Ok(None) } else { complete(components, now).map(Some) }
}

fn marker_pattern(marker: &Marker) -> Fallible<String> {
    Ok(match (marker.component, &marker.format) {
        (component @ ('Z' | 'z'), format) => {
            let start = if component == 'z' { "GMT" } else { "" };
            let end = format
                .as_ref()
                .and_then(super::integer::Format::separator)
                .map(|c| format!("{}[0-9]+", regex::escape(&c.to_string())));
            format!("{start}[-+][0-9]+{}", end.unwrap_or_default())
        }
        (_, Some(format)) => format.pattern(marker.digits)?,
        ('M' | 'x' | 'F' | 'P', None) => "[a-zA-Z]+".to_owned(),
        (other, None) => {
            return Err(problem("D3133").with_value(serde_json::Value::from(other.to_string()).to_string()));
        }
    })
}

fn value(marker: &Marker, text: &str) -> Fallible<Option<f64>> {
    let named = |names: &[&str]| {
        let cut = |name: &str| -> String { name.chars().take(marker.most.unwrap_or(usize::MAX)).collect() };
        let place = names.iter().position(|name| cut(name) == text)?;
        u32::try_from(place + 1).ok().map(f64::from)
    };
    Ok(match (marker.component, &marker.format) {
        ('Z' | 'z', format) => Some(offset(text, format.as_ref().and_then(super::integer::Format::separator))),
        (_, Some(format)) => format.read(text)?,
        ('M' | 'x', None) => named(&MONTHS),
        ('F', None) => named(&DAYS),
        ('P', None) => match text {
            "am" | "AM" => Some(0.0),
            "pm" | "PM" => Some(1.0),
            _ => None,
        },
        _ => None,
    })
}

/// A zone's offset, in minutes.
fn offset(text: &str, separator: Option<char>) -> f64 {
    let text = text.strip_prefix("GMT").or_else(|| text.strip_prefix("gmt")).unwrap_or(text);
    let number = |text: &str| text.strip_prefix('+').unwrap_or(text).parse::<f64>().unwrap_or_default();
    let (hours, minutes) = match separator.and_then(|separator| text.split_once(separator)) {
        Some((hours, minutes)) => (hours, minutes),
        None if text.len() <= 3 => (text, ""),
        None => text.split_at_checked(3).unwrap_or((text, "")),
    };
    number(hours) * 60.0 + number(minutes)
}

/// Does a set of parts have one of these and none but these?
fn is_of(components: &HashMap<char, f64>, all: &str, known: &str) -> bool {
    let has = |part: char| components.get(&part).is_some_and(|value| *value != 0.0);
    all.chars().any(|part| known.contains(part) && has(part))
        && !all.chars().any(|part| !known.contains(part) && has(part))
}

fn complete(mut components: HashMap<char, f64>, now: i64) -> Fallible<f64> {
    const DATE: &str = "YXMxWwdD";
    const TIME: &str = "PHhmsf";
    let date_a = is_of(&components, DATE, "YMD");
    let date_b = !date_a && is_of(&components, DATE, "Yd");
    let date_c = is_of(&components, DATE, "Xxw");
    let date_d = !date_c && is_of(&components, DATE, "XW");
    let time_a = is_of(&components, TIME, "Hmsf");
    let time_b = !time_a && is_of(&components, TIME, "Phmsf");
    let date = if date_b {
        "YD"
    } else if date_c {
        "XxwF"
    } else if date_d {
        "XWF"
    } else {
        "YMD"
    };
    let time = if time_b { "Phmsf" } else { "Hmsf" };
    let (mut begun, mut ended) = (false, false);
    for part in date.chars().chain(time.chars()) {
        match components.entry(part) {
            Entry::Occupied(_) if ended => return fail("D3136"),
            Entry::Occupied(_) => begun = true,
            Entry::Vacant(missing) if begun => {
                missing.insert(if "MDd".contains(part) { 1.0 } else { 0.0 });
                ended = true;
            }
            Entry::Vacant(missing) => {
                #[expect(clippy::cast_precision_loss, reason = "parts of a time are small")]
                missing.insert(calendar::fragment(now, part).unwrap_or_default() as f64);
            }
        }
    }
    if date_c || date_d {
        return fail("D3136");
    }
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    let whole = |part: char| components.get(&part).copied().unwrap_or_default().clamp(-1e6, 1e6) as i64;
    let day = if date_b {
        days(whole('Y'), 0, 1) + whole('d') - 1
    } else {
        days(whole('Y'), (whole('M') - 1).max(0), 1) + whole('D') - 1
    };
    let hour = if time_b { whole('h') % 12 + whole('P') * 12 } else { whole('H') };
    let millis = components.get(&'f').copied().unwrap_or_default();
    let zone = components.get(&'Z').or_else(|| components.get(&'z')).copied().unwrap_or_default();
    let minutes = hour * 60 + whole('m');
    Ok(day as f64 * DAY + (minutes * 60 + whole('s')) as f64 * 1000.0 + millis.floor() - zone * 60_000.0)
}
