//! Event patterns in EventBridge's syntax: which events a rule or a subscription is for.
//!
//! Source: "Amazon EventBridge event patterns" and "comparison operators" in the EventBridge user guide, and what its open
//! matcher, `event-ruler`, does where the guide is silent. A pattern is an object of the event's form; at its leaves are
//! arrays of values and comparisons, of which one must hold. All fields must hold; `$or` is an array of alternatives. A
//! field of the event that is an array holds where one of its items does, and all that a pattern says of objects in an
//! array must hold for the same item.
//!
//! Pure: it knows events as JSON and nothing else. Start reading at [`Pattern::parse`].

mod compare;
mod matching;
mod network;
mod parse;

use compare::Comparison;

/// The longest pattern, in bytes of JSON.
pub const PATTERN_BYTES: usize = 16 * 1024;

/// Something wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternProblem {
    /// A JSON pointer from the pattern's root; empty for the pattern itself.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// An event pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    root: Node,
}

/// What is asked of an object.
#[derive(Debug, Clone, PartialEq, Default)]
struct Node {
    fields: Vec<(String, Field)>,
    /// Each an `$or`: one of its alternatives must hold.
    alternatives: Vec<Vec<Node>>,
}

/// What is asked of a field.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    /// An object of which all this holds.
    Object(Node),
    /// A value for which one of these holds.
    Leaf(Leaf),
}

/// Comparisons of which one must hold.
#[derive(Debug, Clone, PartialEq)]
struct Leaf {
    any: Vec<Comparison>,
    /// `{"exists": false}` is among them: holds where the event has no value at `path`.
    absent: bool,
    /// The names that lead here from the event's root.
    path: Vec<String>,
}
