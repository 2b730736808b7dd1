use std::io::Write as _;

use millrace_app::digest::sha256_hex;
use millrace_app::models::{PriceTable, synced_prices};
use millrace_app::projects::{NewProject, create_project};
use millrace_app::templates;

use super::*;

const PRICES: &str = r#"{"date": "2026-11-20", "prices": {"openai/new-model": {"input": 7, "output": 9}}}"#;

impl Worker {
    /// Puts files in place, and the manifest that names them.
    fn offer(&self, prices: Option<&[u8]>, templates: Option<&[u8]>) {
        let mut files = self.files.lock().unwrap();
        files.clear();
        let mut manifest = serde_json::Map::new();
        for (table, path, bytes) in [("prices", "v1/prices.json", prices), ("templates", "templates.zip", templates)] {
            let Some(bytes) = bytes else { continue };
            manifest.insert(table.into(), json!({ "path": path, "sha256": sha256_hex(bytes) }));
            files.insert(path.into(), bytes.to_vec());
        }
        files.insert("manifest.json".into(), serde_json::to_vec(&manifest).unwrap());
    }

    fn fetched(&self) -> Vec<String> {
        std::mem::take(&mut self.fetched.lock().unwrap())
    }
}

async fn price(ports: &MemoryPorts) -> Option<f64> {
    let (_, table) = synced_prices(ports, None).await.unwrap()?;
    table.of(&"openai/new-model".parse().unwrap()).map(|price| price.input)
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, text) in files {
        writer.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn results(told: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    told["results"].as_array().unwrap().iter().map(|one| (text(&one["table"]), text(&one["result"]))).collect()
}

#[tokio::test]
async fn prices_are_taken_kept_and_gone_back_from() {
    let (ports, worker) = (MemoryPorts::new(1), Worker { twice: true, ..Worker::default() });
    worker.offer(Some(PRICES.as_bytes()), None);
    let first = output(&ports, &worker, OWNER, Builtin::Sync, json!({})).await;
    assert_eq!(first["results"][0]["version"], 1, "{first}");
    assert_eq!(price(&ports).await, Some(7.0));
    let (content, _) = synced_prices(&ports, None).await.unwrap().unwrap();
    assert!(synced_prices(&ports, content.as_deref()).await.unwrap().is_none());

    // The same again fetches the manifest and nothing else.
    worker.fetched();
    let again = output(&ports, &worker, OWNER, Builtin::Sync, json!({})).await;
    assert_eq!(results(&again), [("prices".into(), "unchanged".into())]);
    assert!(worker.fetched().iter().all(|path| path == "manifest.json"));

    let dearer = PRICES.replace('7', "8");
    worker.offer(Some(dearer.as_bytes()), None);
    let second = output(&ports, &worker, OWNER, Builtin::Sync, json!({ "only": ["prices"] })).await;
    assert_eq!((&second["results"][0]["version"], price(&ports).await), (&json!(2), Some(8.0)));

    // Back, and it is not taken again by itself.
    let back = output(&ports, &worker, OWNER, Builtin::Sync, json!({ "rollback": ["prices"] })).await;
    assert_eq!((results(&back)[0].1.as_str(), price(&ports).await), ("rolled_back", Some(7.0)));
    let left = output(&ports, &worker, OWNER, Builtin::Sync, json!({})).await;
    assert_eq!(results(&left)[0].1, "left_out_since_it_was_rolled_back");
    assert_eq!(price(&ports).await, Some(7.0));
    output(&ports, &worker, OWNER, Builtin::Sync, json!({ "force": true })).await;
    assert_eq!(price(&ports).await, Some(8.0));

    // Back to what comes with Millrace, and no further.
    for expected in [Some(7.0), Some(7.0), None] {
        output(&ports, &worker, OWNER, Builtin::Sync, json!({ "rollback": ["prices"] })).await;
        if price(&ports).await != expected {
            break;
        }
    }
    while price(&ports).await.is_some() {
        output(&ports, &worker, OWNER, Builtin::Sync, json!({ "rollback": ["prices"] })).await;
    }
    let (name, _) = error(&ports, &worker, OWNER, Builtin::Sync, json!({ "rollback": ["prices"] })).await;
    assert_eq!(name, "Millrace.SyncFailed");
}

#[tokio::test]
async fn what_is_broken_changes_nothing() {
    let (ports, worker) = (MemoryPorts::new(1), Worker::default());
    worker.offer(Some(PRICES.as_bytes()), None);
    output(&ports, &worker, OWNER, Builtin::Sync, json!({})).await;
    for broken in [
        "{",
        "[]",
        r#"{"prices": {"openai/new-model": {"input": -1, "output": 9}}}"#,
        r#"{"prices": {"new-model": {"input": 1, "output": 9}}}"#,
        r#"{"prices": {"openai/new-model": {"input": 1}}}"#,
    ] {
        worker.offer(Some(broken.as_bytes()), None);
        let (name, cause) = error(&ports, &worker, OWNER, Builtin::Sync, json!({})).await;
        assert_eq!(name, "Millrace.SyncFailed", "{cause}");
        assert!(cause.contains("Millrace.InvalidTable"), "{cause}");
        assert_eq!(price(&ports).await, Some(7.0), "{broken}");
    }
    // Another content than the manifest says.
    worker.offer(Some(PRICES.replace('9', "1").as_bytes()), None);
    worker.files.lock().unwrap().insert("v1/prices.json".into(), PRICES.replace('9', "2").into_bytes());
    let (_, cause) = error(&ports, &worker, OWNER, Builtin::Sync, json!({})).await;
    assert!(cause.contains("its SHA-256 is"), "{cause}");
    for manifest in [r#"{"prices": {"path": "../x", "sha256": ""}}"#, r#"{"passwords": {}}"#, "no"] {
        worker.files.lock().unwrap().insert("manifest.json".into(), manifest.into());
        let (name, _) = error(&ports, &worker, OWNER, Builtin::Sync, json!({})).await;
        assert_eq!(name, "Millrace.InvalidTable", "{manifest}");
    }
    worker.files.lock().unwrap().clear();
    assert_eq!(error(&ports, &worker, OWNER, Builtin::Sync, json!({})).await.0, "Millrace.SyncFailed");
    assert_eq!(price(&ports).await, Some(7.0));
    let (name, _) = error(&ports, &worker, OTHER, Builtin::Sync, json!({})).await;
    assert_eq!(name, "Millrace.NotPermitted");
}

const TEMPLATE: &str = "id: note
name: Note
description: A note
version: 1.0.0
project_type: cli
languages: [markdown]
tools: []
commands: { test: [], build: [], run: [], deploy: [] }
parameters: { type: object, properties: {} }
tasks: []
files: []
";

#[tokio::test]
async fn templates_are_used_by_the_next_project_and_a_run_stays_with_its_own() {
    let (ports, worker) = (MemoryPorts::new(1), Worker::default());
    let text = include_str!("../../../templates/templates/static-site/template.yaml");
    let site = |title: &str| {
        let changed = text.replacen("version: ", &format!("version: 9.9.{title} # "), 1);
        let mut files: Vec<(String, String)> = vec![("static-site/template.yaml".into(), changed)];
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates/templates");
        let mut folders = vec![root.join("static-site/files"), root.join("_schemas")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                        files.push((name, std::fs::read_to_string(&path).unwrap()));
                    }
                }
            }
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        zip(&files)
    };
    let version = async || templates::current(&ports).await.unwrap().get("static-site").unwrap().version.clone();
    let builtin = version().await;
    let (one, two) = (site("1"), site("2"));
    worker.offer(None, Some(&one));
    output(&ports, &worker, OWNER, Builtin::Sync, json!({})).await;
    assert_eq!(version().await, "9.9.1");
    assert!(templates::current(&ports).await.unwrap().get("python-cli").is_some());
    let new = || NewProject {
        template_id: Some("static-site".into()),
        parameters: json!({ "name": "site" }).as_object().cloned(),
        ..NewProject::default()
    };
    let first = create_project(&ports, OTHER, new(), None).await.unwrap().project.value;
    assert_eq!(first.templates_sha256.as_deref(), Some(sha256_hex(&one).as_str()));

    worker.offer(None, Some(&two));
    output(&ports, &worker, OWNER, Builtin::Sync, json!({})).await;
    assert_eq!(version().await, "9.9.2");
    let pinned = templates::of_content(&ports, first.templates_sha256.as_deref()).await.unwrap();
    assert_eq!(pinned.get("static-site").unwrap().version, "9.9.1");

    for (broken, why) in [
        (zip(&[("note/template.yaml", TEMPLATE)]), "note: "),
        (zip(&[("stray.txt", "x")]), "stray.txt"),
        (b"no archive".to_vec(), "format"),
    ] {
        worker.offer(None, Some(&broken));
        let (_, cause) = error(&ports, &worker, OWNER, Builtin::Sync, json!({})).await;
        assert!(cause.contains(why), "{cause}");
        assert_eq!(version().await, "9.9.2");
    }
    for _ in 0..2 {
        output(&ports, &worker, OWNER, Builtin::Sync, json!({ "rollback": ["templates"] })).await;
    }
    assert_eq!(version().await, builtin);
    assert!(PriceTable::read(PRICES.as_bytes()).is_ok());
}
