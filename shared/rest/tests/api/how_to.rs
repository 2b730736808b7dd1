//! The `curl` examples of the how-to pages, in order, over one server. A `json` block after a `sh` block holds members that
//! the last answer must have.

use serde_json::Value;

use crate::support::Server;

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

fn contains(whole: &Value, part: &Value) -> bool {
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

#[tokio::test]
async fn the_examples_of_run_a_workflow_work() {
    assert!(run("run-a-workflow").await >= 15);
}

#[tokio::test]
async fn the_examples_of_control_executions_work() {
    assert_eq!(run("control-executions").await, 8);
}

#[tokio::test]
async fn the_examples_of_limit_executions_work() {
    assert_eq!(run("limit-executions").await, 9);
}

/// Runs the examples of a page. Answers how many there were.
async fn run(page: &str) -> usize {
    let path = format!("{}/../../docs/how-to/{page}.md", env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(path).unwrap();
    let server = Server::new();
    let (mut last, mut ran) = (None, 0);
    for (language, text) in blocks(&page) {
        match language.as_str() {
            "sh" => {
                for command in text.split("curl ").skip(1) {
                    let (mut method, mut url, mut headers, mut body) = ("GET".to_owned(), None, Vec::new(), None);
                    let mut given = words(command).into_iter();
                    while let Some(word) = given.next() {
                        match word.as_str() {
                            "-X" => method = given.next().unwrap(),
                            "-H" => headers.push(given.next().unwrap()),
                            "-d" => body = Some(serde_json::from_str::<Value>(&given.next().unwrap()).unwrap()),
                            _ => url = Some(word),
                        }
                    }
                    let url = url.unwrap();
                    let target = url.strip_prefix("http://127.0.0.1:7420").unwrap();
                    let headers: Vec<(&str, &str)> = headers
                        .iter()
                        .filter_map(|header| header.split_once(": "))
                        .filter(|(name, _)| *name != "Content-Type")
                        .collect();
                    server.tick();
                    let answer = server.call(&method, target, &headers, body.as_ref()).await;
                    let told = String::from_utf8_lossy(&answer.bytes).into_owned();
                    assert!(answer.status.is_success(), "{command}: {told}");
                    (last, ran) = (Some(answer), ran + 1);
                }
            }
            "json" => {
                let part: Value = serde_json::from_str(&text).unwrap();
                let whole = last.as_ref().unwrap().json();
                assert!(contains(&whole, &part), "{part}\n{whole}");
            }
            other => panic!("{other} is not run"),
        }
    }
    ran
}
