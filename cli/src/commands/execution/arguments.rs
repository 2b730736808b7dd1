//! The arguments of `millrace execution`.

use std::time::Duration;

use clap::Subcommand;

use super::Drawing;
use super::logs::Logs;
use crate::args::seconds;
use crate::client::Call;
use crate::commands::{Paging, Yes};
use crate::input::pair;

/// Look at executions and control them.
///
/// An execution is named by its id or its ARN.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Find executions, newest first.
    #[command(after_help = "\
Examples:
  millrace execution list --workflow orders --status FAILED
  millrace execution list --attribute customer=7 --all --json")]
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show an execution with its input and output.
    #[command(after_help = "Examples:\n  millrace execution show exe_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Show {
        /// The execution's id or ARN.
        id: String,
    },
    /// Show what happens in an execution until it ends; then its output.
    #[command(after_help = "\
Examples:
  millrace execution watch exe_01k8zq3v5x9m2n4p6r8t0w1y3z
  millrace execution watch exe_01k8zq3v5x9m2n4p6r8t0w1y3z --timeout 60 --json   events, one a line, then the execution")]
    Watch {
        /// The execution's id or ARN.
        id: String,
        /// Stop watching after so many seconds; the execution goes on.
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        timeout: Option<Duration>,
    },
    /// List the events of an execution.
    #[command(after_help = "\
Examples:
  millrace execution history exe_01k8zq3v5x9m2n4p6r8t0w1y3z --all
  millrace execution history exe_01k8zq3v5x9m2n4p6r8t0w1y3z --reverse --limit 5")]
    History {
        /// The execution's id or ARN.
        id: String,
        /// Newest first.
        #[arg(long)]
        reverse: bool,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show what was logged while an execution was worked on, the oldest first. On AWS: a link to it.
    #[command(after_help = "\
Examples:
  millrace execution logs exe_01k8zq3v5x9m2n4p6r8t0w1y3z --follow
  millrace execution logs exe_01k8zq3v5x9m2n4p6r8t0w1y3z --level warn --json   records, one a line")]
    Logs(Logs),
    /// Draw an execution: its states with what they came to.
    #[command(after_help = "\
Examples:
  millrace execution graph exe_01k8zq3v5x9m2n4p6r8t0w1y3z
  millrace execution graph exe_01k8zq3v5x9m2n4p6r8t0w1y3z -o run.svg")]
    Graph {
        /// The execution's id or ARN.
        id: String,
        #[command(flatten)]
        drawing: Drawing,
    },
    /// Stop executions: they end as ABORTED.
    #[command(after_help = "\
Examples:
  millrace execution stop exe_01k8zq3v5x9m2n4p6r8t0w1y3z --cause 'the order was cancelled'
  millrace execution stop --workflow orders --status RUNNING --dry-run")]
    Stop {
        #[command(flatten)]
        which: Which,
        /// An error's name.
        #[arg(long)]
        error: Option<String>,
        /// The reason in words.
        #[arg(long)]
        cause: Option<String>,
    },
    /// Pause executions: no state is entered meanwhile.
    #[command(after_help = "Examples:\n  millrace execution pause exe_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Pause {
        #[command(flatten)]
        which: Which,
    },
    /// Resume paused executions.
    #[command(after_help = "Examples:\n  millrace execution resume exe_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Resume {
        #[command(flatten)]
        which: Which,
    },
    /// Go on with executions that failed, timed out or were stopped, in the state where they ended.
    #[command(after_help = "\
Examples:
  millrace execution redrive exe_01k8zq3v5x9m2n4p6r8t0w1y3z --watch
  millrace execution redrive exe_01k8zq3v5x9m2n4p6r8t0w1y3z --definition fixed.yaml --input '{\"retry\": true}'
  millrace execution redrive --workflow orders --status FAILED --yes")]
    Redrive {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        corrected: Corrected,
        /// Show what happens until it ends.
        #[arg(short, long)]
        watch: bool,
    },
    /// Start a new execution from an entry in the log of another one.
    #[command(after_help = "\
Examples:
  millrace execution fork exe_01k8zq3v5x9m2n4p6r8t0w1y3z again-from-2 --sequence 2 --input '{\"order\": 7}'")]
    Fork {
        /// The execution's id or ARN.
        id: String,
        /// The new execution's name.
        name: String,
        /// The entry of the execution's own log, from 0.
        #[arg(long)]
        sequence: u64,
        #[command(flatten)]
        corrected: Corrected,
        /// Show what happens until it ends.
        #[arg(short, long)]
        watch: bool,
    },
}

/// What differs from before.
#[derive(Debug, clap::Args)]
pub(crate) struct Corrected {
    /// Another input of that state: JSON, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON")]
    pub(crate) input: Option<String>,
    /// Another definition: a file with JSON or YAML, or - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "version")]
    pub(crate) definition: Option<String>,
    /// Another version of the workflow.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) version: Option<u64>,
}

/// One execution, or all that a filter finds.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The execution's id or ARN; without it, all that the filter finds.
    #[arg(required_unless_present_any = ["workflow", "status", "attribute", "started_from", "started_before"],
          conflicts_with_all = ["workflow", "status", "attribute", "started_from", "started_before"])]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Only tell which ones it would be.
    #[arg(long, conflicts_with = "id")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

/// Which executions; all conditions must hold.
#[derive(Debug, clap::Args)]
pub(crate) struct Filter {
    /// Those of a workflow: its name, id or ARN.
    #[arg(long)]
    pub(crate) workflow: Option<String>,
    /// Those of a status.
    #[arg(long, value_parser = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"], ignore_case = true)]
    pub(crate) status: Option<String>,
    /// Those with an attribute. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) attribute: Vec<(String, String)>,
    /// Those started then or later, as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) started_from: Option<String>,
    /// Those started before.
    #[arg(long, value_name = "TIME")]
    pub(crate) started_before: Option<String>,
}

impl Filter {
    /// The filter in a query.
    pub(crate) fn query(&self, call: Call) -> Call {
        let call = call
            .maybe("workflow", self.workflow.as_ref())
            .maybe("status", self.status.as_ref().map(|status| status.to_uppercase()))
            .maybe("started_from", self.started_from.as_ref())
            .maybe("started_before", self.started_before.as_ref());
        self.attribute.iter().fold(call, |call, (name, value)| call.query("attribute", format!("{name}={value}")))
    }
}
