use serde_json::Value;

use crate::intrinsics::Refusal;
use crate::query::Entropy;

/// `States.Format(template, …)`: the template with each `{}` replaced by the argument in its place. Text is inserted as
/// it is, anything else as JSON. `\{`, `\}`, `\'` and `\\` stand for the character itself.
pub(super) fn run(arguments: Vec<Value>, _: &mut Entropy) -> Result<Value, Refusal> {
    let mut arguments = arguments.into_iter();
    let Some(Value::String(template)) = arguments.next() else { return Err(Refusal::Arguments) };
    let mut output = String::with_capacity(template.len());
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\'' | '{' | '}' | '\\')) => output.push(escaped),
                Some(other) => output.extend(['\\', other]),
                None => output.push('\\'),
            },
            '{' => {
                if chars.next() != Some('}') {
                    return Err(template_error("matching '}' not found for '{'."));
                }
                match arguments.next().ok_or_else(wrong_count)? {
                    Value::String(text) => output.push_str(&text),
                    other => output.push_str(&other.to_string()),
                }
            }
            '}' => return Err(template_error("matching '{' not found for '}'.")),
            _ => output.push(c),
        }
    }
    if arguments.next().is_some() {
        return Err(wrong_count());
    }
    Ok(Value::String(output))
}

fn template_error(detail: &str) -> Refusal {
    Refusal::Because(format!("Invalid template in States.Format: {detail}"))
}

fn wrong_count() -> Refusal {
    Refusal::Because(
        "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}.".to_owned(),
    )
}
