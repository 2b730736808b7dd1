//! Merge-conflict markers and notes of unfinished work.

use super::super::metrics::Measured;
use super::super::walk::Lines;
use super::super::{Finding, Language, Severity};
use super::{finding, id};

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\r']))
}

/// Reports each `<<<<<<<` and `>>>>>>>` line that git leaves. In Markdown and plain text, which may
/// quote them, only a complete conflict counts.
pub(super) fn conflicts(path: &str, language: Language, text: &str, findings: &mut Vec<Finding>) {
    let has = |marker: &str| text.lines().any(|line| is_marker(line, marker));
    let complete = has("<<<<<<<") && has("=======") && has(">>>>>>>");
    let prose = matches!(language, Language::Markdown | Language::Text | Language::Other);
    if prose && !complete {
        return;
    }
    for (line, number) in text.lines().zip(1..) {
        if is_marker(line, "<<<<<<<") || is_marker(line, ">>>>>>>") {
            let place = (number, 1);
            let message = "merge conflict marker: resolve the conflict and delete the marker lines".to_owned();
            findings.push(finding(id::CONFLICT, Severity::Blocker, path, place, message));
        }
    }
}

/// Reports TODO (information) and FIXME or XXX (minor) in comments.
pub(super) fn todos(path: &str, text: &str, measured: &Measured, findings: &mut Vec<Finding>) {
    let lines = Lines::new(text);
    for comment in &measured.comments {
        let Some(body) = text.get(comment.start..comment.end) else {
            continue;
        };
        for (word, rule, severity) in [
            ("TODO", id::TODO, Severity::Info),
            ("FIXME", id::FIXME, Severity::Minor),
            ("XXX", id::FIXME, Severity::Minor),
        ] {
            let Some(at) = find_word(body, word) else {
                continue;
            };
            let place = lines.position(comment.start + at);
            let message = format!("{word} comment: do the work or track it outside of the code");
            findings.push(finding(rule, severity, path, place, message));
        }
    }
}

fn find_word(text: &str, word: &str) -> Option<usize> {
    text.match_indices(word).map(|(at, _)| at).find(|&at| {
        let before = text.get(..at).and_then(|s| s.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|s| s.chars().next());
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        !before.is_some_and(in_word) && !after.is_some_and(in_word)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::*;

    #[test]
    fn conflict_markers() {
        let text = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\n";
        for path in ["a.css", "a.md", "Makefile"] {
            assert_eq!(found(id::CONFLICT, path, text).len(), 2, "{path}");
        }
        assert!(found(id::CONFLICT, "a.md", "Title\n=======\n").is_empty());
        assert!(found(id::CONFLICT, "a.md", "<<<<<<< HEAD is how it begins\n").is_empty());
        assert_eq!(found(id::CONFLICT, "a.py", "x = 1\n<<<<<<< HEAD\n").len(), 1);
        assert!(found(id::CONFLICT, "a.py", "x = '<<<<<<< HEAD'\n# <<<<<<<<<<\n").is_empty());
    }

    #[test]
    fn unfinished_work() {
        let text = "x = 1  # TODO(me): more\n# FIXME now\ny = 'TODO'\n# TODOS, AUTODOC\n";
        let todo = found(id::TODO, "a.py", text);
        assert!(todo.len() == 1 && todo[0].starts_with("info 1 TODO"), "{todo:?}");
        let fixme = found(id::FIXME, "a.py", text);
        assert!(fixme.len() == 1 && fixme[0].starts_with("minor 2 FIXME"), "{fixme:?}");
    }
}
