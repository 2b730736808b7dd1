//! What is wrong in code whatever it is for. The rules look at the syntax tree; each says only what it is sure of.

mod calls;
mod html;
mod literals;
mod python;
mod shapes;

use std::sync::LazyLock;

use regex::Regex;
use tree_sitter::{Node, Tree};

use super::super::language::file_name;
use super::super::walk::{Lines, Next, Visit, walk};
use super::super::{Finding, Language, Severity};
use super::{finding, id};

/// One file while its tree is walked.
struct Code<'a> {
    path: &'a str,
    language: Language,
    text: &'a str,
    lines: Lines<'a>,
    findings: &'a mut Vec<Finding>,
}

/// Runs the rules on one file that parses.
pub(super) fn check(path: &str, language: Language, text: &str, tree: &Tree, findings: &mut Vec<Finding>) {
    let mut code = Code { path, language, text, lines: Lines::new(text), findings };
    if language == Language::Html {
        code.html(tree);
        return;
    }
    let shapes = shapes::of(language);
    walk(tree, |visit| {
        if let Visit::Enter(node) = visit
            && node.is_named()
        {
            code.node(node, shapes);
        }
        Next::Descend
    });
}

impl Code<'_> {
    fn report(&mut self, rule: &str, severity: Severity, node: Node<'_>, message: impl Into<String>) {
        let place = self.lines.position(node.start_byte());
        self.findings.push(finding(rule, severity, self.path, place, message.into()));
    }

    fn slice(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    fn node(&mut self, node: Node<'_>, shapes: &shapes::Shapes) {
        let kind = node.kind();
        if shapes.blocks.contains(&kind) {
            self.unreachable(node, shapes);
        }
        if shapes.tables.contains(&kind) {
            self.duplicate_keys(node);
        }
        if shapes.conditions.contains(&kind) {
            self.assignment(node);
        }
        match (self.language, kind) {
            (Language::Python, _) => self.python(node),
            (Language::Java, "program") => self.class_file(node),
            (Language::Java, "binary_expression") => self.string_identity(node),
            (Language::Java | Language::JavaScript | Language::TypeScript | Language::Tsx, "catch_clause")
            | (Language::CSharp | Language::Cpp | Language::Php, "catch_clause") => self.swallowed(node),
            _ => {}
        }
        self.calls(node);
    }

    /// Statements after one that never goes on.
    fn unreachable(&mut self, block: Node<'_>, shapes: &shapes::Shapes) {
        let mut cursor = block.walk();
        let mut ended = false;
        for child in block.named_children(&mut cursor) {
            let kind = child.kind();
            if child.is_extra() || kind == "comment" || kind.starts_with("preproc") {
                // What a directive leaves is not to be seen here.
                ended &= !kind.starts_with("preproc");
                continue;
            }
            if ended {
                let is_meant = shapes.reachable.contains(&kind)
                    || kind.contains("label")
                    || kind == "break_statement"
                    || self.language == Language::Python && self.slice(child).contains("yield");
                if !is_meant {
                    self.report(
                        id::UNREACHABLE,
                        Severity::Major,
                        child,
                        "this is never reached: delete it or what ends before",
                    );
                }
                return;
            }
            // Rust's are expressions in a statement.
            let inner =
                if kind == "expression_statement" { child.named_child(0).map_or(kind, |it| it.kind()) } else { kind };
            ended = shapes.ends.contains(&inner);
        }
    }

    /// `if (a = 1)`.
    fn assignment(&mut self, node: Node<'_>) {
        let Some(mut condition) = node.child_by_field_name("condition") else { return };
        while matches!(condition.kind(), "parenthesized_expression" | "condition_clause")
            && condition.named_child_count() == 1
        {
            let Some(inner) = condition.named_child(0) else { return };
            condition = inner;
        }
        if condition.kind() != "assignment_expression" {
            return;
        }
        let is_plain = condition.child(1).is_some_and(|operator| self.slice(operator) == "=");
        let is_constant = condition.child_by_field_name("right").is_some_and(|right| {
            let kind = right.kind();
            ["number", "string", "integer", "float", "true", "false", "null", "boolean"]
                .iter()
                .any(|it| kind.contains(it))
        });
        if is_plain && is_constant {
            let message = "the condition assigns a constant: compare, or assign before";
            self.report(id::ASSIGNMENT_IN_CONDITION, Severity::Major, condition, message);
        }
    }

    /// `catch` with nothing in it, not even a comment.
    fn swallowed(&mut self, clause: Node<'_>) {
        let Some(body) = clause.child_by_field_name("body") else { return };
        let head = self.text.get(clause.start_byte()..body.start_byte()).unwrap_or("").to_ascii_lowercase();
        let is_meant = ["ignore", "expected", "_)"].iter().any(|word| head.contains(word));
        if body.named_child_count() == 0 && !is_meant {
            let message = "the error is dropped: handle it, or say in a comment why it does not matter";
            self.report(id::SWALLOWED_ERROR, Severity::Minor, clause, message);
        }
    }

    /// `public class A` in a file that is not `A.java`.
    fn class_file(&mut self, program: Node<'_>) {
        let stem = file_name(self.path).split('.').next().unwrap_or("").to_owned();
        let mut cursor = program.walk();
        for child in program.named_children(&mut cursor) {
            let is_type = matches!(
                child.kind(),
                "class_declaration" | "interface_declaration" | "enum_declaration" | "record_declaration"
            );
            let modifiers = child.named_child(0).filter(|it| it.kind() == "modifiers");
            let is_public = modifiers.is_some_and(|it| self.slice(it).split_whitespace().any(|word| word == "public"));
            let Some(name) = child.child_by_field_name("name").filter(|_| is_type && is_public) else { continue };
            let shown = self.slice(name).to_owned();
            if shown != stem {
                let message = format!("public `{shown}` must be in a file of its own, `{shown}.java`");
                self.report(id::CLASS_FILE, Severity::Major, name, message);
            }
        }
    }

    /// Java's `==` on a string compares the objects.
    fn string_identity(&mut self, node: Node<'_>) {
        let side = |field: &str| node.child_by_field_name(field).is_some_and(|it| it.kind() == "string_literal");
        let operator = node.child_by_field_name("operator").map_or("", |it| it.kind());
        if matches!(operator, "==" | "!=") && (side("left") || side("right")) {
            let message = "`==` compares whether it is the same object: use equals()";
            self.report(id::LITERAL_IDENTITY, Severity::Major, node, message);
        }
    }
}

#[expect(clippy::expect_used, reason = "the pattern is a constant and the tests compile it")]
static NOT_IMPLEMENTED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)not[ _-]?(?:yet[ _-]?)?implemented|unimplemented").expect("a valid pattern"));

#[cfg(test)]
mod tests {
    use super::super::testing::analysis;

    /// The rules of code that are found in a text, with their lines.
    fn found(path: &str, text: &str) -> Vec<String> {
        let rules = ["missing-readme", "missing-tests", "syntax-error", "unused-import"];
        let analysis = analysis(&[(path, text)]);
        assert!(analysis.blocking().next().is_none(), "{path}: {:?}", analysis.findings);
        let mut found: Vec<_> = analysis.findings.iter().filter(|it| !rules.contains(&it.rule.as_str())).collect();
        found.sort_by_key(|it| (it.line, it.rule.clone()));
        found.iter().map(|it| format!("{} {}", it.rule, it.line)).collect()
    }

    #[test]
    fn each_rule_in_each_language() {
        for (path, text, expected) in [
            ("a.js", "function f(a) {\n  return a;\n  a += 1;\n}\n", &["unreachable-code 3"][..]),
            ("a.js", "if (a = 1) b();\nwhile (c = d()) e();\n", &["assignment-in-condition 1"]),
            ("a.js", "const a = { b: 1, 'b': 2, [c]: 3 };\n", &["duplicate-key 1"]),
            (
                "a.ts",
                "try { a(); } catch (e) {}\ndebugger;\neval(b);\n",
                &["swallowed-error 1", "debugger 2", "eval 3"],
            ),
            ("a.js", "function f() {\n  throw new Error('Not implemented');\n}\n", &["unfinished-code 2"]),
            (
                "a.py",
                "def f(a=[], *, b={}):\n    raise a\n    b()\n",
                &["mutable-default 1", "mutable-default 1", "unreachable-code 3"],
            ),
            (
                "a.py",
                "try:\n    a()\nexcept:\n    b()\ntry:\n    a()\nexcept Exception:\n    pass\n",
                &["bare-except 3", "swallowed-error 7"],
            ),
            (
                "a.py",
                "assert (a, 'b')\nif a is 'x':\n    pass\nc = {'k': 1, 'k': 2}\nbreakpoint()\nexec(d)\n",
                &["assert-tuple 1", "literal-identity 2", "duplicate-key 4", "debugger 5", "eval 6"],
            ),
            (
                "A.java",
                "class A {\n  int f(String a) {\n    if (a == \"b\") return 1;\n    try { g(); } catch (Exception e) { }\n    return 2;\n  }\n}\n",
                &["literal-identity 3", "swallowed-error 4"],
            ),
            ("A.java", "public class B {}\n", &["class-file-name 1"]),
            (
                "A.cs",
                "class A {\n  int F() {\n    throw new System.NotImplementedException();\n    return 1;\n  }\n}\n",
                &["unfinished-code 3", "unreachable-code 4"],
            ),
            ("a.go", "package a\n\nfunc f() int {\n\treturn 1\n\tprintln()\n}\n", &["unreachable-code 5"]),
            (
                "a.c",
                "int f(char *a) {\n  gets(a);\n  if (a = 0) return 1;\n  return 2;\n  a++;\n}\n",
                &["unsafe-function 2", "assignment-in-condition 3", "unreachable-code 5"],
            ),
            ("a.cpp", "void f() {\n  try { g(); } catch (...) {}\n}\n", &["swallowed-error 2"]),
            (
                "a.php",
                "<?php\nfunction f() {\n  mysql_query('x');\n  return ['a' => 1, 'a' => 2];\n  echo 1;\n}\n",
                &["removed-function 3", "duplicate-key 4", "unreachable-code 5"],
            ),
            ("a.rb", "def f\n  binding.pry\n  return 1\n  g\nend\n", &["debugger 2", "unreachable-code 4"]),
            (
                "a.rs",
                "fn f() -> u8 {\n    return 1;\n    g();\n}\nfn h() { todo!() }\n",
                &["unreachable-code 3", "unfinished-code 5"],
            ),
            (
                "a.html",
                "<html>\n<img src=a>\n<p id=\"b\">c</p>\n<p id='b'>d</p>\n</html>\n",
                &["missing-lang 1", "missing-alt 2", "duplicate-id 4"],
            ),
            ("a.json", "{\"a\": 1,\n \"a\": 2}\n", &["duplicate-key 2"]),
        ] {
            assert_eq!(found(path, text), expected, "{path}: {text}");
        }
    }

    #[test]
    fn what_is_meant_is_left_alone() {
        for (path, text) in [
            (
                "a.js",
                "function f() {\n  return g();\n  function g() { return 1; }\n}\nswitch (a) { case 1: { return_(); break; } }\n",
            ),
            (
                "a.js",
                "try { a(); } catch { /* not there */ }\nif ((a = b())) c();\nconst d = { a: 1, b: 2, ...c, a2: 1 };\neval('1');\n",
            ),
            (
                "a.py",
                "def f():\n    return\n    yield\n\n\ndef g(a=None, b=()):\n    try:\n        a()\n    except KeyError:\n        pass\n    if a is None or a is True:\n        raise NotImplementedError\n",
            ),
            ("a.c", "int f(int a) {\n  if (a) goto end;\n  return 1;\nend:\n  return 2;\n}\n"),
            (
                "A.java",
                "public class A {\n  void f() {\n    try { g(); } catch (E ignored) { }\n    if (a == null || \"b\".equals(a)) return;\n  }\n}\nclass B {}\n",
            ),
            ("a.go", "package a\n\nfunc f() {\n\tgoto end\nend:\n\tprintln()\n}\n"),
            ("a.rb", "def f\n  return 1 if a\n  g\nend\n"),
            ("a.rs", "fn f() -> u8 {\n    if a { return 1; }\n    2\n}\n"),
            (
                "a.html",
                "<html lang=en>\n<img src=a alt=\"\">\n<p id=\"{{ b }}\">c</p>\n<p id=\"{{ b }}\">d</p>\n</html>\n",
            ),
        ] {
            assert_eq!(found(path, text), [""; 0], "{path}: {text}");
        }
    }
}
