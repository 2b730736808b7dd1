//! `millrace deploy`: builds and deploys the stack with SAM, after looking whether that can work.

mod stack;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde_json::{Value, json};

use self::stack::{SAM_STACK, check_state, revise};
use super::doctor::{ask, version};
use super::{Session, Yes, variable};
use crate::exit::UsageError;
use crate::input::{self, pair};
use crate::output::{Details, items, text};
use crate::profiles::{AuthKind, Profile};

/// Build and deploy the stack into your AWS account.
///
/// Looks first whether the tools, the credentials, the region, the parameters and the stack are right, shows what will change,
/// asks, and keeps the API's address as a profile. It runs `sam build` and `sam deploy` with samconfig.toml in the folder of
/// template.yaml, and has every function take a new version when code or parameters have changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millrace deploy                                      the stage dev, in the configured region
  millrace deploy --stage production --region eu-west-1 --parameter AlarmTopicArn=arn:aws:sns:eu-west-1:111122223333:ops
  millrace deploy --check                              only look whether it would work
  millrace deploy --dry-run                            build, show the changes, change nothing")]
pub(crate) struct Deploy {
    /// The stage: which part of samconfig.toml holds.
    #[arg(long, value_enum, default_value_t = Stage::Dev)]
    stage: Stage,
    /// The region; without it that of the AWS profile or AWS_REGION.
    #[arg(long)]
    region: Option<String>,
    /// The profile of the AWS command line.
    #[arg(long, value_name = "NAME")]
    aws_profile: Option<String>,
    /// A parameter of the template. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    parameter: Vec<(String, String)>,
    /// The folder of template.yaml; without it this one, or one above it.
    #[arg(long, value_name = "FOLDER")]
    source: Option<PathBuf>,
    /// Only look whether it would work.
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Build and show what would change; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Deploy what was built before.
    #[arg(long)]
    no_build: bool,
    #[command(flatten)]
    yes: Yes,
}

/// Where it is deployed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    Dev,
    Staging,
    Production,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    /// The stack of samconfig.toml.
    const fn stack(self) -> &'static str {
        match self {
            Self::Dev => "millrace-dev",
            Self::Staging => "millrace-staging",
            Self::Production => "millrace",
        }
    }
}

/// The folder with the template.
fn source(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().context("the current folder can't be read")?;
    let is_source = |folder: &Path| folder.join("template.yaml").is_file() && folder.join("samconfig.toml").is_file();
    let found = match given {
        Some(folder) => Some(folder.to_path_buf()).filter(|folder| is_source(folder)),
        None => here.ancestors().find(|folder| is_source(folder)).map(Path::to_path_buf),
    };
    found.ok_or_else(|| {
        let text = "there is no template.yaml with samconfig.toml here: run it in a checkout of Millrace's sources, or \
                    name the folder with --source";
        UsageError(text.to_owned()).into()
    })
}

/// A parameter of the template.
#[derive(Debug, PartialEq, Eq)]
struct Parameter {
    name: String,
    kind: String,
    allowed: Vec<String>,
    has_default: bool,
}

/// The parameters of a template. Only their part is read: the rest has tags of CloudFormation.
fn parameters(template: &str) -> anyhow::Result<Vec<Parameter>> {
    let lines = template.lines().skip_while(|line| *line != "Parameters:").skip(1);
    let part = lines.take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    let part = part.collect::<Vec<_>>().join("\n");
    let known: Value = serde_saphyr::from_str(&part).context("the parameters of template.yaml can't be read")?;
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let all = known.as_object().into_iter().flatten().map(|(name, one)| Parameter {
        name: name.clone(),
        kind: text(one, "/Type").to_owned(),
        allowed: items(one, "/AllowedValues").iter().map(plain).collect(),
        has_default: one.get("Default").is_some(),
    });
    Ok(all.collect())
}

/// Are the given parameters those of the template?
fn check_parameters(known: &[Parameter], given: &[(String, String)]) -> Result<(), UsageError> {
    for (name, value) in given {
        let Some(parameter) = known.iter().find(|parameter| parameter.name == *name) else {
            let names: Vec<&str> = known.iter().map(|parameter| parameter.name.as_str()).collect();
            return Err(UsageError(format!("template.yaml has no parameter {name}; it has {}", names.join(", "))));
        };
        if !parameter.allowed.is_empty() && !parameter.allowed.contains(value) {
            return Err(UsageError(format!("{name} must be one of {}", parameter.allowed.join(", "))));
        }
        if parameter.kind == "Number" && value.parse::<f64>().is_err() {
            return Err(UsageError(format!("{name} must be a number")));
        }
        if value.contains('"') && parameter.kind != "String" {
            return Err(UsageError(format!("{name} can't hold quotation marks")));
        }
    }
    let missing = known.iter().find(|known| !known.has_default && !given.iter().any(|(name, _)| *name == known.name));
    match missing {
        Some(missing) => {
            Err(UsageError(format!("the parameter {} has no default: give it with --parameter", missing.name)))
        }
        None => Ok(()),
    }
}

/// What a stage in samconfig.toml has `sam deploy` do by a name; nothing where it is silent.
fn configured(samconfig: &str, stage: Stage, name: &str) -> String {
    let head = format!("[{}.deploy.parameters]", stage.name());
    let lines =
        samconfig.lines().skip_while(|line| line.trim() != head).skip(1).take_while(|line| !line.starts_with('['));
    let value = lines.filter_map(|line| line.split_once('=')).find(|(own, _)| own.trim() == name);
    let value = value.map(|(_, value)| value.trim().trim_matches('"')).unwrap_or_default();
    value.replace("\\\"", "\"")
}

/// `Name="value"` for each: those of the configuration, then the given ones, which win. What --parameter replaces must be said again.
fn overrides(configured: &str, given: &[(String, String)]) -> Option<String> {
    if given.is_empty() {
        return None;
    }
    let quoted =
        given.iter().map(|(name, value)| format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")));
    let kept = split(configured).into_iter().filter(|part| {
        let name = part.split('=').next().unwrap_or_default();
        !given.iter().any(|(given, _)| given == name)
    });
    Some(kept.chain(quoted).collect::<Vec<_>>().join(" "))
}

/// Splits at spaces outside of quotation marks.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut inside) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '"' => {
                inside = !inside;
                part.push(letter);
            }
            ' ' if !inside => parts.extend(Some(std::mem::take(&mut part)).filter(|part| !part.is_empty())),
            _ => part.push(letter),
        }
    }
    parts.extend(Some(part).filter(|part| !part.is_empty()));
    parts
}

/// Who deploys where.
#[derive(Debug)]
struct Account {
    id: String,
    arn: String,
    region: String,
}

/// The tools in `.venv/bin` of the sources go before others: `make deploy` installs them there.
fn command(program: &str, source: &Path) -> Command {
    let own = source.join(".venv").join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(own.clone()).chain(std::env::split_paths(&path));
    let installed = own.join(program);
    let mut command = Command::new(if installed.is_file() { installed.into_os_string() } else { program.into() });
    if let Ok(joined) = std::env::join_paths(paths) {
        command.env("PATH", joined);
    }
    command.current_dir(source).env("SAM_CLI_TELEMETRY", "0");
    command
}

/// The tools that it takes: those that build only where something is to be built.
fn tools(source: &Path, builds: bool) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    let all = [
        ("cargo", &["--version"][..], (1, 95), "https://rustup.rs"),
        ("cargo-lambda", &["lambda", "--version"], (1, 8), "pip install cargo-lambda"),
        ("sam", &["--version"], (1, 120), "pip install aws-sam-cli"),
    ];
    for (program, arguments, least, fix) in all.into_iter().filter(|(program, ..)| builds || *program == "sam") {
        let installed = source.join(".venv").join("bin").join(program);
        let own = installed.to_str().filter(|_| installed.is_file());
        let said = own.and_then(|own| ask(own, arguments)).or_else(|| ask(program, arguments));
        match said.as_deref().map(version) {
            None => missing.push(format!("{program} is not installed, or does not run ({fix})")),
            Some(found) if found.is_some_and(|found| found < least) => {
                missing.push(format!("{program} is older than {}.{} ({fix})", least.0, least.1));
            }
            Some(_) => {}
        }
    }
    if missing.is_empty() { Ok(()) } else { bail!("{}; `make deploy` installs what it can", missing.join("; ")) }
}

/// What the AWS command line answers; `None` where it is not there.
fn aws(options: &Deploy, source: &Path, arguments: &[&str]) -> Option<Output> {
    let mut command = command("aws", source);
    command.args(arguments).stdin(Stdio::null());
    if let Some(profile) = &options.aws_profile {
        command.args(["--profile", profile]);
    }
    command.output().ok()
}

fn account(options: &Deploy, source: &Path) -> anyhow::Result<Account> {
    let aws = |arguments: &[&str]| aws(options, source, arguments);
    let configured = || {
        let output = aws(&["configure", "get", "region"]).filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|region| !region.is_empty())
    };
    let region = options.region.clone().or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
    let Some(region) = region.or_else(configured) else {
        return Err(UsageError("there is no region: give --region, or set AWS_REGION".to_owned()).into());
    };
    let Some(output) = aws(&["sts", "get-caller-identity", "--output", "json", "--region", &region]) else {
        bail!(
            "the aws command is not installed: it tells whose account this would be \
               (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html)"
        );
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!(
            "AWS does not know who deploys: {said}\nnext: run `aws sso login` or `aws configure`, or give --aws-profile"
        );
    }
    let identity: Value = serde_json::from_slice(&output.stdout).context("aws sts get-caller-identity gave no JSON")?;
    Ok(Account { id: text(&identity, "/Account").to_owned(), arn: text(&identity, "/Arn").to_owned(), region })
}

/// Can the stack be deployed, and is SAM's bucket there? What can't be asked is left to SAM, which says it its own way.
fn check_stack(options: &Deploy, source: &Path, region: &str, samconfig: &str) -> anyhow::Result<()> {
    let ask = |arguments: &[&str]| -> Option<String> {
        let arguments = [arguments, &["--region", region, "--output", "text"]].concat();
        let output = aws(options, source, &arguments).filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .filter(|said| !said.is_empty() && said != "None")
    };
    let stack = options.stage.stack();
    let state = ["cloudformation", "describe-stacks", "--stack-name", stack, "--query", "Stacks[0].StackStatus"];
    check_state(stack, region, &ask(&state).unwrap_or_default()).map_err(anyhow::Error::msg)?;
    if configured(samconfig, options.stage, "resolve_s3") != "true" {
        return Ok(());
    }
    let query = "Stacks[0].Outputs[?OutputKey=='SourceBucket'].OutputValue";
    let Some(bucket) = ask(&["cloudformation", "describe-stacks", "--stack-name", SAM_STACK, "--query", query]) else {
        return Ok(());
    };
    let head = aws(options, source, &["s3api", "head-bucket", "--bucket", &bucket, "--region", region]);
    if head.is_some_and(|head| String::from_utf8_lossy(&head.stderr).contains("(404)")) {
        bail!(
            "the bucket {bucket}, to which SAM uploads, is gone, and its stack {SAM_STACK} is not\nnext: \
             `aws cloudformation delete-stack --stack-name {SAM_STACK} --region {region}`; the deployment makes both anew"
        );
    }
    Ok(())
}

pub(crate) fn run(options: &Deploy, session: &Session) -> anyhow::Result<()> {
    let source = source(options.source.as_deref())?;
    let read = |name: &str| std::fs::read_to_string(source.join(name)).with_context(|| format!("{name} can't be read"));
    let known = parameters(&read("template.yaml")?)?;
    check_parameters(&known, &options.parameter)?;
    let samconfig = read("samconfig.toml")?;
    let kept = configured(&samconfig, options.stage, "parameter_overrides");
    let overrides = overrides(&kept, &options.parameter);
    tools(&source, !options.no_build)?;
    let account = account(options, &source)?;
    check_stack(options, &source, &account.region, &samconfig)?;
    let out = &session.out;
    let details = Details::new()
        .field("Source", source.display().to_string())
        .field("Stage", options.stage.name())
        .field("Stack", options.stage.stack())
        .field("Account", &account.id)
        .field("As", &account.arn)
        .field("Region", &account.region)
        .field("Parameters", overrides.as_deref().unwrap_or("as in samconfig.toml"));
    if options.check {
        if out.json {
            return Ok(out.value(
                &json!({ "stack": options.stage.stack(), "account": account.id, "region": account.region, "ok": true }),
            )?);
        }
        out.details(&details)?;
        out.note("It can be deployed.");
        return Ok(());
    }
    if !out.quiet {
        eprint!("{}", details.render(false));
    }
    if !options.dry_run && !options.yes.yes && !input::is_interactive() {
        return Err(
            UsageError("nobody can be asked whether the changes are right: say it with --yes".to_owned()).into()
        );
    }
    if !options.no_build {
        let mut build = command("sam", &source);
        build.arg("build");
        // The architecture is one of them.
        if let Some(overrides) = &overrides {
            build.args(["--parameter-overrides", overrides]);
        }
        step(out.json, &mut build, "sam build")?;
    }
    let parameters = split(overrides.as_deref().unwrap_or(&kept));
    revise(&source, &parameters)?;
    let mut deploy = command("sam", &source);
    deploy.args(["deploy", "--config-env", options.stage.name(), "--region", &account.region]);
    if let Some(profile) = &options.aws_profile {
        deploy.args(["--profile", profile]);
    }
    if let Some(overrides) = &overrides {
        deploy.args(["--parameter-overrides", overrides]);
    }
    // SAM shows the changes; it asks, unless that was answered.
    deploy.arg(if options.dry_run {
        "--no-execute-changeset"
    } else if options.yes.yes {
        "--no-confirm-changeset"
    } else {
        "--confirm-changeset"
    });
    step(out.json, &mut deploy, "sam deploy")?;
    if options.dry_run {
        out.note("Nothing was changed.");
        return Ok(());
    }
    let authorization = parameters.iter().find_map(|one| one.strip_prefix("ApiAuthorization="));
    let auth = match authorization.map(|value| value.trim_matches('"')) {
        Some("NONE") => AuthKind::None,
        Some("AWS_IAM") => AuthKind::Iam,
        _ => AuthKind::Key,
    };
    finish(options, session, &source, &account, auth)
}

/// Runs a program whose output people see; with `--json`, standard output is for the result.
fn step(json: bool, command: &mut Command, name: &str) -> anyhow::Result<()> {
    if json {
        command.stdout(std::io::stderr());
    }
    let status = command.status().with_context(|| format!("{name} can't be run"))?;
    if !status.success() {
        bail!("{name} failed ({status}): what it says is above; nothing more was done");
    }
    Ok(())
}

/// Shows the stack's addresses and keeps the API's; SAM has shown all outputs.
fn finish(options: &Deploy, session: &Session, source: &Path, account: &Account, auth: AuthKind) -> anyhow::Result<()> {
    let mut list = command("sam", source);
    list.args([
        "list",
        "stack-outputs",
        "--stack-name",
        options.stage.stack(),
        "--region",
        &account.region,
        "--output",
        "json",
    ]);
    if let Some(profile) = &options.aws_profile {
        list.args(["--profile", profile]);
    }
    let output = list.output().context("sam list can't be run")?;
    let outputs: Value =
        serde_json::from_slice(&output.stdout).context("the stack is deployed, but its outputs can't be read")?;
    let outputs = outputs.as_array().cloned().unwrap_or_default();
    let url =
        outputs.iter().find(|one| text(one, "/OutputKey") == "ApiUrl").map(|one| text(one, "/OutputValue").to_owned());
    let out = &session.out;
    if out.json {
        out.value(&json!({ "stack": options.stage.stack(), "region": account.region, "outputs": outputs }))?;
    } else {
        let mut addresses = Details::new();
        for (name, key) in
            [("API", "ApiUrl"), ("Live", "LiveUrl"), ("Console", "ConsoleUrl"), ("Dashboard", "DashboardUrl")]
        {
            if let Some(one) = outputs.iter().find(|one| text(one, "/OutputKey") == key) {
                addresses = addresses.field(name, text(one, "/OutputValue"));
            }
        }
        out.details(&addresses)?;
    }
    let Some(endpoint) = url else { return Ok(()) };
    let name = options.stage.name();
    let mut profiles = session.profiles()?;
    let profile = Profile {
        endpoint,
        auth: Some(auth),
        region: Some(account.region.clone()),
        aws_profile: options.aws_profile.clone(),
    };
    match profiles.known.get(name) {
        Some(known) if known.endpoint != profile.endpoint => {
            out.note(&format!(
                "The profile {name} is another server; `millrace config set {name} {}` changes it.",
                profile.endpoint
            ));
        }
        Some(_) => {}
        None => {
            let asks_for_keys = profile.auth == Some(AuthKind::Key);
            profiles.known.insert(name.to_owned(), profile);
            profiles.save()?;
            if asks_for_keys {
                out.note(&format!(
                    "It asks for an API key (docs/how-to/identity.md). This makes the first one, and then \
                     `millrace config key {name}` stores it:\n  aws lambda invoke --function-name {}-authorizer --region {} \
                     --cli-binary-format raw-in-base64-out --payload '{{\"create_key\": {{\"name\": \"first\"}}}}' /dev/stdout",
                    options.stage.stack(),
                    account.region
                ));
            }
            out.note(&format!("`millrace --profile {name} project list` calls it."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[&str]) -> Vec<(String, String)> {
        pairs.iter().map(|text| pair(text).unwrap()).collect()
    }

    #[test]
    fn parameters_are_those_of_the_template() {
        let template = include_str!("../../../template.yaml");
        let known = parameters(template).unwrap();
        assert!(
            known.iter().any(|one| one.name == "LogRetentionDays" && one.allowed.contains(&"30".to_owned())),
            "{known:?}"
        );
        assert!(check_parameters(&known, &[]).is_ok());
        assert!(check_parameters(&known, &given(&["LogRetentionDays=30", "LogLevel=warn"])).is_ok());
        for (wrong, said) in [
            ("LogRetentionDays=31", "one of 1, 3"),
            ("Nonsense=1", "no parameter Nonsense"),
            ("PayloadRetentionDays=x", "a number"),
        ] {
            let error = check_parameters(&known, &given(&[wrong])).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn what_is_configured_stays_unless_it_is_given() {
        let samconfig = include_str!("../../../samconfig.toml");
        let configured = configured(samconfig, Stage::Dev, "parameter_overrides");
        assert!(configured.contains("LogLevel=\"") && configured.contains("LogRetentionDays=7"), "{configured}");
        let text =
            overrides("LogLevel=\"a b,c\" LogRetentionDays=7", &given(&["LogRetentionDays=30", "Model=x y"])).unwrap();
        assert_eq!(text, "LogLevel=\"a b,c\" LogRetentionDays=\"30\" Model=\"x y\"");
        assert_eq!(overrides("A=1", &[]), None);
    }

    #[test]
    fn stacks_are_those_of_the_configuration() {
        let samconfig = include_str!("../../../samconfig.toml");
        for stage in [Stage::Dev, Stage::Staging, Stage::Production] {
            let head = format!("[{}.global.parameters]\nstack_name = \"{}\"\n", stage.name(), stage.stack());
            assert!(samconfig.contains(&head), "{head}");
        }
    }
}
