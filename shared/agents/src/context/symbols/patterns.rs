//! Definitions of languages whose grammars are too large for every agent, found line by line.

use std::sync::LazyLock;

use regex::Regex;

use super::{Definition, SIGNATURE};
use crate::analysis::Language;

const CPP: [&str; 2] = [
    r"^\s*(?:template\s*<.*>\s*)?(?:class|struct|namespace|enum(?:\s+class)?|union)\s+(?P<name>\w+)[^;]*$",
    r"^\s*(?:[\w:<>,&*\[\]~]+\s+)+[*&]*(?P<name>[\w:~]+)\s*\([^;{}]*\)[^;{}=]*\{?\s*$",
];
const CSHARP: [&str; 2] = [
    r"^\s*(?:(?:public|private|protected|internal|static|abstract|sealed|partial|readonly|file)\s+)*(?:class|interface|struct|record(?:\s+(?:class|struct))?|enum|namespace)\s+(?P<name>[\w.]+)",
    r"^\s*(?:(?:public|private|protected|internal|static|abstract|async|virtual|override|sealed|extern|unsafe|new)\s+)+(?:[\w<>\[\],.?]+\s+)*(?P<name>\w+)\s*(?:<[^>]*>)?\s*\(",
];
const PHP: [&str; 1] = [
    r"^\s*(?:(?:abstract|final|readonly|public|private|protected|static)\s+)*(?:class|interface|trait|enum|function)\s+&?(?P<name>\w+)",
];
const RUBY: [&str; 1] = [r"^\s*(?:class|module|def)\s+(?P<name>(?:self\.)?[\w:]+[?!=]?)"];

#[expect(clippy::expect_used, reason = "the patterns are constants and a test compiles them")]
fn compile(patterns: &[&str]) -> Vec<Regex> {
    patterns.iter().map(|pattern| Regex::new(pattern).expect("a valid pattern")).collect()
}

static OF_CPP: LazyLock<Vec<Regex>> = LazyLock::new(|| compile(&CPP));
static OF_CSHARP: LazyLock<Vec<Regex>> = LazyLock::new(|| compile(&CSHARP));
static OF_PHP: LazyLock<Vec<Regex>> = LazyLock::new(|| compile(&PHP));
static OF_RUBY: LazyLock<Vec<Regex>> = LazyLock::new(|| compile(&RUBY));

/// Words before a bracket that call or steer and define nothing.
const STEER: [&str; 12] =
    ["if", "for", "while", "switch", "catch", "return", "else", "foreach", "using", "lock", "sizeof", "new"];

/// The definitions in a text. How deep one stands is told by indentation.
pub(super) fn definitions(language: Language, text: &str) -> Vec<Definition> {
    let patterns = match language {
        Language::Cpp => &*OF_CPP,
        Language::CSharp => &*OF_CSHARP,
        Language::Php => &*OF_PHP,
        Language::Ruby => &*OF_RUBY,
        _ => return Vec::new(),
    };
    let mut definitions = Vec::new();
    let mut around: Vec<usize> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let first = line.split_whitespace().next().unwrap_or("");
        let is_statement = STEER.iter().any(|word| first == *word || first.starts_with(&format!("{word}(")));
        if line.len() > 400 || first.starts_with("//") || first.starts_with('*') || is_statement {
            continue;
        }
        let Some(name) = patterns.iter().find_map(|it| it.captures(line)?.name("name").map(|it| it.as_str())) else {
            continue;
        };
        if STEER.contains(&name) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        around.retain(|outer| *outer < indent);
        let signature: String = line.trim().trim_end_matches(['{', ' ']).chars().take(SIGNATURE).collect();
        definitions.push(Definition { name: name.to_owned(), line: index + 1, depth: around.len(), signature });
        around.push(indent);
    }
    definitions
}
