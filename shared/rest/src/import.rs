//! The body of a request that creates a project: JSON, or an archive by itself.

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use millrace_app::projects::{NewArchive, NewProject};

use crate::RestConfig;
use crate::body::{BODY_BYTES, Fields, is_json, json_object, read};
use crate::params::QueryParams;
use crate::problem::Problem;
use crate::projects::budget;

/// The media types of an archive. What it is, its bytes say.
const ARCHIVES: [&str; 8] = [
    "application/zip",
    "application/x-zip-compressed",
    "application/gzip",
    "application/x-gzip",
    "application/x-tar",
    "application/x-gtar",
    "application/x-compressed-tar",
    "application/octet-stream",
];

/// Reads what is to be created.
pub(crate) async fn new_project(
    config: &RestConfig,
    query: QueryParams,
    request: Request,
) -> Result<NewProject, Problem> {
    let headers = request.headers();
    let archive_bytes = usize::try_from(config.archives.max_archive_bytes).unwrap_or(usize::MAX);
    if is_json(headers) {
        query.finish()?;
        // Base64 has four characters for three bytes.
        let most = archive_bytes.div_ceil(3).saturating_mul(4).saturating_add(BODY_BYTES);
        let bytes = read(request, most).await?;
        let size = bytes.len();
        let mut fields = json_object(&bytes)?;
        if !fields.has("archive") && size > BODY_BYTES {
            return Err(Problem::payload_too_large(BODY_BYTES));
        }
        let new = from_fields(config, &mut fields);
        fields.finish()?;
        return Ok(new);
    }
    if is_archive(headers) {
        let new = from_query(config, query)?;
        let bytes = read(request, archive_bytes).await?;
        let archive = NewArchive { bytes: bytes.into(), limits: config.archives.clone() };
        return Ok(NewProject { archive: Some(archive), ..new });
    }
    Err(Problem::unsupported_media_type_for(
        "the body must be JSON (Content-Type: application/json), or an archive by itself (application/zip, application/gzip or \
         application/x-tar)",
    ))
}

fn from_fields(config: &RestConfig, fields: &mut Fields) -> NewProject {
    let archive = fields.parsed("archive", |text| {
        let bytes = STANDARD.decode(text).map_err(|problem| {
            let problem = problem.to_string().to_lowercase();
            format!("must be an archive in base64 (RFC 4648, with padding and without line breaks): {problem}")
        })?;
        Ok(NewArchive { bytes, limits: config.archives.clone() })
    });
    NewProject {
        name: fields.text("name"),
        description: fields.text("description"),
        requirements: fields.text("requirements"),
        template_id: fields.text("template_id"),
        parameters: fields.object("parameters"),
        archive,
        workflow: fields.text("workflow"),
        budget: budget(fields).unwrap_or_default(),
        start: fields.boolean("start").unwrap_or(true),
        approve_plan: fields.boolean("approve_plan").unwrap_or_default(),
        with_model: config.with_model,
    }
}

fn from_query(config: &RestConfig, mut query: QueryParams) -> Result<NewProject, Problem> {
    let text = |text: &str| Ok(text.to_owned());
    let boolean = |text: &str| text.parse().map_err(|_| "must be true or false".to_owned());
    let new = NewProject {
        name: query.read("name", text),
        description: query.read("description", text),
        requirements: query.read("requirements", text),
        start: query.read("start", boolean).unwrap_or(true),
        approve_plan: query.read("approve_plan", boolean).unwrap_or_default(),
        with_model: config.with_model,
        ..NewProject::default()
    };
    query.finish()?;
    Ok(new)
}

fn is_archive(headers: &HeaderMap) -> bool {
    let Some(Ok(given)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    ARCHIVES.contains(&kind.as_str())
}
