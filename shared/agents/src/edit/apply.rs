//! Doing what an answer says.

use std::sync::LazyLock;

use millrace_app::projects::paths::check_beside;
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::Tree;
use super::find::{self, How, Region, Search};
use super::parse::{Op, Step};
use super::text::{Lines, is_blank};

/// What an answer may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest file, in bytes.
    pub file_bytes: usize,
    /// Files of a project.
    pub files: usize,
    /// All files of a project together, in bytes.
    pub total_bytes: usize,
}

impl Default for Limits {
    /// 1 MiB a file, 2,000 files, 50 MiB together.
    fn default() -> Self {
        Self { file_bytes: 1024 * 1024, files: 2_000, total_bytes: 50 * 1024 * 1024 }
    }
}

/// What became of an answer's steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// One for each step, in order.
    pub outcomes: Vec<Outcome>,
}

impl Applied {
    /// Steps that were refused.
    pub fn refused(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| outcome.result.is_err())
    }
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Counts the answer's steps, from 1.
    pub number: usize,
    /// The line of the answer on which it begins, from 1.
    pub line: usize,
    /// The file; empty where none is known.
    pub path: String,
    /// What was done, or why nothing was.
    pub result: Result<Done, Refusal>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// Lines were found as given and replaced.
    Replaced,
    /// Lines were found with other white space and replaced.
    ReplacedLoosely,
    /// Nothing: the file has it so already.
    AlreadySo,
    /// A file was written.
    Written,
    /// A file was removed.
    Deleted,
    /// A file was moved.
    Renamed,
}

/// Why a step was refused. Nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The lines are not in the file.
    #[error("the SEARCH lines are not in the file")]
    NotFound {
        /// What comes closest.
        closest: Option<Region>,
    },
    /// The lines are in the file more than once.
    #[error("the SEARCH lines are in the file {} times, at lines {}; add lines around them", .lines.len(), list(.lines))]
    Ambiguous {
        /// Where, from 1.
        lines: Vec<usize>,
    },
    /// Nothing to look for.
    #[error("SEARCH is empty and the file is not: give the lines to replace, or the whole file")]
    EmptySearch,
    /// There is no such file.
    #[error("there is no such file{}", .similar.as_ref().map(|path| format!("; did you mean {path}?")).unwrap_or_default())]
    NoSuchFile {
        /// A file that could be meant.
        similar: Option<String>,
    },
    /// The answer doesn't say which file.
    #[error("no file is named{}", if .candidates.is_empty() { String::new() } else {
        format!(", and the lines are in several: {}", .candidates.join(", "))
    })]
    NoPath {
        /// Files that have the lines.
        candidates: Vec<String>,
    },
    /// The path may not be written.
    #[error("the path {0}")]
    Path(String),
    /// The file is there already.
    #[error("there is a file of that path already")]
    Exists,
    /// The file is not text.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// The whole file was not given as such.
    #[error("an edit needs SEARCH/REPLACE blocks; to replace the whole file, use the heading `### file`")]
    NotWhole,
    /// Code was left out.
    #[error("code is left out ({line:?}); write every line")]
    Elided {
        /// The line that says so.
        line: String,
    },
    /// Too much.
    #[error("{0}")]
    TooLarge(String),
}

fn list(lines: &[usize]) -> String {
    let shown: Vec<String> = lines.iter().take(8).map(ToString::to_string).collect();
    format!("{}{}", shown.join(", "), if lines.len() > 8 { ", …" } else { "" })
}

/// Does the steps in order to `tree`. A refused step changes nothing and holds up no other.
pub fn apply(tree: &mut Tree, steps: &[Step], limits: &Limits) -> Applied {
    let mut applied = Applied::default();
    for (position, step) in steps.iter().enumerate() {
        let (path, result) = one(tree, &step.op, limits);
        applied.outcomes.push(Outcome { number: position + 1, line: step.line, path, result });
    }
    applied
}

fn one(tree: &mut Tree, op: &Op, limits: &Limits) -> (String, Result<Done, Refusal>) {
    match op {
        Op::Write { path, lines, whole } => (path.clone(), write(tree, path, lines, *whole, limits)),
        Op::Delete { path } => {
            let gone = tree.remove(path).map(|_| Done::Deleted);
            (path.clone(), gone.ok_or_else(|| missing(tree, path)))
        }
        Op::Rename { from, to } => (from.clone(), rename(tree, from, to)),
        Op::Replace { path, body, dividers } => {
            let readings = readings(body, dividers);
            let path = match path {
                Some(path) => path.clone(),
                None => match only_file_with(tree, &readings) {
                    Ok(path) => path,
                    Err(refusal) => return (String::new(), Err(refusal)),
                },
            };
            let result = replace(tree, &path, &readings, limits);
            (path, result)
        }
    }
}

/// The ways to read a block: what to find and what replaces it.
fn readings(body: &[String], dividers: &[usize]) -> Vec<(Vec<String>, Vec<String>)> {
    dividers
        .iter()
        .map(|at| (body.iter().take(*at).cloned().collect(), body.iter().skip(at + 1).cloned().collect()))
        .collect()
}

fn only_file_with(tree: &Tree, readings: &[(Vec<String>, Vec<String>)]) -> Result<String, Refusal> {
    let has = |contents: &[u8]| {
        let Ok(text) = std::str::from_utf8(contents) else { return false };
        let lines = Lines::new(text).texts();
        readings.iter().any(|(search, new)| matches!(find::find(&lines, search, new), Search::Found(_)))
    };
    let mut found: Vec<String> =
        tree.iter().filter(|(_, contents)| has(contents)).map(|(path, _)| path.clone()).take(6).collect();
    match (found.pop(), found.is_empty()) {
        (Some(path), true) => Ok(path),
        (Some(path), false) => {
            found.push(path);
            Err(Refusal::NoPath { candidates: found })
        }
        (None, _) => Err(Refusal::NoPath { candidates: Vec::new() }),
    }
}

fn missing(tree: &Tree, path: &str) -> Refusal {
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let wanted = name(path);
    let similar = tree.keys().find(|other| other.eq_ignore_ascii_case(path));
    Refusal::NoSuchFile { similar: similar.or_else(|| tree.keys().find(|other| name(other) == wanted)).cloned() }
}

fn text_of<'a>(tree: &'a Tree, path: &str) -> Result<Option<&'a str>, Refusal> {
    let Some(contents) = tree.get(path) else { return Ok(None) };
    match std::str::from_utf8(contents) {
        Ok(text) if !text.contains('\0') => Ok(Some(text)),
        _ => Err(Refusal::NotText),
    }
}

fn replace(
    tree: &mut Tree,
    path: &str,
    readings: &[(Vec<String>, Vec<String>)],
    limits: &Limits,
) -> Result<Done, Refusal> {
    let Some(text) = text_of(tree, path)? else {
        return match readings.first() {
            // Nothing is replaced by something: a new file.
            Some((search, new)) if search.iter().all(|line| is_blank(line)) => write(tree, path, new, true, limits),
            _ => Err(missing(tree, path)),
        };
    };
    let lines = Lines::new(text);
    let texts = lines.texts();
    let mut several = None;
    for (search, new) in readings {
        if search.iter().all(|line| is_blank(line)) {
            if text.trim().is_empty() {
                return write(tree, path, new, true, limits);
            }
            if search.is_empty() {
                continue;
            }
        }
        match find::find(&texts, search, new) {
            Search::Found(found) => {
                elided(new, &texts)?;
                let made = lines.replaced(found.start, found.len, &found.replacement);
                if made == text {
                    return Ok(Done::AlreadySo);
                }
                let done = if found.how == How::Exact { Done::Replaced } else { Done::ReplacedLoosely };
                return put(tree, path, made, limits).map(|()| done);
            }
            Search::Several(places) => several = several.or(Some(places)),
            Search::Missing => {}
        }
    }
    if let Some(lines) = several {
        return Err(Refusal::Ambiguous { lines });
    }
    let Some((search, new)) = readings.first() else { return Err(Refusal::EmptySearch) };
    if search.is_empty() {
        return Err(Refusal::EmptySearch);
    }
    // Lines that say something, and are there: somebody did this before.
    let weight: usize = new.iter().map(|line| line.trim().len()).sum();
    if weight >= 20 && matches!(find::find(&texts, new, new), Search::Found(found) if found.how == How::Exact) {
        return Ok(Done::AlreadySo);
    }
    Err(Refusal::NotFound { closest: find::closest(path, &texts, search) })
}

fn write(tree: &mut Tree, path: &str, lines: &[String], whole: bool, limits: &Limits) -> Result<Done, Refusal> {
    check_beside(tree.keys(), path).map_err(Refusal::Path)?;
    let existing = tree.get(path).map(|contents| String::from_utf8_lossy(contents));
    if existing.is_some() && !whole {
        return Err(Refusal::NotWhole);
    }
    elided(lines, &existing.as_deref().map(|text| text.lines().collect::<Vec<_>>()).unwrap_or_default())?;
    let end = existing.as_deref().map_or("\n", |text| Lines::new(text).usual_end());
    let made: String = lines.iter().flat_map(|line| [line.as_str(), end]).collect();
    if made.contains('\0') {
        return Err(Refusal::NotText);
    }
    if existing.as_deref() == Some(made.as_str()) {
        return Ok(Done::AlreadySo);
    }
    put(tree, path, made, limits).map(|()| Done::Written)
}

fn put(tree: &mut Tree, path: &str, text: String, limits: &Limits) -> Result<(), Refusal> {
    check_beside(tree.keys(), path).map_err(Refusal::Path)?;
    if text.contains('\0') {
        return Err(Refusal::NotText);
    }
    if text.len() > limits.file_bytes {
        let message = format!("the file would have {} bytes; the limit is {}", text.len(), limits.file_bytes);
        return Err(Refusal::TooLarge(message));
    }
    let others: usize = tree.iter().filter(|(other, _)| *other != path).map(|(_, contents)| contents.len()).sum();
    if others.saturating_add(text.len()) > limits.total_bytes {
        return Err(Refusal::TooLarge(format!("the project would have over {} bytes", limits.total_bytes)));
    }
    if !tree.contains_key(path) && tree.len() >= limits.files {
        return Err(Refusal::TooLarge(format!("the project would have over {} files", limits.files)));
    }
    tree.insert(path.to_owned(), text.into_bytes());
    Ok(())
}

fn rename(tree: &mut Tree, from: &str, to: &str) -> Result<Done, Refusal> {
    let Some(contents) = tree.remove(from) else { return Err(missing(tree, from)) };
    let refusal = if tree.contains_key(to) {
        Some(Refusal::Exists)
    } else {
        check_beside(tree.keys(), to).err().map(Refusal::Path)
    };
    match refusal {
        None => {
            tree.insert(to.to_owned(), contents);
            Ok(Done::Renamed)
        }
        Some(refusal) => {
            tree.insert(from.to_owned(), contents);
            Err(refusal)
        }
    }
}

/// Says a new line that code was left out? Lines that the file has already may stay.
fn elided(new: &[String], existing: &[&str]) -> Result<(), Refusal> {
    static ELISION: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let words = "rest|existing|previous|remaining|unchanged|other|same|keep|as before";
        Regex::new(&format!(
            r"(?i)^\s*(?:#|//|/\*|<!--|--|;|\{{/\*)?\s*(?:\.\.\.|…)\s*\(?\s*(?:the\s+|your\s+|all\s+)?(?:{words})\b"
        ))
        .ok()
    });
    let Some(pattern) = ELISION.as_ref() else { return Ok(()) };
    match new.iter().find(|line| pattern.is_match(line) && !existing.contains(&line.as_str())) {
        Some(line) => Err(Refusal::Elided { line: line.trim().chars().take(120).collect() }),
        None => Ok(()),
    }
}
