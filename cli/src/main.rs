//! `millrace`: the command line of `millrace-cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    millrace_cli::run()
}
