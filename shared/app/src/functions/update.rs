//! Changing functions.

use super::checks::Checks;
use super::create::{finish, is_code_of};
use super::model::{Function, FunctionName, FunctionVersion};
use super::runtime::{FunctionRuntime, Language};
use super::service::Functions;
use super::store;
use crate::error::Error;
use crate::keys;
use crate::ports::{BlobStore, Clock, Ports};
use crate::projects::Stored;

/// What to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionChanges {
    /// The source.
    pub code: Option<String>,
    /// The file that it comes from. With another extension the language follows, unless `runtime` says it.
    pub file_path: Option<String>,
    /// `javascript` or `typescript`.
    pub runtime: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// May it be invoked?
    pub is_active: Option<bool>,
    /// How long an invocation may take, in milliseconds.
    pub time_ms: Option<u64>,
    /// How much memory an invocation may use, in MiB.
    pub memory_mb: Option<u64>,
    /// The environment values that it may see, by name.
    pub environment: Option<Vec<String>>,
}

/// Changes a function; another source, path or language makes the next version. With `expected` only that version of the
/// record is changed.
///
/// # Errors
/// [`Error::Invalid`] with all problems; [`Error::NotFound`]; [`Error::VersionMismatch`].
pub async fn update_function<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    name: &FunctionName,
    expected: Option<u64>,
    changes: FunctionChanges,
) -> Result<Stored<Function>, Error> {
    apply(ports, functions, name, expected, changes).await.map(|(stored, _)| stored)
}

/// The same; says also whether anything was changed.
pub(super) async fn apply<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    name: &FunctionName,
    expected: Option<u64>,
    changes: FunctionChanges,
) -> Result<(Stored<Function>, bool), Error> {
    let before = store::load(ports, name).await?.value;
    let mut checks = Checks::at("");
    if let Some(code) = &changes.code {
        checks.code(code);
    }
    if let Some(path) = &changes.file_path {
        checks.file_path(path);
    }
    if let Some(text) = &changes.description {
        checks.description(text);
    }
    if let Some(names) = &changes.environment {
        checks.environment(names);
    }
    let time_ms = changes.time_ms.map(|millis| checks.time(millis));
    let memory_mb = changes.memory_mb.map(|megabytes| checks.memory(megabytes));
    let said = changes.runtime.as_deref().map(|text| checks.language(Some(text), ""));
    if !checks.problems.is_empty() {
        return finish(checks).and(Err(Error::internal("problems were found")));
    }
    let version = next_version(ports, functions, &before, &changes, said, &mut checks).await?;
    finish(checks)?;

    let mut dropped: Vec<FunctionVersion> = Vec::new();
    let mut changed = false;
    let written = store::change(ports, name, expected, |function| {
        let old = function.clone();
        dropped.clear();
        if let Some(version) = version.as_ref().filter(|version| !is_same(version, &function.current)) {
            let next = FunctionVersion { number: function.current.number + 1, ..version.clone() };
            function.earlier.push(std::mem::replace(&mut function.current, next));
            let over = function.earlier.len().saturating_sub(Function::KEPT_VERSIONS);
            dropped.extend(function.earlier.drain(..over));
        }
        if let Some(text) = &changes.description {
            function.description.clone_from(text);
        }
        function.is_active = changes.is_active.unwrap_or(function.is_active);
        function.time_ms = time_ms.unwrap_or(function.time_ms);
        function.memory_mb = memory_mb.unwrap_or(function.memory_mb);
        if let Some(names) = &changes.environment {
            function.environment.clone_from(names);
        }
        changed = *function != old;
        Ok(changed)
    })
    .await;
    // A write that failed may have been made all the same.
    if changed || written.is_err() {
        functions.forget(&before.id, version.is_some().then_some(&before.current));
    }
    let stored = written?;
    for version in dropped {
        let in_use = |other: &FunctionVersion| other.sha256 == version.sha256;
        if in_use(&stored.value.current) || stored.value.earlier.iter().any(in_use) {
            continue;
        }
        // It is only in the way: the function's deletion removes it too.
        if let Err(error) =
            ports.blobs().delete(&keys::artifacts::function_code(&stored.value.id, &version.sha256)).await
        {
            tracing::warn!(function = %stored.value.id, error = &error as &dyn std::error::Error, "old code is left");
        }
    }
    Ok((stored, changed))
}

fn is_same(one: &FunctionVersion, other: &FunctionVersion) -> bool {
    one.sha256 == other.sha256 && one.file_path == other.file_path && one.runtime == other.runtime
}

/// The version that follows from the changes, its code compiled and stored; `None` where they leave the code alone.
async fn next_version<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    before: &Function,
    changes: &FunctionChanges,
    said: Option<Language>,
    checks: &mut Checks,
) -> Result<Option<FunctionVersion>, Error> {
    if changes.code.is_none() && changes.file_path.is_none() && said.is_none() {
        return Ok(None);
    }
    let file_path = changes.file_path.as_ref().unwrap_or(&before.current.file_path);
    let of_path = changes.file_path.as_deref().and_then(Language::of_path);
    let runtime = said.or(of_path).unwrap_or(before.current.runtime);
    let mut version = FunctionVersion {
        file_path: file_path.clone(),
        runtime,
        created_at: ports.clock().now(),
        ..before.current.clone()
    };
    let same_code = changes.code.as_ref().is_none_or(|code| is_code_of(code, &before.current));
    if same_code && is_same(&version, &before.current) {
        return Ok(Some(version));
    }
    let code = match &changes.code {
        Some(code) => code.clone(),
        None => store::code(ports, &before.id, &before.current).await?,
    };
    if let Err(problem) = functions.compile(ports, file_path, &code, runtime).await? {
        checks.problem(if changes.code.is_some() { "/code" } else { "/runtime" }, problem.0);
        return Ok(None);
    }
    version.size = code.len() as u64;
    version.sha256 = store::put_code(ports, &before.id, &code).await?;
    Ok(Some(version))
}
