//! `millrace`: the local server, and what talks to it.
//!
//! `server` wires the ports of `millrace-sqlite`, the router of `millrace-rest` and the agents of `millrace-agents` into one
//! process; start reading at `server/mod.rs`. `commands` are clients of the API of any server; start at `client/mod.rs`.

mod args;
mod client;
mod commands;
mod demo;
mod exit;
mod input;
mod logging;
mod output;
mod profiles;
#[cfg(test)]
mod reference;
pub mod server;
mod up;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command, Global};
use commands::Session;
use exit::UsageError;

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    if let Some(code) = millrace_testing::serve_if_child() {
        return code;
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    let json = args.global.json;
    match dispatch(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            if json {
                eprintln!("{}", exit::json(&error));
            } else {
                eprintln!("millrace: {}", output::clean(&format!("{error:#}")));
            }
            exit::code(&error)
        }
    }
}

/// Tells what the command line lacks, or the help that it asks for. What can't be read may still have said `--json`.
fn refuse(error: &clap::Error) -> ExitCode {
    let wants_json =
        std::env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json");
    if !error.use_stderr() || !wants_json {
        error.exit();
    }
    let text = error.render().to_string();
    let detail = text.split("\n\n").next().unwrap_or_default();
    let detail = detail.strip_prefix("error: ").unwrap_or(detail).trim();
    eprintln!(
        "{}",
        exit::json(&UsageError(format!("{detail}\nnext: add --help to see what the command takes")).into())
    );
    ExitCode::from(2)
}

fn dispatch(args: Args) -> anyhow::Result<()> {
    let Args { command, global } = args;
    let quiet = !matches!(command, Command::Up(_));
    let serves = matches!(command, Command::Up(_) | Command::Demo(_));
    logging::init(global.log_format, quiet, serves)?;
    let session = Session::new(&global);
    match command {
        Command::Up(options) => own_server("up", &global).and_then(|()| up::run(options)),
        Command::Demo(options) => own_server("demo", &global).and_then(|()| demo::run(options, &session.out)),
        Command::Project(action) => commands::project::run(action, &session),
        Command::Template(action) => commands::template::run(action, &session),
        Command::Workflow(action) => commands::workflow::run(action, &session),
        Command::Run(options) => commands::run::run(&options, &session),
        Command::Execution(action) => commands::execution::run(action, &session),
        Command::Function(action) => commands::function::run(action, &session),
        Command::Schedule(action) => commands::schedule::run(action, &session),
        Command::Subscription(action) => commands::subscription::run(action, &session),
        Command::Webhook(action) => commands::webhook::run(action, &session),
        Command::Queue(action) => commands::queue::run(action, &session),
        Command::Report(action) => commands::report::run(action, &session),
        Command::Limit(action) => commands::limit::run(action, &session),
        Command::Key(action) => commands::key::run(action, &session),
        Command::Validate(options) => commands::validate::run(&options, &session),
        Command::Graph(options) => commands::graph::run(&options, &session),
        Command::Deploy(options) => commands::deploy::run(&options, &session),
        Command::Doctor(options) => commands::doctor::run(&options, &session),
        Command::Config(action) => commands::config::run(action, &session),
        Command::Completions(options) => commands::completions::run(&options),
    }
}

/// These start a server; they talk to no other.
fn own_server(name: &str, global: &Global) -> anyhow::Result<()> {
    if global.endpoint.is_some() || global.profile.is_some() {
        let text =
            format!("`millrace {name}` starts a server of its own: --endpoint and --profile are for other commands");
        return Err(UsageError(text).into());
    }
    Ok(())
}
