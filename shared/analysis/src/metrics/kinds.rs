//! Which syntax nodes count for which metric, for each language with functions.
//!
//! The lists are the published definition of this crate's counting:
//!
//! - *cyclomatic* (McCabe 1976): 1 for a function, and 1 for each node of `decisions` and each
//!   operator of `logical`. A catch-all (`default`, Rust's and Python's `_`, Bash's `*)`) adds no
//!   path and is not counted. Propagation of errors (`?`, `raise`, `throw`) is not counted, since
//!   a call that may throw is not either.
//! - *cognitive* (`SonarSource`, "Cognitive Complexity", version 1.7): 1 plus the nesting for each
//!   node of `structural`; 1 for each `else` or `elif`, for each run of like logical operators,
//!   for each jump to a label, and for a function that calls itself.

use super::super::Language;

/// The counting rules of one language.
#[derive(Debug)]
pub(crate) struct Kinds {
    /// Nodes that are functions; also those without a name.
    pub(crate) functions: &'static [&'static str],
    /// Nodes that nest code without being counted as functions.
    pub(crate) lambdas: &'static [&'static str],
    /// Nodes that add a path.
    pub(crate) decisions: &'static [&'static str],
    /// Operators that add a path.
    pub(crate) logical: &'static [&'static str],
    /// Parents in which these tokens are logical operators.
    pub(crate) logical_parents: &'static [&'static str],
    /// Nodes that break the flow and nest what they hold.
    pub(crate) structural: &'static [&'static str],
    /// `else` clauses; one that only holds another `if` counts once.
    pub(crate) else_clauses: &'static [&'static str],
    /// `elif` clauses.
    pub(crate) elif_clauses: &'static [&'static str],
    /// Jumps that count when they name a label.
    pub(crate) jumps: &'static [&'static str],
    /// The kind of a label in a jump.
    pub(crate) labels: &'static [&'static str],
    /// Calls; their first child names the function.
    pub(crate) calls: &'static [&'static str],
    /// Comments.
    pub(crate) comments: &'static [&'static str],
}

const PYTHON: Kinds = Kinds {
    functions: &["function_definition"],
    lambdas: &["lambda"],
    decisions: &[
        "if_statement",
        "elif_clause",
        "for_statement",
        "while_statement",
        "except_clause",
        "conditional_expression",
        "case_clause",
        "for_in_clause",
        "if_clause",
    ],
    logical: &["and", "or"],
    logical_parents: &["boolean_operator"],
    structural: &[
        "if_statement",
        "for_statement",
        "while_statement",
        "except_clause",
        "conditional_expression",
        "match_statement",
    ],
    else_clauses: &["else_clause"],
    elif_clauses: &["elif_clause"],
    jumps: &[],
    labels: &[],
    calls: &["call"],
    comments: &["comment"],
};

const JAVASCRIPT: Kinds = Kinds {
    functions: &[
        "function_declaration",
        "function_expression",
        "generator_function",
        "generator_function_declaration",
        "arrow_function",
        "method_definition",
    ],
    lambdas: &[],
    decisions: &[
        "if_statement",
        "for_statement",
        "for_in_statement",
        "while_statement",
        "do_statement",
        "switch_case",
        "catch_clause",
        "ternary_expression",
    ],
    logical: &["&&", "||", "??", "&&=", "||=", "??="],
    logical_parents: &["binary_expression", "augmented_assignment_expression"],
    structural: &[
        "if_statement",
        "for_statement",
        "for_in_statement",
        "while_statement",
        "do_statement",
        "switch_statement",
        "catch_clause",
        "ternary_expression",
    ],
    else_clauses: &["else_clause"],
    elif_clauses: &[],
    jumps: &["break_statement", "continue_statement"],
    labels: &["statement_identifier"],
    calls: &["call_expression"],
    comments: &["comment", "html_comment", "hash_bang_line"],
};

const RUST: Kinds = Kinds {
    functions: &["function_item"],
    lambdas: &["closure_expression"],
    decisions: &[
        "if_expression",
        "for_expression",
        "while_expression",
        "match_arm",
        "let_declaration",
        "match_pattern",
    ],
    logical: &["&&", "||"],
    logical_parents: &["binary_expression", "let_chain"],
    structural: &["if_expression", "for_expression", "while_expression", "loop_expression", "match_expression"],
    else_clauses: &["else_clause"],
    elif_clauses: &[],
    jumps: &["break_expression", "continue_expression"],
    labels: &["label"],
    calls: &["call_expression"],
    comments: &["line_comment", "block_comment"],
};

const BASH: Kinds = Kinds {
    functions: &["function_definition"],
    lambdas: &[],
    decisions: &[
        "if_statement",
        "elif_clause",
        "for_statement",
        "c_style_for_statement",
        "while_statement",
        "case_item",
        "ternary_expression",
    ],
    logical: &["&&", "||"],
    logical_parents: &["list", "binary_expression"],
    structural: &[
        "if_statement",
        "for_statement",
        "c_style_for_statement",
        "while_statement",
        "case_statement",
        "ternary_expression",
    ],
    else_clauses: &["else_clause"],
    elif_clauses: &["elif_clause"],
    jumps: &[],
    labels: &[],
    calls: &["command"],
    comments: &["comment"],
};

/// Languages that have lines and comments but no functions.
const MARKUP: Kinds = Kinds {
    functions: &[],
    lambdas: &[],
    decisions: &[],
    logical: &[],
    logical_parents: &[],
    structural: &[],
    else_clauses: &[],
    elif_clauses: &[],
    jumps: &[],
    labels: &[],
    calls: &[],
    comments: &["comment", "js_comment"],
};

/// The counting rules of a language.
pub(crate) const fn of(language: Language) -> &'static Kinds {
    match language {
        Language::Python => &PYTHON,
        Language::JavaScript | Language::TypeScript | Language::Tsx => &JAVASCRIPT,
        Language::Rust => &RUST,
        Language::Bash => &BASH,
        Language::Css
        | Language::Html
        | Language::Json
        | Language::Markdown
        | Language::Text
        | Language::Toml
        | Language::Yaml
        | Language::Other => &MARKUP,
    }
}
