//! What a process keeps of functions in memory: those that were just called, compiled code, counts.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_asl::Timestamp;

use super::counters::Tally;
use super::model::{Function, FunctionName, FunctionVersion};
use super::runtime::{CompileError, FunctionRuntime, Language};
use super::store;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::ids::FunctionId;
use crate::ports::{Clock, Ports, SecretStore};

/// How long compiled code is kept, in milliseconds: ten minutes.
const COMPILED_MILLIS: i64 = 600_000;
/// How many functions and how much compiled code are kept at most; the oldest go first.
const KEPT: usize = 1_000;

/// How a process deals with functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a function's record is believed without another look. A change through the same process counts at once;
    /// one through another process after this time.
    pub believed: Duration,
    /// Store counts after an invocation when those stored last are so old; `None`: somebody calls
    /// [`Functions::flush`].
    pub flush_every: Option<Duration>,
}

impl Default for Settings {
    /// For one process that has the store for itself and flushes by itself.
    fn default() -> Self {
        Self { believed: Duration::from_secs(1), flush_every: None }
    }
}

/// A function that can be run at once.
pub(super) struct Loaded<C> {
    pub(super) function: Function,
    pub(super) compiled: C,
    pub(super) environment: Arc<[(String, String)]>,
    pub(super) tenant: Arc<str>,
}

/// Functions over a runtime. A clone shares what is in memory.
pub struct Functions<R: FunctionRuntime> {
    pub(super) shared: Arc<Shared<R>>,
}

impl<R: FunctionRuntime> Clone for Functions<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R: FunctionRuntime> fmt::Debug for Functions<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Functions").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

pub(super) struct Shared<R: FunctionRuntime> {
    pub(super) runtime: R,
    pub(super) settings: Settings,
    loaded: Mutex<Kept<FunctionId, Arc<Loaded<R::Compiled>>>>,
    compiled: Mutex<Kept<String, R::Compiled>>,
    /// By owner and function's name.
    projects: Mutex<Kept<(String, String), Projects>>,
    /// Counts changes, so that what was read before one is not kept after it.
    changes: AtomicU64,
    pub(super) tally: Mutex<Tally>,
}

/// The projects that have a function of a name.
type Projects = Arc<[String]>;

/// Values that are forgotten at a time each.
struct Kept<K, V>(HashMap<K, (Timestamp, V)>);

impl<K: Eq + Hash + Clone, V: Clone> Kept<K, V> {
    fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        self.0.get(key).filter(|(until, _)| *until > now).map(|(_, value)| value.clone())
    }

    fn put(&mut self, key: K, until: Timestamp, value: V, now: Timestamp) {
        if self.0.len() >= KEPT {
            self.0.retain(|_, (until, _)| *until > now);
        }
        if self.0.len() >= KEPT
            && let Some(oldest) = self.0.iter().min_by_key(|(_, (until, _))| *until).map(|(key, _)| key.clone())
        {
            self.0.remove(&oldest);
        }
        self.0.insert(key, (until, value));
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The same source under another name gives other stack traces.
fn code_key(sha256: &str, file_path: &str, language: Language) -> String {
    format!("{sha256} {} {file_path}", language.name())
}

impl<R: FunctionRuntime> Functions<R> {
    /// Functions that `runtime` runs.
    pub fn new(runtime: R, settings: Settings) -> Self {
        let shared = Shared {
            runtime,
            settings,
            loaded: Mutex::new(Kept(HashMap::new())),
            compiled: Mutex::new(Kept(HashMap::new())),
            projects: Mutex::new(Kept(HashMap::new())),
            changes: AtomicU64::new(0),
            tally: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// What runs the code.
    #[must_use]
    pub fn runtime(&self) -> &R {
        &self.shared.runtime
    }

    /// Compiles a source; the code is kept for the first invocation.
    pub(super) async fn compile<P: Ports>(
        &self,
        ports: &P,
        file_path: &str,
        source: &str,
        language: Language,
    ) -> Result<Result<R::Compiled, CompileError>, Error> {
        let key = code_key(&sha256_hex(source.as_bytes()), file_path, language);
        let now = ports.clock().now();
        if let Some(code) = lock(&self.shared.compiled).get(&key, now) {
            return Ok(Ok(code));
        }
        let compiled = self.shared.runtime.compile(file_path, source, language).await?;
        if let Ok(code) = &compiled {
            lock(&self.shared.compiled).put(key, now.plus_millis(COMPILED_MILLIS), code.clone(), now);
        }
        Ok(compiled)
    }

    /// Forgets a function that was changed, and the code that it had.
    pub(super) fn forget(&self, id: &FunctionId, code: Option<&FunctionVersion>) {
        self.shared.changes.fetch_add(1, Ordering::SeqCst);
        lock(&self.shared.loaded).0.remove(id);
        lock(&self.shared.projects).0.clear();
        if let Some(version) = code {
            let key = code_key(&version.sha256, &version.file_path, version.runtime);
            lock(&self.shared.compiled).0.remove(&key);
        }
    }

    /// A function that is there, with its code and environment.
    pub(super) async fn loaded<P: Ports>(
        &self,
        ports: &P,
        name: &FunctionName,
    ) -> Result<Arc<Loaded<R::Compiled>>, Error> {
        let (id, now) = (name.id(), ports.clock().now());
        if let Some(known) = lock(&self.shared.loaded).get(&id, now) {
            return Ok(known);
        }
        let changes = self.shared.changes.load(Ordering::SeqCst);
        let function = store::load(ports, name).await?.value;
        let loaded = Arc::new(Loaded {
            compiled: self.compiled(ports, &function).await?,
            environment: environment(ports, &function).await?,
            tenant: format!("{}\n{}", function.owner, function.project).into(),
            function,
        });
        let mut kept = lock(&self.shared.loaded);
        if self.shared.changes.load(Ordering::SeqCst) == changes {
            let until = now.plus_millis(millis(self.shared.settings.believed));
            kept.put(id, until, Arc::clone(&loaded), now);
        }
        Ok(loaded)
    }

    /// The projects in which an owner has functions of a name.
    pub(super) async fn projects_of<P: Ports>(&self, ports: &P, owner: &str, name: &str) -> Result<Projects, Error> {
        let (key, now) = ((owner.to_owned(), name.to_owned()), ports.clock().now());
        if let Some(known) = lock(&self.shared.projects).get(&key, now) {
            return Ok(known);
        }
        let changes = self.shared.changes.load(Ordering::SeqCst);
        let found: Projects = store::projects_of(ports, owner, name).await?.into();
        let mut kept = lock(&self.shared.projects);
        if !found.is_empty() && self.shared.changes.load(Ordering::SeqCst) == changes {
            let until = now.plus_millis(millis(self.shared.settings.believed));
            kept.put(key, until, Arc::clone(&found), now);
        }
        Ok(found)
    }

    async fn compiled<P: Ports>(&self, ports: &P, function: &Function) -> Result<R::Compiled, Error> {
        let version = &function.current;
        let key = code_key(&version.sha256, &version.file_path, version.runtime);
        if let Some(code) = lock(&self.shared.compiled).get(&key, ports.clock().now()) {
            return Ok(code);
        }
        let source = store::code(ports, &function.id, version).await?;
        let compiled = self.compile(ports, &version.file_path, &source, version.runtime).await?;
        // It compiled when it was stored.
        compiled.map_err(Error::internal)
    }
}

/// The values that a function may see. They are secrets: nothing here tells them.
async fn environment<P: Ports>(ports: &P, function: &Function) -> Result<Arc<[(String, String)]>, Error> {
    let mut values = Vec::with_capacity(function.environment.len());
    for name in &function.environment {
        let secret = secret_name(function, name);
        let value = ports.secrets().get(&secret).await?.ok_or_else(|| {
            Error::NotConfigured(format!("the environment value {name} is not set: store the secret {secret}"))
        })?;
        values.push((name.clone(), value.expose().to_owned()));
    }
    Ok(values.into())
}

/// Under which name the secrets have an environment value. The account is in it: a name of a project may be anybody's.
fn secret_name(function: &Function, name: &str) -> String {
    let owner: String = function
        .owner
        .strip_prefix("aws:")
        .unwrap_or(&function.owner)
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() { char } else { '-' })
        .collect();
    format!("functions/{owner}/{}/{name}", function.project)
}
