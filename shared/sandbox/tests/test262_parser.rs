//! The parser tests of Test262, which the npm package `test262-parser-tests` has. `make test262` fetches it and runs this.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::print_stdout, missing_docs, reason = "tests")]

use std::path::Path;

use millrace_sandbox::{CompileErrorKind, Language, compile};

/// Whether the parser takes it as a module. That no handler is exported comes after that.
fn is_taken(source: &str) -> bool {
    match compile("test.js", source, Language::JavaScript) {
        Ok(_) => true,
        Err(error) => {
            matches!(error.kind, CompileErrorKind::NoHandler | CompileErrorKind::CommonJs | CompileErrorKind::Import)
        }
    }
}

#[test]
#[ignore = "needs MILLRACE_TEST262, the package's folder: make test262"]
fn test262_parser_tests() {
    let folder = std::env::var("MILLRACE_TEST262").expect("the package's folder");
    let mut failed = Vec::new();
    for (kind, expected) in [("pass", true), ("pass-explicit", true), ("fail", false), ("early", false)] {
        let (mut right, mut all) = (0, 0);
        let mut files: Vec<_> = std::fs::read_dir(Path::new(&folder).join(kind)).unwrap().flatten().collect();
        files.sort_by_key(std::fs::DirEntry::path);
        for file in files {
            let name = file.file_name().into_string().unwrap();
            let Ok(source) = std::fs::read_to_string(file.path()) else { continue };
            // Scripts may be sloppy; the functions' sources are modules, so of what must pass only modules count.
            if expected && !name.ends_with(".module.js") {
                continue;
            }
            all += 1;
            if is_taken(&source) == expected {
                right += 1;
            } else {
                failed.push(format!("{kind}/{name}: {}", source.trim().chars().take(100).collect::<String>()));
            }
        }
        println!("{kind}: {right} of {all}");
    }
    println!("{}", failed.join("\n"));
}
