//! The examples of how-to pages: `curl` commands in `sh` blocks, and members that the last answer must have in `json` blocks.

use serde_json::Value;

/// One step of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Example {
    /// A request to `http://127.0.0.1:7420`.
    Call {
        /// The method.
        method: String,
        /// Path and query.
        target: String,
        /// Headers, but for the content type of a body, which is JSON.
        headers: Vec<(String, String)>,
        /// The body.
        body: Option<Value>,
    },
    /// What the answer before contains.
    Answer(Value),
}

/// The words of a command as a shell reads them: blanks divide, quotes hold together.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_open) = (Vec::new(), String::new(), None, false);
    for character in text.chars() {
        match (quote, character) {
            (None, '\'' | '"') => (quote, is_open) = (Some(character), true),
            (Some(end), character) if character == end => quote = None,
            (None, character) if character.is_whitespace() => {
                if is_open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                is_open = false;
            }
            (_, character) => word.push(character),
        }
    }
    if is_open || !word.is_empty() {
        words.push(word);
    }
    words
}

/// The fenced blocks of a page: language and text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (None, None) => {}
        }
    }
    blocks
}

fn call(command: &str) -> Result<Example, String> {
    let (mut method, mut url, mut headers, mut body) = ("GET".to_owned(), None, Vec::new(), None);
    let mut given = words(command).into_iter();
    while let Some(word) = given.next() {
        let mut next = || given.next().ok_or_else(|| format!("nothing follows {word}: {command}"));
        match word.as_str() {
            "-X" => method = next()?,
            "-H" => headers.extend(next()?.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()))),
            "-d" => body = Some(serde_json::from_str(&next()?).map_err(|error| format!("{error}: {command}"))?),
            _ => url = Some(word),
        }
    }
    let target = url.as_deref().and_then(|url| url.strip_prefix("http://127.0.0.1:7420"));
    let target = target.ok_or_else(|| format!("no address of this server: {command}"))?.to_owned();
    headers.retain(|(name, _)| name != "Content-Type");
    Ok(Example::Call { method, target, headers, body })
}

/// The examples of a page of `docs/how-to`, in order.
///
/// # Errors
/// What can't be read, or is no example that can be run.
pub fn examples(page: &str) -> Result<Vec<Example>, String> {
    let path = format!("{}/../../docs/how-to/{page}.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let mut examples = Vec::new();
    for (language, text) in blocks(&text) {
        match language.as_str() {
            "sh" => examples.extend(text.split("curl ").skip(1).map(call).collect::<Result<Vec<_>, _>>()?),
            "json" => {
                examples
                    .push(Example::Answer(serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?));
            }
            // What needs AWS.
            other if other.ends_with("title=\"elsewhere\"") => {}
            other => return Err(format!("{other} is not run")),
        }
    }
    Ok(examples)
}

/// Has a value all that the other one has? Arrays are of one length.
#[must_use]
pub fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        _ => whole == part,
    }
}
