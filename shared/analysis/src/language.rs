//! Which language a file is written in, from its name or its first line.

use serde::{Deserialize, Serialize};

/// A language this crate knows by name. See [`Language::is_judged`] for those that are more than counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Bash and POSIX shell.
    Bash,
    /// C; also headers that hold nothing that only C++ has.
    C,
    /// C++.
    Cpp,
    /// C#.
    CSharp,
    /// Cascading style sheets.
    Css,
    /// Go.
    Go,
    /// HTML.
    Html,
    /// Java.
    Java,
    /// JavaScript with JSX.
    JavaScript,
    /// JSON; see [`allows_json_comments`] for the files that may hold comments.
    Json,
    /// Markdown; counted, not judged.
    Markdown,
    /// PHP, with the HTML around it.
    Php,
    /// Python 3.
    Python,
    /// Ruby.
    Ruby,
    /// Rust.
    Rust,
    /// SQL of any dialect.
    Sql,
    /// Plain text such as LICENSE; counted, not judged.
    Text,
    /// TOML.
    Toml,
    /// TypeScript with JSX.
    Tsx,
    /// TypeScript.
    TypeScript,
    /// YAML.
    Yaml,
    /// Anything else; counted, not judged.
    Other,
}

impl Language {
    /// The name shown in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bash => "Bash",
            Self::C => "C",
            Self::Cpp => "C++",
            Self::CSharp => "C#",
            Self::Css => "CSS",
            Self::Go => "Go",
            Self::Html => "HTML",
            Self::Java => "Java",
            Self::JavaScript => "JavaScript",
            Self::Json => "JSON",
            Self::Markdown => "Markdown",
            Self::Php => "PHP",
            Self::Python => "Python",
            Self::Ruby => "Ruby",
            Self::Rust => "Rust",
            Self::Sql => "SQL",
            Self::Text => "Text",
            Self::Toml => "TOML",
            Self::Tsx => "TSX",
            Self::TypeScript => "TypeScript",
            Self::Yaml => "YAML",
            Self::Other => "Other",
        }
    }

    /// Whether the syntax of this language is checked.
    #[must_use]
    pub const fn is_judged(self) -> bool {
        !matches!(self, Self::Markdown | Self::Text | Self::Other)
    }

    /// The tree-sitter grammar, for the languages that are parsed with one.
    #[must_use]
    pub fn grammar(self) -> Option<tree_sitter::Language> {
        let grammar = match self {
            Self::Cpp => tree_sitter_cpp::LANGUAGE,
            Self::CSharp => tree_sitter_c_sharp::LANGUAGE,
            Self::Php => tree_sitter_php::LANGUAGE_PHP,
            Self::Ruby => tree_sitter_ruby::LANGUAGE,
            _ => return self.small_grammar(),
        };
        Some(grammar.into())
    }

    /// The grammar, for the languages whose tables are small. A program that asks for no other does not link the tables
    /// of two to five megabytes that C++, C#, PHP and Ruby have.
    #[must_use]
    pub fn small_grammar(self) -> Option<tree_sitter::Language> {
        let grammar = match self {
            Self::Bash => tree_sitter_bash::LANGUAGE,
            Self::C => tree_sitter_c::LANGUAGE,
            Self::Css => tree_sitter_css::LANGUAGE,
            Self::Go => tree_sitter_go::LANGUAGE,
            Self::Html => tree_sitter_html::LANGUAGE,
            Self::Java => tree_sitter_java::LANGUAGE,
            Self::JavaScript => tree_sitter_javascript::LANGUAGE,
            Self::Json => tree_sitter_json::LANGUAGE,
            Self::Python => tree_sitter_python::LANGUAGE,
            Self::Rust => tree_sitter_rust::LANGUAGE,
            Self::Toml => tree_sitter_toml_ng::LANGUAGE,
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Self::Cpp
            | Self::CSharp
            | Self::Php
            | Self::Ruby
            | Self::Markdown
            | Self::Sql
            | Self::Text
            | Self::Yaml
            | Self::Other => return None,
        };
        Some(grammar.into())
    }

    /// Whether the language has functions, so that tests are expected for it. Shell scripts are
    /// left out: they are mostly glue.
    #[must_use]
    pub const fn is_program(self) -> bool {
        matches!(
            self,
            Self::C
                | Self::Cpp
                | Self::CSharp
                | Self::Go
                | Self::Java
                | Self::JavaScript
                | Self::Php
                | Self::Python
                | Self::Ruby
                | Self::Rust
                | Self::Tsx
                | Self::TypeScript
        )
    }
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Detects the language from the file's name, and if that says nothing from a `#!` line.
#[must_use]
pub fn detect(path: &str, contents: &[u8]) -> Language {
    let name = file_name(path);
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "license" | "licence" | "copying" | "notice" | "authors" | "contributors" | "readme" | "changelog"
        | "requirements.txt" => return Language::Text,
        "gemfile" | "rakefile" | "config.ru" => return Language::Ruby,
        "composer.lock" => return Language::Json,
        ".bashrc" | ".bash_profile" | ".profile" => return Language::Bash,
        "cargo.lock" | "poetry.lock" | "uv.lock" | "pipfile" => return Language::Toml,
        ".eslintrc" | ".prettierrc" | ".babelrc" => return Language::Other,
        _ => {}
    }
    let extension = match lower.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension,
        _ => "",
    };
    match extension {
        "sh" | "bash" => Language::Bash,
        "c" => Language::C,
        "cc" | "cpp" | "cxx" | "c++" | "hh" | "hpp" | "hxx" | "ipp" | "tpp" => Language::Cpp,
        "h" => header(contents),
        "cs" | "csx" => Language::CSharp,
        "css" => Language::Css,
        "go" => Language::Go,
        "html" | "htm" => Language::Html,
        "java" => Language::Java,
        "js" | "mjs" | "cjs" | "jsx" => Language::JavaScript,
        "json" | "jsonc" | "webmanifest" => Language::Json,
        "map" if lower.ends_with(".js.map") || lower.ends_with(".css.map") => Language::Json,
        "md" | "markdown" => Language::Markdown,
        "php" | "phtml" => Language::Php,
        "py" | "pyi" => Language::Python,
        "rb" | "rake" | "gemspec" | "ru" => Language::Ruby,
        "rs" => Language::Rust,
        "sql" => Language::Sql,
        "txt" | "rst" | "log" | "csv" => Language::Text,
        "toml" => Language::Toml,
        "tsx" => Language::Tsx,
        "ts" | "mts" | "cts" => Language::TypeScript,
        "yaml" | "yml" => Language::Yaml,
        "" => shebang(contents),
        _ => Language::Other,
    }
}

/// C or C++: a header is C++ if it has a word at the start of a line that C has no use for.
fn header(contents: &[u8]) -> Language {
    let is_cpp = contents.split(|&byte| byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        let starts = |word: &[u8]| line.starts_with(word);
        starts(b"class ")
            || starts(b"namespace ")
            || starts(b"template")
            || starts(b"using ")
            || starts(b"public:")
            || starts(b"private:")
            || starts(b"protected:")
            || starts(b"constexpr ")
            || line.windows(5).any(|part| part == b"std::")
    });
    if is_cpp { Language::Cpp } else { Language::C }
}

/// The language of a script's interpreter.
fn shebang(contents: &[u8]) -> Language {
    if !contents.starts_with(b"#!") {
        return Language::Other;
    }
    let line: Vec<u8> = contents.iter().copied().take(200).take_while(|&b| b != b'\n').collect();
    let line = String::from_utf8_lossy(&line);
    for word in line.trim_start_matches("#!").split_whitespace() {
        let command = file_name(word);
        let base = command.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        match base {
            "env" | "-S" => {}
            "bash" | "sh" | "dash" => return Language::Bash,
            "php" => return Language::Php,
            "ruby" => return Language::Ruby,
            "python" | "pypy" => return Language::Python,
            "node" | "nodejs" => return Language::JavaScript,
            "deno" | "bun" | "tsx" | "ts-node" => return Language::TypeScript,
            _ if command.contains('=') => {}
            _ => return Language::Other,
        }
    }
    Language::Other
}

/// Whether a JSON file may hold comments and trailing commas by convention: `.jsonc`,
/// `tsconfig*.json`, `jsconfig.json`, `devcontainer.json` and what is in `.vscode/`.
#[must_use]
pub fn allows_json_comments(path: &str) -> bool {
    let name = file_name(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    extension.eq_ignore_ascii_case("jsonc")
        || name.starts_with("tsconfig")
        || name == "jsconfig.json"
        || name == "devcontainer.json"
        || path.split('/').any(|part| part == ".vscode")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_extensions() {
        for (path, expected) in [
            ("src/app.py", Language::Python),
            ("A.PY", Language::Python),
            ("web/app.mjs", Language::JavaScript),
            ("a/b.d.ts", Language::TypeScript),
            ("c.tsx", Language::Tsx),
            ("LICENSE", Language::Text),
            ("README.md", Language::Markdown),
            ("Cargo.lock", Language::Toml),
            ("template.yml", Language::Yaml),
            (".gitignore", Language::Other),
            ("requirements.txt", Language::Text),
            ("Gemfile", Language::Ruby),
            ("a.H", Language::C),
            ("src/a.cs", Language::CSharp),
            ("logo.png", Language::Other),
            ("", Language::Other),
        ] {
            assert_eq!(detect(path, b""), expected, "{path}");
        }
        assert_eq!(detect("a.h", b"#pragma once\nnamespace x {\n"), Language::Cpp);
    }

    #[test]
    fn interpreters() {
        for (line, expected) in [
            ("#!/bin/sh\n", Language::Bash),
            ("#!/usr/bin/env python3.12\n", Language::Python),
            ("#!/usr/bin/env -S node --test\n", Language::JavaScript),
            ("#!/usr/bin/env FOO=1 bash\n", Language::Bash),
            ("#!/usr/bin/perl\n", Language::Other),
            ("echo\n", Language::Other),
        ] {
            assert_eq!(detect("bin/run", line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn every_grammar_is_accepted_by_this_tree_sitter() {
        for language in [
            Language::Bash,
            Language::C,
            Language::Cpp,
            Language::CSharp,
            Language::Css,
            Language::Go,
            Language::Html,
            Language::Java,
            Language::JavaScript,
            Language::Json,
            Language::Php,
            Language::Python,
            Language::Ruby,
            Language::Rust,
            Language::Toml,
            Language::Tsx,
            Language::TypeScript,
        ] {
            let grammar = language.grammar().unwrap();
            let mut parser = tree_sitter::Parser::new();
            assert!(parser.set_language(&grammar).is_ok(), "{}", language.name());
        }
    }

    #[test]
    fn json_with_comments() {
        assert!(allows_json_comments("tsconfig.build.json"));
        assert!(allows_json_comments(".vscode/settings.json"));
        assert!(!allows_json_comments("package.json"));
    }
}
