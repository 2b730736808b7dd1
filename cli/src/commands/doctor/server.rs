//! The server that commands would call.

use std::time::Duration;

use serde_json::Value;

use super::Check;
use super::machine::version;
use crate::client::{Api, ApiError, Auth, Call, Found, Kind, Target};
use crate::commands::Session;
use crate::output::text;

/// A server that is well answers sooner.
const PATIENCE: Duration = Duration::from_secs(10);

fn health(api: &Api) -> anyhow::Result<Value> {
    // A server that is not well says so with 503; both are answers.
    api.json(Call::new(http::Method::GET, "/health".to_owned()).timeout(PATIENCE))
}

/// Is there a Millrace server?
pub(super) fn is_millrace(url: &str) -> bool {
    let target = Target { base: url.to_owned(), found: Found::Endpoint, auth: Auth::None };
    let answer = Api::new(target).and_then(|api| health(&api));
    answer.is_ok_and(|health| health.get("checks").is_some())
}

pub(super) fn look(session: &Session) -> Vec<Check> {
    const NAME: &str = "server";
    let api = match session.silent_api() {
        Ok(api) => api,
        Err(error) => return vec![Check::missing(NAME, format!("{error:#}"), "correct the address or the profile")],
    };
    let target = api.target();
    let at = format!("{} ({})", target.base, target.origin());
    let health = match health(&api) {
        Ok(health) => health,
        Err(error) => {
            let away = error.downcast_ref::<ApiError>().is_some_and(|error| error.kind() == Kind::Unreachable);
            let said = error.to_string();
            let said = said.lines().next().unwrap_or_default();
            // Nobody asked for a server that was not named.
            let named = !matches!(target.found, Found::Default);
            return vec![if away && !named {
                Check::warning(NAME, format!("none runs at {at}"), "`millrace up` starts one")
            } else {
                Check::missing(NAME, format!("{at}: {said}"), "start it, or name another with --endpoint or --profile")
            }];
        }
    };
    if health.get("checks").is_none() {
        return vec![Check::missing(NAME, format!("{at} is no Millrace server"), "name another with --endpoint")];
    }
    let mut checks = vec![Check::fine(NAME, at)];
    for (name, pointer) in [
        ("records", "/checks/store/status"),
        ("queues", "/checks/queues/status"),
        ("artifacts", "/checks/blobs/status"),
    ] {
        let status = text(&health, pointer);
        checks.push(match status {
            "ok" => Check::fine(name, "they answer"),
            status => Check::missing(name, status, "the server's log tells why"),
        });
    }
    checks.push(skew(text(&health, "/version")));
    checks.push(caller(&api));
    checks
}

/// Do the command line and the server fit together? Until 1.0 the minor version tells.
fn skew(server: &str) -> Check {
    const NAME: &str = "versions";
    let own = env!("CARGO_PKG_VERSION");
    let found = format!("millrace {own}, server {server}");
    if version(server) == version(own) {
        return Check::fine(NAME, found);
    }
    let fix = if version(server) > version(own) {
        "install the newer `millrace`"
    } else {
        "bring the server up to date, or install the older `millrace`"
    };
    Check::warning(NAME, found, fix)
}

/// May the caller look?
fn caller(api: &Api) -> Check {
    const NAME: &str = "access";
    let how = match &api.target().auth {
        Auth::None => "without a key",
        Auth::Key(_) => "with an API key",
        Auth::Iam { .. } => "signed with AWS credentials",
    };
    match api.json(Call::get("/api/caller".to_owned()).timeout(PATIENCE)) {
        Ok(view) => {
            Check::fine(NAME, format!("{how}, as {} with the role {}", text(&view, "/owner"), text(&view, "/role")))
        }
        Err(error) => {
            let said = error.to_string();
            let mut lines = said.lines();
            let first = lines.next().unwrap_or_default().to_owned();
            let next = lines.find_map(|line| line.strip_prefix("next: ")).unwrap_or("check who calls");
            Check::missing(NAME, format!("{how}: {first}"), next)
        }
    }
}
