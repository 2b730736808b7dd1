//! Exit codes. They are documented in `--help` and do not change.

use std::net::SocketAddr;
use std::process::ExitCode;

use millrace_sqlite::OpenError;
use serde_json::{Value, json};

use crate::client::{ApiError, Kind};

/// What `--help` says of them.
pub(crate) const HELP: &str = "\
Exit codes:
  0    it did what it was asked
  1    it failed; standard error says why, and what to do next
  2    the command line is not valid
  3    another process uses the data folder
  4    the port can't be listened on
  5    the demo's package was made, but its own tests failed
  6    no server answers
  7    the server does not know the caller, or does not allow it
  8    what was named does not exist
  9    what was given is not valid: a request, a definition, a file
  10   the execution, project, function or trial that was waited for failed
  11   the execution timed out
  12   the execution or project was stopped
  13   it had not ended when --timeout was over; it goes on
  14   the project waits for somebody: it is paused, or its plan wants approval
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

/// What was named is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MissingError(pub(crate) String);

/// What was given is not valid; what is wrong with it was said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidError(pub(crate) String);

/// How something that was waited for ended, other than well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It failed.
    Failed,
    /// Its time was over.
    TimedOut,
    /// Somebody stopped it.
    Stopped,
    /// It goes on.
    Unfinished,
    /// It waits for somebody.
    Waits,
}

/// Something that was waited for did not end well.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct EndedError {
    pub(crate) ending: Ending,
    pub(crate) text: String,
}

/// The reader of standard output has gone: it has what it wanted.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// An error for programs: the server's problem, or one in the same form.
pub(crate) fn json(error: &anyhow::Error) -> Value {
    match error.downcast_ref::<ApiError>() {
        Some(refused) => refused.json(),
        None => {
            let text = format!("{error:#}");
            let (detail, next) = text.split_once("\nnext: ").unwrap_or((&text, ""));
            let mut told = json!({ "detail": detail, "exit_code": number(error) });
            if let (false, Some(members)) = (next.is_empty(), told.as_object_mut()) {
                members.insert("next".to_owned(), next.into());
            }
            told
        }
    }
}

/// The exit code that belongs to an error.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(number(error))
}

fn number(error: &anyhow::Error) -> u8 {
    if let Some(refused) = error.downcast_ref::<ApiError>() {
        return match refused.kind() {
            Kind::Failed => 1,
            Kind::Unreachable => 6,
            Kind::NotAllowed => 7,
            Kind::NotFound => 8,
            Kind::Invalid => 9,
        };
    }
    if let Some(ended) = error.downcast_ref::<EndedError>() {
        return match ended.ending {
            Ending::Failed => 10,
            Ending::TimedOut => 11,
            Ending::Stopped => 12,
            Ending::Unfinished => 13,
            Ending::Waits => 14,
        };
    }
    own_number(error)
}

fn own_number(error: &anyhow::Error) -> u8 {
    if error.is::<UsageError>() {
        2
    } else if matches!(error.downcast_ref(), Some(OpenError::Locked { .. })) {
        3
    } else if error.is::<ListenError>() {
        4
    } else if error.is::<TestsFailed>() {
        5
    } else if error.is::<MissingError>() {
        8
    } else if error.is::<InvalidError>() {
        9
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_a_context() {
        let usage = anyhow::Error::from(UsageError("x".into())).context("while reading");
        assert_eq!(code(&usage), ExitCode::from(2));
        assert_eq!(code(&anyhow::anyhow!("x")), ExitCode::from(1));
        let ended = EndedError { ending: Ending::Unfinished, text: "it goes on".into() };
        let ended = anyhow::Error::from(ended).context("x");
        assert_eq!((number(&ended), json(&ended)["exit_code"].as_u64()), (13, Some(13)));
        assert!(is_closed_pipe(
            &anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe)).context("x")
        ));
    }
}
