//! Secrets in SSM Parameter Store.

use std::sync::Arc;

use millrace_app::ports::{Secret, SecretStore, StoreError, StoreResult};
use serde::Deserialize;
use serde_json::json;

use crate::services::{SSM, Services, body};

/// Secrets as SecureString parameters under the stack's prefix, encrypted with the account's key for SSM.
#[derive(Debug, Clone)]
pub struct SsmSecretStore {
    services: Arc<Services>,
}

/// SSM's limit for a standard parameter.
const MAX_BYTES: usize = 4 * 1024;

impl SsmSecretStore {
    pub(crate) const fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    fn parameter(&self, name: &str) -> StoreResult<String> {
        match &self.services.config.secrets_prefix {
            Some(prefix) => Ok(format!("{prefix}{name}")),
            None => Err(StoreError::unavailable("SecretStore", "this function has no SECRETS_PREFIX")),
        }
    }
}

const NOT_FOUND: &str = "ParameterNotFound";

/// What `GetParameter` answers. It has no `Debug`: it holds the secret.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    parameter: Option<Parameter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    value: Option<String>,
}

impl SecretStore for SsmSecretStore {
    async fn get(&self, name: &str) -> StoreResult<Option<Secret>> {
        const GET: &str = "SecretStore::get";
        let request = body(GET, &json!({ "Name": self.parameter(name)?, "WithDecryption": true }))?;
        match self.services.ask::<Answer>(&SSM, "GetParameter", request).await {
            Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value).map(Secret::new)),
            Err(error) if error.is(NOT_FOUND) => Ok(None),
            Err(error) => Err(StoreError::unavailable(GET, error)),
        }
    }

    async fn put(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        const PUT: &str = "SecretStore::put";
        let size = secret.expose().len();
        if size > MAX_BYTES {
            return Err(StoreError::TooLarge { what: "a secret", size, limit: MAX_BYTES });
        }
        let request = json!({
            "Name": self.parameter(name)?, "Value": secret.expose(), "Type": "SecureString", "Overwrite": true,
        });
        let put = self.services.json(&SSM, "PutParameter", body(PUT, &request)?).await;
        put.map(|_| ()).map_err(|error| StoreError::unavailable(PUT, error))
    }

    async fn delete(&self, name: &str) -> StoreResult<()> {
        const DELETE: &str = "SecretStore::delete";
        let request = body(DELETE, &json!({ "Name": self.parameter(name)? }))?;
        match self.services.json(&SSM, "DeleteParameter", request).await {
            Err(error) if !error.is(NOT_FOUND) => Err(StoreError::unavailable(DELETE, error)),
            _ => Ok(()),
        }
    }
}
