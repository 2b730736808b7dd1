//! The text of `DEPLOY.md` for each kind of project.

use super::detect::{DetectedProject, ProjectKind, ProjectTraits};
use super::stack::{Stack, Target};

/// A name that stacks, images and buckets accept: a letter, then letters, digits and single dashes,
/// at most 60 characters.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
        if slug.len() >= 60 {
            break;
        }
    }
    let slug = slug.trim_matches('-');
    match slug.chars().next() {
        None => "project".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("p-{slug}"),
        Some(_) => slug.to_owned(),
    }
}

/// A word for a POSIX shell.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '=');
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('-') {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The title's text: one line, without what Markdown would read.
fn title(name: &str) -> String {
    let line: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.replace(['`', '#', '<', '>', '$'], "");
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { "the project".to_owned() } else { line }
}

fn block(commands: &[String]) -> String {
    format!("```sh\n{}\n```\n", commands.join("\n"))
}

fn section(heading: &str, text: &str, commands: &[String]) -> String {
    let mut out = format!("\n## {heading}\n\n");
    if !text.is_empty() {
        out.push_str(text);
        out.push_str("\n\n");
    }
    if !commands.is_empty() {
        out.push_str(&block(commands));
    }
    out
}

fn lines(commands: &[&str]) -> Vec<String> {
    commands.iter().map(|&command| command.to_owned()).collect()
}

pub(super) fn instructions(project: &DetectedProject, name: &str) -> String {
    let mut out = format!("# Deploy {}\n\nKind: {}.", title(name), project.kind.as_str());
    for reason in &project.evidence {
        out.push_str(&format!(" {}.", capitalized(reason)));
    }
    out.push('\n');
    out.push_str(&section(
        "Unpack and check",
        "In the folder with the zip, whose name goes in the place of `PACKAGE.zip`. When the project has a file `SHA256SUMS` of its own, the package's list is `PACKAGE-SHA256SUMS`.",
        &lines(&["unzip -q PACKAGE.zip -d project", "cd project", "sha256sum -c SHA256SUMS"]),
    ));
    if !project.root.is_empty() {
        let command = format!("cd {}", quote(&project.root));
        out.push_str(&section("Go to the project's folder", "", &[command]));
    }
    let slug = slug(name);
    let traits = &project.traits;
    if let Some(stack) = &project.stack {
        out.push_str(&here(stack, &project.root));
    }
    out.push_str(&match project.kind {
        ProjectKind::Container if project.template.is_some() => {
            let text = container(project, &slug);
            let on_lambda =
                DetectedProject { main_file: project.template.clone().unwrap_or_default(), ..project.clone() };
            format!("{text}\n# As a function, by the same image\n{}", sam(&on_lambda, &slug))
        }
        ProjectKind::StaticSite if project.template.is_some() => site(project, &slug),
        ProjectKind::Serverless => section(
            "Deploy",
            "Sign in to the account and region to use. Deploying creates resources that cost money.",
            &lines(&["npx serverless deploy"]),
        ),
        // What is said of testing and building is all.
        ProjectKind::Go | ProjectKind::Java | ProjectKind::Dotnet | ProjectKind::Ruby | ProjectKind::Php => {
            String::new()
        }
        ProjectKind::Sam => sam(project, &slug),
        ProjectKind::StaticSite => traits.site_template.as_ref().map_or_else(
            || static_site(&slug),
            |template| site_with_template(template, traits.has_deploy_script, &slug),
        ),
        ProjectKind::Container => container(project, &slug),
        ProjectKind::PythonPackage => python(traits),
        ProjectKind::NodePackage => node(traits),
        ProjectKind::Cargo => cargo(traits),
        ProjectKind::Files => section("Use", "There is nothing to build: copy the files where they are needed.", &[]),
    });
    out
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn sam(project: &DetectedProject, slug: &str) -> String {
    let traits = &project.traits;
    let file = project.main_file.rsplit('/').next().unwrap_or("template.yaml");
    let template = match file {
        "template.yaml" | "template.yml" => String::new(),
        other => format!(" --template-file {}", quote(other)),
    };
    let mut capabilities = vec![if traits.has_named_iam { "CAPABILITY_NAMED_IAM" } else { "CAPABILITY_IAM" }];
    if traits.needs_auto_expand {
        capabilities.push("CAPABILITY_AUTO_EXPAND");
    }
    let slug = traits.stack_name.as_deref().unwrap_or(slug);
    let mut deploy = format!(
        "sam deploy --stack-name {slug} --resolve-s3 --capabilities {} --no-confirm-changeset --no-fail-on-empty-changeset",
        capabilities.join(" ")
    );
    if !traits.open_parameters.is_empty() {
        let values: Vec<String> = traits.open_parameters.iter().map(|name| format!("{name}=…")).collect();
        deploy.push_str(&format!(" --parameter-overrides {}", values.join(" ")));
    }
    let mut out = section(
        "Before the first time",
        "Install the AWS CLI and the AWS SAM CLI, and sign in to the account and region to use. Deploying creates resources that cost money.",
        &lines(&["sam --version", "aws sts get-caller-identity"]),
    );
    // The builder of Rust functions is a preview.
    let beta = if is_rust(project) { " --beta-features" } else { "" };
    out.push_str(&section(
        "Build",
        "",
        &[format!("sam validate --lint{template}"), format!("sam build{template}{beta}")],
    ));
    if traits.has_samconfig {
        let (text, short) = if traits.open_parameters.is_empty() {
            let text = "`samconfig.toml` holds the parameters, so the short form is enough. The long form works without that file.";
            (text.to_owned(), "sam deploy")
        } else {
            let names: Vec<String> = traits.open_parameters.iter().map(|name| format!("`{name}`")).collect();
            let text = format!(
                "{} of the template must be given: `--guided` asks and keeps the answers in `samconfig.toml`, after which `sam deploy` is enough. The long form works without that file.",
                names.join(", ")
            );
            (text, "sam deploy --guided")
        };
        out.push_str(&section("Deploy", &text, &[short.to_owned(), format!("# or: {deploy}")]));
    } else {
        out.push_str(&section("Deploy", "", &[deploy]));
    }
    out.push_str(&section(
        "See what was made",
        "",
        &[
            format!(
                "aws cloudformation describe-stacks --stack-name {slug} --query 'Stacks[0].Outputs' --output table"
            ),
            format!("sam logs --stack-name {slug} --tail"),
        ],
    ));
    out.push_str(&section(
        "Remove",
        "This deletes the stack's resources, except those that the template retains. Buckets must be empty before.",
        &[format!("sam delete --stack-name {slug}")],
    ));
    out
}

fn is_rust(project: &DetectedProject) -> bool {
    project.stack.as_ref().is_some_and(|stack| stack.name == "rust-lambda")
}

/// What can be done without a cloud. Each block runs in the folder in which the one before ended.
fn here(stack: &Stack, root: &str) -> String {
    let mut out = String::new();
    let steps = [
        ("Install what it needs", "This takes the network.", &stack.install),
        ("Test here", "", &stack.test),
        ("Build here", "", &stack.build),
    ];
    let below = stack.root.strip_prefix(root).map_or("", |rest| rest.trim_start_matches('/'));
    for (heading, text, commands) in steps.into_iter().filter(|(_, _, commands)| !commands.is_empty()) {
        let mut commands = commands.clone();
        if !below.is_empty() {
            commands = vec![format!("(cd {} && {})", quote(below), commands.join(" && "))];
        }
        out.push_str(&section(heading, text, &commands));
    }
    out
}

/// A site whose template was written for it.
fn site(project: &DetectedProject, slug: &str) -> String {
    let template = project.template.as_deref().unwrap_or("template.yaml");
    let folder = match project.stack.as_ref().map(|stack| &stack.target) {
        Some(Target::Site { folder, .. }) if !folder.is_empty() => quote(folder),
        _ => ".".to_owned(),
    };
    let output = |name: &str| {
        format!(
            "$(aws cloudformation describe-stacks --stack-name {slug} --query \"Stacks[0].Outputs[?OutputKey=='{name}'].OutputValue\" --output text)"
        )
    };
    let mut out = section(
        "Before the first time",
        "Install the AWS CLI, and sign in to the account and region to use. Deploying creates resources that cost money.",
        &lines(&["aws sts get-caller-identity"]),
    );
    out.push_str(&section(
        "Deploy",
        "The template makes a private bucket and a CloudFront distribution that reads it. Pages are checked for changes on each visit, \
         everything else is kept for a day. `--delete` removes what is no longer there.",
        &[
            format!("aws cloudformation deploy --stack-name {slug} --template-file {} --no-fail-on-empty-changeset", quote(template)),
            format!("export BUCKET={}", output("BucketName")),
            format!(
                "aws s3 sync {folder} \"s3://$BUCKET\" --delete --exclude '*.html' --exclude '*.md' --exclude 'SHA256SUMS' --exclude 'manifest.json' --exclude {} --exclude '.*' --cache-control 'public,max-age=86400'",
                quote(template)
            ),
            format!("aws s3 sync {folder} \"s3://$BUCKET\" --exclude '*' --include '*.html' --cache-control 'no-cache'"),
            format!("aws cloudfront create-invalidation --distribution-id \"{}\" --paths '/*'", output("DistributionId")),
        ],
    ));
    let text = "The bucket stays: empty and delete it when its files are needed no more.";
    out.push_str(&section("Remove", text, &[format!("aws cloudformation delete-stack --stack-name {slug}")]));
    out
}

fn site_with_template(template: &str, has_script: bool, slug: &str) -> String {
    let deploy = format!(
        "aws cloudformation deploy --stack-name {slug} --template-file {} --no-fail-on-empty-changeset",
        quote(template)
    );
    let mut out = section(
        "Before the first time",
        "Install the AWS CLI, and sign in to the account and region to use. Deploying creates resources that cost money.",
        &lines(&["aws sts get-caller-identity"]),
    );
    if has_script {
        let text = "The script makes or updates the stack, copies the files and empties the cache.";
        out.push_str(&section("Deploy", text, &lines(&["scripts/deploy.sh"])));
    } else {
        let text = "Then copy the site's files to the stack's bucket, whose name the outputs have.";
        out.push_str(&section("Deploy", text, &[deploy]));
    }
    let outputs =
        format!("aws cloudformation describe-stacks --stack-name {slug} --query 'Stacks[0].Outputs' --output table");
    out.push_str(&section("See what was made", "", &[outputs]));
    let text =
        "This deletes the stack's resources, except those that the template retains. Buckets must be empty before.";
    out.push_str(&section("Remove", text, &[format!("aws cloudformation delete-stack --stack-name {slug}")]));
    out
}

fn static_site(slug: &str) -> String {
    let mut out = section(
        "Try it here",
        "Then open http://127.0.0.1:8000/.",
        &lines(&["python3 -m http.server 8000 --bind 127.0.0.1"]),
    );
    out.push_str(&section(
        "Bucket, once",
        "The bucket stays private; CloudFront reads it with an origin access control. Bucket names are unique worldwide, so the account's number is in it. Outside of us-east-1 add `--create-bucket-configuration LocationConstraint=$AWS_REGION` to the first command that uses the bucket.",
        &[
            "export ACCOUNT=$(aws sts get-caller-identity --query Account --output text)".to_owned(),
            format!("export BUCKET={slug}-$ACCOUNT"),
            "aws s3api create-bucket --bucket \"$BUCKET\"".to_owned(),
            "aws s3api put-public-access-block --bucket \"$BUCKET\" --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true".to_owned(),
        ],
    ));
    out.push_str(&section(
        "Distribution, once",
        "In the CloudFront console, or with your own template, create a distribution with this bucket as origin, origin access control on, and `index.html` as default root object. Then keep its id.",
        &lines(&["export DISTRIBUTION=E123EXAMPLE"]),
    ));
    out.push_str(&section(
        "Deploy",
        "Pages are checked for changes on each visit, everything else is kept for a day. `--delete` removes what is no longer in the project.",
        &lines(&[
            "aws s3 sync . \"s3://$BUCKET\" --delete --exclude '*.html' --exclude '*.md' --exclude 'SHA256SUMS' --exclude '.*' --cache-control 'public,max-age=86400'",
            "aws s3 sync . \"s3://$BUCKET\" --exclude '*' --include '*.html' --cache-control 'no-cache'",
            "aws cloudfront create-invalidation --distribution-id \"$DISTRIBUTION\" --paths '/*'",
        ]),
    ));
    out
}

fn container(project: &DetectedProject, slug: &str) -> String {
    let file = project.main_file.rsplit('/').next().unwrap_or("Dockerfile");
    let with_file = if file == "Dockerfile" { String::new() } else { format!(" -f {}", quote(file)) };
    let publish = project.traits.port.map_or_else(String::new, |port| format!(" -p {port}:{port}"));
    let mut out = section("Build", "", &[format!("docker build -t {slug}:latest{with_file} .")]);
    out.push_str(&section("Run", "", &[format!("docker run --rm{publish} {slug}:latest")]));
    out.push_str(&section(
        "Push to Amazon ECR",
        "",
        &[
            "export AWS_REGION=$(aws configure get region)".to_owned(),
            "export REGISTRY=$(aws sts get-caller-identity --query Account --output text).dkr.ecr.$AWS_REGION.amazonaws.com".to_owned(),
            format!("aws ecr create-repository --repository-name {slug}  # once"),
            "aws ecr get-login-password | docker login --username AWS --password-stdin \"$REGISTRY\"".to_owned(),
            format!("docker tag {slug}:latest \"$REGISTRY/{slug}:latest\""),
            format!("docker push \"$REGISTRY/{slug}:latest\""),
        ],
    ));
    out
}

fn python(traits: &ProjectTraits) -> String {
    if traits.requirements_only {
        let mut commands = lines(&["python3 -m venv .venv", ".venv/bin/python -m pip install -r requirements.txt"]);
        if let Some(file) = &traits.entry_file {
            commands.push(format!(".venv/bin/python {}", quote(file)));
        }
        return section("Install and run", "", &commands);
    }
    let mut out = if traits.has_python_scripts {
        section("Install the commands", "Each command gets an environment of its own.", &lines(&["pipx install ."]))
    } else {
        section("Install", "", &lines(&["python3 -m venv .venv", ".venv/bin/python -m pip install ."]))
    };
    out.push_str(&section(
        "Build for an index",
        "The wheel and the source archive are in `dist/`.",
        &lines(&["python3 -m pip install --user build", "python3 -m build"]),
    ));
    out
}

fn node(traits: &ProjectTraits) -> String {
    let has = |name: &str| traits.scripts.iter().any(|script| script == name);
    let install = if traits.has_npm_lock { "npm ci" } else { "npm install" };
    let mut out = section("Install", "", &lines(&[install]));
    if has("build") {
        out.push_str(&section("Build", "", &lines(&["npm run build"])));
    }
    if has("test") {
        out.push_str(&section("Test", "", &lines(&["npm test"])));
    }
    if has("start") {
        out.push_str(&section("Run", "", &lines(&["npm start"])));
    }
    if traits.has_bin {
        out.push_str(&section("Install the commands", "", &lines(&["npm install --global ."])));
    }
    out.push_str(&section("Pack", "This makes a .tgz that `npm install` accepts.", &lines(&["npm pack"])));
    out
}

fn cargo(traits: &ProjectTraits) -> String {
    let locked = if traits.has_cargo_lock { " --locked" } else { "" };
    let mut out = section(
        "Build and test",
        "Programs are in `target/release/`.",
        &[format!("cargo test{locked}"), format!("cargo build --release{locked}")],
    );
    if !traits.is_workspace {
        let text = "For packages with a program.";
        out.push_str(&section("Install", text, &[format!("cargo install --path .{locked}")]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for (name, expected) in
            [("My Shop!", "my-shop"), ("", "project"), ("--", "project"), ("3d", "p-3d"), ("é a", "a")]
        {
            assert_eq!(slug(name), expected);
        }
        assert!(slug(&"ab ".repeat(60)).len() <= 60);
    }

    #[test]
    fn words_for_the_shell() {
        assert_eq!(quote("a/b.c"), "a/b.c");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("-x"), "'-x'");
        assert_eq!(quote("a'b"), r"'a'\''b'");
    }
}
