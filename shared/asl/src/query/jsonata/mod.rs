//! JSONata expressions: `{% … %}`, in the dialect of Step Functions (JSONata 2.0.6 with six functions more and without
//! `$eval`).
//!
//! It owns the language. It refuses to know time, randomness or variables of its own: they come in with the scope. An
//! evaluation is bounded in steps, depth and memory. Start reading at [`Jsonata`], then `evaluate.rs`.

mod ast;
mod budget;
mod call;
mod evaluate;
mod functions;
mod lexer;
mod parser;
mod path;
mod pictures;
mod problem;
mod process;
mod references;
mod signature;
mod text;
mod transform;
mod value;

use serde_json::Value;

use crate::query::{Entropy, QueryFailure, Scope};

use ast::{Kind, Node};
use evaluate::Evaluation;
use problem::{Fallible, Problem};
use value::Val;

/// A JSONata expression of a definition, parsed.
#[derive(Debug)]
pub struct Jsonata {
    text: String,
    root: Node,
    labels: Vec<String>,
    reads_context: bool,
}

/// A text that is no JSONata expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct JsonataSyntaxError {
    /// What is wrong, in the words of JSONata.
    pub reason: String,
}

/// The type that a field's value must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonType {
    /// `array`
    Array,
    /// `boolean`
    Boolean,
    /// `number`
    Number,
    /// `object`
    Object,
    /// `string`
    String,
}

impl JsonType {
    /// The type's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Jsonata {
    /// What stands between `{%` and `%}`, when a text is an expression.
    #[must_use]
    pub fn inside(text: &str) -> Option<&str> {
        text.strip_prefix("{%")?.strip_suffix("%}").map(str::trim)
    }

    /// Parses an expression, without `{%` and `%}`.
    ///
    /// # Errors
    ///
    /// [`JsonataSyntaxError`]
    pub fn parse(text: &str) -> Result<Self, JsonataSyntaxError> {
        let processed = parser::parse(text).and_then(process::process);
        let (root, labels) = processed.map_err(|problem| JsonataSyntaxError { reason: problem.words() })?;
        let reads_context = reads_context(&root);
        Ok(Self { text: text.to_owned(), root, labels, reads_context })
    }

    /// The variables that it reads and does not bind itself, each once and without `$`, in order of appearance.
    /// Functions, `$states` and `$` itself are not among them.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        let (mut bound, mut read): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        self.root.walk(&mut |node| {
            bound.extend(node.focus.iter().chain(&node.index).map(String::as_str));
            for stage in &node.stages {
                if let ast::Stage::Index(name) = stage {
                    bound.push(name);
                }
            }
            match &node.kind {
                Kind::Bind { name, .. } => bound.push(name),
                Kind::Lambda { parameters, .. } => bound.extend(parameters.iter().map(String::as_str)),
                Kind::Variable(name) => read.push(name),
                _ => {}
            }
        });
        let mut names: Vec<&str> = Vec::new();
        for name in read {
            let own = matches!(name, "" | "$" | "states") || functions::find(name).is_some() || bound.contains(&name);
            if !own && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The expression as it was written, without `{%` and `%}`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names that it reads from a context item, which there is none of at the top level, each once. The service
    /// refuses a definition with such an expression.
    #[must_use]
    pub fn top_level_references(&self) -> Vec<String> {
        references::top_level(&self.root)
    }

    /// Evaluates the expression for the field at `location`, such as `Output/total` or `Catch[0]/Assign/x`.
    ///
    /// # Errors
    ///
    /// `States.QueryEvaluationError` in the words of the service, also where the expression gives nothing.
    pub fn evaluate(&self, location: &str, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, QueryFailure> {
        match self.run(scope, entropy) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(self.failure(location, "returned nothing (undefined).")),
            Err(problem) => {
                let (mark, code) =
                    if problem.code.is_empty() { (":", String::new()) } else { (".", format!(" {}:", problem.code)) };
                let words = problem.words();
                Err(self.failure(location, &format!("threw an error during evaluation{mark}{code} {words}")))
            }
        }
    }

    fn failure(&self, location: &str, what: &str) -> QueryFailure {
        let cause = format!("The JSONata expression '{}' specified for the field '{location}' {what}", self.text);
        QueryFailure::evaluation(cause, Some(location))
    }

    fn run(&self, scope: &Scope<'_>, entropy: &mut Entropy) -> Fallible<Option<Value>> {
        let mut evaluation = Evaluation::new(*scope, &self.labels, self.reads_context, entropy);
        let value = evaluation.evaluate(&self.root, &Val::Undefined, 0)?;
        if value.is_undefined() {
            return Ok(None);
        }
        if value.weight(LARGEST_RESULT) > LARGEST_RESULT {
            let words = "The result is larger than 64 MiB. Select less of the input.";
            return Err(Box::new(Problem { message: Some(words.to_owned()), ..Problem::default() }));
        }
        Ok(Some(value.into_json()))
    }

    /// The same where the field needs a value of one type.
    ///
    /// # Errors
    ///
    /// As [`Jsonata::evaluate`], and where the value is of another type.
    pub fn evaluate_as(
        &self,
        expected: JsonType,
        location: &str,
        scope: &Scope<'_>,
        entropy: &mut Entropy,
    ) -> Result<Value, QueryFailure> {
        let value = self.evaluate(location, scope, entropy)?;
        if type_name(&value) == expected.name() { Ok(value) } else { Err(self.unexpected(expected, location, &value)) }
    }

    /// The failure of an expression that gave a value of another type than the field needs.
    #[must_use]
    pub fn unexpected(&self, expected: JsonType, location: &str, value: &Value) -> QueryFailure {
        let (expected, actual) = (expected.name(), type_name(value));
        let what = "returned an unexpected result type. Expected";
        self.failure(location, &format!("{what} '{expected}', but was '{actual}' for value: {value}"))
    }
}

/// The largest value that an expression may give.
const LARGEST_RESULT: usize = 64 * 1024 * 1024;

/// Does the expression use `$states` in a way that may read the Context Object?
fn reads_context(root: &Node) -> bool {
    let (mut uses, mut narrow) = (0, 0);
    root.walk(&mut |node| match &node.kind {
        Kind::Variable(name) if name == "states" => uses += 1,
        Kind::Path { steps, .. } => {
            if let [first, second, ..] = steps.as_slice()
                && matches!(&first.kind, Kind::Variable(name) if name == "states")
                && first.predicate.is_empty()
                && matches!(&second.kind, Kind::Name(name) if name != "context")
            {
                narrow += 1;
            }
        }
        _ => {}
    });
    uses > narrow
}

#[cfg(test)]
mod tests;
