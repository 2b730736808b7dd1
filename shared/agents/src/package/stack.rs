//! What a project without a deployment configuration is written with, and what it would be deployed as.
//!
//! `stack` looks at manifests and at a few marks in the code, and runs nothing. What it finds decides which configuration
//! `configure.rs` writes and what the instructions say.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::files::{Files, folder, join};

/// What a project is written with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// Language and framework: `python-flask`, `node-express`, `rust-lambda`…
    pub name: String,
    /// The folder it is in; empty for the top.
    pub root: String,
    /// Why, as one sentence.
    pub evidence: String,
    /// What it is deployed as.
    pub target: Target,
    /// Commands that fetch what it needs, which takes the network; none where it needs nothing.
    pub install: Vec<String>,
    /// Commands that test it here.
    pub test: Vec<String>,
    /// Commands that build it here.
    pub build: Vec<String>,
}

/// What a project is deployed as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A Lambda function.
    Function {
        /// Lambda's runtime.
        runtime: String,
        /// Lambda's handler.
        handler: String,
        /// What of SAM's builders is not chosen by the runtime.
        build_method: Option<String>,
        /// For esbuild: the file that everything is bundled from.
        entry_point: Option<String>,
    },
    /// A web server in a container: lines of a Dockerfile. It listens at `$PORT`.
    Server {
        /// The Dockerfile, without what makes it run on Lambda.
        dockerfile: Vec<String>,
    },
    /// Files that a browser loads.
    Site {
        /// The folder with them when it is built, below the stack's root; empty for the root.
        folder: String,
        /// Does the page itself answer for all its addresses?
        single_page: bool,
    },
    /// A program or library: nothing runs in a cloud.
    Program,
}

/// What a project without a deployment configuration is; `None` where nothing is known of it.
pub(super) fn stack(files: &Files<'_>) -> Option<Stack> {
    rust(files)
        .or_else(|| go(files))
        .or_else(|| java(files))
        .or_else(|| dotnet(files))
        .or_else(|| ruby(files))
        .or_else(|| php(files))
        .or_else(|| python(files))
        .or_else(|| node(files))
        .or_else(|| html(files))
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn made(name: &str, path: &str, what: &str, target: Target, test: &[&str], build: &[&str]) -> Stack {
    Stack {
        name: name.to_owned(),
        root: folder(path),
        evidence: format!("`{path}` {what}"),
        target,
        install: Vec::new(),
        test: lines(test),
        build: lines(build),
    }
}

fn function(runtime: &str, handler: &str, build_method: Option<&str>) -> Target {
    Target::Function {
        runtime: runtime.to_owned(),
        handler: handler.to_owned(),
        build_method: build_method.map(str::to_owned),
        entry_point: None,
    }
}

fn server(dockerfile: &[&str]) -> Target {
    Target::Server { dockerfile: lines(dockerfile) }
}

/// A name out of a manifest, if it can stand in a command.
fn word(text: &str) -> Option<String> {
    let text = text.trim().trim_matches(['"', '\'']);
    let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    (!text.is_empty() && !text.starts_with(['-', '.']) && text.chars().all(fits)).then(|| text.to_owned())
}

fn rust(files: &Files<'_>) -> Option<Stack> {
    let (path, text) =
        files.nearest(&["Cargo.toml"], |text| text.contains("[package]") || text.contains("[workspace]"))?;
    let line = |key: &str| {
        text.lines().find_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix('=')).and_then(word)
    };
    let name = line("name").unwrap_or_else(|| "app".to_owned());
    let uses = |name: &str| text.lines().any(|line| line.trim().starts_with(name));
    let (test, build) = (&["cargo test"], &["cargo build --release"]);
    let root = folder(path);
    let is_program = files.has(&join(&root, "src/main.rs")) || text.contains("[[bin]]");
    if uses("lambda_http") || uses("lambda_runtime") {
        let target = function("provided.al2023", "bootstrap", Some("rust-cargolambda"));
        return Some(made("rust-lambda", path, "uses Lambda's runtime", target, test, build));
    }
    if is_program && ["axum", "actix-web", "rocket", "warp", "poem", "salvo"].iter().any(|name| uses(name)) {
        let run = format!("COPY --from=build /src/target/release/{name} /usr/local/bin/app");
        let target = server(&[
            "FROM public.ecr.aws/docker/library/rust:1-slim-bookworm AS build",
            "WORKDIR /src",
            "COPY . .",
            "RUN cargo build --release",
            "FROM public.ecr.aws/docker/library/debian:bookworm-slim",
            &run,
            "CMD [\"app\"]",
        ]);
        return Some(made("rust-web", path, "uses a web framework", target, test, build));
    }
    let name = if is_program || text.contains("[workspace]") { "rust-program" } else { "rust-library" };
    Some(made(name, path, "names a package or workspace", Target::Program, test, build))
}

fn go(files: &Files<'_>) -> Option<Stack> {
    let (path, text) = files.nearest(&["go.mod"], |text| text.contains("module "))?;
    let root = folder(path);
    let (test, build) = (&["go test ./..."], &["go build ./..."]);
    if text.contains("github.com/aws/aws-lambda-go") {
        let target = function("provided.al2023", "bootstrap", Some("go1.x"));
        return Some(made("go-lambda", path, "uses Lambda's runtime", target, test, build));
    }
    let frameworks = ["gin-gonic/gin", "labstack/echo", "gofiber/fiber", "go-chi/chi", "gorilla/mux"];
    let listens = files.any(&root, &[".go"], |code| code.contains("ListenAndServe("));
    if listens || frameworks.iter().any(|name| text.contains(name)) {
        let target = server(&[
            "FROM public.ecr.aws/docker/library/golang:1 AS build",
            "WORKDIR /src",
            "COPY . .",
            "RUN CGO_ENABLED=0 go build -o /app .",
            "FROM public.ecr.aws/docker/library/alpine:3",
            "COPY --from=build /app /usr/local/bin/app",
            "CMD [\"app\"]",
        ]);
        return Some(made("go-web", path, "is of a web server", target, test, build));
    }
    Some(made("go-program", path, "names a module", Target::Program, test, build))
}

fn java(files: &Files<'_>) -> Option<Stack> {
    let (path, text) = files.nearest(&["pom.xml", "build.gradle", "build.gradle.kts"], |_| true)?;
    let root = folder(path);
    let is_maven = path.ends_with("pom.xml");
    let gradle = if files.has(&join(&root, "gradlew")) { "./gradlew" } else { "gradle" };
    let (tool, test, build) = if is_maven {
        ("maven", "mvn -q test".to_owned(), "mvn -q package".to_owned())
    } else {
        ("gradle", format!("{gradle} test"), format!("{gradle} build"))
    };
    let commands = |name: &str, what: &str, target: Target| {
        made(&format!("java-{tool}-{name}"), path, what, target, &[&test], &[&build])
    };
    if text.contains("aws-lambda-java-core") {
        let handler = files.find(&root, &[".java"], |path, code| {
            if !code.contains("RequestHandler<") && !code.contains("RequestStreamHandler") {
                return None;
            }
            let package = code.lines().find_map(|line| line.trim().strip_prefix("package ")?.strip_suffix(';'));
            let class = path.rsplit('/').next()?.strip_suffix(".java")?;
            let class = package.and_then(word).map_or_else(|| class.to_owned(), |package| format!("{package}.{class}"));
            Some(format!("{class}::handleRequest"))
        })?;
        return Some(commands("lambda", "uses Lambda's runtime", function("java21", &handler, None)));
    }
    let frameworks = ["spring-boot", "quarkus", "micronaut", "javalin", "helidon"];
    if frameworks.iter().any(|name| text.contains(name)) {
        let (image, run, jars) = if is_maven {
            ("maven:3-eclipse-temurin-21", "RUN mvn -q -DskipTests package", "target/*.jar")
        } else if gradle == "gradle" {
            ("gradle:8-jdk21", "RUN gradle build -x test", "build/libs/*.jar")
        } else {
            ("eclipse-temurin:21", "RUN ./gradlew build -x test", "build/libs/*.jar")
        };
        let from = format!("FROM public.ecr.aws/docker/library/{image} AS build");
        let pick = format!("RUN find {jars} ! -name '*-plain.jar' ! -name 'original-*' -exec cp {{}} /app.jar \\;");
        let target = server(&[
            &from,
            "WORKDIR /src",
            "COPY . .",
            run,
            &pick,
            "FROM public.ecr.aws/docker/library/eclipse-temurin:21-jre",
            "COPY --from=build /app.jar /app.jar",
            "ENV SERVER_PORT=8080 QUARKUS_HTTP_PORT=8080 MICRONAUT_SERVER_PORT=8080",
            "CMD [\"java\", \"-jar\", \"/app.jar\"]",
        ]);
        return Some(commands("web", "uses a web framework", target));
    }
    Some(commands("program", "describes a build", Target::Program))
}

fn dotnet(files: &Files<'_>) -> Option<Stack> {
    let is_test = |text: &str| text.contains("Microsoft.NET.Test.Sdk");
    let (path, text) = files.nearest_ending(&[".csproj", ".fsproj"], |text| !is_test(text))?;
    let has_tests = files.any("", &[".csproj", ".fsproj"], is_test);
    let test: &[&str] = if has_tests { &["dotnet test"] } else { &[] };
    let build = &["dotnet build -c Release"];
    let name = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(name, _)| name).and_then(word)?;
    let version = text.split_once("<TargetFramework>net").and_then(|(_, rest)| rest.split('.').next());
    let version = version.filter(|major| major.parse::<u8>().is_ok()).unwrap_or("10");
    if text.contains("Amazon.Lambda.") {
        let handler = files.find("", &[".cs"], |_, code| {
            let line = code.lines().find(|line| line.contains("ILambdaContext") && line.contains("public "))?;
            let method = line.split_once('(')?.0.rsplit(' ').next().and_then(word)?;
            let namespace = code.lines().find_map(|line| line.trim().strip_prefix("namespace "))?;
            let namespace = word(namespace.trim_end_matches([';', '{', ' ']))?;
            let class =
                code.split_once(" class ")?.1.split(|char: char| !char.is_alphanumeric() && char != '_').next()?;
            Some(format!("{name}::{namespace}.{class}::{method}"))
        })?;
        return Some(made(
            "dotnet-lambda",
            path,
            "uses Lambda's runtime",
            function(&format!("dotnet{version}"), &handler, None),
            test,
            build,
        ));
    }
    if text.contains("Microsoft.NET.Sdk.Web") {
        let run = format!("CMD [\"dotnet\", \"{name}.dll\"]");
        let publish = format!("RUN dotnet publish {} -c Release -o /app", path.rsplit('/').next().unwrap_or(path));
        let target = server(&[
            &format!("FROM mcr.microsoft.com/dotnet/sdk:{version}.0 AS build"),
            "WORKDIR /src",
            "COPY . .",
            &publish,
            &format!("FROM mcr.microsoft.com/dotnet/aspnet:{version}.0"),
            "WORKDIR /app",
            "COPY --from=build /app .",
            "ENV ASPNETCORE_HTTP_PORTS=8080",
            &run,
        ]);
        return Some(made("dotnet-web", path, "uses the SDK for the web", target, test, build));
    }
    Some(made("dotnet-program", path, "describes a program", Target::Program, test, build))
}

fn ruby(files: &Files<'_>) -> Option<Stack> {
    let handler = |root: &str| {
        files.find(root, &[".rb"], |path, code| {
            code.contains("def lambda_handler(event:, context:)")
                .then(|| format!("{}.lambda_handler", stem(path, root)))
        })
    };
    let Some((path, text)) = files.nearest(&["Gemfile"], |_| true) else {
        let handler = handler("")?;
        let path = format!("{}.rb", handler.trim_end_matches(".lambda_handler"));
        let target = function("ruby3.4", &handler, None);
        return Some(made("ruby-lambda", &path, "has a handler", target, &[], &[]));
    };
    let root = folder(path);
    let uses = |name: &str| text.lines().any(|line| line.trim().starts_with("gem ") && line.contains(name));
    let test: &[&str] = if files.has(&join(&root, "bin/rails")) {
        &["bin/rails test"]
    } else if uses("rspec") {
        &["bundle exec rspec"]
    } else if files.has(&join(&root, "Rakefile")) {
        &["bundle exec rake test"]
    } else {
        &[]
    };
    let install = lines(&["bundle install"]);
    let base = [
        "FROM public.ecr.aws/docker/library/ruby:3.4-slim",
        "RUN apt-get update && apt-get install -y --no-install-recommends build-essential libyaml-dev && rm -rf /var/lib/apt/lists/*",
        "WORKDIR /app",
        "COPY Gemfile* ./",
        "RUN bundle install",
        "COPY . .",
    ];
    let with = |run: &'static [&'static str]| server(&[&base[..], run].concat());
    let found = if let Some(handler) = handler(&root) {
        made("ruby-lambda", path, "is beside a handler", function("ruby3.4", &handler, None), test, &[])
    } else if uses("rails") {
        let run = &[
            "ENV RAILS_ENV=production RAILS_LOG_TO_STDOUT=1",
            "CMD [\"sh\", \"-c\", \"bundle exec rails server -b 0.0.0.0 -p $PORT\"]",
        ];
        made("ruby-rails", path, "lists Rails", with(run), test, &[])
    } else if uses("sinatra") || files.has(&join(&root, "config.ru")) {
        let run = &["CMD [\"sh\", \"-c\", \"bundle exec rackup -o 0.0.0.0 -p $PORT\"]"];
        made("ruby-rack", path, "is of a Rack application", with(run), test, &[])
    } else {
        made("ruby-program", path, "lists gems", Target::Program, test, &[])
    };
    Some(Stack { install, ..found })
}

fn php(files: &Files<'_>) -> Option<Stack> {
    let composer = files.nearest(&["composer.json"], |_| true);
    let (path, text) = composer.or_else(|| files.nearest(&["index.php"], |_| true))?;
    let root = folder(path);
    let is_laravel = files.has(&join(&root, "artisan")) || text.contains("laravel/framework");
    let public = if files.has(&join(&root, "public/index.php")) { "public" } else { "." };
    let install = if composer.is_some() { lines(&["composer install"]) } else { Vec::new() };
    let test: &[&str] = match () {
        () if is_laravel => &["php artisan test"],
        () if text.contains("phpunit") => &["vendor/bin/phpunit"],
        () => &[],
    };
    if !files.has(&join(&root, "index.php")) && public == "." && !is_laravel {
        return Some(Stack { install, ..made("php-program", path, "lists packages", Target::Program, test, &[]) });
    }
    let run = format!("CMD [\"sh\", \"-c\", \"php -S 0.0.0.0:$PORT -t {public}\"]");
    let mut dockerfile = vec!["FROM public.ecr.aws/docker/library/php:8.3-cli", "WORKDIR /app"];
    if composer.is_some() {
        dockerfile.push("COPY --from=public.ecr.aws/docker/library/composer:2 /usr/bin/composer /usr/bin/composer");
        dockerfile.push(
            "RUN apt-get update && apt-get install -y --no-install-recommends git unzip && rm -rf /var/lib/apt/lists/*",
        );
    }
    dockerfile.push("COPY . .");
    if composer.is_some() {
        dockerfile.push("RUN composer install --no-dev --no-interaction --optimize-autoloader");
    }
    dockerfile.push(&run);
    let name = if is_laravel { "php-laravel" } else { "php-web" };
    Some(Stack { install, ..made(name, path, "is of a web application", server(&dockerfile), test, &[]) })
}

/// A file's path without root and extension, with slashes as they are.
fn stem(path: &str, root: &str) -> String {
    let inner = path.strip_prefix(root).unwrap_or(path).trim_start_matches('/');
    inner.rsplit_once('.').map_or(inner, |(stem, _)| stem).to_owned()
}

fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let in_folder = path.split('/').any(|part| matches!(part, "test" | "tests" | "__tests__" | "spec"));
    in_folder
        || name.starts_with("test_")
        || name.contains("_test.")
        || name.contains(".test.")
        || name.contains(".spec.")
}

fn python(files: &Files<'_>) -> Option<Stack> {
    let manifests = ["requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "manage.py"];
    let path = files.nearest(&manifests, |_| true).map(|(path, _)| path.to_owned()).or_else(|| {
        let mut scripts: Vec<&str> = files.paths().filter(|path| path.ends_with(".py")).collect();
        scripts.sort_by_key(|path| (path.matches('/').count(), *path));
        scripts.first().map(|path| (*path).to_owned())
    })?;
    let root = folder(&path);
    let has = |name: &str| files.has(&join(&root, name));
    let listed = ["requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile"];
    let listed: String = listed.iter().filter_map(|name| files.text(&join(&root, name))).collect::<Vec<_>>().join("\n");
    let listed = listed.to_lowercase();
    let has_requirements = files
        .text(&join(&root, "requirements.txt"))
        .is_some_and(|text| text.lines().any(|line| !line.trim().is_empty() && !line.trim().starts_with('#')));
    let is_package = has("pyproject.toml") || has("setup.py");
    let pip = if has_requirements { "-r requirements.txt" } else { "." };
    let tests: Vec<&str> = files.paths().filter(|path| path.ends_with(".py") && is_test(path)).collect();
    let uses_pytest = tests.iter().any(|path| files.text(path).is_some_and(|text| text.contains("pytest")))
        || !tests.is_empty()
            && !tests.iter().any(|path| files.text(path).is_some_and(|text| text.contains("unittest")));
    let test: &[&str] = match () {
        () if has("manage.py") => &["python3 manage.py test"],
        () if tests.is_empty() => &[],
        () if uses_pytest => &["python3 -m pytest"],
        () if tests.iter().any(|path| path.starts_with(&join(&root, "tests/"))) => {
            &["python3 -m unittest discover -s tests"]
        }
        () => &["python3 -m unittest"],
    };
    let build = &["python3 -m compileall -q ."];
    let needs = has_requirements || (is_package && listed.contains("dependencies"));
    let mut install = Vec::new();
    if needs || uses_pytest {
        install.push("python3 -m venv .venv && . .venv/bin/activate".to_owned());
        if needs {
            install.push(format!("python3 -m pip install {pip}"));
        }
        if uses_pytest {
            install.push("python3 -m pip install pytest".to_owned());
        }
    }
    let copy = if needs { format!("RUN pip install --no-cache-dir {pip}") } else { String::new() };
    let web = |with: &str, run: &str| {
        let (with, run) =
            (format!("RUN pip install --no-cache-dir {with}"), format!("CMD [\"sh\", \"-c\", \"{run}\"]"));
        let all =
            ["FROM public.ecr.aws/docker/library/python:3.13-slim", "WORKDIR /app", "COPY . .", &copy, &with, &run];
        let all: Vec<&str> = all.into_iter().filter(|line| !line.is_empty()).collect();
        server(&all)
    };
    // `app = Flask(__name__)` in `src/app.py` is `src.app:app`.
    let instance = |call: &str| {
        files.find(&root, &[".py"], |path, code| {
            let line = code.lines().find(|line| line.contains(call) && !is_test(path))?;
            let variable = word(line.split_once('=')?.0.split(':').next()?)?;
            Some(format!("{}:{variable}", stem(path, &root).replace('/', ".")))
        })
    };
    let module = |name: &str| {
        files.find(&root, &[".py"], |path, _| {
            path.ends_with(&format!("/{name}.py")).then(|| stem(path, &root).replace('/', "."))
        })
    };
    let handler = || {
        files.find(&root, &[".py"], |path, code| {
            let name =
                ["lambda_handler", "handler"].into_iter().find(|name| code.contains(&format!("def {name}(event")))?;
            (!is_test(path)).then(|| format!("{}.{name}", stem(path, &root)))
        })
    };
    let found = if let Some(wsgi) = has("manage.py").then(|| module("wsgi")).flatten() {
        let run = format!("gunicorn --bind 0.0.0.0:$PORT {wsgi}:application");
        made("python-django", &path, "is beside Django's settings", web("gunicorn", &run), test, build)
    } else if let Some(app) = instance("FastAPI(").or_else(|| instance("Starlette(")) {
        let run = format!("uvicorn --host 0.0.0.0 --port $PORT {app}");
        made("python-fastapi", &path, "is of an ASGI application", web("uvicorn", &run), test, build)
    } else if let Some(app) = instance("Flask(") {
        let run = format!("gunicorn --bind 0.0.0.0:$PORT {app}");
        made("python-flask", &path, "is of a Flask application", web("gunicorn", &run), test, build)
    } else if let Some(handler) = handler() {
        made("python-lambda", &path, "is beside a handler", function("python3.13", &handler, None), test, build)
    } else {
        made("python-program", &path, "is of a Python program", Target::Program, test, build)
    };
    Some(Stack { install, ..found })
}

fn node(files: &Files<'_>) -> Option<Stack> {
    let is_object = |text: &str| serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object());
    let Some((path, text)) = files.nearest(&["package.json"], is_object) else {
        let handler = node_handler(files, "")?;
        let path = format!("{}.mjs", handler.trim_end_matches(".handler"));
        let path = if files.has(&path) { path } else { path.replace(".mjs", ".js") };
        let target = function("nodejs22.x", &handler, None);
        return Some(made("node-lambda", &path, "has a handler", target, &[], &[]));
    };
    let package: Value = serde_json::from_str(text).ok()?;
    let root = folder(path);
    let listed = |name: &str| {
        ["dependencies", "devDependencies"]
            .iter()
            .any(|key| package.get(key).is_some_and(|all| all.get(name).is_some()))
    };
    let script = |name: &str| package.get("scripts").and_then(|scripts| scripts.get(name)).and_then(Value::as_str);
    let filled = |key: &str| package.get(key).and_then(Value::as_object).is_some_and(|all| !all.is_empty());
    let needs = filled("dependencies") || filled("devDependencies");
    let npm = if files.has(&join(&root, "package-lock.json")) { "npm ci" } else { "npm install" };
    let install = if needs { lines(&[npm]) } else { Vec::new() };
    let has_tests = script("test").is_some_and(|command| !command.contains("no test specified"));
    let mut test: &[&str] = if has_tests { &["npm test"] } else { &[] };
    if !has_tests && files.paths().any(|path| is_test(path) && path.ends_with(".js")) {
        test = &["node --test"];
    }
    let build: &[&str] = if script("build").is_some() { &["npm run build"] } else { &[] };
    let is_typescript = files.has(&join(&root, "tsconfig.json")) || listed("typescript");
    let site = |folder: &str, single_page| Target::Site { folder: folder.to_owned(), single_page };
    let web = |run: &str| {
        let install = format!("RUN {npm}");
        let run = format!("CMD [\"sh\", \"-c\", \"{run}\"]");
        let build = if build.is_empty() { "" } else { "RUN npm run build" };
        let all =
            ["FROM public.ecr.aws/docker/library/node:22-slim", "WORKDIR /app", "COPY . .", &install, build, &run];
        server(&all.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>())
    };
    let exports = || {
        let config = ["next.config.js", "next.config.mjs", "next.config.ts"];
        config
            .iter()
            .filter_map(|name| files.text(&join(&root, name)))
            .any(|text| text.contains("output: 'export'") || text.contains("output: \"export\""))
    };
    let start = match (script("start"), package.get("main").and_then(Value::as_str).and_then(word)) {
        (Some(_), _) => "npm start".to_owned(),
        (None, Some(main)) => format!("node {main}"),
        (None, None) => "node index.js".to_owned(),
    };
    let servers = ["express", "fastify", "koa", "@hapi/hapi", "@nestjs/core", "hono", "nuxt", "@remix-run/node"];
    let found = if listed("next") {
        if exports() {
            made("node-next-static", path, "lists Next.js, which exports files", site("out", false), test, build)
        } else {
            made("node-next", path, "lists Next.js", web("npx next start -p $PORT"), test, build)
        }
    } else if let Some(name) = servers.iter().find(|name| listed(name)) {
        let what = format!("lists {name}");
        made(if *name == "express" { "node-express" } else { "node-web" }, path, &what, web(&start), test, build)
    } else if listed("vite") || listed("@vue/cli-service") {
        made("node-vite", path, "lists Vite", site("dist", true), test, build)
    } else if listed("react-scripts") {
        made("node-react", path, "lists react-scripts", site("build", true), test, build)
    } else if listed("astro") || listed("@11ty/eleventy") {
        let folder = if listed("astro") { "dist" } else { "_site" };
        made("node-site", path, "lists a generator of sites", site(folder, false), test, build)
    } else if let Some((handler, entry_point)) = is_typescript.then(|| typescript_handler(files, &root)).flatten() {
        let target = Target::Function {
            runtime: "nodejs22.x".to_owned(),
            handler,
            build_method: Some("esbuild".to_owned()),
            entry_point: Some(entry_point),
        };
        made("node-typescript-lambda", path, "is beside a handler in TypeScript", target, test, build)
    } else if let Some(handler) = node_handler(files, &root) {
        made("node-lambda", path, "is beside a handler", function("nodejs22.x", &handler, None), test, build)
    } else if script("start").is_some()
        && files.any(&root, &[".js", ".mjs", ".ts"], |code| code.contains("createServer("))
    {
        made("node-web", path, "starts a server", web(&start), test, build)
    } else if files.has(&join(&root, "index.html")) && script("start").is_none() && build.is_empty() {
        made("static-html", path, "is beside a start page", site("", false), test, build)
    } else {
        made("node-program", path, "describes a package", Target::Program, test, build)
    };
    Some(Stack { install, ..found })
}

fn node_handler(files: &Files<'_>, root: &str) -> Option<String> {
    const MARKS: [&str; 4] =
        ["exports.handler", "export const handler", "export async function handler", "export function handler"];
    files.find(root, &[".js", ".mjs", ".cjs"], |path, code| {
        (!is_test(path) && MARKS.iter().any(|mark| code.contains(mark)))
            .then(|| format!("{}.handler", stem(path, root)))
    })
}

/// Handler and entry point; the builder puts the bundle at the top.
fn typescript_handler(files: &Files<'_>, root: &str) -> Option<(String, String)> {
    const MARKS: [&str; 3] = ["export const handler", "export async function handler", "export function handler"];
    files.find(root, &[".ts"], |path, code| {
        if is_test(path) || !MARKS.iter().any(|mark| code.contains(mark)) {
            return None;
        }
        let inner = stem(path, root);
        let name = inner.rsplit('/').next()?;
        Some((format!("{name}.handler"), format!("{inner}.ts")))
    })
}

fn html(files: &Files<'_>) -> Option<Stack> {
    let (path, _) = files.nearest(&["index.html"], |_| true)?;
    let target = Target::Site { folder: String::new(), single_page: false };
    Some(made("static-html", path, "is a start page", target, &[], &[]))
}
