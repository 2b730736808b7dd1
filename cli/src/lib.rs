//! `millrace`: the local server, and what talks to it.
//!
//! It wires the ports of `millrace-sqlite`, the router of `millrace-rest` and the agents of `millrace-agents` into one
//! process. Start reading at `server/mod.rs`.

mod args;
mod demo;
mod exit;
mod logging;
pub mod server;
mod up;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    if let Some(code) = millrace_testing::serve_if_child() {
        return code;
    }
    let args = Args::parse();
    let quiet = matches!(args.command, Command::Demo(_));
    let done = logging::init(args.log_format, quiet).and_then(|()| match args.command {
        Command::Up(options) => up::run(options),
        Command::Demo(options) => demo::run(options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("millrace: {error:#}");
            exit::code(&error)
        }
    }
}
