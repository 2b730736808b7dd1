//! Which language a file is written in, from its name or its first line.

use serde::{Deserialize, Serialize};

/// A language this crate knows by name. See [`Language::is_judged`] for those that are more than counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Bash and POSIX shell.
    Bash,
    /// Cascading style sheets.
    Css,
    /// HTML.
    Html,
    /// JavaScript with JSX.
    JavaScript,
    /// JSON; see [`allows_json_comments`] for the files that may hold comments.
    Json,
    /// Markdown; counted, not judged.
    Markdown,
    /// Python 3.
    Python,
    /// Rust.
    Rust,
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
            Self::Css => "CSS",
            Self::Html => "HTML",
            Self::JavaScript => "JavaScript",
            Self::Json => "JSON",
            Self::Markdown => "Markdown",
            Self::Python => "Python",
            Self::Rust => "Rust",
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
            Self::Bash => tree_sitter_bash::LANGUAGE,
            Self::Css => tree_sitter_css::LANGUAGE,
            Self::Html => tree_sitter_html::LANGUAGE,
            Self::JavaScript => tree_sitter_javascript::LANGUAGE,
            Self::Json => tree_sitter_json::LANGUAGE,
            Self::Python => tree_sitter_python::LANGUAGE,
            Self::Rust => tree_sitter_rust::LANGUAGE,
            Self::Toml => tree_sitter_toml_ng::LANGUAGE,
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Self::Markdown | Self::Text | Self::Yaml | Self::Other => return None,
        };
        Some(grammar.into())
    }

    /// Whether the language has functions, so that tests are expected for it. Shell scripts are
    /// left out: they are mostly glue.
    #[must_use]
    pub const fn is_program(self) -> bool {
        matches!(self, Self::JavaScript | Self::Python | Self::Rust | Self::Tsx | Self::TypeScript)
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
        "css" => Language::Css,
        "html" | "htm" => Language::Html,
        "js" | "mjs" | "cjs" | "jsx" => Language::JavaScript,
        "json" | "jsonc" | "webmanifest" => Language::Json,
        "map" if lower.ends_with(".js.map") || lower.ends_with(".css.map") => Language::Json,
        "md" | "markdown" => Language::Markdown,
        "py" | "pyi" => Language::Python,
        "rs" => Language::Rust,
        "txt" | "rst" | "log" | "csv" => Language::Text,
        "toml" => Language::Toml,
        "tsx" => Language::Tsx,
        "ts" | "mts" | "cts" => Language::TypeScript,
        "yaml" | "yml" => Language::Yaml,
        "" => shebang(contents),
        _ => Language::Other,
    }
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
            ("logo.png", Language::Other),
            ("", Language::Other),
        ] {
            assert_eq!(detect(path, b""), expected, "{path}");
        }
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
            Language::Css,
            Language::Html,
            Language::JavaScript,
            Language::Json,
            Language::Python,
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
