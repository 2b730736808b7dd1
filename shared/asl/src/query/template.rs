use serde_json::{Map, Value};

use crate::query::limits::{Allowance, LimitExceeded, MAX_DEPTH};
use crate::query::{Entropy, Expression, QueryFailure, Scope};

/// A payload template: `Parameters`, `ResultSelector`, `ItemSelector`, `Assign` and the like.
///
/// A field whose name ends in `.$` holds a path or an intrinsic function and is replaced by its value, without the
/// suffix. Everything else is taken as it is; objects within arrays are templates too.
#[derive(Debug, Clone, PartialEq)]
pub struct PayloadTemplate {
    root: Node,
}

/// A field of a template that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at {pointer}: {detail}")]
pub struct TemplateProblem {
    /// A JSON pointer to the object that holds the field, from the template's root (`""`). The service reports this.
    pub pointer: String,
    /// The field's name, with `.$`.
    pub field: String,
    /// The service's message, without the place.
    pub message: String,
    /// What exactly is wrong.
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Constant(Value),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
    /// The field's name with `.$`, for messages.
    Dynamic(String, Expression),
}

impl PayloadTemplate {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Every field that is wrong.
    pub fn parse(template: Value) -> Result<Self, Vec<TemplateProblem>> {
        let mut problems = Vec::new();
        let root = parse(template, &mut String::new(), 0, &mut problems);
        if problems.is_empty() { Ok(Self { root }) } else { Err(problems) }
    }

    /// Evaluates the template.
    ///
    /// # Errors
    ///
    /// The failure of the first field that fails, as the service words it.
    pub fn evaluate(&self, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, QueryFailure> {
        build(&self.root, scope, entropy, &mut Allowance::new())
    }

    /// The variables it reads, each name once and without `$`, in order of appearance.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        collect(&self.root, &mut names);
        names
    }
}

fn parse(template: Value, pointer: &mut String, depth: usize, problems: &mut Vec<TemplateProblem>) -> Node {
    if depth > MAX_DEPTH {
        problems.push(TemplateProblem {
            pointer: pointer.clone(),
            field: String::new(),
            message: LimitExceeded::Depth.to_string(),
            detail: "Nest the template less deeply.".to_owned(),
        });
        return Node::Constant(Value::Null);
    }
    match template {
        Value::Object(members) => {
            let mut nodes = Vec::with_capacity(members.len());
            for (name, member) in members {
                if let Some(short) = name.strip_suffix(".$") {
                    match dynamic(&name, &member) {
                        Ok(expression) => nodes.push((short.to_owned(), Node::Dynamic(name, expression))),
                        Err(detail) => problems.push(TemplateProblem {
                            pointer: pointer.clone(),
                            message: format!(
                                "The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
                            ),
                            field: name,
                            detail,
                        }),
                    }
                } else {
                    let length = pointer.len();
                    pointer.push('/');
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                    let node = parse(member, pointer, depth + 1, problems);
                    pointer.truncate(length);
                    nodes.push((name, node));
                }
            }
            Node::Object(nodes)
        }
        Value::Array(items) => {
            let mut nodes = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                let length = pointer.len();
                pointer.push_str(&format!("/{index}"));
                nodes.push(parse(item, pointer, depth + 1, problems));
                pointer.truncate(length);
            }
            Node::Array(nodes)
        }
        constant @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => Node::Constant(constant),
    }
}

fn dynamic(name: &str, member: &Value) -> Result<Expression, String> {
    match member {
        Value::String(text) => Expression::parse(text).map_err(|error| error.to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("'{name}' must hold a string"))
        }
    }
}

fn build(
    node: &Node,
    scope: &Scope<'_>,
    entropy: &mut Entropy,
    allowance: &mut Allowance,
) -> Result<Value, QueryFailure> {
    match node {
        Node::Constant(value) => Ok(value.clone()),
        Node::Dynamic(field, expression) => expression.evaluate_within(field, scope, entropy, allowance),
        Node::Array(nodes) => {
            nodes.iter().map(|node| build(node, scope, entropy, allowance)).collect::<Result<_, _>>().map(Value::Array)
        }
        Node::Object(nodes) => {
            let mut members = Map::new();
            for (name, node) in nodes {
                members.insert(name.clone(), build(node, scope, entropy, allowance)?);
            }
            Ok(Value::Object(members))
        }
    }
}

fn collect<'n>(node: &'n Node, names: &mut Vec<&'n str>) {
    match node {
        Node::Constant(_) => {}
        Node::Dynamic(_, expression) => {
            for name in expression.variables() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Node::Array(nodes) => nodes.iter().for_each(|node| collect(node, names)),
        Node::Object(nodes) => nodes.iter().for_each(|(_, node)| collect(node, names)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn evaluate(template: Value, input: Value) -> Result<Value, QueryFailure> {
        let context = json!({"State": {"Name": "Here"}});
        let variables = json!({"limit": {"low": 3}});
        let scope = Scope::new(&input, &context).with_variables(variables.as_object().unwrap());
        PayloadTemplate::parse(template).unwrap().evaluate(&scope, &mut Entropy::from_u64(1))
    }

    #[test]
    fn replaces_dynamic_fields_everywhere() {
        let template = json!({
            "plain": "$.a", "n": 1.5, "z.$": "$.a", "name.$": "$$.State.Name", "low.$": "$limit.low",
            "text.$": "States.Format('{}!', $.a)", "list": [1, {"x.$": "$.b[*].c"}, ["$.a"]]
        });
        let output = evaluate(template, json!({"a": 1, "b": [{"c": 2}, {"c": 3}]})).unwrap();
        let expected = json!({
            "plain": "$.a", "n": 1.5, "z": 1, "name": "Here", "low": 3, "text": "1!", "list": [1, {"x": [2, 3]}, ["$.a"]]
        });
        assert_eq!(output.to_string(), expected.to_string());
    }

    #[test]
    fn an_index_past_the_end_is_null_and_a_missing_name_fails() {
        assert_eq!(evaluate(json!({"x.$": "$.a[4]"}), json!({"a": [1]})).unwrap(), json!({"x": null}));
        assert_eq!(evaluate(json!({"x.$": "$.none[0:2]"}), json!({})).unwrap(), json!({"x": []}));
        let failure = evaluate(json!({"o": {"x.$": "$.none.deep"}}), json!({"k": "v"})).unwrap_err();
        assert_eq!(failure.error, "States.Runtime");
        assert_eq!(
            failure.cause,
            r#"The JSONPath '$.none.deep' specified for the field 'x.$' could not be found in the input '{"k":"v"}'"#
        );
        let failure = evaluate(json!({"x.$": "$$.None"}), json!({})).unwrap_err();
        assert!(failure.cause.ends_with(r#"in the input '{"State":{"Name":"Here"}}'"#), "{}", failure.cause);
    }

    #[test]
    fn reports_every_problem_with_its_place() {
        let template = json!({"a.$": 1, "o": {"x/y": [{"b.$": "$.["}]}, "c.$": "States.Nope()", "d.$": "text"});
        let problems = PayloadTemplate::parse(template).unwrap_err();
        let places: Vec<_> = problems.iter().map(|p| (p.pointer.as_str(), p.field.as_str())).collect();
        assert_eq!(places, [("", "a.$"), ("/o/x~1y/0", "b.$"), ("", "c.$"), ("", "d.$")]);
        assert_eq!(
            problems[1].message,
            "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call"
        );
    }

    #[test]
    fn names_its_variables() {
        let template = PayloadTemplate::parse(json!({"a.$": "$x.y", "b": [{"c.$": "States.Array($z, $x)"}]})).unwrap();
        assert_eq!(template.variables(), ["x", "z"]);
    }

    #[test]
    fn repeated_inputs_are_bounded() {
        let fields: Map<String, Value> = (0..80).map(|n| (format!("f{n}.$"), json!("$"))).collect();
        let failure = evaluate(Value::Object(fields), json!("x".repeat(1024 * 1024))).unwrap_err();
        assert_eq!(failure.error, "States.DataLimitExceeded");
    }
}
