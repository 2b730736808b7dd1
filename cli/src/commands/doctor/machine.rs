//! What this machine has.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use millrace_app::models::AgentRole;
use millrace_models::Config;

use super::Check;
use crate::commands::Session;
use crate::output::bytes;

/// The local server writes a database and artifacts: with less it soon stops.
const DISK: u64 = 512 * 1024 * 1024;

/// A program that some command needs.
struct Tool {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// The least version.
    least: (u32, u32),
    /// What it is for, and how to get it.
    fix: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "python",
        program: "python3",
        arguments: &["--version"],
        least: (3, 11),
        fix: "tests of projects in Python need Python 3.11 or newer: https://www.python.org/downloads",
    },
    Tool {
        name: "node",
        program: "node",
        arguments: &["--version"],
        least: (20, 0),
        fix: "tests of projects in JavaScript need Node 20 or newer: https://nodejs.org",
    },
    Tool {
        name: "cargo",
        program: "cargo",
        arguments: &["--version"],
        least: (1, 95),
        fix: "`millrace deploy` and projects in Rust need Rust 1.95 or newer: https://rustup.rs, then `rustup update`",
    },
    Tool {
        name: "cargo-lambda",
        program: "cargo-lambda",
        arguments: &["lambda", "--version"],
        least: (1, 8),
        fix: "`millrace deploy` needs cargo-lambda 1.8 or newer: `pip install cargo-lambda`",
    },
    Tool {
        name: "sam",
        program: "sam",
        arguments: &["--version"],
        least: (1, 120),
        fix: "`millrace deploy` needs the SAM command line 1.120 or newer: `pip install aws-sam-cli`",
    },
    Tool {
        name: "aws",
        program: "aws",
        arguments: &["--version"],
        least: (2, 0),
        fix: "signing in to AWS needs the AWS command line, version 2: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    },
];

/// The first number with a dot in what a program says of itself.
pub(crate) fn version(text: &str) -> Option<(u32, u32)> {
    text.split(|letter: char| !letter.is_ascii_digit() && letter != '.').find_map(|word| {
        let mut parts = word.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some((major, minor))
    })
}

/// What a program says of itself; `None` where it is not there.
pub(crate) fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().find(|line| !line.trim().is_empty())?.trim().to_owned();
    output.status.success().then_some(line)
}

pub(super) fn tools() -> Vec<Check> {
    let look = |tool: &Tool| match ask(tool.program, tool.arguments) {
        None => Check::warning(tool.name, "not found", tool.fix),
        Some(said) => match version(&said) {
            Some(found) if found < tool.least => {
                Check::warning(tool.name, format!("{}.{} is too old", found.0, found.1), tool.fix)
            }
            Some(_) => Check::fine(tool.name, said),
            None => Check::warning(tool.name, format!("it says {said:?}, which is no version"), tool.fix),
        },
    };
    TOOLS.iter().map(look).collect()
}

/// Can the local server write there?
pub(super) fn data(folder: &Path) -> Check {
    const NAME: &str = "data folder";
    let shown = folder.display();
    let fix = format!("give yourself the right to write in {shown}, or take another folder with `millrace up --data`");
    let existing = folder.ancestors().find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let existing = existing.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if !existing.is_dir() {
        return Check::missing(NAME, format!("{} is no folder", existing.display()), fix);
    }
    match tempfile::Builder::new().prefix(".millrace-doctor").tempfile_in(existing) {
        Ok(_) if existing == folder => Check::fine(NAME, format!("{shown} can be written")),
        Ok(_) => Check::fine(NAME, format!("{shown} can be made")),
        Err(error) => Check::missing(NAME, format!("{} can't be written: {error}", existing.display()), fix),
    }
}

/// Is there room? Asked of `df`, where there is one.
pub(super) fn disk(folder: &Path) -> Option<Check> {
    const NAME: &str = "disk";
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or_else(|| Path::new("."));
    let output = Command::new("df").arg("-Pk").arg(existing).stderr(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let free = said.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()? * 1024;
    let found = format!("{} free", bytes(free));
    Some(if free < DISK {
        Check::missing(NAME, found, format!("free some: the local server wants {} at least", bytes(DISK)))
    } else {
        Check::fine(NAME, found)
    })
}

pub(super) fn configuration(session: &Session) -> Check {
    const NAME: &str = "configuration";
    let profiles = match session.profiles() {
        Ok(profiles) => profiles,
        Err(error) => return Check::missing(NAME, format!("{error:#}"), "correct the file, or remove it"),
    };
    if let Some(problem) = profiles.exposed() {
        return Check::missing(NAME, "others may read the keys", problem);
    }
    match &profiles.default {
        Some(name) if !profiles.known.contains_key(name) => Check::missing(
            NAME,
            format!("the default is the profile {name}, which is not there"),
            "`millrace config use --none`, or make it with `millrace config set`",
        ),
        Some(name) => Check::fine(NAME, format!("{} profiles, {name} is the default", profiles.known.len())),
        None => Check::fine(NAME, format!("{} profiles, none is the default", profiles.known.len())),
    }
}

/// Which model would a local server use?
pub(super) fn model() -> Check {
    const NAME: &str = "model";
    const GUIDE: &str = "docs/how-to/models.md tells how";
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => return Check::missing(NAME, error.to_string(), format!("correct the variables; {GUIDE}")),
    };
    match config.model_for(AgentRole::Dev) {
        None => Check::warning(
            NAME,
            "none is configured",
            format!("projects from templates need none; for projects in words set MILLRACE_MODEL and its key; {GUIDE}"),
        ),
        Some(model) if config.has(model.provider) => Check::fine(NAME, model.to_string()),
        Some(model) => Check::warning(
            NAME,
            format!("{model} has no key in this environment"),
            format!("set its key, unless the server has it among its secrets; {GUIDE}"),
        ),
    }
}

pub(super) fn port(port: u16) -> Check {
    const NAME: &str = "port";
    match TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) {
        Ok(_) => Check::fine(NAME, format!("{port} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let url = format!("http://127.0.0.1:{port}");
            if super::server::is_millrace(&url) {
                Check::fine(NAME, format!("{port} has a Millrace server"))
            } else {
                Check::warning(
                    NAME,
                    format!("{port} is taken by another program"),
                    "take another port: `millrace up --port 0` takes a free one",
                )
            }
        }
        Err(error) => Check::warning(
            NAME,
            format!("{port} can't be listened on: {error}"),
            "take another port with `millrace up --port`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Verdict;

    #[test]
    fn versions_are_read_from_what_programs_say() {
        for (said, expected) in [
            ("cargo 1.95.0 (abc 2026-01-01)", (1, 95)),
            ("v22.1.0", (22, 1)),
            ("SAM CLI, version 1.144.0", (1, 144)),
            ("Python 3.11.2", (3, 11)),
            ("aws-cli/2.15.30 Python/3.11.8", (2, 15)),
        ] {
            assert_eq!(version(said), Some(expected), "{said}");
        }
        assert_eq!(version("no number"), None);
    }

    #[test]
    fn a_folder_is_tried() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(data(&dir.path().join("a/b")).verdict, Verdict::Fine);
        assert!(!dir.path().join("a").exists(), "nothing stays behind");
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let inside = data(&file.join("x"));
        assert_eq!(inside.verdict, Verdict::Missing);
        assert!(inside.fix.unwrap().contains("--data"));
    }

    #[test]
    fn a_port_that_is_taken_is_told() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = taken.local_addr().unwrap().port();
        drop(taken);
        assert_eq!(port(number).verdict, Verdict::Fine);
    }
}
