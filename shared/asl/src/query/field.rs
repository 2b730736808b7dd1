//! Fields of either query language.

use serde_json::Value;

use crate::query::{
    Entropy, Expression, JsonType, Jsonata, JsonataTemplate, PayloadTemplate, QueryFailure, Scope, TemplateProblem,
};

/// `QueryLanguage`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryLanguage {
    /// `JSONPath`
    #[default]
    JsonPath,
    /// `JSONata`
    Jsonata,
}

impl QueryLanguage {
    /// Reads the value of `QueryLanguage`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "JSONPath" => Some(Self::JsonPath),
            "JSONata" => Some(Self::Jsonata),
            _ => None,
        }
    }

    /// The value of `QueryLanguage`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JsonPath => "JSONPath",
            Self::Jsonata => "JSONata",
        }
    }
}

/// A field that makes a value: `Parameters`, `Arguments`, `ResultSelector`, `ItemSelector`, `Assign`, `Output` and the
/// like.
#[derive(Debug)]
pub enum Template {
    /// With `….$` fields.
    JsonPath(PayloadTemplate),
    /// With `{% … %}` texts.
    Jsonata(JsonataTemplate),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Every part that is wrong.
    pub fn parse(value: &Value, language: QueryLanguage) -> Result<Self, Vec<TemplateProblem>> {
        match language {
            QueryLanguage::JsonPath => PayloadTemplate::parse(value.clone()).map(Self::JsonPath),
            QueryLanguage::Jsonata => JsonataTemplate::parse(value).map(Self::Jsonata),
        }
    }

    /// Makes the value. `location` is where the field stands in its state, such as `Output` or `Catch[0]/Assign`.
    ///
    /// # Errors
    ///
    /// The failure of the first part that fails, as the service words it.
    pub fn evaluate(&self, location: &str, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, QueryFailure> {
        match self {
            Self::JsonPath(template) => template.evaluate(scope, entropy),
            Self::Jsonata(template) => template.evaluate(location, scope, entropy),
        }
    }

    /// The failure of a template that gave a value of another type than the field needs.
    #[must_use]
    pub fn unexpected(&self, expected: JsonType, location: &str, value: &Value) -> QueryFailure {
        match self {
            Self::Jsonata(template) if let Some(expression) = template.expression() => {
                expression.unexpected(expected, location, value)
            }
            _ => {
                QueryFailure::runtime(format!("The field '{location}' must give a value of type {}.", expected.name()))
            }
        }
    }
}

/// The value of a field that is written in the definition or found when the state runs. One type for `TimeoutSeconds`,
/// `MaxConcurrency`, `Seconds`, `Error`, `ToleratedFailureCount` and so on, with their `…Path` forms.
#[derive(Debug)]
pub enum Dynamic<T> {
    /// As written.
    Fixed(T),
    /// The `…Path` form: a path (for `ErrorPath` and `CausePath` also an intrinsic function) into the state's
    /// effective input.
    Computed(Expression),
    /// `{% … %}`
    Jsonata(Jsonata),
}

/// What a [`Dynamic`] field came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<T> {
    /// What is written.
    Fixed(T),
    /// What a path leads to or an expression gives.
    Value(Value),
}

impl<T: Clone> Dynamic<T> {
    /// Finds the value. `field` is the field's name without `Path`; an expression must give an `expected`, a path may
    /// lead to anything.
    ///
    /// # Errors
    ///
    /// As the service words it.
    pub fn find(
        &self,
        expected: JsonType,
        field: &str,
        scope: &Scope<'_>,
        entropy: &mut Entropy,
    ) -> Result<Found<T>, QueryFailure> {
        match self {
            Self::Fixed(value) => Ok(Found::Fixed(value.clone())),
            Self::Computed(Expression::Path(path)) if !matches!(field, "Error" | "Cause") => {
                Ok(Found::Value(path.read(scope)?))
            }
            Self::Computed(expression) => {
                expression.evaluate(&format!("{field}Path"), scope, entropy).map(Found::Value)
            }
            Self::Jsonata(expression) => expression.evaluate_as(expected, field, scope, entropy).map(Found::Value),
        }
    }

    /// The text of the path or expression, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Fixed(_) => None,
            Self::Computed(expression) => Some(expression.text()),
            Self::Jsonata(expression) => Some(expression.text()),
        }
    }
}
