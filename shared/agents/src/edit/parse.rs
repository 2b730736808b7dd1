//! Reading a model's answer.
//!
//! The answer is lines of Markdown. A heading (`### edit path`) or a line that is only a path names the file for what follows:
//! a fenced block (the whole file) or SEARCH/REPLACE blocks, in a fence or without. Everything else is talk.

use serde::{Deserialize, Serialize};

use super::text::is_blank;

/// What an answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What is to be done, in order.
    pub steps: Vec<Step>,
    /// What could not be read.
    pub problems: Vec<ParseProblem>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The line of the answer on which it begins, from 1.
    pub line: usize,
    /// What is to be done.
    pub op: Op,
}

/// A change of a project's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Replaces lines of a file.
    Replace {
        /// The file; `None` where the answer names none.
        path: Option<String>,
        /// The lines between the outer markers.
        body: Vec<String>,
        /// Where in `body` a divider may stand; never empty. More than one where the file's own lines look like one.
        dividers: Vec<usize>,
    },
    /// Writes a whole file.
    Write {
        /// The file.
        path: String,
        /// Its lines.
        lines: Vec<String>,
        /// Did the answer say that this is the whole file? An `edit` without blocks did not.
        whole: bool,
    },
    /// Removes a file.
    Delete {
        /// The file.
        path: String,
    },
    /// Moves a file.
    Rename {
        /// Its path now.
        from: String,
        /// Its new path.
        to: String,
    },
}

/// A part of the answer that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParseProblem {
    /// The line of the answer, from 1.
    pub line: usize,
    /// The file it is about, where one is named.
    pub path: Option<String>,
    /// What is wrong and what would be right.
    pub message: String,
    /// Does the answer end in the middle of it?
    pub cut_off: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Edit,
    File,
    /// A path alone.
    Path,
}

struct Named {
    verb: Verb,
    path: String,
    line: usize,
    /// Has something followed it?
    used: bool,
}

#[derive(Clone, Copy)]
struct Fence<'a> {
    mark: char,
    length: usize,
    info: &'a str,
}

struct Parser<'a> {
    lines: Vec<&'a str>,
    at: usize,
    named: Option<Named>,
    /// A fence around SEARCH/REPLACE blocks that is still to be closed.
    around: Option<(char, usize)>,
    answer: Answer,
}

/// Reads an answer. Any text can be read; what makes no sense is in [`Answer::problems`].
#[must_use]
pub fn parse(text: &str) -> Answer {
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let mut parser = Parser { lines, at: 0, named: None, around: None, answer: Answer::default() };
    parser.run();
    parser.answer
}

impl<'a> Parser<'a> {
    fn line(&self, at: usize) -> Option<&'a str> {
        self.lines.get(at).copied()
    }

    fn run(&mut self) {
        while let Some(line) = self.line(self.at) {
            if let Some(length) = opener(line) {
                self.block(length);
            } else if let Some(fence) = fence(line) {
                self.fenced(fence);
            } else if let Some(op) = removal(line) {
                self.leave_named();
                self.push(self.at, op);
                self.at += 1;
            } else if let Some((verb, path)) = heading(line).or_else(|| self.lone_path(line)) {
                self.leave_named();
                self.named = Some(Named { verb, path, line: self.at, used: false });
                self.at += 1;
            } else {
                self.at += 1;
            }
        }
        self.leave_named();
    }

    fn push(&mut self, line: usize, op: Op) {
        self.answer.steps.push(Step { line: line + 1, op });
    }

    fn problem(&mut self, line: usize, path: Option<String>, cut_off: bool, message: impl Into<String>) {
        self.answer.problems.push(ParseProblem { line: line + 1, path, message: message.into(), cut_off });
    }

    /// A heading after which nothing came is told.
    fn leave_named(&mut self) {
        let Some(named) = self.named.take() else { return };
        if named.used || named.verb == Verb::Path {
            return;
        }
        let cut_off = self.at >= self.lines.len();
        let message = match named.verb {
            Verb::Edit => "no SEARCH/REPLACE block follows this heading",
            Verb::File | Verb::Path => "no fenced block with the file's contents follows this heading",
        };
        self.problem(named.line, Some(named.path), cut_off, message);
    }

    /// A line that is only a path counts where a block follows it.
    fn lone_path(&self, line: &str) -> Option<(Verb, String)> {
        let path = bare_path(line)?;
        let next = self.lines.get(self.at + 1..)?.iter().find(|line| !is_blank(line))?;
        (fence(next).is_some_and(|fence| !fence.info.is_empty() || self.around.is_none()) || opener(next).is_some())
            .then_some((Verb::Path, path))
    }

    /// A SEARCH/REPLACE block, from its first marker.
    fn block(&mut self, length: usize) {
        let start = self.at;
        let path = self.named.as_mut().map(|named| {
            named.used = true;
            named.path.clone()
        });
        let inside = self.lines.get(start + 1..).unwrap_or_default();
        let end_of =
            |exact: bool| inside.iter().position(|line| closer(line).is_some_and(|found| !exact || found == length));
        let next = inside.iter().position(|line| opener(line) == Some(length));
        let end = end_of(true).or_else(|| end_of(false));
        // A file's own lines never look like the markers around them: another beginning says that the end is missing.
        let Some(end) = end.filter(|end| next.is_none_or(|next| *end < next)) else {
            let message = "the block has no `>>>>>>> REPLACE` line at its end";
            self.problem(start, path, next.is_none(), message);
            self.at = next.map_or(self.lines.len(), |next| start + 1 + next);
            return;
        };
        let body: Vec<String> = inside.iter().take(end).map(|line| (*line).to_owned()).collect();
        let dividers_of = |exact: bool| -> Vec<usize> {
            let is =
                |line: &&String| divider(line).is_some_and(|found| if exact { found == length } else { found < 10 });
            body.iter().enumerate().filter(|(_, line)| is(line)).map(|(at, _)| at).collect()
        };
        let mut dividers = dividers_of(true);
        if dividers.is_empty() {
            dividers = dividers_of(false);
        }
        self.at = start + end + 2;
        if dividers.is_empty() {
            self.problem(
                start,
                path,
                false,
                "the block has no `=======` line between what to find and what replaces it",
            );
        } else {
            self.push(start, Op::Replace { path, body, dividers });
        }
    }

    /// A fenced block, from its fence.
    fn fenced(&mut self, fence: Fence<'a>) {
        let start = self.at;
        if let Some((mark, length)) = self.around
            && fence.info.is_empty()
            && fence.mark == mark
            && fence.length >= length
        {
            self.around = None;
            self.at += 1;
            return;
        }
        let info_path = path_of_info(fence.info);
        if let Some(path) = info_path.clone() {
            self.leave_named();
            self.named = Some(Named { verb: Verb::Path, path, line: start, used: false });
        }
        let inside = self.lines.get(start + 1..).unwrap_or_default();
        if inside.iter().find(|line| !is_blank(line)).is_some_and(|line| opener(line).is_some()) {
            self.around = Some((fence.mark, fence.length));
            self.at += 1;
            return;
        }
        // A path alone in the fence, above the blocks.
        if let Some((first, rest)) = inside.split_first()
            && rest.iter().find(|line| !is_blank(line)).is_some_and(|line| opener(line).is_some())
            && let Some(path) = bare_path(first).or_else(|| heading(first).map(|(_, path)| path))
        {
            self.leave_named();
            self.named = Some(Named { verb: Verb::Path, path, line: start + 1, used: false });
            self.around = Some((fence.mark, fence.length));
            self.at += 2;
            return;
        }
        let named = self.named.take().filter(|named| !named.used);
        let is_markdown = fence.length == 3
            && named.as_ref().is_some_and(|named| {
                let lower = named.path.to_ascii_lowercase();
                [".md", ".markdown", ".mdx"].iter().any(|extension| lower.ends_with(extension))
            });
        let closes = |line: &&str| {
            self::fence(line)
                .is_some_and(|end| end.info.is_empty() && end.mark == fence.mark && end.length >= fence.length)
        };
        let end = if is_markdown {
            // It may hold fences itself: its own end is the last one before the next heading.
            let region = inside.iter().position(|line| heading(line).is_some() || removal(line).is_some());
            inside.iter().take(region.unwrap_or(inside.len())).rposition(closes)
        } else {
            inside.iter().position(closes)
        };
        let Some(end) = end else {
            let path = named.map(|named| named.path);
            self.problem(
                start,
                path,
                true,
                "the fenced block is not closed; it was not taken, since its end may be missing",
            );
            self.at = self.lines.len();
            return;
        };
        self.at = start + end + 2;
        let lines: Vec<String> = inside.iter().take(end).map(|line| (*line).to_owned()).collect();
        match named {
            Some(Named { verb, path, .. }) => {
                self.push(start, Op::Write { path, lines, whole: verb != Verb::Edit });
            }
            None if is_diff(fence.info, &lines) => {
                let message = "a diff is not taken: give SEARCH/REPLACE blocks, or the whole file";
                self.problem(start, None, false, message);
            }
            None => {}
        }
    }
}

/// The length of a line of `mark`s followed by one of `words`, or by nothing where there are none.
fn marker(line: &str, mark: char, words: &[&str]) -> Option<usize> {
    let line = line.trim_end();
    let trimmed = line.trim_start_matches(' ');
    if line.len() - trimmed.len() > 3 {
        return None;
    }
    let rest = trimmed.trim_start_matches(mark);
    let length = trimmed.len() - rest.len();
    let word = rest.trim();
    let fits = if words.is_empty() { rest.is_empty() } else { words.iter().any(|it| it.eq_ignore_ascii_case(word)) };
    (length >= 5 && fits).then_some(length)
}

fn opener(line: &str) -> Option<usize> {
    marker(line, '<', &["SEARCH", "SEARCH>", "ORIGINAL", "FIND"])
}

fn divider(line: &str) -> Option<usize> {
    marker(line, '=', &[])
}

fn closer(line: &str) -> Option<usize> {
    marker(line, '>', &["REPLACE", "UPDATED"])
}

fn fence(line: &str) -> Option<Fence<'_>> {
    let trimmed = line.trim_start_matches(' ');
    if line.len() - trimmed.len() > 3 {
        return None;
    }
    let mark = trimmed.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let rest = trimmed.trim_start_matches(mark);
    let length = trimmed.len() - rest.len();
    (length >= 3 && !(mark == '`' && rest.contains('`'))).then(|| Fence { mark, length, info: rest.trim() })
}

/// `### edit path`, `**File:** path`, `file: path`, …
fn heading(line: &str) -> Option<(Verb, String)> {
    let (word, rest) = worded(line)?;
    let verb = match word.as_str() {
        "edit" | "modify" | "update" | "change" => Verb::Edit,
        "file" | "write" | "create" | "new" => Verb::File,
        _ => return None,
    };
    let rest = rest.strip_prefix("file ").unwrap_or(rest);
    Some((verb, clean_path(rest)?))
}

fn removal(line: &str) -> Option<Op> {
    let (word, rest) = worded(line)?;
    match word.as_str() {
        "delete" | "remove" => Some(Op::Delete { path: clean_path(rest)? }),
        "rename" | "move" => {
            let (from, to) = ["->", "→", "=>", " to "].iter().find_map(|arrow| rest.split_once(arrow))?;
            Some(Op::Rename { from: clean_path(from)?, to: clean_path(to)? })
        }
        _ => None,
    }
}

/// The first word of a heading, or of a line like `word: rest`, in lower case, and what follows it.
fn worded(line: &str) -> Option<(String, &str)> {
    if line.len() > 1_200 || line.starts_with("    ") || line.starts_with('\t') {
        return None;
    }
    let line = line.trim();
    let text = line.trim_start_matches('#');
    let marked = text.len() < line.len();
    let text = text.trim().trim_start_matches("**");
    let end = text.find(|char: char| !char.is_ascii_alphabetic())?;
    let (word, rest) = text.split_at_checked(end)?;
    let unbold = rest.trim_start_matches([' ', '*']);
    let after = unbold.strip_prefix(':');
    if !marked && after.is_none() {
        return None;
    }
    let rest = after.unwrap_or(rest).trim_start_matches([' ', '*', ':']).trim();
    (!rest.is_empty()).then(|| (word.to_ascii_lowercase(), rest))
}

/// A path without the decorations that models put around it; `None` for what is no path at all.
fn clean_path(text: &str) -> Option<String> {
    let text = text.trim();
    // "`a.py` (new)"
    let text = match text.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        Some((path, _)) => path,
        None => text.split(" (").next().unwrap_or(text),
    };
    let text = text.trim_matches(['`', '*', '"', '\'', ' ', ':']);
    let text = text.replace("\\_", "_");
    let text = text.strip_prefix("./").unwrap_or(&text);
    (!text.is_empty() && text.len() <= 1_024).then(|| text.to_owned())
}

/// Names of files that have neither an extension nor a folder.
const NAMES: [&str; 8] =
    ["Makefile", "Dockerfile", "LICENSE", "LICENCE", "Procfile", "Gemfile", "Rakefile", "Justfile"];

fn looks_like_path(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or(text);
    let extension = name.rsplit_once('.').is_some_and(|(_, extension)| {
        (1..=12).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    !text.contains(char::is_whitespace)
        && !text.contains("://")
        && text
            .chars()
            .all(|char| !matches!(char, '<' | '>' | '(' | ')' | '{' | '}' | ';' | ',' | '=' | '"' | '\'' | '`'))
        && (extension || text.contains('/') && !name.is_empty() || NAMES.contains(&name))
}

/// A line that is nothing but a path, maybe decorated.
fn bare_path(line: &str) -> Option<String> {
    let line = line.trim();
    let line = line.trim_start_matches(['#', '-', '*', ' ']);
    let line = line.strip_prefix("//").unwrap_or(line).trim();
    let line = line.trim_end_matches([':', '*', ' ']);
    let path = clean_path(line)?;
    // Decorations around the path only: nothing of the line may be lost.
    let bare = line.trim_matches(['`', '*', '"', '\'', ' ', ':']).replace("\\_", "_");
    (bare.strip_prefix("./").unwrap_or(&bare) == path && looks_like_path(&path)).then_some(path)
}

/// The path in a fence's info string: "python src/a.py", "src/a.py", "python:src/a.py", "python title=\"src/a.py\"".
fn path_of_info(info: &str) -> Option<String> {
    let last = info.split_whitespace().next_back()?;
    let value =
        ["title=", "file=", "filename=", "path="].iter().find_map(|name| last.strip_prefix(name)).unwrap_or(last);
    let value = value.trim_matches(['"', '\'']);
    let value = match value.split_once(':') {
        Some((language, path)) if language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+') => path,
        _ => value,
    };
    let value = value.strip_prefix("./").unwrap_or(value);
    looks_like_path(value).then(|| value.to_owned())
}

fn is_diff(info: &str, lines: &[String]) -> bool {
    matches!(info, "diff" | "patch") || lines.iter().take(5).any(|line| line.starts_with("@@ -"))
}
