//! The routes of API keys: an admin manages those of their owner, an operator everybody's.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::identity::{self, GRACE, IssuedKey, Manager, NewKey, Role};
use millrace_app::ids::KeyId;
use millrace_app::ports::{Clock, Ports};
use millrace_app::{Error, Timestamp};
use utoipa::ToSchema;

use crate::App;
use crate::body::JsonObject;
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams, time};
use crate::problem::Problem;
use crate::views::{self, CallerView, IssuedKeyView, KeyPage, KeyView};

/// A key to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = CreateKey, example = json!({ "name": "ci", "role": "run", "expires_at": "2027-01-31T00:00:00Z" }))]
pub(crate) struct CreateBody {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `read` looks; `run` also runs what is there and reports on tasks; `admin` also changes what is there, and keys.
    role: String,
    /// From when on it is not valid; without it the key holds until it is revoked.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Whose things it opens; another owner than one's own needs an operator's key.
    #[schema(max_length = 256)]
    owner: Option<String>,
    /// Shall it manage keys of other owners? Only an operator makes such a key.
    operator: Option<bool>,
    /// Make a pair for AWS Signature Version 4 with it, for clients of Step Functions.
    access_key: Option<bool>,
}

/// How a key is rotated.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = RotateKey, example = json!({ "grace_seconds": 3600 }))]
pub(crate) struct RotateBody {
    /// For so many seconds the text before stays valid: a day, where nothing is said; 0 ends it at once.
    #[schema(maximum = 2_592_000)]
    grace_seconds: Option<u64>,
}

fn manager(caller: &Caller) -> Manager {
    Manager { owner: caller.owner.clone(), operator: caller.operator }
}

fn id(path: &PathParams) -> Result<KeyId, Problem> {
    path.parsed("id", "key")
}

fn issued(status: StatusCode, issued: IssuedKey, now: Timestamp) -> Response {
    let location = format!("/api/keys/{}", issued.key.id);
    views::with_location(views::json(status, IssuedKeyView::of(issued, now)), &location)
}

/// Make a key
///
/// Its text, and its pair for signatures, are told in this answer and never again.
#[utoipa::path(
    post, path = "/api/keys", tag = "keys", request_body = CreateBody,
    responses((status = 201, description = "The key with its text", body = IssuedKeyView,
        headers(("Location" = String, description = "Where the key is, without its text")))),
)]
pub(crate) async fn create_key<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let name = fields.required_text("name");
    let role = fields.parsed("role", str::parse::<Role>);
    if role.is_none() {
        fields.problem("role", "must be read, run or admin");
    }
    let expires_at = fields.parsed("expires_at", time);
    let owner = fields.text("owner");
    let operator = fields.boolean("operator").unwrap_or_default();
    let access_key = fields.boolean("access_key").unwrap_or_default();
    fields.finish()?;
    if access_key && !app.config.access_keys {
        let text = "signatures are checked by AWS here: make an access key of an IAM user or role";
        return Err(Error::NotConfigured(text.to_owned()).into());
    }
    let new = NewKey { owner, name, role: role.unwrap_or(Role::Read), operator, expires_at, access_key };
    let made = identity::create_key(&app.ports, &manager(&caller), new).await?;
    Ok(issued(StatusCode::CREATED, made, app.ports.clock().now()))
}

/// List keys, newest first
#[utoipa::path(
    get, path = "/api/keys", tag = "keys",
    params(
        ("owner" = Option<String>, Query, description = "Whose; another owner's for operators only"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of keys", body = KeyPage)),
)]
pub(crate) async fn list_keys<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let own = caller.operator.then(String::new).unwrap_or_else(|| caller.owner.clone());
    let owner = query.read("owner", |text| {
        let allowed = own.is_empty() || own == text;
        if allowed { Ok(text.to_owned()) } else { Err("must be your own".to_owned()) }
    });
    let paging = query.paging();
    query.finish()?;
    let manager = manager(&caller);
    let page = identity::list_keys(&app.ports, &manager, owner.as_deref(), paging.size()?, paging.cursor).await?;
    let now = app.ports.clock().now();
    Ok(views::json(StatusCode::OK, KeyPage::of(page, |key| KeyView::of(key, now))))
}

/// Read a key
#[utoipa::path(
    get, path = "/api/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key, without its text", body = KeyView)),
)]
pub(crate) async fn get_key<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let key = identity::get_key(&app.ports, &manager(&caller), &id(&path)?).await?;
    Ok(views::json(StatusCode::OK, KeyView::of(key, app.ports.clock().now())))
}

/// Give a key a new text
///
/// The text before stays valid for a while, so that whoever uses it can be told; so does its pair for signatures.
#[utoipa::path(
    post, path = "/api/keys/{id}/rotate", tag = "keys", request_body = RotateBody,
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key with its new text", body = IssuedKeyView,
        headers(("Location" = String, description = "Where the key is, without its text")))),
)]
pub(crate) async fn rotate_key<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let grace = fields.count("grace_seconds").map_or(GRACE, Duration::from_secs);
    fields.finish()?;
    let made = identity::rotate_key(&app.ports, &manager(&caller), &id(&path)?, grace).await?;
    Ok(issued(StatusCode::OK, made, app.ports.clock().now()))
}

/// Revoke a key
///
/// It opens nothing from now on, where this server checks keys itself; behind API Gateway when its authorizer's answer is
/// forgotten, a minute later. The record stays for 90 days.
#[utoipa::path(
    delete, path = "/api/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key as it is now", body = KeyView)),
)]
pub(crate) async fn revoke_key<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let key = identity::revoke_key(&app.ports, &manager(&caller), &id(&path)?).await?;
    Ok(views::json(StatusCode::OK, KeyView::of(key, app.ports.clock().now())))
}

/// Who the caller is
#[utoipa::path(
    get, path = "/api/caller", tag = "keys",
    responses((status = 200, description = "The caller, as this server knows them", body = CallerView)),
)]
pub(crate) async fn get_caller<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let account = caller.place(&app.config).account;
    let Caller { owner, role, key, operator, .. } = caller;
    Ok(views::json(StatusCode::OK, CallerView { owner, role: role.name(), account, key, operator }))
}
