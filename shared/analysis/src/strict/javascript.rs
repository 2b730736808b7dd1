//! JavaScript and TypeScript as `oxc` understands them: the grammar and the early errors of ECMA-262 (a name declared twice,
//! `1++`, `break` outside of a loop, private names that are not there), and TypeScript's syntax. Types are not checked.

use oxc_allocator::Allocator;
use oxc_parser::{ParseOptions, Parser};
use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;

use super::super::Language;
use super::{Problem, guard};

/// How a text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// What the file's name and its text say.
    File,
    /// A `<script>` without `type`.
    Script,
    /// A `<script type="module">`.
    Module,
}

/// The errors in a text; None when the parser could not tell.
pub(crate) fn check(path: &str, language: Language, text: &str, goal: Goal) -> Option<Vec<Problem>> {
    let source_type = source_type(path, language, goal);
    let options = ParseOptions {
        // Node wraps CommonJS modules in a function.
        allow_return_outside_function: goal == Goal::File
            && !path.ends_with(".mjs")
            && (path.ends_with(".cjs") || text.contains("require(") || text.contains("module.exports")),
        ..ParseOptions::default()
    };
    guard::run(move || {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, source_type).with_options(options).parse();
        let mut problems: Vec<Problem> = parsed.diagnostics.errors().map(problem).collect();
        if problems.is_empty() && !parsed.panicked {
            let semantic = SemanticBuilder::new_compiler().with_check_syntax_error(true).build(&parsed.program);
            problems.extend(semantic.diagnostics.errors().map(problem));
        }
        problems
    })
}

fn source_type(path: &str, language: Language, goal: Goal) -> SourceType {
    match (goal, language) {
        (Goal::Script, _) => SourceType::script(),
        (Goal::Module, _) => SourceType::mjs(),
        (Goal::File, Language::Tsx) => SourceType::tsx(),
        (Goal::File, Language::TypeScript) => {
            let is_declaration = [".d.ts", ".d.mts", ".d.cts"].iter().any(|end| path.ends_with(end));
            if is_declaration { SourceType::d_ts() } else { SourceType::ts() }
        }
        (Goal::File, _) if path.ends_with(".mjs") => SourceType::mjs().with_jsx(true),
        (Goal::File, _) if path.ends_with(".cjs") => SourceType::cjs().with_jsx(true),
        (Goal::File, _) => SourceType::unambiguous().with_jsx(true),
    }
}

fn problem(diagnostic: &oxc_diagnostics::OxcDiagnostic) -> Problem {
    let byte = diagnostic.labels.first().map_or(0, |label| label.offset());
    // A second declaration is what must be changed, and the last place that is named.
    let is_second =
        diagnostic.message.contains("already been declared") || diagnostic.message.starts_with("Duplicated export");
    let byte =
        if is_second { diagnostic.labels.iter().map(|label| label.offset()).max().unwrap_or(byte) } else { byte };
    let message = match &diagnostic.help {
        Some(help) => format!("{} ({help})", diagnostic.message),
        None => diagnostic.message.to_string(),
    };
    Problem { byte: usize::try_from(byte).unwrap_or(0), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let language = super::super::super::language::detect(path, b"");
        let problems = check(path, language, text, Goal::File).unwrap();
        problems.into_iter().map(|it| (text[..it.byte].matches('\n').count() + 1, it.message)).collect()
    }

    #[test]
    fn early_errors() {
        for (path, text, line) in [
            ("a.js", "let a = 1;\nlet a = 2;\n", 2),
            ("a.js", "const a = 1;\nvar a;\n", 2),
            ("a.js", "f();\n1++;\n", 2),
            ("a.js", "if (a) {\n  break;\n}\n", 2),
            ("a.js", "class A {\n  b() { return this.#c; }\n}\n", 2),
            ("a.mjs", "import a from 'a';\nreturn 1;\n", 2),
            ("a.mjs", "export const a = 1;\nexport const b = 2;\nexport { a };\n", 3),
            ("a.js", "function f() {\n  await g();\n}\n", 2),
            ("a.js", "const a = 1,\n  b;\n", 2),
            ("a.ts", "let a: number = 1;\nlet a: string = '';\n", 2),
            ("a.ts", "enum A { B }\nclass A {}\n", 2),
            ("a.js", "new.target;\n", 1),
            ("a.js", "f(\n  a: 1);\n", 2),
        ] {
            let found = found(path, text);
            assert!(found.iter().any(|(at, _)| *at == line), "{path} {text:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_right_has_none() {
        for (path, text) in [
            ("a.js", "var a; var a; function f() {} function f() {}\n"),
            ("a.js", "const fs = require('fs');\nif (!fs) return;\nmodule.exports = {};\n"),
            ("a.cjs", "with (a) { b(); }\nreturn;\n"),
            ("a.js", "export default 1;\nawait f();\n"),
            ("a.js", "const a = <b c={1}>d</b>;\n"),
            ("a.ts", "function f(a: string): void;\nfunction f(a: number): void;\nfunction f(a: unknown) {}\n"),
            (
                "a.ts",
                "interface A { b: 1 }\ninterface A { c: 2 }\nnamespace N {}\nclass N {}\nimport type { X } from 'x';\n",
            ),
            ("a.ts", "let a = <string>b;\nabstract class C { abstract d(): void; private accessor e = 1; }\n"),
            ("a.d.ts", "declare const a: number;\ndeclare module 'x' { export = a; }\n"),
            ("a.tsx", "const f = <T,>(a: T) => <p>{String(a)}</p>;\n"),
            ("a.js", "using a = f();\nimport x from './x.json' with { type: 'json' };\n"),
        ] {
            assert_eq!(found(path, text), [], "{path} {text}");
        }
        assert_eq!(check("a.html", Language::JavaScript, "with (a) b();", Goal::Script).unwrap(), []);
    }
}
