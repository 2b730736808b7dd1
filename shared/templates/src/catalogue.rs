//! The catalogue and its templates: those embedded in the binary, and those read from files.

use crate::definition::{Commands, Definition};
use crate::error::ParameterProblem;
use crate::schema::{Schema, published};
use crate::{PlannedProject, RenderedFile, TemplateError};
use crate::{filters, plan, render};
use include_dir::{Dir, DirEntry, include_dir};
use minijinja::Environment;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

static EMBEDDED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static CATALOGUE: OnceLock<Arc<Catalogue>> = OnceLock::new();

/// The templates of this build, parsed at the first call.
pub fn catalogue() -> &'static Arc<Catalogue> {
    CATALOGUE.get_or_init(|| {
        let mut files = Files::new();
        collect(&EMBEDDED, &mut files);
        Arc::new(Catalogue::load(&files))
    })
}

/// The texts of files by their path; nothing for one that is not UTF-8.
type Files<'a> = BTreeMap<String, Option<&'a str>>;

fn collect<'a>(folder: &'a Dir<'static>, files: &mut Files<'a>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, files),
            DirEntry::File(file) => {
                files.insert(file.path().to_string_lossy().replace('\\', "/"), file.contents_utf8());
            }
        }
    }
}

/// Every template, in the order of their ids.
#[derive(Debug)]
pub struct Catalogue {
    templates: Vec<Arc<Template>>,
    faults: Vec<String>,
}

impl Catalogue {
    /// The templates among files: each in a folder of its name, with a `template.yaml` and a folder `files`. Schemas that they
    /// share are in `_schemas`. Files that belong to none are faults.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let files = files.into_iter().map(|(path, bytes)| (path.to_owned(), std::str::from_utf8(bytes).ok())).collect();
        let mut catalogue = Self::load(&files);
        let strays = files.keys().filter(|path| !path.contains('/'));
        catalogue.faults.extend(strays.map(|path| format!("{path}: belongs to no template")));
        catalogue
    }

    fn load(files: &Files<'_>) -> Self {
        let mut catalogue = Self { templates: Vec::new(), faults: Vec::new() };
        let mut names: Vec<&str> = files.keys().filter_map(|path| Some(path.split_once('/')?.0)).collect();
        names.dedup();
        for name in names.into_iter().filter(|name| !name.starts_with('_')) {
            match Template::load(files, name) {
                Ok(template) => catalogue.templates.push(Arc::new(template)),
                Err(fault) => catalogue.faults.push(format!("{name}: {fault}")),
            }
        }
        catalogue.templates.sort_by(|one, other| one.id.cmp(&other.id));
        catalogue
    }

    /// These templates, and those of `other` whose ids they have not.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let rest = other.templates.iter().filter(|template| self.get(&template.id).is_none());
        let mut templates: Vec<Arc<Template>> = self.templates.iter().chain(rest).cloned().collect();
        templates.sort_by(|one, other| one.id.cmp(&other.id));
        Self { templates, faults: self.faults.iter().chain(&other.faults).cloned().collect() }
    }

    /// Every template, in the order of their ids.
    pub fn list(&self) -> &[Arc<Template>] {
        &self.templates
    }

    /// The template with this id.
    pub fn get(&self, id: &str) -> Option<&Arc<Template>> {
        self.templates.iter().find(|template| template.id == id)
    }

    /// Templates that could not be loaded, with the reason. Empty in a tested build.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

/// A kind of project that can be made. Serialises as `GET /api/templates/{id}` shows it.
#[derive(Debug, Serialize)]
pub struct Template {
    /// Stable id, also the name of the template's folder.
    pub id: String,
    /// Title for people.
    pub name: String,
    /// What the made project is, in a few sentences.
    pub description: String,
    /// Semantic version; changes whenever the made files change.
    pub version: String,
    /// `sam`, `static-site` or `cli`.
    pub project_type: String,
    /// Languages of the made project's code, in lower case.
    pub languages: Vec<String>,
    /// Programs that the test commands need.
    pub tools: Vec<String>,
    /// The made project's commands; [`Template::plan`] renders expressions in them.
    pub commands: Commands,
    /// Schema of the parameters: a subset of JSON Schema, enough to build a form from.
    pub parameters: Value,
    #[serde(skip)]
    pub(crate) definition: Definition,
    #[serde(skip)]
    schema: Schema,
    #[serde(skip)]
    pub(crate) sources: Vec<SourceFile>,
    #[serde(skip)]
    pub(crate) environment: Environment<'static>,
}

/// A file below the template's `files/` folder.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Path below `files/`, with expressions and the suffix `.j2`.
    pub(crate) path: String,
    pub(crate) contents: String,
}

/// Parameters that fit a template's schema, with every default filled in.
///
/// Serialises as a JSON object. One that was read back is validated again before it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(Map<String, Value>);

impl Parameters {
    /// The value of one parameter.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All parameters as a JSON object.
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl Template {
    fn load(files: &Files<'_>, name: &str) -> Result<Self, String> {
        let text = files.get(&format!("{name}/template.yaml")).copied().flatten();
        let text = text.ok_or("template.yaml is missing or not UTF-8")?;
        let written: Value = serde_saphyr::from_str(text).map_err(|error| format!("template.yaml: {error}"))?;
        let resolved = with_shared_schemas(files, &written)?;
        let definition = Definition::deserialize(&resolved).map_err(|error| format!("template.yaml: {error}"))?;
        definition.check()?;
        if name != definition.id {
            return Err(format!("the folder must be called {}", definition.id));
        }
        let schema = Schema::parse(&definition.parameters, &definition.languages)?;
        let folder = format!("{name}/files/");
        let mut sources = Vec::new();
        for (path, contents) in files {
            let Some(path) = path.strip_prefix(&folder) else { continue };
            let contents = contents.ok_or_else(|| format!("{path} is not UTF-8"))?;
            sources.push(SourceFile { path: path.to_owned(), contents: contents.to_owned() });
        }
        if sources.is_empty() {
            return Err("the folder files is missing".to_owned());
        }
        let mut environment = filters::environment();
        for source in sources.iter().filter(|source| source.path.ends_with(render::SUFFIX)) {
            environment
                .add_template_owned(source.path.clone(), source.contents.clone())
                .map_err(|error| format!("{}: {error:#}", source.path))?;
        }
        Ok(Self {
            id: definition.id.clone(),
            name: definition.name.clone(),
            description: definition.description.trim().to_owned(),
            version: definition.version.clone(),
            project_type: definition.project_type.clone(),
            languages: definition.languages.clone(),
            tools: definition.tools.clone(),
            commands: definition.commands.clone(),
            parameters: published(&definition.parameters),
            definition,
            schema,
            sources,
            environment,
        })
    }

    /// Checks parameters against the schema and fills in defaults.
    ///
    /// # Errors
    /// Every problem that was found, each with a JSON pointer and what to do.
    pub fn validate(&self, parameters: &Value) -> Result<Parameters, Vec<ParameterProblem>> {
        let mut problems = Vec::new();
        match self.schema.check("", parameters, &mut problems) {
            Value::Object(members) if problems.is_empty() => Ok(Parameters(members)),
            _ => Err(problems),
        }
    }

    /// The project that these parameters make: its files, and the tasks that make them.
    ///
    /// # Errors
    /// [`TemplateError::Parameters`] when the parameters are not for this template; the other errors are faults of the
    /// template, which its tests find.
    pub fn plan(&self, parameters: &Parameters) -> Result<PlannedProject, TemplateError> {
        plan::plan(self, &self.checked(parameters)?)
    }

    /// Renders the files of one task, in the order of their paths.
    ///
    /// # Errors
    /// [`TemplateError::UnknownTask`] for a task that the plan does not have; otherwise as [`Template::plan`].
    pub fn render_task(&self, parameters: &Parameters, task_id: &str) -> Result<Vec<RenderedFile>, TemplateError> {
        if !self.definition.tasks.iter().any(|task| task.id == task_id) {
            let known: Vec<&str> = self.definition.tasks.iter().map(|task| task.id.as_str()).collect();
            return Err(TemplateError::UnknownTask {
                template: self.id.clone(),
                task: task_id.to_owned(),
                known: known.join(", "),
            });
        }
        let parameters = self.checked(parameters)?;
        let outputs = render::outputs(self, &parameters)?;
        outputs.iter().filter(|output| output.task == task_id).map(|output| output.render(self)).collect()
    }

    fn checked(&self, parameters: &Parameters) -> Result<Parameters, TemplateError> {
        self.validate(&parameters.to_value())
            .map_err(|problems| TemplateError::Parameters { template: self.id.clone(), problems })
    }
}

/// Replaces `{$ref: name}` by the schema in `_schemas/name.yaml`.
fn with_shared_schemas(files: &Files<'_>, value: &Value) -> Result<Value, String> {
    match value {
        Value::Object(members) => {
            if let (1, Some(Value::String(name))) = (members.len(), members.get("$ref")) {
                let path = format!("_schemas/{name}.yaml");
                let text = files.get(&path).copied().flatten();
                let text = text.ok_or_else(|| format!("$ref: there is no {path}"))?;
                return serde_saphyr::from_str(text).map_err(|error| format!("{path}: {error}"));
            }
            let members: Result<Map<String, Value>, String> =
                members.iter().map(|(name, member)| Ok((name.clone(), with_shared_schemas(files, member)?))).collect();
            Ok(Value::Object(members?))
        }
        Value::Array(items) => {
            let items: Result<Vec<Value>, String> = items.iter().map(|item| with_shared_schemas(files, item)).collect();
            Ok(Value::Array(items?))
        }
        other => Ok(other.clone()),
    }
}
