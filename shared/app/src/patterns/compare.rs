//! One comparison with one value.

use serde_json::{Number, Value};

use super::network::Network;

/// A comparison with a value that is no object and no array.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Comparison {
    /// The same string, true, false or null; the same number, however it is written.
    Equals(Value),
    /// `exists: true`
    Exists,
    /// A string, compared in some way.
    Text(TextComparison),
    /// `anything-but` with values, or with comparisons of strings: none of them holds.
    Not(Vec<Comparison>),
    /// `numeric`
    Numeric(Vec<(Operator, f64)>),
    /// `cidr`
    Cidr(Network),
}

/// How strings are compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TextComparison {
    Prefix(String),
    PrefixIgnoringCase(String),
    Suffix(String),
    SuffixIgnoringCase(String),
    EqualsIgnoringCase(String),
    Wildcard(Vec<Piece>),
}

/// A part of a wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// These characters.
    Literal(String),
    /// `*`: any characters, or none.
    Any,
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Less,
    LessOrEqual,
    Equal,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "<" => Some(Self::Less),
            "<=" => Some(Self::LessOrEqual),
            "=" => Some(Self::Equal),
            ">" => Some(Self::Greater),
            ">=" => Some(Self::GreaterOrEqual),
            _ => None,
        }
    }

    #[expect(clippy::float_cmp, reason = "a pattern asks for exactly this number")]
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Equal => value == bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
        }
    }
}

/// The same value; numbers by what they are worth.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            // Whole numbers of all that JSON's reader keeps exactly; as floats, neighbours beyond 2^53 are one.
            let whole = |number: &Number| number.as_i128();
            let equal = whole(one).zip(whole(other)).map(|(one, other)| one == other);
            equal.unwrap_or_else(|| {
                one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| Operator::Equal.holds(one, other))
            })
        }
        _ => one == other,
    }
}

/// Lower case of each character on its own, as case is ignored in EventBridge.
pub(super) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl Comparison {
    /// Does it hold for this value?
    pub(super) fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Equals(wanted) => same(wanted, value),
            Self::Exists => true,
            Self::Text(comparison) => value.as_str().is_some_and(|text| comparison.holds(text)),
            Self::Not(all) => !all.iter().any(|one| one.holds(value)),
            Self::Numeric(bounds) => value
                .as_f64()
                .is_some_and(|number| bounds.iter().all(|(operator, bound)| operator.holds(number, *bound))),
            Self::Cidr(network) => value.as_str().is_some_and(|text| network.contains(text)),
        }
    }
}

impl TextComparison {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::PrefixIgnoringCase(prefix) => folded(text).starts_with(prefix.as_str()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Self::SuffixIgnoringCase(suffix) => folded(text).ends_with(suffix.as_str()),
            Self::EqualsIgnoringCase(wanted) => folded(text) == *wanted,
            Self::Wildcard(pieces) => fits(pieces, text),
        }
    }
}

/// Does a text fit a wildcard? Every literal is taken where it first stands, but for the last, which ends the text: no
/// other choice could fit where this one does not, so that the time is the product of both lengths at most.
fn fits(pieces: &[Piece], text: &str) -> bool {
    let mut rest = text;
    let mut after_any = false;
    for (number, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Any => after_any = true,
            Piece::Literal(literal) if number + 1 == pieces.len() && after_any => {
                return rest.ends_with(literal.as_str());
            }
            Piece::Literal(literal) => {
                let from = if after_any {
                    let Some(at) = rest.find(literal.as_str()) else { return false };
                    at
                } else if rest.starts_with(literal.as_str()) {
                    0
                } else {
                    return false;
                };
                rest = rest.get(from + literal.len()..).unwrap_or_default();
                after_any = false;
            }
        }
    }
    after_any || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_are_compared_to_their_last_digit() {
        for (one, other, equal) in [
            (json!(12_345_678_901_234_567_891_u64), json!(12_345_678_901_234_567_890_u64), false),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), false),
            (json!(u64::MAX), json!(u64::MAX), true),
            (json!(-1), json!(u64::MAX), false),
            (json!(3), json!(3.0), true),
        ] {
            assert_eq!(same(&one, &other), equal, "{one} {other}");
        }
    }
}
