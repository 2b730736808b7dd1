//! Reading functions.

use futures_util::future::try_join_all;

use super::model::{Counters, Function, FunctionName, FunctionVersion};
use super::runtime::FunctionRuntime;
use super::service::Functions;
use super::store;
use crate::error::Error;
use crate::keys;
use crate::ports::{Index, Order, Page, Ports, Query, RecordStore};
use crate::projects::{Paging, Stored, with_cursor};

/// A function with its counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// It.
    pub function: Stored<Function>,
    /// How often it was invoked.
    pub counters: Counters,
}

/// The source of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The function's name.
    pub name: String,
    /// The version.
    pub version: FunctionVersion,
    /// Its source.
    pub code: String,
}

/// A function with its counts.
///
/// # Errors
/// [`Error::NotFound`], also for somebody else's.
pub async fn get_function<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    name: &FunctionName,
) -> Result<Described, Error> {
    let function = store::load(ports, name).await?;
    let counters = functions.counters(ports, &function.value).await?;
    Ok(Described { function, counters })
}

/// The functions of a project, by name. One whose project does not exist has none.
///
/// # Errors
/// [`Error::Invalid`] for the limit or the cursor; [`Error::NotFound`] for a project that is not the caller's.
pub async fn list_functions<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    caller: &str,
    owner: &str,
    project: &str,
    paging: &Paging,
) -> Result<Page<Described>, Error> {
    store::check_project(ports, caller, project).await?;
    let query = Query {
        index: Some(Index::Owner),
        partition: keys::project_functions(owner, project),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Ascending,
        limit: paging.size()?,
        cursor: paging.cursor.clone(),
    };
    let page = with_cursor(ports.records().query(&query).await.map_err(Into::into))?;
    let described = page.items.into_iter().map(|record| async move {
        let version = record.version;
        let function: Function = store::decode(record)?;
        let counters = functions.counters(ports, &function).await?;
        Ok::<_, Error>(Described { function: Stored { value: function, version }, counters })
    });
    Ok(Page { items: try_join_all(described).await?, next: page.next })
}

/// The source of a function: its newest version's, or that of the one with this number.
///
/// # Errors
/// [`Error::NotFound`] for the function, or for a version that never was or is not kept any more.
pub async fn get_code<P: Ports>(ports: &P, name: &FunctionName, number: Option<u64>) -> Result<Code, Error> {
    let function = store::load(ports, name).await?.value;
    let version = match number {
        None => &function.current,
        Some(number) => function
            .version(number)
            .ok_or_else(|| Error::NotFound { kind: "version of the function", id: number.to_string() })?,
    };
    let code = store::code(ports, &function.id, version).await?;
    Ok(Code { name: function.name.clone(), version: version.clone(), code })
}

/// The project of an owner's function that is named without one: the only project that has one of that name.
/// `preferred` counts where there are several.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] where the name alone does not tell.
pub async fn find_project<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    owner: &str,
    name: &str,
    preferred: Option<&str>,
) -> Result<String, Error> {
    let projects = functions.projects_of(ports, owner, name).await?;
    match (&*projects, preferred) {
        ([], _) => Err(Error::NotFound { kind: "function", id: name.chars().take(200).collect() }),
        ([only], _) => Ok(only.clone()),
        (several, Some(preferred)) if several.iter().any(|project| project == preferred) => Ok(preferred.to_owned()),
        (several, _) => Err(Error::invalid(
            "x-project-id",
            format!("must name the project: there is a function {name} in {}", several.join(", ")),
        )),
    }
}
