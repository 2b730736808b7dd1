//! The delivery pipeline with the real agents over ports in memory: from a request to a package.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

use std::time::Duration;

use millrace_agents::AllAgents;
use millrace_app::Error;
use millrace_app::executions::{Patience, history, sweep};
use millrace_app::ports::{BlobStore, Clock, MessageQueues, OutgoingMessage, Ports, Queue};
use millrace_app::projects::{
    self, ModifyProject, NewProject, Paging, Project, ProjectStatus, cancel_project, create_project, delete_project,
    get_project, list_deployments, list_events, list_files, list_tests, modify_project, resume_project,
};
use millrace_app::workers::handle;
use millrace_simulation::MemoryPorts;
use serde_json::{Map, Value, json};

const OWNER: &str = "owner";

fn from_template(template: &str, parameters: Value) -> NewProject {
    let Value::Object(parameters) = parameters else { panic!("parameters are an object") };
    NewProject { template_id: Some(template.to_owned()), parameters: Some(parameters), ..NewProject::default() }
}

/// Works until no message is ready, in virtual time, for at most a day.
async fn work(ports: &MemoryPorts) {
    let end = ports.now().plus_millis(24 * 3600 * 1000);
    while ports.now() < end {
        let mut idle = true;
        for queue in Queue::ALL {
            for delivery in ports.receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap() {
                idle = false;
                ports.pass(Duration::from_millis(3));
                if handle(ports, &AllAgents::offline(), queue, &delivery).await.is_ok() {
                    MessageQueues::delete(ports, queue, &delivery.receipt).await.unwrap();
                }
            }
        }
        if idle {
            let Some(next) = ports.next_visible().filter(|next| *next < end) else { return };
            let gap = u64::try_from(next.millis() - ports.now().millis()).unwrap_or_default();
            // The timeout of the whole execution is the last to come and finds nothing to do.
            if gap > 12 * 3600 * 1000 {
                return;
            }
            ports.pass(Duration::from_millis(gap.max(1)));
        }
    }
}

async fn deliver(ports: &MemoryPorts, new: NewProject) -> Project {
    let created = create_project(ports, OWNER, new, None).await.unwrap();
    work(ports).await;
    get_project(ports, OWNER, &created.project.value.id).await.unwrap().value
}

async fn package(ports: &MemoryPorts, project: &Project) -> Vec<u8> {
    let deployments = list_deployments(ports, OWNER, &project.id, &Paging::default()).await.unwrap();
    let newest = deployments.items.first().expect("a package");
    BlobStore::get(ports, &newest.record.zip).await.unwrap().expect("its bytes")
}

#[tokio::test]
async fn every_template_becomes_a_package_and_the_same_request_the_same_bytes() {
    for template in millrace_templates::catalogue().list() {
        let mut packages = Vec::new();
        for seed in 0..2 {
            let ports = MemoryPorts::new(seed);
            let project = deliver(&ports, from_template(&template.id, json!({ "name": "orders-api" }))).await;
            assert_eq!(project.status, ProjectStatus::Completed, "{}: {:?}", template.id, project.failure);
            packages.push(package(&ports, &project).await);
            let tests = list_tests(&ports, OWNER, &project.id, &Paging::default()).await.unwrap().items;
            assert_eq!(tests.len(), 1, "one round is enough for {}", template.id);
            assert!(tests[0].record.summary.passed, "{}: {:?}", template.id, tests[0].record.summary);
            let events = list_events(&ports, OWNER, &project.id, None, &Paging::default()).await.unwrap().items;
            let stages: Vec<&str> = events
                .iter()
                .filter(|event| event.kind == "stage.started")
                .filter_map(|event| event.stage.map(|stage| stage.as_str()))
                .collect();
            assert_eq!(stages, ["planning", "developing", "testing", "packaging"], "{}", template.id);
        }
        assert_eq!(packages[0], packages[1], "{}", template.id);
        let unpacked = millrace_app::archives::unpack(&packages[0], &Default::default()).unwrap();
        let made: Vec<&str> = unpacked.files.iter().map(|entry| entry.path.as_str()).collect();
        for wanted in ["README.md", "DEPLOY.md"] {
            assert!(made.contains(&wanted), "{}: {made:?}", template.id);
        }
    }
}

#[tokio::test]
async fn words_without_a_model_are_refused_and_nothing_is_stored() {
    let ports = MemoryPorts::new(1);
    let new = NewProject { requirements: Some("a shop".to_owned()), ..NewProject::default() };
    let refused = create_project(&ports, OWNER, new, None).await.unwrap_err();
    let Error::NotConfigured(text) = refused else { panic!("{refused:?}") };
    assert!(text.contains("python-rest-api"), "{text}");
    assert_eq!(ports.depth(Queue::Pm).await.unwrap().ready, 0);
}

#[tokio::test]
async fn a_message_that_comes_again_finds_nothing_to_do() {
    let ports = MemoryPorts::new(2);
    let created = create_project(&ports, OWNER, from_template("static-site", json!({ "name": "site" })), None).await;
    let id = created.unwrap().project.value.id;
    // Everything that is ever received comes once more, at the end.
    let mut seen = Vec::new();
    loop {
        let mut idle = true;
        for queue in Queue::ALL {
            for delivery in ports.receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap() {
                idle = false;
                handle(&ports, &AllAgents::offline(), queue, &delivery).await.unwrap();
                MessageQueues::delete(&ports, queue, &delivery.receipt).await.unwrap();
                seen.push((queue, delivery));
            }
        }
        if idle {
            break;
        }
    }
    let project = get_project(&ports, OWNER, &id).await.unwrap().value;
    assert_eq!(project.status, ProjectStatus::Completed, "{:?}", project.failure);
    let execution = project.execution_id.clone().unwrap();
    let before = history(&ports, &execution).await.unwrap();
    for receive_count in [1, 2] {
        for (queue, mut delivery) in seen.clone() {
            delivery.receive_count = receive_count;
            handle(&ports, &AllAgents::offline(), queue, &delivery).await.unwrap();
        }
    }
    work(&ports).await;
    assert_eq!(history(&ports, &execution).await.unwrap(), before);
    assert_eq!(list_deployments(&ports, OWNER, &id, &Paging::default()).await.unwrap().items.len(), 1);
    assert_eq!(get_project(&ports, OWNER, &id).await.unwrap().value.status, ProjectStatus::Completed);
}

#[tokio::test]
async fn a_poison_message_reaches_the_dead_letters_alone() {
    let ports = MemoryPorts::new(3);
    let poison =
        OutgoingMessage { name: "poison".to_owned(), body: "{\"type\":\"nonsense\"}".to_owned(), deliver_at: None };
    ports.send(Queue::Pm, vec![poison.clone()]).await.unwrap();
    let project = deliver(&ports, from_template("static-site", json!({ "name": "site" }))).await;
    assert_eq!(project.status, ProjectStatus::Completed, "{:?}", project.failure);
    let dead = ports.dead_letters(Queue::Pm, None, 10).await.unwrap().items;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].body, poison.body);
}

#[tokio::test]
async fn cancelling_stops_the_work_and_resuming_finishes_it() {
    let ports = MemoryPorts::new(4);
    let created = create_project(&ports, OWNER, from_template("python-cli", json!({ "name": "tool" })), None).await;
    let id = created.unwrap().project.value.id;
    let delivery = &ports.receive(Queue::Pm, 1, Duration::from_secs(60), Duration::ZERO).await.unwrap()[0];
    handle(&ports, &AllAgents::offline(), Queue::Pm, delivery).await.unwrap();
    cancel_project(&ports, OWNER, &id).await.unwrap();
    work(&ports).await;
    let project = get_project(&ports, OWNER, &id).await.unwrap().value;
    assert_eq!(project.status, ProjectStatus::Cancelled);
    assert!(list_deployments(&ports, OWNER, &id, &Paging::default()).await.unwrap().items.is_empty());
    resume_project(&ports, OWNER, &id).await.unwrap();
    work(&ports).await;
    let project = get_project(&ports, OWNER, &id).await.unwrap().value;
    assert_eq!(project.status, ProjectStatus::Completed, "{:?}", project.failure);
}

#[tokio::test]
async fn modifying_while_running_is_refused_and_afterwards_replaces_the_files() {
    let ports = MemoryPorts::new(5);
    let new = from_template("python-cli", json!({ "name": "tool", "description": "One thing." }));
    let created = create_project(&ports, OWNER, new, None).await.unwrap();
    let id = created.project.value.id;
    let parameters: Map<String, Value> =
        json!({ "description": "Another thing." }).as_object().cloned().unwrap_or_default();
    let change = ModifyProject { parameters: Some(parameters), ..ModifyProject::default() };
    let refused = modify_project(&ports, OWNER, &id, change.clone()).await.unwrap_err();
    assert!(matches!(refused, Error::WrongState(_)), "{refused:?}");
    work(&ports).await;
    modify_project(&ports, OWNER, &id, change).await.unwrap();
    work(&ports).await;
    let project = get_project(&ports, OWNER, &id).await.unwrap().value;
    assert_eq!((project.status, project.run), (ProjectStatus::Completed, 2), "{:?}", project.failure);
    let readme = projects::get_file(&ports, OWNER, &id, "README.md").await.unwrap();
    assert!(String::from_utf8_lossy(&readme.bytes).contains("Another thing."));
    assert_eq!(list_deployments(&ports, OWNER, &id, &Paging::default()).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn deleting_while_running_leaves_nothing() {
    let ports = MemoryPorts::new(6);
    let created = create_project(&ports, OWNER, from_template("static-site", json!({ "name": "site" })), None).await;
    let id = created.unwrap().project.value.id;
    let delivery = &ports.receive(Queue::Pm, 1, Duration::from_secs(60), Duration::ZERO).await.unwrap()[0];
    handle(&ports, &AllAgents::offline(), Queue::Pm, delivery).await.unwrap();
    delete_project(&ports, OWNER, &id, None).await.unwrap();
    work(&ports).await;
    ports.pass(Duration::from_secs(24 * 3600));
    sweep(&ports, Patience::Grace).await.unwrap();
    work(&ports).await;
    assert!(matches!(get_project(&ports, OWNER, &id).await, Err(Error::NotFound { .. })));
    assert!(matches!(list_files(&ports, OWNER, &id, &Paging::default()).await, Err(Error::NotFound { .. })));
    let left = ports.blobs().list(&format!("projects/{id}/"), None, 10).await.unwrap().items;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_workflow_of_ones_own_replaces_the_pipeline_and_its_failure_is_told() {
    let ports = MemoryPorts::new(7);
    let mut new = from_template("static-site", json!({ "name": "site" }));
    new.workflow = Some(
        json!({ "StartAt": "No", "States": { "No": { "Type": "Fail", "Error": "Review.Refused", "Cause": "We do no sites." } } })
            .to_string(),
    );
    let project = deliver(&ports, new).await;
    assert_eq!(project.status, ProjectStatus::Failed);
    let failure = project.failure.expect("why it failed");
    assert_eq!((failure.error.as_str(), failure.cause.as_str()), ("Review.Refused", "We do no sites."));
    let mut new = from_template("static-site", json!({ "name": "site" }));
    new.workflow = Some(
        json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "Resource": "x", "End": true } } }).to_string(),
    );
    let refused = create_project(&ports, OWNER, new, None).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid(_)), "{refused:?}");
}
