//! The catalogue and its templates, embedded in the binary.

use crate::definition::{Commands, Definition};
use crate::error::ParameterProblem;
use crate::schema::{Schema, published};
use crate::{PlannedProject, RenderedFile, TemplateError};
use crate::{filters, plan, render};
use include_dir::{Dir, DirEntry, include_dir};
use minijinja::Environment;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::OnceLock;

static EMBEDDED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();

/// The templates of this build, parsed at the first call.
pub fn catalogue() -> &'static Catalogue {
    CATALOGUE.get_or_init(|| Catalogue::load(&EMBEDDED))
}

/// Every template, in the order of their ids.
#[derive(Debug)]
pub struct Catalogue {
    templates: Vec<Template>,
    faults: Vec<String>,
}

impl Catalogue {
    fn load(root: &'static Dir<'static>) -> Self {
        let mut catalogue = Self { templates: Vec::new(), faults: Vec::new() };
        for folder in root.dirs() {
            let name = folder.path().to_string_lossy();
            if name.starts_with('_') {
                continue;
            }
            match Template::load(root, folder) {
                Ok(template) => catalogue.templates.push(template),
                Err(fault) => catalogue.faults.push(format!("{name}: {fault}")),
            }
        }
        catalogue.templates.sort_by(|one, other| one.id.cmp(&other.id));
        catalogue
    }

    /// Every template, in the order of their ids.
    pub fn list(&self) -> &[Template] {
        &self.templates
    }

    /// The template with this id.
    pub fn get(&self, id: &str) -> Option<&Template> {
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
    pub(crate) contents: &'static str,
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
    fn load(root: &'static Dir<'static>, folder: &'static Dir<'static>) -> Result<Self, String> {
        let text = folder
            .get_file(folder.path().join("template.yaml"))
            .and_then(|file| file.contents_utf8())
            .ok_or("template.yaml is missing or not UTF-8")?;
        let written: Value = serde_saphyr::from_str(text).map_err(|error| format!("template.yaml: {error}"))?;
        let resolved = with_shared_schemas(root, &written)?;
        let definition = Definition::deserialize(&resolved).map_err(|error| format!("template.yaml: {error}"))?;
        definition.check()?;
        if folder.path().to_str() != Some(definition.id.as_str()) {
            return Err(format!("the folder must be called {}", definition.id));
        }
        let schema = Schema::parse(&definition.parameters, &definition.languages)?;
        let mut sources = Vec::new();
        let files = folder.get_dir(folder.path().join("files")).ok_or("the folder files is missing")?;
        collect(files, files, &mut sources)?;
        sources.sort_by(|one, other| one.path.cmp(&other.path));
        let mut environment = filters::environment();
        for source in sources.iter().filter(|source| source.path.ends_with(render::SUFFIX)) {
            environment
                .add_template_owned(source.path.clone(), source.contents)
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

fn collect(root: &Dir<'static>, folder: &'static Dir<'static>, sources: &mut Vec<SourceFile>) -> Result<(), String> {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(root, inner, sources)?,
            DirEntry::File(file) => {
                let path = file.path().strip_prefix(root.path()).unwrap_or_else(|_| file.path());
                let path = path.to_str().ok_or("a file name is not UTF-8")?.replace('\\', "/");
                let contents = file.contents_utf8().ok_or_else(|| format!("{path} is not UTF-8"))?;
                sources.push(SourceFile { path, contents });
            }
        }
    }
    Ok(())
}

/// Replaces `{$ref: name}` by the schema in `_schemas/name.yaml`.
fn with_shared_schemas(root: &Dir<'static>, value: &Value) -> Result<Value, String> {
    match value {
        Value::Object(members) => {
            if let (1, Some(Value::String(name))) = (members.len(), members.get("$ref")) {
                let path = format!("_schemas/{name}.yaml");
                let text = root.get_file(&path).and_then(|file| file.contents_utf8());
                let text = text.ok_or_else(|| format!("$ref: there is no {path}"))?;
                return serde_saphyr::from_str(text).map_err(|error| format!("{path}: {error}"));
            }
            let members: Result<Map<String, Value>, String> =
                members.iter().map(|(name, member)| Ok((name.clone(), with_shared_schemas(root, member)?))).collect();
            Ok(Value::Object(members?))
        }
        Value::Array(items) => {
            let items: Result<Vec<Value>, String> = items.iter().map(|item| with_shared_schemas(root, item)).collect();
            Ok(Value::Array(items?))
        }
        other => Ok(other.clone()),
    }
}
