//! What commands say: results on standard output, the rest on standard error.
//!
//! With `--json` a result is what the API answered. Text from a server never moves the cursor or changes colours: control
//! characters are replaced ([`clean`]).

mod progress;
mod table;
mod value;

use std::io::{IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde_json::Value;

pub(crate) use progress::Progress;
pub(crate) use table::{Cell, Details, Table};
pub(crate) use value::{at, bytes, clean, compact, count, items, money, strings, text, time};

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How results are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// As the API's JSON.
    pub(crate) json: bool,
    /// Only what was asked for: ids of listings, no remarks.
    pub(crate) quiet: bool,
    /// In colours, on standard output.
    pub(crate) color: bool,
    /// The terminal's columns; `None` where there is none.
    pub(crate) width: Option<usize>,
}

impl Out {
    /// As the flags and the environment say.
    pub(crate) fn new(json: bool, quiet: bool, color: Color) -> Self {
        let terminal = std::io::stdout().is_terminal();
        // https://no-color.org: any value but the empty one.
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !unwanted,
        };
        let width =
            if terminal { console::Term::stdout().size_checked().map(|(_, columns)| columns.into()) } else { None };
        Self { json, quiet, color: color && !json, width }
    }

    /// A line of the result.
    pub(crate) fn line(&self, text: &str) -> std::io::Result<()> {
        writeln!(std::io::stdout(), "{text}")
    }

    /// Text of the result as it is.
    pub(crate) fn text(&self, text: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// A file's bytes as the result.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// A result as indented JSON.
    pub(crate) fn value(&self, value: &Value) -> std::io::Result<()> {
        self.line(&format!("{value:#}"))
    }

    /// One of many results: a line of JSON.
    pub(crate) fn row(&self, value: &Value) -> std::io::Result<()> {
        self.line(&value.to_string())
    }

    /// A table.
    pub(crate) fn table(&self, table: &Table) -> std::io::Result<()> {
        self.text(&table.render(self.width, self.color))
    }

    /// Names with values.
    pub(crate) fn details(&self, details: &Details) -> std::io::Result<()> {
        self.text(&details.render(self.color))
    }

    /// Are there no remarks and no progress? With `--json`, standard error holds nothing but an error.
    pub(crate) const fn is_silent(&self) -> bool {
        self.quiet || self.json
    }

    /// A remark, on standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.is_silent() {
            // Remarks that nobody can read are no failure.
            let _unread = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// A change that was made: the API's answer, the id alone, or a sentence.
    pub(crate) fn changed(&self, answer: &Value, id: &str, sentence: &str) -> std::io::Result<()> {
        match (self.json, self.quiet) {
            (true, _) => self.value(answer),
            (false, true) => self.line(&clean(id)),
            (false, false) => self.line(&clean(sentence)),
        }
    }
}
