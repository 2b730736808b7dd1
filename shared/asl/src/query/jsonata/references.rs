//! What a JSONata expression reads from a context item that it doesn't have.

use super::ast::{Kind, Node, Stage};

/// The names that an expression reads from its context item at the top level, each once, in order. The service evaluates
/// expressions without such an item and refuses them: `phone` in `$states.input & phone`. `$` and `$$` read it as well.
pub(super) fn top_level(root: &Node) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    // Depth first without recursion: expressions may be deep.
    let mut open = vec![(root, false)];
    while let Some((node, context)) = open.pop() {
        if context {
            // Everything below has an item too.
            continue;
        }
        let name = match &node.kind {
            Kind::Name(name) => Some(name.clone()),
            Kind::Variable(name) if name.is_empty() => Some("$".to_owned()),
            Kind::Variable(name) if name == "$" => Some("$$".to_owned()),
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
fn children<'a>(node: &'a Node, add: &mut impl FnMut(&'a Node, bool)) {
    node.predicate.iter().for_each(|filter| add(filter, true));
    for stage in &node.stages {
        if let Stage::Filter(filter) = stage {
            add(filter, true);
        }
    }
    for (name, value) in node.group.iter().flatten() {
        add(name, true);
        add(value, true);
    }
    match &node.kind {
        Kind::Path { steps, .. } => steps.iter().enumerate().for_each(|(index, step)| add(step, index > 0)),
        Kind::Binary { left, right, .. } | Kind::Apply { left, right } => {
            add(left, false);
            add(right, false);
        }
        Kind::Negate(inner) | Kind::Bind { value: inner, .. } | Kind::Lambda { body: inner, .. } => add(inner, false),
        Kind::Call { procedure, arguments } => {
            add(procedure, false);
            arguments.iter().for_each(|argument| add(argument, false));
        }
        Kind::Partial { procedure, arguments } => {
            add(procedure, false);
            arguments.iter().flatten().for_each(|argument| add(argument, false));
        }
        Kind::Array(items) | Kind::Block(items) => items.iter().for_each(|item| add(item, false)),
        Kind::Object(pairs) => pairs.iter().for_each(|(name, value)| {
            add(name, false);
            add(value, false);
        }),
        Kind::Condition { condition, then, otherwise } => {
            add(condition, false);
            add(then, false);
            otherwise.iter().for_each(|branch| add(branch, false));
        }
        Kind::Sort(terms) => terms.iter().for_each(|term| add(&term.expression, true)),
        Kind::Text(_)
        | Kind::Name(_)
        | Kind::Number(_)
        | Kind::Bool(_)
        | Kind::Null
        | Kind::Regex(_)
        | Kind::Variable(_)
        | Kind::Wildcard
        | Kind::Descendants
        | Kind::Parent(_)
        | Kind::Transform { .. } => {}
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
