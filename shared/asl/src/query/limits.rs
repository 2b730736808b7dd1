//! Bounds on what one evaluation may read and build, so that no input takes unbounded time, memory or stack.

use serde_json::Value;

/// The longest text of one path or intrinsic invocation, in bytes.
pub(crate) const MAX_TEXT: usize = 16 * 1024;
/// The most steps of one path.
pub(crate) const MAX_STEPS: usize = 100;
/// The deepest nesting of a filter: parentheses, negations, and filters within filters.
pub(crate) const MAX_FILTER_DEPTH: usize = 16;
/// The deepest nesting of a value that is read or built. JSON parsers commonly stop at 128.
pub(crate) const MAX_DEPTH: usize = 120;
/// The most a single evaluation may build, in bytes of text plus [`VALUE_WEIGHT`] for each value.
const MAX_WEIGHT: usize = 16 * 1024 * 1024;
const VALUE_WEIGHT: usize = 16;
/// The most values that one path may visit.
const MAX_VISITS: usize = 5_000_000;

/// An evaluation asked for more than the interpreter allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    /// More than 16 MiB would be built.
    #[error("The result is larger than 16 MiB. Select less of the input.")]
    Size,
    /// A value is nested more deeply than 120 levels.
    #[error("The result is nested more deeply than 120 levels. Flatten the data.")]
    Depth,
    /// A path visits more than 5,000,000 values.
    #[error("The path visits more than 5000000 values. Narrow it: avoid repeated '..' and filters within filters.")]
    Visits,
}

impl LimitExceeded {
    pub(crate) fn error_name(self) -> &'static str {
        match self {
            Self::Size => "States.DataLimitExceeded",
            Self::Depth | Self::Visits => "States.Runtime",
        }
    }
}

/// What is left of the bounds during one evaluation.
#[derive(Debug)]
pub(crate) struct Allowance {
    visits: usize,
    weight: usize,
}

impl Allowance {
    pub(crate) fn new() -> Self {
        Self { visits: MAX_VISITS, weight: MAX_WEIGHT }
    }

    pub(crate) fn visit(&mut self, count: usize) -> Result<(), LimitExceeded> {
        self.visits = self.visits.checked_sub(count.max(1)).ok_or(LimitExceeded::Visits)?;
        Ok(())
    }

    /// Charges a value that is about to be copied or was just built.
    pub(crate) fn charge(&mut self, value: &Value) -> Result<(), LimitExceeded> {
        self.charge_at(value, 0)
    }

    fn charge_at(&mut self, value: &Value, depth: usize) -> Result<(), LimitExceeded> {
        if depth > MAX_DEPTH {
            return Err(LimitExceeded::Depth);
        }
        let own = match value {
            Value::String(text) => text.len(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => 0,
        };
        self.spend(own)?;
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.charge_at(item, depth + 1)),
            Value::Object(members) => members.iter().try_for_each(|(name, member)| {
                self.spend(name.len())?;
                self.charge_at(member, depth + 1)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), LimitExceeded> {
        let weight = bytes.saturating_add(VALUE_WEIGHT);
        self.weight = self.weight.checked_sub(weight).ok_or(LimitExceeded::Size)?;
        Ok(())
    }
}

/// Refuses a value that is nested too deeply.
pub(crate) fn check_depth(value: &Value, outer: usize) -> Result<(), LimitExceeded> {
    if outer > MAX_DEPTH {
        return Err(LimitExceeded::Depth);
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| check_depth(item, outer + 1)),
        Value::Object(members) => members.values().try_for_each(|member| check_depth(member, outer + 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| Value::Array(vec![inner]))
    }

    #[test]
    fn deep_values_are_refused() {
        assert_eq!(Allowance::new().charge(&nested(MAX_DEPTH)), Ok(()));
        assert_eq!(Allowance::new().charge(&nested(MAX_DEPTH + 1)), Err(LimitExceeded::Depth));
        assert_eq!(check_depth(&nested(10), MAX_DEPTH), Err(LimitExceeded::Depth));
    }

    #[test]
    fn weight_adds_up() {
        let mut allowance = Allowance::new();
        let block = Value::String("x".repeat(1024 * 1024));
        for _ in 0..15 {
            assert_eq!(allowance.charge(&block), Ok(()));
        }
        assert_eq!(allowance.charge(&block), Err(LimitExceeded::Size));
    }
}
