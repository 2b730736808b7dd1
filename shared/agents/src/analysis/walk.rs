//! Walking a syntax tree without recursion, so that deep nesting costs memory and not stack.

use std::ops::ControlFlow;

use tree_sitter::{Node, Tree};

/// What the walk meets.
pub(crate) enum Visit<'t> {
    /// A node before its children.
    Enter(Node<'t>),
    /// A node after its children.
    Leave(Node<'t>),
}

/// What to do after [`Visit::Enter`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Go on with the children.
    Descend,
    /// Leave the children out.
    Skip,
    /// End the walk.
    Stop,
}

/// Visits every node of the tree in source order. The answer to [`Visit::Leave`] is only
/// compared with [`Next::Stop`].
pub(crate) fn walk<'t>(tree: &'t Tree, mut visit: impl FnMut(Visit<'t>) -> Next) {
    let mut cursor = tree.walk();
    loop {
        let next = visit(Visit::Enter(cursor.node()));
        if next == Next::Stop {
            return;
        }
        if next == Next::Descend && cursor.goto_first_child() {
            continue;
        }
        loop {
            if visit(Visit::Leave(cursor.node())) == Next::Stop {
                return;
            }
            if cursor.goto_next_sibling() {
                break;
            }
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// Parses text with a limit of parser steps. None when the limit was reached or the grammar was
/// refused.
pub(crate) fn parse_tree(grammar: &tree_sitter::Language, text: &str, mut steps: usize) -> Option<Tree> {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(grammar).ok()?;
    let bytes = text.as_bytes();
    let mut read = |offset: usize, _| bytes.get(offset..).unwrap_or_default();
    let mut progress = |_: &tree_sitter::ParseState| match steps.checked_sub(1) {
        Some(left) => {
            steps = left;
            ControlFlow::Continue(())
        }
        None => ControlFlow::Break(()),
    };
    let options = tree_sitter::ParseOptions::new().progress_callback(&mut progress);
    parser.parse_with_options(&mut read, None, Some(options))
}
