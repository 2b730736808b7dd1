//! Pictures of integers: `#,##0`, `Ww`, `I`, `a`, `1;o`.

use crate::query::jsonata::problem::{Fallible, fail, problem};
use crate::query::jsonata::text::number_text;

use super::words;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::query::jsonata) enum Case {
    Upper,
    Lower,
    Title,
}

#[derive(Debug, Clone)]
enum Style {
    Letters,
    Roman,
    Words,
    Decimal,
    /// A numbering that nobody knows.
    Sequence(String),
}

/// A picture, read.
#[derive(Debug, Clone)]
pub(in crate::query::jsonata) struct Format {
    style: Style,
    case: Case,
    pub(in crate::query::jsonata) ordinal: bool,
    zero: u32,
    pub(in crate::query::jsonata) mandatory: usize,
    pub(in crate::query::jsonata) optional: usize,
    /// The distance of groups, where it is always the same.
    regular: Option<(usize, char)>,
    /// Where groups end, from the right.
    separators: Vec<(usize, char)>,
}

/// The zeros of the decimal digits of Unicode's basic plane.
const ZEROS: [u32; 37] = [
    0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

/// The most digits that a picture may ask for.
const MOST_DIGITS: usize = 10_000;

impl Format {
    pub(in crate::query::jsonata) fn parse(picture: &str) -> Fallible<Self> {
        let (primary, modifier) = picture.rsplit_once(';').unwrap_or((picture, ""));
        let mut format = Self {
            style: Style::Decimal,
            case: Case::Lower,
            ordinal: modifier.starts_with('o'),
            zero: 0x30,
            mandatory: 0,
            optional: 0,
            regular: None,
            separators: Vec::new(),
        };
        let (style, case) = match primary {
            "A" => (Style::Letters, Case::Upper),
            "a" => (Style::Letters, Case::Lower),
            "I" => (Style::Roman, Case::Upper),
            "i" => (Style::Roman, Case::Lower),
            "W" => (Style::Words, Case::Upper),
            "Ww" => (Style::Words, Case::Title),
            "w" => (Style::Words, Case::Lower),
            _ => {
                format.digits(primary)?;
                return Ok(format);
            }
        };
        (format.style, format.case) = (style, case);
        Ok(format)
    }

    fn digits(&mut self, picture: &str) -> Fallible<()> {
        let mut zero = None;
        let mut position = 0;
        for c in picture.chars().rev() {
            let code = u32::from(c);
            if let Some(found) = ZEROS.into_iter().find(|zero| (*zero..*zero + 10).contains(&code)) {
                if *zero.get_or_insert(found) != found {
                    return fail("D3131");
                }
                self.mandatory += 1;
                position += 1;
            } else if c == '#' {
                self.optional += 1;
                position += 1;
            } else {
                self.separators.push((position, c));
            }
        }
        match zero {
            None => self.style = Style::Sequence(picture.to_owned()),
            Some(zero) => {
                self.zero = zero;
                self.regular = regular(&self.separators);
            }
        }
        Ok(())
    }

    /// A whole number as text.
    pub(in crate::query::jsonata) fn format(&self, number: f64) -> Fallible<String> {
        let size = number.abs();
        let text = match &self.style {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
            Style::Letters => words::letters(size as u64, if self.case == Case::Upper { 'A' } else { 'a' }),
            Style::Roman => {
                if size > 1_000_000.0 {
                    return Err(problem("").with_message("The number is too large for Roman numerals"));
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
                let text = words::roman(size as u32);
                if self.case == Case::Upper { text.to_uppercase() } else { text }
            }
            Style::Words => {
                let text = words::in_words(size, self.ordinal);
                match self.case {
                    Case::Upper => text.to_uppercase(),
                    Case::Lower => text.to_lowercase(),
                    Case::Title => text,
                }
            }
            Style::Decimal => self.decimal(size),
            Style::Sequence(token) => {
                return Err(problem("D3130").with_value(serde_json::Value::from(token.as_str()).to_string()));
            }
        };
        Ok(if number < 0.0 { format!("-{text}") } else { text })
    }

    fn decimal(&self, size: f64) -> String {
        let digits = number_text(size);
        let missing = self.mandatory.min(MOST_DIGITS).saturating_sub(digits.chars().count());
        let moved = |c: char| c.to_digit(10).and_then(|digit| char::from_u32(self.zero + digit)).unwrap_or(c);
        let mut digits: Vec<char> = "0".repeat(missing).chars().chain(digits.chars()).map(moved).collect();
        match self.regular {
            Some((distance, c)) if distance > 0 => {
                let count = digits.len().saturating_sub(1) / distance;
                for number in (1..=count).rev() {
                    digits.insert(digits.len() - number * distance, c);
                }
            }
            _ => {
                for (position, c) in self.separators.iter().rev() {
                    if let Some(at) = digits.len().checked_sub(*position) {
                        digits.insert(at, *c);
                    }
                }
            }
        }
        let mut text: String = digits.iter().collect();
        if self.ordinal {
            let teens = digits.len() > 1 && digits.get(digits.len() - 2) == Some(&'1');
            text.push_str(match digits.last() {
                Some('1') if !teens => "st",
                Some('2') if !teens => "nd",
                Some('3') if !teens => "rd",
                _ => "th",
            });
        }
        text
    }

    pub(in crate::query::jsonata) const fn separator(&self) -> Option<char> {
        match self.regular {
            Some((_, c)) => Some(c),
            None => None,
        }
    }

    /// A pattern for what the picture describes; `digits` is how many there are, where that is known.
    pub(in crate::query::jsonata) fn pattern(&self, digits: Option<usize>) -> Fallible<String> {
        Ok(match &self.style {
            Style::Letters if self.case == Case::Upper => "[A-Z]+".to_owned(),
            Style::Letters => "[a-z]+".to_owned(),
            Style::Roman if self.case == Case::Upper => "[MDCLXVI]+".to_owned(),
            Style::Roman => "[mdclxvi]+".to_owned(),
            Style::Words => words::pattern(),
            Style::Decimal => {
                let count = match digits {
                    None => "+".to_owned(),
                    Some(count) if self.optional == 0 => format!("{{{count}}}"),
                    Some(count) => format!("{{{},{count}}}", count.saturating_sub(self.optional)),
                };
                format!("[0-9]{count}{}", if self.ordinal { "(?:th|st|nd|rd)" } else { "" })
            }
            Style::Sequence(token) => {
                return Err(problem("D3130").with_value(serde_json::Value::from(token.as_str()).to_string()));
            }
        })
    }

    /// The number in a text; nothing where there is none.
    pub(in crate::query::jsonata) fn read(&self, text: &str) -> Fallible<Option<f64>> {
        Ok(match &self.style {
            Style::Letters => Some(words::from_letters(text, if self.case == Case::Upper { 'A' } else { 'a' })),
            Style::Roman => Some(words::from_roman(text)),
            Style::Words => words::from_words(text),
            Style::Decimal => {
                let end = if self.ordinal { text.len().saturating_sub(2) } else { text.len() };
                let separates = |c: char| match self.regular {
                    Some(_) => c == ',',
                    None => self.separators.iter().any(|(_, separator)| *separator == c),
                };
                let plain: String = text
                    .get(..end)
                    .unwrap_or_default()
                    .chars()
                    .filter(|c| !separates(*c))
                    .map(|c| char::from_u32(u32::from(c).wrapping_sub(self.zero).wrapping_add(0x30)).unwrap_or(c))
                    .collect();
                let start = plain.trim_start();
                let signed = usize::from(start.starts_with(['-', '+']));
                let digits = start.bytes().skip(signed).take_while(u8::is_ascii_digit).count();
                start.get(..signed + digits).and_then(|text| text.parse().ok())
            }
            Style::Sequence(token) => {
                return Err(problem("D3130").with_value(serde_json::Value::from(token.as_str()).to_string()));
            }
        })
    }
}

/// The distance and sign of groups that are all alike.
fn regular(separators: &[(usize, char)]) -> Option<(usize, char)> {
    let (first, c) = separators.first().copied()?;
    if separators.iter().any(|(_, other)| *other != c) {
        return None;
    }
    let distance = separators.iter().fold(first, |one, (other, _)| gcd(one, *other));
    let fits = (1..=separators.len()).all(|number| separators.iter().any(|(at, _)| *at == number * distance));
    (distance > 0 && fits).then_some((distance, c))
}

pub(super) fn gcd(one: usize, other: usize) -> usize {
    if other == 0 { one } else { gcd(other, one % other) }
}
