//! Calls that should not be there.

use tree_sitter::Node;

use super::super::super::{Language, Severity};
use super::super::id;
use super::{Code, NOT_IMPLEMENTED};

/// Functions that PHP 7 or 8 no longer has.
const REMOVED_FROM_PHP: [&str; 14] = [
    "mysql_connect",
    "mysql_query",
    "mysql_fetch_array",
    "mysql_fetch_assoc",
    "mysql_real_escape_string",
    "mysql_select_db",
    "mysql_close",
    "ereg",
    "eregi",
    "split",
    "each",
    "create_function",
    "money_format",
    "get_magic_quotes_gpc",
];

impl Code<'_> {
    pub(super) fn calls(&mut self, node: Node<'_>) {
        use Language::{C, CSharp, Cpp, Go, Java, JavaScript, Php, Ruby, Rust, Tsx, TypeScript};
        let kind = node.kind();
        match (self.language, kind) {
            (JavaScript | TypeScript | Tsx, "debugger_statement") => {
                self.report(id::DEBUGGER, Severity::Minor, node, "a breakpoint was left in: delete it");
            }
            (JavaScript | TypeScript | Tsx, "call_expression") if self.called(node, "function") == "eval" => {
                self.eval(node, "arguments");
            }
            (JavaScript | TypeScript | Tsx | Java | CSharp | Cpp, "throw_statement") | (Php, "throw_expression") => {
                self.unfinished(node);
            }
            (Go, "call_expression") if self.called(node, "function") == "panic" => self.unfinished(node),
            (Rust, "macro_invocation") if matches!(self.called(node, "macro"), "todo" | "unimplemented") => {
                self.report(id::UNFINISHED, Severity::Major, node, "this is not written yet: write it");
            }
            (C | Cpp, "call_expression") if self.called(node, "function") == "gets" => {
                let message = "gets() writes past the end of its buffer: use fgets()";
                self.report(id::UNSAFE_FUNCTION, Severity::Major, node, message);
            }
            (Php, "function_call_expression") => {
                let name = self.called(node, "function").trim_start_matches('\\').to_ascii_lowercase();
                if REMOVED_FROM_PHP.contains(&name.as_str()) && !self.text.contains(&format!("function {name}")) {
                    let message = format!("PHP no longer has {name}(): use what replaced it");
                    self.report(id::REMOVED_FUNCTION, Severity::Major, node, message);
                } else if name == "eval" {
                    self.eval(node, "arguments");
                }
            }
            (Ruby, "call") if matches!(self.slice(node), "binding.pry" | "binding.irb") => {
                self.report(id::DEBUGGER, Severity::Minor, node, "a breakpoint was left in: delete it");
            }
            (Ruby, "call")
                if self.called(node, "method") == "eval" && node.child_by_field_name("receiver").is_none() =>
            {
                self.eval(node, "arguments");
            }
            _ => {}
        }
    }

    pub(super) fn called(&self, node: Node<'_>, field: &str) -> &str {
        node.child_by_field_name(field).map_or("", |name| self.slice(name))
    }

    /// Reports a call that runs text, unless the text is constant.
    pub(super) fn eval(&mut self, call: Node<'_>, field: &str) {
        let argument = call.child_by_field_name(field).and_then(|arguments| arguments.named_child(0));
        let is_constant = argument.is_some_and(|it| {
            let kind = it.kind();
            let is_interpolated = self.slice(it).contains("${")
                || self.slice(it).contains("#{")
                || self.slice(it).starts_with(['f', 'F']);
            (kind == "string" || kind == "string_literal") && !is_interpolated
        });
        if argument.is_some() && !is_constant {
            let message = "text is run as code: whoever chooses the text runs what they want";
            self.report(id::EVAL, Severity::Minor, call, message);
        }
    }

    /// An error that only says that something is missing. In a base class that may be meant.
    fn unfinished(&mut self, node: Node<'_>) {
        let text = self.slice(node);
        if text.len() < 400 && NOT_IMPLEMENTED.is_match(text) {
            let severity = if self.language == Language::CSharp { Severity::Major } else { Severity::Minor };
            self.report(id::UNFINISHED, severity, node, "this only says that it is not implemented: write it");
        }
    }
}
