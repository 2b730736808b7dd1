//! JSONata expressions: `{% … %}`.

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::{Map, Value, json};

use crate::query::{Entropy, QueryFailure, Scope, jsonata_references};

/// A JSONata expression of a definition, parsed.
#[derive(Debug)]
pub struct Jsonata {
    text: String,
    ast: AstNode,
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
        match jsonata_core::parser::parse(text) {
            Ok(ast) => Ok(Self { text: text.to_owned(), ast }),
            Err(problem) => Err(JsonataSyntaxError { reason: problem.display_message() }),
        }
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
        jsonata_references::top_level(&self.ast)
    }

    /// Evaluates the expression for the field at `location`, such as `Output/total` or `Catch[0]/Assign/x`.
    ///
    /// # Errors
    ///
    /// `States.QueryEvaluationError` in the words of the service, also where the expression gives nothing.
    pub fn evaluate(&self, location: &str, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, QueryFailure> {
        let _ = entropy;
        let fail = |what: String| {
            let cause = format!("The JSONata expression '{}' specified for the field '{location}' {what}", self.text);
            QueryFailure::evaluation(cause, Some(location))
        };
        let mut states = Map::new();
        states.insert("input".to_owned(), scope.input.clone());
        states.insert("context".to_owned(), scope.context.value().clone());
        if let Some(result) = scope.result {
            states.insert("result".to_owned(), result.clone());
        }
        if let Some(error_output) = scope.error_output {
            states.insert("errorOutput".to_owned(), error_output.clone());
        }
        let mut context = Context::new();
        context.bind("states".to_owned(), incoming(&Value::Object(states)));
        for (name, value) in scope.variables {
            context.bind(name.clone(), incoming(value));
        }
        let options = EvaluatorOptions {
            max_stack_depth: Some(500),
            max_sequence_length: Some(1_000_000),
            ..EvaluatorOptions::default()
        };
        let mut evaluator = Evaluator::with_options(context, options);
        match evaluator.evaluate(&self.ast, &JValue::Undefined).map(|value| outgoing(&value)) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(fail("returned nothing (undefined).".to_owned())),
            Err(problem) => Err(fail(format!("threw an error during evaluation. {}", words(&problem)))),
        }
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
        let cause = format!(
            "The JSONata expression '{}' specified for the field '{location}' returned an unexpected result type. \
             Expected '{}', but was '{}' for value: {value}",
            self.text,
            expected.name(),
            type_name(value)
        );
        QueryFailure::evaluation(cause, Some(location))
    }
}

fn words(problem: &EvaluatorError) -> String {
    problem.message().to_owned()
}

fn incoming(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(flag) => JValue::Bool(*flag),
        Value::Number(number) => JValue::Number(number.as_f64().unwrap_or_default()),
        Value::String(text) => JValue::string(text.as_str()),
        Value::Array(items) => JValue::array(items.iter().map(incoming).collect()),
        Value::Object(fields) => {
            JValue::object(fields.iter().map(|(name, value)| (name.clone(), incoming(value))).collect())
        }
    }
}

fn outgoing(value: &JValue) -> Option<Value> {
    Some(match value {
        JValue::Null => Value::Null,
        JValue::Bool(flag) => Value::Bool(*flag),
        JValue::Number(number) => crate::query::number::from_f64(*number),
        JValue::String(text) => Value::String(text.to_string()),
        JValue::Array(items) => Value::Array(items.iter().map(|item| outgoing(item).unwrap_or_default()).collect()),
        JValue::Object(_) => {
            let fields = value.as_object()?;
            fields.iter().filter_map(|(name, value)| Some((name.clone(), outgoing(value)?))).collect()
        }
        JValue::Undefined => return None,
        JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => json!(""),
    })
}
