//! Base64 and URLs.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::query::jsonata::evaluate::Evaluation;
use crate::query::jsonata::problem::{Fallible, problem};
use crate::query::jsonata::value::Val;

use super::Arguments;
use super::strings::made;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// One byte for each character: what lies beyond Latin-1 is cut to its lower byte, as by JavaScript's `binary`.
pub(super) fn base64encode<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let encode = |text: &str| {
        let bytes: Vec<u8> = text.encode_utf16().map(|unit| unit.to_le_bytes()[0]).collect();
        LENIENT.encode(bytes)
    };
    made(evaluation, arguments.text(0).map(encode))
}

pub(super) fn base64decode<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    let decode = |text: &str| {
        let known: String = text
            .chars()
            .filter_map(|c| match c {
                '-' => Some('+'),
                '_' => Some('/'),
                c => (c.is_ascii_alphanumeric() || matches!(c, '+' | '/')).then_some(c),
            })
            .collect();
        let whole = if known.len() % 4 == 1 { known.get(..known.len() - 1).unwrap_or_default() } else { &known };
        LENIENT.decode(whole).unwrap_or_default().into_iter().map(char::from).collect()
    };
    made(evaluation, arguments.text(0).map(decode))
}

/// What an encoded URL keeps, besides letters and digits.
const COMPONENT: &str = "-_.!~*'()";
const URL: &str = "-_.!~*'();/?:@&=+$,#";

fn encoded(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || kept.contains(c) {
            encoded.push(c);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `kept`: characters whose escapes stay.
fn decoded(text: &str, kept: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.bytes());
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if kept.contains(char::from(byte)) && byte.is_ascii() {
            bytes.push(b'%');
            bytes.extend(digits.bytes());
        } else {
            bytes.push(byte);
        }
        rest = after.get(2..)?;
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).ok()
}

fn encode<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: &Arguments<'a>,
    kept: &str,
    name: &str,
) -> Fallible<Val<'a>> {
    match arguments.text(0) {
        // Half a pair of units, which JSON can write and this machine reads as U+FFFD.
        Some(text) if text.contains('\u{fffd}') => Err(malformed(text, name)),
        text => made(evaluation, text.map(|text| encoded(text, kept))),
    }
}

fn malformed(text: &str, name: &str) -> Box<crate::query::jsonata::problem::Problem> {
    problem("D3140").with_value(serde_json::Value::from(text).to_string()).with_token(name)
}

fn decode<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: &Arguments<'a>,
    kept: &str,
    name: &str,
) -> Fallible<Val<'a>> {
    let Some(text) = arguments.text(0) else { return Ok(Val::Undefined) };
    match decoded(text, kept) {
        Some(decoded) => made(evaluation, Some(decoded)),
        None => Err(malformed(text, name)),
    }
}

pub(super) fn encode_component<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    encode(evaluation, &arguments, COMPONENT, "encodeUrlComponent")
}

pub(super) fn encode_url<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    encode(evaluation, &arguments, URL, "encodeUrl")
}

pub(super) fn decode_component<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    decode(evaluation, &arguments, "", "decodeUrlComponent")
}

pub(super) fn decode_url<'a>(
    evaluation: &mut Evaluation<'a, '_>,
    arguments: Arguments<'a>,
    _: usize,
) -> Fallible<Val<'a>> {
    decode(evaluation, &arguments, ";/?:@&=+$,#", "decodeUrl")
}
