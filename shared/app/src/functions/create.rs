//! Making functions, one by one or as a build makes them.

use super::checks::{Checks, DEFAULT_MEMORY_MB, MAX_REGISTERED, MAX_TIME_MS};
use super::delete;
use super::model::{Function, FunctionName, FunctionVersion};
use super::runtime::{FunctionRuntime, Language};
use super::service::Functions;
use super::store;
use super::update::{FunctionChanges, apply};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::ports::{Clock, Condition, Ports, RecordStore, StoreError, Write};
use crate::projects::Stored;

/// What a function is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewFunction {
    /// Its name.
    pub name: String,
    /// The source: an ES module that exports a function `handler`.
    pub code: String,
    /// The file that it comes from; `{name}.js` or `{name}.ts` where none is given.
    pub file_path: Option<String>,
    /// `javascript` or `typescript`; without it the file's extension says it.
    pub runtime: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// May it be invoked? Yes, where nothing is said.
    pub is_active: Option<bool>,
    /// How long an invocation may take, in milliseconds.
    pub time_ms: Option<u64>,
    /// How much memory an invocation may use, in MiB.
    pub memory_mb: Option<u64>,
    /// The environment values that it may see, by name.
    pub environment: Option<Vec<String>>,
}

/// What registering a function came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was none of that name.
    Created,
    /// It was changed.
    Updated,
    /// It was as it is now.
    Unchanged,
}

/// A function that was registered.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// It.
    pub function: Stored<Function>,
    /// What was done.
    pub outcome: Outcome,
}

/// Fields that were checked.
struct Checked {
    new: NewFunction,
    file_path: String,
    language: Language,
    time_ms: u32,
    memory_mb: u32,
}

/// Makes a function in a project of the caller's.
///
/// `caller` is whose projects these are, `owner` who owns the function: see [`super::account_owner`].
///
/// # Errors
/// [`Error::Invalid`] with all problems, those of the source included; [`Error::NotFound`] for the project;
/// [`Error::WrongState`] where there is one of that name.
pub async fn create_function<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    caller: &str,
    owner: &str,
    project: &str,
    new: NewFunction,
) -> Result<Stored<Function>, Error> {
    store::check_project(ports, caller, project).await?;
    let mut checks = Checks::at("");
    let checked = check(ports, functions, new, &mut checks).await?;
    finish(checks)?;
    let name = FunctionName::new(owner, project, &checked.new.name);
    match make(ports, functions, &name, &checked).await? {
        Some(made) => Ok(made),
        None => Err(Error::WrongState(format!(
            "there is a function {project}/{} already: change it with PATCH, or register it",
            name.name
        ))),
    }
}

/// Makes or changes functions, as many as a build has. The same call again changes nothing. Nothing is stored where
/// anything is wrong with one of them; a crash in the middle leaves some undone, and the same call does the rest. What is
/// not said of a function that is there stays as it is.
///
/// # Errors
/// [`Error::Invalid`] with all problems, each at `/functions/{number}`; [`Error::NotFound`] for the project.
pub async fn register_functions<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    caller: &str,
    owner: &str,
    project: &str,
    all: Vec<NewFunction>,
) -> Result<Vec<Registered>, Error> {
    store::check_project(ports, caller, project).await?;
    if !(1..=MAX_REGISTERED).contains(&all.len()) {
        return Err(Error::invalid("/functions", format!("must have 1 to {MAX_REGISTERED} functions")));
    }
    let (mut checked, mut problems) = (Vec::with_capacity(all.len()), Vec::new());
    for (number, new) in all.into_iter().enumerate() {
        let mut checks = Checks::at(format!("/functions/{number}"));
        if checked.iter().any(|other: &Checked| other.new.name == new.name) {
            checks.problem("/function_name", "is the name of another function of this request");
        }
        checked.push(check(ports, functions, new, &mut checks).await?);
        problems.append(&mut checks.problems);
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let mut registered = Vec::with_capacity(checked.len());
    for one in checked {
        let name = FunctionName::new(owner, project, &one.new.name);
        let done = match make(ports, functions, &name, &one).await? {
            Some(function) => Registered { function, outcome: Outcome::Created },
            None => {
                let (function, changed) = apply(ports, functions, &name, None, one.into_changes()).await?;
                Registered { function, outcome: if changed { Outcome::Updated } else { Outcome::Unchanged } }
            }
        };
        registered.push(done);
    }
    Ok(registered)
}

pub(super) fn finish(checks: Checks) -> Result<(), Error> {
    if checks.problems.is_empty() { Ok(()) } else { Err(Error::Invalid(checks.problems)) }
}

async fn check<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    new: NewFunction,
    checks: &mut Checks,
) -> Result<Checked, Error> {
    checks.name(&new.name);
    checks.code(&new.code);
    if let Some(path) = &new.file_path {
        checks.file_path(path);
    }
    let language = checks.language(new.runtime.as_deref(), new.file_path.as_deref().unwrap_or_default());
    if let Some(text) = &new.description {
        checks.description(text);
    }
    if let Some(names) = &new.environment {
        checks.environment(names);
    }
    let time_ms = new.time_ms.map_or(MAX_TIME_MS, |millis| checks.time(millis));
    let memory_mb = new.memory_mb.map_or(DEFAULT_MEMORY_MB, |megabytes| checks.memory(megabytes));
    let extension = if language == Language::TypeScript { "ts" } else { "js" };
    let file_path = new.file_path.clone().unwrap_or_else(|| format!("{}.{extension}", new.name));
    if checks.problems.is_empty()
        && let Err(problem) = functions.compile(ports, &file_path, &new.code, language).await?
    {
        checks.problem("/code", problem.0);
    }
    Ok(Checked { new, file_path, language, time_ms, memory_mb })
}

/// Makes a function; `None` where there is one of that name.
async fn make<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    name: &FunctionName,
    checked: &Checked,
) -> Result<Option<Stored<Function>>, Error> {
    let id = name.id();
    match store::find(ports, &id).await? {
        Some(stored) if !stored.value.deleting => return Ok(None),
        // One of that name was deleted, and its remains must not become the new one's.
        Some(stored) => delete::purge(ports, &stored).await?,
        None => {}
    }
    let sha256 = store::put_code(ports, &id, &checked.new.code).await?;
    let now = ports.clock().now();
    let function = Function {
        id: id.clone(),
        owner: name.owner.clone(),
        project: name.project.clone(),
        name: name.name.clone(),
        description: checked.new.description.clone().unwrap_or_default(),
        is_active: checked.new.is_active.unwrap_or(true),
        time_ms: checked.time_ms,
        memory_mb: checked.memory_mb,
        environment: checked.new.environment.clone().unwrap_or_default(),
        current: FunctionVersion {
            number: 1,
            sha256,
            size: checked.new.code.len() as u64,
            file_path: checked.file_path.clone(),
            runtime: checked.language,
            created_at: now,
        },
        earlier: Vec::new(),
        deleting: false,
        created_at: now,
        updated_at: now,
    };
    match ports.records().write(vec![Write::Put(store::record(&function)?, Condition::Absent)]).await {
        Ok(()) => {
            functions.forget(&id, None);
            Ok(Some(Stored { value: function, version: 1 }))
        }
        Err(StoreError::Conflict) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Checked {
    /// What a function that is there is to be changed to.
    fn into_changes(self) -> FunctionChanges {
        let Self { new, language, time_ms, memory_mb, .. } = self;
        FunctionChanges {
            code: Some(new.code),
            file_path: new.file_path,
            runtime: new.runtime.map(|_| language.name().to_owned()),
            description: new.description,
            is_active: new.is_active,
            time_ms: new.time_ms.map(|_| time_ms.into()),
            memory_mb: new.memory_mb.map(|_| memory_mb.into()),
            environment: new.environment,
        }
    }
}

/// Whether a source is the one of a version.
pub(super) fn is_code_of(code: &str, version: &FunctionVersion) -> bool {
    code.len() as u64 == version.size && sha256_hex(code.as_bytes()) == version.sha256
}
