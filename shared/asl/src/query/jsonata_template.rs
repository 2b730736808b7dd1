use serde_json::{Map, Value};

use crate::query::limits::MAX_DEPTH;
use crate::query::{Entropy, Jsonata, QueryFailure, Scope, TemplateProblem};

/// A JSONata field that makes a value: every text of the form `{% … %}` in it is replaced by what the expression gives.
#[derive(Debug)]
pub struct JsonataTemplate {
    root: Node,
}

#[derive(Debug)]
enum Node {
    Constant(Value),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
    Expression(Jsonata),
}

impl JsonataTemplate {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Every expression that is none; the problem's `field` is empty, its `pointer` leads to the text.
    pub fn parse(template: &Value) -> Result<Self, Vec<TemplateProblem>> {
        let mut problems = Vec::new();
        let root = parse(template, &mut String::new(), 0, &mut problems);
        if problems.is_empty() { Ok(Self { root }) } else { Err(problems) }
    }

    /// Makes the value.
    ///
    /// # Errors
    ///
    /// The failure of the first expression that fails, as the service words it.
    pub fn evaluate(&self, location: &str, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, QueryFailure> {
        build(&self.root, &mut location.to_owned(), scope, entropy)
    }

    /// The expression that the whole template is, if it is one.
    #[must_use]
    pub fn expression(&self) -> Option<&Jsonata> {
        match &self.root {
            Node::Expression(expression) => Some(expression),
            Node::Constant(_) | Node::Array(_) | Node::Object(_) => None,
        }
    }
}

fn parse(value: &Value, pointer: &mut String, depth: usize, problems: &mut Vec<TemplateProblem>) -> Node {
    let mut refuse = |pointer: &str, detail: String| {
        problems.push(TemplateProblem {
            pointer: pointer.to_owned(),
            field: String::new(),
            message: detail.clone(),
            detail,
        });
        Node::Constant(Value::Null)
    };
    if depth > MAX_DEPTH {
        return refuse(pointer, "Nest the template less deeply.".to_owned());
    }
    match value {
        Value::String(text) => match Jsonata::inside(text).map(Jsonata::parse) {
            None => Node::Constant(value.clone()),
            Some(Ok(expression)) => Node::Expression(expression),
            Some(Err(problem)) => refuse(pointer, problem.to_string()),
        },
        Value::Array(items) => {
            let nodes: Vec<Node> = items
                .iter()
                .enumerate()
                .map(|(index, item)| within(pointer, &index.to_string(), |at| parse(item, at, depth + 1, problems)))
                .collect();
            if nodes.iter().all(Node::is_constant) { Node::Constant(value.clone()) } else { Node::Array(nodes) }
        }
        Value::Object(fields) => {
            let nodes: Vec<(String, Node)> = fields
                .iter()
                .map(|(name, field)| {
                    let key = name.replace('~', "~0").replace('/', "~1");
                    (name.clone(), within(pointer, &key, |at| parse(field, at, depth + 1, problems)))
                })
                .collect();
            let constant = nodes.iter().all(|(_, node)| node.is_constant());
            if constant { Node::Constant(value.clone()) } else { Node::Object(nodes) }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Node::Constant(value.clone()),
    }
}

fn within<T>(pointer: &mut String, key: &str, inner: impl FnOnce(&mut String) -> T) -> T {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(key);
    let result = inner(pointer);
    pointer.truncate(length);
    result
}

impl Node {
    const fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }
}

/// `location` names the field as the service does: `/` before a name, an index in brackets.
fn build(node: &Node, location: &mut String, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, QueryFailure> {
    let length = location.len();
    match node {
        Node::Constant(value) => Ok(value.clone()),
        Node::Expression(expression) => expression.evaluate(location, scope, entropy),
        Node::Array(nodes) => {
            let mut items = Vec::with_capacity(nodes.len());
            for (index, node) in nodes.iter().enumerate() {
                location.push_str(&format!("[{index}]"));
                items.push(build(node, location, scope, entropy)?);
                location.truncate(length);
            }
            Ok(Value::Array(items))
        }
        Node::Object(nodes) => {
            let mut fields = Map::with_capacity(nodes.len());
            for (name, node) in nodes {
                location.push('/');
                location.push_str(name);
                fields.insert(name.clone(), build(node, location, scope, entropy)?);
                location.truncate(length);
            }
            Ok(Value::Object(fields))
        }
    }
}
