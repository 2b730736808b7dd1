//! The functions service over a runtime of scripts.

use axum::body::Body;
use axum::http::Request;
use millrace_app::ports::{Ports, Secret, SecretStore};
use millrace_rest::Caller;
use serde_json::{Value, json};

use crate::support::{Answer, Server};

async fn create(server: &Server, project: &str, name: &str, code: &str) -> Value {
    let body = json!({ "function_name": name, "code": code });
    server.post(&format!("/api/functions/projects/{project}"), &body).await.ok(201)
}

async fn patch(server: &Server, path: &str, body: &Value) -> Answer {
    server.call("PATCH", path, &[], Some(body)).await
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["function_name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_function_lives_from_creation_to_deletion() {
    let server = Server::new();
    let body = json!({ "function_name": "greet", "code": "return 1", "file_path": "src/greet.ts", "timeout_ms": 500 });
    let made = server.post("/api/functions/projects/shop", &body).await;
    assert_eq!(made.header("location"), "/api/functions/shop/greet");
    let tag = made.header("etag").to_owned();
    let made = made.ok(201);
    for (field, value) in [
        ("function_name", json!("greet")),
        ("project_id", json!("shop")),
        ("file_path", json!("src/greet.ts")),
        ("runtime", json!("typescript")),
        ("is_active", json!(true)),
        ("invocation_count", json!(0)),
        ("timeout_ms", json!(500)),
        ("memory_mb", json!(64)),
        ("version", json!(1)),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    assert!(made["id"].as_str().unwrap().starts_with("fnc_"));
    assert_eq!(server.post("/api/functions/projects/shop", &body).await.problem(409), "wrong-state");
    for path in ["/api/functions/shop/greet", "/api/v1/functions/shop/greet"] {
        assert_eq!(server.get(path).await.ok(200), made);
    }

    server.tick();
    let path = "/api/functions/shop/greet";
    let changed = server.call("PATCH", path, &[("if-match", &tag)], Some(&json!({ "code": "return 2" }))).await.ok(200);
    assert_eq!((&changed["version"], &changed["runtime"]), (&json!(2), &json!("typescript")));
    let late = server.call("PATCH", path, &[("if-match", &tag)], Some(&json!({ "code": "return 3" }))).await;
    assert_eq!(late.problem(412), "version-mismatch");
    let invoked = server.post("/api/v1/functions/shop/greet", &json!({})).await.ok(200);
    assert_eq!((&invoked["success"], &invoked["result"]), (&json!(true), &json!(2)));
    let code = server.get("/api/functions/code/shop/greet").await.ok(200);
    assert_eq!((&code["code"], &code["version"]), (&json!("return 2"), &json!(2)));
    let first = server.get("/api/functions/code/shop/greet?version=1").await.ok(200);
    assert_eq!(first["code"], "return 1");
    assert_eq!(server.get("/api/functions/code/shop/greet?version=9").await.problem(404), "not-found");

    assert_eq!(server.call("DELETE", path, &[("if-match", &tag)], None).await.problem(412), "version-mismatch");
    assert_eq!(server.call("DELETE", path, &[], None).await.status, 204);
    for gone in [path, "/api/functions/code/shop/greet", "/_functions/greet"] {
        assert_eq!(server.get(gone).await.problem(404), "not-found", "{gone}");
    }
    assert_eq!(server.post("/api/v1/functions/shop/greet", &json!({})).await.problem(404), "not-found");
    let again = create(&server, "shop", "greet", "return 1").await;
    assert_eq!((&again["version"], &again["invocation_count"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn an_invocation_tells_all() {
    let server = Server::new();
    create(&server, "shop", "tell", "log warn watch out\necho").await;
    let path = "/api/v1/functions/shop/tell";
    let told = server.post(path, &json!({ "a": [1] })).await.ok(200);
    assert_eq!((&told["success"], &told["duration"]), (&json!(true), &json!(2.0)));
    assert_eq!(told["result"]["event"], json!({ "a": [1] }));
    assert_eq!((&told["result"]["function"], &told["result"]["project"]), (&json!("tell"), &json!("shop")));
    assert_eq!(told["result"]["invocation"], told["invocation_id"]);
    assert_eq!((&told["logs"][0]["level"], &told["logs"][0]["message"]), (&json!("warn"), &json!("watch out")));
    let empty = server.act(path).await.ok(200);
    assert_eq!(empty["result"]["event"], json!({}));
    let request = Request::post(path).body(Body::from("{\"a\":}")).unwrap();
    assert_eq!(server.send(request).await.problem(400), "bad-json");
    let request = Request::post(path).body(Body::from(vec![b' '; 6 * 1024 * 1024 + 1])).unwrap();
    assert_eq!(server.send(request).await.problem(413), "payload-too-large");

    create(&server, "shop", "fail", "log error oh\nthrow TypeError no such thing").await;
    let failed = server.post("/api/v1/functions/shop/fail", &json!({})).await.ok(200);
    assert_eq!(failed["success"], false);
    assert_eq!(failed["error"], json!({ "name": "TypeError", "message": "no such thing", "stack": "at handler" }));
    assert!(failed.get("result").is_none() && failed["logs"][0]["message"] == "oh");
    let read = server.get("/api/functions/shop/fail").await.ok(200);
    assert_eq!((&read["invocation_count"], &read["failed_count"]), (&json!(1), &json!(1)));
    assert_eq!(read["last_error"]["name"], "TypeError");
    let health = server.get("/api/v1/functions/health").await.ok(200);
    let totals = ["totalInvocations", "successfulInvocations", "failedInvocations"].map(|name| health[name].clone());
    assert_eq!((health["status"].as_str(), totals), (Some("ok"), [json!(3), json!(2), json!(1)]));
    assert!(health["uptime"].is_number());
    create(&server, "shop", "broken", "break").await;
    assert_eq!(server.post("/api/v1/functions/shop/broken", &json!({})).await.problem(503), "unavailable");
}

#[tokio::test]
async fn a_disabled_function_is_not_invoked() {
    let server = Server::new();
    create(&server, "shop", "greet", "return 1").await;
    let path = "/api/v1/functions/shop/greet";
    server.act(path).await.ok(200);
    assert_eq!(patch(&server, path, &json!({ "is_active": false })).await.ok(200)["is_active"], false);
    assert_eq!(server.act(path).await.problem(409), "wrong-state");
    assert_eq!(server.get("/_functions/greet").await.problem(409), "wrong-state");
    patch(&server, path, &json!({ "is_active": true })).await.ok(200);
    assert_eq!(server.act(path).await.ok(200)["result"], 1);
    for body in [json!({}), json!({ "is_active": 1 }), json!({ "is_active": true, "code": "x" })] {
        assert!(!patch(&server, path, &body).await.problems().is_empty(), "{body}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let server = Server::new();
    let body = json!({
        "function_name": "a b", "code": "bad", "runtime": "python", "timeout_ms": 0, "memory_mb": 1000,
        "environment": ["1A", "OK", "OK", 3], "cod": "",
    });
    let problems = server.post("/api/functions/projects/shop", &body).await.problems();
    assert_eq!(problems, ["/environment/3: must be a string, not a number", "/cod: is unknown; did you mean code?"]);
    let body = json!({
        "function_name": "a b", "code": "bad", "runtime": "python", "timeout_ms": 0, "memory_mb": 1000,
        "environment": ["1A", "OK", "OK"],
    });
    let problems = server.post("/api/functions/projects/shop", &body).await.problems();
    for field in
        ["/function_name: ", "/runtime: ", "/timeout_ms: ", "/memory_mb: ", "/environment/0: ", "/environment/2: "]
    {
        assert!(problems.iter().any(|problem| problem.starts_with(field)), "{field}: {problems:?}");
    }
    let body = json!({ "function_name": "f", "code": "return 1\nbad" });
    let problems = server.post("/api/functions/projects/shop", &body).await.problems();
    assert_eq!(problems, ["/code: f.js:2:1: bad"]);
    let large = json!({ "function_name": "f", "code": "x".repeat(1024 * 1024 + 1) });
    assert!(server.post("/api/functions/projects/shop", &large).await.problems()[0].starts_with("/code: must have"));
    for project in ["projects", "a%20b", "code"] {
        let body = json!({ "function_name": "f", "code": "x" });
        let answer = server.post(&format!("/api/functions/projects/{project}"), &body).await;
        assert!(answer.problems()[0].starts_with("projectId: "), "{project}");
    }
    assert_eq!(server.get("/api/functions/shop/f").await.problem(404), "not-found");
}

#[tokio::test]
async fn a_build_registers_its_functions() {
    let server = Server::new();
    let register = async |functions: Value| {
        let body = json!({ "project_id": "shop", "functions": functions });
        server.post("/api/functions/register", &body).await
    };
    let outcomes = |answer: &Value| {
        let all = answer["functions"].as_array().unwrap();
        all.iter()
            .map(|one| format!("{} {} {}", one["function_name"], one["outcome"], one["version"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    let (a, b) =
        (json!({ "function_name": "a", "code": "return 1" }), json!({ "function_name": "b", "code": "return 2" }));
    let first = register(json!([a, b])).await.ok(200);
    assert_eq!(outcomes(&first), ["a created 1", "b created 1"]);
    patch(&server, "/api/functions/shop/a", &json!({ "is_active": false, "timeout_ms": 50 })).await.ok(200);
    let other = json!({ "function_name": "b", "code": "return 3" });
    let second = register(json!([a, other])).await.ok(200);
    assert_eq!(outcomes(&second), ["a unchanged 1", "b updated 2"]);
    assert_eq!(outcomes(&register(json!([a, other])).await.ok(200)), ["a unchanged 1", "b unchanged 2"]);
    let kept = server.get("/api/functions/shop/a").await.ok(200);
    assert_eq!((&kept["is_active"], &kept["timeout_ms"]), (&json!(false), &json!(50)));

    let bad = json!({ "function_name": "c", "code": "bad" });
    let problems = register(json!([{ "function_name": "d", "code": "return 4" }, bad, bad])).await.problems();
    assert!(problems.iter().any(|problem| problem.starts_with("/functions/1/code: ")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.starts_with("/functions/2/function_name: ")), "{problems:?}");
    assert_eq!(server.get("/api/functions/shop/d").await.problem(404), "not-found", "nothing is stored");
    assert_eq!(register(json!([])).await.problems().len(), 1);
}

#[tokio::test]
async fn functions_are_listed_by_name_in_pages() {
    let server = Server::new();
    for name in ["c", "a", "b"] {
        create(&server, "shop", name, "return 1").await;
    }
    create(&server, "other", "d", "return 1").await;
    for path in ["/api/functions/projects/shop", "/api/v1/projects/shop/functions"] {
        let page = server.get(&format!("{path}?limit=2")).await.ok(200);
        assert_eq!(names(&page), ["a", "b"]);
        let next = page["next_cursor"].as_str().unwrap();
        let page = server.get(&format!("{path}?limit=2&cursor={next}")).await.ok(200);
        assert_eq!((names(&page), &page["next_cursor"]), (vec!["c"], &Value::Null));
    }
    assert_eq!(server.get("/api/functions/projects/shop?cursor=x").await.problem(400), "invalid-request");
    assert!(names(&server.get("/api/functions/projects/empty").await.ok(200)).is_empty());
}

#[tokio::test]
async fn functions_are_their_owners() {
    let server = Server::new();
    create(&server, "shop", "greet", "return 1").await;
    let other = Caller::iam("arn:aws:iam::123456789012:user/eve", Some("123456789012".into()));
    let as_other = |method: &str, path: &str| {
        Request::builder().method(method).uri(path).extension(other.clone()).body(Body::empty()).unwrap()
    };
    for (method, path) in [
        ("GET", "/api/functions/shop/greet"),
        ("DELETE", "/api/functions/shop/greet"),
        ("GET", "/api/functions/code/shop/greet"),
        ("GET", "/api/v1/functions/shop/greet"),
        ("POST", "/api/v1/functions/shop/greet"),
        ("GET", "/_functions/greet"),
    ] {
        assert_eq!(server.send(as_other(method, path)).await.problem(404), "not-found", "{method} {path}");
    }
    let listed = server.send(as_other("GET", "/api/functions/projects/shop")).await.ok(200);
    assert!(names(&listed).is_empty());

    // A project's id is a project of the caller's, and its functions go with it.
    let project = server.idle_project("shop").await;
    create(&server, project.as_str(), "greet", "return 2").await;
    let body = json!({ "function_name": "evil", "code": "return 3" }).to_string();
    let request = Request::post(format!("/api/functions/projects/{project}"))
        .extension(other.clone())
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    assert_eq!(server.send(request).await.problem(404), "not-found");
    let none = json!({ "function_name": "f", "code": "return 1" });
    assert_eq!(server.post("/api/functions/projects/prj_none", &none).await.problem(404), "not-found");
    assert_eq!(server.call("DELETE", &format!("/api/projects/{project}"), &[], None).await.status, 204);
    let path = format!("/api/functions/{project}/greet");
    assert_eq!(server.get(&path).await.problem(404), "not-found");
    assert_eq!(server.get("/_functions/greet").await.status, 200, "the name is that of one function again");
}

#[tokio::test]
async fn a_name_alone_finds_its_project() {
    let server = Server::new();
    create(&server, "shop", "greet", "return \"shop\"").await;
    assert_eq!(server.get("/_functions/greet?project=x").await.bytes, b"shop", "the parameter is the function's own");
    create(&server, "bar", "greet", "return \"bar\"").await;
    let problems = server.get("/_functions/greet").await.problems();
    assert_eq!(problems, ["x-project-id: must name the project: there is a function greet in bar, shop"]);
    assert_eq!(server.get("/_functions/greet?project=bar").await.bytes, b"bar");
    let named = server.call("GET", "/_functions/greet?project=bar", &[("x-project-id", "shop")], None).await;
    assert_eq!(named.bytes, b"shop");
    let named = server.call("GET", "/_functions/greet", &[("x-project-id", "none")], None).await;
    assert_eq!(named.problem(404), "not-found");
    assert_eq!(server.get("/_functions/none").await.problem(404), "not-found");
}

#[tokio::test]
async fn a_function_answers_requests_as_behind_the_gateway() {
    let server = Server::new();
    create(&server, "shop", "show", "echo").await;
    let request = Request::put("/_functions/show/a/b?x=1&x=2")
        .header("host", "localhost:7420")
        .header("cookie", "a=1")
        .header("content-type", "text/plain")
        .body(Body::from("hello"))
        .unwrap();
    let event = server.send(request).await.ok(200)["event"].clone();
    assert_eq!((&event["version"], &event["rawPath"]), (&json!("2.0"), &json!("/_functions/show/a/b")));
    assert_eq!((&event["rawQueryString"], &event["body"]), (&json!("x=1&x=2"), &json!("hello")));
    assert_eq!((&event["requestContext"]["http"]["method"], &event["cookies"]), (&json!("PUT"), &json!(["a=1"])));
    assert_eq!(event["pathParameters"], json!({ "name": "show", "proxy": "a/b" }));
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        let told = server.call(method, "/_functions/show", &[], None).await.ok(200);
        assert_eq!(told["event"]["requestContext"]["http"]["method"], method);
    }
    assert_eq!(server.call("HEAD", "/_functions/show", &[], None).await.status, 200);

    let said =
        r#"return {"statusCode":201,"headers":{"x-a":"1","content-type":"text/html"},"cookies":["c=1"],"body":"<p>"}"#;
    create(&server, "shop", "say", said).await;
    let answer = server.get("/_functions/say").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-a"), answer.header("set-cookie")), (201, "1", "c=1"));
    assert_eq!((answer.header("content-type"), answer.bytes.as_slice()), ("text/html", &b"<p>"[..]));
    create(&server, "shop", "wrong", r#"return {"statusCode":"x"}"#).await;
    create(&server, "shop", "fail", "throw TypeError secretless").await;
    for (name, told) in [("wrong", "statusCode"), ("fail", "TypeError: secretless")] {
        let answer = server.get(&format!("/_functions/{name}")).await;
        assert_eq!(answer.problem(502), "function-failed");
        assert!(answer.json()["detail"].as_str().unwrap().contains(told));
    }
    assert_eq!(server.get("/errors/function-failed").await.status, 200);
}

#[tokio::test]
async fn the_environment_is_an_allow_list() {
    let server = Server::new();
    let body = json!({ "function_name": "f", "code": "echo", "environment": ["API_KEY"] });
    server.post("/api/functions/projects/shop", &body).await.ok(201);
    let path = "/api/v1/functions/shop/f";
    let missing = server.act(path).await;
    assert_eq!(missing.problem(422), "not-configured");
    assert!(missing.json()["detail"].as_str().unwrap().contains("functions/local/shop/API_KEY"));
    let secret = |text: &str| Secret::new(text);
    server.ports.secrets().put("functions/local/shop/API_KEY", &secret("k1")).await.unwrap();
    server.ports.secrets().put("functions/local/shop/OTHER", &secret("k2")).await.unwrap();
    assert_eq!(server.act(path).await.ok(200)["result"]["environment"], json!(["API_KEY=k1"]));
}
