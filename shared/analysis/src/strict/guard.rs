//! What keeps recursive parsers from ending the process.
//!
//! They call themselves for each level of nesting, so a file of brackets would overflow their stack. The tree of tree-sitter,
//! which was made and is walked without recursion, says beforehand how deep a file is; and they run on a thread with a
//! large stack (of which only what is used costs memory), where a panic ends only their opinion.

use tree_sitter::Tree;

use super::super::walk::{Next, Visit, walk};

/// Levels that a recursive parser is given at most.
const MAX_DEPTH: usize = 1500;

/// The stack of the thread: a level costs up to a hundred kilobytes in a build without optimisation.
const STACK: usize = 512 * 1024 * 1024;

/// Whether a recursive parser may be given the text of this tree. In the pieces that tree-sitter could not parse nesting is
/// not to be seen, so each of their tokens counts as a level.
pub(crate) fn is_shallow(tree: &Tree) -> bool {
    let mut depth = 0_usize;
    let mut deepest = 0_usize;
    let mut loose = 0_usize;
    walk(tree, |visit| {
        match visit {
            Visit::Enter(node) => {
                depth += 1;
                deepest = deepest.max(depth);
                if node.is_error() {
                    loose += usize::try_from(node.child_count()).unwrap_or(usize::MAX / 2);
                }
            }
            Visit::Leave(_) => depth -= 1,
        }
        if deepest + loose > MAX_DEPTH { Next::Stop } else { Next::Descend }
    });
    deepest + loose <= MAX_DEPTH
}

/// Runs a parser on a large stack. None when it panicked or there is no thread to be had.
pub(crate) fn run<T: Send>(parse: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("parser".to_owned()).stack_size(STACK);
        thread.spawn_scoped(scope, parse).ok()?.join().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::super::Language;
    use super::super::super::walk::parse_tree;
    use super::*;

    fn shallow(text: &str) -> bool {
        let grammar = Language::JavaScript.grammar().unwrap();
        is_shallow(&parse_tree(&grammar, text, Instant::now() + Duration::from_secs(60)).unwrap())
    }

    #[test]
    fn nesting_is_seen_in_good_and_in_broken_text() {
        assert!(shallow("f([1, {a: [2]}]);\n"));
        assert!(!shallow(&format!("{}{}", "[".repeat(2000), "]".repeat(2000))));
        assert!(!shallow(&"(".repeat(2000)));
        assert!(!shallow(&"!".repeat(2000)));
        assert!(!shallow(&format!("a{}", "+1".repeat(2000))));
    }

    #[test]
    fn a_panic_is_no_opinion() {
        assert_eq!(run(|| 1), Some(1));
        assert_eq!(run(|| -> u8 { std::panic::resume_unwind(Box::new("x")) }), None);
    }
}
