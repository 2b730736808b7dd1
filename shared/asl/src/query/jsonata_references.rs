//! What a JSONata expression reads from a context item that it doesn't have.

use jsonata_core::ast::{AstNode, Stage};

/// The names that an expression reads from its context item at the top level, each once, in order. The service evaluates
/// expressions without such an item and refuses them: `phone` in `$states.input & phone`. `$` and `$$` read it as well.
pub(super) fn top_level(ast: &AstNode) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    // Depth first without recursion: expressions may be deep.
    let mut open = vec![(ast, false)];
    while let Some((node, context)) = open.pop() {
        if context {
            // Everything below has an item too.
            continue;
        }
        let name = match node {
            AstNode::Name(name) => Some(name.clone()),
            AstNode::Variable(name) if name.is_empty() => Some("$".to_owned()),
            AstNode::ParentVariable(_) => Some("$$".to_owned()),
            _ => None,
        };
        found.extend(name.filter(|name| !found.contains(name)));
        let first = open.len();
        children(node, &mut |child, context| open.push((child, context)));
        if let Some(added) = open.get_mut(first..) {
            added.reverse();
        }
    }
    found
}

/// The parts of a node, each with whether it is evaluated with a context item although the node is not.
fn children<'a>(node: &'a AstNode, add: &mut impl FnMut(&'a AstNode, bool)) {
    match node {
        AstNode::Path { steps } => {
            for (index, step) in steps.iter().enumerate() {
                add(&step.node, index > 0);
                for stage in &step.stages {
                    match stage {
                        Stage::Filter(filter) => add(filter, true),
                        Stage::KeepArray | Stage::Index(_) => {}
                    }
                }
            }
        }
        AstNode::Binary { lhs, rhs, .. } => {
            add(lhs, false);
            add(rhs, false);
        }
        AstNode::Unary { operand, .. } => add(operand, false),
        AstNode::Function { args, .. } => args.iter().for_each(|argument| add(argument, false)),
        AstNode::Call { procedure, args } => {
            add(procedure, false);
            args.iter().for_each(|argument| add(argument, false));
        }
        AstNode::Lambda { body, .. } => add(body, false),
        AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => {
            items.iter().for_each(|item| add(item, false));
        }
        AstNode::Object(pairs) => pairs.iter().for_each(|(name, value)| {
            add(name, false);
            add(value, false);
        }),
        AstNode::ObjectTransform { input, .. } | AstNode::Sort { input, .. } => add(input, false),
        AstNode::Conditional { condition, then_branch, else_branch } => {
            add(condition, false);
            add(then_branch, false);
            else_branch.iter().for_each(|branch| add(branch, false));
        }
        AstNode::FunctionApplication(inner) => add(inner, true),
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_)
        | AstNode::Transform { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::query::Jsonata;

    fn names(text: &str) -> Vec<String> {
        Jsonata::parse(text).unwrap().top_level_references()
    }

    #[test]
    fn only_what_has_no_context_item_counts() {
        assert_eq!(names("phone & $states.input.phone"), ["phone"]);
        assert_eq!(names("a.b[c = 1] + d"), ["a", "d"]);
        assert_eq!(names("$states.input.list[price > 5 and $ != 0].{ 'n': name }"), Vec::<String>::new());
        assert_eq!(names("$sum(order.total)"), ["order"]);
        assert_eq!(names("$map($x, function($v) { $v.b & c })"), ["c"]);
        assert_eq!(names("$x ~> |list|{ 'a': b }|"), Vec::<String>::new());
        assert_eq!(names("$x{ key: $sum(value) }"), Vec::<String>::new());
        assert_eq!(names("$x^(>price)"), Vec::<String>::new());
        assert_eq!(names("($y := z; $y)"), ["z"]);
        assert_eq!(names("$x.(a + b)"), Vec::<String>::new());
        assert_eq!(names("$$.a & $"), ["$$", "$"]);
    }

    #[test]
    fn deep_expressions_are_no_danger() {
        let text = format!("1{}", "+1".repeat(20_000));
        if let Ok(expression) = Jsonata::parse(&text) {
            assert_eq!(expression.top_level_references(), Vec::<String>::new());
        }
    }
}
