//! What the agents store and read of a project.
//!
//! Every call may be repeated with the same ids, which the caller derives from its execution and task, and then changes
//! nothing. Every call that stores refuses ([`Error::NotFound`], [`Error::WrongState`]) when the project was deleted or
//! cancelled, and when its run is over: an agent that is refused ends its task. Blobs are stored before the records that
//! name them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::artifacts::read_blob;
use super::model::{
    DeploymentRecord, Event, FileRecord, Plan, PlanContents, Project, ProjectStatus, Stage, Stored, TestRecord,
    TestSummary, rfc3339,
};
use super::store::{self, Change, Happening};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::ids::{DeploymentId, EventId, PlanId, ProjectId, TestId};
use crate::keys;
use crate::ports::{
    BlobStore, Clock, Condition, Index, Order, Ports, Query, Record, RecordKey, RecordStore, StoreError, Write,
};
use millrace_asl::Timestamp;

/// The name of a report's JSON form.
pub const REPORT_JSON: &str = "report.json";
/// The name of a report's Markdown form.
pub const REPORT_MARKDOWN: &str = "report.md";
/// The name of a report's JUnit XML form.
pub const REPORT_JUNIT: &str = "junit.xml";
/// The name of a report's SARIF form.
pub const REPORT_SARIF: &str = "report.sarif";

/// The longest path of a project's file, in bytes. A sort key holds 1,024.
pub const PATH_BYTES: usize = 512;

/// A plan up to this size is in its record too; a larger one is in its blob only.
const PLAN_IN_RECORD: usize = 256 * 1024;

/// How many records one transaction stores.
const RECORDS_A_WRITE: usize = 100;

/// A file that an agent made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its path below the project's root, with `/` between segments.
    pub path: String,
    /// The whole file.
    pub contents: Vec<u8>,
    /// Language in lower case; `text` when it has none.
    pub language: String,
    /// Is it a program to be run?
    pub executable: bool,
}

/// A test report that an agent made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewReport {
    /// Derived from execution and task.
    pub id: TestId,
    /// What it says in short.
    pub summary: TestSummary,
    /// The whole report as JSON.
    pub json: Vec<u8>,
    /// As Markdown.
    pub markdown: Vec<u8>,
    /// As JUnit XML.
    pub junit: Vec<u8>,
    /// Its findings as SARIF 2.1.0.
    pub sarif: Vec<u8>,
}

/// A deployment package that an agent made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeployment {
    /// Derived from execution and task.
    pub id: DeploymentId,
    /// A slug, without version and extension.
    pub name: String,
    /// `sam`, `static-site`, `cli`…
    pub project_type: String,
    /// The zip's bytes.
    pub zip: Vec<u8>,
    /// The manifest as JSON.
    pub manifest: Vec<u8>,
    /// How to deploy it, in Markdown.
    pub instructions: String,
}

/// Something to tell on a project's timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Unique in the project; the same name is told once. Derive it from execution and task.
    pub name: String,
    /// What happened, as a stable dotted name: `task.finished`.
    pub kind: String,
    /// The stage in which it happened.
    pub stage: Option<Stage>,
    /// What happened, for people.
    pub message: String,
    /// More about it.
    pub data: Value,
}

#[derive(Serialize, Deserialize)]
struct PlanRecord {
    id: PlanId,
    run: u32,
    #[serde(with = "rfc3339")]
    created_at: Timestamp,
    /// `None` when the plan is in its blob only.
    contents: Option<PlanContents>,
}

/// Refuses work for a run that is over.
fn check_run(project: &Project, run: u32) -> Result<(), Error> {
    if project.status == ProjectStatus::Cancelled {
        return Err(Error::WrongState("the project was cancelled".into()));
    }
    if project.run != run {
        return Err(Error::WrongState(format!("run {run} of the project is over: it is in run {}", project.run)));
    }
    Ok(())
}

/// Does this run of the project still go on?
pub(super) fn check_running(project: &Project, run: u32) -> Result<(), Error> {
    check_run(project, run)?;
    if matches!(project.status, ProjectStatus::Completed | ProjectStatus::Failed | ProjectStatus::Paused) {
        return Err(Error::WrongState(format!("the delivery has ended: the project is {}", project.status)));
    }
    Ok(())
}

async fn load_for<P: Ports>(ports: &P, id: &ProjectId, run: u32) -> Result<Stored<Project>, Error> {
    let stored = store::load(ports, id).await?.ok_or_else(|| store::not_found(id))?;
    check_run(&stored.value, run)?;
    Ok(stored)
}

/// The project that an agent works for.
///
/// # Errors
/// [`Error::NotFound`] and [`Error::WrongState`] as for all work; [`Error::Store`].
pub async fn load_project<P: Ports>(ports: &P, id: &ProjectId, run: u32) -> Result<Project, Error> {
    Ok(load_for(ports, id, run).await?.value)
}

/// Notes that a stage has begun: the project's status, and an event the first time.
///
/// `round` counts from 1 how often Dev and QA take turns; 0 where the workflow doesn't count. Where it does, a stage
/// before the project's is a repeated message of a task that is done, and changes nothing.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::WrongState`] when the run is over or the delivery has ended; [`Error::Store`].
pub async fn begin_stage<P: Ports>(
    ports: &P,
    id: &ProjectId,
    run: u32,
    round: u32,
    stage: Stage,
) -> Result<Project, Error> {
    let stored = store::change(ports, None, id, None, |project, _| {
        check_running(project, run)?;
        if project.stage == Some(stage) && project.status == stage.status() {
            return Ok(None);
        }
        // A check or a package that counts no round belongs to the files that Dev wrote last.
        let round = if round == 0 && stage >= Stage::Testing { project.round } else { round };
        if project.round > 0 && (round, Some(stage)) < (project.round, project.stage) {
            return Ok(None);
        }
        project.round = round;
        project.stage = Some(stage);
        project.status = stage.status();
        let message = match stage {
            Stage::Planning => "PM plans the project.",
            Stage::Developing => "Dev writes the files.",
            Stage::Testing => "QA checks the files.",
            Stage::Packaging => "Ops builds the package.",
        };
        Ok(Some(Happening { stage: Some(stage), ..Happening::new("stage.started", message) }.into()))
    })
    .await?;
    Ok(stored.value)
}

/// Stores a plan and makes it the project's current one. Repeated with the same id, the stored plan stays.
///
/// # Errors
/// [`Error::Invalid`] for a path that is not safe; otherwise as for all work.
pub async fn save_plan<P: Ports>(
    ports: &P,
    id: &ProjectId,
    run: u32,
    plan_id: &PlanId,
    contents: PlanContents,
) -> Result<Plan, Error> {
    let project = load_for(ports, id, run).await?.value;
    for (position, file) in contents.files.iter().enumerate() {
        check_path(&file.path).map_err(|problem| Error::invalid(format!("/files/{position}/path"), problem))?;
    }
    let plan = match read_plan(ports, id, plan_id).await? {
        Some(plan) if project.plan_id.as_ref() == Some(plan_id) => return Ok(plan),
        Some(plan) => plan,
        None => Plan { id: plan_id.clone(), run, created_at: ports.clock().now(), contents },
    };
    let json = serde_json::to_vec(&plan).map_err(Error::internal)?;
    let small = json.len() <= PLAN_IN_RECORD;
    ports.blobs().put(&keys::artifacts::plan(id, plan_id), json, "application/json").await?;
    let body = PlanRecord {
        id: plan.id.clone(),
        run,
        created_at: plan.created_at,
        contents: small.then(|| plan.contents.clone()),
    };
    let record = store::fresh(keys::plan(id, plan_id), &body, Vec::new())?;
    let message = format!("Planned {} files in {} tasks.", plan.contents.files.len(), plan.contents.tasks.len());
    store::change(ports, None, id, None, |project, _| {
        check_run(project, run)?;
        if project.plan_id.as_ref() == Some(plan_id) {
            // The same task was done twice at once, and the other was first.
            return Ok(None);
        }
        project.plan_id = Some(plan_id.clone());
        let event = Happening { stage: Some(Stage::Planning), ..Happening::new("plan.saved", message.clone()) };
        Ok(Some(Change { event: Some(event), writes: vec![Write::Put(record.clone(), Condition::Any)] }))
    })
    .await?;
    Ok(plan)
}

/// The project's current plan.
///
/// # Errors
/// [`Error::NotFound`] for the project; [`Error::Store`].
pub async fn load_plan<P: Ports>(ports: &P, id: &ProjectId) -> Result<Option<Plan>, Error> {
    let project = store::load(ports, id).await?.ok_or_else(|| store::not_found(id))?.value;
    match &project.plan_id {
        Some(plan) => read_plan(ports, id, plan).await,
        None => Ok(None),
    }
}

async fn read_plan<P: Ports>(ports: &P, id: &ProjectId, plan_id: &PlanId) -> Result<Option<Plan>, Error> {
    let Some(record) = ports.records().get(&keys::plan(id, plan_id)).await? else { return Ok(None) };
    let PlanRecord { id: plan_id, run, created_at, contents } = store::decode(&record)?;
    if let Some(contents) = contents {
        return Ok(Some(Plan { id: plan_id, run, created_at, contents }));
    }
    let key = keys::artifacts::plan(id, &plan_id);
    let bytes = read_blob(ports, &key).await?;
    serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::Store(StoreError::corrupt(key, error)))
}

/// Stores the files of a task: each one's contents by content address, then the records, up to 100 in a transaction.
///
/// # Errors
/// [`Error::Invalid`] for a path that is not safe or comes twice; otherwise as for all work.
pub async fn save_files<P: Ports>(
    ports: &P,
    id: &ProjectId,
    run: u32,
    task_id: &str,
    files: Vec<NewFile>,
) -> Result<Vec<FileRecord>, Error> {
    load_for(ports, id, run).await?;
    let mut paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    for path in &paths {
        check_path(path).map_err(|problem| Error::invalid("path", format!("{path:?} {problem}")))?;
    }
    paths.sort_unstable();
    if let Some([twice, _]) =
        paths.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first_chunk())
    {
        return Err(Error::invalid("path", format!("{twice:?} comes twice")));
    }
    let now = ports.clock().now();
    let mut saved = Vec::with_capacity(files.len());
    for file in files {
        let sha256 = sha256_hex(&file.contents);
        let size = u64::try_from(file.contents.len()).unwrap_or(u64::MAX);
        ports.blobs().put(&keys::artifacts::file(id, &sha256), file.contents, "application/octet-stream").await?;
        saved.push(FileRecord {
            path: file.path,
            sha256,
            size,
            language: file.language,
            executable: file.executable,
            run,
            task_id: task_id.to_owned(),
            updated_at: now,
        });
    }
    // The blobs took their time: look again before the records name them.
    load_for(ports, id, run).await?;
    for chunk in saved.chunks(RECORDS_A_WRITE) {
        let writes: Result<Vec<Write>, Error> = chunk
            .iter()
            .map(|file| Ok(Write::Put(store::fresh(keys::file(id, &file.path), file, Vec::new())?, Condition::Any)))
            .collect();
        ports.records().write(writes?).await?;
    }
    Ok(saved)
}

/// Removes files from a project: those that a new run no longer makes. A path without a file is no error. The contents
/// stay until the project is deleted, since other paths may have the same.
///
/// # Errors
/// As for all work.
pub async fn remove_files<P: Ports>(ports: &P, id: &ProjectId, run: u32, paths: &[String]) -> Result<(), Error> {
    load_for(ports, id, run).await?;
    for chunk in paths.chunks(RECORDS_A_WRITE) {
        let mut keys: Vec<RecordKey> = chunk.iter().map(|path| keys::file(id, path)).collect();
        keys.sort_unstable();
        keys.dedup();
        let deletes = keys.into_iter().map(|key| Write::Delete(key, Condition::Any)).collect();
        ports.records().write(deletes).await?;
    }
    Ok(())
}

/// What is recorded of every file of a project, by path.
///
/// # Errors
/// [`Error::Store`].
pub async fn load_file_records<P: Ports>(ports: &P, id: &ProjectId) -> Result<Vec<FileRecord>, Error> {
    let mut files = Vec::new();
    let mut cursor = None;
    loop {
        let query = Query {
            index: None,
            partition: keys::project_partition(id),
            sort_prefix: keys::FILE.into(),
            sort_to: None,
            order: Order::Ascending,
            limit: 1_000,
            cursor,
        };
        let page = store::page(ports, &query).await?;
        files.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(files);
        }
    }
}

/// Every file of a project with its contents, by path.
///
/// # Errors
/// [`Error::Store`].
pub async fn load_files<P: Ports>(ports: &P, id: &ProjectId) -> Result<Vec<(FileRecord, Vec<u8>)>, Error> {
    let mut files = Vec::new();
    for file in load_file_records(ports, id).await? {
        let bytes = read_blob(ports, &keys::artifacts::file(id, &file.sha256)).await?;
        files.push((file, bytes));
    }
    Ok(files)
}

/// Stores a test report. Repeated with the same id, the stored record stays.
///
/// # Errors
/// As for all work.
pub async fn save_report<P: Ports>(
    ports: &P,
    id: &ProjectId,
    run: u32,
    report: NewReport,
) -> Result<TestRecord, Error> {
    load_for(ports, id, run).await?;
    let blobs = [
        (REPORT_JSON, report.json, "application/json"),
        (REPORT_MARKDOWN, report.markdown, "text/markdown; charset=utf-8"),
        (REPORT_JUNIT, report.junit, "application/xml"),
        (REPORT_SARIF, report.sarif, "application/sarif+json"),
    ];
    for (name, bytes, content_type) in blobs {
        ports.blobs().put(&keys::artifacts::test(id, &report.id, name), bytes, content_type).await?;
    }
    let record = TestRecord { id: report.id, run, created_at: ports.clock().now(), summary: report.summary };
    let listing = keys::listing(Index::Owner, keys::project_tests(id), record.created_at, record.id.as_str());
    let stored = store::fresh(keys::test(id, &record.id), &record, vec![listing])?;
    let kept = put_once(ports, id, run, stored).await?;
    kept.map_or(Ok(record), |kept| store::decode(&kept))
}

/// Stores a deployment package. Repeated with the same id, the stored record stays.
///
/// # Errors
/// [`Error::Invalid`] for a name that is no slug; otherwise as for all work.
pub async fn save_deployment<P: Ports>(
    ports: &P,
    id: &ProjectId,
    run: u32,
    package: NewDeployment,
) -> Result<DeploymentRecord, Error> {
    load_for(ports, id, run).await?;
    let slug = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if package.name.is_empty() || package.name.len() > 100 || !package.name.bytes().all(slug) {
        return Err(Error::invalid("name", "must be 1 to 100 letters, digits, hyphens and underscores"));
    }
    let sha256 = sha256_hex(&package.zip);
    let base = keys::artifacts::deployment(id, &package.name, &sha256);
    let record = DeploymentRecord {
        id: package.id,
        run,
        name: package.name,
        project_type: package.project_type,
        zip: format!("{base}.zip"),
        manifest: format!("{base}.manifest.json"),
        sha256,
        size: u64::try_from(package.zip.len()).unwrap_or(u64::MAX),
        instructions: package.instructions,
        created_at: ports.clock().now(),
    };
    ports.blobs().put(&record.zip, package.zip, "application/zip").await?;
    ports.blobs().put(&record.manifest, package.manifest, "application/json").await?;
    let listing = keys::listing(Index::Owner, keys::project_deployments(id), record.created_at, record.id.as_str());
    let stored = store::fresh(keys::deployment(id, &record.id), &record, vec![listing])?;
    let kept = put_once(ports, id, run, stored).await?;
    kept.map_or(Ok(record), |kept| store::decode(&kept))
}

/// Stores a record that is not there yet; answers the one that is.
async fn put_once<P: Ports>(ports: &P, id: &ProjectId, run: u32, record: Record) -> Result<Option<Record>, Error> {
    load_for(ports, id, run).await?;
    let key = record.key.clone();
    match ports.records().write(vec![Write::Put(record, Condition::Absent)]).await {
        Ok(()) => Ok(None),
        Err(StoreError::Conflict) => Ok(ports.records().get(&key).await?),
        Err(error) => Err(error.into()),
    }
}

/// Tells something on the project's timeline, once for each name. False when it had been told.
///
/// # Errors
/// As for all work.
pub async fn record_event<P: Ports>(ports: &P, id: &ProjectId, run: u32, event: NewEvent) -> Result<bool, Error> {
    let version = load_for(ports, id, run).await?.version;
    let mark = keys::event_mark(id, &EventId::derived(&event.name));
    let stored = Event {
        id: store::event_id(ports, version, false),
        kind: event.kind,
        stage: event.stage,
        run,
        message: event.message,
        data: event.data,
        at: ports.clock().now(),
    };
    let body = serde_json::json!({ "event_id": stored.id });
    let writes = vec![
        Write::Put(store::fresh(mark, &body, Vec::new())?, Condition::Absent),
        Write::Put(store::fresh(keys::event(id, &stored.id), &stored, Vec::new())?, Condition::Absent),
    ];
    match ports.records().write(writes).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Is this the path of a file below a project's root, and nothing else? Refused are absolute paths, `..`, empty
/// segments, backslashes, drive letters, control characters and what is too long for a key.
///
/// # Errors
/// What is wrong, to be read after the path.
pub fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("is empty");
    }
    if path.len() > PATH_BYTES {
        return Err("is longer than 512 bytes");
    }
    if path.chars().any(|char| char.is_control() || matches!(char, '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*')) {
        return Err("has a character that not every file system takes");
    }
    for segment in path.split('/') {
        match segment {
            "" => return Err("is absolute or has an empty segment"),
            "." | ".." => return Err("has a segment . or .."),
            segment if segment.ends_with('.') || segment.ends_with(' ') || segment.starts_with(' ') => {
                return Err("has a segment that ends in a dot, or begins or ends in a space");
            }
            _ => {}
        }
    }
    if path.split('/').any(|segment| segment.eq_ignore_ascii_case(".git")) {
        return Err("has a segment .git");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_root_pass() {
        for good in ["a", "src/main.py", ".github/workflows/ci.yaml", "tests/test_ä.py", ".gitignore", "a b/c-d_e.txt"]
        {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        let long = "a/".repeat(300);
        let bad = [
            "",
            "/",
            "/etc/passwd",
            "..",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            "C:/x",
            "a\\b",
            "a\nb",
            "a\0b",
            ".git/config",
            "a/.GIT/hooks/x",
            "con.",
            " a",
            "x?",
            long.as_str(),
        ];
        for bad in bad {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
    }
}
