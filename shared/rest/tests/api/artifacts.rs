use millrace_app::ids::{DeploymentId, ProjectId, TestId};
use millrace_app::projects::{Stage, TestSummary, work};
use millrace_rest::{AuthMode, RestConfig};
use serde_json::{Value, json};

use crate::support::Server;

fn file(path: &str, contents: &[u8]) -> work::NewFile {
    work::NewFile { path: path.into(), contents: contents.to_vec(), language: "html".into(), executable: false }
}

async fn items(server: &Server, id: &ProjectId, what: &str) -> Vec<Value> {
    server.get(&format!("/api/projects/{id}/{what}")).await.ok(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_plan_is_there_when_it_was_made() {
    let server = Server::new();
    let id = server.running_project("shop").await;
    let path = format!("/api/projects/{id}/plan");
    assert_eq!(server.get(&path).await.problem(404), "not-found");
    let template = millrace_templates::catalogue().get("python-rest-api").unwrap();
    let parameters = template.validate(&json!({ "name": "shop" })).unwrap();
    let contents = template.plan(&parameters).unwrap().into();
    let plan_id = millrace_app::ids::PlanId::derived("one");
    work::save_plan(&server.ports, &id, 1, &plan_id, contents).await.unwrap();
    let plan = server.get(&path).await.ok(200);
    assert_eq!((&plan["id"], &plan["run"], &plan["name"]), (&json!(plan_id), &json!(1), &json!("shop")));
    assert!(plan["template"].as_str().unwrap().starts_with("python-rest-api@"));
    assert!(plan["tasks"].as_array().unwrap().iter().all(|task| task["wave"].as_u64() >= Some(1)));
}

#[tokio::test]
async fn files_are_listed_and_read_as_text() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    let evil = b"<script>alert(1)</script>";
    let files = vec![
        file("b/index.html", evil),
        file("a.bin", &[0xff, 0, 1]),
        file("c/sp ace \u{e4}.txt", b"x"),
        file("d/e/f", b""),
    ];
    work::save_files(&server.ports, &id, 1, "t", files).await.unwrap();
    let paths: Vec<Value> = items(&server, &id, "files").await.iter().map(|file| file["path"].clone()).collect();
    assert_eq!(paths, ["a.bin", "b/index.html", "c/sp ace \u{e4}.txt", "d/e/f"]);
    let first = server.get(&format!("/api/projects/{id}/files?limit=3")).await.ok(200);
    let next = first["next_cursor"].as_str().unwrap();
    let second = server.get(&format!("/api/projects/{id}/files?limit=3&cursor={next}")).await.ok(200);
    assert_eq!((second["items"][0]["path"].as_str(), second["next_cursor"].as_str()), (Some("d/e/f"), None));

    let html = server.get(&format!("/api/projects/{id}/files/b/index.html")).await;
    assert_eq!(html.bytes, evil);
    assert_eq!(html.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(html.header("content-disposition"), "attachment; filename*=UTF-8''index.html");
    assert!(html.header("content-security-policy").contains("sandbox"));
    let binary = server.get(&format!("/api/projects/{id}/files/a.bin")).await;
    assert_eq!(
        (binary.header("content-type"), binary.bytes.as_slice()),
        ("application/octet-stream", [0xff, 0, 1].as_slice())
    );
    let spaced = server.get(&format!("/api/projects/{id}/files/c/sp%20ace%20%C3%A4.txt")).await;
    assert_eq!(spaced.header("content-disposition"), "attachment; filename*=UTF-8''sp%20ace%20%C3%A4.txt");
    assert_eq!(server.get(&format!("/api/projects/{id}/files/d/e/f")).await.bytes, b"");

    for wrong in ["nope", "b", "../METADATA", "..%2f..%2fMETADATA", "b//index.html", "b%00", "%ff", "B/index.html"] {
        let answer = server.get(&format!("/api/projects/{id}/files/{wrong}")).await;
        assert_eq!(answer.problem(404), "not-found", "{wrong}");
    }
}

#[tokio::test]
async fn reports_and_packages_come_with_downloads() {
    let config =
        RestConfig { base_url: "https://api.example.com/v".into(), auth_mode: AuthMode::Off, ..RestConfig::default() };
    let server = Server::with(config);
    let id = server.running_project("xx").await;
    assert_eq!(items(&server, &id, "tests").await, Vec::<Value>::new());
    for (name, score) in [("one", 50.0), ("two", 97.5)] {
        let report = work::NewReport {
            id: TestId::derived(name),
            summary: TestSummary { score, rating: "A".into(), passed: true, ..TestSummary::default() },
            json: b"{}".to_vec(),
            markdown: b"# Report".to_vec(),
            junit: b"<testsuites/>".to_vec(),
            sarif: b"{}".to_vec(),
        };
        work::save_report(&server.ports, &id, 1, report).await.unwrap();
        server.tick();
    }
    let tests = items(&server, &id, "tests").await;
    assert_eq!(tests.iter().map(|test| test["score"].as_f64().unwrap()).collect::<Vec<_>>(), [97.5, 50.0]);
    for url in ["json_url", "markdown_url", "junit_url", "sarif_url"] {
        assert!(tests[0][url].as_str().unwrap().starts_with("https://api.example.com/v/"), "{}", tests[0][url]);
    }

    let package = work::NewDeployment {
        id: DeploymentId::derived("one"),
        name: "shop".into(),
        project_type: "sam".into(),
        zip: b"PK".to_vec(),
        manifest: b"{}".to_vec(),
        instructions: "# Deploy".into(),
    };
    work::save_deployment(&server.ports, &id, 1, package).await.unwrap();
    let packages = items(&server, &id, "deployments").await;
    let filename = packages[0]["filename"].as_str().unwrap();
    assert!(filename.starts_with("shop-") && filename.len() == "shop-.zip".len() + 12, "{filename}");
    assert_eq!(packages[0]["size"], 2);
    assert!(packages[0]["download_url"].as_str().unwrap().starts_with("https://api.example.com/v/"));
    let created = server.post("/api/projects", &crate::support::from_template("yy")).await;
    assert!(created.header("location").starts_with("https://api.example.com/v/api/projects/prj_"));
}

#[tokio::test]
async fn the_timeline_is_followed() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    for number in 0..450 {
        let event = work::NewEvent {
            name: format!("task-{number}"),
            kind: "task.finished".into(),
            stage: Some(Stage::Developing),
            message: format!("Task {number} is done."),
            data: json!({ "number": number }),
        };
        assert!(work::record_event(&server.ports, &id, 1, event).await.unwrap());
    }
    let mut all: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/api/projects/{id}/events?limit=100{cursor}")).await.ok(200);
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(all.len(), 452);
    assert!(all.is_sorted_by_key(|event| event["id"].as_str().unwrap().to_owned()));
    for known in [0, 1, 51, 251, 252, 350, 450, 451] {
        let after = all[known]["id"].as_str().unwrap();
        let page = items(&server, &id, &format!("events?limit=3&after={after}")).await;
        let expected: Vec<Value> = all.iter().skip(known + 1).take(3).cloned().collect();
        assert_eq!(page, expected, "{known}");
    }
    let nobody = millrace_app::ids::EventId::derived("x");
    let both = server.get(&format!("/api/projects/{id}/events?after={nobody}&cursor=x")).await;
    assert!(both.problems()[0].starts_with("cursor: "));
    assert!(server.get(&format!("/api/projects/{id}/events?after=x")).await.problems()[0].starts_with("after: "));
}

#[tokio::test]
async fn what_a_project_costs_offline_is_nothing() {
    let server = Server::new();
    let mut body = crate::support::from_template("xx");
    body["budget"] = json!({ "usd": 3 });
    let id = server.post("/api/projects", &body).await.ok(201)["id"].as_str().unwrap().to_owned();
    let cost = server.get(&format!("/api/projects/{id}/cost")).await.ok(200);
    let tokens = json!({ "input": 0, "output": 0, "cached_input": 0, "total": 0 });
    let budget = json!({ "usd": 3.0, "tokens": null, "calls": null, "seconds": null });
    assert_eq!(
        cost,
        json!({
            "calls": 0, "unpriced_calls": 0, "tokens": tokens, "usd": 0.0, "seconds": 0,
            "budget": budget, "remaining": budget,
        })
    );
}

#[tokio::test]
async fn templates_come_with_their_parameters() {
    let server = Server::new();
    let list = server.get("/api/templates").await.ok(200);
    let ids: Vec<&str> = list["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"python-rest-api"), "{ids:?}");
    for id in ids {
        let template = server.get(&format!("/api/templates/{id}")).await.ok(200);
        assert_eq!(template["parameters"]["type"], "object");
        assert!(!template["commands"]["test"].as_array().unwrap().is_empty());
    }
    assert_eq!(server.get("/api/templates/nope").await.problem(404), "not-found");
}
