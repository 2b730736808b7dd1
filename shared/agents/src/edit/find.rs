//! Finding lines in a file: as they are, then with other white space; and what comes closest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text::{indent_of, is_blank};

/// How lines were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    /// They stand there so.
    Exact,
    /// But for white space at the ends of lines.
    TrailingSpace,
    /// But for an indentation that differs by the same for all lines.
    Indentation,
    /// But for white space within lines.
    InnerSpace,
}

/// Lines that were found once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The first line, from 0.
    pub(super) start: usize,
    /// How many lines.
    pub(super) len: usize,
    pub(super) how: How,
    /// What replaces them, with the file's indentation.
    pub(super) replacement: Vec<String>,
}

/// What became of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Search {
    Found(Found),
    /// First lines, from 1.
    Several(Vec<usize>),
    Missing,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// The file.
    pub path: String,
    /// The first line, from 1.
    pub first_line: usize,
    /// The last line.
    pub last_line: usize,
    /// The lines.
    pub text: String,
}

/// How an indentation differs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shift {
    Add(String),
    Remove(String),
}

/// Finds `search` in `lines`. The least tolerant way that finds it decides, and must find it once.
pub(super) fn find(lines: &[&str], search: &[String], replace: &[String]) -> Search {
    let full = locate(lines, search, replace);
    if full != Search::Missing {
        return full;
    }
    // Empty lines at the edges come and go.
    let leading = search.iter().take_while(|line| is_blank(line)).count();
    let trailing = search.iter().rev().take_while(|line| is_blank(line)).count();
    if leading + trailing == 0 || leading == search.len() {
        return Search::Missing;
    }
    let inner = |all: &[String], leading: usize, trailing: usize| -> Vec<String> {
        all.iter().skip(leading).take(all.len().saturating_sub(leading + trailing)).cloned().collect()
    };
    let search = inner(search, leading, trailing);
    let blank_before = replace.iter().take_while(|line| is_blank(line)).count().min(leading);
    let blank_after = replace.iter().rev().take_while(|line| is_blank(line)).count().min(trailing);
    locate(lines, &search, &inner(replace, blank_before, blank_after))
}

fn locate(lines: &[&str], search: &[String], replace: &[String]) -> Search {
    if search.is_empty() || search.len() > lines.len() {
        return Search::Missing;
    }
    let has_text = search.iter().any(|line| !is_blank(line));
    for how in [How::Exact, How::TrailingSpace, How::Indentation, How::InnerSpace] {
        if how != How::Exact && !has_text {
            break;
        }
        let mut places = Vec::new();
        for (start, window) in lines.windows(search.len()).enumerate() {
            if let Some(shift) = fits(window, search, how) {
                places.push((start, shift));
            }
        }
        match places.as_slice() {
            [] => {}
            [(start, shift)] => {
                let replacement = replace.iter().map(|line| shifted(line, shift.as_ref())).collect();
                return Search::Found(Found { start: *start, len: search.len(), how, replacement });
            }
            several => return Search::Several(several.iter().map(|(start, _)| start + 1).collect()),
        }
    }
    Search::Missing
}

/// Do the lines fit? With the indentation's shift, where there is one.
fn fits(window: &[&str], search: &[String], how: How) -> Option<Option<Shift>> {
    let mut pairs = window.iter().copied().zip(search.iter().map(String::as_str));
    match how {
        How::Exact => pairs.all(|(line, wanted)| line == wanted).then_some(None),
        How::TrailingSpace => pairs.all(|(line, wanted)| line.trim_end() == wanted.trim_end()).then_some(None),
        How::Indentation => {
            let mut shift = None;
            for (line, wanted) in pairs {
                if line.trim() != wanted.trim() {
                    return None;
                }
                if is_blank(line) {
                    continue;
                }
                let (has, given) = (indent_of(line), indent_of(wanted));
                let this = match (has.strip_suffix(given), given.strip_suffix(has)) {
                    (Some(more), _) => Shift::Add(more.to_owned()),
                    (None, Some(less)) => Shift::Remove(less.to_owned()),
                    (None, None) => return None,
                };
                if *shift.get_or_insert_with(|| this.clone()) != this {
                    return None;
                }
            }
            shift.map(Some)
        }
        How::InnerSpace => pairs
            .all(|(line, wanted)| {
                indent_of(line) == indent_of(wanted) && line.split_whitespace().eq(wanted.split_whitespace())
                    || is_blank(line) && is_blank(wanted)
            })
            .then_some(None),
    }
}

fn shifted(line: &str, shift: Option<&Shift>) -> String {
    match shift {
        _ if is_blank(line) => line.to_owned(),
        None => line.to_owned(),
        Some(Shift::Add(more)) => format!("{more}{line}"),
        Some(Shift::Remove(less)) => {
            let indent = indent_of(line).len().min(less.len());
            line.strip_prefix(less.as_str()).or_else(|| line.get(indent..)).unwrap_or(line).to_owned()
        }
    }
}

/// Lines of a region that are shown around what comes closest.
const AROUND: usize = 2;
/// Lines of a region that are shown at the most.
const SHOWN: usize = 60;
/// So many comparisons of lines by their letters are made at the most; beyond, equal lines only count.
const COMPARISONS: usize = 400_000;

/// The part of a file that comes closest to `search`; `None` where nothing comes near.
pub(super) fn closest(path: &str, lines: &[&str], search: &[String]) -> Option<Region> {
    let wanted: Vec<&str> = search.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    if wanted.is_empty() || lines.is_empty() {
        return None;
    }
    let by_letters = lines.len().saturating_mul(wanted.len()) <= COMPARISONS;
    let mut known: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let likeness = |line: &str, wanted: &str| -> f64 {
        if line == wanted {
            return 1.0;
        }
        if by_letters { similarity(line, wanted) } else { 0.0 }
    };
    let length = search.len().min(lines.len());
    let mut best = (0.0_f64, 0_usize);
    for (start, window) in lines.windows(length).enumerate() {
        let score: f64 = window
            .iter()
            .zip(search)
            .filter(|(_, wanted)| !is_blank(wanted))
            .map(|(line, wanted)| {
                let (line, wanted) = (line.trim(), wanted.trim());
                match known.get(&(line, wanted)) {
                    Some(score) => *score,
                    None => {
                        let score = likeness(line, wanted);
                        known.insert((line, wanted), score);
                        score
                    }
                }
            })
            .sum();
        if score > best.0 {
            best = (score, start);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of lines")]
    let share = best.0 / wanted.len() as f64;
    // Lines may have moved against each other: then the line that is most alike shows the place.
    let (start, length) = if share >= 0.4 {
        (best.1, length)
    } else {
        let rare = wanted.iter().max_by_key(|line| line.len())?;
        let scored = lines.iter().enumerate().map(|(at, line)| (likeness(line.trim(), rare), at));
        let (score, at) = scored.fold((0.0, 0), |best, next| if next.0 > best.0 { next } else { best });
        if score < 0.5 {
            return None;
        }
        (at.saturating_sub(length / 2), length)
    };
    let first = start.saturating_sub(AROUND);
    let last = (start + length + AROUND).min(lines.len()).min(first + SHOWN);
    let text: Vec<&str> = lines.iter().skip(first).take(last - first).copied().collect();
    Some(Region { path: path.to_owned(), first_line: first + 1, last_line: last, text: text.join("\n") })
}

/// How alike two lines are, 0 to 1: the pairs of letters that they share (the Sørensen–Dice coefficient).
fn similarity(a: &str, b: &str) -> f64 {
    let pairs = |text: &str| -> Vec<[u8; 2]> {
        let bytes: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).take(300).collect();
        let mut pairs: Vec<[u8; 2]> = bytes.windows(2).filter_map(|pair| pair.try_into().ok()).collect();
        pairs.sort_unstable();
        pairs
    };
    let (a, b) = (pairs(a), pairs(b));
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let (mut left, mut right, mut shared) = (a.iter().peekable(), b.iter().peekable(), 0_u32);
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        match one.cmp(other) {
            std::cmp::Ordering::Less => drop(left.next()),
            std::cmp::Ordering::Greater => drop(right.next()),
            std::cmp::Ordering::Equal => {
                shared += 1;
                left.next();
                right.next();
            }
        }
    }
    let total = u32::try_from(a.len() + b.len()).unwrap_or(u32::MAX);
    2.0 * f64::from(shared) / f64::from(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn found(file: &str, search: &str, replace: &str) -> Search {
        let file: Vec<&str> = file.lines().collect();
        find(&file, &lines(search), &lines(replace))
    }

    #[test]
    fn each_kind_of_white_space() {
        let file = "class A:\n    def f(self):\n        return 1  \n\n    x = 2\n";
        let cases = [
            ("    def f(self):\n        return 1  ", How::Exact, "a\n b", "a\n b"),
            ("    def f(self):\n        return 1", How::TrailingSpace, "a", "a"),
            (
                "def f(self):\n    return 1",
                How::Indentation,
                "def f(self):\n    return 3",
                "    def f(self):\n        return 3",
            ),
            ("      x = 2", How::Indentation, "      x = 3\n        y", "    x = 3\n      y"),
            ("    x  =  2", How::InnerSpace, "    x = 4", "    x = 4"),
            ("\n    x = 2\n\n", How::Exact, "\n    x = 5\n", "    x = 5"),
        ];
        for (search, how, replace, expected) in cases {
            let Search::Found(found) = found(file, search, replace) else { panic!("{search:?} is not found") };
            assert_eq!((found.how, found.replacement), (how, lines(expected)), "{search:?}");
        }
        assert_eq!(found(file, "    def g(self):", ""), Search::Missing);
        // Not the same shift for all lines.
        assert_eq!(found(file, "def f(self):\nreturn 1", "x"), Search::Missing);
    }

    #[test]
    fn what_is_there_twice_is_refused_with_its_places() {
        assert_eq!(found("a\nb\na\n", "a", "x"), Search::Several(vec![1, 3]));
        assert_eq!(found("  a\nb\n    a\n", "a", "x"), Search::Several(vec![1, 3]));
        // The exact one wins over those with other indentation.
        assert!(matches!(found("  a\nb\na\n", "a", "x"), Search::Found(Found { start: 2, .. })));
    }

    #[test]
    fn the_closest_region_is_the_one_meant() {
        let file =
            "import os\n\ndef add(a, b):\n    return a + b\n\ndef sub(a, b):\n    # takes b away\n    return a - b\n";
        let file: Vec<&str> = file.lines().collect();
        let region = closest("m.py", &file, &lines("def sub(a, b):\n    # subtracts b\n    return a - b")).unwrap();
        assert_eq!((region.first_line, region.last_line), (4, 8));
        assert!(region.text.contains("takes b away"));
        assert_eq!(closest("m.py", &file, &lines("zzz\nqqq 123")), None);
        assert_eq!(closest("m.py", &[], &lines("a")), None);
    }
}
