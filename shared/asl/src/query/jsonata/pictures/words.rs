//! Integers in English words, Roman numerals and letters.

const FEW: [&str; 20] = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
];
const ORDINALS: [&str; 20] = [
    "Zeroth",
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
    "Thirteenth",
    "Fourteenth",
    "Fifteenth",
    "Sixteenth",
    "Seventeenth",
    "Eighteenth",
    "Nineteenth",
];
const TENS: [&str; 8] = ["Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety"];
const MAGNITUDES: [(&str, f64); 4] = [("Thousand", 1e3), ("Million", 1e6), ("Billion", 1e9), ("Trillion", 1e12)];
const ROMAN: [(u32, &str); 13] = [
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
];

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers only")]
fn named(names: &'static [&'static str], number: f64) -> &'static str {
    names.get(number as usize).copied().unwrap_or_default()
}

/// A whole number of at least zero in words.
pub(super) fn in_words(number: f64, ordinal: bool) -> String {
    words(number, false, ordinal)
}

fn words(number: f64, follows: bool, ordinal: bool) -> String {
    if number < 20.0 {
        let names: &[&str] = if ordinal { &ORDINALS } else { &FEW };
        return format!("{}{}", if follows { " and " } else { "" }, named(names, number));
    }
    if number < 100.0 {
        let (tens, rest) = ((number / 10.0).floor(), number % 10.0);
        let start = format!("{}{}", if follows { " and " } else { "" }, named(&TENS, tens - 2.0));
        return match (rest > 0.0, ordinal) {
            (true, _) => format!("{start}-{}", words(rest, false, ordinal)),
            (false, true) => format!("{}ieth", start.strip_suffix('y').unwrap_or(&start)),
            (false, false) => start,
        };
    }
    let comma = if follows { ", " } else { "" };
    let (start, rest) = if number < 1000.0 {
        (format!("{comma}{} Hundred", named(&FEW, (number / 100.0).floor())), number % 100.0)
    } else {
        let known = MAGNITUDES.iter().rev().find(|(_, size)| number >= *size);
        let (name, size) = known.copied().unwrap_or(("Thousand", 1e3));
        let count = (number / size).floor();
        (format!("{comma}{} {name}", words(count, false, false)), number - count * size)
    };
    match (rest > 0.0, ordinal) {
        (true, _) => format!("{start}{}", words(rest, true, ordinal)),
        (false, true) => format!("{start}th"),
        (false, false) => start,
    }
}

fn value_of(word: &str) -> Option<f64> {
    let same = |name: &&&str| name.eq_ignore_ascii_case(word);
    let place = |place: usize| u32::try_from(place).ok().map(f64::from);
    if let Some(found) =
        FEW.iter().position(|name| same(&name)).or_else(|| ORDINALS.iter().position(|name| same(&name)))
    {
        return place(found);
    }
    let word = word.to_ascii_lowercase();
    let tens = word.strip_suffix("ieth").map_or_else(|| word.clone(), |start| format!("{start}y"));
    if let Some(found) = TENS.iter().position(|name| same_text(name, &tens)) {
        return place((found + 2) * 10);
    }
    let plain = word.strip_suffix("th").unwrap_or(&word);
    if plain == "hundred" {
        return Some(100.0);
    }
    MAGNITUDES.iter().find(|(name, _)| same_text(name, plain)).map(|(_, size)| *size)
}

fn same_text(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The number that words stand for; nothing where one of them is no word for a number.
pub(super) fn from_words(text: &str) -> Option<f64> {
    let spaced = text.replace([',', '-'], " ");
    let mut parts: Vec<f64> = vec![0.0];
    for word in spaced.split_whitespace().filter(|word| !word.eq_ignore_ascii_case("and")) {
        let value = value_of(word)?;
        let last = parts.pop().unwrap_or_default();
        if value < 100.0 {
            if last >= 1000.0 {
                parts.push(last);
                parts.push(value);
            } else {
                parts.push(last + value);
            }
        } else {
            parts.push(last * value);
        }
    }
    Some(parts.iter().sum())
}

/// A pattern for numbers in words.
pub(super) fn pattern() -> String {
    let mut names: Vec<String> =
        FEW.iter().chain(&ORDINALS).chain(&TENS).map(|name| name.to_ascii_lowercase()).collect();
    names.extend(TENS.iter().map(|name| name.to_ascii_lowercase().replace('y', "ieth")));
    for name in ["hundred", "thousand", "million", "billion", "trillion"] {
        names.extend([format!("{name}th"), name.to_owned()]);
    }
    format!("(?:{}|and|[\\-, ])+", names.join("|"))
}

/// Roman numerals in lower case.
pub(super) fn roman(mut number: u32) -> String {
    let mut text = String::new();
    for (value, numeral) in ROMAN {
        while number >= value {
            text.push_str(numeral);
            number -= value;
        }
    }
    text
}

/// The number that Roman numerals stand for, whatever their case.
pub(super) fn from_roman(text: &str) -> f64 {
    let (mut number, mut most) = (0.0, 1.0);
    for c in text.chars().rev() {
        let value = match c.to_ascii_uppercase() {
            'M' => 1000.0,
            'D' => 500.0,
            'C' => 100.0,
            'L' => 50.0,
            'X' => 10.0,
            'V' => 5.0,
            'I' => 1.0,
            _ => continue,
        };
        if value < most {
            number -= value;
        } else {
            most = value;
            number += value;
        }
    }
    number
}

/// `a`, `b`, …, `z`, `aa`, …
pub(super) fn letters(mut number: u64, first: char) -> String {
    let mut text = Vec::new();
    while number > 0 {
        let offset = u32::try_from((number - 1) % 26).unwrap_or_default();
        text.push(char::from_u32(u32::from(first) + offset).unwrap_or(first));
        number = (number - 1) / 26;
    }
    text.iter().rev().collect()
}

pub(super) fn from_letters(text: &str, first: char) -> f64 {
    text.chars().fold(0.0, |number, c| number * 26.0 + f64::from(u32::from(c)) - f64::from(u32::from(first)) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_back() {
        for (number, text) in [
            (0.0, "Zero"),
            (17.0, "Seventeen"),
            (42.0, "Forty-Two"),
            (118.0, "One Hundred and Eighteen"),
            (3_730_000.0, "Three Million, Seven Hundred and Thirty Thousand"),
        ] {
            assert_eq!(in_words(number, false), text);
            assert_eq!(from_words(text), Some(number), "{text}");
        }
        assert_eq!(in_words(20.0, true), "Twentieth");
        assert_eq!(from_words("twenty-first"), Some(21.0));
        assert_eq!(from_words("a few"), None);
        assert_eq!(roman(1984), "mcmlxxxiv");
        assert_eq!(from_roman("MCMLXXXIV"), 1984.0);
        assert_eq!(letters(28, 'a'), "ab");
        assert_eq!(from_letters("ab", 'a'), 28.0);
    }
}
