//! Walking a syntax tree without recursion, so that deep nesting costs memory and not stack.

use std::ops::ControlFlow;
use std::time::Instant;

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

/// Parses text until a deadline, which the parser looks at once in about a hundred steps. None when it passed or the
/// grammar was refused.
pub(crate) fn parse_tree(grammar: &tree_sitter::Language, text: &str, deadline: Instant) -> Option<Tree> {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(grammar).ok()?;
    let bytes = text.as_bytes();
    let mut read = |offset: usize, _| bytes.get(offset..).unwrap_or_default();
    let mut progress = |_: &tree_sitter::ParseState| {
        if Instant::now() < deadline { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let options = tree_sitter::ParseOptions::new().progress_callback(&mut progress);
    parser.parse_with_options(&mut read, None, Some(options))
}

/// Byte offsets turned into lines and columns.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// Line and column of a byte offset; both from 1, the column in characters.
    pub(crate) fn position(&self, byte: usize) -> (u32, u32) {
        let byte = byte.min(self.text.len());
        let line = self.starts.partition_point(|&start| start <= byte);
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or(0);
        let head = self.text.as_bytes().get(start..byte).unwrap_or_default();
        let column = head.iter().filter(|&&b| b & 0xc0 != 0x80).count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// The line of a byte offset, from 1, without the way to its column.
    pub(crate) fn line(&self, byte: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|&start| start <= byte)).unwrap_or(u32::MAX)
    }

    /// The byte offset of a line and column, both from 1; the nearest one where there is no such place.
    pub(crate) fn byte(&self, line: usize, column: usize) -> usize {
        let Some(&start) = self.starts.get(line.saturating_sub(1)) else { return self.text.len() };
        let rest = self.text.get(start..).unwrap_or("");
        let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
        start + within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let lines = Lines::new("aé\nüb\n");
        let places: Vec<_> = [0, 1, 3, 4, 6, 7, 8, 99].map(|byte| lines.position(byte)).to_vec();
        assert_eq!(places, [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 1)]);
        assert_eq!(Lines::new("").position(9), (1, 1));
    }
}
