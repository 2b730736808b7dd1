//! Three versions of a text into one.

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Lines that both sides changed, and not to the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("both changed lines {first_line} to {last_line}")]
pub struct Conflict {
    /// The first line of the common origin that both changed, from 1.
    pub first_line: usize,
    /// The last one; one less than the first where both put something between two lines.
    pub last_line: usize,
}

/// A change of the origin: its lines `start..end` become `lines`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hunk<'a> {
    start: usize,
    end: usize,
    lines: Vec<&'a str>,
}

/// What both sides made of `base`, where they changed different parts. Changes that touch each other count as a conflict,
/// unless they are the same.
///
/// # Errors
/// The first [`Conflict`].
pub fn merge(base: &str, ours: &str, theirs: &str) -> Result<String, Conflict> {
    if ours == theirs || theirs == base {
        return Ok(ours.to_owned());
    }
    if ours == base {
        return Ok(theirs.to_owned());
    }
    let lines: Vec<&str> = base.split_inclusive('\n').collect();
    let mut ours = hunks(&lines, ours).into_iter().peekable();
    let mut theirs = hunks(&lines, theirs).into_iter().peekable();
    let (mut out, mut at) = (String::with_capacity(base.len()), 0);
    loop {
        let hunk = match (ours.peek(), theirs.peek()) {
            (None, None) => break,
            (Some(our), Some(their)) if our == their => {
                theirs.next();
                ours.next()
            }
            (Some(our), Some(their)) if our.start <= their.end && their.start <= our.end => {
                let (start, end) = (our.start.min(their.start), our.end.max(their.end));
                return Err(Conflict { first_line: start + 1, last_line: end });
            }
            (Some(our), Some(their)) => {
                if our.start < their.start {
                    ours.next()
                } else {
                    theirs.next()
                }
            }
            (Some(_), None) => ours.next(),
            (None, Some(_)) => theirs.next(),
        };
        let Some(hunk) = hunk else { break };
        out.extend(lines.iter().take(hunk.start).skip(at).copied());
        out.extend(hunk.lines);
        at = hunk.end;
    }
    out.extend(lines.iter().skip(at).copied());
    Ok(out)
}

fn hunks<'a>(base: &[&str], changed: &'a str) -> Vec<Hunk<'a>> {
    let changed: Vec<&'a str> = changed.split_inclusive('\n').collect();
    let mut hunks: Vec<Hunk<'a>> = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, base, &changed) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (old, new) = (op.old_range(), op.new_range());
        let lines = changed.iter().take(new.end).skip(new.start).copied();
        match hunks.last_mut().filter(|last| last.end == old.start) {
            Some(last) => {
                last.end = old.end;
                last.lines.extend(lines);
            }
            None => hunks.push(Hunk { start: old.start, end: old.end, lines: lines.collect() }),
        }
    }
    hunks
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "a\nb\nc\nd\ne\n";

    #[test]
    fn disjoint_changes_are_brought_together() {
        for (ours, theirs, merged) in [
            ("A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n", "A\nb\nc\nd\nE\n"),
            ("a\nb\nc\nd\ne\nf\n", "x\na\nb\nc\nd\ne\n", "x\na\nb\nc\nd\ne\nf\n"),
            ("a\nb\nd\ne\n", "a\nb\nc\nd\n", "a\nb\nd\n"),
            (BASE, "", ""),
            ("a\nX\nc\nd\ne\n", "a\nX\nc\nd\nY\n", "a\nX\nc\nd\nY\n"),
        ] {
            assert_eq!(merge(BASE, ours, theirs).as_deref(), Ok(merged));
            assert_eq!(merge(BASE, theirs, ours).as_deref(), Ok(merged));
        }
        assert_eq!(merge("", "a\n", "a\n").as_deref(), Ok("a\n"));
    }

    #[test]
    fn changes_of_the_same_lines_conflict() {
        for (ours, theirs, first, last) in [
            ("a\nX\nc\nd\ne\n", "a\nY\nc\nd\ne\n", 2, 2),
            ("a\nX\nc\nd\ne\n", "a\nb\nY\nd\ne\n", 2, 3),
            ("a\nb\nc\nd\ne\nX\n", "a\nb\nc\nd\ne\nY\n", 6, 5),
            ("", "a\nb\nC\nd\ne\n", 1, 5),
        ] {
            assert_eq!(merge(BASE, ours, theirs), Err(Conflict { first_line: first, last_line: last }));
        }
    }
}
