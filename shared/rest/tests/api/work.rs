//! The agents' side: repeating changes nothing, and what is over is refused.

use millrace_app::Error;
use millrace_app::ids::{DeploymentId, PlanId, ProjectId, TestId};
use millrace_app::projects::{ExecutionOutcome, PlanContents, PlanFile, ProjectStatus, Stage, TestSummary, work};
use serde_json::{Value, json};

use crate::support::Server;

fn file(path: &str, text: &str) -> work::NewFile {
    work::NewFile { path: path.into(), contents: text.into(), language: "text".into(), executable: false }
}

fn event(name: &str) -> work::NewEvent {
    let (kind, message) = ("task.finished".into(), "Done.".into());
    work::NewEvent { name: name.into(), kind, stage: None, message, data: Value::Null }
}

fn report() -> work::NewReport {
    let (json, markdown, junit) = (b"{}".to_vec(), b"x".to_vec(), b"x".to_vec());
    work::NewReport {
        id: TestId::derived("t"),
        summary: TestSummary::default(),
        json,
        markdown,
        junit,
        sarif: b"{}".to_vec(),
    }
}

fn package() -> work::NewDeployment {
    work::NewDeployment {
        id: DeploymentId::derived("d"),
        name: "x".into(),
        project_type: "cli".into(),
        zip: vec![1],
        manifest: vec![2],
        instructions: String::new(),
    }
}

#[tokio::test]
async fn a_stage_begins_once() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    let project = work::begin_stage(&server.ports, &id, 1, 0, Stage::Developing).await.unwrap();
    assert_eq!(project.status, ProjectStatus::Developing);
    let before = server.get(&format!("/api/projects/{id}")).await.header("etag").to_owned();
    for _ in 0..3 {
        work::begin_stage(&server.ports, &id, 1, 0, Stage::Developing).await.unwrap();
    }
    assert_eq!(server.get(&format!("/api/projects/{id}")).await.header("etag"), before);
}

/// Messages come at least once: one of a task that is done may come again while a later stage runs.
#[tokio::test]
async fn a_late_message_does_not_turn_the_stages_back() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    let begin = async |round, stage| work::begin_stage(&server.ports, &id, 1, round, stage).await.unwrap().status;
    assert_eq!(begin(1, Stage::Developing).await, ProjectStatus::Developing);
    assert_eq!(begin(0, Stage::Planning).await, ProjectStatus::Developing);
    assert_eq!(begin(1, Stage::Testing).await, ProjectStatus::Testing);
    assert_eq!(begin(1, Stage::Developing).await, ProjectStatus::Testing);
    assert_eq!(begin(2, Stage::Developing).await, ProjectStatus::Developing, "back for repair");
    assert_eq!(begin(1, Stage::Testing).await, ProjectStatus::Developing);
    assert_eq!(begin(2, Stage::Testing).await, ProjectStatus::Testing);
    assert_eq!(begin(0, Stage::Packaging).await, ProjectStatus::Packaging);
    assert_eq!(begin(2, Stage::Testing).await, ProjectStatus::Packaging);
    let events = server.get(&format!("/api/projects/{id}/events")).await.ok(200);
    let kinds = events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "stage.started");
    assert_eq!(kinds.count(), 6);
}

#[tokio::test]
async fn stages_without_rounds_go_as_the_workflow_says() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    for stage in [Stage::Developing, Stage::Testing, Stage::Developing, Stage::Testing, Stage::Planning] {
        let project = work::begin_stage(&server.ports, &id, 1, 0, stage).await.unwrap();
        assert_eq!(project.status, stage.status());
    }
}

/// A workflow of the project's own may end without a package; the timeline then promises none.
#[tokio::test]
async fn no_package_is_promised_that_was_not_built() {
    let server = Server::new();
    for (stage, promised) in [(Stage::Testing, false), (Stage::Packaging, true)] {
        let id = server.running_project("xx").await;
        work::begin_stage(&server.ports, &id, 1, 1, stage).await.unwrap();
        server.end(&id, ExecutionOutcome::Succeeded, "", "").await;
        let events = server.get(&format!("/api/projects/{id}/events")).await.ok(200);
        let last = events["items"].as_array().unwrap().last().unwrap()["message"].as_str().unwrap().to_owned();
        assert_eq!(last.contains("the package can be downloaded"), promised, "{last}");
    }
}

#[tokio::test]
async fn repeating_changes_nothing() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    let ports = &server.ports;
    let plan_id = PlanId::derived("p");
    let contents = PlanContents { name: "first".into(), ..PlanContents::default() };
    let first = work::save_plan(ports, &id, 1, &plan_id, contents).await.unwrap();
    let contents = PlanContents { name: "second".into(), ..PlanContents::default() };
    assert_eq!(work::save_plan(ports, &id, 1, &plan_id, contents).await.unwrap(), first);
    assert_eq!(work::load_plan(ports, &id).await.unwrap(), Some(first));

    let first = work::save_report(ports, &id, 1, report()).await.unwrap();
    assert_eq!(work::save_report(ports, &id, 1, report()).await.unwrap(), first);
    let first = work::save_deployment(ports, &id, 1, package()).await.unwrap();
    assert_eq!(work::save_deployment(ports, &id, 1, package()).await.unwrap(), first);
    assert!(work::record_event(ports, &id, 1, event("e")).await.unwrap());
    assert!(!work::record_event(ports, &id, 1, event("e")).await.unwrap());
    for _ in 0..2 {
        work::save_files(ports, &id, 1, "t", vec![file("a", "1"), file("b", "1")]).await.unwrap();
    }
    let files = work::load_files(ports, &id).await.unwrap();
    assert_eq!(
        files.iter().map(|(file, bytes)| (file.path.as_str(), bytes.as_slice())).collect::<Vec<_>>(),
        [("a", b"1".as_slice()), ("b", b"1".as_slice()),]
    );
    work::remove_files(ports, &id, 1, &["a".into(), "a".into(), "never".into()]).await.unwrap();
    assert_eq!(work::load_file_records(ports, &id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_large_plan_is_kept_outside_of_its_record() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    let file = |number| PlanFile {
        path: format!("src/{number}/{}", "x".repeat(100)),
        task_id: "t".into(),
        language: "text".into(),
        purpose: String::new(),
    };
    let contents = PlanContents { files: (0..3_000).map(file).collect(), ..PlanContents::default() };
    let saved = work::save_plan(&server.ports, &id, 1, &PlanId::derived("p"), contents).await.unwrap();
    assert_eq!(work::load_plan(&server.ports, &id).await.unwrap(), Some(saved));
}

#[tokio::test]
async fn many_files_are_stored_together() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    let files = (0..250).map(|number| file(&format!("f{number:03}"), &number.to_string())).collect();
    work::save_files(&server.ports, &id, 1, "t", files).await.unwrap();
    assert_eq!(work::load_files(&server.ports, &id).await.unwrap().len(), 250);
}

#[tokio::test]
async fn unsafe_paths_are_refused() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    for bad in ["../x", "/etc/passwd", "a/../../b", "c:\\x", ".git/hooks/pre-commit"] {
        let refused = work::save_files(&server.ports, &id, 1, "t", vec![file("ok", ""), file(bad, "")]).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{bad}: {refused:?}");
    }
    let twice = work::save_files(&server.ports, &id, 1, "t", vec![file("a", "1"), file("b", ""), file("a", "2")]).await;
    assert!(matches!(twice, Err(Error::Invalid(_))));
    assert!(work::load_file_records(&server.ports, &id).await.unwrap().is_empty());
    let slug = work::NewDeployment { name: "../x".into(), ..package() };
    assert!(matches!(work::save_deployment(&server.ports, &id, 1, slug).await, Err(Error::Invalid(_))));
}

/// Every call that stores, and what each answers.
async fn all_work(server: &Server, id: &ProjectId, run: u32) -> Vec<Result<(), Error>> {
    let ports = &server.ports;
    vec![
        work::begin_stage(ports, id, run, 0, Stage::Testing).await.map(drop),
        work::save_plan(ports, id, run, &PlanId::derived("p"), PlanContents::default()).await.map(drop),
        work::save_files(ports, id, run, "t", vec![file("a", "")]).await.map(drop),
        work::remove_files(ports, id, run, &["b".into()]).await,
        work::save_report(ports, id, run, report()).await.map(drop),
        work::save_deployment(ports, id, run, package()).await.map(drop),
        work::record_event(ports, id, run, event("e")).await.map(drop),
    ]
}

#[tokio::test]
async fn work_for_what_is_over_is_refused() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    for refused in all_work(&server, &id, 2).await {
        assert!(matches!(refused, Err(Error::WrongState(_))), "another run: {refused:?}");
    }
    server.act(&format!("/api/projects/{id}/cancel")).await.ok(200);
    for refused in all_work(&server, &id, 1).await {
        assert!(matches!(refused, Err(Error::WrongState(_))), "cancelled: {refused:?}");
    }
    server.call("DELETE", &format!("/api/projects/{id}"), &[], None).await;
    for refused in all_work(&server, &id, 1).await {
        assert!(matches!(refused, Err(Error::NotFound { .. })), "deleted: {refused:?}");
    }
    let running = server.running_project("yy").await;
    for done in all_work(&server, &running, 1).await {
        assert!(done.is_ok(), "{done:?}");
    }
    server.end(&running, ExecutionOutcome::Failed, "X", "y").await;
    assert!(work::begin_stage(&server.ports, &running, 1, 0, Stage::Packaging).await.is_err());
    assert_eq!(server.get(&format!("/api/projects/{running}")).await.ok(200)["failure"]["cause"], json!("y"));
}
