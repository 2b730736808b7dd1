//! `millrace report`: what `daily-report` wrote.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use console::Style;
use serde_json::{Value, json};

use super::project::save;
use super::{Column, Paging, Session, list, listing};
use crate::client::{Api, Call, path};
use crate::exit::MissingError;
use crate::output::{Cell, clean, items, text, time};

/// Read the reports that the built-in workflow daily-report writes: what ran, failed and cost in a day.
///
/// A report is named by its id or by its day, as 2026-01-31; where several are on one day the newest is meant.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the reports, newest first.
    #[command(after_help = "Examples:\n  millrace report list\n  millrace report list --all --json")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a report as Markdown; with --json as JSON. Without a name the newest.
    #[command(after_help = "\
Examples:
  millrace report show
  millrace report show 2026-01-31
  millrace report show rep_01k8zq3v5x9m2n4p6r8t0w1y3z --json")]
    Show {
        /// The report's id or day.
        report: Option<String>,
    },
    /// Download a report. Without a name the newest.
    #[command(after_help = "\
Examples:
  millrace report download 2026-01-31
  millrace report download 2026-01-31 --format json --output -")]
    Download {
        /// The report's id or day.
        report: Option<String>,
        /// Its form.
        #[arg(long, value_enum, default_value_t = Format::Markdown)]
        format: Format,
        /// The file, or a folder for it; - is standard output. Without it, a file of this folder.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace a file that is there.
        #[arg(long)]
        overwrite: bool,
    },
}

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Markdown,
    /// For programs.
    Json,
}

impl Format {
    const fn address(self) -> &'static str {
        match self {
            Self::Markdown => "/markdown_url",
            Self::Json => "/json_url",
        }
    }

    const fn ending(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Json => "json",
        }
    }
}

const COLUMNS: &[Column] = &[
    ("ID", |item| Cell::new(text(item, "/id"))),
    ("DAY", |item| Cell::new(text(item, "/title"))),
    ("TIME ZONE", |item| Cell::new(text(item, "/time_zone"))),
    ("WRITTEN (UTC)", |item| Cell::new(time(item, "/created_at"))),
    ("EXECUTION", |item| Cell::new(text(item, "/execution_id"))),
];

const NONE_YET: &str = "there is no report yet\nnext: `millrace run daily-report` writes one on yesterday, `millrace schedule create` one a day";

fn route() -> String {
    "/api/reports".to_owned()
}

/// A report with its addresses, by its id or its day; the newest without either.
fn find(api: &Api, named: Option<&str>) -> anyhow::Result<Value> {
    let id = match named {
        Some(id) if id.starts_with("rep_") => id.to_owned(),
        None => {
            let page = api.json(Call::get(route()).query("limit", 1))?;
            let newest = items(&page, "/items").first().map(|report| text(report, "/id").to_owned());
            newest.ok_or_else(|| MissingError(NONE_YET.to_owned()))?
        }
        Some(day) => {
            let all = listing::read(api, &Call::get(route()), &Paging::everything())?;
            let found = items(&all, "/items").iter().find(|report| text(report, "/title") == day);
            let missing = || match items(&all, "/items").is_empty() {
                true => NONE_YET.to_owned(),
                false => format!(
                    "there is no report on {day}\nnext: `millrace report list --all` shows those that there are, \
                     `millrace run daily-report --input '{{\"date\": \"{day}\"}}'` writes one"
                ),
            };
            found.map(|report| text(report, "/id").to_owned()).ok_or_else(|| MissingError(missing()))?
        }
    };
    api.get(path(&["api", "reports", &id]))
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let (api, out) = (session.api()?, &session.out);
    match action {
        Action::List { paging } => {
            list(session, &api, &Call::get(route()), &paging, COLUMNS)?;
            Ok(())
        }
        Action::Show { report } => {
            let found = find(&api, report.as_deref())?;
            if out.json {
                let contents = api.download(text(&found, Format::Json.address()))?;
                return Ok(out.value(&serde_json::from_slice(&contents)?)?);
            }
            let contents = api.download(text(&found, Format::Markdown.address()))?;
            show(session, &String::from_utf8_lossy(&contents))
        }
        Action::Download { report, format, output, overwrite } => {
            let found = find(&api, report.as_deref())?;
            let contents = api.download(text(&found, format.address()))?;
            if output.as_deref() == Some(Path::new("-")) {
                return Ok(out.bytes(&contents)?);
            }
            let name = file_name(text(&found, "/title"), format);
            let file = match output {
                None => PathBuf::from(name),
                Some(folder) if folder.is_dir() => folder.join(name),
                Some(file) => file,
            };
            save(&file, &contents, overwrite)?;
            let shown = file.display().to_string();
            if out.json {
                return Ok(out.value(&json!({ "path": shown, "size": contents.len() }))?);
            }
            Ok(out.line(&shown)?)
        }
    }
}

/// A file's name for a report on a day or a period; nothing of it leads elsewhere.
fn file_name(title: &str, format: Format) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
    let title: String = title.chars().map(safe).take(100).collect();
    format!("daily-report-{title}.{}", format.ending())
}

/// Markdown as it is, with its headings in bold where there are colours.
fn show(session: &Session, markdown: &str) -> anyhow::Result<()> {
    let out = &session.out;
    if !out.color {
        return Ok(out.text(&clean(markdown))?);
    }
    let bold = Style::new().force_styling(true).bold();
    for line in clean(markdown).lines() {
        let line = if line.starts_with('#') { bold.apply_to(line).to_string() } else { line.to_owned() };
        out.line(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_the_day() {
        assert_eq!(file_name("2026-01-31", Format::Markdown), "daily-report-2026-01-31.md");
        assert_eq!(file_name("../x to y", Format::Json), "daily-report-..-x-to-y.json");
    }
}
