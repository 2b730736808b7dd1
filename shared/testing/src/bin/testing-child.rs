//! A child process of the test runner, by itself: for tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    millrace_testing::serve_if_child().unwrap_or(ExitCode::FAILURE)
}
