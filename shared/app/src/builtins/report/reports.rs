//! Reports that were written: their records and their two forms.

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::period::Period;
use super::tally::Tally;
use super::text;
use crate::error::Error;
use crate::ids::{ExecutionId, ReportId};
use crate::keys;
use crate::ports::{BlobStore, Condition, Index, Order, Page, Ports, Query, Record, RecordStore, StoreError, Write};
use crate::projects::{DOWNLOAD_VALID_FOR, rfc3339, with_cursor};

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Its id, which follows from the execution that wrote it.
    pub id: ReportId,
    /// Whose it is.
    pub owner: String,
    /// What it is about.
    pub period: Period,
    /// The execution that wrote it.
    pub execution: ExecutionId,
    /// When.
    #[serde(with = "rfc3339")]
    pub created_at: Timestamp,
    /// What it counted. The record has it not: the report's JSON does.
    #[serde(skip)]
    pub tally: Tally,
}

/// Where a report's forms are: their blobs, or addresses that download them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFiles {
    /// For people.
    pub markdown: String,
    /// For programs.
    pub json: String,
}

fn files(id: &ReportId) -> ReportFiles {
    ReportFiles { markdown: keys::artifacts::report(id, "md"), json: keys::artifacts::report(id, "json") }
}

fn decode(record: Record) -> Result<Report, Error> {
    let what = format!("{}/{}", record.key.partition, record.key.sort);
    serde_json::from_value(record.body).map_err(|problem| StoreError::corrupt(what, problem).into())
}

/// Stores a report; answers its summary. The same report again changes nothing but the time of its making.
pub(super) async fn write<P: Ports>(ports: &P, report: &Report) -> Result<Value, Error> {
    let files = files(&report.id);
    let json = json!({
        "report_id": report.id, "title": report.period.title, "since": report.period.since.to_string(),
        "until": report.period.until.to_string(), "time_zone": report.period.time_zone,
        "created_at": report.created_at.to_string(), "execution_id": report.execution,
    });
    let Value::Object(mut told) = json else { return Err(Error::internal("a report is no object")) };
    if let Value::Object(counted) = report.tally.told() {
        told.extend(counted);
    }
    let bytes = serde_json::to_vec_pretty(&told).map_err(Error::internal)?;
    ports.blobs().put(&files.json, bytes, "application/json").await?;
    let markdown = text::markdown(report).into_bytes();
    ports.blobs().put(&files.markdown, markdown, "text/markdown; charset=utf-8").await?;
    let listing =
        keys::listing(Index::Owner, keys::owner_reports(&report.owner), report.created_at, report.id.as_str());
    let record = Record {
        key: keys::report(&report.id),
        version: 0,
        body: serde_json::to_value(report).map_err(Error::internal)?,
        listings: vec![listing],
        expires_at: None,
    };
    ports.records().write(vec![Write::Put(record, Condition::Any)]).await?;
    Ok(super::summary(report, &files))
}

/// A page of an owner's reports, the newest first.
///
/// # Errors
/// [`Error::Invalid`] for what is no cursor; [`Error::Store`]
pub async fn list_reports<P: Ports>(
    ports: &P,
    owner: &str,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<Report>, Error> {
    with_cursor(page(ports, owner, None, limit, cursor).await)
}

/// Those of them that were made before a time.
pub(in crate::builtins) async fn older<P: Ports>(
    ports: &P,
    owner: &str,
    before: Timestamp,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<Report>, Error> {
    page(ports, owner, Some(before), limit, cursor).await
}

async fn page<P: Ports>(
    ports: &P,
    owner: &str,
    before: Option<Timestamp>,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<Report>, Error> {
    let query = Query {
        index: Some(Index::Owner),
        partition: keys::owner_reports(owner),
        sort_prefix: String::new(),
        sort_to: before.map(|before| keys::by_time(before, "")),
        order: Order::Descending,
        limit,
        cursor,
    };
    let page = ports.records().query(&query).await?;
    Ok(Page { items: page.items.into_iter().map(decode).collect::<Result<_, _>>()?, next: page.next })
}

/// An owner's report, with addresses that download it for a quarter of an hour.
///
/// # Errors
/// [`Error::NotFound`], also for somebody else's; [`Error::Store`]
pub async fn get_report<P: Ports>(ports: &P, owner: &str, id: &ReportId) -> Result<(Report, ReportFiles), Error> {
    let found = ports.records().get(&keys::report(id)).await?.map(decode).transpose()?;
    let not_found = || Error::NotFound { kind: "report", id: id.to_string() };
    let report = found.filter(|report| report.owner == owner).ok_or_else(not_found)?;
    let stored = files(id);
    let day = &report.period.title;
    let name = |extension: &str| format!("daily-report-{}.{extension}", day.replace([' ', ':'], "-"));
    let markdown = ports.blobs().download_url(&stored.markdown, &name("md"), DOWNLOAD_VALID_FOR).await?;
    let json = ports.blobs().download_url(&stored.json, &name("json"), DOWNLOAD_VALID_FOR).await?;
    Ok((report, ReportFiles { markdown, json }))
}

/// Removes a report with its forms; answers their bytes where `dry_run` leaves them.
pub(in crate::builtins) async fn delete<P: Ports>(ports: &P, id: &ReportId, dry_run: bool) -> Result<u64, Error> {
    let prefix = keys::artifacts::reports_of(id);
    let found = ports.blobs().list(&prefix, None, 10).await?.items;
    if !dry_run {
        for blob in &found {
            ports.blobs().delete(&blob.key).await?;
        }
        ports.records().write(vec![Write::Delete(keys::report(id), Condition::Any)]).await?;
    }
    Ok(found.iter().map(|blob| blob.size).sum())
}
