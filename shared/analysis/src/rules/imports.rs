//! What files import, and imports of which nothing is used.

use std::collections::HashMap;

use tree_sitter::{Node, Tree};

use super::super::walk::{Lines, Next, Visit, walk};
use super::super::{Finding, Language, Severity};
use super::{finding, id};

/// One import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    /// The module as it is written, without quotes.
    pub(super) module: String,
    /// The names that it gives to the file.
    pub(super) names: Vec<String>,
    /// Where the statement begins and ends, in bytes.
    pub(super) range: std::ops::Range<usize>,
    /// Whether the program may go on without it: in a `try`, or for types only.
    pub(super) is_optional: bool,
}

/// The imports of a file.
pub(super) fn of(language: Language, text: &str, tree: &Tree) -> Vec<Import> {
    let mut reader = Reader { text, imports: Vec::new() };
    let mut optional_until = 0;
    walk(tree, |visit| {
        let Visit::Enter(node) = visit else { return Next::Descend };
        let kind = node.kind();
        let guards = kind == "try_statement"
            || kind == "if_statement" && reader.field(node, "condition").contains("TYPE_CHECKING");
        if guards {
            optional_until = optional_until.max(node.end_byte());
        }
        let is_optional = node.start_byte() < optional_until;
        match language {
            Language::JavaScript | Language::TypeScript | Language::Tsx => reader.javascript(node, is_optional),
            Language::Python => reader.python(node, is_optional),
            Language::Go if kind == "import_spec" => reader.go(node),
            Language::Java if kind == "import_declaration" => reader.java(node),
            _ => {}
        }
        Next::Descend
    });
    reader.imports
}

struct Reader<'a> {
    text: &'a str,
    imports: Vec<Import>,
}

impl<'a> Reader<'a> {
    fn slice(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    fn field(&self, node: Node<'_>, name: &str) -> &'a str {
        node.child_by_field_name(name).map_or("", |it| self.slice(it))
    }

    fn push(&mut self, node: Node<'_>, module: &str, names: Vec<String>, is_optional: bool) {
        let module = module.trim_matches(['"', '\'', '`']).to_owned();
        self.imports.push(Import { module, names, range: node.byte_range(), is_optional });
    }

    fn javascript(&mut self, node: Node<'_>, is_optional: bool) {
        match node.kind() {
            "import_statement" => {
                let types_only = self.slice(node).starts_with("import type");
                let mut names = Vec::new();
                let mut stack = vec![node];
                while let Some(next) = stack.pop() {
                    match next.kind() {
                        "import_specifier" => {
                            let name = next.child_by_field_name("alias").or_else(|| next.child_by_field_name("name"));
                            names.extend(name.map(|it| self.slice(it).to_owned()));
                        }
                        "identifier" => names.push(self.slice(next).to_owned()),
                        _ => {
                            let mut cursor = next.walk();
                            stack.extend(next.named_children(&mut cursor));
                        }
                    }
                }
                let source = self.field(node, "source");
                if !source.is_empty() {
                    self.push(node, source, names, is_optional || types_only);
                }
            }
            "export_statement" if node.child_by_field_name("source").is_some() => {
                let source = self.field(node, "source");
                self.push(node, source, Vec::new(), is_optional);
            }
            "call_expression" if matches!(self.field(node, "function"), "require" | "import") => {
                let argument = node.child_by_field_name("arguments").and_then(|it| it.named_child(0));
                if let Some(argument) = argument.filter(|it| it.kind() == "string") {
                    let source = self.slice(argument);
                    self.push(node, source, Vec::new(), is_optional);
                }
            }
            _ => {}
        }
    }

    fn python(&mut self, node: Node<'_>, is_optional: bool) {
        match node.kind() {
            "import_statement" => {
                let mut cursor = node.walk();
                for child in node.named_children(&mut cursor) {
                    let (module, name) = match child.kind() {
                        "aliased_import" => (self.field(child, "name"), self.field(child, "alias")),
                        "dotted_name" => {
                            let module = self.slice(child);
                            (module, module.split('.').next().unwrap_or(module))
                        }
                        _ => continue,
                    };
                    self.push(node, module, vec![name.to_owned()], is_optional);
                }
            }
            "import_from_statement" => {
                let Some(module) = node.child_by_field_name("module_name") else { return };
                let mut names = Vec::new();
                let mut cursor = node.walk();
                for child in node.children_by_field_name("name", &mut cursor) {
                    match child.kind() {
                        // `a as a` is how a name is passed on.
                        "aliased_import" if self.field(child, "name") == self.field(child, "alias") => {}
                        "aliased_import" => names.push(self.field(child, "alias").to_owned()),
                        _ => names.push(self.slice(child).to_owned()),
                    }
                }
                self.push(node, self.slice(module), names, is_optional);
            }
            _ => {}
        }
    }

    fn go(&mut self, node: Node<'_>) {
        let path = self.field(node, "path").trim_matches('"');
        let is_standard = !path.split('/').next().unwrap_or("").contains('.');
        let name = match self.field(node, "name") {
            "_" | "." => None,
            // Only the standard library's packages are surely named like their path.
            "" => path.rsplit('/').find(|part| !is_major(part)).filter(|_| is_standard),
            alias => Some(alias),
        };
        self.push(node, path, name.map(str::to_owned).into_iter().collect(), false);
    }

    fn java(&mut self, node: Node<'_>) {
        let mut cursor = node.walk();
        let mut path = "";
        for child in node.named_children(&mut cursor) {
            match child.kind() {
                "scoped_identifier" => path = self.slice(child),
                "asterisk" => return,
                _ => {}
            }
        }
        let name = path.rsplit('.').next().unwrap_or("");
        if !name.is_empty() {
            self.push(node, path, vec![name.to_owned()], false);
        }
    }
}

fn is_major(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// How often each word stands in a text.
fn words(text: &str) -> HashMap<&str, usize> {
    let mut words = HashMap::new();
    for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')) {
        if !word.is_empty() {
            *words.entry(word).or_insert(0) += 1;
        }
    }
    words
}

/// Reports imported names that stand nowhere else in the file, not even in a comment or a string.
pub(super) fn unused(path: &str, language: Language, text: &str, tree: &Tree, findings: &mut Vec<Finding>) {
    let is_listing = path.ends_with("__init__.py") || path.ends_with(".d.ts") || path.ends_with("conftest.py");
    let imports = if is_listing { Vec::new() } else { of(language, text, tree) };
    if imports.is_empty() {
        return;
    }
    let all = words(text);
    let lines = Lines::new(text);
    for import in imports {
        if import.is_optional && language == Language::Python || import.module == "__future__" {
            continue;
        }
        let statement = text.get(import.range.clone()).unwrap_or("");
        let rest_of_line = text.get(import.range.end..).and_then(|rest| rest.lines().next()).unwrap_or("");
        let own = words(statement);
        for name in &import.names {
            // JSX is compiled to calls of these.
            let is_pragma = matches!(name.as_str(), "React" | "h" | "jsx" | "Fragment");
            let is_used = all.get(name.as_str()) > own.get(name.as_str());
            if is_used || is_pragma || rest_of_line.contains("noqa") || rest_of_line.contains("eslint") {
                continue;
            }
            let severity = if language == Language::Go { Severity::Major } else { Severity::Minor };
            let place = lines.position(import.range.start);
            let message = format!("`{name}` is imported and not used: delete the import");
            findings.push(finding(id::UNUSED_IMPORT, severity, path, place, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::*;

    #[test]
    fn imports_of_which_nothing_is_used() {
        for (path, text, expected) in [
            (
                "a.py",
                "import os\nimport sys, re\nfrom a import b, c as d\nprint(sys, d)\n",
                &["minor 1 `os`", "minor 2 `re`", "minor 3 `b`"][..],
            ),
            (
                "a.py",
                "try:\n    import a\nexcept ImportError:\n    a = None\nfrom b import c as c\nimport d  # noqa\nfrom __future__ import annotations\n",
                &[],
            ),
            ("__init__.py", "from a import b\n", &[]),
            (
                "a.js",
                "import a, { b, c as d } from 'x';\nimport * as e from 'y';\nimport 'z';\na(d);\n",
                &["minor 1 `b`", "minor 2 `e`"],
            ),
            ("a.tsx", "import React from 'react';\nexport const A = () => <p/>;\n", &[]),
            (
                "a.go",
                "package a\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t_ \"embed\"\n\t\"math/rand/v2\"\n\t\"example.org/x/go-y\"\n)\n\nfunc f() { fmt.Println(rand.Int()) }\n",
                &["major 5 `os`"],
            ),
            (
                "A.java",
                "import java.util.List;\nimport java.util.Map;\nimport java.io.*;\nclass A { List<String> a; }\n",
                &["minor 2 `Map`"],
            ),
        ] {
            let mut found = found(id::UNUSED_IMPORT, path, text);
            found.sort_by_key(|it| it.split(' ').nth(1).and_then(|line| line.parse::<u32>().ok()));
            let shown: Vec<&str> = found.iter().map(|it| it.split(" is").next().unwrap_or(it)).collect();
            assert_eq!(shown, expected, "{path}: {text}");
        }
    }
}
