//! The arguments of `millrace project`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use crate::args::seconds;
use crate::commands::{Paging, Yes};
use crate::input::pair;

/// Make projects, and get what the agents made.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    Create(Box<Create>),
    /// List the projects, newest first.
    #[command(after_help = "\
Examples:
  millrace project list
  millrace project list --status failed --all --json")]
    List {
        /// Those of a status.
        #[arg(long, value_parser = ["created", "planning", "developing", "testing", "packaging", "completed", "failed", "cancelled", "paused", "awaiting_approval"])]
        status: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a project.
    #[command(after_help = "Examples:\n  millrace project show prj_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Show {
        /// The project's id.
        id: String,
    },
    /// Show what happens in a project until its delivery ends.
    #[command(after_help = "\
Examples:
  millrace project watch prj_01k8zq3v5x9m2n4p6r8t0w1y3z --timeout 600
  millrace project watch prj_01k8zq3v5x9m2n4p6r8t0w1y3z --json   events, one a line, then the project")]
    Watch {
        /// The project's id.
        id: String,
        /// Stop watching after so many seconds; the delivery goes on.
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        timeout: Option<Duration>,
    },
    /// Show the plan with its tasks.
    #[command(after_help = "\
Examples:
  millrace project plan prj_01k8zq3v5x9m2n4p6r8t0w1y3z
  millrace project plan prj_01k8zq3v5x9m2n4p6r8t0w1y3z --json > plan.json   to edit, for `project approve --plan`")]
    Plan {
        /// The project's id.
        id: String,
    },
    /// Approve the plan that waits; or reject or replace it.
    #[command(after_help = "\
Examples:
  millrace project approve prj_01k8zq3v5x9m2n4p6r8t0w1y3z
  millrace project approve prj_01k8zq3v5x9m2n4p6r8t0w1y3z --reject 'use SQLite'
  millrace project approve prj_01k8zq3v5x9m2n4p6r8t0w1y3z --plan @plan.json")]
    Approve {
        /// The project's id.
        id: String,
        /// Reject it for a reason, which the next plan takes into account: text, @FILE, or - for standard input.
        #[arg(long, value_name = "REASON")]
        reject: Option<String>,
        /// Take this plan instead: JSON, @FILE, or - for standard input.
        #[arg(long, value_name = "JSON", conflicts_with = "reject")]
        plan: Option<String>,
    },
    /// List the files.
    #[command(after_help = "Examples:\n  millrace project files prj_01k8zq3v5x9m2n4p6r8t0w1y3z --all")]
    Files {
        /// The project's id.
        id: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Write a file to standard output.
    #[command(after_help = "Examples:\n  millrace project cat prj_01k8zq3v5x9m2n4p6r8t0w1y3z README.md")]
    Cat {
        /// The project's id.
        id: String,
        /// The file's path.
        path: String,
    },
    /// Download the newest package, checked by its checksum, or the files as they are.
    #[command(after_help = "\
Examples:
  millrace project download prj_01k8zq3v5x9m2n4p6r8t0w1y3z              the zip, in this folder
  millrace project download prj_01k8zq3v5x9m2n4p6r8t0w1y3z -o shop.zip
  millrace project download prj_01k8zq3v5x9m2n4p6r8t0w1y3z --files shop/")]
    Download(Download),
    /// List the test reports, or write the newest one.
    #[command(after_help = "\
Examples:
  millrace project tests prj_01k8zq3v5x9m2n4p6r8t0w1y3z
  millrace project tests prj_01k8zq3v5x9m2n4p6r8t0w1y3z --report junit > junit.xml")]
    Tests {
        /// The project's id.
        id: String,
        /// Write the newest report in a form.
        #[arg(long, value_enum)]
        report: Option<Report>,
        #[command(flatten)]
        paging: Paging,
    },
    /// List the deployment packages, newest first.
    #[command(after_help = "Examples:\n  millrace project deployments prj_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Deployments {
        /// The project's id.
        id: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show what models cost so far, and the budget.
    #[command(after_help = "Examples:\n  millrace project cost prj_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    Cost {
        /// The project's id.
        id: String,
    },
    /// List what happened, in order of time.
    #[command(after_help = "Examples:\n  millrace project events prj_01k8zq3v5x9m2n4p6r8t0w1y3z --all")]
    Events {
        /// The project's id.
        id: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Stop the delivery; what exists is kept.
    #[command(after_help = "Examples:\n  millrace project cancel prj_01k8zq3v5x9m2n4p6r8t0w1y3z --yes")]
    Cancel {
        /// The project's id.
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
    /// Go on with a project that failed, was paused or cancelled, or was not started.
    #[command(after_help = "Examples:\n  millrace project resume prj_01k8zq3v5x9m2n4p6r8t0w1y3z --wait")]
    Resume {
        /// The project's id.
        id: String,
        /// Show what happens until the delivery ends.
        #[arg(short, long)]
        wait: bool,
    },
    /// Modify what was made: by words, which need a model, or by other parameters.
    #[command(after_help = "\
Examples:
  millrace project modify prj_01k8zq3v5x9m2n4p6r8t0w1y3z 'add a health check' --wait
  millrace project modify prj_01k8zq3v5x9m2n4p6r8t0w1y3z -p authentication=jwt")]
    Modify {
        /// The project's id.
        id: String,
        /// What to modify: text, @FILE, or - for standard input.
        request: Option<String>,
        /// A parameter of the template; JSON, text or @FILE. May be repeated.
        #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
        parameter: Vec<(String, String)>,
        /// Show what happens until the delivery ends.
        #[arg(short, long)]
        wait: bool,
    },
    /// Change the name, description, requirements or budget.
    #[command(after_help = "Examples:\n  millrace project update prj_01k8zq3v5x9m2n4p6r8t0w1y3z --budget-usd 5")]
    Update(Update),
    /// Delete a project with all that was made.
    #[command(after_help = "Examples:\n  millrace project delete prj_01k8zq3v5x9m2n4p6r8t0w1y3z --yes")]
    Delete {
        /// The project's id.
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
}

/// Make a project of a template, of requirements in words, or of an archive.
///
/// On a terminal, what the template needs and was not given is asked for; --ask asks for everything. Requirements in
/// words need a model (docs/how-to/models.md). An archive (zip, tar, tar.gz) is imported; with requirements, it is changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millrace project create --template python-cli -p name=tool --wait
  millrace project create --template python-rest-api --parameters @shop.json
  millrace project create --requirements @wishes.md --name shop --budget-usd 2 --approve-plan
  millrace project create --archive shop.zip --name shop --wait
  millrace project create                       asks for the template and its parameters")]
pub(crate) struct Create {
    /// The template; `millrace template list` shows them.
    #[arg(short, long)]
    pub(super) template: Option<String>,
    /// What it is to do: text, @FILE, or - for standard input. Needs a model.
    #[arg(short, long, value_name = "TEXT", conflicts_with = "template")]
    pub(super) requirements: Option<String>,
    /// An archive of a project that exists: a zip, tar or tar.gz.
    #[arg(long, value_name = "FILE", conflicts_with = "template")]
    pub(super) archive: Option<PathBuf>,
    /// A parameter of the template; JSON, text or @FILE. May be repeated.
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair, conflicts_with_all = ["requirements", "archive"])]
    pub(super) parameter: Vec<(String, String)>,
    /// All parameters: JSON, @FILE (JSON or YAML), or - for standard input. Those of --parameter go before.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["requirements", "archive"])]
    pub(super) parameters: Option<String>,
    /// Ask for every parameter.
    #[arg(long, conflicts_with_all = ["requirements", "archive"])]
    pub(super) ask: bool,
    /// What people call it.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// What it is.
    #[arg(long)]
    pub(super) description: Option<String>,
    /// A delivery workflow of its own: a file in the Amazon States Language.
    #[arg(long, value_name = "FILE")]
    pub(super) workflow: Option<String>,
    /// Each delivery waits for `millrace project approve` after the plan.
    #[arg(long)]
    pub(super) approve_plan: bool,
    /// Do not start its delivery yet.
    #[arg(long, conflicts_with = "wait")]
    pub(super) no_start: bool,
    #[command(flatten)]
    pub(super) budget: Budget,
    /// The same key with the same request makes one project, however often it is sent.
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
    /// Show what happens until the delivery ends.
    #[arg(short, long)]
    pub(super) wait: bool,
    /// With --wait, so many seconds at the most; the delivery goes on.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, requires = "wait")]
    pub(super) timeout: Option<Duration>,
}

/// What a project may use of models; no limit where nothing is said.
#[derive(Debug, clap::Args)]
pub(crate) struct Budget {
    /// US dollars for models.
    #[arg(long, value_name = "USD")]
    pub(super) budget_usd: Option<f64>,
    /// Tokens, in and out together.
    #[arg(long, value_name = "NUMBER")]
    pub(super) budget_tokens: Option<u64>,
    /// Calls of models.
    #[arg(long, value_name = "NUMBER")]
    pub(super) budget_calls: Option<u64>,
    /// Seconds that calls of models take, added up.
    #[arg(long, value_name = "NUMBER")]
    pub(super) budget_seconds: Option<u64>,
}

/// What to change.
#[derive(Debug, clap::Args)]
pub(crate) struct Update {
    /// The project's id.
    pub(super) id: String,
    /// What people call it.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// What it is.
    #[arg(long)]
    pub(super) description: Option<String>,
    /// What it is to do: text, @FILE, or - for standard input.
    #[arg(long, value_name = "TEXT")]
    pub(super) requirements: Option<String>,
    #[command(flatten)]
    pub(super) budget: Budget,
}

/// What to download.
#[derive(Debug, clap::Args)]
pub(crate) struct Download {
    /// The project's id.
    pub(super) id: String,
    /// Where the zip goes: a file, a folder, or - for standard output.
    #[arg(short, long, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
    /// Write the project's files below this folder instead.
    #[arg(long, value_name = "FOLDER", conflicts_with = "output")]
    pub(super) files: Option<PathBuf>,
    /// Replace files that are there.
    #[arg(long)]
    pub(super) overwrite: bool,
}

/// The forms of a test report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Report {
    /// For people.
    Markdown,
    /// The whole report.
    Json,
    /// JUnit XML.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
}

impl Report {
    pub(super) const fn pointer(self) -> &'static str {
        match self {
            Self::Markdown => "/markdown_url",
            Self::Json => "/json_url",
            Self::Junit => "/junit_url",
            Self::Sarif => "/sarif_url",
        }
    }
}
