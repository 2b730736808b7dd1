//! A child process of a pool, by itself: for tests and measurements.

use std::process::ExitCode;

fn main() -> ExitCode {
    millrace_sandbox::serve_child()
}
