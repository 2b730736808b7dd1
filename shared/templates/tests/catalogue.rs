//! What every template promises, without running what it makes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which the test settings of clippy miss")]

mod support;

use millrace_templates::{Parameters, Template, TemplateError, catalogue};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::parameters;

const CASES: [&str; 3] = ["defaults", "rich", "hostile"];

fn each_case(check: impl Fn(&Template, &Parameters)) {
    for template in catalogue().list() {
        for case in CASES {
            let parameters = template.validate(&parameters(&template.id, case));
            check(template, &parameters.unwrap_or_else(|problems| panic!("{} {case}: {problems:?}", template.id)));
        }
    }
}

#[test]
fn every_template_loads() {
    assert_eq!(catalogue().faults(), [""; 0]);
    let ids: Vec<&str> = catalogue().list().iter().map(|template| template.id.as_str()).collect();
    assert_eq!(ids, ["node-rest-api", "python-cli", "python-rest-api", "rust-lambda", "static-site"]);
    assert!(catalogue().get("rust-lambda").is_some());
    assert!(catalogue().get("no-such-template").is_none());
}

#[test]
fn templates_serialise_for_the_api() {
    for template in catalogue().list() {
        let json = serde_json::to_value(template).unwrap();
        for member in
            ["id", "name", "description", "version", "project_type", "languages", "tools", "commands", "parameters"]
        {
            assert!(json.get(member).is_some(), "{} has no {member}", template.id);
        }
        assert_eq!(json["parameters"]["type"], "object");
        assert_eq!(json["parameters"]["required"], json!(["name"]));
        assert!(!json.to_string().contains("\"x-"), "{} publishes keywords of the validator", template.id);
        assert!(!json.to_string().contains("$ref"), "{} publishes a reference", template.id);
    }
}

#[test]
fn every_file_belongs_to_one_task_and_every_task_makes_files() {
    each_case(|template, parameters| {
        let plan = template.plan(parameters).unwrap();
        let mut made = BTreeSet::new();
        for task in &plan.tasks {
            let files = template.render_task(parameters, &task.id).unwrap();
            assert!(!files.is_empty(), "{} of {} makes nothing", task.id, template.id);
            assert_eq!(files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), task.files);
            for file in files {
                assert!(made.insert(file.path.clone()), "{} is made twice", file.path);
                let planned = plan.files.iter().find(|planned| planned.path == file.path).unwrap();
                assert_eq!(planned.task_id, task.id);
            }
        }
        assert_eq!(made.len(), plan.files.len());
    });
}

#[test]
fn tasks_come_in_waves_and_some_run_at_the_same_time() {
    each_case(|template, parameters| {
        let plan = template.plan(parameters).unwrap();
        assert!(plan.tasks.len() >= 4, "{}", template.id);
        let waves: Vec<usize> = plan.tasks.iter().map(|task| task.wave).collect();
        assert!(waves.iter().max() >= Some(&3), "{}", template.id);
        assert!((1..=waves.len()).any(|wave| waves.iter().filter(|it| **it == wave).count() > 1), "{}", template.id);
        for (index, task) in plan.tasks.iter().enumerate() {
            assert!(!task.acceptance.is_empty());
            for dependency in &task.depends_on {
                let position = plan.tasks.iter().position(|other| other.id == *dependency).unwrap();
                assert!(position < index, "{} comes before {dependency}", task.id);
            }
        }
    });
}

#[test]
fn the_same_parameters_give_the_same_bytes() {
    each_case(|template, parameters| {
        let again: Parameters = serde_json::from_str(&serde_json::to_string(parameters).unwrap()).unwrap();
        assert_eq!(template.plan(parameters).unwrap(), template.plan(&again).unwrap());
        for task in template.plan(parameters).unwrap().tasks {
            assert_eq!(
                template.render_task(parameters, &task.id).unwrap(),
                template.render_task(&again, &task.id).unwrap()
            );
        }
    });
}

#[test]
fn validation_keeps_what_is_valid() {
    each_case(|template, parameters| {
        assert_eq!(&template.validate(&parameters.to_value()).unwrap(), parameters);
        assert_eq!(
            parameters.get("name").and_then(Value::as_str),
            Some(template.plan(parameters).unwrap().name.as_str())
        );
    });
}

fn problems(id: &str, parameters: Value) -> Vec<String> {
    let problems = catalogue().get(id).unwrap().validate(&parameters).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn names_are_slugs() {
    for template in catalogue().list() {
        for name in
            ["", "x", "Shop", "a_b", "a--b", "-a", "a-", "1a", "a b", "../x", "a/b", "a\n", "é", &"a".repeat(41)]
        {
            let found = problems(&template.id, json!({"name": name}));
            assert!(found.iter().all(|problem| problem.starts_with("/name: ")), "{name:?}: {found:?}");
        }
        assert_eq!(problems(&template.id, json!({})), ["/name: is missing; a string is required"]);
        let unknown = problems(&template.id, json!({"name": "shop", "nmae": 1}));
        assert!(unknown[0].starts_with("/nmae: is unknown; remove it (known: name, "), "{unknown:?}");
    }
}

#[test]
fn entities_are_checked_for_the_language() {
    let of = |id: &str, entities: Value| problems(id, json!({"name": "shop", "entities": entities}));
    let field = |name: &str| json!({"name": name, "type": "string"});
    assert_eq!(
        of(
            "python-rest-api",
            json!([{"name": "class", "fields": [field("lambda"), field("id"), field("2x"), field("a"), field("A")]}])
        ),
        [
            "/entities/0/name: \"class\" is a reserved word of python; choose another name, for example \"class_value\"",
            "/entities/0/fields/0/name: \"lambda\" is a reserved word of python; choose another name, for example \"lambda_value\"",
            "/entities/0/fields/1/name: \"id\" is the name of a member that every record has; choose another name, for \
             example \"id_value\"",
            "/entities/0/fields/2/name: \"2x\" does not fit; use letters, digits and single underscores, and start with a \
             lower-case letter, for example \"unit_price\"",
            "/entities/0/fields/4/name: \"A\" does not fit; use letters, digits and single underscores, and start with a \
             lower-case letter, for example \"unit_price\"",
        ]
    );
    assert_eq!(
        of(
            "rust-lambda",
            json!([{"name": "Item", "fields": [field("a_b"), field("aB")]}, {"name": "item", "fields": [field("x")]}])
        ),
        ["/entities/0/fields/1/name: \"a_b\" is used by /entities/0/fields/0 already; choose another"]
    );
    assert_eq!(
        of(
            "node-rest-api",
            json!([{"name": "Item", "fields": [field("x")]}, {"name": "item", "fields": [field("x")]}])
        ),
        ["/entities/1/name: \"item\" is used by /entities/0 already; choose another"]
    );
    assert_eq!(of("node-rest-api", json!([{"name": "item", "fields": [field("typeof")]}])).len(), 1);
    assert_eq!(of("rust-lambda", json!([{"name": "String", "fields": [field("type")]}])).len(), 2);
    assert_eq!(
        of("rust-lambda", json!([{"name": "thing", "fields": []}])),
        ["/entities/0/fields: has 0 items; give at least 1"]
    );
    // A word that another language keeps is free.
    let python = catalogue().get("python-rest-api").unwrap();
    let parameters =
        json!({"name": "shop", "entities": [{"name": "event", "fields": [field("type"), field("default")]}]});
    assert!(python.validate(&parameters).is_ok());
}

#[test]
fn pages_are_checked() {
    let page = |slug: &str| json!({"slug": slug, "title": slug, "body": "x"});
    let of = |pages: Value| problems("static-site", json!({"name": "shop", "pages": pages}));
    assert_eq!(of(json!([page("about")])), ["/pages: no page has the slug \"index\"; give it to the start page"]);
    assert_eq!(of(json!([page("index"), page("../x")])).len(), 1);
    assert_eq!(of(json!([])), ["/pages: has 0 items; give at least 1"]);
}

#[test]
fn errors_name_what_is_wrong() {
    let python = catalogue().get("python-cli").unwrap();
    let site = catalogue().get("static-site").unwrap();
    let parameters = python.validate(&json!({"name": "tool"})).unwrap();
    let unknown = python.render_task(&parameters, "nothing").unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "template python-cli has no task nothing; its tasks are foundation, commands, interface, tests, documentation"
    );
    let foreign = site.plan(&parameters).unwrap_err();
    assert!(
        matches!(&foreign, TemplateError::Parameters { problems, .. } if problems[0].pointer == "/commands"),
        "{foreign}"
    );
}

#[test]
fn hostile_descriptions_come_back_as_they_are() {
    let expected = |id: &str| {
        let parameters = parameters(id, "hostile");
        let visible: String = parameters["description"]
            .as_str()
            .unwrap()
            .chars()
            .filter(|it| !matches!(it, '\u{202e}'))
            .map(|it| if it.is_whitespace() { ' ' } else { it })
            .collect();
        visible.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let file = |id: &str, path: &str| {
        let template = catalogue().get(id).unwrap();
        let parameters = template.validate(&parameters(id, "hostile")).unwrap();
        let plan = template.plan(&parameters).unwrap();
        let task = &plan.files.iter().find(|file| file.path == path).unwrap().task_id;
        let files = template.render_task(&parameters, task).unwrap();
        files.into_iter().find(|file| file.path == path).unwrap().contents
    };
    for id in ["node-rest-api", "static-site"] {
        let package: Value = serde_json::from_str(&file(id, "package.json")).unwrap();
        assert_eq!(package["description"], expected(id));
    }
    for id in ["node-rest-api", "python-rest-api", "rust-lambda", "static-site"] {
        let stack: Value = serde_saphyr::from_str(&file(id, "template.yaml")).unwrap();
        assert_eq!(stack["Description"], expected(id));
    }
}

#[test]
fn programs_are_executable() {
    for (id, paths) in [
        ("node-rest-api", &["scripts/serve.js"][..]),
        ("python-rest-api", &["scripts/serve.py"]),
        ("static-site", &["scripts/deploy.sh", "scripts/serve.js"]),
    ] {
        let template = catalogue().get(id).unwrap();
        let parameters = template.validate(&json!({"name": "shop"})).unwrap();
        let tasks = template.plan(&parameters).unwrap().tasks;
        let files = tasks.iter().flat_map(|task| template.render_task(&parameters, &task.id).unwrap());
        let mut found: Vec<String> = files.filter(|file| file.executable).map(|file| file.path).collect();
        found.sort();
        assert_eq!(found, paths, "{id}");
    }
}
