//! Syntax check: every file in a known language is parsed with tree-sitter, JSON and YAML also
//! with a real parser.
//!
//! Tree-sitter repairs what it cannot parse; each repair becomes a finding. This module decides
//! nothing about style. For Python it adds what the grammar lets pass: Python 2 statements, blocks
//! without a body and statements of one block in different columns. For HTML it adds end tags
//! that close nothing and the JavaScript in `<script>`.

use tree_sitter::{Node, Tree};

use super::language::{self, Language};
use super::rules::id;
use super::strict;
use super::walk::{Next, Visit, parse_tree, walk};
use super::{AnalysisOptions, Finding, Severity, SourceFile};

const SYNTAX_MINUTES: u32 = 30;

/// A file as far as it could be parsed.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// The language by name or `#!` line.
    pub language: Language,
    /// The text without a byte order mark; None when it is not UTF-8 or too large.
    pub text: Option<&'a str>,
    /// The tree; None when the language has no grammar or the parser gave up.
    pub tree: Option<Tree>,
    /// Syntax errors and the reasons for not parsing.
    pub findings: Vec<Finding>,
}

/// The calls of the parser's progress callback (one for about a hundred parser steps) allowed
/// for a text. A count, and not a clock, keeps the result the same on every machine.
#[must_use]
pub fn step_limit(bytes: usize, options: &AnalysisOptions) -> usize {
    2_000 + bytes.saturating_mul(options.parse_steps_per_byte) / 100
}

/// Parses one file. Never fails: what stands in the way becomes a finding.
#[must_use]
pub fn parse<'a>(file: &'a SourceFile, options: &AnalysisOptions) -> Parsed<'a> {
    let language = language::detect(&file.path, &file.contents);
    let mut parsed = Parsed { language, text: None, tree: None, findings: Vec::new() };
    if file.contents.len() > options.max_file_bytes {
        if language != Language::Other {
            parsed.findings.push(Finding {
                rule: id::FILE_TOO_LARGE.to_owned(),
                severity: Severity::Minor,
                path: file.path.clone(),
                line: 0,
                column: 0,
                message: format!(
                    "{} bytes, more than the {} that are analysed; split the file or leave it out",
                    file.contents.len(),
                    options.max_file_bytes
                ),
                remediation_minutes: 10,
            });
        }
        return parsed;
    }
    let text = match std::str::from_utf8(&file.contents) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            if language != Language::Other {
                parsed.findings.push(not_utf8(file, error.valid_up_to()));
            }
            return parsed;
        }
    };
    parsed.text = Some(text);
    let Some(grammar) = language.grammar() else {
        return parsed;
    };
    if text.trim().is_empty() && language != Language::Json {
        return parsed;
    }
    parsed.tree = parse_tree(&grammar, text, step_limit(text.len(), options));
    let mut reporter = Reporter::new(&file.path, text);
    match &parsed.tree {
        Some(tree) => {
            reporter.max = options.max_findings_per_rule + 1;
            match language {
                Language::Json if !language::allows_json_comments(&file.path) => {
                    reporter.errors(tree);
                    if reporter.findings.is_empty() {
                        reporter.strict(strict::json(text));
                    }
                }
                Language::Yaml => match strict::yaml(text) {
                    strict::Outcome::TooComplex => reporter.errors(tree),
                    outcome => reporter.strict(outcome),
                },
                Language::Python => {
                    reporter.errors(tree);
                    reporter.python(tree);
                }
                Language::Html => {
                    reporter.errors(tree);
                    reporter.html(tree, options);
                }
                Language::Bash
                | Language::Css
                | Language::JavaScript
                | Language::Json
                | Language::Markdown
                | Language::Rust
                | Language::Text
                | Language::Toml
                | Language::Tsx
                | Language::TypeScript
                | Language::Other => reporter.errors(tree),
            }
        }
        None => reporter.findings.push(Finding {
            rule: id::FILE_TOO_COMPLEX.to_owned(),
            severity: Severity::Major,
            path: file.path.clone(),
            line: 0,
            column: 0,
            message: "the parser gave up on this file: too many errors or too deeply nested".into(),
            remediation_minutes: SYNTAX_MINUTES,
        }),
    }
    parsed.findings.append(&mut reporter.findings);
    parsed
}

fn not_utf8(file: &SourceFile, valid: usize) -> Finding {
    let head = file.contents.get(..valid).unwrap_or_default();
    let line = head.iter().filter(|&&byte| byte == b'\n').count();
    let utf16 = file.contents.starts_with(&[0xff, 0xfe]) || file.contents.starts_with(&[0xfe, 0xff]);
    let what = if utf16 { "the text is UTF-16" } else { "the text is not UTF-8" };
    Finding {
        rule: id::ENCODING.to_owned(),
        severity: Severity::Major,
        path: file.path.clone(),
        line: u32::try_from(line + 1).unwrap_or(u32::MAX),
        column: 0,
        message: format!("{what} (byte {valid}), so it was not analysed; save it as UTF-8"),
        remediation_minutes: 5,
    }
}

/// Shortens source text for a message: first line, at most 60 characters, no control characters.
fn snippet(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or("").trim_end();
    let mut out: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(60).collect();
    if line.chars().nth(60).is_some() {
        out.push('…');
    }
    out
}

/// Line and column (both from 1, column in characters) of a byte offset.
pub(crate) fn position(text: &str, byte: usize) -> (u32, u32) {
    let byte = byte.min(text.len());
    let head = text.as_bytes().get(..byte).unwrap_or_default();
    let start = head.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
    let line = head.iter().filter(|&&b| b == b'\n').count() + 1;
    let in_line = head.get(start..).unwrap_or_default();
    let column = in_line.iter().filter(|&&b| b & 0xc0 != 0x80).count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Collects the syntax findings of one text.
struct Reporter<'a> {
    path: &'a str,
    text: &'a str,
    max: usize,
    findings: Vec<Finding>,
}

impl<'a> Reporter<'a> {
    fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, text, max: usize::MAX, findings: Vec::new() }
    }

    fn push(&mut self, byte: usize, message: String) {
        let (line, column) = position(self.text, byte);
        self.push_at(line, column, message);
    }

    fn push_at(&mut self, line: u32, column: u32, message: String) {
        if self.findings.iter().any(|f| f.line == line && f.column == column) {
            return;
        }
        self.findings.push(Finding {
            rule: id::SYNTAX.to_owned(),
            severity: Severity::Blocker,
            path: self.path.to_owned(),
            line,
            column,
            message,
            remediation_minutes: SYNTAX_MINUTES,
        });
    }

    fn slice(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    fn strict(&mut self, outcome: strict::Outcome) {
        if let strict::Outcome::Invalid { line, column, message } = outcome {
            self.push_at(line, column, snippet(&message));
        }
    }

    /// One finding for each ERROR or MISSING node that holds no smaller one.
    fn errors(&mut self, tree: &Tree) {
        if !tree.root_node().has_error() {
            return;
        }
        walk(tree, |visit| {
            if self.findings.len() >= self.max {
                return Next::Stop;
            }
            let Visit::Enter(node) = visit else {
                return Next::Descend;
            };
            if node.is_missing() {
                self.missing(node);
                return Next::Skip;
            }
            if !node.has_error() {
                return Next::Skip;
            }
            if !node.is_error() {
                return Next::Descend;
            }
            match self.error(node) {
                true => Next::Skip,
                false => Next::Descend,
            }
        });
        if self.findings.is_empty() {
            self.push(0, "the file cannot be parsed".to_owned());
        }
    }

    fn missing(&mut self, node: Node<'_>) {
        let kind = node.kind();
        let message = if !node.is_named() && !kind.starts_with('_') {
            format!("missing `{kind}`")
        } else if kind.starts_with('_') {
            "the statement is not complete".to_owned()
        } else {
            format!("missing {}", kind.replace('_', " "))
        };
        // The place is after what was read, which for a missing bracket is often a later line.
        let start = node.start_byte();
        let head = self.text.get(..start).unwrap_or("");
        self.push(head.trim_end().len(), message);
    }

    /// Reports an ERROR node unless a smaller error inside says it better.
    fn error(&mut self, node: Node<'_>) -> bool {
        let mut open: Vec<(Node<'_>, &str)> = Vec::new();
        let mut smaller = false;
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            smaller |= child.has_error() || child.is_missing();
            match child.kind() {
                kind @ ("(" | "[" | "{") if !child.is_missing() => open.push((child, kind)),
                ")" | "]" | "}" => {
                    open.pop();
                }
                _ => {}
            }
        }
        if let Some((bracket, kind)) = open.last() {
            self.push(bracket.start_byte(), format!("`{kind}` is never closed"));
            return true;
        }
        if smaller {
            return false;
        }
        let text = self.slice(node);
        let shown = snippet(text);
        let leading = text.len() - text.trim_start().len();
        let message = if shown.is_empty() {
            "unexpected end of line or input".to_owned()
        } else if text.trim().contains('\n') {
            format!("cannot be parsed from here: `{shown}`")
        } else {
            format!("unexpected `{shown}`")
        };
        self.push(node.start_byte() + leading, message);
        true
    }

    /// What Python refuses and the grammar accepts.
    fn python(&mut self, tree: &Tree) {
        walk(tree, |visit| {
            if self.findings.len() >= self.max {
                return Next::Stop;
            }
            let Visit::Enter(node) = visit else {
                return Next::Descend;
            };
            match node.kind() {
                "print_statement" => {
                    let shown = snippet(self.slice(node));
                    self.push(node.start_byte(), format!("Python 2 statement `{shown}`: call print()"));
                }
                "exec_statement" => {
                    self.push(node.start_byte(), "Python 2 statement `exec`: call exec()".to_owned());
                }
                "module" | "block" => self.columns(node),
                "function_definition"
                | "class_definition"
                | "for_statement"
                | "while_statement"
                | "if_statement"
                | "elif_clause"
                | "else_clause"
                | "with_statement"
                | "try_statement"
                | "except_clause"
                | "finally_clause" => self.body(node),
                _ => {}
            }
            Next::Descend
        });
    }

    /// Statements of one block start in one column.
    fn columns(&mut self, block: Node<'_>) {
        let mut cursor = block.walk();
        let mut expected = (block.kind() == "module").then_some(0);
        let mut last_row = None;
        for child in block.named_children(&mut cursor) {
            if child.is_extra() || child.is_error() {
                continue;
            }
            let start = child.start_position();
            // A second statement on a line stands after a semicolon.
            if last_row.replace(child.end_position().row) == Some(start.row) {
                continue;
            }
            match expected {
                None => expected = Some(start.column),
                Some(column) if column == start.column => {}
                Some(column) => {
                    let what = if start.column > column { "unexpected indent" } else { "unindent" };
                    let text = self.text.as_bytes();
                    let line = text.get(child.start_byte() - start.column..child.start_byte());
                    let only_blank = line.is_some_and(|l| l.iter().all(u8::is_ascii_whitespace));
                    if only_blank && !line.is_some_and(|l| l.contains(&b'\t')) {
                        self.push(
                            child.start_byte(),
                            format!("{what}: this block's statements start in column {}", column + 1),
                        );
                    }
                }
            }
        }
    }

    /// A compound statement needs a body with a statement in it.
    fn body(&mut self, node: Node<'_>) {
        if node.has_error() {
            return;
        }
        let body = ["body", "consequence"].iter().find_map(|field| node.child_by_field_name(field)).or_else(|| {
            let mut cursor = node.walk();
            node.named_children(&mut cursor).find(|child| child.kind() == "block")
        });
        let empty = body.is_none_or(|body| {
            let mut cursor = body.walk();
            body.kind() == "block" && !body.named_children(&mut cursor).any(|child| !child.is_extra())
        });
        if empty {
            let shown = snippet(self.slice(node));
            self.push(node.start_byte(), format!("`{shown}` has no body: add an indented statement"));
        }
    }

    /// End tags that close nothing, and errors in JavaScript of `<script>`.
    fn html(&mut self, tree: &Tree, options: &AnalysisOptions) {
        walk(tree, |visit| {
            if self.findings.len() >= self.max {
                return Next::Stop;
            }
            let Visit::Enter(node) = visit else {
                return Next::Descend;
            };
            match node.kind() {
                "erroneous_end_tag" => {
                    let shown = snippet(self.slice(node));
                    self.push(node.start_byte(), format!("`{shown}` closes no open element"));
                }
                "script_element" => self.script(node, options),
                _ => {}
            }
            Next::Descend
        });
    }

    fn script(&mut self, element: Node<'_>, options: &AnalysisOptions) {
        let mut cursor = element.walk();
        let mut body = None;
        let mut is_javascript = true;
        for child in element.named_children(&mut cursor) {
            match child.kind() {
                "start_tag" => is_javascript = script_is_javascript(self.slice(child)),
                "raw_text" => body = Some(child),
                _ => {}
            }
        }
        let Some(body) = body.filter(|_| is_javascript) else {
            return;
        };
        let script = self.slice(body);
        // A script that is still a template cannot be judged.
        if script.contains("{{") || script.contains("{%") {
            return;
        }
        let Some(grammar) = Language::JavaScript.grammar() else {
            return;
        };
        let Some(tree) = parse_tree(&grammar, script, step_limit(script.len(), options)) else {
            return;
        };
        let mut inner = Reporter::new(self.path, script);
        inner.max = self.max;
        inner.errors(&tree);
        let (line, column) = position(self.text, body.start_byte());
        for finding in inner.findings {
            let column = match finding.line {
                1 => column + finding.column - 1,
                _ => finding.column,
            };
            self.push_at(line + finding.line - 1, column, format!("in <script>: {}", finding.message));
        }
    }
}

/// Whether a `<script …>` tag holds JavaScript: no `type`, or one that names JavaScript or a
/// module.
fn script_is_javascript(tag: &str) -> bool {
    let lower = tag.to_ascii_lowercase();
    match lower.split_once("type=") {
        None => true,
        Some((_, value)) => {
            let value = value.trim_start_matches(['"', '\'']);
            ["module", "text/javascript", "application/javascript"].iter().any(|name| value.starts_with(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, contents: impl Into<Vec<u8>>) -> Vec<(u32, u32, String)> {
        let file = SourceFile::new(path, contents);
        parse(&file, &AnalysisOptions::default()).findings.into_iter().map(|f| (f.line, f.column, f.message)).collect()
    }

    #[test]
    fn an_error_in_each_language() {
        for (path, bad, line) in [
            ("a.py", "def f(:\n    pass\n", 1),
            ("a.py", "x = 1\nif x\n    y = 2\n", 2),
            ("a.py", "print 'hello'\n", 1),
            ("a.py", "def f():\n\nx = 1\n", 1),
            ("a.py", "def f():\n    a = 1\n      b = 2\n", 3),
            ("a.py", "class A:\n    def f(self):\n        return (1\n", 3),
            ("a.js", "const a = {\nfoo(;\n", 1),
            ("a.js", "let x = 1;\nfunction f( { return 1; }\n", 2),
            ("a.ts", "const a: number = ;\n", 1),
            ("a.ts", "interface A { b: string\nfunction ( {\n", 1),
            ("a.tsx", "const a = <div><b></div>;\n", 1),
            ("a.rs", "fn main() {\n    let = 3;\n}\n", 2),
            ("a.rs", "fn main( {\n}\n", 1),
            ("a.html", "<p>ok</p>\n</section>\n", 2),
            ("a.html", "<p>\n<script>\nlet a = ;\n</script>\n", 3),
            ("a.css", "a { color: red;\nb { margin }\n", 1),
            ("a.json", "{\"a\": 1,\n \"b\": }\n", 2),
            ("a.json", "{\"a\": 1,}\n", 1),
            ("a.json", "{\"a\": 1} // no\n", 1),
            ("a.json", "", 1),
            ("a.yaml", "a: 1\n b: 2\n", 2),
            ("a.yaml", "a: [1, 2\nb: 3\n", 2),
            ("a.toml", "a = 1\nb = \n", 2),
            ("a.toml", "[a\nb = 1\n", 1),
            ("a.sh", "if true; then\n  echo hi\n", 1),
            ("a.sh", "echo $(ls\n", 1),
        ] {
            let found = findings(path, bad);
            assert!(!found.is_empty(), "{path}: {bad:?} was accepted");
            let near = found.iter().any(|(l, _, _)| l.abs_diff(line) <= 1);
            assert!(near, "{path}: {bad:?} gave {found:?}, expected line {line}");
        }
    }

    #[test]
    fn valid_text_in_each_language() {
        for (path, good) in [
            (
                "a.py",
                "import os\n\n\n@dec\nasync def f(a, *, b: int = 1) -> str:\n\t# note\n\tx = [i for i in a if i]\n\tmatch x:\n\t\tcase [1, _]:\n\t\t\tpass\n\treturn f'{x!r:>10}'\n\nif f: pass\nelse: a = 1; b = 2\n",
            ),
            (
                "a.py",
                "try:\n    pass\nexcept* ValueError as e:\n    raise\nfinally:\n    x = (yield)\nclass A[T]: ...\ntype B = int\nwith (open('a') as f, open('b') as g): pass\n",
            ),
            (
                "a.js",
                "export default async ({a, ...b}) => { for await (const x of a?.b ?? []) { yield_(x); } };\nclass A { #p = 1; static { } get x() { return this.#p; } }\nlabel: for (;;) break label;\n",
            ),
            (
                "a.ts",
                "type A<T> = T extends string ? `x${T}` : never;\nabstract class B { constructor(private readonly a: A<'b'>) {} }\nconst c = { a: 1 } satisfies Record<string, number>;\n",
            ),
            ("a.tsx", "export const A = ({ b }: { b: string }) => <div className=\"x\">{b}<></></div>;\n"),
            (
                "a.rs",
                "#![allow(x)]\nasync fn f<'a, T: ?Sized>(x: &'a T) -> impl Iterator<Item = u8> + use<'a, T> { let Some(y) = z else { return }; if let Some(a) = b && a > 1 { } match x { 1..=2 | 3 if y => {}, _ => () } }\n",
            ),
            (
                "a.html",
                "<!doctype html>\n<html><head><meta charset=utf-8><script type=\"application/json\">{]</script></head><body><p>a<p>b<br><img src=x><ul><li>1<li>2</ul></body></html>\n",
            ),
            (
                "a.css",
                ":root { --a: 1px; }\n@media (min-width: 40rem) { a:hover > b::before { content: \"\\201C\"; width: calc(100% - var(--a)); } }\n@supports (display: grid) { .x { display: grid; grid-template-areas: 'a b'; } }\n",
            ),
            ("a.json", "[1, {\"a\": null}]"),
            ("tsconfig.json", "{ // comment\n \"a\": 1 }"),
            (
                "t.yaml",
                "A: !Ref B\nC: !Sub '${D}-x'\nE: !GetAtt F.Arn\nG: !If [a, !Ref H, !Ref 'AWS::NoValue']\nI: &x {a: 1}\nJ: *x\nK: |\n  text\n---\nsecond: doc\n",
            ),
            ("a.toml", "a.b = 'x'\n[c]\nd = [1, 2]\ne = { f = 1979-05-27T07:32:00Z }\n[[g]]\n"),
            (
                "a.sh",
                "#!/usr/bin/env bash\nset -euo pipefail\nf() { local a=\"${1:-x}\"; [[ $a =~ ^b+$ ]] && echo \"$(date)\" || return 1; }\ncase $1 in a|b) f ;; *) ;; esac\ncat <<EOF\n$x\nEOF\nfor i in {1..3}; do echo $((i * 2)); done\n",
            ),
            ("a.py", ""),
            ("a.toml", "\n"),
            ("a.yaml", ""),
            ("notes.md", "# <b> ((( "),
            ("a.bin", "\u{0}\u{1}"),
        ] {
            assert_eq!(findings(path, good), [], "{path}");
        }
    }

    #[test]
    fn messages_name_place_and_text() {
        assert_eq!(findings("a.rs", "fn é() { let a = 1 }\nfn b( {\n}\n").first().map(|f| (f.0, f.1)), Some((2, 5)));
        let found = findings("a.json", "{\"é\": ]}");
        assert_eq!(found.first().map(|f| (f.0, f.1)), Some((1, 7)), "{found:?}");
        let found = findings("a.js", "f(1, 2;\n");
        assert!(found.iter().any(|f| f.2.contains('(') || f.2.contains(')')), "{found:?}");
    }

    #[test]
    fn text_that_cannot_be_read() {
        let found = findings("a.py", b"x = 1\ny = '\xff'\n".to_vec());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 2);
        assert!(found[0].2.contains("UTF-8"));
        assert!(findings("a.bin", b"\xff\xfe".to_vec()).is_empty());
        assert!(findings("a.js", b"\xff\xfea\0".to_vec())[0].2.contains("UTF-16"));
        assert_eq!(findings("a.py", "\u{feff}x = 1\n"), []);
    }

    #[test]
    fn large_files_are_left_out() {
        let file = SourceFile::new("a.js", vec![b' '; 1024 * 1024 + 1]);
        let parsed = parse(&file, &AnalysisOptions::default());
        assert!(parsed.tree.is_none() && parsed.text.is_none());
        assert_eq!(parsed.findings.len(), 1);
        assert_eq!(parsed.findings[0].severity, Severity::Minor);
    }

    #[test]
    fn a_parse_over_the_limit_is_given_up() {
        let file = SourceFile::new("a.js", "(".repeat(200_000));
        let options = AnalysisOptions { parse_steps_per_byte: 0, ..AnalysisOptions::default() };
        let parsed = parse(&file, &options);
        assert!(parsed.tree.is_none());
        assert_eq!(parsed.findings[0].rule, id::FILE_TOO_COMPLEX);
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(position("aé\nüb", 6), (2, 3 - 1));
        assert_eq!(position("", 9), (1, 1));
    }
}
