//! Secrets in SSM Parameter Store.

use std::sync::Arc;

use aws_sdk_ssm::types::ParameterType;
use millrace_app::ports::{Secret, SecretStore, StoreError, StoreResult};

use crate::clients::Clients;

/// Secrets as SecureString parameters under the stack's prefix, encrypted with the account's key for SSM.
#[derive(Debug, Clone)]
pub struct SsmSecretStore {
    clients: Arc<Clients>,
}

/// SSM's limit for a standard parameter.
const MAX_BYTES: usize = 4 * 1024;

impl SsmSecretStore {
    pub(crate) const fn new(clients: Arc<Clients>) -> Self {
        Self { clients }
    }

    fn parameter(&self, name: &str) -> StoreResult<String> {
        match &self.clients.config.secrets_prefix {
            Some(prefix) => Ok(format!("{prefix}{name}")),
            None => Err(StoreError::unavailable("SecretStore", "this function has no SECRETS_PREFIX")),
        }
    }
}

impl SecretStore for SsmSecretStore {
    async fn get(&self, name: &str) -> StoreResult<Option<Secret>> {
        let call = self.clients.ssm().get_parameter().name(self.parameter(name)?).with_decryption(true);
        match call.send().await {
            Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value).map(Secret::new)),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_parameter_not_found()) => Ok(None),
            Err(error) => Err(StoreError::unavailable("SecretStore::get", error)),
        }
    }

    async fn put(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        let size = secret.expose().len();
        if size > MAX_BYTES {
            return Err(StoreError::TooLarge { what: "a secret", size, limit: MAX_BYTES });
        }
        let call = self.clients.ssm().put_parameter().name(self.parameter(name)?).value(secret.expose());
        let call = call.r#type(ParameterType::SecureString).overwrite(true);
        call.send().await.map(|_| ()).map_err(|error| StoreError::unavailable("SecretStore::put", error))
    }

    async fn delete(&self, name: &str) -> StoreResult<()> {
        match self.clients.ssm().delete_parameter().name(self.parameter(name)?).send().await {
            Err(error) if !error.as_service_error().is_some_and(|error| error.is_parameter_not_found()) => {
                Err(StoreError::unavailable("SecretStore::delete", error))
            }
            _ => Ok(()),
        }
    }
}
