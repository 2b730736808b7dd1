//! The Succeed state.

use crate::definition::State;
use crate::run::{Run, Step};
use crate::snapshot::{Attempt, Outcome, Snapshot};

pub(crate) fn run(run: &mut Run<'_>, thread: &Snapshot, state: &State, attempt: &Attempt) -> Step {
    let output =
        run.input(thread, state, attempt).and_then(|input| run.select(thread, &state.output_path, attempt, &input));
    match output {
        Ok(output) => run.exit(state, output),
        Err(failure) => Step::End(Outcome::Failed { failure }),
    }
}
