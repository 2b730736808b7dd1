//! Which syntax nodes count for which metric, for each language with functions.
//!
//! The lists are the published definition of this crate's counting (`docs/quality.md`):
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
    /// Nodes of which a child `else` is a token and what follows it the field `alternative`.
    pub(crate) else_parents: &'static [&'static str],
    /// Parents in which an `else` is a catch-all, as in a Ruby `case`.
    pub(crate) plain_else: &'static [&'static str],
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
    else_parents: &[],
    plain_else: &[],
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
    else_parents: &[],
    plain_else: &[],
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
    else_parents: &[],
    plain_else: &[],
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
    else_parents: &[],
    plain_else: &[],
    elif_clauses: &["elif_clause"],
    jumps: &[],
    labels: &[],
    calls: &["command"],
    comments: &["comment"],
};

const GO: Kinds = Kinds {
    functions: &["function_declaration", "method_declaration", "func_literal"],
    decisions: &["if_statement", "for_statement", "expression_case", "type_case", "communication_case"],
    logical: &["&&", "||"],
    logical_parents: &["binary_expression"],
    structural: &[
        "if_statement",
        "for_statement",
        "expression_switch_statement",
        "type_switch_statement",
        "select_statement",
    ],
    else_parents: &["if_statement"],
    jumps: &["break_statement", "continue_statement", "goto_statement"],
    labels: &["label_name"],
    calls: &["call_expression"],
    ..MARKUP
};

const JAVA: Kinds = Kinds {
    functions: &["method_declaration", "constructor_declaration", "compact_constructor_declaration"],
    lambdas: &["lambda_expression"],
    decisions: &[
        "if_statement",
        "for_statement",
        "enhanced_for_statement",
        "while_statement",
        "do_statement",
        "switch_label",
        "catch_clause",
        "ternary_expression",
    ],
    logical: &["&&", "||"],
    logical_parents: &["binary_expression"],
    structural: &[
        "if_statement",
        "for_statement",
        "enhanced_for_statement",
        "while_statement",
        "do_statement",
        "switch_expression",
        "catch_clause",
        "ternary_expression",
    ],
    else_parents: &["if_statement"],
    jumps: &["break_statement", "continue_statement"],
    labels: &["identifier"],
    calls: &["method_invocation"],
    comments: &["line_comment", "block_comment"],
    ..MARKUP
};

const C: Kinds = Kinds {
    functions: &["function_definition"],
    decisions: &[
        "if_statement",
        "for_statement",
        "while_statement",
        "do_statement",
        "case_statement",
        "conditional_expression",
    ],
    logical: &["&&", "||"],
    logical_parents: &["binary_expression"],
    structural: &[
        "if_statement",
        "for_statement",
        "while_statement",
        "do_statement",
        "switch_statement",
        "conditional_expression",
    ],
    else_clauses: &["else_clause"],
    jumps: &["goto_statement"],
    labels: &["statement_identifier"],
    calls: &["call_expression"],
    comments: &["comment"],
    ..MARKUP
};

const CPP: Kinds = Kinds {
    lambdas: &["lambda_expression"],
    decisions: &[
        "if_statement",
        "for_statement",
        "for_range_loop",
        "while_statement",
        "do_statement",
        "case_statement",
        "catch_clause",
        "conditional_expression",
    ],
    logical: &["&&", "||", "and", "or"],
    structural: &[
        "if_statement",
        "for_statement",
        "for_range_loop",
        "while_statement",
        "do_statement",
        "switch_statement",
        "catch_clause",
        "conditional_expression",
    ],
    ..C
};

const CSHARP: Kinds = Kinds {
    functions: &[
        "method_declaration",
        "constructor_declaration",
        "destructor_declaration",
        "operator_declaration",
        "local_function_statement",
    ],
    lambdas: &["lambda_expression", "anonymous_method_expression"],
    decisions: &[
        "if_statement",
        "for_statement",
        "foreach_statement",
        "while_statement",
        "do_statement",
        "switch_section",
        "switch_expression_arm",
        "catch_clause",
        "conditional_expression",
    ],
    logical: &["&&", "||", "??"],
    logical_parents: &["binary_expression"],
    structural: &[
        "if_statement",
        "for_statement",
        "foreach_statement",
        "while_statement",
        "do_statement",
        "switch_statement",
        "switch_expression",
        "catch_clause",
        "conditional_expression",
    ],
    else_parents: &["if_statement"],
    jumps: &["goto_statement"],
    labels: &["identifier"],
    calls: &["invocation_expression"],
    comments: &["comment"],
    ..MARKUP
};

const RUBY: Kinds = Kinds {
    functions: &["method", "singleton_method"],
    lambdas: &["lambda", "block", "do_block"],
    decisions: &[
        "if",
        "unless",
        "elsif",
        "while",
        "until",
        "for",
        "when",
        "in_clause",
        "rescue",
        "conditional",
        "if_modifier",
        "unless_modifier",
        "while_modifier",
        "until_modifier",
        "rescue_modifier",
    ],
    logical: &["&&", "||", "and", "or"],
    logical_parents: &["binary"],
    structural: &[
        "if",
        "unless",
        "while",
        "until",
        "for",
        "case",
        "case_match",
        "rescue",
        "conditional",
        "if_modifier",
        "unless_modifier",
        "while_modifier",
        "until_modifier",
        "rescue_modifier",
    ],
    else_clauses: &["else"],
    plain_else: &["case", "case_match", "begin", "body_statement", "do_block"],
    elif_clauses: &["elsif"],
    calls: &["call"],
    comments: &["comment"],
    ..MARKUP
};

const PHP: Kinds = Kinds {
    functions: &["function_definition", "method_declaration", "anonymous_function", "arrow_function"],
    decisions: &[
        "if_statement",
        "else_if_clause",
        "for_statement",
        "foreach_statement",
        "while_statement",
        "do_statement",
        "case_statement",
        "catch_clause",
        "conditional_expression",
        "match_conditional_expression",
    ],
    logical: &["&&", "||", "and", "or", "xor", "??"],
    logical_parents: &["binary_expression"],
    structural: &[
        "if_statement",
        "for_statement",
        "foreach_statement",
        "while_statement",
        "do_statement",
        "switch_statement",
        "match_expression",
        "catch_clause",
        "conditional_expression",
    ],
    else_clauses: &["else_clause"],
    elif_clauses: &["else_if_clause"],
    jumps: &["goto_statement"],
    labels: &["name"],
    calls: &["function_call_expression"],
    comments: &["comment"],
    ..MARKUP
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
    else_parents: &[],
    plain_else: &[],
    elif_clauses: &[],
    jumps: &[],
    labels: &[],
    calls: &[],
    comments: &["comment", "js_comment"],
};

/// The counting rules of a language.
pub(crate) const fn of(language: Language) -> &'static Kinds {
    match language {
        Language::Bash => &BASH,
        Language::C => &C,
        Language::Cpp => &CPP,
        Language::CSharp => &CSHARP,
        Language::Go => &GO,
        Language::Java => &JAVA,
        Language::JavaScript | Language::TypeScript | Language::Tsx => &JAVASCRIPT,
        Language::Php => &PHP,
        Language::Python => &PYTHON,
        Language::Ruby => &RUBY,
        Language::Rust => &RUST,
        Language::Css
        | Language::Html
        | Language::Json
        | Language::Markdown
        | Language::Sql
        | Language::Text
        | Language::Toml
        | Language::Yaml
        | Language::Other => &MARKUP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that a grammar does not have would never be counted.
    #[test]
    fn grammars_have_what_is_counted() {
        for languages in [
            &[Language::Bash][..],
            &[Language::C],
            &[Language::Cpp],
            &[Language::CSharp],
            &[Language::Go],
            &[Language::Java],
            &[Language::JavaScript, Language::TypeScript, Language::Tsx],
            &[Language::Php],
            &[Language::Python],
            &[Language::Ruby],
            &[Language::Rust],
        ] {
            let kinds = of(languages[0]);
            let named = [
                kinds.functions,
                kinds.lambdas,
                kinds.decisions,
                kinds.logical_parents,
                kinds.structural,
                kinds.else_clauses,
                kinds.else_parents,
                kinds.plain_else,
                kinds.elif_clauses,
                kinds.jumps,
                kinds.labels,
                kinds.calls,
                kinds.comments,
            ];
            let named = named.into_iter().flatten().map(|kind| (*kind, true));
            for (kind, is_named) in named.chain(kinds.logical.iter().map(|kind| (*kind, false))) {
                let knows = |language: &Language| language.grammar().unwrap().id_for_node_kind(kind, is_named) != 0;
                assert!(languages.iter().any(knows) || kind == "js_comment", "{languages:?}: {kind}");
            }
        }
    }
}
