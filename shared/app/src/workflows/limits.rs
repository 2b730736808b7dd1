//! Rules for names, logging and encryption.

use super::error::WorkflowError;
use super::model::{LogLevel, Logging};

/// The longest name of a state machine, an execution or an activity, in characters.
pub(crate) const NAME_CHARS: usize = 80;
/// Tags that a thing may have.
pub(crate) const MOST_TAGS: usize = 50;

/// Checks the name of a state machine, an execution or an activity: no white space, no brackets, wildcards, special or
/// control characters (`CreateStateMachine` lists them).
///
/// # Errors
/// [`WorkflowError::InvalidName`]
pub fn check_name(name: &str) -> Result<(), WorkflowError> {
    let forbidden = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(character)
            || matches!(character, '\u{fffe}' | '\u{ffff}')
    };
    if name.is_empty() || name.chars().count() > NAME_CHARS || name.contains(forbidden) {
        return Err(WorkflowError::InvalidName(name.to_owned()));
    }
    Ok(())
}

/// Checks that logging says where to, and only where to.
///
/// # Errors
/// [`WorkflowError::InvalidLogging`]
pub fn check_logging(logging: &Logging) -> Result<(), WorkflowError> {
    let destinations = logging.destinations.as_ref().map_or(0, Vec::len);
    let fits = match logging.level {
        LogLevel::Off => destinations <= 1,
        LogLevel::All | LogLevel::Error | LogLevel::Fatal => destinations == 1,
    };
    if fits {
        return Ok(());
    }
    Err(WorkflowError::InvalidLogging("Must specify exactly one Log Destination.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["a", "A-b_c.9", "über", &"x".repeat(80)] {
            check_name(name).unwrap();
        }
        for name in ["", "a b", "a:b", "a/b", "\u{0}a", "a\u{7f}", "a\u{9f}", "a~", &"x".repeat(81)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
