//! The Ops agent: makes the deployable package.

use millrace_app::ids::DeploymentId;
use millrace_app::ports::Ports;
use millrace_app::projects::{PlanContents, Stage, work};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use serde_json::{Map, json};

use crate::analysis::SourceFile;
use crate::package::{Entry, Package, PackageLimits, Project, build, detect};
use crate::work::{count, input, plan_of, refused};

/// Packages code.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ops;

/// The file that says how to deploy.
const INSTRUCTIONS: &str = "DEPLOY.md";

impl Executor for Ops {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        let input = input(task)?;
        let (id, run) = (&input.project_id, input.run);
        work::begin_stage(ports, id, run, input.round, Stage::Packaging).await.map_err(refused)?;
        let plan = plan_of(ports, &input).await?;
        let files = work::load_files(ports, id).await.map_err(refused)?;
        let entries = files
            .into_iter()
            .map(|(file, contents)| Entry { path: file.path, contents, executable: file.executable })
            .collect();
        let (package, kind, instructions) = package(&plan.contents, entries)?;
        let manifest = serde_json::to_vec_pretty(&package.manifest)
            .map_err(|problem| TaskError::Unable(millrace_app::Error::internal(problem)))?;
        let (sha256, size) = (package.sha256, package.bytes.len());
        let new = work::NewDeployment {
            id: DeploymentId::derived(&format!("{} package", task.execution)),
            name: plan.contents.name.clone(),
            project_type: kind,
            zip: package.bytes,
            manifest,
            instructions,
        };
        let saved = work::save_deployment(ports, id, run, new).await.map_err(refused)?;
        let event = work::NewEvent {
            name: format!("{} packaged", task.execution),
            kind: "package.built".to_owned(),
            stage: Some(Stage::Packaging),
            message: format!("Package {} with {}.", saved.filename(), count(package.manifest.files.len(), "file")),
            data: json!({
                "deployment_id": saved.id, "sha256": sha256, "size": size, "test_id": input.test_id,
            }),
        };
        work::record_event(ports, id, run, event).await.map_err(refused)?;
        Ok(json!({ "deployment_id": saved.id, "sha256": sha256, "size": size }).into())
    }
}

/// Builds the package. It holds nothing of when or for which project it was made: the same files give the same bytes.
fn package(plan: &PlanContents, mut entries: Vec<Entry>) -> Result<(Package, String, String), TaskError> {
    let sources: Vec<SourceFile> =
        entries.iter().map(|entry| SourceFile::new(entry.path.clone(), entry.contents.clone())).collect();
    let (added, detected) =
        detect(&sources).configured(|path| entries.iter().any(|entry| entry.path.eq_ignore_ascii_case(path)));
    entries.extend(added);
    let instructions = detected.instructions(&plan.name);
    if !entries.iter().any(|entry| entry.path.eq_ignore_ascii_case(INSTRUCTIONS)) {
        let contents = instructions.clone().into_bytes();
        entries.push(Entry { path: INSTRUCTIONS.to_owned(), contents, executable: false });
    }
    let mut metadata = Map::new();
    metadata.insert("project_type".to_owned(), json!(detected.kind.as_str()));
    metadata.insert("stack".to_owned(), json!(detected.stack.as_ref().map(|stack| &stack.name)));
    metadata.insert("template".to_owned(), json!(plan.template));
    metadata.insert("tools".to_owned(), json!(plan.stack.tools));
    metadata.insert("commands".to_owned(), json!(plan.commands));
    let project = Project { id: None, name: plan.name.clone() };
    let package = build(entries, project, metadata, &PackageLimits::default())
        .map_err(|problem| TaskError::failed("Millrace.InvalidWork", problem.to_string()))?;
    Ok((package, detected.kind.as_str().to_owned(), instructions))
}
