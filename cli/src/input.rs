//! What people give to commands: texts and JSON from the command line, files and standard input, and answers to questions.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use console::Term;
use serde_json::{Map, Value};

use crate::exit::UsageError;

/// What is read from a file or standard input is not longer than this, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The text of a file; `-` is standard input.
pub(crate) fn file(name: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    if name == "-" {
        std::io::stdin()
            .lock()
            .take(LARGEST)
            .read_to_string(&mut text)
            .context("standard input can't be read as text")?;
    } else {
        let opened = std::fs::File::open(name).with_context(|| format!("{name} can't be read"))?;
        opened.take(LARGEST).read_to_string(&mut text).with_context(|| format!("{name} can't be read as text"))?;
    }
    Ok(text)
}

/// A text as it is given: `-` is standard input, `@FILE` a file, else the text itself.
pub(crate) fn text(given: &str) -> anyhow::Result<String> {
    match given.strip_prefix('@') {
        Some(name) => file(name),
        None if given == "-" => file("-"),
        None => Ok(given.to_owned()),
    }
}

/// JSON as it is given: `-` is standard input, `@FILE` a file, else the text itself. YAML files are read too.
pub(crate) fn json(what: &str, given: &str) -> anyhow::Result<Value> {
    let whole = text(given)?;
    let origin = match given {
        "-" => "standard input".to_owned(),
        _ => given.strip_prefix('@').unwrap_or(what).to_owned(),
    };
    if given.starts_with('@') && is_yaml(&origin) {
        return serde_saphyr::from_str(&whole)
            .map_err(|error| UsageError(format!("{origin} is not YAML: {error}")).into());
    }
    serde_json::from_str(&whole).map_err(|error| {
        let hint = if given.starts_with(['@', '-', '{', '[', '"']) {
            String::new()
        } else {
            format!(". A text is written as '\"{given}\"', a file as @{given}")
        };
        UsageError(format!("{origin} is not JSON: {error}{hint}")).into()
    })
}

/// The value of a file with JSON, or with YAML where it is named so; `-` is standard input.
pub(crate) fn document(name: &str) -> anyhow::Result<Value> {
    if name == "-" { json("standard input", name) } else { json(name, &format!("@{name}")) }
}

/// Is a file YAML by its name?
pub(crate) fn is_yaml(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml"))
}

/// `name=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

/// Pairs whose values are JSON where they are valid JSON, else texts.
pub(crate) fn parameters(pairs: &[(String, String)]) -> anyhow::Result<Map<String, Value>> {
    let mut parameters = Map::new();
    for (name, value) in pairs {
        let value = match value.strip_prefix('@') {
            Some(_) => json(name, value)?,
            None => serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.clone())),
        };
        parameters.insert(name.clone(), value);
    }
    Ok(parameters)
}

/// Can somebody be asked?
pub(crate) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on standard error and reads a line; the default where it is empty.
pub(crate) fn ask(question: &str, default: Option<&str>) -> anyhow::Result<String> {
    let mut stderr = std::io::stderr();
    match default {
        Some(default) if !default.is_empty() => write!(stderr, "{question} [{default}]: "),
        _ => write!(stderr, "{question}: "),
    }
    .and_then(|()| stderr.flush())
    .context("nobody can be asked")?;
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer).context("nobody can be asked")?;
    if read == 0 {
        return Err(UsageError("the answer is missing: standard input has ended".to_owned()).into());
    }
    let answer = answer.trim();
    Ok(if answer.is_empty() { default.unwrap_or_default().to_owned() } else { answer.to_owned() })
}

/// Asks a question that is answered with yes or no.
pub(crate) fn ask_whether(question: &str, default: bool) -> anyhow::Result<bool> {
    loop {
        let answer = ask(&format!("{question} {}", if default { "[Y/n]" } else { "[y/N]" }), None)?;
        match answer.to_ascii_lowercase().as_str() {
            "" => return Ok(default),
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => {}
        }
    }
}

/// Asks before something that can't be undone.
pub(crate) fn confirm(yes: bool, question: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !is_interactive() {
        return Err(UsageError(format!("{question} Nobody can be asked here: say it with --yes")).into());
    }
    if ask_whether(question, false)? { Ok(()) } else { Err(anyhow::anyhow!("nothing was changed")) }
}

/// Reads a secret: from standard input, or asked for without showing it.
pub(crate) fn secret(question: &str) -> anyhow::Result<String> {
    let text = if is_interactive() {
        let term = Term::stderr();
        term.write_str(&format!("{question}: "))
            .and_then(|()| term.read_secure_line())
            .context("nobody can be asked")?
    } else {
        file("-")?
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(UsageError("the key is empty: give it on standard input, or answer the question".to_owned()).into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_parameters_are_json_where_they_can_be() {
        let pairs: Vec<_> = ["name=shop", "count=3", "flag=true", "list=[1]", "text=a=b"]
            .iter()
            .map(|text| pair(text).unwrap())
            .collect();
        let expected = json!({ "name": "shop", "count": 3, "flag": true, "list": [1], "text": "a=b" });
        assert_eq!(Value::Object(parameters(&pairs).unwrap()), expected);
        assert!(pair("=x").is_err() && pair("x").is_err());
    }

    #[test]
    fn json_tells_its_place_and_files_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.yaml");
        std::fs::write(&path, "a: [1, 2]\n").unwrap();
        assert_eq!(json("--input", &format!("@{}", path.display())).unwrap(), json!({ "a": [1, 2] }));
        let broken = json("--input", "{\"a\": }").unwrap_err();
        assert!(broken.is::<UsageError>() && broken.to_string().contains("line 1 column 7"), "{broken}");
        let word = json("--input", "hello").unwrap_err().to_string();
        assert!(word.contains("'\"hello\"'") && word.contains("@hello"), "{word}");
        assert!(json("--input", "@/nowhere.json").is_err());
    }
}
