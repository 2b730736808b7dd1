//! Syntax check: every file in a known language is parsed with tree-sitter, and judged by a parser that follows the
//! language's specification where there is one (`strict`). YAML and SQL have no tree: the scanner of tree-sitter-yaml 0.7
//! writes past its buffer when nested deeply, and no grammar of SQL knows all dialects.
//!
//! Where tree-sitter decides, each of its repairs becomes a finding. This module decides nothing about style. HTML and CSS
//! are made to be repaired by the browser: there, errors block only where nothing else can have been meant, or in
//! `<script>`. In C and C++ a macro may stand for anything, so an error beside something that looks like one does not block.

use std::time::{Duration, Instant};

use tree_sitter::Tree;

use super::language::{self, Language};
use super::rules::{finding, id};
use super::strict;
use super::walk::parse_tree;
use super::{AnalysisOptions, Finding, Severity, SourceFile};

mod css;
mod html;
mod macros;
mod reporter;
pub(super) mod scanners;

use reporter::Reporter;

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

/// Parses one file. Never fails: what stands in the way becomes a finding.
#[must_use]
pub fn parse<'a>(file: &'a SourceFile, options: &AnalysisOptions) -> Parsed<'a> {
    parse_within(file, options, options.max_parse_time)
}

/// Like [`parse`], with less time than the options allow.
pub(super) fn parse_within<'a>(file: &'a SourceFile, options: &AnalysisOptions, time: Duration) -> Parsed<'a> {
    let deadline = Instant::now() + time.min(options.max_parse_time);
    let language = language::detect(&file.path, &file.contents);
    let mut parsed = Parsed { language, text: None, tree: None, findings: Vec::new() };
    if file.contents.len() > options.max_file_bytes {
        if language != Language::Other {
            let message = format!(
                "{} bytes, more than the {} that are analysed; split the file or leave it out",
                file.contents.len(),
                options.max_file_bytes
            );
            parsed.findings.push(finding(id::FILE_TOO_LARGE, Severity::Minor, &file.path, (0, 0), message));
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
    if !language.is_judged() || (text.trim().is_empty() && language != Language::Json) {
        return parsed;
    }
    let mut reporter = Reporter::new(&file.path, text, options.max_findings_per_rule + 1);
    if language == Language::Yaml {
        let outcome = strict::yaml(text);
        if outcome == strict::Outcome::TooComplex {
            reporter.findings.push(given_up(file));
        }
        reporter.strict(outcome);
        parsed.findings.append(&mut reporter.findings);
        return parsed;
    }
    if language == Language::Sql {
        for (severity, problem) in strict::sql::check(text, deadline) {
            reporter.severity = severity;
            reporter.push(problem.byte, reporter::snippet(&problem.message));
        }
        parsed.findings.append(&mut reporter.findings);
        return parsed;
    }
    let safe = scanners::are_safe(language, text);
    parsed.tree = language.grammar().filter(|_| safe).and_then(|grammar| parse_tree(&grammar, text, deadline));
    let Some(tree) = &parsed.tree else {
        parsed.findings.push(given_up(file));
        return parsed;
    };
    let verdict = match language {
        Language::JavaScript | Language::TypeScript | Language::Tsx if strict::guard::is_shallow(tree) => {
            strict::javascript::check(&file.path, language, text, strict::javascript::Goal::File)
        }
        Language::Python if strict::guard::is_shallow(tree) => strict::python::check(&file.path, text),
        _ => None,
    };
    if let Some(problems) = verdict {
        reporter.verdict(problems);
        parsed.findings.append(&mut reporter.findings);
        return parsed;
    }
    match language {
        Language::Json if !language::allows_json_comments(&file.path) => {
            reporter.one_a_line = true;
            reporter.strict(strict::json(text));
            if !reporter.findings.is_empty() {
                reporter.errors(tree);
            }
        }
        Language::C | Language::Cpp => {
            reporter.errors(tree);
            macros::forgive(text, &mut reporter.findings);
        }
        Language::Css => {
            reporter.css();
            if reporter.findings.is_empty() {
                reporter.severity = Severity::Info;
                reporter.errors(tree);
            }
        }
        Language::Html => reporter.html(tree, deadline),
        _ => reporter.errors(tree),
    }
    parsed.findings.append(&mut reporter.findings);
    parsed
}

fn given_up(file: &SourceFile) -> Finding {
    let message = "the parser gave up on this file: too many errors or nested too deeply".to_owned();
    finding(id::FILE_TOO_COMPLEX, Severity::Major, &file.path, (0, 0), message)
}

fn not_utf8(file: &SourceFile, valid: usize) -> Finding {
    let head = file.contents.get(..valid).unwrap_or_default();
    let line = head.iter().filter(|&&byte| byte == b'\n').count();
    let utf16 = file.contents.starts_with(&[0xff, 0xfe]) || file.contents.starts_with(&[0xfe, 0xff]);
    let what = if utf16 { "the text is UTF-16" } else { "the text is not UTF-8" };
    let message = format!("{what} (byte {valid}), so it was not analysed; save it as UTF-8");
    finding(id::ENCODING, Severity::Major, &file.path, (u32::try_from(line + 1).unwrap_or(u32::MAX), 0), message)
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
            ("a.py", "def f():\n\nx = 1\n", 3),
            ("a.py", "def f():\n    a = 1\n      b = 2\n", 3),
            ("a.py", "class A:\n    def f(self):\n        return (1\n", 3),
            ("a.js", "const a = {\nfoo(;\n", 1),
            ("a.js", "let x = 1;\nfunction f( { return 1; }\n", 2),
            ("a.ts", "const a: number = ;\n", 1),
            ("a.ts", "interface A { b: string\nfunction ( {\n", 2),
            ("a.tsx", "const a = <div><b></div>;\n", 1),
            ("a.rs", "fn main() {\n    let = 3;\n}\n", 2),
            ("a.rs", "fn main( {\n}\n", 1),
            ("a.html", "<p>ok</p>\n</section>\n", 2),
            ("a.html", "<p>\n<script>\nlet a = ;\n</script>\n", 3),
            ("a.css", "a { color: red;\nb { margin }\n", 1),
            ("a.html", "<div\n<p>x</p>\n", 1),
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
                "try:\n    pass\nexcept* ValueError as e:\n    raise\nfinally:\n    x = (y)\nclass A[T]: ...\ntype B = int\nwith (open('a') as f, open('b') as g): pass\n",
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
    fn css_that_is_newer_than_the_grammar_does_not_block() {
        let file = SourceFile::new("a.css", "@import url(\"a.css\") layer(base);\n@page :first { margin: 1in; }\n");
        let parsed = parse(&file, &AnalysisOptions::default());
        assert!(parsed.findings.iter().all(|f| f.severity == Severity::Info && f.remediation_minutes == 0));
    }

    #[test]
    fn messages_name_place_and_text() {
        assert_eq!(findings("a.rs", "fn é() { let a = 1; }\nfn b( {\n}\n").first().map(|f| (f.0, f.1)), Some((2, 6)));
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
        let options = AnalysisOptions { max_parse_time: Duration::ZERO, ..AnalysisOptions::default() };
        let parsed = parse(&file, &options);
        assert!(parsed.tree.is_none());
        assert_eq!(parsed.findings[0].rule, id::FILE_TOO_COMPLEX);
    }
}
