//! Making projects in a folder below the target folder, and looking at what was made.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "test support, of which each test file uses a part"
)]

use millrace_templates::{PlannedProject, RenderedFile, catalogue};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Text that breaks out of quotes, comments, markup and template engines where they are not escaped.
pub(crate) const HOSTILE: &str = "Quote \" and ' and \"\"\" and ''' and ` \\ \\n {{ name }} {% raw %} {# x #} ${x} %s */ --> <!-- \
    </script><script>alert(1)</script> ]]> #{x} $(id) @import; --- | & <b> é 漢 😀 \u{202e}\u{2028}\n```\n# heading\n: - [a](javascript:x) \\";

/// A made project.
pub(crate) struct Made {
    pub(crate) project: PlannedProject,
    pub(crate) files: Vec<RenderedFile>,
    pub(crate) root: PathBuf,
}

/// Renders every task into an empty folder.
pub(crate) fn make(id: &str, case: &str, parameters: &Value) -> Made {
    let template = catalogue().get(id).unwrap();
    let parameters = template.validate(parameters).unwrap_or_else(|problems| panic!("{id} {case}: {problems:?}"));
    let project = template.plan(&parameters).unwrap();
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("made").join(format!("{id}-{case}"));
    if root.exists() {
        fs::remove_dir_all(&root).unwrap();
    }
    let mut files = Vec::new();
    for task in &project.tasks {
        let made = template.render_task(&parameters, &task.id).unwrap_or_else(|error| panic!("{id} {case}: {error:?}"));
        assert_eq!(made.iter().map(|file| file.path.clone()).collect::<Vec<_>>(), task.files);
        for file in made {
            let path = root.join(&file.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &file.contents).unwrap();
            if file.executable {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
            files.push(file);
        }
    }
    Made { project, files, root }
}

/// Parameters of a case: `defaults`, `rich` or `hostile`.
pub(crate) fn parameters(id: &str, case: &str) -> Value {
    let name = format!("made-{case}");
    match (id, case) {
        (_, "defaults") => json!({"name": name}),
        ("python-rest-api" | "node-rest-api" | "rust-lambda", "rich") => json!({
            "name": name,
            "description": "Shops and their orders",
            "entities": [
                {"name": "OrderItem", "description": "A line of an order", "fields": every_field("Plain text", &["small", "large"])},
                {"name": "category", "fields": [{"name": "label", "type": "string"}, {"name": "ratio", "type": "number"}]},
            ],
        }),
        ("python-rest-api" | "node-rest-api" | "rust-lambda", _) => json!({
            "name": name,
            "description": HOSTILE.chars().take(250).collect::<String>(),
            "entities": [
                {"name": "thing", "description": HOSTILE.chars().take(200).collect::<String>(), "fields": every_field(
                    &HOSTILE.chars().take(200).collect::<String>(),
                    &["\"", "'", "\\", "```", "|", "{{ x }}", "*/", "</script>", "a\nb", "${x}", "é😀\u{202e}", "\\\"", "#{x}"],
                )},
            ],
        }),
        ("static-site", "rich") => json!({
            "name": name,
            "title": "Bakery",
            "description": "Bread & cakes",
            "language": "pt-BR",
            "palette": "teal",
            "pages": [
                {"slug": "bread", "title": "Bread", "body": "One paragraph\nover two lines.\n\nAnother."},
                {"slug": "index", "title": "Home", "body": "Welcome"},
            ],
        }),
        ("static-site", _) => json!({
            "name": name,
            "title": HOSTILE.chars().take(80).collect::<String>(),
            "description": HOSTILE.chars().take(250).collect::<String>(),
            "palette": "red",
            "pages": [
                {"slug": "index", "title": HOSTILE.chars().take(80).collect::<String>(), "body": HOSTILE},
                {"slug": "other", "title": "</title><script>x()</script>", "body": "<img src=x onerror=alert(1)>\n\n{% include 'x' %}"},
            ],
        }),
        ("python-cli", _) => {
            let description = if case == "rich" { "Plain text" } else { HOSTILE };
            let cut = |length: usize| format!("%(prog)s %s {description}").chars().take(length).collect::<String>();
            let actions = ["count", "filter", "replace", "sort", "frequency", "statistics"];
            let commands: Vec<Value> = actions
                .iter()
                .enumerate()
                .map(
                    |(index, action)| json!({"name": format!("do-{index}"), "action": action, "description": cut(200)}),
                )
                .collect();
            json!({"name": name, "description": cut(250), "commands": commands})
        }
        _ => panic!("no parameters for {id} {case}"),
    }
}

/// Fields of every type, with and without limits.
fn every_field(description: &str, values: &[&str]) -> Value {
    json!([
        {"name": "label", "type": "string", "required": true, "description": description},
        {"name": "code", "type": "string", "min": 3, "max": 3},
        {"name": "longText", "type": "string", "min": 0, "max": 10_000, "description": description},
        {"name": "amount", "type": "integer", "required": true, "min": 1, "max": 99},
        {"name": "offset", "type": "integer", "min": -5},
        {"name": "anyInteger", "type": "integer"},
        {"name": "price", "type": "number", "required": true, "min": 0.01, "max": 1e9},
        {"name": "factor", "type": "number", "max": -1},
        {"name": "any_number", "type": "number", "min": -2},
        {"name": "active", "type": "boolean", "required": true},
        {"name": "hidden", "type": "boolean"},
        {"name": "placed_at", "type": "datetime", "required": true},
        {"name": "shipped_at", "type": "datetime"},
        {"name": "size", "type": "enum", "required": true, "values": values, "description": description},
        {"name": "grade", "type": "enum", "values": ["a", "b", "c"]},
    ])
}

/// Runs a command line in a folder.
pub(crate) fn run(folder: &Path, command: &str) -> Output {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("made-target");
    Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("NODE_OPTIONS")
        .env_remove("NODE_TEST_CONTEXT")
        .output()
        .unwrap()
}

/// The number of passed tests that the output of unittest, `node --test` or cargo reports.
pub(crate) fn count_tests(output: &str) -> usize {
    let number = |line: &str, before: &str, after: &str| {
        let rest = line.trim_start_matches(['#', 'ℹ', ' ']).strip_prefix(before)?;
        rest.split(after).next()?.trim().parse::<usize>().ok()
    };
    output
        .lines()
        .filter_map(|line| {
            number(line, "Ran ", " test")
                .or_else(|| number(line, "pass ", "\n"))
                .or_else(|| number(line, "test result: ok. ", " passed"))
        })
        .sum()
}

/// Parses every file whose language has a parser at hand.
pub(crate) fn check_files(made: &Made) {
    let list: Vec<&str> = made.files.iter().map(|file| file.path.as_str()).collect();
    let script = r"
import json, sys, tomllib
for path in sys.argv[1:]:
    if path.endswith('.py'):
        compile(open(path, encoding='utf-8').read(), path, 'exec', dont_inherit=True)
    elif path.endswith('.json'):
        json.load(open(path, encoding='utf-8'))
    elif path.endswith('.toml'):
        tomllib.load(open(path, 'rb'))
";
    let output = Command::new("python3")
        .args(["-W", "error", "-c", script])
        .args(&list)
        .current_dir(&made.root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {}", made.root.display(), String::from_utf8_lossy(&output.stderr));
    for file in &made.files {
        let place = made.root.join(&file.path);
        if file.path.ends_with(".yaml") || file.path.ends_with(".yml") {
            // CloudFormation's short functions are tags, which do not matter here.
            let parsed: Result<Value, _> = serde_saphyr::from_str(&file.contents);
            assert!(parsed.is_ok(), "{}: {:?}", place.display(), parsed.err());
        }
        if file.path.ends_with(".js") {
            let output = Command::new("node").arg("--check").arg(&place).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(
            file.contents.ends_with('\n') && !file.contents.ends_with("\n\n"),
            "{} must end in one line break",
            place.display()
        );
        for (index, line) in file.contents.lines().enumerate() {
            assert_eq!(line, line.trim_end(), "{}:{} ends in white space", place.display(), index + 1);
        }
        assert!(!file.contents.contains("\n\n\n\n"), "{} has a gap", place.display());
    }
    lint_template(made);
}

fn lint_template(made: &Made) {
    for file in made
        .files
        .iter()
        .filter(|file| file.path.ends_with(".yaml") && file.contents.starts_with("AWSTemplateFormatVersion"))
    {
        match Command::new("cfn-lint")
            .args(["--regions", "us-east-1", "--"])
            .arg(&file.path)
            .current_dir(&made.root)
            .output()
        {
            Ok(output) if output.status.code() == Some(127) => {
                println!("cfn-lint cannot be run; {} is not linted", file.path)
            }
            Ok(output) => {
                assert!(output.status.success(), "{}: {}", made.root.display(), String::from_utf8_lossy(&output.stdout))
            }
            Err(_) => println!("cfn-lint is missing; {} is not linted", file.path),
        }
    }
}

/// The README of a made project names its test commands.
pub(crate) fn check_readme(made: &Made) {
    let readme = made.files.iter().find(|file| file.path == "README.md").unwrap();
    for command in made.project.commands.test.iter().chain(&made.project.commands.run) {
        assert!(readme.contents.lines().any(|line| line == command), "README.md does not name {command:?}");
    }
}
