//! Text made to be hard on a parser: nested to the guard's limit, over it, and in ways that make parsers look ahead. All of it
//! ends, without a panic, on a test thread's small stack.

use std::time::Duration;

use millrace_analysis::{AnalysisOptions, SourceFile, analyze, outline};

const NESTED: [(&str, &str, &str); 32] = [
    ("a.js", "(a=", ")"),
    ("a.js", "a(", ")"),
    ("a.js", "[", "]"),
    ("a.js", "{", "}"),
    ("a.js", "async(a=", ")"),
    ("a.js", "`${", "}`"),
    ("a.js", "!", "a"),
    ("a.js", "a=>", "a"),
    ("a.js", "a?b:", "c"),
    ("a.js", "if(a)", ";"),
    ("a.js", "<a>", "</a>"),
    ("a.js", "function f(){", "}"),
    ("a.js", "new ", "a"),
    ("a.ts", "(a:b=", ")"),
    ("a.ts", "a<", ">"),
    ("a.ts", "let a:(", ")"),
    ("a.ts", "type A<T>=T extends ", "B?C:D"),
    ("a.tsx", "<A b={", "}/>"),
    ("a.py", "(", ")"),
    ("a.py", "lambda:", "a"),
    ("a.py", "f'{", "}'"),
    ("a.py", "not ", "a"),
    ("a.py", "a if b else ", "c"),
    ("a.py", "[a for b in ", "c]"),
    ("a.py", "with (", ")"),
    ("a.py", "a**", "b"),
    ("a.sql", "SELECT * FROM (", ")"),
    ("a.sql", "SELECT CASE WHEN ", "END"),
    ("a.sql", "SELECT 1+", "2"),
    ("a.sql", "SELECT (", ")"),
    ("a.sql", "SELECT NOT ", "a"),
    ("pom.xml", "<a>", "</a>"),
];

#[test]
fn nested_text_ends() {
    let options = AnalysisOptions { max_parse_time: Duration::from_millis(200), ..AnalysisOptions::default() };
    for (path, open, close) in NESTED {
        for levels in [30, 1400] {
            for text in [format!("{}{}", open.repeat(levels), close.repeat(levels)), open.repeat(levels)] {
                let analysis = analyze(&[SourceFile::new(path, text.clone())], &options);
                assert!(analysis.files.len() == 1);
                let _ = outline(path, text.as_bytes());
            }
        }
    }
}

#[test]
fn long_flat_text_ends() {
    let options = AnalysisOptions::default();
    for (path, part) in [
        ("a.js", "a+"),
        ("a.js", "a,"),
        ("a.js", "a;\n"),
        ("a.js", "else if(a){}"),
        ("a.py", "a+"),
        ("a.py", "x = 1\n"),
        ("a.py", "elif a:\n  b\n"),
        ("a.sql", "SELECT 1;\n"),
        ("a.sql", "a OR "),
        ("a.sql", "("),
        ("a.rb", "<<A "),
        ("a.rb", "%w("),
        ("a.php", "<?php <<<A\n"),
        ("A.cs", "$\"{"),
        ("a.cpp", "R\"a("),
        ("a.html", "<a id=b>"),
        ("go.mod", "require (\n"),
        ("Gemfile", "gem 'a', \"b\"\n"),
    ] {
        let text = part.repeat(20_000 / part.len());
        let analysis = analyze(&[SourceFile::new(path, text)], &options);
        assert_eq!(analysis.files.len(), 1, "{path} {part}");
    }
}
