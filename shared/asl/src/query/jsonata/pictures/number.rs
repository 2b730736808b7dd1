//! Pictures of numbers: `#,##0.00`, `0.0e0`, `01%`. The numbers in comments are those of F&O 3.1, section 4.7.

use crate::query::jsonata::problem::{Fallible, fail};
use crate::query::jsonata::value::Val;

use super::integer::gcd;

/// The characters of pictures, with what `options` says of them.
struct Signs {
    decimal: char,
    grouping: char,
    exponent: char,
    minus: String,
    percent: String,
    per_mille: String,
    zero: char,
    digit: char,
    pattern: String,
}

impl Signs {
    fn new(options: &Val<'_>) -> Self {
        let text = |name: &str, default: &str| options.field(name).as_str().unwrap_or(default).to_owned();
        let sign = |name: &str, default: char| {
            options.field(name).as_str().and_then(|text| text.chars().next()).unwrap_or(default)
        };
        Self {
            decimal: sign("decimal-separator", '.'),
            grouping: sign("grouping-separator", ','),
            exponent: sign("exponent-separator", 'e'),
            minus: text("minus-sign", "-"),
            percent: text("percent", "%"),
            per_mille: text("per-mille", "\u{2030}"),
            zero: sign("zero-digit", '0'),
            digit: sign("digit", '#'),
            pattern: text("pattern-separator", ";"),
        }
    }

    fn is_family(&self, c: char) -> bool {
        let zero = u32::from(self.zero);
        (zero..zero + 10).contains(&u32::from(c))
    }

    fn is_digit(&self, c: char) -> bool {
        self.is_family(c) || c == self.digit
    }

    fn is_active(&self, c: char) -> bool {
        self.is_digit(c) || c == self.decimal || c == self.exponent || c == self.grouping || self.pattern.contains(c)
    }
}

struct Parts {
    picture: Vec<char>,
    prefix: Vec<char>,
    suffix: Vec<char>,
    active: Vec<char>,
    mantissa: Vec<char>,
    exponent: Option<Vec<char>>,
    integer: Vec<char>,
    fraction: Vec<char>,
}

fn split(picture: &str, signs: &Signs) -> Parts {
    let picture: Vec<char> = picture.chars().collect();
    let is_inner = |c: &char| signs.is_active(*c) && *c != signs.exponent;
    let start = picture.iter().position(is_inner).unwrap_or_default();
    let end = picture.iter().rposition(is_inner).map_or(picture.len(), |at| at + 1);
    let part = |from: usize, to: usize| picture.get(from..to).unwrap_or_default().to_vec();
    let (prefix, suffix, active) = (part(0, start), part(end, picture.len()), part(start, end));
    let at = picture.iter().skip(start).position(|c| *c == signs.exponent).map(|at| at + start).filter(|at| *at < end);
    let (mantissa, exponent) = match at {
        Some(at) => (part(start, at), Some(part(at + 1, end))),
        None => (active.clone(), None),
    };
    let (integer, fraction) = match mantissa.iter().position(|c| *c == signs.decimal) {
        Some(at) => {
            (mantissa.get(..at).unwrap_or_default().to_vec(), mantissa.get(at + 1..).unwrap_or_default().to_vec())
        }
        None => (mantissa.clone(), suffix.clone()),
    };
    Parts { picture, prefix, suffix, active, mantissa, exponent, integer, fraction }
}

/// 4.7.3
fn validate(parts: &Parts, signs: &Signs) -> Fallible<()> {
    let text: String = parts.picture.iter().collect();
    let count = |sign: char| parts.picture.iter().filter(|c| **c == sign).count();
    let mut error = None;
    let mut check = |wrong: bool, code: &'static str| {
        if wrong {
            error = Some(code);
        }
    };
    check(count(signs.decimal) > 1, "D3081");
    check(text.matches(&signs.percent).count() > 1, "D3082");
    check(text.matches(&signs.per_mille).count() > 1, "D3083");
    check(text.contains(&signs.percent) && text.contains(&signs.per_mille), "D3084");
    check(!parts.mantissa.iter().any(|c| signs.is_digit(*c)), "D3085");
    check(parts.active.iter().any(|c| !signs.is_active(*c)), "D3086");
    match parts.picture.iter().position(|c| *c == signs.decimal) {
        Some(at) => {
            let near = |at: Option<usize>| at.and_then(|at| parts.picture.get(at)) == Some(&signs.grouping);
            check(near(at.checked_sub(1)) || near(Some(at + 1)), "D3087");
        }
        None => check(parts.integer.last() == Some(&signs.grouping), "D3088"),
    }
    let double = parts.picture.windows(2).any(|pair| pair.iter().all(|c| *c == signs.grouping));
    check(double, "D3089");
    let family = |chars: Option<&[char]>| chars.unwrap_or_default().iter().any(|c| signs.is_family(*c));
    let first = parts.integer.iter().position(|c| *c == signs.digit);
    check(first.is_some_and(|at| family(parts.integer.get(..at))), "D3090");
    let last = parts.fraction.iter().rposition(|c| *c == signs.digit);
    check(last.is_some_and(|at| family(parts.fraction.get(at..))), "D3091");
    if let Some(exponent) = &parts.exponent {
        let percent = text.contains(&signs.percent) || text.contains(&signs.per_mille);
        check(!exponent.is_empty() && percent, "D3092");
        check(exponent.is_empty() || exponent.iter().any(|c| !signs.is_family(*c)), "D3093");
    }
    error.map_or(Ok(()), fail)
}

struct Plan {
    groups: Vec<usize>,
    regular: usize,
    integer_least: usize,
    scaling: usize,
    fraction_groups: Vec<usize>,
    fraction_least: usize,
    fraction_most: usize,
    exponent_least: usize,
    prefix: String,
    suffix: String,
    picture: String,
}

/// 4.7.4
fn analyse(parts: &Parts, signs: &Signs) -> Plan {
    let digits = |chars: &[char]| chars.iter().filter(|c| signs.is_digit(**c)).count();
    let family = |chars: &[char]| chars.iter().filter(|c| signs.is_family(**c)).count();
    let places = |chars: &[char]| -> Vec<usize> {
        chars.iter().enumerate().filter(|(_, c)| **c == signs.grouping).map(|(at, _)| at).collect()
    };
    let groups: Vec<usize> =
        places(&parts.integer).iter().map(|at| digits(parts.integer.get(*at..).unwrap_or_default())).collect();
    let fraction_groups: Vec<usize> =
        places(&parts.fraction).iter().map(|at| digits(parts.fraction.get(..*at).unwrap_or_default())).collect();
    let distance = groups.iter().copied().reduce(gcd).unwrap_or_default();
    let is_regular = (1..=groups.len()).all(|number| groups.contains(&(number * distance)));
    let mut integer_least = family(&parts.integer);
    let scaling = integer_least;
    let (mut fraction_least, mut fraction_most) = (family(&parts.fraction), digits(&parts.fraction));
    if integer_least == 0 && fraction_most == 0 {
        if parts.exponent.is_some() {
            (fraction_least, fraction_most) = (1, 1);
        } else {
            integer_least = 1;
        }
    }
    if parts.exponent.is_some() && integer_least == 0 && parts.integer.contains(&signs.digit) {
        integer_least = 1;
    }
    if integer_least == 0 && fraction_least == 0 {
        fraction_least = 1;
    }
    Plan {
        regular: if is_regular { distance } else { 0 },
        groups,
        integer_least,
        scaling,
        fraction_groups,
        fraction_least,
        fraction_most,
        exponent_least: parts.exponent.as_deref().map_or(0, family),
        prefix: parts.prefix.iter().collect(),
        suffix: parts.suffix.iter().collect(),
        picture: parts.picture.iter().collect(),
    }
}

/// Rounds to so many decimal places, halves to the even neighbour.
pub(in crate::query::jsonata) fn round(number: f64, places: i32) -> f64 {
    let shifted = shift(number, places);
    let mut rounded = (shifted + 0.5).floor();
    if (rounded - shifted).abs() == 0.5 && (rounded % 2.0).abs() == 1.0 {
        rounded -= 1.0;
    }
    shift(rounded, -places) + 0.0
}

/// The number with its decimal point moved, by way of its text so that nothing is lost.
fn shift(number: f64, places: i32) -> f64 {
    if places == 0 || !number.is_finite() {
        return number;
    }
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent = exponent.parse::<i32>().unwrap_or_default().saturating_add(places);
    format!("{mantissa}e{exponent}").parse().unwrap_or(number)
}

/// The longest part of a picture, in digits.
const MOST_DIGITS: usize = 300;

pub(in crate::query::jsonata) fn format(value: f64, picture: &str, options: &Val<'_>) -> Fallible<String> {
    let signs = Signs::new(options);
    let pictures: Vec<&str> = picture.split(signs.pattern.as_str()).collect();
    let parts: Vec<Parts> = match pictures.len() {
        1 | 2 => pictures.iter().map(|picture| split(picture, &signs)).collect(),
        _ => return fail("D3080"),
    };
    for part in &parts {
        validate(part, &signs)?;
    }
    let mut plans: Vec<Plan> = parts.iter().map(|part| analyse(part, &signs)).collect();
    let has_own = plans.len() == 2;
    let Some(mut plan) =
        (if value < 0.0 && has_own { plans.pop() } else { (!plans.is_empty()).then(|| plans.swap_remove(0)) })
    else {
        return Ok(String::new());
    };
    if value < 0.0 && !has_own {
        plan.prefix.insert_str(0, &signs.minus);
    }
    let adjusted = if plan.picture.contains(&signs.percent) {
        value * 100.0
    } else if plan.picture.contains(&signs.per_mille) {
        value * 1000.0
    } else {
        value
    };
    let (mut mantissa, mut exponent) = (adjusted, 0_i32);
    if plan.exponent_least > 0 && mantissa != 0.0 {
        let scaling = i32::try_from(plan.scaling).unwrap_or(300);
        let (most, least) = (10_f64.powi(scaling), 10_f64.powi(scaling - 1));
        while mantissa.abs() < least && exponent > -400 {
            mantissa *= 10.0;
            exponent -= 1;
        }
        while mantissa.abs() > most && exponent < 400 {
            mantissa /= 10.0;
            exponent += 1;
        }
    }
    let places = plan.fraction_most.min(MOST_DIGITS);
    let rounded = round(mantissa, i32::try_from(places).unwrap_or_default()).abs();
    let written = format!("{rounded:.places$}");
    let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
    let moved = |text: &str| -> Vec<char> {
        let zero = u32::from(signs.zero);
        text.chars().map(|c| c.to_digit(10).and_then(|digit| char::from_u32(zero + digit)).unwrap_or(c)).collect()
    };
    let mut whole = moved(whole.trim_start_matches('0'));
    let mut fraction = moved(fraction.trim_end_matches('0'));
    while whole.len() < plan.integer_least.min(MOST_DIGITS) {
        whole.insert(0, signs.zero);
    }
    while fraction.len() < plan.fraction_least.min(MOST_DIGITS) {
        fraction.push(signs.zero);
    }
    let length = whole.len();
    if let Some(count) = length.saturating_sub(1).checked_div(plan.regular) {
        for number in 1..=count {
            whole.insert(length - number * plan.regular, signs.grouping);
        }
    } else {
        let mut end = length;
        for position in &plan.groups {
            if let Some(at) = end.checked_sub(*position) {
                whole.insert(at, signs.grouping);
                end += 1;
            }
        }
    }
    for position in &plan.fraction_groups {
        if *position <= fraction.len() {
            fraction.insert(*position, signs.grouping);
        }
    }
    let mut text = plan.prefix;
    text.extend(whole);
    if plan.picture.contains(signs.decimal) && !fraction.is_empty() {
        text.push(signs.decimal);
        text.extend(fraction);
    }
    if plan.exponent_least > 0 {
        text.push(signs.exponent);
        if exponent < 0 {
            text.push_str(&signs.minus);
        }
        let digits = moved(&exponent.abs().to_string());
        let missing = plan.exponent_least.min(MOST_DIGITS).saturating_sub(digits.len());
        text.extend(std::iter::repeat_n(signs.zero, missing));
        text.extend(digits);
    }
    text.push_str(&plan.suffix);
    Ok(text)
}
