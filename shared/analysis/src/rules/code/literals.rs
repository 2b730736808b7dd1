//! Keys that stand twice in one literal.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::super::super::{Language, Severity};
use super::super::id;
use super::Code;

impl Code<'_> {
    /// Reports constant keys that stand twice. In JSON most parsers keep the last one, some refuse.
    pub(super) fn duplicate_keys(&mut self, table: Node<'_>) {
        let mut seen = BTreeSet::new();
        let mut cursor = table.walk();
        for pair in table.named_children(&mut cursor) {
            let key = match pair.kind() {
                "pair" => pair.child_by_field_name("key"),
                "array_element_initializer" if pair.named_child_count() == 2 => pair.named_child(0),
                _ => None,
            };
            let Some(key) = key else { continue };
            let is_constant = matches!(
                key.kind(),
                "property_identifier"
                    | "string"
                    | "number"
                    | "integer"
                    | "hash_key_symbol"
                    | "simple_symbol"
                    | "encapsed_string"
            );
            let text = self.slice(key);
            if !is_constant
                || key.kind() == "encapsed_string" && text.contains('$')
                || text.starts_with(['f', 'F']) && key.kind() == "string"
            {
                continue;
            }
            // Python tells `'1'` from `1`, JavaScript does not.
            let name = match self.language {
                Language::Python | Language::Ruby => text.replace('\'', "\""),
                _ => text.trim_matches(['"', '\'']).to_owned(),
            };
            if name != "__proto__" && !seen.insert(name.clone()) {
                let shown: String = name.trim_matches('"').chars().take(60).collect();
                self.report(
                    id::DUPLICATE_KEY,
                    Severity::Major,
                    key,
                    format!("key `{shown}` stands here a second time: the first is lost"),
                );
            }
        }
    }
}
