//! How each language's tree names what the rules look for.

use super::super::super::Language;

/// Names of nodes.
#[derive(Debug)]
pub(super) struct Shapes {
    /// Nodes whose children are statements one after another.
    pub(super) blocks: &'static [&'static str],
    /// Statements after which nothing goes on.
    pub(super) ends: &'static [&'static str],
    /// What may stand after one all the same.
    pub(super) reachable: &'static [&'static str],
    /// Literals with keys.
    pub(super) tables: &'static [&'static str],
    /// Statements with a condition in which `=` assigns.
    pub(super) conditions: &'static [&'static str],
}

const NONE: Shapes = Shapes { blocks: &[], ends: &[], reachable: &[], tables: &[], conditions: &[] };

const PYTHON: Shapes = Shapes {
    blocks: &["block"],
    ends: &["return_statement", "raise_statement", "break_statement", "continue_statement"],
    tables: &["dictionary"],
    ..NONE
};

const JAVASCRIPT: Shapes = Shapes {
    blocks: &["statement_block"],
    ends: &["return_statement", "throw_statement", "break_statement", "continue_statement"],
    reachable: &[
        "function_declaration",
        "generator_function_declaration",
        "interface_declaration",
        "type_alias_declaration",
        "empty_statement",
    ],
    tables: &["object"],
    conditions: &["if_statement", "while_statement", "do_statement"],
};

const JAVA: Shapes = Shapes {
    blocks: &["block"],
    ends: &["return_statement", "throw_statement", "break_statement", "continue_statement"],
    conditions: &["if_statement", "while_statement", "do_statement"],
    ..NONE
};

const CSHARP: Shapes = Shapes { reachable: &["local_function_statement", "empty_statement"], ..JAVA };

const C: Shapes = Shapes {
    blocks: &["compound_statement"],
    ends: &["return_statement", "throw_statement", "break_statement", "continue_statement", "goto_statement"],
    reachable: &["case_statement"],
    conditions: &["if_statement", "while_statement", "do_statement"],
    ..NONE
};

const GO: Shapes = Shapes {
    blocks: &["statement_list"],
    ends: &["return_statement", "break_statement", "continue_statement", "goto_statement"],
    ..NONE
};

const PHP: Shapes = Shapes {
    blocks: &["compound_statement"],
    ends: &["return_statement", "break_statement", "continue_statement", "throw_expression", "exit_statement"],
    reachable: &["function_definition", "class_declaration", "text_interpolation", "empty_statement"],
    tables: &["array_creation_expression"],
    conditions: &["if_statement", "while_statement", "do_statement"],
};

const RUBY: Shapes = Shapes {
    blocks: &["body_statement", "then", "block_body"],
    ends: &["return", "break", "next"],
    reachable: &["rescue", "ensure", "else"],
    tables: &["hash"],
    ..NONE
};

const RUST: Shapes = Shapes {
    blocks: &["block"],
    ends: &["return_expression", "break_expression", "continue_expression"],
    reachable: &[
        "function_item",
        "struct_item",
        "enum_item",
        "impl_item",
        "use_declaration",
        "const_item",
        "empty_statement",
    ],
    ..NONE
};

const JSON: Shapes = Shapes { tables: &["object"], ..NONE };

/// The names of a language.
pub(super) const fn of(language: Language) -> &'static Shapes {
    match language {
        Language::Python => &PYTHON,
        Language::JavaScript | Language::TypeScript | Language::Tsx => &JAVASCRIPT,
        Language::Java => &JAVA,
        Language::CSharp => &CSHARP,
        Language::C | Language::Cpp => &C,
        Language::Go => &GO,
        Language::Php => &PHP,
        Language::Ruby => &RUBY,
        Language::Rust => &RUST,
        Language::Json => &JSON,
        Language::Bash
        | Language::Css
        | Language::Html
        | Language::Markdown
        | Language::Sql
        | Language::Text
        | Language::Toml
        | Language::Yaml
        | Language::Other => &NONE,
    }
}
