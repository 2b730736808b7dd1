use serde_json::{Value, json};

use crate::support::{Answer, Server};

fn wait() -> Value {
    json!({ "StartAt": "W", "States": {
        "W": { "Type": "Wait", "Seconds": 3600, "Next": "A" },
        "A": { "Type": "Wait", "Seconds": 3600, "Next": "Z" },
        "Z": { "Type": "Pass", "End": true } } })
}

fn schema() -> Value {
    json!({ "type": "object", "required": ["customer"], "properties": {
        "customer": { "type": "string" }, "count": { "type": "integer", "minimum": 1 } } })
}

async fn orders(server: &Server) -> Value {
    let body = json!({ "name": "orders", "definition": wait(), "input_schema": schema() });
    server.post("/api/workflows", &body).await.ok(201)
}

async fn start(server: &Server, body: &Value) -> Answer {
    server.tick();
    server.post("/api/workflows/orders/executions", body).await
}

async fn started(server: &Server) -> usize {
    server.get("/api/executions").await.ok(200)["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_schema_belongs_to_its_version() {
    let server = Server::new();
    let made = orders(&server).await;
    assert_eq!(made["input_schema"], schema());
    assert_eq!(orders(&server).await["id"], made["id"], "the same again is the same workflow");
    let other = json!({ "name": "orders", "definition": wait() });
    assert_eq!(server.post("/api/workflows", &other).await.problem(409), "wrong-state");

    let put = async |body: Value| server.call("PUT", "/api/workflows/orders", &[("if-match", "*")], Some(&body)).await;
    let stays = put(json!({ "version_description": "again" })).await.ok(200);
    assert_eq!((&stays["version"], &stays["input_schema"]), (&json!(1), &schema()));
    let free = put(json!({ "input_schema": null })).await.ok(200);
    assert_eq!((&free["version"], &free["input_schema"]), (&json!(2), &Value::Null));
    let strict = put(json!({ "input_schema": { "type": "object", "required": ["region"] } })).await.ok(200);
    assert_eq!((&strict["version"], &strict["revision"]), (&json!(3), &json!(3)));
    for (version, expected) in [(1, schema()), (2, Value::Null)] {
        let read = server.get(&format!("/api/workflows/orders?version={version}")).await.ok(200);
        assert_eq!(read["input_schema"], expected);
    }
    start(&server, &json!({ "version": 1, "input": { "customer": "a" } })).await.ok(201);
    start(&server, &json!({ "version": 2, "input": [] })).await.ok(201);
    let problems = start(&server, &json!({ "input": { "customer": "a" } })).await.problems();
    assert_eq!(problems, ["/input/region: is missing; give it; the schema requires it"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_schema_is_named() {
    let server = Server::new();
    let wrong = json!({ "type": "object", "properties": { "n": { "type": "whole" } } });
    let body = json!({ "name": "orders", "definition": wait(), "input_schema": wrong });
    let problems = server.post("/api/workflows", &body).await.problems();
    assert!(problems[0].starts_with("/input_schema/properties/n/type: must be array"), "{problems:?}");
    let large = json!({ "name": "orders", "definition": wait(), "input_schema": { "title": "x".repeat(40_000) } });
    let problems = server.post("/api/workflows", &large).await.problems();
    assert!(problems[0].starts_with("/input_schema: has 40012 bytes; shorten it to 32768"), "{problems:?}");
    assert_eq!(server.get("/api/workflows").await.ok(200)["items"], json!([]));

    let found = server.post("/api/workflows/validate", &json!({ "definition": wait(), "input_schema": wrong })).await;
    let found = found.ok(200);
    let one = &found["diagnostics"][0];
    assert_eq!((&found["valid"], &one["code"]), (&json!(false), &json!("INVALID_INPUT_SCHEMA")));
    assert_eq!(one["pointer"], "/input_schema/properties/n/type");
    let found =
        server.post("/api/workflows/validate", &json!({ "definition": wait(), "input_schema": schema() })).await;
    assert_eq!(found.ok(200)["valid"], json!(true));
}

#[tokio::test]
async fn an_input_that_does_not_fit_starts_nothing() {
    let server = Server::new();
    orders(&server).await;
    let problems = start(&server, &json!({ "input": { "count": 0 }, "name": "one" })).await.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    for problem in ["/input/customer: is missing; give a string", "/input/count: is too small; give at least 1"] {
        assert!(problems.iter().any(|one| one == problem), "{problems:?}");
    }
    assert_eq!(start(&server, &json!({})).await.problems(), ["/input/customer: is missing; give a string"]);
    let trigger = json!({ "definition_id": "orders", "input_data": { "customer": 7 } });
    let problems = server.post("/workflows/trigger", &trigger).await.problems();
    assert_eq!(problems, ["/input_data/customer: is a number; give a string"]);
    assert_eq!(started(&server).await, 0);
}

#[tokio::test]
async fn one_that_was_started_is_answered_whatever_came_after_it() {
    let server = Server::new();
    orders(&server).await;
    let body = json!({ "name": "one", "input": { "customer": "a" } });
    let first = start(&server, &body).await.ok(201);
    let change = json!({ "input_schema": { "type": "object", "required": ["region"] } });
    server.call("PUT", "/api/workflows/orders", &[("if-match", "*")], Some(&change)).await.ok(200);
    let again = start(&server, &body).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.ok(201)["id"], first["id"]);
    let other = start(&server, &json!({ "name": "one", "input": { "customer": "b" } })).await;
    assert_eq!(other.problem(409), "wrong-state");
}

#[tokio::test]
async fn a_corrected_input_of_the_first_state_fits_too() {
    let server = Server::new();
    orders(&server).await;
    let id = start(&server, &json!({ "input": { "customer": "a" } })).await.ok(201)["id"].as_str().unwrap().to_owned();
    let act = async |what: &str, body: Value| server.post(&format!("/api/executions/{id}/{what}"), &body).await;
    let fork = json!({ "sequence": 0, "name": "forked", "input": { "customer": 1 } });
    let told = ["/input/customer: is a number; give a string"];
    assert_eq!(act("fork", fork).await.problems(), told);
    act("fork", json!({ "sequence": 0, "name": "forked", "input": { "customer": "b" } })).await.ok(201);
    act("stop", json!({})).await.ok(200);
    let wrong = json!({ "input": { "customer": 1 } });
    assert_eq!(act("redrive", wrong.clone()).await.problems(), told);
    // The schema of the version that it goes on with is what counts.
    let change = json!({ "input_schema": { "type": "object", "properties": { "customer": { "type": "integer" } } } });
    server.call("PUT", "/api/workflows/orders", &[("if-match", "*")], Some(&change)).await.ok(200);
    act("redrive", json!({ "version": 2, "input": { "customer": 1 } })).await.ok(200);
    act("stop", json!({})).await.ok(200);
    act("redrive", wrong).await.ok(200);
    assert_eq!(started(&server).await, 2);
}
