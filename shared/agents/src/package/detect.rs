//! What kind of project a set of files is, and how such a project is deployed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::configure::configure;
use super::files::{Files, folder, join};
use super::stack::{self, Stack, Target};
use super::{Entry, deploy};
use crate::analysis::SourceFile;

/// The kinds of projects that can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectKind {
    /// A `CloudFormation` template with the AWS SAM transform.
    Sam,
    /// A container image with a Dockerfile.
    Container,
    /// A Rust package or workspace.
    Cargo,
    /// A Python package or application.
    PythonPackage,
    /// A Node.js package or application.
    NodePackage,
    /// A Go module.
    Go,
    /// A Maven or Gradle build.
    Java,
    /// A .NET project.
    Dotnet,
    /// A Ruby application.
    Ruby,
    /// A PHP application.
    Php,
    /// A configuration of the Serverless Framework.
    Serverless,
    /// HTML files that need no server of their own.
    StaticSite,
    /// Files of no known kind.
    Files,
}

impl ProjectKind {
    /// The name used in data, for example `static-site`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sam => "sam",
            Self::Container => "container",
            Self::Cargo => "cargo",
            Self::PythonPackage => "python-package",
            Self::NodePackage => "node-package",
            Self::Go => "go",
            Self::Java => "java",
            Self::Dotnet => "dotnet",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::Serverless => "serverless",
            Self::StaticSite => "static-site",
            Self::Files => "files",
        }
    }
}

/// A project's kind with the files that show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectedProject {
    /// The kind.
    pub kind: ProjectKind,
    /// The folder the commands run in; empty for the top.
    pub root: String,
    /// The file that decided, relative to the top; empty for [`ProjectKind::Files`].
    pub main_file: String,
    /// Why this kind, one sentence each.
    pub evidence: Vec<String>,
    /// What the instructions depend on besides the kind.
    pub traits: ProjectTraits,
    /// What it is written with.
    #[serde(default)]
    pub stack: Option<Stack>,
    /// The template that was written for it, relative to the root.
    #[serde(default)]
    pub template: Option<String>,
}

/// Details that change the commands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectTraits {
    /// SAM: `samconfig.toml` is there.
    pub has_samconfig: bool,
    /// SAM: the stack that `samconfig.toml` deploys when no other environment is named.
    #[serde(default)]
    pub stack_name: Option<String>,
    /// SAM: parameters of the template that have no default.
    #[serde(default)]
    pub open_parameters: Vec<String>,
    /// SAM: resources with names of their own need `CAPABILITY_NAMED_IAM`.
    pub has_named_iam: bool,
    /// SAM: nested applications or macros need `CAPABILITY_AUTO_EXPAND`.
    pub needs_auto_expand: bool,
    /// Static site: the template that makes bucket and distribution, relative to the root.
    #[serde(default)]
    pub site_template: Option<String>,
    /// Static site: `scripts/deploy.sh` is there beside the template.
    #[serde(default)]
    pub has_deploy_script: bool,
    /// Container: the first port of `EXPOSE`.
    pub port: Option<u16>,
    /// Python: commands of `[project.scripts]` exist.
    pub has_python_scripts: bool,
    /// Python: only a requirements file, no package metadata.
    pub requirements_only: bool,
    /// Python: the file to start when there is no package.
    pub entry_file: Option<String>,
    /// Node: a lock file of npm is there.
    pub has_npm_lock: bool,
    /// Node: scripts of package.json.
    pub scripts: Vec<String>,
    /// Node: `bin` is there.
    pub has_bin: bool,
    /// Cargo: a lock file is there.
    pub has_cargo_lock: bool,
    /// Cargo: the first file is a workspace.
    pub is_workspace: bool,
}

impl DetectedProject {
    /// The text of `DEPLOY.md` for a project of this name. The name is turned into one that the
    /// commands accept.
    #[must_use]
    pub fn instructions(&self, name: &str) -> String {
        deploy::instructions(self, name)
    }
}

impl DetectedProject {
    /// The configuration that is missing, for the caller to add, and the project as it then is. What has a configuration of its
    /// own (a template, a Dockerfile, a `serverless.yml`) keeps it and gets none.
    #[must_use]
    pub fn configured(mut self, is_taken: impl Fn(&str) -> bool) -> (Vec<Entry>, Self) {
        let has_its_own = matches!(self.kind, ProjectKind::Sam | ProjectKind::Container | ProjectKind::Serverless)
            || self.traits.site_template.is_some();
        let Some(stack) = self.stack.clone().filter(|_| !has_its_own) else { return (Vec::new(), self) };
        let (files, template) = configure(&stack, is_taken);
        let Some(template) = template else { return (files, self) };
        self.kind = match stack.target {
            Target::Function { .. } => ProjectKind::Sam,
            Target::Server { .. } => ProjectKind::Container,
            Target::Site { .. } => ProjectKind::StaticSite,
            Target::Program => return (files, self),
        };
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        self.main_file.clone_from(&template);
        self.traits = ProjectTraits::default();
        if self.kind == ProjectKind::Container {
            self.main_file = files.first().map(|file| file.path.clone()).unwrap_or_default();
            self.traits.port = Some(8080);
        }
        self.root.clone_from(&stack.root);
        self.evidence.push(format!("{}: {}", stack.name, stack.evidence));
        self.evidence.push(format!("`{template}` was written for it"));
        self.template = Some(name(&template));
        (files, self)
    }
}

/// Says what kind of project these files are: its deployment configuration decides (SAM, container, Serverless Framework),
/// otherwise what it is written with (Rust, Go, Java, .NET, Ruby, PHP, Python, a static site, Node). A package.json without a start command, `main`, `bin` or
/// dependencies does not make a static site a Node project.
#[must_use]
pub fn detect(files: &[SourceFile]) -> DetectedProject {
    let files = Files(files);
    let stack = stack::stack(&files);
    let found = sam(&files)
        .or_else(|| container(&files))
        .or_else(|| serverless(&files))
        .or_else(|| cargo(&files))
        .or_else(|| other_language(stack.as_ref()))
        .or_else(|| python(&files))
        .or_else(|| static_site(&files))
        .or_else(|| node(&files))
        .unwrap_or_else(|| DetectedProject {
            kind: ProjectKind::Files,
            root: String::new(),
            main_file: String::new(),
            evidence: vec!["no template, manifest, Dockerfile or index.html was found".to_owned()],
            traits: ProjectTraits::default(),
            stack: None,
            template: None,
        });
    DetectedProject { stack, ..found }
}

fn serverless(files: &Files<'_>) -> Option<DetectedProject> {
    let names = ["serverless.yml", "serverless.yaml"];
    let (path, _) = files.nearest(&names, |text| text.contains("provider:"))?;
    let evidence = format!("`{path}` configures the Serverless Framework");
    Some(found(ProjectKind::Serverless, path, evidence, ProjectTraits::default()))
}

fn other_language(stack: Option<&Stack>) -> Option<DetectedProject> {
    let stack = stack?;
    let kind = match stack.name.split('-').next()? {
        "go" => ProjectKind::Go,
        "java" => ProjectKind::Java,
        "dotnet" => ProjectKind::Dotnet,
        "ruby" => ProjectKind::Ruby,
        "php" => ProjectKind::Php,
        _ => return None,
    };
    Some(DetectedProject {
        kind,
        root: stack.root.clone(),
        main_file: String::new(),
        evidence: vec![stack.evidence.clone()],
        traits: ProjectTraits::default(),
        stack: None,
        template: None,
    })
}

fn found(kind: ProjectKind, path: &str, evidence: String, traits: ProjectTraits) -> DetectedProject {
    DetectedProject {
        kind,
        root: folder(path),
        main_file: path.to_owned(),
        evidence: vec![evidence],
        traits,
        stack: None,
        template: None,
    }
}

fn sam(files: &Files<'_>) -> Option<DetectedProject> {
    let is_sam = |text: &str| {
        let transform = text.lines().any(|line| {
            let line = line.trim_start_matches([' ', '"', '\'']);
            line.starts_with("Transform")
        });
        transform && text.contains("AWS::Serverless-2016-10-31")
    };
    let names = ["template.yaml", "template.yml", "template.json"];
    let (path, text) = files.nearest(&names, is_sam)?;
    let named = ["RoleName:", "PolicyName:", "UserName:", "GroupName:", "\"RoleName\"", "\"PolicyName\""];
    let expand =
        ["AWS::Serverless::Application", "AWS::CloudFormation::Stack", "AWS::LanguageExtensions", "Fn::Transform"];
    let config = files.text(&join(&folder(path), "samconfig.toml"));
    let traits = ProjectTraits {
        has_samconfig: config.is_some(),
        stack_name: config.and_then(stack_name),
        open_parameters: open_parameters(text),
        has_named_iam: named.iter().any(|key| has_key(text, key)),
        needs_auto_expand: expand.iter().any(|key| text.contains(key)),
        ..ProjectTraits::default()
    };
    let evidence = format!("`{path}` has the transform AWS::Serverless-2016-10-31");
    Some(found(ProjectKind::Sam, path, evidence, traits))
}

/// Is this key in the text, and not only as the end of another one?
fn has_key(text: &str, key: &str) -> bool {
    let before = |at| text.get(..at).is_some_and(|before| before.ends_with(char::is_alphanumeric));
    text.match_indices(key).any(|(at, _)| !before(at))
}

/// The stack of a `samconfig.toml`'s default environment, when it is a name that CloudFormation accepts.
fn stack_name(config: &str) -> Option<String> {
    let mut is_default = false;
    config.lines().map(str::trim).find_map(|line| {
        if line.starts_with('[') {
            is_default = matches!(line, "[default.deploy.parameters]" | "[default.global.parameters]");
        }
        let value = line.strip_prefix("stack_name")?.trim_start().strip_prefix('=')?.trim();
        let name = value.trim_matches('"');
        let fits = name.starts_with(|char: char| char.is_ascii_alphabetic())
            && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '-');
        (is_default && fits).then(|| name.to_owned())
    })
}

/// The parameters without a default of a template in YAML's block form; none of a template in another form.
fn open_parameters(template: &str) -> Vec<String> {
    let body = template.lines().skip_while(|line| line.trim_end() != "Parameters:").skip(1);
    let mut open: Vec<String> = Vec::new();
    let mut depth = None;
    for line in body.take_while(|line| line.is_empty() || line.starts_with([' ', '#'])) {
        let text = line.trim();
        let indent = line.len() - line.trim_start().len();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if indent == *depth.get_or_insert(indent) {
            let name = text.trim_end_matches(':');
            if name.chars().all(|char| char.is_ascii_alphanumeric()) {
                open.push(name.to_owned());
            }
        } else if text.starts_with("Default:") {
            open.pop();
        }
    }
    open
}

fn container(files: &Files<'_>) -> Option<DetectedProject> {
    let has_from = |text: &str| text.lines().any(|line| line.trim_start().to_ascii_uppercase().starts_with("FROM "));
    let (path, text) = files.nearest(&["Dockerfile", "Containerfile"], has_from)?;
    let port = text.lines().find_map(|line| {
        let (word, rest) = line.trim().split_once(char::is_whitespace)?;
        let port = rest.trim().split(|c: char| !c.is_ascii_digit()).next()?;
        word.eq_ignore_ascii_case("expose").then(|| port.parse().ok())?
    });
    let traits = ProjectTraits { port, ..ProjectTraits::default() };
    Some(found(ProjectKind::Container, path, format!("`{path}` has a FROM instruction"), traits))
}

/// Whether a TOML file has a table of this name or one below it.
fn has_table(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let Some(header) = line.trim().strip_prefix('[') else {
            return false;
        };
        let header = header.trim_start_matches('[');
        header.strip_prefix(name).is_some_and(|rest| rest.starts_with([']', '.']))
    })
}

fn cargo(files: &Files<'_>) -> Option<DetectedProject> {
    let (path, text) =
        files.nearest(&["Cargo.toml"], |text| has_table(text, "package") || has_table(text, "workspace"))?;
    let traits = ProjectTraits {
        has_cargo_lock: files.has(&join(&folder(path), "Cargo.lock")),
        is_workspace: !has_table(text, "package"),
        ..ProjectTraits::default()
    };
    Some(found(ProjectKind::Cargo, path, format!("`{path}` names a package or workspace"), traits))
}

fn python(files: &Files<'_>) -> Option<DetectedProject> {
    let described =
        |text: &str| has_table(text, "project") || has_table(text, "build-system") || has_table(text, "tool.poetry");
    if let Some((path, text)) = files.nearest(&["pyproject.toml"], described) {
        let traits = ProjectTraits {
            has_python_scripts: has_table(text, "project.scripts") || has_table(text, "tool.poetry.scripts"),
            ..ProjectTraits::default()
        };
        return Some(found(ProjectKind::PythonPackage, path, format!("`{path}` describes a package"), traits));
    }
    if let Some((path, _)) = files.nearest(&["setup.py", "setup.cfg"], |_| true) {
        return Some(found(
            ProjectKind::PythonPackage,
            path,
            format!("`{path}` describes a package"),
            ProjectTraits::default(),
        ));
    }
    let (path, _) = files.nearest(&["requirements.txt"], |_| true)?;
    let root = folder(path);
    let entry_file = ["main.py", "app.py", "__main__.py", "src/main.py", "src/app.py"]
        .into_iter()
        .find(|name| files.has(&join(&root, name)))
        .map(str::to_owned);
    let traits = ProjectTraits { requirements_only: true, entry_file, ..ProjectTraits::default() };
    Some(found(ProjectKind::PythonPackage, path, format!("`{path}` lists Python dependencies"), traits))
}

fn package_json(files: &Files<'_>) -> Option<(String, Value)> {
    let (path, text) = files
        .nearest(&["package.json"], |text| serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object()))?;
    Some((path.to_owned(), serde_json::from_str(text).ok()?))
}

fn static_site(files: &Files<'_>) -> Option<DetectedProject> {
    let (path, _) = files.nearest(&["index.html"], |_| true)?;
    let mut evidence = vec![format!("`{path}` is a start page")];
    let served = |text: &str| text.contains("AWS::CloudFront::Distribution");
    if let Some((template, _)) = files.nearest(&["template.yaml", "template.yml", "template.json"], served) {
        let root = folder(template);
        evidence.push(format!("`{template}` serves it through CloudFront"));
        let traits = ProjectTraits {
            site_template: template.rsplit('/').next().map(str::to_owned),
            has_deploy_script: files.has(&join(&root, "scripts/deploy.sh")),
            ..ProjectTraits::default()
        };
        return Some(DetectedProject {
            kind: ProjectKind::StaticSite,
            root,
            main_file: path.to_owned(),
            evidence,
            traits,
            stack: None,
            template: None,
        });
    }
    match package_json(files) {
        Some((manifest, package)) => {
            let filled =
                |key: &str| package.get(key).is_some_and(|value| value.as_object().is_none_or(|map| !map.is_empty()));
            let script = |name: &str| package.get("scripts").and_then(|s| s.get(name)).is_some();
            if filled("dependencies") || filled("main") || filled("bin") || script("start") || script("build") {
                return None;
            }
            evidence.push(format!("`{manifest}` starts and builds nothing"));
        }
        None => evidence.push("there is no manifest of a server".to_owned()),
    }
    Some(DetectedProject {
        kind: ProjectKind::StaticSite,
        root: folder(path),
        main_file: path.to_owned(),
        evidence,
        traits: ProjectTraits::default(),
        stack: None,
        template: None,
    })
}

fn node(files: &Files<'_>) -> Option<DetectedProject> {
    let (path, package) = package_json(files)?;
    let root = folder(&path);
    let mut scripts: Vec<String> = package
        .get("scripts")
        .and_then(Value::as_object)
        .map(|scripts| scripts.keys().cloned().collect())
        .unwrap_or_default();
    scripts.sort();
    let traits = ProjectTraits {
        has_npm_lock: files.has(&join(&root, "package-lock.json")),
        has_bin: package.get("bin").is_some(),
        scripts,
        ..ProjectTraits::default()
    };
    // Two sources say the same: a package is only detected where its manifest can be read.
    debug_assert!(files.text(&path).is_some(), "the manifest was read");
    Some(found(ProjectKind::NodePackage, &path, format!("`{path}` describes a package"), traits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(files: &[(&str, &str)]) -> DetectedProject {
        let files: Vec<_> = files.iter().map(|(path, text)| SourceFile::new(*path, *text)).collect();
        detect(&files)
    }

    const TEMPLATE: &str =
        "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\nResources: {}\n";

    #[test]
    fn kinds() {
        for (files, kind, root) in [
            (vec![("template.yaml", TEMPLATE), ("Dockerfile", "FROM a\n")], ProjectKind::Sam, ""),
            (vec![("infra/template.yml", TEMPLATE), ("src/requirements.txt", "")], ProjectKind::Sam, "infra"),
            (
                vec![("template.yaml", "Transform:\n  - AWS::LanguageExtensions\n  - AWS::Serverless-2016-10-31\n")],
                ProjectKind::Sam,
                "",
            ),
            (vec![("template.yaml", "Resources: {}\n"), ("index.html", "")], ProjectKind::StaticSite, ""),
            (
                vec![("Dockerfile", "# x\nfrom python:3\n"), ("pyproject.toml", "[project]\n")],
                ProjectKind::Container,
                "",
            ),
            (vec![("Cargo.toml", "[package]\nname='a'\n")], ProjectKind::Cargo, ""),
            (vec![("pyproject.toml", "[project]\nname='a'\n"), ("index.html", "")], ProjectKind::PythonPackage, ""),
            (vec![("pyproject.toml", "[tool.ruff]\n"), ("app.py", "")], ProjectKind::Files, ""),
            (vec![("requirements.txt", "flask==3\n"), ("app.py", "")], ProjectKind::PythonPackage, ""),
            (
                vec![("site/index.html", ""), ("package.json", r#"{"scripts": {"test": "node --test"}}"#)],
                ProjectKind::StaticSite,
                "site",
            ),
            (
                vec![("index.html", ""), ("package.json", r#"{"scripts": {"build": "vite build"}}"#)],
                ProjectKind::NodePackage,
                "",
            ),
            (vec![("index.js", ""), ("package.json", "{}")], ProjectKind::NodePackage, ""),
            (vec![("package.json", "{")], ProjectKind::Files, ""),
            (vec![], ProjectKind::Files, ""),
        ] {
            let detected = run(&files);
            assert_eq!((detected.kind, detected.root.as_str()), (kind, root), "{files:?}");
            assert!(!detected.evidence.is_empty());
        }
    }

    #[test]
    fn traits() {
        let detected = run(&[("Dockerfile", "FROM a\nEXPOSE 8080/tcp\n")]);
        assert_eq!(detected.traits.port, Some(8080));
        let detected = run(&[
            ("template.yaml", &format!("{TEMPLATE}  R:\n    Properties:\n      RoleName: x\n")),
            ("samconfig.toml", "[prod.deploy.parameters]\nstack_name = \"x\"\n"),
        ]);
        assert_eq!(detected.traits.stack_name, None);
        assert!(detected.traits.has_samconfig && detected.traits.has_named_iam && !detected.traits.needs_auto_expand);
        let logs = format!("{TEMPLATE}  L:\n    Properties:\n      LogGroupName: x\n");
        assert!(!run(&[("template.yaml", &logs)]).traits.has_named_iam);
        let detected = run(&[("requirements.txt", ""), ("app.py", "")]);
        assert_eq!(detected.traits.entry_file.as_deref(), Some("app.py"));
    }

    #[test]
    fn instructions_name_the_stack_that_is_deployed() {
        let template = format!(
            "Parameters:\n  Stage:\n    Type: String\n    Default: dev\n\n  # who\n  Issuer:\n    Type: String\n{TEMPLATE}"
        );
        let config = "version = 0.1\n[prod.deploy.parameters]\nstack_name = \"shop-prod\"\n\
                      [default.deploy.parameters]\nstack_name = \"shop-dev\"\n";
        let detected = run(&[("template.yaml", &template), ("samconfig.toml", config)]);
        assert_eq!(detected.traits.open_parameters, ["Issuer"]);
        let text = detected.instructions("shop");
        assert_eq!(text.matches("--stack-name shop-dev").count(), text.matches("--stack-name").count(), "{text}");
        assert!(text.contains("sam deploy --guided") && text.contains("`Issuer`"), "{text}");
        assert_eq!(stack_name("[default.deploy.parameters]\nstack_name = \"a; rm\"\n"), None);
    }

    #[test]
    fn a_site_with_a_template_of_its_own_is_deployed_by_it() {
        let manifest = r#"{"scripts": {"start": "node scripts/serve.js"}}"#;
        let template = "Resources:\n  D:\n    Type: AWS::CloudFront::Distribution\n";
        let files = [("package.json", manifest), ("site/index.html", ""), ("template.yaml", template)];
        let detected = run(&files);
        assert_eq!((detected.kind, detected.root.as_str()), (ProjectKind::StaticSite, ""));
        let text = detected.instructions("shop");
        assert!(text.contains("aws cloudformation deploy --stack-name shop --template-file template.yaml"), "{text}");
        assert!(!text.contains("npm"), "{text}");
        let with_script = [files.as_slice(), &[("scripts/deploy.sh", "")]].concat();
        assert!(run(&with_script).instructions("shop").contains("\nscripts/deploy.sh\n"));
    }

    #[test]
    fn nearest_to_the_top_wins() {
        let detected = run(&[("z/index.html", ""), ("a/b/index.html", ""), ("node_modules/index.html", "")]);
        assert_eq!(detected.root, "z");
    }

    #[test]
    fn instructions_for_every_kind() {
        for (files, parts) in [
            (
                vec![("template.yaml", TEMPLATE)],
                vec!["sam build", "sam deploy", "--stack-name my-shop", "--resolve-s3", "sam delete"],
            ),
            (vec![("public/index.html", "")], vec!["aws s3 sync", "cloudfront create-invalidation", "cd public"]),
            (vec![("Dockerfile", "FROM a\nEXPOSE 80\n")], vec!["docker build -t my-shop", "-p 80:80", "docker push"]),
            (vec![("pyproject.toml", "[project]\n[project.scripts]\n")], vec!["pipx install ."]),
            (vec![("requirements.txt", ""), ("app.py", "")], vec!["pip install -r requirements.txt", "app.py"]),
            (
                vec![("package.json", r#"{"scripts": {"build": "x", "start": "y"}}"#), ("package-lock.json", "{}")],
                vec!["npm ci", "npm run build", "npm start"],
            ),
            (
                vec![("Cargo.toml", "[package]\n"), ("Cargo.lock", "")],
                vec!["cargo build --release --locked", "cargo install --path ."],
            ),
            (vec![("notes.txt", "")], vec!["sha256sum -c"]),
        ] {
            let text = run(&files).instructions("My Shop!");
            assert!(text.starts_with("# Deploy My Shop!\n"), "{text}");
            for part in parts {
                assert!(text.contains(part), "{part} is missing in:\n{text}");
            }
            assert_eq!(text.matches("```").count() % 2, 0);
        }
    }

    #[test]
    fn names_cannot_break_out_of_commands() {
        let text = run(&[("template.yaml", TEMPLATE)]).instructions("x; rm -rf $(a)\n```\n# b");
        assert!(text.contains("--stack-name x-rm-rf-a-b"), "{text}");
        assert!(!text.contains("$(a)\n"));
        assert_eq!(text.matches("```").count() % 2, 0);
        let text = run(&[("it's/index.html", "")]).instructions("");
        assert!(text.contains(r"cd 'it'\''s'"), "{text}");
    }
}
