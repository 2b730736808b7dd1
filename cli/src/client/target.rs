//! Which server is called, and who calls.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use millrace_app::ports::Secret;
use millrace_client::is_loopback;
use serde_json::Value;

use crate::exit::UsageError;
use crate::profiles::{AuthKind, Profiles};
use crate::server::FIRST_KEY;

/// Where `millrace up` listens when nobody says otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:7420";
/// Where a local server keeps its data when nobody says otherwise.
const DATA: &str = "data/local";
/// A server on this machine takes a connection at once.
const CONNECT: Duration = Duration::from_millis(300);

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Its address, without a slash at the end.
    pub(crate) base: String,
    /// Why it is this one.
    pub(crate) found: Found,
    /// Who calls.
    pub(crate) auth: Auth,
}

/// Why a server was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// `--endpoint`
    Endpoint,
    /// `MILLRACE_ENDPOINT`
    Environment,
    /// A profile.
    Profile(String),
    /// The running local server of a data folder.
    Local(PathBuf),
    /// Nothing was said: the local server's usual address.
    Default,
}

/// How the caller is known.
#[derive(Debug, Clone)]
pub(crate) enum Auth {
    /// The server asks nobody.
    None,
    /// By an API key.
    Key(Secret),
    /// By a signature of AWS.
    Iam {
        /// The region of the API.
        region: String,
        /// The profile of the AWS command line.
        aws_profile: Option<String>,
    },
}

impl Target {
    /// Where the server was found, for people.
    pub(crate) fn origin(&self) -> String {
        match &self.found {
            Found::Endpoint => "--endpoint".to_owned(),
            Found::Environment => "MILLRACE_ENDPOINT".to_owned(),
            Found::Profile(name) => format!("profile {name}"),
            Found::Local(note) => format!("running, from {}", note.display()),
            Found::Default => "the default; no local server was found".to_owned(),
        }
    }

    /// What to do when it does not answer.
    pub(super) fn when_unreachable(&self) -> String {
        match &self.found {
            Found::Default | Found::Local(_) => "start a server with `millrace up`, or name one with --endpoint, \
                                                 MILLRACE_ENDPOINT or `millrace config set`"
                .to_owned(),
            Found::Profile(name) => format!("`millrace config show {name}` tells its address; is that server running?"),
            Found::Endpoint | Found::Environment => "check the address; is that server running?".to_owned(),
        }
    }
}

/// Is an address one of this machine?
pub(crate) fn is_local(base: &str) -> bool {
    is_loopback(base)
}

/// Finds the server: the flags, then the environment, then the profile that is the default, then the local server that
/// runs for this folder or one above it, then the usual address. Keys belong to a profile or to the environment.
pub(crate) fn resolve(
    endpoint: Option<&str>,
    profile: Option<&str>,
    profiles: &Profiles,
    variable: impl Fn(&str) -> Option<String>,
    folder: &Path,
) -> anyhow::Result<Target> {
    let key = variable("MILLRACE_API_KEY").map(Secret::new);
    if let Some(endpoint) = endpoint {
        // A profile's key goes to another address only where both were named.
        let named = profile.map(|name| profiles.get(name).map(|profile| (name, profile))).transpose()?;
        let base = address("--endpoint", endpoint)?;
        let key = match (key, named) {
            (Some(key), _) => Some(key),
            (None, Some((name, _))) => profiles.key(name)?,
            (None, None) => None,
        };
        let kind = named.and_then(|(_, profile)| profile.auth);
        let region = named.and_then(|(_, profile)| profile.region.clone()).or_else(|| region_of(&base));
        let aws_profile = named.and_then(|(_, profile)| profile.aws_profile.clone());
        let auth = auth(&base, kind, key, region.or_else(|| variable("AWS_REGION")), aws_profile)?;
        return checked(Target { base, found: Found::Endpoint, auth }, &variable);
    }
    let from_environment = variable("MILLRACE_ENDPOINT").filter(|_| profile.is_none());
    if let Some(endpoint) = from_environment {
        let base = address("MILLRACE_ENDPOINT", &endpoint)?;
        let region = region_of(&base).or_else(|| variable("AWS_REGION"));
        let auth = auth(&base, None, key, region, None)?;
        return checked(Target { base, found: Found::Environment, auth }, &variable);
    }
    let name = profile.map(str::to_owned).or_else(|| variable("MILLRACE_PROFILE")).or_else(|| profiles.default.clone());
    if let Some(name) = name {
        let profile = profiles.get(&name)?;
        let base = address(&format!("the endpoint of profile {name}"), &profile.endpoint)?;
        let key = match key {
            Some(key) => Some(key),
            None => profiles.key(&name)?,
        };
        let region = profile.region.clone().or_else(|| region_of(&base)).or_else(|| variable("AWS_REGION"));
        let auth = auth(&base, profile.auth, key, region, profile.aws_profile.clone())?;
        return checked(Target { base, found: Found::Profile(name), auth }, &variable);
    }
    let (base, found, own) = match local_server(folder) {
        Some((base, note)) => {
            let own = local_key(&note);
            (base, Found::Local(note), own)
        }
        None => (DEFAULT_URL.to_owned(), Found::Default, None),
    };
    Ok(Target { base, found, auth: key.or(own).map_or(Auth::None, Auth::Key) })
}

/// Keys and data stay off the wire where it can be read.
fn checked(target: Target, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Target> {
    let readable = target.base.starts_with("http://") && !is_loopback(&target.base);
    if readable && !matches!(target.auth, Auth::None) && variable("MILLRACE_ALLOW_HTTP").is_none() {
        let text = format!(
            "{} is not encrypted, so the key would be sent for everybody to read: use https, or set \
             MILLRACE_ALLOW_HTTP=1 in a network of your own",
            target.base
        );
        return Err(UsageError(text).into());
    }
    Ok(target)
}

/// How to call an address: as was said, else with the key that there is, else signed where it is API Gateway's.
fn auth(
    base: &str,
    kind: Option<AuthKind>,
    key: Option<Secret>,
    region: Option<String>,
    aws_profile: Option<String>,
) -> anyhow::Result<Auth> {
    let gateway = host_of(base).is_some_and(|host| host.contains(".execute-api."));
    let kind = kind.unwrap_or(match (&key, gateway) {
        (Some(_), _) => AuthKind::Key,
        (None, true) => AuthKind::Iam,
        (None, false) => AuthKind::None,
    });
    match kind {
        AuthKind::None => Ok(Auth::None),
        AuthKind::Key => key.map(Auth::Key).ok_or_else(|| {
            let text = format!(
                "{base} is called with an API key, and there is none: set MILLRACE_API_KEY, or store it \
                                with `millrace config key`"
            );
            UsageError(text).into()
        }),
        AuthKind::Iam => match region {
            Some(region) => Ok(Auth::Iam { region, aws_profile }),
            None => {
                let text =
                    format!("the region of {base} is not known: set AWS_REGION, or `millrace config set --region`");
                Err(UsageError(text).into())
            }
        },
    }
}

fn host_of(base: &str) -> Option<String> {
    base.parse::<Uri>().ok()?.host().map(str::to_owned)
}

/// The region of an address such as `https://id.execute-api.eu-west-1.amazonaws.com`.
fn region_of(base: &str) -> Option<String> {
    let host = host_of(base)?;
    let (_, rest) = host.split_once(".execute-api.")?;
    Some(rest.split('.').next()?.to_owned())
}

/// An address as it is used, checked.
pub(crate) fn address(what: &str, text: &str) -> Result<String, UsageError> {
    let wrong = || {
        let known = !text.contains("://") && format!("http://{text}").parse::<Uri>().is_ok();
        let hint =
            if known { format!(", such as http://{text}") } else { ", such as http://127.0.0.1:7420".to_owned() };
        UsageError(format!("{what} is {text:?}: it must be a URL that begins with http:// or https://{hint}"))
    };
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none();
    // A name in an address would be a secret on the command line.
    let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if known && plain { Ok(text.trim_end_matches('/').to_owned()) } else { Err(wrong()) }
}

/// The local server that runs for a folder, or for one above it, with the file that says so.
fn local_server(folder: &Path) -> Option<(String, PathBuf)> {
    folder.ancestors().find_map(|folder| {
        let note = folder.join(DATA).join("server.json");
        let text = std::fs::read_to_string(&note).ok()?;
        let url = serde_json::from_str::<Value>(&text).ok()?.get("url")?.as_str()?.to_owned();
        listens(&url).then_some((url, note))
    })
}

/// The key that a local server with `--auth keys` keeps for its owner, beside the file that says where it is.
fn local_key(note: &Path) -> Option<Secret> {
    let text = std::fs::read_to_string(note.with_file_name(FIRST_KEY)).ok()?;
    Some(Secret::new(serde_json::from_str::<Value>(&text).ok()?.get("key")?.as_str()?))
}

/// After a crash the note stays: does somebody listen there?
fn listens(url: &str) -> bool {
    let Some(authority) = url.strip_prefix("http://").filter(|_| is_loopback(url)) else { return false };
    let address: Result<SocketAddr, _> = authority.trim_end_matches('/').parse();
    address.is_ok_and(|address| TcpStream::connect_timeout(&address, CONNECT).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::Profile;
    use std::collections::BTreeMap;

    fn profiles() -> Profiles {
        let profile = |endpoint: &str| Profile { endpoint: endpoint.to_owned(), ..Profile::default() };
        let known = [
            ("prod", profile("https://abc.execute-api.eu-west-1.amazonaws.com/")),
            (
                "team",
                Profile {
                    region: Some("eu-north-1".into()),
                    auth: Some(AuthKind::Iam),
                    ..profile("https://m.example.com")
                },
            ),
        ];
        let known: BTreeMap<_, _> = known.into_iter().map(|(name, profile)| (name.to_owned(), profile)).collect();
        Profiles::with(known, [("prod".to_owned(), "key-of-prod".to_owned())])
    }

    fn found(endpoint: Option<&str>, profile: Option<&str>, variables: &[(&str, &str)]) -> anyhow::Result<Target> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let folder = tempfile::tempdir()?;
        resolve(endpoint, profile, &profiles(), variable, folder.path())
    }

    #[test]
    fn flags_go_before_the_environment_and_that_before_profiles() {
        let environment = [("MILLRACE_ENDPOINT", "http://127.0.0.1:2"), ("MILLRACE_PROFILE", "team")];
        assert_eq!(found(Some("http://127.0.0.1:1/"), None, &environment).unwrap().base, "http://127.0.0.1:1");
        assert_eq!(found(None, None, &environment).unwrap().base, "http://127.0.0.1:2");
        assert_eq!(found(None, Some("prod"), &environment).unwrap().found, Found::Profile("prod".into()));
        assert_eq!(found(None, None, &environment[1..]).unwrap().base, "https://m.example.com");
        let usual = found(None, None, &[]).unwrap();
        assert_eq!((usual.base.as_str(), &usual.found), (DEFAULT_URL, &Found::Default));
        assert!(found(None, Some("nobody"), &[]).unwrap_err().to_string().contains("prod, team"));
    }

    #[test]
    fn who_calls() {
        let key = |target: Target| match target.auth {
            Auth::Key(key) => key.expose().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(key(found(None, Some("prod"), &[]).unwrap()), "key-of-prod");
        assert_eq!(key(found(None, Some("prod"), &[("MILLRACE_API_KEY", "mine")]).unwrap()), "mine");
        // A profile's key does not go elsewhere by accident.
        assert!(matches!(found(Some("https://example.com"), None, &[]).unwrap().auth, Auth::None));
        assert_eq!(key(found(Some("https://example.com"), Some("prod"), &[]).unwrap()), "key-of-prod");
        let Auth::Iam { region, .. } = found(None, Some("team"), &[]).unwrap().auth else { panic!() };
        assert_eq!(region, "eu-north-1");
        let gateway = found(Some("https://abc.execute-api.eu-west-1.amazonaws.com"), None, &[]).unwrap();
        assert!(matches!(gateway.auth, Auth::Iam { region, .. } if region == "eu-west-1"));
    }

    #[test]
    fn a_key_is_not_sent_in_the_clear() {
        let key = ("MILLRACE_API_KEY", "mine");
        assert!(found(Some("http://example.com"), None, &[key]).unwrap_err().is::<UsageError>());
        assert!(found(Some("http://example.com"), None, &[key, ("MILLRACE_ALLOW_HTTP", "1")]).is_ok());
        assert!(found(Some("http://127.0.0.1:1"), None, &[key]).is_ok());
    }

    #[test]
    fn addresses() {
        for wrong in ["localhost:1", "ftp://x", "http://", "http://u:p@x", "http://x?a=1", ""] {
            assert!(address("--endpoint", wrong).is_err(), "{wrong}");
        }
        assert!(address("--endpoint", "127.0.0.1:1").unwrap_err().to_string().contains("http://127.0.0.1:1"));
    }
}
