//! Project templates.

use std::sync::Arc;

use millrace_templates::Template;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::artifacts::CommandsView;

/// All templates.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TemplateList {
    /// In the order of their ids.
    items: Vec<TemplateView>,
}

impl From<&[Arc<Template>]> for TemplateList {
    fn from(templates: &[Arc<Template>]) -> Self {
        Self { items: templates.iter().map(|template| TemplateView::from(template.as_ref())).collect() }
    }
}

/// A project template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
pub(crate) struct TemplateView {
    /// Its id.
    id: String,
    /// Its title.
    name: String,
    /// What the made project is.
    description: String,
    /// Changes whenever the made files change.
    version: String,
    /// `sam`, `static-site`, `cli`…
    project_type: String,
    /// Languages of the code.
    languages: Vec<String>,
    /// Programs that the test commands need.
    tools: Vec<String>,
    /// How to test, build, run and deploy the made project. `<name>` stands for what follows from its parameters.
    commands: CommandsView,
    /// A JSON Schema of the parameters.
    #[schema(value_type = Object)]
    parameters: Value,
}

impl From<&Template> for TemplateView {
    fn from(template: &Template) -> Self {
        Self {
            id: template.id.clone(),
            name: template.name.clone(),
            description: template.description.clone(),
            version: template.version.clone(),
            project_type: template.project_type.clone(),
            languages: template.languages.clone(),
            tools: template.tools.clone(),
            commands: CommandsView {
                test: shown(&template.commands.test),
                build: shown(&template.commands.build),
                run: shown(&template.commands.run),
                deploy: shown(&template.commands.deploy),
            },
            parameters: template.parameters.clone(),
        }
    }
}

/// Commands of projects that are not made yet: their places as `<name>`.
fn shown(commands: &[String]) -> Vec<String> {
    commands.iter().map(|command| places(command)).collect()
}

fn places(command: &str) -> String {
    let mut text = String::with_capacity(command.len());
    let mut rest = command;
    while let Some((before, (place, after))) =
        rest.split_once("{{").and_then(|(before, place)| Some((before, place.split_once("}}")?)))
    {
        let name = place.split('|').next().unwrap_or_default().trim();
        text.push_str(&format!("{before}<{name}>"));
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shown_by_their_names() {
        for (command, expected) in [
            ("python3 -m {{ package }} --help", "python3 -m <package> --help"),
            ("{{a|snake}} {{ b }}", "<a> <b>"),
            ("make {{ x", "make {{ x"),
            ("make", "make"),
        ] {
            assert_eq!(places(command), expected);
        }
    }
}
