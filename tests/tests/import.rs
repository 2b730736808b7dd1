//! Imported archives through the delivery pipeline with the real agents, over ports in memory.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use millrace_agents::AllAgents;
use millrace_agents::package::{Entry, PackageLimits, Project as Packaged, build};
use millrace_app::Error;
use millrace_app::archives::{ArchiveLimits, unpack, unpack_sources};
use millrace_app::ports::{BlobStore, MessageQueues, Queue};
use millrace_app::projects::{
    ModifyProject, NewArchive, NewProject, Paging, Project, ProjectStatus, create_project, get_plan, get_project,
    list_deployments, list_files, list_tests, modify_project,
};
use millrace_app::workers::handle;
use millrace_simulation::MemoryPorts;
use serde_json::{Map, json};

const OWNER: &str = "owner";

async fn work(ports: &MemoryPorts) {
    loop {
        let mut idle = true;
        for queue in Queue::ALL {
            for delivery in ports.receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap() {
                idle = false;
                ports.pass(Duration::from_millis(3));
                handle(ports, &AllAgents::offline(), queue, &delivery).await.unwrap();
                MessageQueues::delete(ports, queue, &delivery.receipt).await.unwrap();
            }
        }
        if idle {
            return;
        }
    }
}

async fn deliver(ports: &MemoryPorts, new: NewProject) -> Project {
    let created = create_project(ports, OWNER, new, None).await.unwrap();
    work(ports).await;
    get_project(ports, OWNER, &created.project.value.id).await.unwrap().value
}

async fn import(ports: &MemoryPorts, bytes: Vec<u8>) -> Project {
    deliver(ports, NewProject { archive: Some(NewArchive::new(bytes)), ..NewProject::default() }).await
}

/// The newest package of a project.
async fn package(ports: &MemoryPorts, project: &Project) -> Vec<u8> {
    let deployments = list_deployments(ports, OWNER, &project.id, &Paging::default()).await.unwrap();
    let newest = deployments.items.first().expect("a package");
    BlobStore::get(ports, &newest.record.zip).await.unwrap().expect("its bytes")
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(path, text): &(&str, &str)| Entry {
        path: (*path).to_owned(),
        contents: text.as_bytes().to_vec(),
        executable: false,
    };
    let entries = files.iter().map(entry).collect();
    build(entries, Packaged::default(), Map::new(), &PackageLimits::default()).unwrap().bytes
}

#[tokio::test]
async fn what_is_packaged_can_be_imported_and_packaged_again() {
    for template in millrace_templates::catalogue().list() {
        let ports = MemoryPorts::new(1);
        let parameters = json!({ "name": "orders-api" }).as_object().cloned();
        let new = NewProject { template_id: Some(template.id.clone()), parameters, ..NewProject::default() };
        let made = deliver(&ports, new).await;
        let exported = package(&ports, &made).await;
        let imported = import(&ports, exported.clone()).await;
        assert_eq!(imported.status, ProjectStatus::Completed, "{}: {:?}", template.id, imported.failure);
        let tests = list_tests(&ports, OWNER, &imported.id, &Paging::default()).await.unwrap().items;
        assert!(tests.len() == 1 && tests[0].record.summary.passed, "{}: {tests:?}", template.id);
        let again = package(&ports, &imported).await;
        let own = |bytes: &[u8]| -> BTreeMap<String, (Vec<u8>, bool)> {
            let files = unpack_sources(bytes, &ArchiveLimits::default()).unwrap().files;
            files.into_iter().map(|file| (file.path, (file.contents, file.executable))).collect()
        };
        assert!(own(&exported) == own(&again), "{}", template.id);
        let unpacked = unpack(&again, &ArchiveLimits::of_packages()).unwrap();
        assert!(unpacked.verify("SHA256SUMS").is_ok() || unpacked.verify("PACKAGE-SHA256SUMS").is_ok());
        let third = import(&ports, again.clone()).await;
        assert!(own(&package(&ports, &third).await) == own(&again), "{}", template.id);
    }
}

#[tokio::test]
async fn an_import_is_checked_and_packaged_as_it_is() {
    let ports = MemoryPorts::new(2);
    let files = [("app.py", "def add(a, b):\n    return a + b\n"), ("README.md", "# Adder\n"), ("data.bin", "\u{1}\0")];
    let project = import(&ports, archive(&files)).await;
    assert_eq!(project.status, ProjectStatus::Completed, "{:?}", project.failure);
    let plan = get_plan(&ports, OWNER, &project.id).await.unwrap();
    assert!(plan.contents.tasks.is_empty(), "nobody writes anything");
    assert_eq!(plan.contents.stack.languages, ["python"]);
    let listed = list_files(&ports, OWNER, &project.id, &Paging::default()).await.unwrap().items;
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|file| file.task_id == "import" && file.run == 1));
    // Words need a model, here as everywhere.
    let words = ModifyProject { request: Some("Subtract too.".to_owned()), ..ModifyProject::default() };
    let refused = modify_project(&ports, OWNER, &project.id, words).await.unwrap_err();
    assert!(matches!(refused, Error::NotConfigured(_)), "{refused:?}");
    let parameters = ModifyProject { parameters: json!({ "a": 1 }).as_object().cloned(), ..ModifyProject::default() };
    assert!(matches!(modify_project(&ports, OWNER, &project.id, parameters).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn what_blocks_in_an_import_ends_it_after_one_round() {
    let ports = MemoryPorts::new(3);
    let project = import(&ports, archive(&[("app.py", "def add(a, b:\n"), ("README.md", "# Adder\n")])).await;
    assert_eq!(project.status, ProjectStatus::Failed);
    let failure = project.failure.clone().unwrap();
    assert_eq!(failure.error, "Millrace.QualityGate");
    assert!(failure.cause.contains("in round 1") && failure.what_to_do.contains("modif"), "{failure:?}");
    assert_eq!(list_tests(&ports, OWNER, &project.id, &Paging::default()).await.unwrap().items.len(), 1);
    assert!(list_deployments(&ports, OWNER, &project.id, &Paging::default()).await.unwrap().items.is_empty());
}
