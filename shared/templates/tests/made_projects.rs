//! Makes projects from every template, with plain, rich and hostile parameters, and runs their own tests.

mod support;

use millrace_templates::catalogue;
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

#[test]
fn every_template_has_a_test_here() {
    let source = include_str!("made_projects.rs");
    for template in catalogue().list() {
        assert!(source.contains(&format!("check(\"{}\")", template.id)), "{} is not made in this file", template.id);
    }
}
