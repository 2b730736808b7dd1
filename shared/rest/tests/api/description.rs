use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use millrace_app::Error;
use millrace_app::ports::StoreError;
use millrace_rest::{HTTP_CODES, openapi};
use serde_json::Value;

use crate::support::Server;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// `MILLRACE_UPDATE_OPENAPI=1` writes the file.
#[tokio::test]
async fn the_committed_description_is_the_served_one() {
    let path = docs().join("openapi.json");
    let generated = serde_json::to_value(openapi()).unwrap();
    if std::env::var_os("MILLRACE_UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&generated).unwrap())).unwrap();
    }
    let committed: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(committed == generated, "docs/openapi.json is out of date: run this test with MILLRACE_UPDATE_OPENAPI=1");
    assert_eq!(Server::new().get("/openapi.json").await.ok(200), generated);
    assert!(generated["openapi"].as_str().unwrap().starts_with("3.1"));
}

/// Asks each described path for what it allows: no more and no less than what is described.
#[tokio::test]
async fn what_is_described_is_served_and_nothing_else() {
    let server = Server::new();
    let document = serde_json::to_value(openapi()).unwrap();
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let real = path.replace("{id}", "x").replace("{path}", "a/b").replace("{code}", "x").replace("{name}", "x");
        let real = real.replace("{projectId}", "x").replace("{source}", "x");
        let answer = server.call("TRACE", &real, &[], None).await;
        assert_eq!(answer.problem(405), "method-not-allowed", "{path}");
        let mut served: BTreeSet<String> =
            answer.header("allow").split(',').map(|word| word.trim().to_lowercase()).collect();
        served.remove("head");
        let described: BTreeSet<String> = item.as_object().unwrap().keys().cloned().collect();
        assert_eq!(served, described, "{path}");
        for (method, operation) in item.as_object().unwrap() {
            assert!(operations.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
        }
    }
    let wanted = [
        "GET /api/projects",
        "POST /api/projects",
        "GET /api/projects/{id}",
        "PUT /api/projects/{id}",
        "DELETE /api/projects/{id}",
        "POST /api/projects/{id}/modify",
        "POST /api/projects/{id}/approve",
        "POST /api/projects/{id}/cancel",
        "POST /api/projects/{id}/resume",
        "GET /api/projects/{id}/plan",
        "GET /api/projects/{id}/files",
        "GET /api/projects/{id}/files/{path}",
        "GET /api/projects/{id}/tests",
        "GET /api/projects/{id}/deployments",
        "GET /api/projects/{id}/events",
        "GET /api/projects/{id}/cost",
        "POST /api/ai/invoke",
        "POST /api/ai/tasks",
        "GET /api/ai/tasks/{id}",
        "GET /api/templates",
        "GET /api/templates/{id}",
        "POST /api/workflows",
        "GET /api/workflows",
        "POST /api/workflows/validate",
        "GET /api/workflows/{id}",
        "PUT /api/workflows/{id}",
        "DELETE /api/workflows/{id}",
        "GET /api/workflows/{id}/graph",
        "POST /api/workflows/{id}/executions",
        "GET /api/executions",
        "POST /api/executions/bulk",
        "GET /api/executions/{id}",
        "GET /api/executions/{id}/history",
        "GET /api/executions/{id}/graph",
        "GET /api/executions/{id}/map-runs",
        "GET /api/executions/{id}/map-runs/{run}",
        "GET /api/executions/{id}/map-runs/{run}/executions",
        "GET /api/executions/{id}/map-runs/{run}/executions/{name}",
        "GET /api/executions/{id}/map-runs/{run}/executions/{name}/history",
        "POST /api/executions/{id}/fork",
        "POST /api/executions/{id}/pause",
        "POST /api/executions/{id}/redrive",
        "POST /api/executions/{id}/resume",
        "POST /api/executions/{id}/stop",
        "POST /api/functions/projects/{projectId}",
        "GET /api/functions/projects/{projectId}",
        "GET /api/functions/{projectId}/{name}",
        "PATCH /api/functions/{projectId}/{name}",
        "DELETE /api/functions/{projectId}/{name}",
        "POST /api/functions/register",
        "GET /api/functions/code/{projectId}/{name}",
        "POST /api/v1/functions/{projectId}/{name}",
        "GET /api/v1/functions/{projectId}/{name}",
        "PATCH /api/v1/functions/{projectId}/{name}",
        "GET /api/v1/functions/health",
        "GET /api/v1/projects/{projectId}/functions",
        "GET /_functions/{name}",
        "DELETE /_functions/{name}/{path}",
        "GET /api/limits",
        "GET /api/limits/{key}",
        "PUT /api/limits/{key}",
        "DELETE /api/limits/{key}",
        "GET /health",
        "GET /openapi.json",
    ];
    for route in wanted {
        let (method, path) = route.split_once(' ').unwrap();
        assert!(document["paths"][path][method.to_lowercase()].is_object(), "{route}");
    }
}

/// Every reference leads somewhere, and every example fits its schema.
#[test]
fn the_description_is_sound() {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let target = document.pointer(reference.trim_start_matches('#'));
                    assert!(target.is_some(), "{reference}");
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let mut whole = schema.clone();
        whole["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&whole).unwrap();
        if let Some(example) = schema.get("example") {
            let problems: Vec<String> = validator.iter_errors(example).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{name}: {problems:?}");
        }
    }
}

#[tokio::test]
async fn each_code_has_its_page() {
    let cause = || std::io::Error::other("x");
    let errors = [
        Error::invalid("x", "y"),
        Error::NotFound { kind: "project", id: "x".into() },
        Error::WrongState("x".into()),
        Error::LimitReached { key: "x".into() },
        Error::VersionMismatch { what: "x" },
        Error::IdempotencyMismatch,
        Error::NotConfigured("x".into()),
        Error::Store(StoreError::unavailable("x", cause())),
        Error::internal(cause()),
    ];
    let server = Server::new();
    let mut codes: BTreeSet<String> = errors.iter().map(|error| error.code().to_owned()).collect();
    codes.extend(HTTP_CODES.iter().map(|code| (*code).to_owned()));
    for code in &codes {
        let page = server.get(&format!("/errors/{code}")).await;
        assert_eq!(page.status, 200, "{code}");
        let text = String::from_utf8(page.bytes).unwrap();
        assert!(text.starts_with(&format!("# {code} (")), "{code}");
        assert!(text.contains("## Example") && text.contains("## Fix"), "{code}");
    }
    let pages: BTreeSet<String> = std::fs::read_dir(docs().join("errors"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(pages, codes);
    assert_eq!(server.get("/errors/nope").await.problem(404), "not-found");
}
