//! Which parts of a project a model is shown for a task.
//!
//! A task's own files are shown whole. Of the others, those that matter for it are found by what defines and what uses which
//! names ([`symbols`]) and ranked from the task's files and words outwards (`rank`); they are shown as signatures. The rest
//! is listed by path. All of it stays within a number of tokens, estimated from bytes. The same files and the same task give
//! the same context, so a call that is made again asks the same.

mod rank;
mod symbols;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::analysis::language;
use crate::edit::Tree;

pub use symbols::{Definition, Symbols, symbols};

/// A task, as far as it decides what is shown.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The files that it makes or changes. They need not exist.
    pub files: &'a [String],
    /// What it is about: its description, its acceptance, what QA found.
    pub words: &'a str,
    /// How many tokens may be shown, as [`tokens`] counts them.
    pub budget: usize,
}

/// What is shown of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Path and contents of files that are shown whole, the task's own first.
    pub whole: Vec<(String, String)>,
    /// Path and outline of files of which signatures are shown, the most relevant first.
    pub outlines: Vec<(String, String)>,
    /// Paths of which nothing more is shown.
    pub others: Vec<String>,
    /// How many paths there was no room to name.
    pub unnamed: usize,
}

/// A cautious estimate of the tokens of a text: code has three to four bytes a token.
#[must_use]
pub fn tokens(text: &str) -> usize {
    text.len().div_ceil(3)
}

/// Files up to so many tokens without signatures (settings, manifests) are shown whole.
const SMALL: usize = 400;
/// Tokens around a file that is shown.
const AROUND: usize = 12;

/// Chooses what is shown.
#[must_use]
pub fn select(tree: &Tree, wanted: &Wanted<'_>) -> Context {
    let mut context = Context::default();
    let mut left = wanted.budget;
    let own: BTreeSet<&str> = wanted.files.iter().map(String::as_str).collect();
    let mut outlined: Vec<&str> = Vec::new();
    for path in wanted.files {
        let Some(text) = text_of(tree, path) else { continue };
        if context.whole.iter().any(|(shown, _)| shown == path) {
            continue;
        }
        if take(&mut left, path, text) {
            context.whole.push((path.clone(), text.to_owned()));
        } else {
            outlined.push(path);
        }
    }
    let maps: Vec<(&str, Symbols)> =
        tree.iter().map(|(path, contents)| (path.as_str(), symbols(path, contents))).collect();
    let ranked = rank::rank(&maps, &own, wanted.words);
    let rest = ranked.iter().copied().filter(|path| !own.contains(path));
    let mut others: Vec<&str> = Vec::new();
    for path in outlined.into_iter().chain(rest) {
        let Some(text) = text_of(tree, path) else {
            others.push(path);
            continue;
        };
        let outline = maps.iter().find(|(other, _)| *other == path).map(|(_, map)| map.outline()).unwrap_or_default();
        let named = wanted.words.contains(path);
        if (named || outline.is_empty() && tokens(text) <= SMALL && !text.trim().is_empty())
            && !own.contains(path)
            && take(&mut left, path, text)
        {
            context.whole.push((path.to_owned(), text.to_owned()));
        } else if !outline.is_empty() && take(&mut left, path, &outline) {
            context.outlines.push((path.to_owned(), outline));
        } else {
            others.push(path);
        }
    }
    others.sort_unstable();
    for path in others {
        if take(&mut left, path, "") {
            context.others.push(path.to_owned());
        } else {
            context.unnamed += 1;
        }
    }
    context
}

/// Takes room for a file, if there is some.
fn take(left: &mut usize, path: &str, text: &str) -> bool {
    let around = if text.is_empty() { 2 } else { AROUND };
    let needed = tokens(path) + tokens(text) + around;
    let fits = needed <= *left;
    if fits {
        *left -= needed;
    }
    fits
}

fn text_of<'a>(tree: &'a Tree, path: &str) -> Option<&'a str> {
    std::str::from_utf8(tree.get(path)?).ok().filter(|text| !text.contains('\0'))
}

impl Context {
    /// As a model is shown it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        for (path, text) in &self.whole {
            let language = language::detect(path, text.as_bytes()).name().to_lowercase();
            let fence = fence_for(text);
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            let _ = writeln!(out, "#### {path} (whole)\n{fence}{language}\n{text}{end}{fence}\n");
        }
        for (path, outline) in &self.outlines {
            let fence = fence_for(outline);
            let _ = writeln!(out, "#### {path} (signatures, with their lines)\n{fence}\n{outline}{fence}\n");
        }
        if !self.others.is_empty() {
            let _ = writeln!(out, "#### Other files\n{}", self.others.join("\n"));
        }
        if self.unnamed > 0 {
            let _ = writeln!(out, "and {} more", self.unnamed);
        }
        if out.is_empty() {
            out.push_str("The project has no files yet.\n");
        }
        out
    }
}

/// A fence that is longer than any in the text.
#[must_use]
pub fn fence_for(text: &str) -> String {
    let longest =
        text.lines().map(|line| line.trim_start().chars().take_while(|char| *char == '`').count()).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn shop() -> Tree {
        tree(&[
            (
                "shop/cart.py",
                "from shop.prices import price_of\n\n\nclass Cart:\n    def total(self):\n        return price_of(self)\n",
            ),
            (
                "shop/prices.py",
                "def price_of(item):\n    return item.price\n\n\ndef round_up(value):\n    return value\n",
            ),
            ("shop/mail.py", "def send_mail(to):\n    return to\n"),
            ("web/app.js", "export function render(cart) { return cart.total; }\n"),
            ("requirements.txt", "flask==3.0\n"),
            ("logo.png", "\0\u{1}"),
        ])
    }

    #[test]
    fn own_files_are_whole_and_what_they_use_comes_first() {
        let context = select(
            &shop(),
            &Wanted { files: &["shop/cart.py".into()], words: "Add a discount to Cart", budget: 4_000 },
        );
        let whole: Vec<&str> = context.whole.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(whole, ["shop/cart.py", "requirements.txt"]);
        assert_eq!(context.outlines.first().map(|(path, _)| path.as_str()), Some("shop/prices.py"));
        assert!(context.outlines[0].1.contains("def price_of(item)") && !context.outlines[0].1.contains("return"));
        assert_eq!(context.others, ["logo.png"]);
        let shown = context.render();
        assert!(shown.contains("#### shop/cart.py (whole)\n```python\nfrom shop"), "{shown}");
    }

    #[test]
    fn words_alone_find_files() {
        let files = ["shop/new.py".to_owned()];
        let context = select(&shop(), &Wanted { files: &files, words: "use send_mail for orders", budget: 4_000 });
        assert_eq!(context.outlines.first().map(|(path, _)| path.as_str()), Some("shop/mail.py"));
        let context = select(&shop(), &Wanted { files: &files, words: "change web/app.js", budget: 4_000 });
        assert_eq!(context.whole.first().map(|(path, _)| path.as_str()), Some("web/app.js"));
    }

    #[test]
    fn nothing_goes_over_the_budget() {
        for budget in [0, 5, 20, 40, 60, 80, 120, 500] {
            let context = select(&shop(), &Wanted { files: &["shop/cart.py".into()], words: "", budget });
            let shown: usize =
                context.whole.iter().chain(&context.outlines).map(|(path, text)| tokens(path) + tokens(text)).sum();
            let named: usize = context.others.iter().map(|path| tokens(path)).sum();
            assert!(shown + named <= budget, "{budget}: {context:?}");
            let count = context.whole.len() + context.outlines.len() + context.others.len() + context.unnamed;
            assert_eq!(count, shop().len());
        }
    }

    #[test]
    fn an_empty_project_says_so() {
        let context = select(&Tree::new(), &Wanted { files: &[], words: "x", budget: 10 });
        assert_eq!(context.render(), "The project has no files yet.\n");
    }
}
