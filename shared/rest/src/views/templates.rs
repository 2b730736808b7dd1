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
    /// How to test, build, run and deploy the made project.
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
                test: template.commands.test.clone(),
                build: template.commands.build.clone(),
                run: template.commands.run.clone(),
                deploy: template.commands.deploy.clone(),
            },
            parameters: template.parameters.clone(),
        }
    }
}
