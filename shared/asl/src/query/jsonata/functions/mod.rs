//! The functions of JSONata, and those that Step Functions adds. `$eval` is not among them.

mod arrays;
mod encode;
mod higher;
pub(super) mod matcher;
mod numbers;
mod objects;
mod service;
mod strings;
mod times;

use std::sync::LazyLock;

use super::evaluate::Evaluation;
use super::problem::Fallible;
use super::signature::Signature;
use super::value::Val;

/// What a function does with its arguments: missing ones are undefined. The number is the frame of the call.
type Run = for<'a, 'e, 'r> fn(&'r mut Evaluation<'a, 'e>, Arguments<'a>, usize) -> Fallible<Val<'a>>;

/// The arguments of a call.
pub(super) struct Arguments<'a>(Vec<Val<'a>>);

impl<'a> Arguments<'a> {
    fn take(&mut self, place: usize) -> Val<'a> {
        self.0.get_mut(place).map_or(Val::Undefined, |value| std::mem::replace(value, Val::Undefined))
    }

    fn get(&self, place: usize) -> &Val<'a> {
        self.0.get(place).unwrap_or(&Val::Undefined)
    }

    fn text(&self, place: usize) -> Option<&str> {
        self.get(place).as_str()
    }

    fn number(&self, place: usize) -> Option<f64> {
        self.get(place).float()
    }
}

struct Function {
    name: &'static str,
    signature: &'static str,
    /// How many arguments a higher-order function hands to it.
    arity: usize,
    run: Run,
}

const fn function(name: &'static str, signature: &'static str, arity: usize, run: Run) -> Function {
    Function { name, signature, arity, run }
}

static FUNCTIONS: [Function; 69] = [
    function("sum", "<a<n>:n>", 1, arrays::sum),
    function("count", "<a:n>", 1, arrays::count),
    function("max", "<a<n>:n>", 1, arrays::max),
    function("min", "<a<n>:n>", 1, arrays::min),
    function("average", "<a<n>:n>", 1, arrays::average),
    function("string", "<x-b?:s>", 1, strings::string),
    function("substring", "<s-nn?:s>", 3, strings::substring),
    function("substringBefore", "<s-s:s>", 2, strings::substring_before),
    function("substringAfter", "<s-s:s>", 2, strings::substring_after),
    function("lowercase", "<s-:s>", 1, strings::lowercase),
    function("uppercase", "<s-:s>", 1, strings::uppercase),
    function("length", "<s-:n>", 1, strings::length),
    function("trim", "<s-:s>", 1, strings::trim),
    function("pad", "<s-ns?:s>", 3, strings::pad),
    function("match", "<s-f<s:o>n?:a<o>>", 3, matcher::matches),
    function("contains", "<s-(sf):b>", 2, matcher::contains),
    function("replace", "<s-(sf)(sf)n?:s>", 4, matcher::replace),
    function("split", "<s-(sf)n?:a<s>>", 3, matcher::split),
    function("join", "<a<s>s?:s>", 2, strings::join),
    function("formatNumber", "<n-so?:s>", 3, numbers::format_number),
    function("formatBase", "<n-n?:s>", 2, numbers::format_base),
    function("formatInteger", "<n-s:s>", 2, numbers::format_integer),
    function("parseInteger", "<s-s:n>", 2, numbers::parse_integer),
    function("number", "<(nsb)-:n>", 1, numbers::number),
    function("floor", "<n-:n>", 1, numbers::floor),
    function("ceil", "<n-:n>", 1, numbers::ceil),
    function("round", "<n-n?:n>", 2, numbers::round),
    function("abs", "<n-:n>", 1, numbers::abs),
    function("sqrt", "<n-:n>", 1, numbers::sqrt),
    function("power", "<n-n:n>", 2, numbers::power),
    function("random", "<n?:n>", 0, service::random),
    function("boolean", "<x-:b>", 1, objects::boolean),
    function("not", "<x-:b>", 1, objects::not),
    function("map", "<af>", 2, higher::map),
    function("zip", "<a+>", 0, arrays::zip),
    function("filter", "<af>", 2, higher::filter),
    function("single", "<af?>", 2, higher::single),
    function("reduce", "<afj?:j>", 3, higher::reduce),
    function("sift", "<o-f?:o>", 2, higher::sift),
    function("keys", "<x-:a<s>>", 1, objects::keys),
    function("lookup", "<x-s:x>", 2, objects::lookup),
    function("append", "<xx:a>", 2, arrays::append),
    function("exists", "<x:b>", 1, objects::exists),
    function("spread", "<x-:a<o>>", 1, objects::spread),
    function("merge", "<a<o>:o>", 1, objects::merge),
    function("reverse", "<a:a>", 1, arrays::reverse),
    function("each", "<o-f:a>", 2, higher::each),
    function("error", "<s?:x>", 1, objects::error),
    function("assert", "<bs?:x>", 2, objects::assert),
    function("type", "<x:s>", 1, objects::type_of),
    function("sort", "<af?:a>", 2, higher::sort),
    function("shuffle", "<a:a>", 1, arrays::shuffle),
    function("distinct", "<x:x>", 1, arrays::distinct),
    function("base64encode", "<s-:s>", 1, encode::base64encode),
    function("base64decode", "<s-:s>", 1, encode::base64decode),
    function("encodeUrlComponent", "<s-:s>", 1, encode::encode_component),
    function("encodeUrl", "<s-:s>", 1, encode::encode_url),
    function("decodeUrlComponent", "<s-:s>", 1, encode::decode_component),
    function("decodeUrl", "<s-:s>", 1, encode::decode_url),
    function("toMillis", "<s-s?:n>", 2, times::to_millis),
    function("fromMillis", "<n-s?s?:s>", 3, times::from_millis),
    function("now", "<s?s?:s>", 2, times::now),
    function("millis", "<:n>", 0, times::millis),
    function("clone", "<(oa)-:o>", 1, objects::clone),
    function("partition", "<an:a>", 2, service::partition),
    function("range", "<nnn:a>", 3, service::range),
    function("hash", "<s-s?:s>", 2, service::hash),
    function("uuid", "<:s>", 0, service::uuid),
    function("parse", "<s-:x>", 1, service::parse),
];

static SIGNATURES: LazyLock<Vec<Signature>> = LazyLock::new(|| {
    FUNCTIONS.iter().map(|function| Signature::parse(function.signature).unwrap_or_default()).collect()
});

/// The number of a function.
pub(super) fn find(name: &str) -> Option<usize> {
    FUNCTIONS.iter().position(|function| function.name == name)
}

pub(super) fn arity(number: usize) -> usize {
    FUNCTIONS.get(number).map_or(0, |function| function.arity)
}

/// Checks the arguments and runs a function.
pub(super) fn run<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    number: usize,
    arguments: Vec<Val<'a>>,
    input: &Val<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    let arguments = match SIGNATURES.get(number) {
        Some(signature) => signature.validate(arguments, input)?,
        None => arguments,
    };
    run_unchecked(evaluation, number, arguments, input, frame)
}

pub(super) fn run_unchecked<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    number: usize,
    arguments: Vec<Val<'a>>,
    _input: &Val<'a>,
    frame: usize,
) -> Fallible<Val<'a>> {
    match FUNCTIONS.get(number) {
        Some(function) => (function.run)(evaluation, Arguments(arguments), frame),
        None => Ok(Val::Undefined),
    }
}
