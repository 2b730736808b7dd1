//! What Python does otherwise than it looks.

use tree_sitter::Node;

use super::super::super::Severity;
use super::super::id;
use super::Code;

impl Code<'_> {
    pub(super) fn python(&mut self, node: Node<'_>) {
        match node.kind() {
            "default_parameter" | "typed_default_parameter" => self.mutable_default(node),
            "assert_statement" => {
                let tuple = node.named_child(0).filter(|it| it.kind() == "tuple" && it.named_child_count() > 0);
                if tuple.is_some() {
                    let message = "a tuple is always true, so this never fails: remove the brackets";
                    self.report(id::ASSERT_TUPLE, Severity::Major, node, message);
                }
            }
            "comparison_operator" => self.literal_identity(node),
            "except_clause" => self.except(node),
            "call" => match self.called(node, "function") {
                "breakpoint" | "pdb.set_trace" | "ipdb.set_trace" => {
                    self.report(id::DEBUGGER, Severity::Minor, node, "a breakpoint was left in: delete it");
                }
                "eval" | "exec" => self.eval(node, "arguments"),
                _ => {}
            },
            _ => {}
        }
    }

    fn mutable_default(&mut self, node: Node<'_>) {
        let Some(value) = node.child_by_field_name("value") else { return };
        let is_empty_call = value.kind() == "call" && matches!(self.slice(value), "list()" | "dict()" | "set()");
        if matches!(value.kind(), "list" | "dictionary" | "set") || is_empty_call {
            let message = "all calls share this default: use None and make it inside";
            self.report(id::MUTABLE_DEFAULT, Severity::Major, value, message);
        }
    }

    fn literal_identity(&mut self, node: Node<'_>) {
        let mut cursor = node.walk();
        let by_identity = node.children(&mut cursor).any(|child| matches!(child.kind(), "is" | "is not"));
        let mut cursor = node.walk();
        let has_literal =
            node.named_children(&mut cursor).any(|it| matches!(it.kind(), "integer" | "float" | "string"));
        if by_identity && has_literal {
            self.report(
                id::LITERAL_IDENTITY,
                Severity::Major,
                node,
                "`is` compares whether it is the same object: use ==",
            );
        }
    }

    fn except(&mut self, clause: Node<'_>) {
        let mut cursor = clause.walk();
        let mut caught: Option<String> = None;
        let mut body = None;
        for child in clause.named_children(&mut cursor) {
            match child.kind() {
                "block" => body = Some(child),
                "comment" => return,
                _ => caught = Some(self.slice(child).to_owned()),
            }
        }
        let Some(body) = body else { return };
        let is_empty = body.named_child_count() == 1
            && body.named_child(0).is_some_and(|it| it.kind() == "pass_statement" || self.slice(it) == "...");
        let is_broad = caught
            .as_deref()
            .is_none_or(|it| matches!(it.split(" as ").next().unwrap_or(it).trim(), "Exception" | "BaseException"));
        // The comment may stand on the line of `pass`.
        let has_comment =
            self.text.get(body.end_byte()..).and_then(|rest| rest.lines().next()).is_some_and(|it| it.contains('#'));
        if is_empty && is_broad && !has_comment {
            let message = "the error is dropped: handle it, or say in a comment why it does not matter";
            self.report(id::SWALLOWED_ERROR, Severity::Minor, clause, message);
        } else if caught.is_none() && !self.slice(body).contains("raise") && !has_comment {
            let message = "this also catches KeyboardInterrupt and SystemExit: write `except Exception:`";
            self.report(id::BARE_EXCEPT, Severity::Minor, clause, message);
        }
    }
}
