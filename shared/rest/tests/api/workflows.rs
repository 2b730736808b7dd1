use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use millrace_app::executions::Retention;
use millrace_app::identity::Role;
use millrace_app::workflows::{self, Configuration, CreateWorkflow, Place, WorkflowType};
use millrace_rest::Caller;
use serde_json::{Value, json};

use crate::support::Server;

fn pass() -> Value {
    json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } })
}

fn wait() -> Value {
    json!({ "StartAt": "W", "States": {
        "W": { "Type": "Wait", "Seconds": 3600, "Next": "A" }, "A": { "Type": "Pass", "End": true } } })
}

async fn create(server: &Server, name: &str, definition: &Value) -> Value {
    server.post("/api/workflows", &json!({ "name": name, "definition": definition })).await.ok(201)
}

async fn start(server: &Server, workflow: &str, body: &Value) -> Value {
    server.tick();
    server.post(&format!("/api/workflows/{workflow}/executions"), body).await.ok(201)
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_workflow_lives_from_creation_to_deletion() {
    let server = Server::new();
    let made = create(&server, "shop", &pass()).await;
    assert_eq!(made["arn"], "arn:aws:states:us-east-1:000000000000:stateMachine:shop");
    assert_eq!((&made["version"], &made["latest_version"], &made["type"]), (&json!(1), &json!(1), &json!("STANDARD")));
    assert_eq!(create(&server, "shop", &pass()).await["id"], made["id"]);
    let other = server.post("/api/workflows", &json!({ "name": "shop", "definition": wait() })).await;
    assert_eq!(other.problem(409), "wrong-state");

    let by_id = format!("/api/workflows/{}", made["id"].as_str().unwrap());
    let read = server.get(&by_id).await;
    let tag = read.header("etag").to_owned();
    assert_eq!(read.ok(200)["definition"], pass());
    for named in ["shop", made["arn"].as_str().unwrap()] {
        assert_eq!(server.get(&format!("/api/workflows/{named}")).await.ok(200)["id"], made["id"]);
    }
    let change = json!({ "definition": wait() });
    assert_eq!(server.call("PUT", &by_id, &[], Some(&change)).await.problem(428), "precondition-required");
    let changed = server.call("PUT", &by_id, &[("if-match", &tag)], Some(&change)).await.ok(200);
    assert_eq!((&changed["version"], &changed["revision"]), (&json!(2), &json!(2)));
    let late = server.call("PUT", &by_id, &[("if-match", &tag)], Some(&json!({ "definition": pass() }))).await;
    assert_eq!(late.problem(412), "version-mismatch");
    assert_eq!(server.get(&format!("{by_id}?version=1")).await.ok(200)["definition"], pass());
    assert_eq!(server.get(&format!("{by_id}?version=9")).await.problem(404), "not-found");

    let unknown = json!({ "routes": [{ "version": 1, "weight": 50 }, { "version": 9, "weight": 50 }] });
    let refused = server.call("PUT", &format!("{by_id}/aliases/live"), &[], Some(&unknown)).await;
    assert_eq!(refused.problem(404), "not-found");
    assert_eq!(refused.json()["detail"], "there is no version \"9\"");
    let absent = server.call("DELETE", &format!("{by_id}/aliases/live"), &[], None).await;
    assert_eq!(absent.json()["detail"], "there is no alias \"live\"");
    let alias = json!({ "routes": [{ "version": 1, "weight": 100 }] });
    server.call("PUT", &format!("{by_id}/aliases/live"), &[], Some(&alias)).await.ok(200);
    assert_eq!(names(&server.get(&format!("{by_id}/aliases")).await.ok(200)), ["live"]);
    let through = start(&server, "shop", &json!({ "alias": "live" })).await;
    assert_eq!((&through["version"], &through["alias"]), (&json!(1), &json!("live")));
    assert_eq!(server.call("DELETE", &format!("{by_id}/aliases/live"), &[], None).await.status, 204);

    assert_eq!(server.call("DELETE", &by_id, &[("if-match", "\"99\"")], None).await.problem(412), "version-mismatch");
    assert_eq!(server.call("DELETE", &by_id, &[], None).await.status, 204);
    assert_eq!(server.get(&by_id).await.problem(404), "not-found");
    assert_eq!(server.get("/api/workflows").await.ok(200)["items"], json!([]));
}

#[tokio::test]
async fn workflows_of_the_other_api_are_the_same() {
    let server = Server::new();
    let place = Place { partition: "aws".into(), region: "us-east-1".into(), account: "000000000000".into() };
    let create = CreateWorkflow {
        place,
        owner: Caller::LOCAL.into(),
        name: "theirs".into(),
        definition: pass().to_string(),
        kind: WorkflowType::Standard,
        configuration: Configuration::default(),
        publish: false,
        version_description: None,
        tags: Vec::new(),
    };
    workflows::create_workflow(&server.ports, create).await.unwrap();
    let listed = server.get("/api/workflows").await.ok(200);
    assert_eq!(names(&listed), ["theirs"]);
    assert_eq!(server.get("/api/workflows/theirs").await.ok(200)["version"], Value::Null);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let server = Server::new();
    let body = json!({ "nam": "x", "definition": 1, "type": "FAST", "tags": { "a": 1 } });
    let problems = server.post("/api/workflows", &body).await.problems();
    for field in ["/name: is missing", "/definition: must be", "/type: must be", "/tags/a: must be", "/nam: is unknown"]
    {
        assert!(problems.iter().any(|problem| problem.starts_with(field)), "{field}: {problems:?}");
    }
    let broken = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "Next": "B" } } });
    let problems = server.post("/api/workflows", &json!({ "name": "x", "definition": broken })).await.problems();
    assert!(problems[0].starts_with("/definition/States/A/Next: MISSING_TRANSITION_TARGET"), "{problems:?}");
    let problems = server.post("/api/workflows", &json!({ "name": "a b", "definition": pass() })).await.problems();
    assert!(problems[0].starts_with("/name: must be"), "{problems:?}");
    create(&server, "shop", &pass()).await;
    let body = json!({ "attributes": { "a=b": "x", "ok": "" }, "version": 0, "payload_limit": "big" });
    let problems = server.post("/api/workflows/shop/executions", &body).await.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    let problems = server.post("/api/workflows/shop/executions", &json!({ "attributes": { "a=b": "x" } })).await;
    assert!(problems.problems()[0].starts_with("/attributes/a=b: the name must be"));
    for query in ["status=DONE", "attribute=x", "started_from=today", "workflw=x", "limit=0"] {
        assert_eq!(server.get(&format!("/api/executions?{query}")).await.problems().len(), 1, "{query}");
    }
    assert_eq!(server.get("/api/executions?cursor=x").await.problem(400), "invalid-request");
    for path in ["/api/workflows/none", "/api/executions/none", "/api/executions/none/graph"] {
        assert_eq!(server.get(path).await.problem(404), "not-found");
    }
}

#[tokio::test]
async fn starts_are_idempotent_by_name_and_by_key() {
    let server = Server::new();
    create(&server, "shop", &pass()).await;
    let path = "/api/workflows/shop/executions";
    let body = json!({ "name": "one", "input": { "a": 1 }, "attributes": { "k": "v" } });
    let first = server.post(path, &body).await;
    assert_eq!(first.header("idempotency-replayed"), "");
    let location = first.header("location").to_owned();
    let first = first.ok(201);
    assert_eq!((&first["status"], &first["output"]), (&json!("SUCCEEDED"), &json!({ "a": 1 })));
    assert_eq!(server.get(&location).await.ok(200), first);
    let again = server.post(path, &body).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.ok(201)["id"], first["id"]);
    for other in [json!({ "name": "one", "input": 2 }), json!({ "name": "one", "input": { "a": 1 } })] {
        assert_eq!(server.post(path, &other).await.problem(409), "wrong-state");
    }
    let keyed = async |key: &str| server.call("POST", path, &[("idempotency-key", key)], Some(&json!({}))).await;
    let (one, two, three) = (keyed("k1").await.ok(201), keyed("k1").await.ok(201), keyed("k2").await.ok(201));
    assert_eq!(one["id"], two["id"]);
    assert_ne!(one["id"], three["id"]);
    for other in [json!({ "input": { "a": 2 } }), json!({ "attributes": { "k": "v" } })] {
        let answer = server.call("POST", path, &[("idempotency-key", "k1")], Some(&other)).await;
        assert_eq!(answer.problem(422), "idempotency-mismatch", "{other}");
    }
}

#[tokio::test]
async fn executions_are_found_by_what_they_are() {
    let server = Server::new();
    create(&server, "quick", &pass()).await;
    create(&server, "slow", &wait()).await;
    for number in 0..7 {
        let workflow = if number % 2 == 0 { "quick" } else { "slow" };
        let attributes = json!({ "customer": format!("c{}", number % 3), "n": number.to_string() });
        start(&server, workflow, &json!({ "name": format!("e{number}"), "attributes": attributes })).await;
    }
    let find = async |query: &str| {
        let mut found: Vec<String> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = server.get(&format!("/api/executions?limit=2&{query}{cursor}")).await.ok(200);
            found.extend(names(&page).into_iter().map(str::to_owned));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break found,
            }
        }
    };
    assert_eq!(find("").await, ["e6", "e5", "e4", "e3", "e2", "e1", "e0"]);
    assert_eq!(find("workflow=slow").await, ["e5", "e3", "e1"]);
    assert_eq!(find("status=RUNNING").await, ["e5", "e3", "e1"]);
    assert_eq!(find("workflow=quick&status=SUCCEEDED").await, ["e6", "e4", "e2", "e0"]);
    assert_eq!(find("attribute=customer%3Dc0").await, ["e6", "e3", "e0"]);
    assert_eq!(find("attribute=customer=c0&attribute=n=3").await, ["e3"]);
    assert_eq!(find("attribute=customer=c0&status=RUNNING").await, ["e3"]);
    assert_eq!(find("attribute=customer=c").await, Vec::<String>::new());
    let at = server.get("/api/executions?attribute=n=3").await.ok(200)["items"][0]["started_at"].clone();
    let at = at.as_str().unwrap();
    assert_eq!(find(&format!("started_from={at}")).await, ["e6", "e5", "e4", "e3"]);
    assert_eq!(find(&format!("started_before={at}")).await, ["e2", "e1", "e0"]);
    assert_eq!(find(&format!("workflow=quick&started_before={at}")).await, ["e2", "e0"]);
    let other = Caller::new("other", Role::Admin);
    let request = Request::get("/api/executions").extension(other.clone()).body(Body::empty()).unwrap();
    assert_eq!(server.send(request).await.ok(200)["items"], json!([]));
    let arn = "arn:aws:states:us-east-1:000000000000:execution:slow:e1";
    let request = Request::get(format!("/api/executions/{arn}")).extension(other).body(Body::empty()).unwrap();
    assert_eq!(server.send(request).await.problem(404), "not-found");
}

#[tokio::test]
async fn histories_are_paged_both_ways() {
    let server = Server::new();
    create(&server, "shop", &pass()).await;
    let id = start(&server, "shop", &json!({})).await["id"].as_str().unwrap().to_owned();
    let read = async |query: &str| {
        let (mut types, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = server.get(&format!("/api/executions/{id}/history?limit=3{query}{cursor}")).await.ok(200);
            let items = page["items"].as_array().unwrap();
            types.extend(items.iter().map(|item| item["type"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break types,
            }
        }
    };
    let mut expected = vec!["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"];
    assert_eq!(read("").await, expected);
    expected.reverse();
    assert_eq!(read("&reverse=true").await, expected);
}

#[tokio::test]
async fn executions_are_drawn_and_stopped() {
    let server = Server::new();
    create(&server, "slow", &wait()).await;
    let id = start(&server, "slow", &json!({})).await["id"].as_str().unwrap().to_owned();
    let graph = format!("/api/executions/{id}/graph");
    let status = async || server.get(&graph).await.ok(200)["states"][0]["status"].clone();
    assert_eq!(status().await, "RUNNING");
    let drawn = String::from_utf8(server.get(&format!("{graph}?format=svg")).await.bytes).unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.contains("W (Wait, RUNNING)"), "{drawn}");
    let drawn = String::from_utf8(server.get(&format!("{graph}?format=mermaid")).await.bytes).unwrap();
    assert!(drawn.starts_with("stateDiagram-v2") && drawn.contains("class s0 running"), "{drawn}");
    let stop = json!({ "error": "Enough", "cause": "why" });
    let stopped = server.post(&format!("/api/executions/{id}/stop"), &stop).await.ok(200);
    assert_eq!(
        (&stopped["status"], &stopped["error"], &stopped["cause"]),
        (&json!("ABORTED"), &json!("Enough"), &json!("why"))
    );
    assert_eq!(status().await, "ABORTED");
    assert_eq!(server.get("/api/executions?status=ABORTED").await.ok(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn many_are_stopped_at_once() {
    let server = Server::new();
    create(&server, "slow", &wait()).await;
    for number in 0..5 {
        let customer = if number == 2 { "other" } else { "one" };
        let body = json!({ "name": format!("e{number}"), "attributes": { "customer": customer } });
        start(&server, "slow", &body).await;
    }
    let bulk = async |more: Value| {
        let mut body = json!({ "action": "stop", "filter": { "attributes": { "customer": "one" } }, "limit": 3 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post("/api/executions/bulk", &body).await.ok(200)
    };
    let outcomes = |answer: &Value| {
        let results = answer["results"].as_array().unwrap();
        results.iter().map(|one| format!("{} {}", one["name"], one["outcome"]).replace('"', "")).collect::<Vec<_>>()
    };
    let planned = bulk(json!({ "dry_run": true })).await;
    assert_eq!(outcomes(&planned), ["e4 planned", "e3 planned", "e1 planned"]);
    let first = bulk(json!({})).await;
    assert_eq!(outcomes(&first), ["e4 done", "e3 done", "e1 done"]);
    let rest = bulk(json!({ "cursor": first["next_cursor"] })).await;
    assert_eq!((outcomes(&rest), &rest["next_cursor"]), (vec!["e0 done".to_owned()], &Value::Null));
    let ended = json!({ "action": "stop", "filter": { "workflow": "slow", "status": "ABORTED" } });
    let skipped = server.post("/api/executions/bulk", &ended).await.ok(200);
    assert!(outcomes(&skipped).iter().all(|one| one.ends_with("skipped")), "{skipped}");
    let again = json!({ "action": "redrive", "filter": { "workflow": "slow", "status": "ABORTED" }, "limit": 1 });
    let redriven = server.post("/api/executions/bulk", &again).await.ok(200);
    assert_eq!(outcomes(&redriven), ["e4 done"]);
    assert_eq!(server.get("/api/executions?status=RUNNING").await.ok(200)["items"].as_array().unwrap().len(), 2);
    let stop = json!({ "action": "stop", "filter": { "attributes": { "customer": "one" } } });
    server.post("/api/executions/bulk", &stop).await.ok(200);
    let wrong = json!({ "action": "explode", "filter": {}, "limit": 0 });
    assert!(server.post("/api/executions/bulk", &wrong).await.problems().len() >= 3);
    assert_eq!(server.get("/api/executions?status=RUNNING").await.ok(200)["items"][0]["name"], "e2");
}

#[tokio::test]
async fn a_redrive_takes_a_corrected_definition() {
    let server = Server::new();
    let broken = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Fail", "Error": "Shop.Broken" } } });
    create(&server, "shop", &broken).await;
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        let body = json!({ "name": name, "input": { "n": 1 } });
        ids.push(start(&server, "shop", &body).await["id"].as_str().unwrap().to_owned());
    }
    let route = format!("/api/executions/{}/redrive", ids[0]);
    let invalid = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "Next": "B" } } });
    let problems = server.post(&route, &json!({ "definition": invalid })).await.problems();
    assert!(problems.iter().any(|problem| problem.contains("/definition/States/A/Next")), "{problems:?}");
    assert!(!server.post(&route, &json!({ "definition": 7 })).await.problems().is_empty());
    assert_eq!(server.post(&route, &json!({ "definition": pass(), "version": 1 })).await.problems().len(), 1);
    let elsewhere = json!({ "StartAt": "Z", "States": { "Z": { "Type": "Pass", "End": true } } });
    assert_eq!(server.post(&route, &json!({ "definition": elsewhere })).await.problem(409), "wrong-state");
    let unchanged = server.get(&format!("/api/executions/{}", ids[0])).await.ok(200);
    assert_eq!((&unchanged["status"], &unchanged["redrive_count"]), (&json!("FAILED"), &json!(0)));

    let yaml = "StartAt: A\nStates:\n  A: {Type: Pass, Result: mended, End: true}\n";
    let mended = server.post(&route, &json!({ "definition": yaml })).await.ok(200);
    assert_eq!((&mended["status"], &mended["redrive_count"]), (&json!("SUCCEEDED"), &json!(1)));
    let bulk = json!({ "action": "redrive", "filter": { "workflow": "shop", "status": "FAILED" },
        "definition": pass(), "input": { "n": 2 } });
    let answer = server.post("/api/executions/bulk", &bulk).await.ok(200);
    assert_eq!(answer["results"].as_array().unwrap().len(), 2);
    for id in &ids[1..] {
        let view = server.get(&format!("/api/executions/{id}")).await.ok(200);
        assert_eq!((&view["status"], &view["output"]), (&json!("SUCCEEDED"), &json!({ "n": 2 })));
    }
    let stop = json!({ "action": "stop", "filter": { "workflow": "shop" }, "definition": pass() });
    assert_eq!(server.post("/api/executions/bulk", &stop).await.problems().len(), 1);
}

#[tokio::test]
async fn definitions_are_validated_and_drawn() {
    let server = Server::new();
    let valid = server.post("/api/workflows/validate", &json!({ "definition": pass() })).await.ok(200);
    assert_eq!(valid["valid"], true);
    let yaml = "StartAt: A\nStates:\n  A: {Type: Pass, Next: B}\n";
    let invalid = server.post("/api/workflows/validate", &json!({ "definition": yaml })).await.ok(200);
    assert_eq!((&invalid["valid"], &invalid["diagnostics"][0]["pointer"]), (&json!(false), &json!("/States/A/Next")));
    create(&server, "slow", &wait()).await;
    let graph = server.get("/api/workflows/slow/graph").await.ok(200);
    assert_eq!(graph["transitions"], json!([{ "from": "W", "to": "A", "kind": "next", "label": "" }]));
    for (format, kind) in [("mermaid", "text/vnd.mermaid; charset=utf-8"), ("svg", "image/svg+xml")] {
        let answer = server.get(&format!("/api/workflows/slow/graph?format={format}")).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, kind));
    }
    assert_eq!(server.get("/api/workflows/slow/graph?format=png").await.problems().len(), 1);
}

#[tokio::test]
async fn executions_are_kept_as_long_as_is_said() {
    let week = Retention::from_variables(|_| Some("7".to_owned())).unwrap();
    let server = Server::keeping(week);
    server.post("/api/workflows", &json!({ "name": "shop", "definition": pass() })).await.ok(201);
    let started = start(&server, "shop", &json!({})).await;
    let path = format!("/api/executions/{}", started["id"].as_str().unwrap());
    assert_eq!(server.get(&path).await.ok(200)["status"], "SUCCEEDED");
    server.pass(Duration::from_secs(7 * 24 * 3_600 - 1));
    assert_eq!(server.get(&path).await.status, 200);
    server.pass(Duration::from_secs(1));
    assert_eq!(server.get(&path).await.problem(404), "not-found");
}
