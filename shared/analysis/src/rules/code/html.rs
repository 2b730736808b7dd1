//! What a page needs, and ids that stand twice.

use std::collections::BTreeSet;

use tree_sitter::{Node, Tree};

use super::super::super::Severity;
use super::super::super::walk::{Next, Visit, walk};
use super::super::id;
use super::Code;

impl Code<'_> {
    pub(super) fn html(&mut self, tree: &Tree) {
        let mut ids = BTreeSet::new();
        walk(tree, |visit| {
            let Visit::Enter(node) = visit else { return Next::Descend };
            if !matches!(node.kind(), "start_tag" | "self_closing_tag") {
                return Next::Descend;
            }
            let tag = node.named_child(0).map_or("", |name| self.slice(name)).to_ascii_lowercase();
            let attribute = |name: &str| self.attribute(node, name);
            let (alt, lang, own) = (attribute("alt"), attribute("lang"), attribute("id"));
            if tag == "img" && alt.is_none() {
                self.report(
                    id::MISSING_ALT,
                    Severity::Minor,
                    node,
                    "an image needs `alt`: say what it shows, or `alt=\"\"`",
                );
            }
            if tag == "html" && lang.is_none() {
                self.report(id::MISSING_LANG, Severity::Minor, node, "the page does not say its language: add `lang`");
            }
            if let Some(own) = own.filter(|it| !it.is_empty() && !it.contains(['{', '<', '$', '%']))
                && !ids.insert(own.clone())
            {
                let shown: String = own.chars().take(60).collect();
                self.report(id::DUPLICATE_ID, Severity::Major, node, format!("id `{shown}` stands here a second time"));
            }
            Next::Skip
        });
    }

    /// The value of a tag's attribute; empty when it has none.
    fn attribute(&self, tag: Node<'_>, wanted: &str) -> Option<String> {
        let mut cursor = tag.walk();
        for attribute in tag.named_children(&mut cursor).filter(|child| child.kind() == "attribute") {
            let name = attribute.named_child(0).map_or("", |name| self.slice(name));
            if name.eq_ignore_ascii_case(wanted) || name.eq_ignore_ascii_case(&format!(":{wanted}")) {
                let value = attribute.named_child(1).map_or("", |value| self.slice(value));
                return Some(value.trim_matches(['"', '\'']).to_owned());
            }
        }
        // A template may put any attribute here.
        self.slice(tag).contains("{").then(String::new)
    }
}
