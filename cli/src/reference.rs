//! `docs/cli.md`, made from the command line itself so that it stays true.

use clap::CommandFactory as _;

use crate::args::Args;
use crate::exit;

const INTRODUCTION: &str = "\
# The command line

Made from `millrace --help`; `cargo install --path cli` installs it, and `millrace completions` completes it in your shell.

## Which server

A command talks to the first of these that is said:

1. `--endpoint URL`
2. `--profile NAME`
3. `MILLRACE_ENDPOINT`
4. `MILLRACE_PROFILE`
5. the profile that is the default (`millrace config use`)
6. the local server that runs for this folder or one above it (`data/local/server.json`)
7. `http://127.0.0.1:7420`

Where nobody named a server, the command says on standard error which one it took.

Profiles lie in `config.json` of `MILLRACE_CONFIG_DIR`, else of `millrace` in `XDG_CONFIG_HOME` or `~/.config`. API keys lie beside them in
`keys.json`, which only its owner may read; a file that others may read is refused. Keys are never printed, belong to the address of
their profile, and are not sent unencrypted to another machine (unless `MILLRACE_ALLOW_HTTP=1`). `MILLRACE_API_KEY` goes before a stored
key. An address of API Gateway without a key is called with AWS credentials (Signature Version 4), as `--auth iam` says for other
addresses: those of the environment, of `~/.aws/credentials`, or whatever `aws configure export-credentials` gives.

## Output

Results are on standard output, everything else is on standard error. `--json` writes what the API answers (`docs/openapi.json`): a listing is
`{items, next_cursor}`, what is watched is one object a line. Errors are then JSON on standard error, problems of the API as the server
told them. `--quiet` leaves ids and results. Colours and spinners are for terminals; `NO_COLOR` is respected.

A value that is JSON may be given as it is, as `@FILE` (JSON or YAML), or as `-` for standard input.
";

/// Text of clap as Markdown.
fn prose(text: &str) -> String {
    text.trim().replace('<', "\\<")
}

fn section(command: &clap::Command, path: &str, page: &mut String) {
    let level = if path.split(' ').count() == 2 { "##" } else { "###" };
    page.push_str(&format!("\n{level} `{path}`\n\n"));
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    page.push_str(&format!("{}\n", prose(&about)));
    if command.has_subcommands() {
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            section(below, &format!("{path} {}", below.get_name()), page);
        }
        return;
    }
    let usage = command.clone().render_usage().to_string();
    page.push_str(&format!("\n```text\n{}\n```\n", usage.trim_start_matches("Usage: ").trim()));
    let arguments: Vec<&clap::Arg> = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set() && !argument.is_hide_set() && argument.get_id() != "help")
        .collect();
    if !arguments.is_empty() {
        page.push_str("\n| Argument | |\n| --- | --- |\n");
    }
    for argument in arguments {
        page.push_str(&row(argument));
    }
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let examples = help.trim_start_matches("Examples:\n").trim_end();
    if !examples.is_empty() {
        let lines: Vec<&str> = examples.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
        page.push_str(&format!("\n```text\n{}\n```\n", lines.join("\n")));
    }
}

fn row(argument: &clap::Arg) -> String {
    let value = argument
        .get_value_names()
        .filter(|_| argument.get_action().takes_values())
        .map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        .unwrap_or_default();
    let name = match (argument.get_short(), argument.get_long()) {
        (_, None) => value,
        (None, Some(long)) => format!("--{long} {value}"),
        (Some(short), Some(long)) => format!("-{short}, --{long} {value}"),
    };
    let mut text =
        argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string).unwrap_or_default();
    if !text.ends_with(['.', '…', ')']) {
        text.push('.');
    }
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set() && argument.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        text.push_str(&format!(" One of {}.", values.join(", ")));
    }
    let defaults: Vec<_> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    if !defaults.is_empty() && argument.get_action().takes_values() {
        text.push_str(&format!(" Without it `{}`.", defaults.join(" ")));
    }
    format!("| `{}` | {} |\n", name.trim(), prose(&text).replace('\n', " ").replace('|', "\\|"))
}

fn generated() -> String {
    let mut command = Args::command();
    command.build();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## Exit codes\n\n| Code | |\n| --- | --- |\n");
    for line in exit::HELP.lines().skip(1) {
        let (code, meaning) = line.trim().split_once(' ').unwrap();
        page.push_str(&format!("| {code} | {} |\n", meaning.trim()));
    }
    page.push_str("\n## Options of every command\n\n| Option | |\n| --- | --- |\n");
    for argument in command.get_arguments().filter(|argument| argument.is_global_set()) {
        page.push_str(&row(argument));
    }
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        section(below, &format!("millrace {}", below.get_name()), &mut page);
    }
    page
}

#[test]
fn the_page_is_what_the_command_line_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
    let generated = generated();
    if std::env::var_os("MILLRACE_UPDATE_CLI").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == generated, "docs/cli.md is out of date: run this test with MILLRACE_UPDATE_CLI=1");
}
