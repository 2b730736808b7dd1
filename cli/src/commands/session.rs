//! What a command runs in: the flags that all take, and the server that they name.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::args::Global;
use crate::client::{Api, ApiError, Found, Kind, resolve};
use crate::output::{Out, clean};
use crate::profiles::{self, Profiles};

/// So long a command that watches bears a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries meanwhile.
const AGAIN: Duration = Duration::from_secs(1);

/// What is said when the command is interrupted.
static FAREWELL: Mutex<Option<String>> = Mutex::new(None);

/// A variable of the environment; an empty one counts as none.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Says what goes on when the command is interrupted from now on.
pub(crate) fn when_interrupted(text: impl Into<String>) {
    if let Ok(mut farewell) = FAREWELL.lock() {
        *farewell = Some(text.into());
    }
}

/// A command's surroundings.
#[derive(Debug)]
pub(crate) struct Session {
    /// How results are shown.
    pub(crate) out: Out,
    endpoint: Option<String>,
    profile: Option<String>,
}

impl Session {
    /// As the flags say.
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            out: Out::new(global.json, global.quiet, global.color),
            endpoint: global.endpoint.clone(),
            profile: global.profile.clone(),
        }
    }

    /// The profiles of this machine's user.
    pub(crate) fn profiles(&self) -> anyhow::Result<Profiles> {
        Profiles::load(profiles::folder(variable))
    }

    /// The server. Says which one it is where nobody named it.
    pub(crate) fn api(&self) -> anyhow::Result<Api> {
        let api = self.silent_api()?;
        let target = api.target();
        if matches!(target.found, Found::Local(_) | Found::Default) {
            self.out.note(&format!("Using {} ({})", target.base, target.origin()));
        }
        Ok(api)
    }

    /// The server, without a word.
    pub(crate) fn silent_api(&self) -> anyhow::Result<Api> {
        let folder = std::env::current_dir().context("the current folder can't be read")?;
        let target = resolve(self.endpoint.as_deref(), self.profile.as_deref(), &self.profiles()?, variable, &folder)?;
        let api = Api::new(target)?;
        let json = self.out.json;
        api.runtime().spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                let farewell = FAREWELL.lock().ok().and_then(|farewell| farewell.clone());
                let text = format!("interrupted{}", farewell.map(|text| format!("; {text}")).unwrap_or_default());
                let terminal = console::Term::stderr();
                if terminal.is_term() {
                    // The spinner's line ends, and the cursor that it hid is back.
                    let _shown = terminal.show_cursor();
                    eprintln!();
                }
                if json {
                    eprintln!("{}", serde_json::json!({ "detail": text, "exit_code": 130 }));
                } else {
                    eprintln!("millrace: {}", clean(&text));
                }
                std::process::exit(130);
            }
        });
        Ok(api)
    }
}

/// Repeats a look at the server while it does not answer, such as while it is started again.
pub(crate) fn patiently<T>(say: impl Fn(&str), mut look: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut since: Option<Instant> = None;
    loop {
        let error = match look() {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let away = error.downcast_ref::<ApiError>().is_some_and(|error| error.kind() == Kind::Unreachable);
        let began = *since.get_or_insert_with(|| {
            if away {
                say("The server does not answer; trying again…");
            }
            Instant::now()
        });
        if !away || began.elapsed() > PATIENCE {
            return Err(error);
        }
        std::thread::sleep(AGAIN);
    }
}
