//! Secrets of one machine: a file that only its owner reads, and the environment above it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_app::ports::{Secret, SecretStore, StoreError, StoreResult};
use tokio::task::spawn_blocking;

use crate::files;
use crate::open::OpenError;

/// What the names of overriding environment variables begin with.
const PREFIX: &str = "MILLRACE_SECRET_";

/// Secrets in `secrets.json` of the data folder, as an object from name to text. `MILLRACE_SECRET_<NAME>` in the
/// environment overrides one: the name in capitals, every other character than a letter or digit as `_`.
#[derive(Clone)]
pub struct LocalSecrets {
    inner: Arc<Inner>,
}

struct Inner {
    file: Option<PathBuf>,
    stored: Mutex<BTreeMap<String, String>>,
    overrides: BTreeMap<String, Secret>,
}

impl LocalSecrets {
    /// Reads the file, if there is one; without a path secrets live in memory.
    pub(crate) fn open(file: Option<PathBuf>, overrides: BTreeMap<String, Secret>) -> Result<Self, OpenError> {
        let stored = match file.as_deref().filter(|path| path.exists()) {
            None => BTreeMap::new(),
            Some(path) => {
                let failed = |source| OpenError::File { path: path.to_owned(), source };
                files::make_private(path).map_err(failed)?;
                let bytes = std::fs::read(path).map_err(failed)?;
                // Serde's message would quote the file.
                serde_json::from_slice(&bytes).map_err(|_| OpenError::Secrets { path: path.to_owned() })?
            }
        };
        Ok(Self { inner: Arc::new(Inner { file, stored: Mutex::new(stored), overrides }) })
    }

    async fn change(
        &self,
        operation: &'static str,
        edit: impl FnOnce(&mut BTreeMap<String, String>) + Send + 'static,
    ) -> StoreResult<()> {
        let inner = Arc::clone(&self.inner);
        let changed = spawn_blocking(move || {
            let mut stored = inner.stored();
            let mut next = stored.clone();
            edit(&mut next);
            if let Some(file) = &inner.file {
                files::replace(file, &serde_json::to_vec_pretty(&next)?)?;
            }
            *stored = next;
            Ok::<_, std::io::Error>(())
        });
        let changed = changed.await.map_err(|error| StoreError::unavailable(operation, error))?;
        changed.map_err(|error| StoreError::unavailable(operation, error))
    }
}

impl Inner {
    fn stored(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SecretStore for LocalSecrets {
    async fn get(&self, name: &str) -> StoreResult<Option<Secret>> {
        if let Some(secret) = self.inner.overrides.get(&variable(name)) {
            return Ok(Some(secret.clone()));
        }
        Ok(self.inner.stored().get(name).map(Secret::new))
    }

    async fn put(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        let variable = variable(name);
        if self.inner.overrides.contains_key(&variable) {
            tracing::warn!(name, variable, "the environment overrides the secret that is being stored");
        }
        let (name, text) = (name.to_owned(), secret.expose().to_owned());
        self.change("store a secret", move |stored| drop(stored.insert(name, text))).await
    }

    async fn delete(&self, name: &str) -> StoreResult<()> {
        let name = name.to_owned();
        self.change("remove a secret", move |stored| drop(stored.remove(&name))).await
    }
}

/// The environment variable that overrides a secret.
fn variable(name: &str) -> String {
    let name =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' });
    PREFIX.chars().chain(name).collect()
}

/// The secrets among a process's variables. An empty one counts as not set.
pub(crate) fn overrides(variables: impl Iterator<Item = (String, String)>) -> BTreeMap<String, Secret> {
    variables
        .filter(|(name, text)| name.starts_with(PREFIX) && !text.is_empty())
        .map(|(name, text)| (name, Secret::new(text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
        overrides(pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
    }

    #[tokio::test]
    async fn the_environment_overrides_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secrets.json");
        let set = variables(&[
            ("MILLRACE_SECRET_MODELS_GEMINI_API_KEY", "from the environment"),
            ("MILLRACE_SECRET_EMPTY", ""),
            ("OTHER", "x"),
        ]);
        assert_eq!(set.len(), 1);
        let secrets = LocalSecrets::open(Some(file.clone()), set).unwrap();
        secrets.put("models/gemini/api-key", &Secret::new("stored")).await.unwrap();
        secrets.put("empty", &Secret::new("kept")).await.unwrap();
        let get = async |secrets: &LocalSecrets, name| secrets.get(name).await.unwrap().map(|s| s.expose().to_owned());
        assert_eq!(get(&secrets, "models/gemini/api-key").await.as_deref(), Some("from the environment"));
        assert_eq!(get(&secrets, "empty").await.as_deref(), Some("kept"));
        let reopened = LocalSecrets::open(Some(file.clone()), BTreeMap::new()).unwrap();
        assert_eq!(get(&reopened, "models/gemini/api-key").await.as_deref(), Some("stored"));
        assert!(!format!("{:?}", Secret::new("stored")).contains("stored"));
    }

    #[test]
    fn a_broken_file_is_not_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secrets.json");
        std::fs::write(&file, "{\"a\": hunter2}").unwrap();
        let error = LocalSecrets::open(Some(file), BTreeMap::new()).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
