//! Project templates, as the API shows them: those that come with Millrace, and in their place or beside them those that were
//! synchronised from elsewhere.

use std::sync::{Arc, Mutex, PoisonError};

use millrace_templates::{Catalogue, Parameters, Template, catalogue};
use serde_json::{Map, Value};

use crate::archives::{ArchiveLimits, unpack};
use crate::builtins::sync::tables::{self, Table};
use crate::error::{Error, FieldProblem};
use crate::ports::{Ports, StoreError};

/// The catalogue of the synchronised content that was read last. Content is named by its digest, so that all ports of a process
/// may share it.
static SYNCED: Mutex<Option<(String, Arc<Catalogue>)>> = Mutex::new(None);

/// The templates that projects are made from now.
///
/// # Errors
/// [`Error::Store`]
pub async fn current<P: Ports>(ports: &P) -> Result<Arc<Catalogue>, Error> {
    let content = current_content(ports).await?;
    of_content(ports, content.as_deref()).await
}

/// The SHA-256 of the synchronised archive that is used now; `None` where all templates are those that come with Millrace.
pub(crate) async fn current_content<P: Ports>(ports: &P) -> Result<Option<String>, Error> {
    tables::current(ports, Table::Templates).await
}

/// The templates of a synchronised archive over those that come with Millrace: a run stays with those that it began with.
///
/// # Errors
/// [`Error::Store`]
pub async fn of_content<P: Ports>(ports: &P, content: Option<&str>) -> Result<Arc<Catalogue>, Error> {
    let Some(sha256) = content else { return Ok(Arc::clone(catalogue())) };
    let known = SYNCED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((_, known)) = known.filter(|(content, _)| content == sha256) {
        return Ok(known);
    }
    let file = tables::content(ports, Table::Templates, sha256).await?;
    let synced = read(&file).map_err(|why| StoreError::corrupt(format!("templates {sha256}"), why))?;
    let all = Arc::new(synced.over(catalogue()));
    *SYNCED.lock().unwrap_or_else(PoisonError::into_inner) = Some((sha256.to_owned(), Arc::clone(&all)));
    Ok(all)
}

/// Reads an archive of templates, each in a folder of its name.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read(archive: &[u8]) -> Result<Catalogue, String> {
    let unpacked = unpack(archive, &ArchiveLimits::default()).map_err(|error| error.to_string())?;
    let files = unpacked.files.iter().map(|file| (file.path.as_str(), file.contents.as_slice()));
    let catalogue = Catalogue::read(files);
    if !catalogue.faults().is_empty() {
        return Err(catalogue.faults().join("; "));
    }
    if catalogue.list().is_empty() {
        return Err("there is no template in it".to_owned());
    }
    Ok(catalogue)
}

/// One template.
///
/// # Errors
/// [`Error::NotFound`].
pub fn get_template<'a>(catalogue: &'a Catalogue, id: &str) -> Result<&'a Arc<Template>, Error> {
    catalogue.get(id).ok_or_else(|| Error::NotFound { kind: "template", id: id.chars().take(100).collect() })
}

/// The ids of all templates, for people: `a, b, c`.
#[must_use]
pub fn template_names(catalogue: &Catalogue) -> String {
    catalogue.list().iter().map(|template| template.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// Checks parameters and fills in defaults. Problems carry JSON pointers below `/parameters`.
///
/// # Errors
/// All problems.
pub fn check_parameters(template: &Template, parameters: &Map<String, Value>) -> Result<Parameters, Vec<FieldProblem>> {
    template.validate(&Value::Object(parameters.clone())).map_err(|problems| {
        problems
            .into_iter()
            .map(|problem| FieldProblem::new(format!("/parameters{}", problem.pointer), problem.message))
            .collect()
    })
}
