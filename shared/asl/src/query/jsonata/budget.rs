//! What an evaluation may take: time, as steps; memory; depth. The words and bounds of depth and memory are the service's.

use super::problem::{Fallible, Problem, problem};

/// How deeply evaluations may be nested.
const DEEPEST: u32 = 100;
/// The largest value that may be made, in bytes of text, or eight for each item of an array.
const LARGEST: usize = 6_990_256;
/// How much may be made in all, in bytes.
const MOST_MADE: usize = 512 * 1024 * 1024;
/// How many steps may be taken, about a second's worth.
const MOST_STEPS: u64 = 10_000_000;

#[derive(Debug, Default)]
pub(super) struct Budget {
    depth: u32,
    steps: u64,
    made: usize,
}

impl Budget {
    pub(super) fn enter(&mut self) -> Fallible<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let words = "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as \
                         tail-recursive.";
            return Err(bound(words));
        }
        self.step(1)
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(super) fn step(&mut self, count: usize) -> Fallible<()> {
        self.steps = self.steps.saturating_add(count as u64);
        if self.steps > MOST_STEPS {
            Err(bound("Expression evaluation timeout: Check for infinite loop"))
        } else {
            Ok(())
        }
    }

    /// Counts a value that is about to be made.
    pub(super) fn make(&mut self, bytes: usize) -> Fallible<()> {
        self.made = self.made.saturating_add(bytes.saturating_add(32));
        if bytes > LARGEST || self.made > MOST_MADE {
            return Err(bound("Expression evaluation memory limit exceeded: Check for excessive memory usage"));
        }
        self.step(bytes / 64)
    }

    /// Counts an array that is about to be made.
    pub(super) fn make_array(&mut self, length: usize) -> Fallible<()> {
        self.make(length.saturating_mul(8))
    }
}

fn bound(words: &str) -> Box<Problem> {
    problem("").with_message(words)
}
