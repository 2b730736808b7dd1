//! `millrace config`: profiles of servers.

use std::collections::BTreeMap;

use clap::Subcommand;
use millrace_app::ports::Secret;
use serde_json::{Value, json};

use super::{Session, Yes};
use crate::client::{Auth, address};
use crate::exit::UsageError;
use crate::input;
use crate::output::{Cell, Details, Table};
use crate::profiles::{AuthKind, Profile, Profiles};

/// Name servers, and keep the keys for them.
///
/// Addresses lie in config.json and keys in keys.json (mode 0600) of MILLRACE_CONFIG_DIR, else of `millrace` in
/// XDG_CONFIG_HOME or ~/.config. Keys are never printed.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Make or change a profile.
    #[command(after_help = "\
Examples:
  millrace config set team https://millrace.example.com --auth key
  millrace config set prod https://abc123.execute-api.eu-west-1.amazonaws.com --auth iam --aws-profile prod
  millrace config set prod --region eu-west-1 --use")]
    Set(Set),
    /// Store the API key of a profile: from standard input, or asked for without showing it.
    #[command(after_help = "\
Examples:
  millrace config key team               asks for it
  pass show millrace | millrace config key team
  millrace config key team --remove")]
    Key {
        /// The profile.
        name: String,
        /// Forget the key.
        #[arg(long)]
        remove: bool,
    },
    /// Take a profile when nobody names another.
    #[command(
        after_help = "Examples:\n  millrace config use team\n  millrace config use --none   the local server again"
    )]
    Use {
        /// The profile.
        #[arg(required_unless_present = "none")]
        name: Option<String>,
        /// None of them.
        #[arg(long, conflicts_with = "name")]
        none: bool,
    },
    /// List the profiles.
    #[command(after_help = "Examples:\n  millrace config list")]
    List,
    /// Show a profile, or the server that commands would call now.
    #[command(after_help = "Examples:\n  millrace config show\n  millrace config show team --json")]
    Show {
        /// The profile.
        name: Option<String>,
    },
    /// Remove a profile with its key.
    #[command(after_help = "Examples:\n  millrace config remove team --yes")]
    Remove {
        /// The profile.
        name: String,
        #[command(flatten)]
        yes: Yes,
    },
}

/// What a profile says.
#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    /// The profile.
    name: String,
    /// The server's address; needed for a new profile.
    url: Option<String>,
    /// How the server is called; without it: with a key where there is one, signed where it is API Gateway's address.
    #[arg(long, value_enum)]
    auth: Option<AuthKind>,
    /// The region of signatures, where the address does not say it.
    #[arg(long)]
    region: Option<String>,
    /// The profile of the AWS command line whose credentials sign.
    #[arg(long, value_name = "NAME")]
    aws_profile: Option<String>,
    /// Take it when nobody names another.
    #[arg(long = "use")]
    take: bool,
}

pub(crate) fn run(action: Action, session: &Session) -> anyhow::Result<()> {
    let mut profiles = session.profiles()?;
    let out = &session.out;
    match action {
        Action::Set(options) => set(options, &mut profiles, session),
        Action::Key { name, remove } => {
            profiles.get(&name)?;
            let key = if remove { None } else { Some(Secret::new(input::secret(&format!("API key of {name}"))?)) };
            profiles.set_key(&name, key.as_ref())?;
            out.note(&if remove {
                format!("The key of {name} is forgotten.")
            } else {
                format!("The key of {name} is stored.")
            });
            Ok(())
        }
        Action::Use { name, .. } => {
            if let Some(name) = &name {
                profiles.get(name)?;
            }
            let text = match &name {
                Some(name) => format!("{name} is taken from now on."),
                None => "No profile is taken by itself.".to_owned(),
            };
            profiles.default = name;
            profiles.save()?;
            out.note(&text);
            Ok(())
        }
        Action::List => list(&profiles, session),
        Action::Show { name: Some(name) } => {
            let profile = profiles.get(&name)?.clone();
            show(session, &view(&name, &profile, &profiles)?)
        }
        Action::Show { name: None } => {
            let api = session.silent_api()?;
            let target = api.target();
            let (auth, region) = match &target.auth {
                Auth::None => ("none", None),
                Auth::Key(_) => ("key", None),
                Auth::Iam { region, .. } => ("iam", Some(region)),
            };
            let view = json!({ "endpoint": target.base, "from": target.origin(), "auth": auth, "region": region });
            show(session, &view)
        }
        Action::Remove { name, yes } => {
            profiles.get(&name)?;
            input::confirm(yes.yes, &format!("Remove the profile {name} with its key?"))?;
            profiles.set_key(&name, None)?;
            profiles.known.remove(&name);
            profiles.default = profiles.default.take().filter(|default| *default != name);
            profiles.save()?;
            out.note(&format!("{name} is removed."));
            Ok(())
        }
    }
}

/// Names are used in messages and on command lines.
fn check_name(name: &str) -> Result<(), UsageError> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if (1..=64).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(UsageError(format!("{name:?} is no name of a profile: use up to 64 letters, digits, '-', '_' and '.'")))
}

fn set(options: Set, profiles: &mut Profiles, session: &Session) -> anyhow::Result<()> {
    let Set { name, url, auth, region, aws_profile, take } = options;
    check_name(&name)?;
    let url = url.map(|url| address("the address", &url)).transpose()?;
    let known = profiles.known.get(&name);
    let moved = known.is_some_and(|known| url.as_ref().is_some_and(|url| *url != known.endpoint));
    let Some(endpoint) = url.or_else(|| known.map(|known| known.endpoint.clone())) else {
        let text = format!("{name} is a new profile: give the server's address too");
        return Err(UsageError(text).into());
    };
    let before = known.cloned().unwrap_or_default();
    if moved && profiles.key(&name)?.is_some() {
        // A key belongs to the server that gave it.
        profiles.set_key(&name, None)?;
        session
            .out
            .note("The key was for the other address and is forgotten: `millrace config key` stores another one.");
    }
    let profile = Profile {
        endpoint,
        auth: auth.or(before.auth),
        region: region.or(before.region),
        aws_profile: aws_profile.or(before.aws_profile),
    };
    profiles.known.insert(name.clone(), profile.clone());
    if take {
        profiles.default = Some(name.clone());
    }
    profiles.save()?;
    let view = view(&name, &profile, profiles)?;
    session.out.changed(&view, &name, &format!("{name} is {}.", profile.endpoint))?;
    if profile.auth == Some(AuthKind::Key) && profiles.key(&name)?.is_none() {
        session.out.note(&format!("It has no key yet: `millrace config key {name}` stores one."));
    }
    Ok(())
}

fn view(name: &str, profile: &Profile, profiles: &Profiles) -> anyhow::Result<Value> {
    Ok(json!({
        "name": name,
        "endpoint": profile.endpoint,
        "auth": profile.auth,
        "region": profile.region,
        "aws_profile": profile.aws_profile,
        "has_key": profiles.key(name)?.is_some(),
        "default": profiles.default.as_deref() == Some(name),
    }))
}

fn show(session: &Session, view: &Value) -> anyhow::Result<()> {
    if session.out.json {
        return Ok(session.out.value(view)?);
    }
    let fields: BTreeMap<&str, &str> = BTreeMap::from([
        ("aws_profile", "AWS profile"),
        ("has_key", "Has a key"),
        ("from", "Found by"),
        ("default", "Default"),
        ("endpoint", "Endpoint"),
        ("name", "Name"),
        ("auth", "Called with"),
        ("region", "Region"),
    ]);
    let mut details = Details::new();
    for (member, value) in view.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => String::new(),
        };
        details = details.field(fields.get(member.as_str()).copied().unwrap_or(member), text);
    }
    Ok(session.out.details(&details)?)
}

fn list(profiles: &Profiles, session: &Session) -> anyhow::Result<()> {
    let out = &session.out;
    if out.json {
        let views: anyhow::Result<Vec<Value>> =
            profiles.known.iter().map(|(name, profile)| view(name, profile, profiles)).collect();
        return Ok(out.value(&json!({ "items": views? }))?);
    }
    if out.quiet {
        for name in profiles.known.keys() {
            out.line(name)?;
        }
        return Ok(());
    }
    if profiles.known.is_empty() {
        out.note(
            "There are none: `millrace config set NAME URL` makes one. Without one, commands find the local server.",
        );
        return Ok(());
    }
    let mut table = Table::new(&["NAME", "ENDPOINT", "AUTH", "KEY", "DEFAULT"]);
    for (name, profile) in &profiles.known {
        let auth = profile.auth.map_or("", |auth| match auth {
            AuthKind::None => "none",
            AuthKind::Key => "key",
            AuthKind::Iam => "iam",
        });
        let key = if profiles.key(name)?.is_some() { "yes" } else { "" };
        let default = if profiles.default.as_deref() == Some(name) { "yes" } else { "" };
        table.row([name.as_str(), &profile.endpoint, auth, key, default].map(Cell::new).to_vec());
    }
    Ok(out.table(&table)?)
}
