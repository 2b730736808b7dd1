//! The arguments of `millrace workflow`.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::alias;
use crate::commands::execution::Drawing;
use crate::commands::validate::Kind;
use crate::commands::{Paging, Yes};
use crate::input::pair;

/// Make workflows of definitions, and look at them.
///
/// A workflow is named by its name, id or ARN. `-` as a file is standard input.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Make a workflow of a definition.
    #[command(after_help = "\
Examples:
  millrace workflow create orders orders.asl.yaml --tag team=shop
  millrace workflow create orders orders.asl.yaml --input-schema order.schema.json
  cat orders.json | millrace workflow create orders -")]
    Create(Create),
    /// Change a workflow: its next version.
    #[command(after_help = "\
Examples:
  millrace workflow update orders orders.asl.yaml --description 'retries longer'
  millrace workflow update orders --input-schema order.schema.yaml
  millrace workflow update orders orders.asl.yaml --no-publish")]
    Update(Update),
    /// List the workflows, newest first.
    #[command(after_help = "Examples:\n  millrace workflow list\n  millrace workflow list --all --json")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a workflow with its definition.
    #[command(after_help = "\
Examples:
  millrace workflow show orders
  millrace workflow show orders --version 3 --definition > orders.v3.yaml")]
    Show {
        /// The workflow.
        id: String,
        /// A version instead of the newest revision.
        #[arg(long, value_name = "NUMBER")]
        version: Option<u64>,
        /// Only the definition's text, as it was given.
        #[arg(long, conflicts_with = "json")]
        definition: bool,
    },
    /// List the versions of a workflow, newest first.
    #[command(after_help = "Examples:\n  millrace workflow versions orders")]
    Versions {
        /// The workflow.
        id: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Lead aliases to versions.
    #[command(subcommand)]
    Alias(alias::Action),
    /// Have the server check a definition. `millrace validate` does it without a server.
    #[command(after_help = "Examples:\n  millrace workflow validate orders.asl.yaml")]
    Validate {
        /// The file, or - for standard input.
        file: String,
        /// What it is for.
        #[arg(long = "type", value_enum, default_value_t = Kind::Standard)]
        kind: Kind,
        /// A schema for the input, to be checked with it: a file with JSON or YAML.
        #[arg(long, value_name = "FILE")]
        input_schema: Option<String>,
    },
    /// Show what differs between two versions, or between a workflow and a file.
    #[command(after_help = "\
Examples:
  millrace workflow diff orders                 the newest version and the one before
  millrace workflow diff orders --from 1 --to 4
  millrace workflow diff orders --file orders.asl.yaml")]
    Diff {
        /// The workflow.
        id: String,
        /// The older version; without it, the one before.
        #[arg(long, value_name = "NUMBER")]
        from: Option<u64>,
        /// The newer version; without it, the newest.
        #[arg(long, value_name = "NUMBER")]
        to: Option<u64>,
        /// A file in place of the newer version.
        #[arg(long, value_name = "FILE", conflicts_with = "to")]
        file: Option<String>,
    },
    /// Draw a workflow: its states and transitions.
    #[command(after_help = "\
Examples:
  millrace workflow graph orders
  millrace workflow graph orders -o orders.svg")]
    Graph {
        /// The workflow.
        id: String,
        /// A version instead of the newest revision.
        #[arg(long, value_name = "NUMBER")]
        version: Option<u64>,
        #[command(flatten)]
        drawing: Drawing,
    },
    /// Delete a workflow; its running executions are stopped.
    #[command(after_help = "Examples:\n  millrace workflow delete orders --yes")]
    Delete {
        /// The workflow.
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
}

/// A workflow to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Its name.
    pub(super) name: String,
    /// The definition: a file with JSON or YAML, or - for standard input.
    pub(super) file: String,
    /// Its type.
    #[arg(long = "type", value_enum, default_value_t = Kind::Standard)]
    pub(super) kind: Kind,
    /// What the input of executions must fit: a file with a JSON Schema in JSON or YAML.
    #[arg(long, value_name = "FILE")]
    pub(super) input_schema: Option<String>,
    /// A tag. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(super) tag: Vec<(String, String)>,
    #[command(flatten)]
    pub(super) publishing: Publishing,
}

/// What to change.
#[derive(Debug, clap::Args)]
pub(crate) struct Update {
    /// The workflow.
    pub(super) id: String,
    /// The definition: a file with JSON or YAML, or - for standard input. Without it, it stays.
    pub(super) file: Option<String>,
    /// What the input of executions must fit: a file with a JSON Schema in JSON or YAML. Without it, that stays.
    #[arg(long, value_name = "FILE", conflicts_with = "no_input_schema")]
    pub(super) input_schema: Option<String>,
    /// Take any input from now on.
    #[arg(long)]
    pub(super) no_input_schema: bool,
    /// Change only the version with this ETag; without it, the one that is read just before.
    #[arg(long, value_name = "ETAG")]
    pub(super) if_match: Option<String>,
    #[command(flatten)]
    pub(super) publishing: Publishing,
}

/// How a definition is stored.
#[derive(Debug, clap::Args)]
pub(crate) struct Publishing {
    /// Do not publish it as a version.
    #[arg(long)]
    no_publish: bool,
    /// What is to say of the version.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The role that service integrations act as.
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
}

impl Publishing {
    pub(super) fn put(&self, body: &mut Map<String, Value>) {
        if self.no_publish {
            body.insert("publish".to_owned(), json!(false));
        }
        body.extend(self.description.as_ref().map(|text| ("version_description".to_owned(), json!(text))));
        body.extend(self.role_arn.as_ref().map(|arn| ("role_arn".to_owned(), json!(arn))));
    }
}
