//! Reading what the agents made of a project.

use std::time::Duration;

use super::list::{Paging, with_cursor};
use super::model::{DeploymentRecord, FileRecord, Plan, TestRecord};
use super::store;
use super::work;
use crate::error::Error;
use crate::ids::ProjectId;
use crate::keys;
use crate::ports::{BlobStore, Index, Order, Page, Ports, RecordStore, StoreError};

/// How long a download URL is valid.
pub const DOWNLOAD_VALID_FOR: Duration = Duration::from_secs(15 * 60);

/// A file with its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContents {
    /// What is recorded of it.
    pub file: FileRecord,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A test report in short, with URLs of its forms.
#[derive(Debug, Clone, PartialEq)]
pub struct TestReport {
    /// What is recorded of it.
    pub record: TestRecord,
    /// Downloads the whole report as JSON.
    pub json_url: String,
    /// Downloads it as Markdown.
    pub markdown_url: String,
    /// Downloads it as JUnit XML.
    pub junit_url: String,
    /// Downloads its findings as SARIF 2.1.0. Reports from before there was that form have no such blob.
    pub sarif_url: String,
}

/// A deployment package with URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// What is recorded of it.
    pub record: DeploymentRecord,
    /// Downloads the zip.
    pub download_url: String,
    /// Downloads the manifest.
    pub manifest_url: String,
}

/// The current plan of a project.
///
/// # Errors
/// [`Error::NotFound`] for the project, or as a `plan` as long as there is none.
pub async fn get_plan<P: Ports>(ports: &P, owner: &str, id: &ProjectId) -> Result<Plan, Error> {
    store::load_owned(ports, owner, id).await?;
    work::load_plan(ports, id).await?.ok_or_else(|| Error::NotFound { kind: "plan of project", id: id.to_string() })
}

/// The files of a project, by path.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for the limit or the cursor.
pub async fn list_files<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ProjectId,
    paging: &Paging,
) -> Result<Page<FileRecord>, Error> {
    let query = paging.query(None, keys::project_partition(id), keys::FILE, Order::Ascending)?;
    store::load_owned(ports, owner, id).await?;
    with_cursor(store::page(ports, &query).await)
}

/// One file of a project with its contents.
///
/// # Errors
/// [`Error::NotFound`] for the project or the file.
pub async fn get_file<P: Ports>(ports: &P, owner: &str, id: &ProjectId, path: &str) -> Result<FileContents, Error> {
    store::load_owned(ports, owner, id).await?;
    let missing = || Error::NotFound { kind: "file", id: path.chars().take(200).collect() };
    // What can't have been stored needs no look.
    work::check_path(path).map_err(|_| missing())?;
    let record = ports.records().get(&keys::file(id, path)).await?.ok_or_else(missing)?;
    let file: FileRecord = store::decode(&record)?;
    let bytes = read_blob(ports, &keys::artifacts::file(id, &file.sha256)).await?;
    Ok(FileContents { file, bytes })
}

/// The test reports of a project, newest first.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for the limit or the cursor.
pub async fn list_tests<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ProjectId,
    paging: &Paging,
) -> Result<Page<TestReport>, Error> {
    let query = paging.query(Some(Index::Owner), keys::project_tests(id), "", Order::Descending)?;
    store::load_owned(ports, owner, id).await?;
    let page: Page<TestRecord> = with_cursor(store::page(ports, &query).await)?;
    let mut items = Vec::with_capacity(page.items.len());
    for record in page.items {
        let key = |file: &str| keys::artifacts::test(id, &record.id, file);
        let json_url = download(ports, &key(work::REPORT_JSON), work::REPORT_JSON).await?;
        let markdown_url = download(ports, &key(work::REPORT_MARKDOWN), work::REPORT_MARKDOWN).await?;
        let junit_url = download(ports, &key(work::REPORT_JUNIT), work::REPORT_JUNIT).await?;
        let sarif_url = download(ports, &key(work::REPORT_SARIF), work::REPORT_SARIF).await?;
        items.push(TestReport { record, json_url, markdown_url, junit_url, sarif_url });
    }
    Ok(Page { items, next: page.next })
}

/// The deployment packages of a project, newest first.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for the limit or the cursor.
pub async fn list_deployments<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ProjectId,
    paging: &Paging,
) -> Result<Page<Deployment>, Error> {
    let query = paging.query(Some(Index::Owner), keys::project_deployments(id), "", Order::Descending)?;
    store::load_owned(ports, owner, id).await?;
    let page: Page<DeploymentRecord> = with_cursor(store::page(ports, &query).await)?;
    let mut items = Vec::with_capacity(page.items.len());
    for record in page.items {
        let download_url = download(ports, &record.zip, &record.filename()).await?;
        let manifest_url = download(ports, &record.manifest, "manifest.json").await?;
        items.push(Deployment { record, download_url, manifest_url });
    }
    Ok(Page { items, next: page.next })
}

async fn download<P: Ports>(ports: &P, key: &str, filename: &str) -> Result<String, Error> {
    Ok(ports.blobs().download_url(key, filename, DOWNLOAD_VALID_FOR).await?)
}

/// A blob that a record says is there.
pub(super) async fn read_blob<P: Ports>(ports: &P, key: &str) -> Result<Vec<u8>, Error> {
    let blob = ports.blobs().get(key).await?;
    blob.ok_or_else(|| Error::Store(StoreError::corrupt(key, "the record is there and the blob is not")))
}
