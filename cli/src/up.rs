//! `millrace up`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use millrace_app::PayloadLimit;
use millrace_telemetry::traces::{self, TracesConfig};
use tokio::runtime::Runtime;

use crate::args::{Auth, Limit, Up};
use crate::exit::UsageError;
use crate::server::{GRACE, LogLimits, Server, ServerOptions, WorkerCounts};

/// Runs the server until a signal.
pub(crate) fn run(options: Up) -> anyhow::Result<()> {
    let settings = settings(&options)?;
    let traces = TracesConfig::from_env("millrace")?.map(traces::start);
    let runtime = Runtime::new().context("the runtime can't be started")?;
    let done = runtime.block_on(async {
        // Before the server says that it is ready: who reads that may send a signal at once.
        let mut signals = Signals::new().context("signals can't be received")?;
        if let Some(traces) = traces.clone() {
            tokio::spawn(traces.run());
        }
        let server = Server::start(settings).await?;
        writeln!(std::io::stdout(), "{}", server.url()).context("the URL can't be written")?;
        tracing::info!(url = server.url(), "ready");
        if options.open {
            open(server.url());
        }
        signals.next().await;
        tracing::info!(grace_seconds = GRACE.as_secs(), "stopping; a second signal ends it at once");
        tokio::select! {
            () = async { server.stop().await; traces::flush().await } => Ok(()),
            () = signals.next() => std::process::exit(130),
        }
    });
    // Tasks that did not end in time must not keep the process.
    runtime.shutdown_background();
    done
}

fn settings(options: &Up) -> anyhow::Result<ServerOptions> {
    let keys = options.auth == Auth::Keys;
    if !keys && !options.host.is_loopback() {
        let text = format!(
            "--host {} is reachable from elsewhere, and --auth off lets everybody in: add --auth keys, or use a loopback \
             address such as 127.0.0.1",
            options.host
        );
        return Err(UsageError(text).into());
    }
    let mut workers = WorkerCounts::default();
    for (queue, number) in &options.workers {
        workers.set(*queue, *number);
    }
    let payload_limit = options.payload_limit.map(|limit| match limit {
        Limit::None => PayloadLimit::None,
        Limit::Aws => PayloadLimit::Aws,
    });
    Ok(ServerOptions {
        data: options.data.clone(),
        host: options.host,
        port: options.port,
        keys,
        workers,
        payload_limit,
        sandbox: None,
        run_tests: options.run_tests || allowed(std::env::var(RUN_TESTS).ok().as_deref())?,
        console: options.console.clone(),
        private_notifications: options.allow_private_notifications,
        logs: LogLimits::new(options.keep_logs_days, options.keep_logs_mib),
    })
}

const RUN_TESTS: &str = "MILLRACE_RUN_TESTS";

/// What the environment says of running tests.
fn allowed(value: Option<&str>) -> Result<bool, UsageError> {
    match value {
        Some("1" | "true") => Ok(true),
        None | Some("" | "0" | "false") => Ok(false),
        Some(other) => Err(UsageError(format!("{RUN_TESTS} is {other:?}: it must be 1 or 0"))),
    }
}

/// The signals that end the server.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    #[cfg(not(unix))]
    const fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Opens a URL in the browser. The server runs on when that fails.
fn open(url: &str) {
    let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[url])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start", "", url])
    } else {
        ("xdg-open", &[url])
    };
    let started =
        Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Err(error) = started {
        tracing::warn!(%error, program, "the browser could not be opened");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser as _;

    fn refused(arguments: &[&str]) -> String {
        let args = Args::try_parse_from(["millrace", "up"].iter().chain(arguments)).unwrap();
        let Command::Up(options) = args.command else { panic!() };
        let error = settings(&options).unwrap_err();
        assert!(error.is::<UsageError>());
        error.to_string()
    }

    #[test]
    fn tests_run_where_that_is_said() {
        assert!(allowed(Some("1")).unwrap() && !allowed(Some("0")).unwrap() && !allowed(None).unwrap());
        assert!(allowed(Some("yes")).unwrap_err().to_string().contains("1 or 0"));
    }

    #[test]
    fn nobody_else_gets_in() {
        assert!(refused(&["--host", "0.0.0.0"]).contains("--auth keys"));
        assert!(refused(&["--host", "::"]).contains("loopback"));
        assert!(refused(&["--host", "192.168.0.1"]).contains("loopback"));
    }
}
