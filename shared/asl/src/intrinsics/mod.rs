//! Intrinsic functions: `States.Format('Order {}', $.id)`.
//!
//! It owns their syntax and what each computes. One file holds one function; `FUNCTIONS` lists them. It draws random
//! numbers only from the [`Entropy`] it is given.
//!
//! The service reports every failure here as `States.Runtime` with the whole invocation in the cause. Functions that
//! take whole numbers cut fractions off, as the service does (its documentation says they are rounded);
//! `States.MathAdd` rounds.

mod array;
mod array_contains;
mod array_get_item;
mod array_length;
mod array_partition;
mod array_range;
mod array_unique;
mod base64_decode;
mod base64_encode;
mod format;
mod hash;
mod json_merge;
mod json_to_string;
mod math_add;
mod math_random;
mod parser;
mod string_split;
mod string_to_json;
mod uuid;

use serde_json::Value;

use crate::query::limits::Allowance;
use crate::query::{Entropy, PathError, QueryFailure, Scope};

pub(crate) use hash::digest;
pub use parser::IntrinsicSyntaxError;
use parser::{Argument, Call};

/// The most characters that `States.Base64Encode`, `States.Base64Decode` and `States.Hash` take.
const MAX_CHARACTERS: usize = 10_000;

/// A parsed invocation of an intrinsic function, with everything nested in it.
#[derive(Debug, Clone)]
pub struct Intrinsic {
    text: String,
    call: Call,
}

impl PartialEq for Intrinsic {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Intrinsic {}

/// One function: its name, how many arguments it takes, and what it does.
struct Function {
    name: &'static str,
    arguments: std::ops::RangeInclusive<usize>,
    /// Whether a literal first argument keeps its escapes, because the function reads them itself.
    raw_first: bool,
    run: fn(Vec<Value>, &mut Entropy) -> Result<Value, Refusal>,
}

/// Why a function refused its arguments.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// The plain message.
    Arguments,
    /// Another message, complete.
    Because(String),
}

const ANY: usize = usize::MAX;

/// Every function of the language.
static FUNCTIONS: [Function; 18] = [
    Function { name: "States.Array", arguments: 0..=ANY, raw_first: false, run: array::run },
    Function { name: "States.ArrayContains", arguments: 2..=2, raw_first: false, run: array_contains::run },
    Function { name: "States.ArrayGetItem", arguments: 2..=2, raw_first: false, run: array_get_item::run },
    Function { name: "States.ArrayLength", arguments: 1..=1, raw_first: false, run: array_length::run },
    Function { name: "States.ArrayPartition", arguments: 2..=2, raw_first: false, run: array_partition::run },
    Function { name: "States.ArrayRange", arguments: 3..=3, raw_first: false, run: array_range::run },
    Function { name: "States.ArrayUnique", arguments: 1..=1, raw_first: false, run: array_unique::run },
    Function { name: "States.Base64Decode", arguments: 1..=1, raw_first: false, run: base64_decode::run },
    Function { name: "States.Base64Encode", arguments: 1..=1, raw_first: false, run: base64_encode::run },
    Function { name: "States.Format", arguments: 1..=ANY, raw_first: true, run: format::run },
    Function { name: "States.Hash", arguments: 2..=2, raw_first: false, run: hash::run },
    Function { name: "States.JsonMerge", arguments: 3..=3, raw_first: false, run: json_merge::run },
    Function { name: "States.JsonToString", arguments: 1..=1, raw_first: false, run: json_to_string::run },
    Function { name: "States.MathAdd", arguments: 2..=2, raw_first: false, run: math_add::run },
    Function { name: "States.MathRandom", arguments: 2..=3, raw_first: false, run: math_random::run },
    Function { name: "States.StringSplit", arguments: 2..=2, raw_first: false, run: string_split::run },
    Function { name: "States.StringToJson", arguments: 1..=1, raw_first: false, run: string_to_json::run },
    Function { name: "States.UUID", arguments: 0..=0, raw_first: false, run: uuid::run },
];

impl Intrinsic {
    /// Parses an invocation.
    ///
    /// # Errors
    ///
    /// [`IntrinsicSyntaxError`] with the position of the first mistake: also for an unknown function, a wrong number of
    /// arguments, an escape other than `\'`, `\{`, `\}` and `\\`, and functions nested more than 10 levels.
    pub fn parse(text: &str) -> Result<Self, IntrinsicSyntaxError> {
        Ok(Self { text: text.to_owned(), call: parser::parse(text)? })
    }

    /// The invocation as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The variables it reads, each name once and without `$`, in order of appearance.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        collect(&self.call, &mut names);
        names
    }

    /// Evaluates the invocation.
    ///
    /// # Errors
    ///
    /// The failure as the service words it.
    pub fn evaluate(&self, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, QueryFailure> {
        self.evaluate_within(scope, entropy, &mut Allowance::new())
    }

    pub(crate) fn evaluate_within(
        &self,
        scope: &Scope<'_>,
        entropy: &mut Entropy,
        allowance: &mut Allowance,
    ) -> Result<Value, QueryFailure> {
        self.run(&self.call, scope, entropy, allowance)
    }

    fn run(
        &self,
        call: &Call,
        scope: &Scope<'_>,
        entropy: &mut Entropy,
        allowance: &mut Allowance,
    ) -> Result<Value, QueryFailure> {
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for (position, argument) in call.arguments.iter().enumerate() {
            arguments.push(match argument {
                Argument::Literal(value) => value.clone(),
                Argument::Text { raw, .. } if call.function.raw_first && position == 0 => Value::String(raw.clone()),
                Argument::Text { plain, .. } => Value::String(plain.clone()),
                Argument::Call(inner) => self.run(inner, scope, entropy, allowance)?,
                Argument::Path(path) => {
                    path.read_within(scope, allowance).map_err(|error| self.argument_failure(error, scope))?
                }
            });
        }
        let value = (call.function.run)(arguments, entropy).map_err(|refusal| {
            self.failure(match refusal {
                Refusal::Arguments => format!("Invalid arguments in {}", call.function.name),
                Refusal::Because(text) => text,
            })
        })?;
        allowance.charge(&value)?;
        Ok(value)
    }

    fn argument_failure(&self, error: PathError, scope: &Scope<'_>) -> QueryFailure {
        match error {
            PathError::NotFound { path, .. } | PathError::IndexOutOfRange { path, .. } => {
                // The service names a context path without its first '$', yet shows the state's input.
                let shown = path.strip_prefix('$').filter(|rest| rest.starts_with('$')).unwrap_or(&path);
                self.failure(format!(
                    "The JsonPath argument for the field '{shown}' could not be found in the input '{}'",
                    scope.input
                ))
            }
            PathError::NotApplicable { reason, .. } => self.failure(reason),
            PathError::Limit(limit) => limit.into(),
            PathError::UndefinedVariable { .. } | PathError::NotWritable { .. } => self.failure(error.to_string()),
        }
    }

    fn failure(&self, text: impl AsRef<str>) -> QueryFailure {
        QueryFailure::runtime(format!("The function '{}' had the following error: {}", self.text, text.as_ref()))
    }
}

fn collect<'c>(call: &'c Call, names: &mut Vec<&'c str>) {
    for argument in &call.arguments {
        match argument {
            Argument::Call(inner) => collect(inner, names),
            Argument::Path(path) => {
                if let Some(name) = path.variable().filter(|name| !names.contains(name)) {
                    names.push(name);
                }
            }
            Argument::Literal(_) | Argument::Text { .. } => {}
        }
    }
}

/// Takes exactly as many arguments as there are names; the parser has counted them.
fn take<const N: usize>(arguments: Vec<Value>) -> Result<[Value; N], Refusal> {
    arguments.try_into().map_err(|_| Refusal::Arguments)
}

/// A text argument within the limit of the encoding functions.
fn short_text(value: &Value) -> Result<&str, Refusal> {
    match value {
        Value::String(text) if text.chars().count() <= MAX_CHARACTERS => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Err(Refusal::Arguments)
        }
    }
}

#[cfg(test)]
mod tests;
