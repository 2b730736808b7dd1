//! `millrace doctor`: what is missing, and how to fix it.

mod machine;
mod server;

use serde_json::{Value, json};

use super::Session;
use crate::output::{Cell, Table};

pub(crate) use machine::{ask, version};

/// Say what is missing on this machine, and how to fix it.
///
/// Looks at the local server's needs, at the programs that building, testing and deploying need, and at the server that
/// commands would call. The exit code is 1 when something is missing that `millrace` itself needs; what only some commands
/// need is a warning.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millrace doctor
  millrace doctor --endpoint https://millrace.example.com --json")]
pub(crate) struct Doctor {
    /// The folder of the local server's data.
    #[arg(long, default_value = "data/local")]
    data: std::path::PathBuf,
    /// The port of the local server.
    #[arg(long, default_value_t = 7420)]
    port: u16,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Fine,
    /// Some command will not work.
    Warning,
    /// `millrace` will not work.
    Missing,
}

/// What was looked at.
#[derive(Debug, Clone)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    fix: Option<String>,
}

impl Check {
    fn fine(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Fine, found: found.into(), fix: None }
    }

    fn warning(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warning, found: found.into(), fix: Some(fix.into()) }
    }

    fn missing(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Missing, found: found.into(), fix: Some(fix.into()) }
    }

    const fn verdict(&self) -> &'static str {
        match self.verdict {
            Verdict::Fine => "ok",
            Verdict::Warning => "warning",
            Verdict::Missing => "missing",
        }
    }

    fn json(&self) -> Value {
        json!({ "name": self.name, "status": self.verdict(), "found": self.found, "fix": self.fix })
    }
}

pub(crate) fn run(options: &Doctor, session: &Session) -> anyhow::Result<()> {
    let mut checks = vec![machine::data(&options.data)];
    checks.extend(machine::disk(&options.data));
    checks.extend(machine::tools());
    checks.push(machine::configuration(session));
    checks.push(machine::model());
    checks.push(machine::port(options.port));
    checks.extend(server::look(session));
    let missing = checks.iter().filter(|check| check.verdict == Verdict::Missing).count();
    let warnings = checks.iter().filter(|check| check.verdict == Verdict::Warning).count();
    let out = &session.out;
    if out.json {
        let all: Vec<Value> = checks.iter().map(Check::json).collect();
        out.value(&json!({ "ok": missing == 0, "checks": all }))?;
    } else {
        let mut table = Table::new(&["STATUS", "WHAT", "FOUND"]);
        for check in checks.iter().filter(|check| !out.quiet || check.verdict != Verdict::Fine) {
            table.row(vec![Cell::status(check.verdict()), Cell::new(check.name), Cell::new(&check.found)]);
        }
        out.table(&table)?;
        for check in &checks {
            if let Some(fix) = &check.fix {
                out.line(&crate::output::clean(&format!("\n{} ({}): {fix}", check.name, check.verdict())))?;
            }
        }
    }
    if missing > 0 {
        anyhow::bail!("{missing} missing, {warnings} to look at");
    }
    out.note(&format!("Nothing is missing; {warnings} to look at."));
    Ok(())
}
