//! Exit codes. They are documented in `--help` and do not change.

use std::net::SocketAddr;
use std::process::ExitCode;

use millrace_sqlite::OpenError;

/// What `--help` says of them.
pub(crate) const HELP: &str = "\
Exit codes:
  0    it did what it was asked
  1    it failed; the last line on standard error says why
  2    the command line is not valid
  3    another process uses the data folder
  4    the port can't be listened on
  5    the demo's package was made, but its own tests failed
  130  it was interrupted before it was done";

/// The port can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}: choose another port with --port; 0 takes a free one")]
pub(crate) struct ListenError {
    pub(crate) address: SocketAddr,
    #[source]
    pub(crate) source: std::io::Error,
}

/// The command line asks for what can't be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// A delivered project's own tests do not pass.
#[derive(Debug, thiserror::Error)]
#[error("the package's own tests failed: `{command}` {ending}")]
pub(crate) struct TestsFailed {
    pub(crate) command: String,
    pub(crate) ending: String,
}

/// The exit code that belongs to an error.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    let number = if error.is::<UsageError>() {
        2
    } else if matches!(error.downcast_ref(), Some(OpenError::Locked { .. })) {
        3
    } else if error.is::<ListenError>() {
        4
    } else if error.is::<TestsFailed>() {
        5
    } else {
        1
    };
    ExitCode::from(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_a_context() {
        let usage = anyhow::Error::from(UsageError("x".into())).context("while reading");
        assert_eq!(code(&usage), ExitCode::from(2));
        assert_eq!(code(&anyhow::anyhow!("x")), ExitCode::from(1));
    }
}
