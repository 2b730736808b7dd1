//! Profiles: several servers by name, in the user's configuration folder.
//!
//! `config.json` holds the addresses, `keys.json` the API keys, which only its owner may read. Keys are never printed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use millrace_app::ports::Secret;
use serde::{Deserialize, Serialize};

use crate::exit::UsageError;

/// How a server is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthKind {
    /// It asks nobody.
    None,
    /// With an API key.
    Key,
    /// Signed with AWS credentials.
    Iam,
}

/// A server by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// Its address.
    pub(crate) endpoint: String,
    /// How it is called; without it that follows from the address and whether there is a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auth: Option<AuthKind>,
    /// The region of signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    /// The profile of the AWS command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aws_profile: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// All profiles.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    folder: Option<PathBuf>,
    /// The one that is taken when nobody names another.
    pub(crate) default: Option<String>,
    /// By name.
    pub(crate) known: BTreeMap<String, Profile>,
    /// Keys that were given with the profiles; only in tests.
    given: BTreeMap<String, String>,
}

/// The folder of the configuration: MILLRACE_CONFIG_DIR, else `millrace` in XDG_CONFIG_HOME, `~/.config` or APPDATA.
pub(crate) fn folder(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(own) = variable("MILLRACE_CONFIG_DIR") {
        return Some(own.into());
    }
    let base = match variable("XDG_CONFIG_HOME") {
        // As the specification has it, a relative path is ignored.
        Some(base) if Path::new(&base).is_absolute() => PathBuf::from(base),
        _ => match variable("HOME") {
            Some(home) => Path::new(&home).join(".config"),
            None => variable("APPDATA")?.into(),
        },
    };
    Some(base.join("millrace"))
}

impl Profiles {
    /// Reads the profiles; none where there is no file.
    pub(crate) fn load(folder: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(folder) = folder else { return Ok(Self::default()) };
        let path = folder.join("config.json");
        let config: Config = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).with_context(|| {
                format!("{} can't be read: correct it, or remove it and use `millrace config set`", path.display())
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Config::default(),
            Err(error) => return Err(error).with_context(|| format!("{} can't be read", path.display())),
        };
        Ok(Self { folder: Some(folder), default: config.default, known: config.profiles, given: BTreeMap::new() })
    }

    #[cfg(test)]
    pub(crate) fn with(known: BTreeMap<String, Profile>, keys: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { known, given: keys.into_iter().collect(), ..Self::default() }
    }

    /// A profile by its name.
    pub(crate) fn get(&self, name: &str) -> anyhow::Result<&Profile> {
        self.known.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.known.keys().map(String::as_str).collect();
            let known = if names.is_empty() {
                "there are none yet; `millrace config set` makes one".to_owned()
            } else {
                format!("there are {}", names.join(", "))
            };
            UsageError(format!("there is no profile {name:?}: {known}")).into()
        })
    }

    /// Where the configuration lies.
    pub(crate) fn folder(&self) -> anyhow::Result<&Path> {
        let text = "there is no configuration folder: set MILLRACE_CONFIG_DIR or HOME";
        self.folder.as_deref().ok_or_else(|| UsageError(text.to_owned()).into())
    }

    fn keys_file(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join("keys.json"))
    }

    fn keys(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let Some(path) = self.keys_file() else { return Ok(self.given.clone()) };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(error).with_context(|| format!("{} can't be read", path.display())),
        };
        if let Some(problem) = self.exposed() {
            return Err(UsageError(problem).into());
        }
        // The error of the parser could quote a key.
        serde_json::from_str(&text).map_err(|_| {
            let text =
                format!("{} is not a JSON object of texts: remove it and use `millrace config key`", path.display());
            UsageError(text).into()
        })
    }

    /// What is wrong with the rights of the keys' file.
    pub(crate) fn exposed(&self) -> Option<String> {
        let path = self.keys_file()?;
        let mode = mode(&path)?;
        (mode & 0o077 != 0).then(|| {
            let path = path.display();
            format!(
                "others may read {path} (mode {:03o}): run `chmod 600 {path}`, and replace its keys if they did",
                mode & 0o777
            )
        })
    }

    /// The key of a profile.
    pub(crate) fn key(&self, name: &str) -> anyhow::Result<Option<Secret>> {
        Ok(self.keys()?.remove(name).map(Secret::new))
    }

    /// Stores a key, or removes it.
    pub(crate) fn set_key(&self, name: &str, key: Option<&Secret>) -> anyhow::Result<()> {
        let mut keys = self.keys()?;
        match key {
            Some(key) => keys.insert(name.to_owned(), key.expose().to_owned()),
            None => keys.remove(name),
        };
        self.write("keys.json", &serde_json::to_string_pretty(&keys)?)
    }

    /// Stores the profiles.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let config = Config { default: self.default.clone(), profiles: self.known.clone() };
        self.write("config.json", &serde_json::to_string_pretty(&config)?)
    }

    /// Writes a file that only its owner may read; nobody ever sees half of it.
    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let folder = self.folder()?;
        let (path, new) = (folder.join(name), folder.join(format!("{name}.new")));
        let written = fs::create_dir_all(folder).and_then(|()| {
            // What a crash left may have other rights.
            if new.exists() {
                fs::remove_file(&new)?;
            }
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&new)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            fs::rename(&new, &path)
        });
        written.with_context(|| format!("{} can't be written", path.display()))
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(fs::metadata(path).ok()?.permissions().mode())
}

#[cfg(not(unix))]
const fn mode(_: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_configuration_lies() {
        let with = |variables: &[(&str, &str)]| {
            folder(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(with(&[("HOME", "/h")]).unwrap(), Path::new("/h/.config/millrace"));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")]).unwrap(), Path::new("/x/millrace"));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "x")]).unwrap(), Path::new("/h/.config/millrace"));
        assert_eq!(with(&[("MILLRACE_CONFIG_DIR", "/m"), ("HOME", "/h")]).unwrap(), Path::new("/m"));
        assert_eq!(with(&[]), None);
    }

    #[test]
    fn what_is_stored_is_read_again_and_keys_are_for_their_owner() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        let mut profiles = Profiles::load(Some(folder.clone())).unwrap();
        let profile = Profile { endpoint: "https://x".into(), auth: Some(AuthKind::Key), ..Profile::default() };
        profiles.known.insert("p".into(), profile.clone());
        profiles.default = Some("p".into());
        profiles.save().unwrap();
        profiles.set_key("p", Some(&Secret::new("mr_secret"))).unwrap();
        let again = Profiles::load(Some(folder.clone())).unwrap();
        assert_eq!((again.default.as_deref(), again.get("p").unwrap()), (Some("p"), &profile));
        assert_eq!(again.key("p").unwrap().unwrap().expose(), "mr_secret");
        assert!(again.key("q").unwrap().is_none());
        let keys = folder.join("keys.json");
        assert!(!fs::read_to_string(folder.join("config.json")).unwrap().contains("mr_secret"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(mode(&keys).unwrap() & 0o777, 0o600);
            fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
            let refused = again.key("p").unwrap_err().to_string();
            assert!(refused.contains("chmod 600"), "{refused}");
            fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(&keys, "{\"p\": \"mr_secret").unwrap();
        let broken = format!("{:#}", again.key("p").unwrap_err());
        assert!(!broken.contains("mr_secret") && broken.contains("config key"), "{broken}");
    }
}
