//! Makes projects from every template, with plain, rich and hostile parameters, and runs their own tests.

mod support;

use millrace_templates::catalogue;
use serde_json::json;
use support::{Made, make, parameters, run};

/// Runs the test commands of a made project and returns how many tests ran.
fn tests_run(made: &Made) -> usize {
    let mut count = 0;
    for command in &made.project.commands.test {
        let output = run(&made.root, command);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} in {}:\n{text}", command, made.root.display());
        count += support::count_tests(&text);
    }
    count
}

fn check(id: &str) {
    for case in ["defaults", "rich", "hostile"] {
        let made = make(id, case, &parameters(id, case));
        assert!(tests_run(&made) > 0, "no tests ran for {id} with {case} parameters");
        support::check_files(&made);
        support::check_readme(&made);
    }
}

#[test]
fn python_rest_api() {
    check("python-rest-api");
}

#[test]
fn node_rest_api() {
    check("node-rest-api");
}

#[test]
fn rust_lambda() {
    check("rust-lambda");
}

#[test]
#[ignore = "builds the AWS SDK, which takes minutes"]
fn rust_lambda_function() {
    for case in ["defaults", "rich", "hostile"] {
        let made = make("rust-lambda", case, &parameters("rust-lambda", case));
        let output =
            run(&made.root, "cargo clippy --workspace --all-targets --locked -- -D warnings && cargo test -p function");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn static_site() {
    check("static-site");
}

#[test]
fn python_cli() {
    check("python-cli");
}

#[test]
fn every_authentication_is_a_valid_stack() {
    for id in ["python-rest-api", "node-rest-api", "rust-lambda"] {
        for authentication in ["jwt", "none"] {
            let mut parameters = parameters(id, "defaults");
            parameters["authentication"] = authentication.into();
            support::check_files(&make(id, authentication, &parameters));
        }
    }
}

/// Names that mean something to the language or to the made code, but may be used.
#[test]
fn awkward_names_work() {
    let names = [
        "result", "service", "request", "record", "error", "value", "handler", "storage", "Memory", "field", "json",
        "test",
    ];
    for id in ["python-rest-api", "node-rest-api", "rust-lambda"] {
        let field = |name: &str| json!({"name": name, "type": "integer", "required": true});
        let fields: Vec<_> =
            ["text", "kind", "number", "body", "entity", "name", "fields", "values", "min", "path"].map(field).into();
        let entities: Vec<_> = names.iter().map(|name| json!({"name": name, "fields": fields})).collect();
        let made = make(id, "names", &json!({"name": "json", "entities": entities}));
        assert!(tests_run(&made) > names.len());
        support::check_files(&made);
    }
}

#[test]
fn every_template_has_a_test_here() {
    let source = include_str!("made_projects.rs");
    for template in catalogue().list() {
        assert!(source.contains(&format!("check(\"{}\")", template.id)), "{} is not made in this file", template.id);
    }
}
