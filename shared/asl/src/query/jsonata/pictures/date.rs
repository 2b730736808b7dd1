//! Pictures of points in time: `[Y0001]-[M01]-[D01]`, `[D1o] [MNn] [Y]`.

use crate::query::jsonata::problem::{Fallible, fail, problem};

use super::calendar::{self, FURTHEST};
use super::integer::{Case, Format};

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const ISO: &str = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";

/// A piece of a picture.
pub(super) enum Part {
    Literal(String),
    Marker(Marker),
}

pub(super) struct Marker {
    pub(super) component: char,
    pub(super) names: Option<Case>,
    pub(super) format: Option<Format>,
    pub(super) most: Option<usize>,
    /// The digits of years, months and days, where the picture says how many.
    pub(super) digits: Option<usize>,
    modifier: Option<char>,
}

fn default_presentation(component: char) -> Option<&'static str> {
    Some(match component {
        'Y' | 'M' | 'D' | 'd' | 'W' | 'w' | 'X' | 'x' | 'H' | 'h' | 'f' => "1",
        'F' | 'P' | 'C' | 'E' => "n",
        'm' | 's' => "01",
        'Z' | 'z' => "01:01",
        _ => return None,
    })
}

pub(super) fn parse(picture: &str) -> Fallible<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = picture;
    let literal = |parts: &mut Vec<Part>, text: &str| {
        if !text.is_empty() {
            parts.push(Part::Literal(text.replace("]]", "]")));
        }
    };
    while let Some((before, after)) = rest.split_once('[') {
        literal(&mut parts, before);
        if let Some(after) = after.strip_prefix('[') {
            parts.push(Part::Literal("[".to_owned()));
            rest = after;
            continue;
        }
        let Some((marker, after)) = after.split_once(']') else { return fail("D3135") };
        parts.push(Part::Marker(parse_marker(&marker.split_whitespace().collect::<String>())?));
        rest = after;
    }
    literal(&mut parts, rest);
    Ok(parts)
}

fn parse_marker(text: &str) -> Fallible<Marker> {
    let mut chars = text.chars();
    let component = chars.next().unwrap_or_default();
    let rest = chars.as_str();
    let (presentation, width) = rest.rsplit_once(',').map_or((rest, None), |(rest, width)| (rest, Some(width)));
    let number = |text: &str| text.parse::<usize>().ok();
    let (least, most) =
        match width.map(|width| width.split_once('-').map_or((width, None), |(one, two)| (one, Some(two)))) {
            Some((least, most)) => (number(least), most.and_then(number)),
            None => (None, None),
        };
    let unknown = || problem("D3132").with_value(serde_json::Value::from(component.to_string()).to_string());
    let mut modifier = None;
    let mut primary = presentation;
    if presentation.is_empty() {
        primary = default_presentation(component).ok_or_else(unknown)?;
    } else if presentation.chars().count() > 1
        && let Some(last) = presentation.chars().last().filter(|last| "atco".contains(*last))
    {
        modifier = Some(last);
        primary = presentation.strip_suffix(last).unwrap_or(presentation);
    }
    let mut marker = Marker { component, names: None, format: None, most, digits: None, modifier };
    if primary.starts_with('n') {
        marker.names = Some(Case::Lower);
    } else if primary.starts_with("Nn") {
        marker.names = Some(Case::Title);
    } else if primary.starts_with('N') {
        marker.names = Some(Case::Upper);
    } else if "YMDdFWwXxHhmsf".contains(component) {
        let picture = modifier.map_or_else(|| primary.to_owned(), |modifier| format!("{primary};{modifier}"));
        let mut format = Format::parse(&picture)?;
        format.mandatory = format.mandatory.max(least.unwrap_or_default());
        if "YMD".contains(component) {
            marker.digits = match most {
                Some(most) => {
                    format.mandatory = most;
                    Some(most)
                }
                None => Some(format.mandatory + format.optional).filter(|width| *width >= 2),
            };
        }
        marker.format = Some(format);
    }
    if matches!(component, 'Z' | 'z') {
        marker.format = Some(Format::parse(primary)?);
    }
    Ok(marker)
}

/// A point in time, in milliseconds since 1970, by a picture and in a zone such as `+0530`.
pub(in crate::query::jsonata) fn format(millis: f64, picture: Option<&str>, zone: Option<&str>) -> Fallible<String> {
    let (mut hours, mut minutes) = (0_i64, 0_i64);
    if let Some(zone) = zone {
        let digits = zone.strip_prefix('+').unwrap_or(zone);
        let end = digits.char_indices().find(|(at, c)| !(c.is_ascii_digit() || *at == 0 && *c == '-'));
        let offset: i64 = digits.get(..end.map_or(digits.len(), |(at, _)| at)).unwrap_or_default().parse().unwrap_or(0);
        (hours, minutes) = (offset.clamp(-9999, 9999).div_euclid(100), offset.clamp(-9999, 9999) % 100);
    }
    let parts = parse(picture.unwrap_or(ISO))?;
    let there = millis + ((60 * hours + minutes) * 60_000) as f64;
    if !(-FURTHEST..=FURTHEST).contains(&there) {
        return Err(problem("").with_message("The time is out of range"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
    let there = there.trunc() as i64;
    let mut text = String::new();
    for part in &parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Marker(marker) => text.push_str(&component(marker, there, hours, minutes)?),
        }
    }
    Ok(text)
}

fn name(names: &[&str], number: i64, marker: &Marker) -> String {
    let name = usize::try_from(number - 1).ok().and_then(|at| names.get(at)).copied().unwrap_or_default();
    let name = match marker.names {
        Some(Case::Upper) => name.to_uppercase(),
        Some(Case::Lower) => name.to_lowercase(),
        _ => name.to_owned(),
    };
    name.chars().take(marker.most.unwrap_or(usize::MAX)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "parts of a time are small")]
fn component(marker: &Marker, millis: i64, hours: i64, minutes: i64) -> Fallible<String> {
    let value = calendar::fragment(millis, marker.component);
    match (marker.component, value) {
        ('Z' | 'z', _) => zone(marker, hours, minutes),
        ('P', Some(half)) => {
            let text = if half == 0 { "am" } else { "pm" };
            Ok(if marker.names == Some(Case::Upper) { text.to_uppercase() } else { text.to_owned() })
        }
        (component, Some(mut value)) => {
            if component == 'Y'
                && let Some(digits) =
                    marker.digits.and_then(|digits| u32::try_from(digits).ok()).filter(|digits| *digits < 18)
            {
                value %= 10_i64.pow(digits);
            }
            match (&marker.names, component, &marker.format) {
                (Some(_), 'M' | 'x', _) => Ok(name(&MONTHS, value, marker)),
                (Some(_), 'F', _) => Ok(name(&DAYS, value, marker)),
                (None, _, Some(format)) => format.format(value as f64),
                _ => Err(problem("D3133").with_value(serde_json::Value::from(component.to_string()).to_string())),
            }
        }
        _ => Ok("ISO".to_owned()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "parts of a time are small")]
fn zone(marker: &Marker, hours: i64, minutes: i64) -> Fallible<String> {
    let offset = hours * 100 + minutes;
    let Some(format) = &marker.format else { return Ok(String::new()) };
    let mut text = if format.separator().is_some() {
        format.format(offset as f64)?
    } else {
        match format.mandatory {
            1 | 2 => {
                let mut text = format.format(hours as f64)?;
                if minutes != 0 {
                    text.push(':');
                    text.push_str(&Format::parse("00")?.format(minutes as f64)?);
                }
                text
            }
            3 | 4 => format.format(offset as f64)?,
            _ => return fail("D3134"),
        }
    };
    if offset >= 0 {
        text.insert(0, '+');
    }
    if marker.component == 'z' {
        text.insert_str(0, "GMT");
    }
    Ok(if offset == 0 && marker.modifier == Some('t') { "Z".to_owned() } else { text })
}
