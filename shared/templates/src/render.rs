//! From template files to the made files: expressions in paths, one file for each item, contents.

use crate::catalogue::{Parameters, SourceFile, Template};
use crate::definition::Each;
use crate::{TemplateError, glob};
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Files with this suffix are rendered and lose it; all others are copied byte for byte.
pub(crate) const SUFFIX: &str = ".j2";

/// Files whose path starts so are only extended and included by others.
const PARTIAL: char = '_';

/// A file of the made project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedFile {
    /// Path below the project's root, with `/` between segments.
    pub path: String,
    /// The whole file.
    pub contents: String,
    /// Whether the file is a program to be run.
    pub executable: bool,
}

/// A file to be made: where it comes from, where it goes and what its expressions see.
pub(crate) struct Output<'template> {
    pub(crate) path: String,
    pub(crate) task: String,
    executable: bool,
    source: &'template SourceFile,
    context: Map<String, Value>,
}

impl Output<'_> {
    pub(crate) fn render(&self, template: &Template) -> Result<RenderedFile, TemplateError> {
        let contents = if self.source.path.ends_with(SUFFIX) {
            template
                .environment
                .get_template(&self.source.path)
                .and_then(|file| file.render(Serde(&self.context)))
                .map_err(|source| fault(template, &self.source.path, source))?
        } else {
            self.source.contents.to_owned()
        };
        Ok(RenderedFile { path: self.path.clone(), contents, executable: self.executable })
    }
}

/// Every file that the parameters make, in the order of their paths, each with its task.
pub(crate) fn outputs<'template>(
    template: &'template Template,
    parameters: &Parameters,
) -> Result<Vec<Output<'template>>, TemplateError> {
    let base = context(template, parameters)?;
    let owners = owners(template, &base)?;
    let mut outputs = Vec::new();
    for source in template.sources.iter().filter(|source| !source.path.starts_with(PARTIAL)) {
        let each = template
            .definition
            .each
            .iter()
            .find(|each| each.files.iter().any(|pattern| glob::matches(pattern, &source.path)));
        for context in contexts(template, &base, each)? {
            let expression = source.path.strip_suffix(SUFFIX).unwrap_or(&source.path);
            let path = render_text(template, expression, expression, &context)?;
            if let Some(reason) = path_fault(&path) {
                return Err(TemplateError::Path { template: template.id.clone(), path, reason });
            }
            let task = owner(template, &owners, &path)?;
            let executable = template.definition.executable.iter().any(|pattern| glob::matches(pattern, &path));
            outputs.push(Output { path, task, executable, source, context });
        }
    }
    outputs.sort_by(|one, other| one.path.cmp(&other.path));
    if let Some((first, _)) = outputs.iter().zip(outputs.iter().skip(1)).find(|(one, next)| one.path == next.path) {
        let path = first.path.clone();
        return Err(TemplateError::Path { template: template.id.clone(), path, reason: "it is made twice" });
    }
    Ok(outputs)
}

/// The parameters and the template's variables.
pub(crate) fn context(template: &Template, parameters: &Parameters) -> Result<Map<String, Value>, TemplateError> {
    let mut context = parameters.members().clone();
    add_variables(template, &template.definition.variables, &mut context)?;
    Ok(context)
}

/// Renders a text of `template.yaml`.
pub(crate) fn render_text(
    template: &Template,
    place: &str,
    text: &str,
    context: &Map<String, Value>,
) -> Result<String, TemplateError> {
    template.environment.render_named_str(place, text, Serde(context)).map_err(|source| fault(template, place, source))
}

fn contexts(
    template: &Template,
    base: &Map<String, Value>,
    each: Option<&Each>,
) -> Result<Vec<Map<String, Value>>, TemplateError> {
    let Some(each) = each else {
        return Ok(vec![base.clone()]);
    };
    let items = base.get(&each.over).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .map(|item| {
            let mut context = base.clone();
            context.insert(each.item.clone(), item.clone());
            add_variables(template, &each.variables, &mut context)?;
            Ok(context)
        })
        .collect()
}

fn add_variables(
    template: &Template,
    variables: &Map<String, Value>,
    context: &mut Map<String, Value>,
) -> Result<(), TemplateError> {
    for (name, expression) in variables {
        let expression = expression.as_str().unwrap_or_default();
        let text = render_text(template, &format!("variable {name}"), expression, context)?;
        context.insert(name.clone(), Value::String(text));
    }
    Ok(())
}

/// Each task's id with its rendered globs.
fn owners(template: &Template, context: &Map<String, Value>) -> Result<Vec<(String, Vec<String>)>, TemplateError> {
    let tasks = template.definition.tasks.iter();
    tasks
        .map(|task| {
            let place = format!("files of task {}", task.id);
            let globs: Result<Vec<String>, TemplateError> =
                task.files.iter().map(|pattern| render_text(template, &place, pattern, context)).collect();
            Ok((task.id.clone(), globs?))
        })
        .collect()
}

fn owner(template: &Template, owners: &[(String, Vec<String>)], path: &str) -> Result<String, TemplateError> {
    let claims: Vec<&str> = owners
        .iter()
        .filter(|(_, globs)| globs.iter().any(|pattern| glob::matches(pattern, path)))
        .map(|(id, _)| id.as_str())
        .collect();
    match claims.as_slice() {
        [task] => Ok((*task).to_owned()),
        _ => Err(TemplateError::Ownership {
            template: template.id.clone(),
            path: path.to_owned(),
            owners: if claims.is_empty() { "none".to_owned() } else { claims.join(", ") },
        }),
    }
}

/// Why a path cannot be used, if so.
fn path_fault(path: &str) -> Option<&'static str> {
    if path.split('/').any(str::is_empty) {
        return Some("it is absolute or has an empty segment");
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Some("it leaves the project");
    }
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '/' | '.' | '_' | '-');
    (!path.chars().all(plain)).then_some("it has characters other than letters, digits, dot, hyphen and underscore")
}

fn fault(template: &Template, place: &str, source: minijinja::Error) -> TemplateError {
    TemplateError::Render { template: template.id.clone(), place: place.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::path_fault;

    #[test]
    fn paths_stay_inside_the_project() {
        for path in ["", "/etc/passwd", "a//b", "../a", "a/./b", "a b", "a\\b", "a/", "é"] {
            assert!(path_fault(path).is_some(), "{path}");
        }
        for path in ["a", ".github/workflows/ci.yml", "src/a-b/__init__.py"] {
            assert_eq!(path_fault(path), None, "{path}");
        }
    }
}
