//! The AWS credentials that a person's machine has.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use millrace_app::ports::Secret;
use millrace_client::{Client, Credentials, Endpoint};
use serde_json::Value;

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Credentials: of the environment or a container, else the static ones of `~/.aws/credentials`, else what the AWS
/// command line knows of (SSO, roles, credential processes). A named profile skips the environment.
pub(super) async fn credentials(profile: Option<&str>) -> Result<Credentials, String> {
    if profile.is_none() {
        let client = Client::new(millrace_client::Endpoints::default());
        // An endpoint that is not on this machine: nothing is made up.
        let endpoint = Endpoint { base: "https://execute-api.amazonaws.com".to_owned(), overridden: false };
        if let Ok(credentials) = client.credentials(&endpoint).await {
            return Ok(credentials);
        }
    }
    let name = profile.map(str::to_owned).or_else(|| environment("AWS_PROFILE"));
    if let Some(found) = shared_file()
        .and_then(|path| std::fs::read_to_string(path).ok())
        .and_then(|text| static_credentials(&text, name.as_deref().unwrap_or("default")))
    {
        return Ok(found);
    }
    exported(name.as_deref())
}

fn shared_file() -> Option<PathBuf> {
    if let Some(path) = environment("AWS_SHARED_CREDENTIALS_FILE") {
        return Some(path.into());
    }
    let home = environment("HOME").or_else(|| environment("USERPROFILE"))?;
    Some(PathBuf::from(home).join(".aws").join("credentials"))
}

/// The static credentials of a profile in the shared file.
fn static_credentials(text: &str, profile: &str) -> Option<Credentials> {
    let (mut inside, mut key, mut secret, mut token) = (false, None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = name.trim() == profile;
        } else if let (true, Some((name, value))) = (inside, line.split_once('=')) {
            let value = value.trim().to_owned();
            match name.trim() {
                "aws_access_key_id" => key = Some(value),
                "aws_secret_access_key" => secret = Some(value),
                "aws_session_token" => token = Some(value),
                _ => {}
            }
        }
    }
    Some(Credentials {
        access_key_id: key?,
        secret_access_key: Secret::new(secret?),
        session_token: token.map(Secret::new),
    })
}

/// What `aws configure export-credentials` gives.
fn exported(profile: Option<&str>) -> Result<Credentials, String> {
    let mut command = Command::new("aws");
    command.args(["configure", "export-credentials", "--format", "process"]).stdin(Stdio::null());
    if let Some(profile) = profile {
        command.args(["--profile", profile]);
    }
    let whose = profile.map_or_else(String::new, |profile| format!(" of the AWS profile {profile}"));
    let nothing = format!("there are no AWS credentials{whose}");
    let output = command.output().map_err(|_| format!("{nothing}, and the aws command is not there to ask"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        return Err(format!("{nothing}: aws says: {}", said.trim()));
    }
    let value: Value = serde_json::from_slice(&output.stdout).map_err(|_| nothing.clone())?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Credentials {
        access_key_id: text("AccessKeyId").ok_or_else(|| nothing.clone())?,
        secret_access_key: Secret::new(text("SecretAccessKey").ok_or(nothing)?),
        session_token: text("SessionToken").map(Secret::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_file_has_profiles() {
        let text = "# x\n[default]\naws_access_key_id = A\naws_secret_access_key=B\n\n[sso]\nsso_session = x\n[ p ]\n\
                    aws_access_key_id=C\naws_secret_access_key = D=\naws_session_token = E\n";
        let default = static_credentials(text, "default").unwrap();
        assert_eq!((default.access_key_id.as_str(), default.secret_access_key.expose()), ("A", "B"));
        let other = static_credentials(text, "p").unwrap();
        assert_eq!((other.secret_access_key.expose(), other.session_token.unwrap().expose()), ("D=", "E"));
        assert!(static_credentials(text, "sso").is_none());
        assert!(static_credentials(text, "nobody").is_none());
    }
}
