//! Definitions by content: stored once, parsed once a process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use millrace_asl::StateMachine;

use crate::digest::sha256_hex;
use crate::error::{Error, FieldProblem};
use crate::keys;
use crate::ports::{BlobStore, Ports, StoreError};

/// Parsed definitions that a process keeps; when there are more, it starts again with none.
const KEPT: usize = 256;

type Cache = Mutex<HashMap<String, Arc<StateMachine>>>;

/// Parsing is pure, so that all ports of a process share what was parsed. What was stored they don't share.
fn cache() -> &'static Cache {
    static CACHE: OnceLock<Cache> = OnceLock::new();
    CACHE.get_or_init(Cache::default)
}

fn keep(digest: &str, machine: Arc<StateMachine>) {
    let mut cache = cache().lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= KEPT {
        cache.clear();
    }
    cache.insert(digest.to_owned(), machine);
}

/// Checks a definition and stores it; answers its digest.
pub(crate) async fn store<P: Ports>(ports: &P, text: &str) -> Result<(String, Arc<StateMachine>), Error> {
    let machine = Arc::new(parse(text)?);
    Ok((store_checked(ports, text, Arc::clone(&machine)).await?, machine))
}

/// Stores a definition that was parsed already; answers its digest.
pub(crate) async fn store_checked<P: Ports>(
    ports: &P,
    text: &str,
    machine: Arc<StateMachine>,
) -> Result<String, Error> {
    let digest = sha256_hex(text.as_bytes());
    ports.blobs().put(&keys::definition(&digest), text.as_bytes().to_vec(), "application/yaml").await?;
    keep(&digest, machine);
    Ok(digest)
}

fn parse(text: &str) -> Result<StateMachine, Error> {
    StateMachine::parse(text).map_err(|problem| {
        let problems = problem.diagnostics.into_iter();
        Error::Invalid(problems.map(|one| FieldProblem::new(one.location, one.message)).collect())
    })
}

/// The text of a definition, as it was given.
pub(crate) async fn text<P: Ports>(ports: &P, digest: &str) -> Result<String, Error> {
    let corrupt = |why: String| Error::from(StoreError::corrupt(format!("definition {digest}"), why));
    let bytes = ports.blobs().get(&keys::definition(digest)).await?.ok_or_else(|| corrupt("it is gone".into()))?;
    String::from_utf8(bytes).map_err(|problem| corrupt(problem.to_string()))
}

/// The definition of that digest, as executions and revisions name it.
///
/// # Errors
/// [`Error::Store`], also where there is none.
pub async fn load<P: Ports>(ports: &P, digest: &str) -> Result<Arc<StateMachine>, Error> {
    let known = cache().lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned();
    if let Some(machine) = known {
        return Ok(machine);
    }
    let text = text(ports, digest).await?;
    let parsed = StateMachine::parse(&text);
    let corrupt = |problem| StoreError::corrupt(format!("definition {digest}"), problem);
    let machine = Arc::new(parsed.map_err(corrupt)?);
    keep(digest, Arc::clone(&machine));
    Ok(machine)
}
