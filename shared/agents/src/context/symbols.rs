//! What a file defines and what it uses, by tree-sitter.
//!
//! Grammars name alike what they have alike: a definition is a node with a `name` whose kind ends in `_definition`,
//! `_declaration` or `_item`. So a grammar that is added to the analysis is understood here without more. Definitions of
//! languages whose grammars are large are found by patterns.

mod patterns;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tree_sitter::Node;

use crate::analysis::outline;

/// What a file defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// How many definitions it stands in.
    pub depth: usize,
    /// Its text up to its body, in one line.
    pub signature: String,
}

/// What a file defines and uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Symbols {
    /// In order of place.
    pub definitions: Vec<Definition>,
    /// Names that occur, with how often.
    pub references: BTreeMap<String, u32>,
}

/// The longest signature that is shown, in characters.
const SIGNATURE: usize = 160;
/// Definitions of a file that are shown.
const SHOWN: usize = 200;
/// Definitions in definitions are shown to this depth.
const DEPTH: usize = 2;

impl Symbols {
    /// The signatures with their lines.
    #[must_use]
    pub fn outline(&self) -> String {
        let mut out = String::new();
        for definition in self.definitions.iter().filter(|it| it.depth <= DEPTH).take(SHOWN) {
            let _ = writeln!(out, "{:>5}  {}{}", definition.line, "  ".repeat(definition.depth), definition.signature);
        }
        out
    }
}

/// Reads a file. What can't be parsed has names and no definitions.
#[must_use]
pub fn symbols(path: &str, contents: &[u8]) -> Symbols {
    let parsed = outline(path, contents);
    let Some(text) = parsed.text.filter(|text| !text.contains('\0')) else { return Symbols::default() };
    let mut symbols = Symbols { definitions: Vec::new(), references: words(text) };
    let Some(tree) = &parsed.tree else {
        symbols.definitions = patterns::definitions(parsed.language, text);
        return symbols;
    };
    let mut cursor = tree.walk();
    // The ends of the definitions around the node, with whether something may be defined in them for others.
    let mut around: Vec<(usize, bool)> = Vec::new();
    loop {
        let node = cursor.node();
        while around.last().is_some_and(|(end, _)| node.start_byte() >= *end) {
            around.pop();
        }
        let is_local = around.iter().any(|(_, is_container)| !is_container);
        if let Some(name) = name_of(&node, text).filter(|_| !is_local) {
            symbols.definitions.push(Definition {
                name,
                line: node.start_position().row + 1,
                depth: around.len(),
                signature: signature(&node, text),
            });
            around.push((node.end_byte(), is_container(node.kind())));
        }
        if cursor.goto_first_child() || cursor.goto_next_sibling() {
            continue;
        }
        loop {
            if !cursor.goto_parent() {
                return symbols;
            }
            if cursor.goto_next_sibling() {
                break;
            }
        }
    }
}

/// May it hold definitions that others use?
fn is_container(kind: &str) -> bool {
    ["class", "impl", "trait", "interface", "mod", "namespace", "module", "struct", "enum"]
        .iter()
        .any(|word| kind.starts_with(word) || kind.contains(&format!("_{word}_")))
}

/// The name of what a node defines.
fn name_of(node: &Node<'_>, text: &str) -> Option<String> {
    let kind = node.kind();
    let read = |node: Node<'_>| text.get(node.byte_range()).map(|name| name.trim_matches(['"', '\'']).to_owned());
    if kind == "impl_item" {
        return read(node.child_by_field_name("type")?);
    }
    let at_top = || {
        let mut parent = node.parent();
        while let Some(node) = parent {
            match node.kind() {
                "program" | "module" | "source_file" => return true,
                "expression_statement" | "lexical_declaration" | "variable_declaration" | "export_statement" => {
                    parent = node.parent();
                }
                _ => return false,
            }
        }
        false
    };
    let name = match kind {
        "property_signature"
        | "field_declaration"
        | "use_declaration"
        | "import_declaration"
        | "namespace_use_declaration" => return None,
        "variable_declarator" if at_top() => node.child_by_field_name("name")?,
        "assignment" if at_top() => node.child_by_field_name("left")?,
        "variable_declarator" | "assignment" => return None,
        _ => {
            let defines = ["_definition", "_declaration", "_item", "_signature"].iter().any(|end| kind.ends_with(end));
            let defines = defines || matches!(kind, "method" | "class" | "module" | "type_spec") && node.is_named();
            if !defines {
                return None;
            }
            node.child_by_field_name("name").or_else(|| declared(node))?
        }
    };
    let is_name = name.named_child_count() == 0 && (1..=120).contains(&name.byte_range().len());
    is_name.then(|| read(name)).flatten()
}

/// The name inside the declarators of a function of C.
fn declared<'t>(node: &Node<'t>) -> Option<Node<'t>> {
    let mut name = node.child_by_field_name("declarator").filter(|_| node.kind() == "function_definition")?;
    for _ in 0..8 {
        match name.child_by_field_name("declarator") {
            Some(inner) => name = inner,
            None => break,
        }
    }
    Some(name)
}

/// A node's text up to its body.
fn signature(node: &Node<'_>, text: &str) -> String {
    let outer = match node.kind() {
        "variable_declarator" => node.parent().unwrap_or(*node),
        _ => *node,
    };
    let body = node.child_by_field_name("body").map_or_else(|| outer.end_byte(), |body| body.start_byte());
    let text = text.get(outer.start_byte()..body.max(outer.start_byte())).unwrap_or_default();
    let text = if node.child_by_field_name("body").is_some() { text } else { text.lines().next().unwrap_or_default() };
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    let out = out.trim_end_matches(['{', ':', ' ']);
    if out.chars().count() <= SIGNATURE { out.to_owned() } else { out.chars().take(SIGNATURE).chain(['…']).collect() }
}

/// Names and file names that occur in a text.
pub(super) fn words(text: &str) -> BTreeMap<String, u32> {
    /// No more different ones of a file.
    const MOST: usize = 20_000;
    let mut words = BTreeMap::new();
    for part in text.split(|char: char| !(char.is_alphanumeric() || matches!(char, '_' | '.' | '-'))) {
        let part = part.trim_matches(['.', '-']);
        let mut count = |word: &str| {
            if (2..=80).contains(&word.len()) && (words.len() < MOST || words.contains_key(word)) {
                let times: &mut u32 = words.entry(word.to_owned()).or_default();
                *times = times.saturating_add(1);
            }
        };
        count(part);
        if part.contains(['.', '-']) {
            part.split(['.', '-']).for_each(count);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_by_patterns_and_new_grammars() {
        let names = |path: &str, text: &str| -> Vec<(usize, String)> {
            symbols(path, text.as_bytes()).definitions.into_iter().map(|it| (it.depth, it.name)).collect()
        };
        let expect = |names: &[(usize, &str)]| -> Vec<(usize, String)> {
            names.iter().map(|(depth, name)| (*depth, (*name).to_owned())).collect()
        };
        let ruby = "module Shop\n  class Cart < Base\n    def total(a)\n      a\n    end\n\n    def self.of(b) = b\n  end\nend\n";
        assert_eq!(names("a.rb", ruby), expect(&[(0, "Shop"), (1, "Cart"), (2, "total"), (2, "self.of")]));
        let php = "<?php\nfinal class Cart extends Base\n{\n    public static function total(int $a): int\n    {\n        return f($a);\n    }\n}\nfunction f() {}\n";
        assert_eq!(names("a.php", php), expect(&[(0, "Cart"), (1, "total"), (0, "f")]));
        let csharp = "namespace Shop;\n\npublic class Cart : Base\n{\n    public int Total { get; }\n    private static async Task<int> Sum(int a)\n    {\n        return await F(a);\n    }\n}\n";
        assert_eq!(names("a.cs", csharp), expect(&[(0, "Shop"), (0, "Cart"), (1, "Sum")]));
        let cpp = "namespace shop {\nclass Cart : public Base {\n public:\n  int total(int a) const {\n    if (a) { return f(a); }\n  }\n};\n}\nint shop::Cart::sum(int a)\n{\n  return f(a);\n}\n";
        assert_eq!(names("a.cpp", cpp), expect(&[(0, "shop"), (0, "Cart"), (1, "total"), (0, "shop::Cart::sum")]));
        assert_eq!(names("a.go", "package a\n\ntype T struct{}\n\nfunc (t T) F() {}\n").len(), 2);
        assert_eq!(names("a.c", "static int *f(int a) {\n  return g(a);\n}\n"), expect(&[(0, "f")]));
        assert_eq!(names("A.java", "class A {\n  int f() { return 1; }\n}\n"), expect(&[(0, "A"), (1, "f")]));
    }

    fn names(path: &str, text: &str) -> Vec<(usize, String)> {
        symbols(path, text.as_bytes()).definitions.into_iter().map(|it| (it.depth, it.signature)).collect()
    }

    #[test]
    fn definitions_in_each_language() {
        type Case = (&'static str, &'static str, &'static [(usize, &'static str)]);
        let cases: [Case; 6] = [
            (
                "a.py",
                "LIMIT = 3\nclass A(Base):\n    x = 1\n    async def f(self, a: int) -> str:\n        def inner(): pass\n        y = 2\n@dec\ndef g(): pass\n",
                &[(0, "LIMIT = 3"), (0, "class A(Base)"), (1, "async def f(self, a: int) -> str"), (0, "def g()")],
            ),
            (
                "a.js",
                "const LIMIT = 3;\nexport class A extends B {\n  go(a) { const x = 1; function inner() {} }\n}\nexport const f = (a) => a;\nasync function g() {}\n",
                &[
                    (0, "const LIMIT = 3;"),
                    (0, "class A extends B"),
                    (1, "go(a)"),
                    (0, "const f = (a) => a;"),
                    (0, "async function g()"),
                ],
            ),
            (
                "a.ts",
                "export interface I { a: string; go(): void }\ntype T = string | number;\nenum E { A }\nfunction f<T>(a: T): T { return a; }\n",
                &[
                    (0, "interface I"),
                    (1, "go(): void"),
                    (0, "type T = string | number;"),
                    (0, "enum E"),
                    (0, "function f<T>(a: T): T"),
                ],
            ),
            (
                "a.rs",
                "pub struct A { b: u8 }\nimpl A {\n    pub fn new(b: u8) -> Self { fn inner() {} Self { b } }\n}\npub trait T { fn t(&self); }\nconst N: u8 = 1;\n",
                &[
                    (0, "pub struct A"),
                    (0, "impl A"),
                    (1, "pub fn new(b: u8) -> Self"),
                    (0, "pub trait T"),
                    (1, "fn t(&self);"),
                    (0, "const N: u8 = 1;"),
                ],
            ),
            ("a.sh", "f() {\n  local x=1\n}\n", &[(0, "f()")]),
            ("a.json", "{\"a\": 1}", &[]),
        ];
        for (path, text, expected) in cases {
            let expected: Vec<(usize, String)> =
                expected.iter().map(|(depth, it)| (*depth, (*it).to_owned())).collect();
            assert_eq!(names(path, text), expected, "{path}");
        }
        assert_eq!(symbols("a.py", b"\xff\xfe"), Symbols::default());
        assert_eq!(symbols("a.bin", b"a\0b"), Symbols::default());
    }

    #[test]
    fn names_are_counted() {
        let found = words("import a_b from './style.css'; a_b(a_b)");
        assert_eq!((found["a_b"], found["style.css"], found["style"]), (3, 1, 1));
    }
}
