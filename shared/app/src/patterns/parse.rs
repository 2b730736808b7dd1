//! Reading patterns, with every problem at its place.

use serde_json::{Map, Value};

use super::compare::{Comparison, Operator, Piece, TextComparison, folded};
use super::network::Network;
use super::{Field, Leaf, Node, PATTERN_BYTES, Pattern, PatternProblem};

const OR: &str = "$or";
const COMPARISONS: &str = "prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, cidr or exists";

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(value: &Value) -> Result<Self, Vec<PatternProblem>> {
        let mut reader = Reader::default();
        let size = value.to_string().len();
        if size > PATTERN_BYTES {
            reader.wrong(format!("is {size} bytes long; at most {PATTERN_BYTES} are possible"));
            return Err(reader.problems);
        }
        let root = match value {
            Value::Object(members) => reader.node(members),
            _ => {
                reader.wrong("must be an object of the event's form");
                Node::default()
            }
        };
        if reader.problems.is_empty() { Ok(Self { root }) } else { Err(reader.problems) }
    }
}

/// Where the reading is.
#[derive(Default)]
struct Reader {
    /// Steps from the pattern's root.
    place: Vec<String>,
    /// Names from the event's root.
    path: Vec<String>,
    problems: Vec<PatternProblem>,
}

impl Reader {
    fn wrong(&mut self, message: impl Into<String>) {
        let step = |step: &String| format!("/{}", step.replace('~', "~0").replace('/', "~1"));
        let pointer = self.place.iter().map(step).collect();
        self.problems.push(PatternProblem { pointer, message: message.into() });
    }

    fn at<T>(&mut self, step: impl ToString, read: impl FnOnce(&mut Self) -> T) -> T {
        self.place.push(step.to_string());
        let value = read(self);
        self.place.pop();
        value
    }

    fn node(&mut self, members: &Map<String, Value>) -> Node {
        let mut node = Node::default();
        if members.is_empty() {
            self.wrong("must have a field: an empty object matches nothing in particular");
        }
        for (name, value) in members {
            self.at(name, |reader| {
                if name == OR {
                    node.alternatives.push(reader.alternatives(value));
                    return;
                }
                reader.path.push(name.clone());
                match value {
                    Value::Object(members) => node.fields.push((name.clone(), Field::Object(reader.node(members)))),
                    Value::Array(items) => node.fields.push((name.clone(), Field::Leaf(reader.leaf(items)))),
                    _ => reader.wrong("must be an array of values and comparisons, or an object"),
                }
                reader.path.pop();
            });
        }
        node
    }

    fn alternatives(&mut self, value: &Value) -> Vec<Node> {
        let Some(items) = value.as_array().filter(|items| items.len() > 1) else {
            self.wrong("must be an array of two or more objects");
            return Vec::new();
        };
        let mut nodes = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            self.at(number, |reader| match item {
                Value::Object(members) => nodes.push(reader.node(members)),
                _ => reader.wrong("must be an object"),
            });
        }
        nodes
    }

    fn leaf(&mut self, items: &[Value]) -> Leaf {
        let mut leaf = Leaf { any: Vec::new(), absent: false, path: self.path.clone() };
        if items.is_empty() {
            self.wrong("must have a value or a comparison: nothing is in an empty array");
        }
        for (number, item) in items.iter().enumerate() {
            self.at(number, |reader| match item {
                Value::Array(_) => reader.wrong("must be a value or a comparison, not an array"),
                Value::Object(members) => reader.comparison(members, &mut leaf),
                value => leaf.any.push(Comparison::Equals(value.clone())),
            });
        }
        leaf
    }

    fn comparison(&mut self, members: &Map<String, Value>, leaf: &mut Leaf) {
        let mut all = members.iter();
        let (Some((name, value)), None) = (all.next(), all.next()) else {
            self.wrong(format!("must have exactly one of {COMPARISONS}"));
            return;
        };
        self.at(name, |reader| {
            let read = match name.as_str() {
                "exists" => match value {
                    Value::Bool(true) => Some(Comparison::Exists),
                    Value::Bool(false) => {
                        leaf.absent = true;
                        None
                    }
                    _ => {
                        reader.wrong("must be true or false");
                        None
                    }
                },
                "numeric" => reader.numeric(value),
                "cidr" => {
                    let network = value.as_str().and_then(Network::parse);
                    if network.is_none() {
                        reader.wrong("must be a network such as \"10.0.0.0/24\" or \"2001:db8::/32\"");
                    }
                    network.map(Comparison::Cidr)
                }
                "anything-but" => reader.anything_but(value).map(Comparison::Not),
                "prefix" | "suffix" | "equals-ignore-case" | "wildcard" => {
                    reader.text(name, value, false).and_then(|mut all| all.pop())
                }
                _ => {
                    reader.wrong(format!("is no comparison: it must be {COMPARISONS}"));
                    None
                }
            };
            leaf.any.extend(read);
        });
    }

    fn numeric(&mut self, value: &Value) -> Option<Comparison> {
        let wanted = "must be an operator and a number, such as [\">\", 5], or two of them that limit a range from below and \
                      from above, such as [\">=\", 5, \"<\", 10]";
        let Some(items) = value.as_array().filter(|items| matches!(items.len(), 2 | 4)) else {
            self.wrong(wanted);
            return None;
        };
        let mut bounds = Vec::new();
        for pair in items.chunks(2) {
            match pair {
                [Value::String(operator), Value::Number(number)] => {
                    bounds.extend(Operator::parse(operator).zip(number.as_f64()));
                }
                _ => break,
            }
        }
        let is_lower = |operator: &Operator| matches!(operator, Operator::Greater | Operator::GreaterOrEqual);
        let is_upper = |operator: &Operator| matches!(operator, Operator::Less | Operator::LessOrEqual);
        let is_right = match bounds.as_slice() {
            [_] => items.len() == 2,
            [(lower, from), (upper, to)] => {
                if is_lower(lower) && is_upper(upper) && from >= to {
                    self.wrong("must be a range whose lower limit is below its upper one");
                    return None;
                }
                is_lower(lower) && is_upper(upper)
            }
            _ => false,
        };
        if !is_right {
            self.wrong(wanted);
            return None;
        }
        Some(Comparison::Numeric(bounds))
    }

    /// Values of which it is none, or comparisons of which none holds.
    fn anything_but(&mut self, value: &Value) -> Option<Vec<Comparison>> {
        let wanted = "must be a string, a number, an array of one of them, or one of prefix, suffix, equals-ignore-case \
                      and wildcard";
        match value {
            Value::String(_) | Value::Number(_) => Some(vec![Comparison::Equals(value.clone())]),
            Value::Array(items) => {
                let strings = items.iter().all(Value::is_string);
                if items.is_empty() || !strings && !items.iter().all(Value::is_number) {
                    self.wrong("must be strings only or numbers only, and one at least");
                    return None;
                }
                Some(items.iter().cloned().map(Comparison::Equals).collect())
            }
            Value::Object(members) if members.len() == 1 => {
                let (name, value) = members.iter().next()?;
                if !["prefix", "suffix", "equals-ignore-case", "wildcard"].contains(&name.as_str()) {
                    self.wrong(wanted);
                    return None;
                }
                self.at(name, |reader| reader.text(name, value, true))
            }
            _ => {
                self.wrong(wanted);
                None
            }
        }
    }

    /// A comparison of strings; in `anything-but` also of several.
    fn text(&mut self, name: &str, value: &Value, several: bool) -> Option<Vec<Comparison>> {
        let (value, ignores_case) = match value {
            Value::Object(members) if matches!(name, "prefix" | "suffix") && members.len() == 1 => {
                match members.get("equals-ignore-case") {
                    Some(inner) => (inner, true),
                    None => {
                        self.wrong("must be a string, or an object with equals-ignore-case");
                        return None;
                    }
                }
            }
            other => (other, false),
        };
        let texts: Option<Vec<&str>> = match value {
            Value::String(text) => Some(vec![text]),
            Value::Array(items) if several && !items.is_empty() => items.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let Some(texts) = texts else {
            self.wrong(if several { "must be a string or an array of strings" } else { "must be a string" });
            return None;
        };
        // Nothing would be left of "anything but what begins with nothing".
        if several && matches!(name, "prefix" | "suffix") && texts.contains(&"") {
            self.wrong("must not be empty: every string begins and ends with nothing");
            return None;
        }
        let mut all = Vec::with_capacity(texts.len());
        for text in texts {
            all.push(Comparison::Text(match (name, ignores_case) {
                ("prefix", false) => TextComparison::Prefix(text.to_owned()),
                ("prefix", true) => TextComparison::PrefixIgnoringCase(folded(text)),
                ("suffix", false) => TextComparison::Suffix(text.to_owned()),
                ("suffix", true) => TextComparison::SuffixIgnoringCase(folded(text)),
                ("equals-ignore-case", _) => TextComparison::EqualsIgnoringCase(folded(text)),
                _ => match wildcard(text) {
                    Ok(pieces) => TextComparison::Wildcard(pieces),
                    Err(problem) => {
                        self.wrong(problem);
                        return None;
                    }
                },
            }));
        }
        Some(all)
    }
}

/// `*` stands for any characters; `\*` and `\\` for themselves.
fn wildcard(text: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some(escaped @ ('*' | '\\')) => literal.push(escaped),
                _ => return Err("has a backslash before something else than * or a backslash"),
            },
            '*' => {
                if literal.is_empty() && pieces.last() == Some(&Piece::Any) {
                    return Err("must not have two * in a row");
                }
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Any);
            }
            other => literal.push(other),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_problem_is_told_at_its_place() {
        let pattern = json!({
            "source": "github",
            "a": [],
            "b": {},
            "c": [[1]],
            "d": [{ "prefix": 1 }, { "prefix": "x", "suffix": "y" }, { "like": "x" }, {}],
            "e/f": [{ "numeric": [">"] }],
            "$or": [{ "x": [1] }]
        });
        let problems = Pattern::parse(&pattern).unwrap_err();
        let places: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(
            places,
            ["/source", "/a", "/b", "/c/0", "/d/0/prefix", "/d/1", "/d/2/like", "/d/3", "/e~1f/0/numeric", "/$or"]
        );
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in [
            json!({}),
            json!([]),
            json!("x"),
            json!({ "a": 1 }),
            json!({ "a": [{ "exists": "true" }] }),
            json!({ "a": [{ "prefix": { "suffix": "x" } }] }),
            json!({ "a": [{ "prefix": ["x"] }] }),
            json!({ "a": [{ "wildcard": "a**b" }] }),
            json!({ "a": [{ "wildcard": "a\\b" }] }),
            json!({ "a": [{ "wildcard": "a\\" }] }),
            json!({ "a": [{ "equals-ignore-case": null }] }),
            json!({ "a": [{ "cidr": "10.0.0.0" }] }),
            json!({ "a": [{ "cidr": "10.0.0.0/33" }] }),
            json!({ "a": [{ "numeric": [] }] }),
            json!({ "a": [{ "numeric": ["!", 5] }] }),
            json!({ "a": [{ "numeric": ["<", "5"] }] }),
            json!({ "a": [{ "numeric": ["<", 5, ">", 1] }] }),
            json!({ "a": [{ "numeric": [">", 5, "<", 5] }] }),
            json!({ "a": [{ "numeric": ["=", 5, "<", 6] }] }),
            json!({ "a": [{ "numeric": [">", 1, "<", 5, "=", 3] }] }),
            json!({ "a": [{ "anything-but": [] }] }),
            json!({ "a": [{ "anything-but": ["x", 1] }] }),
            json!({ "a": [{ "anything-but": true }] }),
            json!({ "a": [{ "anything-but": [null] }] }),
            json!({ "a": [{ "anything-but": { "prefix": "" } }] }),
            json!({ "a": [{ "anything-but": { "numeric": ["=", 1] } }] }),
            json!({ "a": [{ "anything-but": { "prefix": "x", "suffix": "y" } }] }),
            json!({ "$or": { "a": [1] } }),
            json!({ "$or": [{ "a": [1] }, 1] }),
            json!({ "$or": [{ "a": [1] }, {}] }),
            json!({ "a": ["x".repeat(PATTERN_BYTES)] }),
        ] {
            assert!(Pattern::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
