//! A file's tree for those who only want to know what it defines, without the parsers and the large grammars.

use std::time::{Duration, Instant};

use tree_sitter::Tree;

use super::Language;
use super::language;
use super::syntax::scanners;
use super::walk::parse_tree;

/// Files larger than this have no tree.
const MAX_BYTES: usize = 1024 * 1024;

/// A file as far as it was read.
#[derive(Debug)]
pub struct Outline<'a> {
    /// Its language.
    pub language: Language,
    /// Its text, when it is UTF-8 and not larger than 1 MiB.
    pub text: Option<&'a str>,
    /// Its tree, with repairs where it is wrong. None for languages without a grammar or with a large one
    /// (see [`Language::small_grammar`]), and where the parser took longer than two seconds.
    pub tree: Option<Tree>,
}

/// Reads a file.
#[must_use]
pub fn outline<'a>(path: &str, contents: &'a [u8]) -> Outline<'a> {
    let language = language::detect(path, contents);
    let text = std::str::from_utf8(contents).ok().filter(|text| text.len() <= MAX_BYTES);
    let text = text.map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
    let tree = text.filter(|text| scanners::are_safe(language, text)).and_then(|text| {
        let grammar = language.small_grammar()?;
        parse_tree(&grammar, text, Instant::now() + Duration::from_secs(2))
    });
    Outline { language, text, tree }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_of_small_grammars_only() {
        assert!(outline("a.go", b"package a\n").tree.is_some());
        let large = outline("a.rb", b"def f; end\n");
        assert!(large.tree.is_none() && large.text.is_some() && large.language == Language::Ruby);
        assert!(outline("a.py", b"\xff").text.is_none());
    }
}
