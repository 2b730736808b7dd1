//! Every language that is judged: good code has no finding, bad code has one at the right place, and code is measured.

use millrace_analysis::rules::id;
use millrace_analysis::{Analysis, AnalysisOptions, Severity, SourceFile, analyze};

struct Fixture {
    path: &'static str,
    good: &'static str,
    /// Lines with code, cyclomatic complexity of the file, functions.
    measures: (u32, u32, usize),
    /// Code with an error, and the line and severity of it.
    bad: &'static [(&'static str, u32, Severity)],
}

const FIXTURES: [Fixture; 18] = [
    Fixture {
        path: "src/app.py",
        good: "import json\n\n\ndef load(path):\n    # Reads it.\n    with open(path) as file:\n        return json.load(file) if path else None\n",
        measures: (4, 2, 1),
        bad: &[
            ("def f():\n    return 1 +\n", 2, Severity::Blocker),
            ("x = 1\nreturn x\n", 2, Severity::Blocker),
            ("if True:\n\tx = 1\n        y = 2\n", 3, Severity::Blocker),
        ],
    },
    Fixture {
        path: "src/app.js",
        good: "// Adds.\nexport function add(a, b) {\n  return a && b ? a + b : 0;\n}\n",
        measures: (3, 3, 1),
        bad: &[
            ("const a = {\n  b: 1,\n  c: ,\n};\n", 3, Severity::Blocker),
            ("let a = 1;\nlet a = 2;\n", 2, Severity::Blocker),
            ("f();\n1++;\n", 2, Severity::Blocker),
        ],
    },
    Fixture {
        path: "src/app.ts",
        good: "interface A {\n  b?: string;\n}\n\nexport const f = (a: A): string => a.b ?? '';\n",
        measures: (4, 2, 1),
        bad: &[("const a: number = ;\n", 1, Severity::Blocker), ("class A {}\nclass A {}\n", 2, Severity::Blocker)],
    },
    Fixture {
        path: "src/app.rs",
        good: "//! A crate.\n\n/// Adds.\npub fn add(a: u8, b: u8) -> u8 {\n    a + b\n}\n",
        measures: (3, 1, 1),
        bad: &[("fn main() {\n    let = 3;\n}\n", 2, Severity::Blocker)],
    },
    Fixture {
        path: "app.go",
        good: "package app\n\nimport \"fmt\"\n\n// F prints.\nfunc F(xs []int) {\n\tfor _, x := range xs {\n\t\tif x > 1 {\n\t\t\tfmt.Println(x)\n\t\t}\n\t}\n}\n",
        measures: (9, 3, 1),
        bad: &[
            ("package app\n\nfunc f( {\n}\n", 3, Severity::Blocker),
            ("package app\n\nvar x int = = 1\n", 3, Severity::Blocker),
        ],
    },
    Fixture {
        path: "src/App.java",
        good: "package a;\n\nimport java.util.List;\n\npublic class App {\n    /** Sums. */\n    static int sum(List<Integer> xs) {\n        int all = 0;\n        for (int x : xs) {\n            all += x;\n        }\n        return all;\n    }\n}\n",
        measures: (11, 2, 1),
        bad: &[("class App {\n    int f() {\n        return 1\n    }\n}\n", 3, Severity::Blocker)],
    },
    Fixture {
        path: "app.c",
        good: "#include <stdio.h>\n\n/* Prints. */\nint main(void) {\n    for (int i = 0; i < 3; i++) {\n        printf(\"%d\\n\", i);\n    }\n    return 0;\n}\n",
        measures: (7, 2, 1),
        bad: &[
            ("int main(void) {\n    int x = ;\n    return 0;\n}\n", 2, Severity::Blocker),
            ("int f(void) {\n  MY_MACRO x y z;\n  return 0;\n}\n", 2, Severity::Major),
        ],
    },
    Fixture {
        path: "app.cpp",
        good: "#include <vector>\n\nnamespace a {\ntemplate <typename T>\nT sum(const std::vector<T>& xs) {\n  T all{};\n  for (const auto& x : xs) all += x;\n  return all;\n}\n}  // namespace a\n",
        measures: (9, 2, 1),
        bad: &[("class A {\n  int f( { return 1; }\n};\n", 2, Severity::Blocker)],
    },
    Fixture {
        path: "App.cs",
        good: "using System;\n\nnamespace A;\n\npublic record Point(int X, int Y);\n\npublic class App\n{\n    // Says it.\n    public static string Say(int x) => x switch { 1 => \"one\", _ => $\"{x}\" };\n}\n",
        measures: (7, 2, 1),
        bad: &[("class A\n{\n    int F() { return 1 + ; }\n}\n", 3, Severity::Blocker)],
    },
    Fixture {
        path: "lib/app.rb",
        good: "# Adds.\nclass App\n  def add(a, b)\n    return 0 unless a\n\n    a + b\n  end\nend\n",
        measures: (6, 2, 1),
        bad: &[
            ("def f\n  x = [1, 2\nend\n", 2, Severity::Blocker),
            ("class A\n  def f(\n  end\nend\n", 2, Severity::Blocker),
        ],
    },
    Fixture {
        path: "public/app.php",
        good: "<?php\n\n// Adds.\nfunction add(int $a, ?int $b = null): int\n{\n    return $a + ($b ?? 0);\n}\n",
        measures: (5, 2, 1),
        bad: &[("<?php\nfunction f() {\n  $x = ;\n}\n", 3, Severity::Blocker)],
    },
    Fixture {
        path: "run.sh",
        good: "#!/usr/bin/env bash\nset -eu\n# Says it.\nif [ -n \"${1:-}\" ]; then\n  echo \"$1\"\nfi\n",
        measures: (4, 2, 0),
        bad: &[("if true; then\n  echo hi\n", 2, Severity::Blocker), ("echo \"$(ls\n", 1, Severity::Blocker)],
    },
    Fixture {
        path: "index.html",
        good: "<!doctype html>\n<html lang=\"en\">\n<head><title>A</title></head>\n<!-- here -->\n<body><img src=\"a.png\" alt=\"A\"></body>\n</html>\n",
        measures: (5, 0, 0),
        bad: &[
            ("<p>\n<script>\nlet a = 1;\nlet a = 2;\n</script>\n", 4, Severity::Blocker),
            ("<div\n<p>x</p>\n", 1, Severity::Blocker),
            ("<p>a</p>\n</div>\n", 2, Severity::Major),
        ],
    },
    Fixture {
        path: "app.css",
        good: "/* Red. */\na:hover {\n  color: red;\n}\n",
        measures: (3, 0, 0),
        bad: &[("a {\n  color: red;\nb { }\n", 1, Severity::Blocker)],
    },
    Fixture {
        path: "data.json",
        good: "{\n  \"a\": [1, null]\n}\n",
        measures: (3, 0, 0),
        bad: &[("{\n  \"a\": 1,\n}\n", 3, Severity::Blocker)],
    },
    Fixture {
        path: "data.yaml",
        good: "# Things.\na:\n  - 1\n  - b: c\n",
        measures: (3, 0, 0),
        bad: &[("a: 1\n b: 2\n", 2, Severity::Blocker)],
    },
    Fixture {
        path: "data.toml",
        good: "# Things.\n[a]\nb = 1\n",
        measures: (2, 0, 0),
        bad: &[("[a]\nb = \n", 2, Severity::Blocker)],
    },
    Fixture {
        path: "schema.sql",
        good: "-- Things.\nCREATE TABLE things (\n  id INTEGER PRIMARY KEY,\n  name TEXT NOT NULL\n);\nSELECT CASE WHEN id > 1 THEN name END FROM things;\n",
        measures: (5, 2, 0),
        bad: &[("SELECT 1;\nSELECT a FORM b WHERE;\n", 2, Severity::Major), ("SELECT (1;\n", 1, Severity::Blocker)],
    },
];

fn run(path: &str, text: &str) -> Analysis {
    let files = [
        SourceFile::new("README.md", "# A\n"),
        SourceFile::new("tests/test_a.py", "assert 1 == 1\n"),
        SourceFile::new(path, text),
    ];
    analyze(&files, &AnalysisOptions::default())
}

#[test]
fn good_code_has_no_findings_and_is_measured() {
    for fixture in &FIXTURES {
        let analysis = run(fixture.path, fixture.good);
        assert_eq!(analysis.findings, [], "{}", fixture.path);
        let file = analysis.files.iter().find(|file| file.path == fixture.path).unwrap();
        let measures = (file.sloc, file.cyclomatic, file.functions.len());
        assert_eq!(measures, fixture.measures, "{}: {:?}", fixture.path, file.functions);
        assert_eq!(file.maintainability_index.is_some(), file.cyclomatic > 0, "{}", fixture.path);
    }
}

#[test]
fn bad_code_has_a_finding_at_its_place() {
    for fixture in &FIXTURES {
        for (text, line, severity) in fixture.bad {
            let analysis = run(fixture.path, text);
            let errors: Vec<_> = analysis.findings.iter().filter(|it| it.rule == id::SYNTAX).collect();
            let is_there =
                errors.iter().any(|it| it.line == *line && it.severity == *severity && !it.message.is_empty());
            assert!(is_there, "{} {text:?} line {line}: {errors:?}", fixture.path);
        }
    }
}
