//! Routes and use cases: what each request does to the records.

use crate::entities::{Entity, for_collection};
use crate::fields;
use crate::http::{HttpError, Request, Response};
use crate::repository::{Item, Repository, RepositoryError};
use serde_json::{Value, json};
use std::error::Error;

/// Records in a page when the request does not say.
pub const DEFAULT_LIMIT: usize = 20;
/// The most records in a page.
pub const MAX_LIMIT: usize = 100;

/// The members of a record that clients do not write.
const WRITTEN_BY_SERVICE: [&str; 4] = ["id", "version", "created_at", "updated_at"];

/// What the service cannot know by itself.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The present, as RFC 3339 in UTC.
    pub now: String,
    /// An id for a record that may be made: 32 hexadecimal digits that sort by time.
    pub new_id: String,
}

/// Answers requests from a repository.
#[derive(Debug)]
pub struct Service<R> {
    repository: R,
}

enum Failure {
    /// The caller is told.
    Http(HttpError),
    /// The storage failed or holds what it should not; this is for the log.
    Internal(Box<dyn Error + Send + Sync>),
}

impl<R: Repository> Service<R> {
    /// A service over a repository.
    pub fn new(repository: R) -> Self {
        Self { repository }
    }

    /// The response to a request. Fails only when the storage does.
    pub async fn handle(
        &self,
        request: &Request,
        moment: &Moment,
    ) -> Result<Response, Box<dyn Error + Send + Sync>> {
        match self.route(request, moment).await {
            Ok(response) => Ok(response),
            Err(Failure::Http(error)) => Ok(error.into_response()),
            Err(Failure::Internal(error)) => Err(error),
        }
    }

    async fn route(&self, request: &Request, moment: &Moment) -> Result<Response, Failure> {
        let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let (collection, id) = match segments.as_slice() {
            ["health"] if request.method == "GET" => {
                return Ok(Response::json(200, json!({"status": "ok"})));
            }
            ["health"] => return Err(HttpError::method_not_allowed("GET").into()),
            [collection] => (*collection, None),
            [collection, id] => (*collection, Some(*id)),
            _ => return Err(nothing_here().into()),
        };
        for_collection!(
            collection,
            Kind => self.records::<Kind>(request, id, moment).await,
            Err(nothing_here().into())
        )
    }

    async fn records<E: Entity>(
        &self,
        request: &Request,
        id: Option<&str>,
        moment: &Moment,
    ) -> Result<Response, Failure> {
        match (request.method.as_str(), id) {
            ("GET", None) => self.list::<E>(request).await,
            ("POST", None) => self.create::<E>(request, moment).await,
            ("GET", Some(id)) => Ok(Response::json(200, Value::Object(self.find::<E>(id).await?))),
            ("PUT", Some(id)) => self.replace::<E>(id, request, moment).await,
            ("PATCH", Some(id)) => self.change::<E>(id, request, moment).await,
            ("DELETE", Some(id)) => self.delete::<E>(id).await,
            (_, None) => Err(HttpError::method_not_allowed("GET, POST").into()),
            (_, Some(_)) => Err(HttpError::method_not_allowed("GET, PUT, PATCH, DELETE").into()),
        }
    }

    async fn list<E: Entity>(&self, request: &Request) -> Result<Response, Failure> {
        let limit = limit(request.query.get("limit").map(String::as_str))?;
        let cursor = request.query.get("cursor").map(String::as_str);
        if cursor.is_some_and(|cursor| !is_id(cursor)) {
            let detail = "cursor must be the next_cursor of an earlier page.";
            return Err(HttpError::new(400, detail).into());
        }
        let page = self.repository.list(E::COLLECTION, limit, cursor).await?;
        let body = json!({"items": page.items, "next_cursor": page.after});
        Ok(Response::json(200, body))
    }

    async fn create<E: Entity>(
        &self,
        request: &Request,
        moment: &Moment,
    ) -> Result<Response, Failure> {
        let entity: E = fields::read(&request.json()?)?;
        let id = moment.new_id.as_str();
        let record = record(&entity, id, 1, &moment.now, &moment.now)?;
        self.repository.put(E::COLLECTION, id, record.clone(), None).await?;
        let location = format!("/{}/{id}", E::COLLECTION);
        Ok(Response::json(201, Value::Object(record)).with_header("location", location))
    }

    async fn replace<E: Entity>(
        &self,
        id: &str,
        request: &Request,
        moment: &Moment,
    ) -> Result<Response, Failure> {
        let stored = self.find::<E>(id).await?;
        self.store::<E>(id, &stored, &request.json()?, moment).await
    }

    /// JSON merge patch: members that are sent replace the stored ones, null removes.
    async fn change<E: Entity>(
        &self,
        id: &str,
        request: &Request,
        moment: &Moment,
    ) -> Result<Response, Failure> {
        let stored = self.find::<E>(id).await?;
        let Value::Object(patch) = request.json()? else {
            return Err(HttpError::new(400, "A change must be a JSON object.").into());
        };
        let mut body = stored.clone();
        body.retain(|name, _| !WRITTEN_BY_SERVICE.contains(&name.as_str()));
        body.extend(patch);
        self.store::<E>(id, &stored, &Value::Object(body), moment).await
    }

    async fn store<E: Entity>(
        &self,
        id: &str,
        stored: &Item,
        body: &Value,
        moment: &Moment,
    ) -> Result<Response, Failure> {
        let entity: E = fields::read(body)?;
        let version = stored.get("version").and_then(Value::as_u64);
        let version = version.ok_or("a stored record has no version")?;
        let created_at = stored.get("created_at").and_then(Value::as_str);
        let created_at = created_at.ok_or("a stored record has no created_at")?;
        let record = record(&entity, id, version + 1, created_at, &moment.now)?;
        self.repository.put(E::COLLECTION, id, record.clone(), Some(version)).await?;
        Ok(Response::json(200, Value::Object(record)))
    }

    async fn delete<E: Entity>(&self, id: &str) -> Result<Response, Failure> {
        if !is_id(id) || !self.repository.delete(E::COLLECTION, id).await? {
            return Err(not_found::<E>().into());
        }
        Ok(Response::no_content())
    }

    async fn find<E: Entity>(&self, id: &str) -> Result<Item, Failure> {
        let stored = match is_id(id) {
            true => self.repository.get(E::COLLECTION, id).await?,
            false => None,
        };
        stored.ok_or_else(|| not_found::<E>().into())
    }
}

/// The record as it is stored and sent.
fn record<E: Entity>(
    entity: &E,
    id: &str,
    version: u64,
    created_at: &str,
    updated_at: &str,
) -> Result<Item, Failure> {
    let mut record = Item::new();
    record.insert("id".to_owned(), id.into());
    record.insert("version".to_owned(), version.into());
    record.insert("created_at".to_owned(), created_at.into());
    record.insert("updated_at".to_owned(), updated_at.into());
    match serde_json::to_value(entity) {
        Ok(Value::Object(fields)) => record.extend(fields),
        Ok(_) => return Err("an entity must be an object".into()),
        Err(error) => return Err(Failure::Internal(error.into())),
    }
    Ok(record)
}

fn limit(text: Option<&str>) -> Result<usize, HttpError> {
    let Some(text) = text else {
        return Ok(DEFAULT_LIMIT);
    };
    match text.parse() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => {
            let detail = format!("limit must be a whole number from 1 to {MAX_LIMIT}.");
            Err(HttpError::new(400, detail))
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it))
}

fn nothing_here() -> HttpError {
    HttpError::new(404, "There is nothing at this path.")
}

fn not_found<E: Entity>() -> HttpError {
    HttpError::new(404, format!("There is no {} with this id.", E::NAME))
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Conflict => Self::Http(HttpError::new(
                409,
                "The record was changed at the same time; read it and try again.",
            )),
            RepositoryError::Failed(cause) => Self::Internal(cause),
        }
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Self {
        Self::Internal(text.into())
    }
}
