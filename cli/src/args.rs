//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use millrace_app::ports::Queue;

use crate::commands::{
    completions, config, deploy, doctor, execution, function, graph, key, limit, project, queue, report, run, schedule,
    subscription, template, validate, webhook, workflow,
};
use crate::exit;
use crate::logging::LogFormat;
use crate::output::Color;

/// Workflows, and an autonomous coding pipeline that runs on them: on this machine, or in your AWS account.
///
/// `millrace up` starts the local server and stays; `millrace demo` starts one for a moment, makes a project from a
/// template and runs the tests of what came out. Neither needs a cloud account, Docker or a model's key. The other
/// commands talk to a server: the one that --endpoint, MILLRACE_ENDPOINT or a profile names, else the local one.
#[derive(Debug, Parser)]
#[command(name = "millrace", version, after_help = exit::HELP, after_long_help = exit::HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The server's address, such as http://127.0.0.1:7420. MILLRACE_ENDPOINT says the same.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint: Option<String>,

    /// The profile that names the server (`millrace config`). MILLRACE_PROFILE says the same.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Write results as the API's JSON on standard output, and errors as JSON on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Write only what was asked for: no remarks, no progress; listings are ids, one a line.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// When to use colours; NO_COLOR is respected.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,

    /// How logs look on standard error. MILLRACE_LOG filters them, for example `info` or `warn,millrace_app=debug`.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Auto)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(Up),
    Demo(Demo),
    #[command(subcommand)]
    Project(project::Action),
    #[command(subcommand)]
    Template(template::Action),
    #[command(subcommand)]
    Workflow(workflow::Action),
    Run(run::Run),
    #[command(subcommand, visible_alias = "exec")]
    Execution(execution::Action),
    #[command(subcommand)]
    Function(function::Action),
    #[command(subcommand)]
    Schedule(schedule::Action),
    #[command(subcommand)]
    Webhook(webhook::Action),
    #[command(subcommand)]
    Subscription(subscription::Action),
    #[command(subcommand)]
    Queue(queue::Action),
    #[command(subcommand)]
    Report(report::Action),
    #[command(subcommand)]
    Limit(limit::Action),
    #[command(subcommand)]
    Key(key::Action),
    Validate(validate::Validate),
    Graph(graph::Draw),
    Deploy(deploy::Deploy),
    Doctor(doctor::Doctor),
    #[command(subcommand)]
    Config(config::Action),
    Completions(completions::Completions),
}

/// Start the local server and stay until interrupted.
///
/// Prints its URL as the only line on standard output when it is ready, and keeps it with its process id in
/// DATA/server.json while it runs. On SIGINT or SIGTERM it takes no more work and gives running tasks ten seconds; what
/// does not end in time, and whatever a crash interrupts, goes on at the next start.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millrace up                                  http://127.0.0.1:7420, data in ./data/local
  millrace up --port 0 --data /tmp/try --open  any free port, and open it in the browser
  MILLRACE_SECRET_MODELS_GEMINI_API_KEY=… millrace up   a secret for this run only")]
pub(crate) struct Up {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 7420)]
    pub(crate) port: u16,

    /// The address to listen on. With `--auth off` it must be a loopback address.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,

    /// The folder of the database and the artifacts; it is made when it does not exist.
    #[arg(long, default_value = "data/local")]
    pub(crate) data: PathBuf,

    /// Who may call: `off` lets everybody on this machine, as the owner `local`; `keys` asks for API keys, and makes one at the
    /// first start, which it prints and keeps in DATA/admin-key.json.
    #[arg(long, value_enum, default_value_t = Auth::Off)]
    pub(crate) auth: Auth,

    /// How large inputs, outputs and results of executions may be where a definition does not say it (`payload_limit`):
    /// `aws` is 256 KiB with Step Functions' errors. MILLRACE_PAYLOAD_LIMIT says the same.
    #[arg(long, value_enum)]
    pub(crate) payload_limit: Option<Limit>,

    /// Run the tests of projects in processes of this machine: Python, Rust and Go, and JavaScript that the sandbox can't
    /// run. They are the model's programs: limited, and on Linux confined, but not as well as in the sandbox, in which
    /// JavaScript tests run anyway. MILLRACE_RUN_TESTS=1 says the same.
    #[arg(long)]
    pub(crate) run_tests: bool,

    /// Let notifications go to endpoints on this machine and its network, and over plain HTTP: for trying them out. Whoever
    /// may make subscriptions can then reach what only this machine reaches.
    #[arg(long)]
    pub(crate) allow_private_notifications: bool,

    /// Keep the server's logs for so many days, in DATA/logs, where `millrace execution logs` and the console find them; 0 keeps
    /// none. MILLRACE_KEPT_LOG says which, as MILLRACE_LOG does for standard error.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(..=3650))]
    pub(crate) keep_logs_days: u32,

    /// Keep at most so many MiB of logs; the oldest go first.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub(crate) keep_logs_mib: u32,

    /// Open the URL in the browser when the server is ready.
    #[arg(long)]
    pub(crate) open: bool,

    /// Serve the web console of this folder instead of the one that was built in.
    #[arg(long, value_name = "DIR")]
    pub(crate) console: Option<PathBuf>,

    /// How many tasks of a queue run at the same time, as QUEUE=NUMBER with the queues engine, pm, dev, qa, ops,
    /// integrations, functions, models, scheduler, notifications. May be repeated or separated by commas. 0 leaves a queue's tasks waiting.
    #[arg(long, value_name = "QUEUE=NUMBER", value_parser = worker_count, value_delimiter = ',')]
    pub(crate) workers: Vec<(Queue, usize)>,
}

/// Make a project from a template on a server of its own, and run the tests of what comes out.
///
/// Shows each stage as it happens on standard error. The path of the zip is the last line on standard output. With
/// `--json`, events come to standard output, one a line; the last line is an object with `zip`, the path, instead.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millrace demo                                 a REST API in Python, in ./data/demo
  millrace demo --template static-site --json   another template, for a program to read")]
pub(crate) struct Demo {
    /// The template to make the project from.
    #[arg(long, default_value = "python-rest-api")]
    pub(crate) template: String,

    /// The folder of the server's data and of the zip.
    #[arg(long, default_value = "./data/demo")]
    pub(crate) data: PathBuf,

    /// Give up after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Limit {
    /// There is none.
    None,
    /// As Step Functions has it.
    Aws,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    /// Everybody on this machine may do everything.
    Off,
    /// Who has an API key, a token of the configured issuer, or a key for signatures.
    Keys,
}

fn worker_count(text: &str) -> Result<(Queue, usize), String> {
    let (name, number) = text.split_once('=').ok_or("must be QUEUE=NUMBER, for example dev=4")?;
    let queue = Queue::ALL.into_iter().find(|queue| queue.name() == name);
    let queue = queue.ok_or_else(|| {
        format!(
            "there is no queue {name:?}: it is engine, pm, dev, qa, ops, integrations, functions, models, scheduler or notifications"
        )
    })?;
    match number.parse() {
        Ok(number @ 0..=1_000) => Ok((queue, number)),
        _ => Err(format!("{number:?} is not a number from 0 to 1000")),
    }
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("must be a number of seconds from 1 to 86400".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        fn look(command: &clap::Command, path: &str) {
            for below in command.get_subcommands() {
                let path = format!("{path} {}", below.get_name());
                assert!(below.get_about().is_some(), "{path} does not say what it does");
                if below.has_subcommands() {
                    look(below, &path);
                    continue;
                }
                let help = below.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains(&format!("\n  {}", path.trim())), "{path} has no example of itself: {help}");
                for argument in below.get_arguments().filter(|argument| !argument.is_hide_set()) {
                    assert!(argument.get_help().is_some(), "{path}: {} is not explained", argument.get_id());
                }
            }
        }
        look(&Args::command(), "millrace");
    }

    #[test]
    fn global_options_stand_anywhere() {
        for line in ["millrace --json project list", "millrace project --json list", "millrace project list --json"] {
            assert!(Args::try_parse_from(line.split(' ')).unwrap().global.json, "{line}");
        }
    }

    #[test]
    fn worker_counts() {
        let args = Args::try_parse_from(["millrace", "up", "--workers", "dev=4,qa=1", "--workers", "ops=0"]).unwrap();
        let Command::Up(up) = args.command else { panic!() };
        assert_eq!(up.workers, [(Queue::Dev, 4), (Queue::Qa, 1), (Queue::Ops, 0)]);
        for wrong in ["dev", "dev=", "dev=1001", "dev=-1", "sales=1"] {
            let error = Args::try_parse_from(["millrace", "up", "--workers", wrong]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong}");
        }
    }
}
