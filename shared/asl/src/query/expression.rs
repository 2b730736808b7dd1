use serde_json::Value;

use crate::intrinsics::{Intrinsic, IntrinsicSyntaxError};
use crate::query::limits::Allowance;
use crate::query::{Entropy, Path, PathSyntaxError, QueryFailure, Scope};

/// What a `….$` field, `ErrorPath` or `CausePath` may hold: a path or an intrinsic function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// `$…`, `$$…` or `$name…`.
    Path(Path),
    /// `States.…(…)`.
    Intrinsic(Intrinsic),
}

/// A text that is neither a path nor an intrinsic function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It begins like a path.
    #[error(transparent)]
    Path(#[from] PathSyntaxError),
    /// It begins like an intrinsic function.
    #[error(transparent)]
    Intrinsic(#[from] IntrinsicSyntaxError),
    /// It begins like neither.
    #[error("expected a path that starts with '$' or an intrinsic function such as States.Format(…)")]
    Neither,
}

impl Expression {
    /// Parses a path or an intrinsic function.
    ///
    /// # Errors
    ///
    /// [`ExpressionError`], with a position in the text.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.starts_with('$') {
            Ok(Self::Path(Path::parse(text)?))
        } else if text.starts_with("States.") {
            Ok(Self::Intrinsic(Intrinsic::parse(text)?))
        } else {
            Err(ExpressionError::Neither)
        }
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Path(path) => path.text(),
            Self::Intrinsic(intrinsic) => intrinsic.text(),
        }
    }

    /// The variables it reads, each name once and without `$`, in order of appearance.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        match self {
            Self::Path(path) => path.variable().into_iter().collect(),
            Self::Intrinsic(intrinsic) => intrinsic.variables(),
        }
    }

    /// Evaluates it for a field. `field` is the field's name as the service reports it, with `.$` where there is one.
    ///
    /// # Errors
    ///
    /// The failure as the service words it.
    pub fn evaluate(&self, field: &str, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, QueryFailure> {
        self.evaluate_within(field, scope, entropy, &mut Allowance::new())
    }

    pub(crate) fn evaluate_within(
        &self,
        field: &str,
        scope: &Scope<'_>,
        entropy: &mut Entropy,
        allowance: &mut Allowance,
    ) -> Result<Value, QueryFailure> {
        match self {
            Self::Path(path) => path.read_field_within(field, scope, allowance),
            Self::Intrinsic(intrinsic) => intrinsic.evaluate_within(scope, entropy, allowance),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_the_two_kinds_apart() {
        assert!(matches!(Expression::parse("$.a"), Ok(Expression::Path(_))));
        assert!(matches!(Expression::parse("States.UUID()"), Ok(Expression::Intrinsic(_))));
        assert!(matches!(Expression::parse("plain"), Err(ExpressionError::Neither)));
        assert!(matches!(Expression::parse("States.Nothing()"), Err(ExpressionError::Intrinsic(_))));
    }

    #[test]
    fn names_its_variables_once() {
        let expression = Expression::parse("States.Format('{}{}{}', $b.c, States.Array($a, $.x), $b)").unwrap();
        assert_eq!(expression.variables(), ["b", "a"]);
    }

    #[test]
    fn reports_the_field() {
        let (input, context) = (json!({"a": 1}), json!({}));
        let failure = Expression::parse("$.b")
            .unwrap()
            .evaluate("CausePath", &Scope::new(&input, &context), &mut Entropy::from_u64(0))
            .unwrap_err();
        assert_eq!(failure.error, "States.Runtime");
        assert_eq!(
            failure.cause,
            r#"The JSONPath '$.b' specified for the field 'CausePath' could not be found in the input '{"a":1}'"#
        );
    }
}
