//! API keys, as the API shows them.

use millrace_app::Timestamp;
use millrace_app::identity::{AccessKey, ApiKey, IssuedKey};
use serde::Serialize;
use utoipa::ToSchema;

/// A key, without its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct KeyView {
    /// Its id.
    id: String,
    /// What it is for.
    name: String,
    /// Whose things it opens.
    owner: String,
    /// `read`, `run` or `admin`.
    role: &'static str,
    /// May who has it manage keys of other owners?
    operator: bool,
    /// What its text begins with.
    prefix: String,
    /// The id of its pair for AWS signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    access_key_id: Option<String>,
    /// `active`, `expired` or `revoked`.
    status: &'static str,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its text was last replaced.
    #[schema(format = DateTime)]
    rotated_at: Option<String>,
    /// Until when the text before holds, if it still does.
    #[schema(format = DateTime)]
    previous_valid_until: Option<String>,
    /// From when on it is not valid.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Since when it is not valid.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// When it was last used, an hour off at most.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

impl KeyView {
    pub(crate) fn of(key: ApiKey, now: Timestamp) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            prefix: key.prefix(),
            access_key_id: key.has_access_key.then(|| millrace_app::identity::access_key_id(&key.id)),
            status: key.status(now).name(),
            previous_valid_until: text(key.previous_valid_until(now)),
            created_at: key.created_at.to_string(),
            rotated_at: text(key.rotated_at),
            expires_at: text(key.expires_at),
            revoked_at: text(key.revoked_at),
            last_used_at: text(key.last_used_at),
            id: key.id.into(),
            name: key.name,
            owner: key.owner,
            role: key.role.name(),
            operator: key.operator,
        }
    }
}

/// A key with what is told once.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedKey)]
pub(crate) struct IssuedKeyView {
    /// The key's text: `Authorization: Bearer …`, or `x-api-key: …`.
    key: String,
    /// Its pair for AWS signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    access_key: Option<AccessKeyView>,
    /// What is known of it later, too.
    #[serde(flatten)]
    about: KeyView,
}

/// A pair for AWS Signature Version 4.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessKey)]
pub(crate) struct AccessKeyView {
    /// `AWS_ACCESS_KEY_ID`
    access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`
    secret_access_key: String,
}

impl IssuedKeyView {
    pub(crate) fn of(issued: IssuedKey, now: Timestamp) -> Self {
        let pair = |pair: AccessKey| AccessKeyView {
            access_key_id: pair.access_key_id,
            secret_access_key: pair.secret_access_key.expose().to_owned(),
        };
        let (key, access_key) = (issued.text.expose().to_owned(), issued.access_key.map(pair));
        Self { key, access_key, about: KeyView::of(issued.key, now) }
    }
}

/// A caller.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Caller)]
pub(crate) struct CallerView {
    /// Whose things they see.
    pub(crate) owner: String,
    /// `read`, `run` or `admin`.
    pub(crate) role: &'static str,
    /// The account in the ARNs of what they make.
    pub(crate) account: String,
    /// The id of the API key that they showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub(crate) key: Option<String>,
    /// May they manage keys of other owners?
    pub(crate) operator: bool,
}
