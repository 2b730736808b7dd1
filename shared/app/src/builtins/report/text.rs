//! A report for people.

use std::fmt::Write as _;

use super::Report;
use super::tally::Used;

/// Rows of a table at the most; the JSON has all.
const ROWS: usize = 50;

/// A text within a table's cell: names come from users, so that nothing of them is markup.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars().take(120) {
        match character {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '~' | '!' => {
                safe.push('\\');
                safe.push(character);
            }
            '&' => safe.push_str("&amp;"),
            other if other.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

fn duration(millis: Option<u64>) -> String {
    match millis {
        None => "–".to_owned(),
        Some(millis @ 0..1_000) => format!("{millis} ms"),
        Some(millis @ 1_000..60_000) => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        Some(millis @ 60_000..3_600_000) => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
        Some(millis) => format!("{} h {} min", millis / 3_600_000, millis % 3_600_000 / 60_000),
    }
}

/// A table with its head; nothing where there are no rows.
fn table(text: &mut String, head: &[&str], rows: Vec<Vec<String>>) {
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(head.len()));
    let left = rows.len().saturating_sub(ROWS);
    for row in rows.into_iter().take(ROWS) {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    if left > 0 {
        let _ = writeln!(text, "\n{left} more are in the JSON form.");
    }
}

fn usd(used: &Used) -> String {
    match used.unpriced_calls {
        0 => format!("{:.4}", used.usd),
        more => format!("{:.4} and {more} calls at an unknown price", used.usd),
    }
}

fn tokens(used: &Used) -> Vec<String> {
    vec![used.calls.to_string(), used.input_tokens.to_string(), used.output_tokens.to_string(), usd(used)]
}

/// The report in Markdown.
pub(super) fn markdown(report: &Report) -> String {
    let (period, tally) = (&report.period, &report.tally);
    let mut text = String::new();
    let _ = writeln!(text, "# Report for {}\n", cell(&period.title));
    let _ = writeln!(text, "From {} until {} ({}).\n", period.since, period.until, cell(&period.time_zone));
    let started: u64 = tally.executions.values().sum();
    let of = |status: &str| tally.executions.get(status).copied().unwrap_or_default();
    let (succeeded, running) = (of("SUCCEEDED"), of("RUNNING"));
    let total = tally.cost.total();
    let _ = writeln!(
        text,
        "{started} executions were started: {succeeded} succeeded, {} failed, {running} still ran when this was written. Models were asked {} times, for {} US dollars.",
        started - succeeded - running,
        total.calls,
        usd(&total),
    );
    if !tally.workflows.is_empty() {
        let _ = writeln!(text, "\n## Workflows\n");
        let mut workflows: Vec<_> = tally.workflows.iter().collect();
        workflows.sort_by_key(|(_, workflow)| std::cmp::Reverse((workflow.failed, workflow.started)));
        let rows = workflows.into_iter().map(|(name, workflow)| {
            let took = |percent| duration(workflow.durations.percentile(percent));
            let counts = [workflow.started, workflow.succeeded, workflow.failed].map(|count| count.to_string());
            let times = [
                took(50),
                took(90),
                took(99),
                duration(workflow.durations.percentile(100).map(|_| workflow.durations.longest)),
            ];
            std::iter::once(cell(name)).chain(counts).chain(times).collect()
        });
        table(
            &mut text,
            &["Workflow", "Started", "Succeeded", "Failed", "p50", "p90", "p99", "Longest"],
            rows.collect(),
        );
    }
    if !tally.errors.is_empty() {
        let _ = writeln!(text, "\n## Errors\n");
        let mut errors: Vec<_> = tally.errors.iter().collect();
        errors.sort_by_key(|(_, failures)| std::cmp::Reverse(failures.count));
        let rows = errors.into_iter().map(|(name, failures)| {
            vec![cell(name), failures.count.to_string(), cell(&failures.workflow), cell(&failures.example)]
        });
        table(&mut text, &["Error", "Executions", "Workflow of the newest", "The newest"], rows.collect());
    }
    if !tally.cost.by_project.is_empty() {
        let _ = writeln!(text, "\n## Cost\n");
        let models = tally.cost.by_model();
        let rows =
            models.iter().map(|(model, used)| std::iter::once(cell(model)).chain(tokens(used)).collect()).collect();
        table(&mut text, &["Model", "Calls", "Tokens sent", "Tokens received", "US dollars"], rows);
        text.push('\n');
        let mut costs: Vec<_> = tally.cost.by_project.iter().collect();
        costs.sort_by(|one, other| other.used.usd.total_cmp(&one.used.usd));
        let rows = costs
            .into_iter()
            .map(|row| [cell(&row.project), cell(&row.model)].into_iter().chain(tokens(&row.used)).collect());
        let head = ["Project", "Model", "Calls", "Tokens sent", "Tokens received", "US dollars"];
        table(&mut text, &head, rows.collect());
    }
    if !tally.webhooks.is_empty() {
        let _ = writeln!(text, "\n## Webhooks\n");
        let rows = tally.webhooks.iter().map(|(source, receipts)| {
            let numbers = [receipts.received, receipts.matched, receipts.unmatched, receipts.failed, receipts.repeats];
            std::iter::once(cell(source)).chain(numbers.map(|number| number.to_string())).collect()
        });
        table(&mut text, &["Source", "Events", "Matched", "Unmatched", "Failed", "Sent again"], rows.collect());
    }
    if !tally.schedules.is_empty() {
        let _ = writeln!(text, "\n## Schedules\n");
        let rows = tally.schedules.iter().map(|(name, turns)| {
            let least = if turns.incomplete { "at least " } else { "" };
            let left = [turns.skipped, turns.missed, turns.failed].map(|number| format!("{least}{number}"));
            let next = turns.next_at.clone().unwrap_or_else(|| "–".to_owned());
            [cell(name), turns.started.to_string()].into_iter().chain(left).chain([next]).collect()
        });
        table(&mut text, &["Schedule", "Started", "Skipped", "Missed", "Failed", "Next"], rows.collect());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup() {
        assert_eq!(cell("a|b\n[x](y) <b>&"), "a\\|b \\[x\\](y) \\<b\\>&amp;");
        assert_eq!(duration(Some(61_500)), "1 min 1 s");
        assert_eq!(duration(Some(1_250)), "1.2 s");
    }
}
