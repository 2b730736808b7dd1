//! Every rule with what it costs to repair what it finds. `docs/quality.md` shows this table; a test keeps them the same.

use super::super::Severity;
use super::id;

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its id, one of the constants in [`id`].
    pub id: &'static str,
    /// What it finds, in a sentence.
    pub about: &'static str,
    /// Minutes to repair a blocker, a major and a minor finding; None where it has none of that severity. Information
    /// costs nothing.
    pub minutes: [Option<u32>; 3],
}

impl Rule {
    /// The severity that its findings have at worst.
    #[must_use]
    pub fn worst(&self) -> Severity {
        let worst = self.minutes.iter().zip(Severity::ALL).find(|(minutes, _)| minutes.is_some());
        worst.map_or(Severity::Info, |(_, severity)| severity)
    }
}

const fn rule(id: &'static str, minutes: [u32; 3], about: &'static str) -> Rule {
    const fn cost(minutes: u32) -> Option<u32> {
        if minutes == 0 { None } else { Some(minutes) }
    }
    let [blocker, major, minor] = minutes;
    Rule { id, about, minutes: [cost(blocker), cost(major), cost(minor)] }
}

/// The rules. Minutes are for a blocker, a major and a minor finding.
pub const RULES: [Rule; 38] = [
    rule(id::SYNTAX, [30, 10, 5], "text that its language's parser refuses"),
    rule(id::ENCODING, [0, 5, 0], "text that is not UTF-8"),
    rule(id::FILE_TOO_LARGE, [0, 0, 10], "a file of more than 1 MiB, which is not analysed"),
    rule(id::FILE_TOO_COMPLEX, [0, 30, 0], "a file on which the parser was given up"),
    rule(id::SECRET, [60, 60, 30], "a credential in a file"),
    rule(id::UNSAFE_PATH, [10, 0, 0], "a path that cannot be stored safely everywhere"),
    rule(id::CONFLICT, [20, 0, 0], "a merge conflict that was not resolved"),
    rule(id::MANIFEST_INVALID, [20, 0, 0], "a dependency manifest that is not what its name says"),
    rule(id::MANIFEST_INCOMPLETE, [0, 0, 5], "a dependency manifest without name or version"),
    rule(id::UNPINNED, [0, 0, 5], "a dependency that accepts any version"),
    rule(id::BAD_VERSION, [0, 10, 0], "a version that the package manager does not understand"),
    rule(id::DUPLICATE_DEPENDENCY, [0, 5, 0], "a dependency that is declared twice"),
    rule(id::MISSING_DEPENDENCY, [0, 10, 0], "a package that is imported and not declared"),
    rule(id::FUNCTION_TOO_LONG, [0, 0, 20], "a function of more than 80 lines"),
    rule(id::FUNCTION_TOO_COMPLEX, [0, 5, 5], "a function with a cyclomatic or cognitive complexity over 15"),
    rule(id::TODO, [0, 0, 0], "a TODO in a comment"),
    rule(id::FIXME, [0, 0, 20], "a FIXME or XXX in a comment"),
    rule(id::UNFINISHED, [0, 30, 0], "code that only says that it is not implemented"),
    rule(id::MIXED_INDENTATION, [0, 5, 5], "tabs and spaces mixed in Python's indentation"),
    rule(id::UNREACHABLE, [0, 10, 0], "a statement after one that never goes on"),
    rule(id::SWALLOWED_ERROR, [0, 0, 10], "an error that is caught and dropped without a word"),
    rule(id::BARE_EXCEPT, [0, 0, 5], "`except:`, which also catches the end of the program"),
    rule(id::MUTABLE_DEFAULT, [0, 10, 0], "a list, set or dictionary as a parameter's default, shared by all calls"),
    rule(id::ASSERT_TUPLE, [0, 5, 0], "`assert` of a tuple, which always holds"),
    rule(id::LITERAL_IDENTITY, [0, 5, 0], "comparison with a literal by identity instead of value"),
    rule(id::DUPLICATE_KEY, [0, 5, 0], "a key that stands twice in one literal, of which the first is lost"),
    rule(id::ASSIGNMENT_IN_CONDITION, [0, 5, 0], "a condition that assigns a constant"),
    rule(id::DEBUGGER, [0, 0, 2], "a breakpoint that was left in"),
    rule(id::EVAL, [0, 0, 30], "text that is run as code and is not constant"),
    rule(id::UNUSED_IMPORT, [0, 5, 2], "an import of which nothing is used; Go refuses the file"),
    rule(id::UNSAFE_FUNCTION, [0, 20, 0], "a C function that cannot be used safely"),
    rule(id::REMOVED_FUNCTION, [0, 20, 0], "a function that the language no longer has"),
    rule(id::CLASS_FILE, [0, 5, 0], "a public Java class in a file of another name, which the compiler refuses"),
    rule(id::DUPLICATE_ID, [0, 5, 0], "an HTML id that stands twice"),
    rule(id::MISSING_ALT, [0, 0, 2], "an image without a text for those who cannot see it"),
    rule(id::MISSING_LANG, [0, 0, 1], "an HTML page that does not say its language"),
    rule(id::MISSING_README, [0, 0, 15], "a project without a README"),
    rule(id::MISSING_TESTS, [0, 60, 0], "a project with code and without tests"),
];

/// The rule with an id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// Minutes to repair a finding of a rule.
#[must_use]
pub fn minutes(id: &str, severity: Severity) -> u32 {
    let index = match severity {
        Severity::Blocker => 0,
        Severity::Major => 1,
        Severity::Minor => 2,
        Severity::Info => return 0,
    };
    find(id).and_then(|rule| rule.minutes.get(index).copied().flatten()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../../docs/quality.md");

    #[test]
    fn the_document_has_the_same_rules() {
        let cost = |minutes: Option<u32>| minutes.map_or_else(String::new, |minutes| minutes.to_string());
        let rows = RULES.iter().map(|rule| {
            let [blocker, major, minor] = rule.minutes.map(cost);
            let blocks = if id::BLOCKING.contains(&rule.id) { "yes" } else { "" };
            format!("| `{}` | {blocker} | {major} | {minor} | {blocks} | {} |\n", rule.id, rule.about)
        });
        let table: String = rows.collect();
        assert!(DOCUMENT.contains(&table), "docs/quality.md needs this table:\n{table}");
        let mut ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
    }

    #[test]
    fn the_document_has_the_same_formulas() {
        use super::super::super::AnalysisOptions;
        use super::super::super::report::score::{MINUTES_PER_LINE, Rating};

        let options = AnalysisOptions::default();
        for part in [
            format!("SLOC × {MINUTES_PER_LINE}"),
            format!("cyclomatic complexity over {}", options.max_cyclomatic),
            format!("cognitive complexity over {}", options.max_cognitive),
            format!("more than {} lines", options.max_function_lines),
            format!("{} MiB", options.max_file_bytes / 1024 / 1024),
            "max(0, (171 − 5.2·ln(V) − 0.23·CC − 16.2·ln(SLOC)) · 100 / 171)".to_owned(),
        ] {
            assert!(DOCUMENT.contains(&part), "docs/quality.md does not say: {part}");
        }
        for rating in [Rating::A, Rating::B, Rating::C, Rating::D, Rating::E] {
            let (low, high) = rating.band();
            assert!(DOCUMENT.contains(&format!("| {} | ", rating.as_str())), "{rating:?}");
            assert!(DOCUMENT.contains(&format!("{low}–{high}")), "{rating:?}");
        }
        assert_eq!(minutes(id::SECRET, Severity::Info), 0);
        assert_eq!(minutes(id::UNREACHABLE, Severity::Major), 10);
    }
}
