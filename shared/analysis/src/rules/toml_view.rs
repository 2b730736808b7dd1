//! A flat view of a TOML document: which keys have which values.
//!
//! Made from the syntax tree, so it costs no TOML library. It knows tables, arrays of tables,
//! dotted and quoted keys and inline tables; it reports keys and tables defined twice.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tree_sitter::{Node, Tree};

use super::super::Language;
use super::super::walk::{Lines, parse_tree};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A string, without its quotes; escapes are kept as written.
    Text(String),
    /// A table or inline table.
    Table,
    /// An array, as written.
    Array(String),
    /// A number, boolean or date, as written.
    Other(String),
}

/// The document.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Values by their full key. Elements of arrays of tables have their index in the key.
    values: BTreeMap<Vec<String>, (Value, u32)>,
    /// What is defined twice: line, column, message.
    pub(super) duplicates: Vec<(u32, u32, String)>,
}

impl View {
    /// Reads a document; None when it does not parse.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let grammar = Language::Toml.grammar()?;
        let tree = parse_tree(&grammar, text, Instant::now() + Duration::from_secs(2))?;
        if tree.root_node().has_error() {
            return None;
        }
        let mut reader = Reader {
            text,
            lines: Lines::new(text),
            view: Self::default(),
            tables: BTreeSet::new(),
            elements: BTreeMap::new(),
        };
        reader.document(&tree);
        Some(reader.view)
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[&str]) -> Option<&Value> {
        self.entry(key).map(|(value, _)| value)
    }

    fn entry(&self, key: &[&str]) -> Option<&(Value, u32)> {
        let key: Vec<String> = key.iter().map(|&part| part.to_owned()).collect();
        self.values.get(&key)
    }

    /// Whether the key is a string that is not empty.
    pub(super) fn has_text(&self, key: &[&str]) -> bool {
        matches!(self.get(key), Some(Value::Text(text)) if !text.trim().is_empty())
    }

    /// Whether the key or something below it exists.
    pub(super) fn has(&self, key: &[&str]) -> bool {
        self.values.keys().any(|full| full.len() >= key.len() && full.iter().zip(key).all(|(a, b)| a == b))
    }

    /// Keys directly below a key, with value and line.
    pub(super) fn below<'a>(&'a self, key: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a Value, u32)> {
        self.values.iter().filter_map(move |(full, (value, line))| {
            let matches = full.len() == key.len() + 1 && full.iter().zip(key).all(|(a, b)| a == b);
            let name = full.last()?;
            matches.then_some((name.as_str(), value, *line))
        })
    }
}

struct Reader<'a> {
    text: &'a str,
    lines: Lines<'a>,
    view: View,
    tables: BTreeSet<Vec<String>>,
    elements: BTreeMap<Vec<String>, usize>,
}

impl Reader<'_> {
    fn document(&mut self, tree: &Tree) {
        let root = tree.root_node();
        let mut cursor = root.walk();
        for child in root.named_children(&mut cursor) {
            match child.kind() {
                "pair" => self.pairs(vec![(Vec::new(), child)]),
                "table" | "table_array_element" => self.table(child),
                _ => {}
            }
        }
    }

    fn slice(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    fn table(&mut self, node: Node<'_>) {
        let mut cursor = node.walk();
        let mut children = node.named_children(&mut cursor).filter(|child| !child.is_extra());
        let Some(header) = children.next() else {
            return;
        };
        let mut key = self.resolve(split_key(self.slice(header)));
        if node.kind() == "table_array_element" {
            let index = self.elements.entry(key.clone()).or_default();
            key.push(index.to_string());
            *index += 1;
        } else if !self.tables.insert(key.clone()) {
            self.duplicate(header, format!("table [{}] is defined twice", key.join(".")));
        }
        let (line, _) = self.lines.position(header.start_byte());
        self.view.values.entry(key.clone()).or_insert((Value::Table, line));
        let pairs: Vec<_> = children.filter(|child| child.kind() == "pair").collect();
        // The stack is taken from its end.
        self.pairs(pairs.into_iter().rev().map(|pair| (key.clone(), pair)).collect());
    }

    /// A table below an array of tables belongs to the array's last element.
    fn resolve(&self, key: Vec<String>) -> Vec<String> {
        let mut full = Vec::with_capacity(key.len());
        let last = key.len().saturating_sub(1);
        for (index, part) in key.into_iter().enumerate() {
            full.push(part);
            if index < last
                && let Some(count) = self.elements.get(&full)
            {
                full.push(count.saturating_sub(1).to_string());
            }
        }
        full
    }

    fn pairs(&mut self, mut stack: Vec<(Vec<String>, Node<'_>)>) {
        while let Some((table, pair)) = stack.pop() {
            let mut cursor = pair.walk();
            let mut parts = pair.named_children(&mut cursor).filter(|child| !child.is_extra());
            let (Some(key_node), Some(value_node)) = (parts.next(), parts.next()) else {
                continue;
            };
            let mut key = table;
            key.extend(split_key(self.slice(key_node)));
            let raw = self.slice(value_node);
            let value = match value_node.kind() {
                "string" => Value::Text(unquote(raw).to_owned()),
                "array" => Value::Array(raw.to_owned()),
                "inline_table" => Value::Table,
                _ => Value::Other(raw.to_owned()),
            };
            if value_node.kind() == "inline_table" {
                let mut inner = value_node.walk();
                let pairs: Vec<_> = value_node.named_children(&mut inner).filter(|c| c.kind() == "pair").collect();
                stack.extend(pairs.into_iter().rev().map(|pair| (key.clone(), pair)));
            }
            let (line, _) = self.lines.position(key_node.start_byte());
            match self.view.values.entry(key) {
                Entry::Vacant(place) => {
                    place.insert((value, line));
                }
                Entry::Occupied(taken) => {
                    let message = format!("key `{}` is defined twice", taken.key().join("."));
                    self.duplicate(key_node, message);
                }
            }
        }
    }

    fn duplicate(&mut self, node: Node<'_>, message: String) {
        let (line, column) = self.lines.position(node.start_byte());
        self.view.duplicates.push((line, column, message));
    }
}

/// Splits `a."b.c".d` at the dots outside of quotes.
fn split_key(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '.' => parts.push(String::new()),
            None if c.is_whitespace() => {}
            _ => {
                if let Some(part) = parts.last_mut() {
                    part.push(c);
                }
            }
        }
    }
    parts
}

fn unquote(raw: &str) -> &str {
    for quotes in ["\"\"\"", "'''", "\"", "'"] {
        if let Some(inner) = raw.strip_prefix(quotes).and_then(|rest| rest.strip_suffix(quotes)) {
            return inner;
        }
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_keys_and_values() {
        let text = "top = 1\n[a]\nb = 'x' # note\nc.d = \"y\"\n\"e.f\" = { g = 2, h.i = '' }\n[[k]]\nl = 1\n[k.m]\nn = 1\n[[k]]\nl = 2\n[k.m]\nn = 2\n";
        let view = View::parse(text).unwrap();
        assert_eq!(view.duplicates, []);
        assert_eq!(view.get(&["top"]), Some(&Value::Other("1".into())));
        assert!(view.has_text(&["a", "b"]));
        assert!(view.has_text(&["a", "c", "d"]));
        assert_eq!(view.get(&["a", "e.f", "g"]), Some(&Value::Other("2".into())));
        assert!(!view.has_text(&["a", "e.f", "h", "i"]));
        assert_eq!(view.get(&["k", "1", "m", "n"]), Some(&Value::Other("2".into())));
        assert!(view.has(&["k"]) && !view.has(&["z"]));
        let names: Vec<_> = view.below(&["a"]).map(|(name, _, line)| (name, line)).collect();
        assert_eq!(names, [("b", 3), ("e.f", 5)]);
    }

    #[test]
    fn duplicates_and_errors() {
        assert_eq!(View::parse("a = 1\na = 2\n").unwrap().duplicates.len(), 1);
        assert_eq!(View::parse("[a]\nb = 1\n[a]\n").unwrap().duplicates.len(), 1);
        assert!(View::parse("a = \n").is_none());
    }
}
