//! What a model is told about its answer.

use std::fmt::Write as _;

use super::apply::{Applied, Done, Refusal};
use super::parse::Answer;

/// What was not done of an answer, for the model that gave it; `None` where all was done.
#[must_use]
pub fn feedback(answer: &Answer, applied: &Applied) -> Option<String> {
    let refused = applied.refused().count();
    if refused == 0 && answer.problems.is_empty() {
        return None;
    }
    let mut out = String::new();
    let done = applied.outcomes.len() - refused;
    if done > 0 {
        out.push_str("These changes were made; don't send them again:\n");
        for outcome in &applied.outcomes {
            let what = match &outcome.result {
                Ok(Done::Replaced) => "block applied",
                Ok(Done::ReplacedLoosely) => "block applied, with the file's own white space",
                Ok(Done::AlreadySo) => "nothing to do, the file has it so",
                Ok(Done::Written) => "file written",
                Ok(Done::Deleted) => "file deleted",
                Ok(Done::Renamed) => "file renamed",
                Err(_) => continue,
            };
            let _ = writeln!(out, "- change {} ({}): {what}", outcome.number, outcome.path);
        }
        out.push('\n');
    }
    out.push_str("These were NOT made. Send only them again, put right:\n");
    for outcome in &applied.outcomes {
        let Err(refusal) = &outcome.result else { continue };
        let path = if outcome.path.is_empty() { "no file" } else { &outcome.path };
        let _ = writeln!(out, "- change {} ({path}), line {} of your answer: {refusal}.", outcome.number, outcome.line);
        if let Refusal::NotFound { closest: Some(region) } = refusal {
            let fence = "`".repeat(longest_run(&region.text, '`').max(2) + 1);
            let _ = writeln!(
                out,
                "  The closest lines are {} to {} of {}:\n{fence}\n{}\n{fence}",
                region.first_line, region.last_line, region.path, region.text
            );
        }
    }
    for problem in &answer.problems {
        let path = problem.path.as_deref().map(|path| format!(" ({path})")).unwrap_or_default();
        let _ = writeln!(out, "- line {} of your answer{path}: {}.", problem.line, problem.message);
    }
    Some(out)
}

/// The longest run of a character.
fn longest_run(text: &str, mark: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for char in text.chars() {
        run = if char == mark { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
