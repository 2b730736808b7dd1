//! The form of a plan as JSON Schema.

use serde_json::{Value, json};

/// What the answer is called where a provider wants a name.
pub const SCHEMA_NAME: &str = "plan";

/// The schema. Every member is required and none may be added, as providers' strict modes want it; sizes are checked by
/// [`super::check`], since not every provider takes bounds.
#[must_use]
pub fn schema() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let texts =
        |description: &str| json!({ "type": "array", "items": { "type": "string" }, "description": description });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "description", "project_type", "languages", "tools", "files", "tasks", "commands"],
        "properties": {
            "name": text("The project's name: lower-case letters, digits and hyphens."),
            "description": text("What is made, in one to three sentences."),
            "project_type": {
                "type": "string", "enum": ["sam", "static-site", "container", "cli", "library", "other"],
                "description": "How it is deployed: sam for AWS Lambda."
            },
            "languages": texts("Programming languages, in lower case."),
            "tools": texts("Programs that the commands need."),
            "files": {
                "type": "array",
                "description": "Every file that is written, changed or removed, each once.",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["path", "purpose", "change"],
                    "properties": {
                        "path": text("Relative to the project's root, with / between the parts."),
                        "purpose": text("What the file is for, or what changes in it."),
                        "change": {
                            "type": "string", "enum": ["write", "delete"],
                            "description": "write makes the file or changes it; delete removes one that exists."
                        }
                    }
                }
            },
            "tasks": {
                "type": "array",
                "description": "Pieces of work. Each file belongs to exactly one of them.",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["id", "title", "description", "depends_on", "acceptance", "files"],
                    "properties": {
                        "id": text("Unique: lower-case letters, digits and hyphens."),
                        "title": text("What is made, in a few words."),
                        "description": text("What is made and how: interfaces, names, behaviour, errors. Whoever does the task sees this."),
                        "depends_on": texts("Ids of tasks whose files this one needs. No cycles; tasks without a path between them are done at the same time."),
                        "acceptance": texts("Statements that can be checked and hold when the task is done."),
                        "files": texts("Paths from files.")
                    }
                }
            },
            "commands": {
                "type": "object",
                "additionalProperties": false,
                "required": ["test", "build", "run", "deploy"],
                "description": "Shell commands for the project's root; empty lists where there are none.",
                "properties": {
                    "test": texts("Runs the tests."),
                    "build": texts("Builds."),
                    "run": texts("Runs the project locally."),
                    "deploy": texts("Deploys.")
                }
            }
        }
    })
}
