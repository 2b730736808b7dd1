//! What the Ops agent detects, writes and says, held against the tools themselves: `sam validate --lint` over every template that it
//! writes, and the local part of its instructions in a shell.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::path::Path;
use std::process::Command;

use millrace_agents::analysis::SourceFile;
use millrace_agents::package::{DetectedProject, Entry, ProjectKind, detect};

/// A project with what it must be found to be.
struct Case {
    stack: &'static str,
    kind: ProjectKind,
    files: &'static [(&'static str, &'static str)],
}

const fn case(stack: &'static str, kind: ProjectKind, files: &'static [(&'static str, &'static str)]) -> Case {
    Case { stack, kind, files }
}

const UNITTEST: &str = "import unittest\nfrom app import add\n\n\nclass T(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n";
const NODE_TEST: &str = "const test = require('node:test');\nconst assert = require('node:assert');\nconst { add } = require('../index.js');\ntest('adds', () => assert.equal(add(1, 2), 3));\n";

/// The common stacks, without a configuration of their own.
const CASES: &[Case] = &[
    case(
        "python-lambda",
        ProjectKind::Sam,
        &[
            (
                "app.py",
                "def add(a, b):\n    return a + b\n\n\ndef lambda_handler(event, context):\n    return add(1, 2)\n",
            ),
            ("requirements.txt", ""),
            ("tests/test_app.py", UNITTEST),
        ],
    ),
    case(
        "python-flask",
        ProjectKind::Container,
        &[("requirements.txt", "flask==3.0.0\n"), ("src/web.py", "from flask import Flask\n\napp = Flask(__name__)\n")],
    ),
    case(
        "python-fastapi",
        ProjectKind::Container,
        &[
            ("pyproject.toml", "[project]\nname = \"x\"\nversion = \"1\"\ndependencies = [\"fastapi\"]\n"),
            ("main.py", "from fastapi import FastAPI\n\napi: FastAPI = FastAPI()\n"),
        ],
    ),
    case(
        "python-django",
        ProjectKind::Container,
        &[("requirements.txt", "django\n"), ("manage.py", "import sys\n"), ("shop/wsgi.py", "application = None\n")],
    ),
    case(
        "python-program",
        ProjectKind::PythonPackage,
        &[
            (
                "pyproject.toml",
                "[project]\nname = \"adder\"\nversion = \"1\"\n[project.scripts]\nadder = \"app:main\"\n",
            ),
            ("app.py", "def add(a, b):\n    return a + b\n\n\ndef main():\n    print(add(1, 2))\n"),
            ("test_app.py", UNITTEST),
        ],
    ),
    case(
        "node-lambda",
        ProjectKind::Sam,
        &[
            (
                "package.json",
                r#"{"name": "x", "version": "1.0.0", "scripts": {"test": "node --test test/index.test.js"}}"#,
            ),
            ("index.js", "exports.add = (a, b) => a + b;\nexports.handler = async () => exports.add(1, 2);\n"),
            ("test/index.test.js", NODE_TEST),
        ],
    ),
    case(
        "node-typescript-lambda",
        ProjectKind::Sam,
        &[
            ("package.json", r#"{"name": "x", "devDependencies": {"typescript": "5", "esbuild": "0.25"}}"#),
            ("tsconfig.json", "{}"),
            ("src/index.ts", "export const handler = async (): Promise<number> => 3;\n"),
        ],
    ),
    case(
        "node-express",
        ProjectKind::Container,
        &[
            (
                "package.json",
                r#"{"name": "x", "dependencies": {"express": "5"}, "scripts": {"start": "node server.js"}}"#,
            ),
            ("server.js", "require('express')().listen(process.env.PORT);\n"),
        ],
    ),
    case(
        "node-next-static",
        ProjectKind::StaticSite,
        &[
            ("package.json", r#"{"dependencies": {"next": "15", "react": "19"}, "scripts": {"build": "next build"}}"#),
            ("next.config.js", "module.exports = { output: 'export' };\n"),
        ],
    ),
    case(
        "node-next",
        ProjectKind::Container,
        &[
            ("package.json", r#"{"dependencies": {"next": "15"}, "scripts": {"build": "next build"}}"#),
            ("next.config.js", "module.exports = {};\n"),
        ],
    ),
    case(
        "node-vite",
        ProjectKind::StaticSite,
        &[
            ("package.json", r#"{"devDependencies": {"vite": "7"}, "scripts": {"build": "vite build"}}"#),
            ("index.html", "<!doctype html>"),
        ],
    ),
    case(
        "node-react",
        ProjectKind::StaticSite,
        &[
            (
                "package.json",
                r#"{"dependencies": {"react-scripts": "5"}, "scripts": {"build": "react-scripts build"}}"#,
            ),
            ("public/index.html", "<!doctype html>"),
        ],
    ),
    case(
        "rust-lambda",
        ProjectKind::Sam,
        &[
            ("Cargo.toml", "[package]\nname = \"hello\"\n\n[dependencies]\nlambda_http = \"1\"\n"),
            ("src/main.rs", "fn main() {}\n"),
        ],
    ),
    case(
        "rust-web",
        ProjectKind::Container,
        &[
            ("Cargo.toml", "[package]\nname = \"hello\"\n\n[dependencies]\naxum = \"0.8\"\n"),
            ("src/main.rs", "fn main() {}\n"),
        ],
    ),
    case(
        "rust-program",
        ProjectKind::Cargo,
        &[
            ("Cargo.toml", "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
            (
                "src/main.rs",
                "fn main() {\n    println!(\"{}\", 1 + 2);\n}\n\n#[test]\nfn adds() {\n    assert_eq!(1 + 2, 3);\n}\n",
            ),
        ],
    ),
    case(
        "go-lambda",
        ProjectKind::Sam,
        &[("go.mod", "module x\n\nrequire github.com/aws/aws-lambda-go v1.47.0\n"), ("main.go", "package main\n")],
    ),
    case(
        "go-web",
        ProjectKind::Container,
        &[
            ("go.mod", "module x\n"),
            ("main.go", "package main\n\nfunc main() { http.ListenAndServe(\":8080\", nil) }\n"),
        ],
    ),
    case("go-program", ProjectKind::Go, &[("go.mod", "module x\n"), ("main.go", "package main\n\nfunc main() {}\n")]),
    case(
        "java-maven-lambda",
        ProjectKind::Sam,
        &[
            ("pom.xml", "<project><dependency><artifactId>aws-lambda-java-core</artifactId></dependency></project>"),
            (
                "src/main/java/shop/App.java",
                "package shop;\n\npublic class App implements RequestHandler<String, String> {}\n",
            ),
        ],
    ),
    case(
        "java-gradle-web",
        ProjectKind::Container,
        &[("build.gradle", "plugins { id 'org.springframework.boot' version '3.4.0' }\nspring-boot\n")],
    ),
    case("java-maven-program", ProjectKind::Java, &[("pom.xml", "<project/>")]),
    case(
        "dotnet-lambda",
        ProjectKind::Sam,
        &[
            (
                "Shop.csproj",
                "<Project Sdk=\"Microsoft.NET.Sdk\"><PackageReference Include=\"Amazon.Lambda.Core\"/></Project>",
            ),
            (
                "Function.cs",
                "namespace Shop;\n\npublic class Function\n{\n    public string Handle(string input, ILambdaContext context) => input;\n}\n",
            ),
        ],
    ),
    case("dotnet-web", ProjectKind::Container, &[("Shop.csproj", "<Project Sdk=\"Microsoft.NET.Sdk.Web\"></Project>")]),
    case("dotnet-program", ProjectKind::Dotnet, &[("Shop.csproj", "<Project Sdk=\"Microsoft.NET.Sdk\"></Project>")]),
    case("ruby-lambda", ProjectKind::Sam, &[("app.rb", "def lambda_handler(event:, context:)\n  3\nend\n")]),
    case(
        "ruby-rails",
        ProjectKind::Container,
        &[("Gemfile", "gem \"rails\"\n"), ("bin/rails", ""), ("package.json", "{}")],
    ),
    case("ruby-rack", ProjectKind::Container, &[("Gemfile", "gem 'sinatra'\n"), ("config.ru", "run App\n")]),
    case(
        "php-laravel",
        ProjectKind::Container,
        &[
            ("composer.json", r#"{"require": {"laravel/framework": "^12"}}"#),
            ("artisan", ""),
            ("public/index.php", "<?php\n"),
            ("package.json", r#"{"devDependencies": {"vite": "7"}}"#),
        ],
    ),
    case("php-web", ProjectKind::Container, &[("index.php", "<?php echo 'hello';\n")]),
    case("static-html", ProjectKind::StaticSite, &[("index.html", "<!doctype html>\n<title>x</title>\n")]),
];

fn sources(files: &[(&str, &str)]) -> Vec<SourceFile> {
    files.iter().map(|(path, text)| SourceFile::new(*path, *text)).collect()
}

fn configured(files: &[(&str, &str)]) -> (Vec<Entry>, DetectedProject) {
    detect(&sources(files)).configured(|path| files.iter().any(|(taken, _)| *taken == path))
}

fn write(folder: &Path, path: &str, contents: &[u8]) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, contents).unwrap();
}

fn is_there(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success())
}

#[test]
fn every_common_stack_is_detected_and_configured() {
    for case in CASES {
        let (added, project) = configured(case.files);
        let stack = project.stack.clone().unwrap_or_else(|| panic!("{} has no stack", case.stack));
        assert_eq!((stack.name.as_str(), project.kind), (case.stack, case.kind), "{:?}", project.evidence);
        let is_deployed = matches!(case.kind, ProjectKind::Sam | ProjectKind::Container | ProjectKind::StaticSite);
        assert_eq!(added.iter().any(|file| file.path == "template.yaml"), is_deployed, "{}", case.stack);
        assert_eq!(added.iter().any(|file| file.path == "Dockerfile"), case.kind == ProjectKind::Container);
        assert!(added.iter().all(|file| case.files.iter().all(|(path, _)| *path != file.path)));
        let text = project.instructions("My Shop");
        assert_eq!(text.matches("```").count() % 2, 0, "{text}");
        if is_deployed {
            assert!(text.contains("--stack-name my-shop"), "{}: {text}", case.stack);
        }
    }
}

#[test]
fn what_is_configured_already_stays_as_it_is() {
    const TEMPLATE: &str = "Transform: AWS::Serverless-2016-10-31\nResources: {}\n";
    let app = ("app.py", "def lambda_handler(event, context):\n    return 1\n");
    for own in [
        ("template.yaml", TEMPLATE),
        ("infra/template.yaml", TEMPLATE),
        ("Dockerfile", "FROM scratch\n"),
        ("serverless.yml", "provider:\n  name: aws\n"),
    ] {
        let (added, project) = configured(&[app, own]);
        assert!(added.is_empty(), "{}: {added:?}", own.0);
        assert_eq!(project.main_file, own.0);
    }
    // A file of that name that is no configuration: another name is taken.
    let (added, project) = configured(&[app, ("template.yaml", "title: letter\n")]);
    assert_eq!(added.first().map(|file| file.path.as_str()), Some("deploy-template.yaml"));
    assert!(project.instructions("x").contains("--template-file deploy-template.yaml"));
    let (added, _) = configured(&[("backend/app.py", app.1), ("backend/requirements.txt", ""), ("README.md", "")]);
    assert_eq!(added.first().map(|file| file.path.as_str()), Some("backend/template.yaml"));
    assert!(configured(&[("notes.txt", "")]).0.is_empty());
}

/// `make test` puts sam on the path; elsewhere the test says that it is skipped.
#[test]
fn sam_accepts_every_template() {
    if !is_there("sam", "--version") {
        assert!(std::env::var_os("CI").is_none(), "sam is missing: run the tests by `make test`");
        eprintln!("skipped: sam is not there; `make test` has it");
        return;
    }
    let mut texts: Vec<(String, Vec<u8>)> = Vec::new();
    for case in CASES {
        for file in configured(case.files).0.into_iter().filter(|file| file.path.ends_with("template.yaml")) {
            let same = texts.iter_mut().find(|(_, contents)| *contents == file.contents);
            match same {
                Some((stacks, _)) => *stacks = format!("{stacks}, {}", case.stack),
                None => texts.push((case.stack.to_owned(), file.contents)),
            }
        }
    }
    assert!(texts.len() >= 10, "templates that differ: {}", texts.len());
    let (first, second) = texts.split_at(texts.len() / 2);
    std::thread::scope(|scope| {
        for half in [first, second] {
            scope.spawn(move || half.iter().for_each(|(stacks, template)| validate(stacks, template)));
        }
    });
}

fn validate(stacks: &str, template: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "template.yaml", template);
    write(folder.path(), "Dockerfile", b"FROM scratch\n");
    let output = Command::new("sam")
        .args(["validate", "--lint", "--template-file", "template.yaml"])
        .envs([("AWS_DEFAULT_REGION", "us-east-1"), ("SAM_CLI_TELEMETRY", "0")])
        .env("HOME", folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stacks}: {told}\n{}", String::from_utf8_lossy(template));
}

/// The shell blocks below these headings, as they are.
fn blocks(instructions: &str, headings: &[&str]) -> String {
    let mut out = String::new();
    for part in instructions.split("\n## ").skip(1) {
        let (heading, rest) = part.split_once('\n').unwrap();
        if headings.contains(&heading) {
            out.extend(rest.split("```sh\n").skip(1).filter_map(|block| block.split("```").next()));
        }
    }
    out
}

#[test]
fn the_local_part_of_the_instructions_works() {
    let mut ran = Vec::new();
    for case in CASES {
        let (added, project) = configured(case.files);
        let Some(stack) = project.stack.clone().filter(|stack| stack.install.is_empty()) else { continue };
        let tool = match case.stack.split('-').next().unwrap() {
            "python" => "python3",
            "node" => "node",
            "rust" if case.stack == "rust-program" => "cargo",
            _ => continue,
        };
        if !is_there(tool, "--version") {
            eprintln!("skipped: {} needs {tool}, which is not there", case.stack);
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in case.files {
            write(folder.path(), path, text.as_bytes());
        }
        for file in &added {
            write(folder.path(), &file.path, &file.contents);
        }
        let script = blocks(&project.instructions("x"), &["Go to the project's folder", "Test here", "Build here"]);
        assert!(!script.is_empty() && !stack.test.is_empty(), "{}", case.stack);
        let output = Command::new("sh")
            .args(["-e", "-c", &script])
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", folder.path().join("target"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {script}\n{told}", case.stack);
        ran.push(case.stack);
    }
    eprintln!("ran the instructions of {}", ran.join(", "));
    assert!(!is_there("python3", "--version") || ran.len() >= 2, "{ran:?}");
}
