//! What expressions give, and that none does harm.

use serde_json::{Map, Value, json};

use super::*;
use crate::Timestamp;

/// Evaluates against a document, as JSONata does outside of state machines: the code or the value.
fn against(text: &str, document: Option<&Value>, variables: &Map<String, Value>) -> Result<Option<Value>, String> {
    let expression = match parser::parse(text).and_then(process::process) {
        Ok(parsed) => parsed,
        Err(problem) => return Err(format!("{}: {}", problem.code, problem.words())),
    };
    let context = json!({});
    let none = Value::Null;
    let scope = Scope::new(&none, &context).with_variables(variables).at(Timestamp::from_millis(1_767_225_600_000));
    let mut entropy = Entropy::from_u64(1);
    let root = document.map_or(Val::Undefined, Val::from);
    let mut evaluation = Evaluation::new(scope, &expression.1, true, &mut entropy).with_root(root.clone());
    let input = if root.is_array() { Val::sequence(vec![root]) } else { root };
    match evaluation.evaluate(&expression.0, &input, 0) {
        Ok(Val::Undefined) => Ok(None),
        Ok(value) => Ok(Some(value.into_json())),
        Err(problem) => Err(format!("{}: {}", problem.code, problem.words())),
    }
}

/// The official test suite, where a checkout of it lies beside (`MILLRACE_JSONATA_SUITE` at build time).
#[test]
fn official_suite() {
    let Some(folder) = option_env!("MILLRACE_JSONATA_SUITE") else { return };
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let folder = std::path::Path::new(folder);
    let (mut passed, mut failed) = (0, Vec::new());
    let mut groups: Vec<_> = std::fs::read_dir(folder.join("groups")).unwrap().map(|e| e.unwrap().path()).collect();
    groups.sort();
    for group in groups.into_iter().filter(|group| group.is_dir()) {
        let mut files: Vec<_> = std::fs::read_dir(&group).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        for file in files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "json")) {
            let spec: Value = match serde_json::from_str(&read(file.clone())) {
                Ok(spec) => spec,
                Err(problem) => {
                    println!("{}: {problem}", file.display());
                    continue;
                }
            };
            for case in spec.as_array().cloned().unwrap_or_else(|| vec![spec.clone()]) {
                let text = match (&case["expr"], &case["expr-file"]) {
                    (Value::String(text), _) => text.clone(),
                    (_, Value::String(name)) => read(group.join(name)),
                    _ => continue,
                };
                let document = match (&case["dataset"], case.get("data")) {
                    (_, Some(data)) => Some(data.clone()),
                    (Value::String(name), _) => {
                        Some(serde_json::from_str(&read(folder.join("datasets").join(format!("{name}.json")))).unwrap())
                    }
                    _ => None,
                };
                let variables = case["bindings"].as_object().cloned().unwrap_or_default();
                let got = against(&text, document.as_ref(), &variables);
                let wanted_code = case["code"].as_str().or_else(|| case["error"]["code"].as_str());
                let fits = match (&got, wanted_code, case.get("result")) {
                    (Err(words), Some(code), _) => words.starts_with(code),
                    (Ok(None), None, None) => case.get("undefinedResult").is_some(),
                    (Ok(Some(value)), None, Some(result)) => alike(value, result),
                    _ => false,
                };
                if fits {
                    passed += 1;
                } else {
                    failed.push(format!(
                        "{} {text}\n    got {got:?}\n    wanted {:?} {:?}",
                        file.strip_prefix(folder).unwrap().display(),
                        wanted_code,
                        case.get("result").map(ToString::to_string)
                    ));
                }
            }
        }
    }
    println!("{}", failed.join("\n"));
    println!("{passed} passed, {} failed", failed.len());
}

fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| alike(one, other)))
        }
        (one, other) => one == other,
    }
}
