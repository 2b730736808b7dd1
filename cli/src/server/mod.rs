//! The local server: HTTP, workers and upkeep in one process over one data folder.

mod artifacts;
mod connections;
mod console;
mod first_key;
mod guard;
mod live;
pub(crate) mod logs;
mod metrics;
mod note;
mod notifications;
mod tasks;
mod workers;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use millrace_agents::AllAgents;
use millrace_app::PayloadLimit;
use millrace_app::builtins::BuiltinIds;
use millrace_app::executions::{Patience, Retention, sweep};
use millrace_app::functions::{Functions, Settings};
use millrace_app::live::TimeLimits;
use millrace_app::logs::{LogSource, NoLogs};
use millrace_app::models::ModelCaller as _;
use millrace_app::ports::{Clock as _, Ports as _, Queue};
use millrace_app::workers::Executor;
use millrace_functions::SandboxRuntime;
use millrace_identity::{Authenticator, IdentityConfig, IssuerSignIn};
use millrace_integrations::{Integrations, Notifier};
use millrace_models::Models;
use millrace_rest::{AuthMode, Caller, FunctionsService, RestConfig};
use millrace_sqlite::{Options, SqlitePorts};
use millrace_stepfunctions::StepFunctionsConfig;
use millrace_testing::ProjectTests;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::exit::ListenError;
use crate::logging::{self, chain};
pub(crate) use first_key::FILE as FIRST_KEY;
pub use logs::LogLimits;
pub use workers::WorkerCounts;

/// How long running tasks and requests may take after the server was told to stop.
pub const GRACE: Duration = Duration::from_secs(10);
/// How long a caller of `POST /api/ai/invoke` waits for the model at most.
const MODEL_PATIENCE: Duration = Duration::from_secs(600);
/// How often stuck work is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// How often counts of invocations are stored: what a crash loses of them.
const COUNTS_EVERY: Duration = Duration::from_secs(2);
/// At most so many functions run at once, in a process each.
const SANDBOXES: usize = 16;
/// At most so many sandboxes with projects' tests run at once.
const TEST_SANDBOXES: usize = 4;
/// How often expired records are removed.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(600);

/// How a server is started.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The data folder.
    pub data: PathBuf,
    /// Where it listens.
    pub host: IpAddr,
    /// On which port; 0 takes a free one.
    pub port: u16,
    /// Who may call: everybody on this machine, or who has a key.
    pub keys: bool,
    /// How many tasks run at once.
    pub workers: WorkerCounts,
    /// How large data may be; `None` leaves it to the environment.
    pub payload_limit: Option<PayloadLimit>,
    /// The program whose processes are functions' sandboxes and run tests; `None` is this one, which then must begin with
    /// [`millrace_testing::serve_if_child`].
    pub sandbox: Option<PathBuf>,
    /// May projects' tests that the sandbox can't run be run in processes of this machine?
    pub run_tests: bool,
    /// The folder of the web console; `None` is the one that was built in, if one was.
    pub console: Option<PathBuf>,
    /// May notifications go to endpoints on this machine and its network, and without TLS?
    pub private_notifications: bool,
    /// How much of its logs is kept in the data folder.
    pub logs: LogLimits,
}

/// A server that runs.
pub struct Server {
    url: String,
    ports: SqlitePorts,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    note: note::ServerNote,
    functions: Functions<SandboxRuntime>,
    kept: Option<Arc<logs::Keeper>>,
}

impl Server {
    /// Opens the data folder, listens and starts the workers.
    ///
    /// # Errors
    /// [`millrace_integrations::ConfigError`], [`millrace_models::ConfigError`], [`millrace_identity::ConfigError`],
    /// [`millrace_app::executions::RetentionError`], [`millrace_sqlite::OpenError`], a port that is taken, and what keeps `server.json` from being written.
    pub async fn start(options: ServerOptions) -> anyhow::Result<Self> {
        let services = millrace_integrations::Config::from_env()?;
        let integrations = Integrations::new(services, step_functions(&options));
        let functions = functions(&options)?;
        let models = Models::from_env()?;
        let notifier = Notifier::new(integrations.clone(), options.private_notifications);
        let agents = AllAgents::new(Arc::new(models.clone())).with_tests(Arc::new(tests(&options)?));
        let executor = tasks::AllTasks { integrations, functions: functions.clone(), models: models.clone(), agents };
        Self::launch(options, functions, models, notifier, executor).await
    }

    /// The same with another executor of tasks.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with<E: Executor + Clone + 'static>(
        options: ServerOptions,
        executor: E,
    ) -> anyhow::Result<Self> {
        let functions = functions(&options)?;
        let services = millrace_integrations::Config::from_env()?;
        let integrations = Integrations::new(services, step_functions(&options));
        let notifier = Notifier::new(integrations, options.private_notifications);
        Self::launch(options, functions, Models::from_env()?, notifier, executor).await
    }

    async fn launch<E: Executor + Clone + 'static>(
        options: ServerOptions,
        functions: Functions<SandboxRuntime>,
        models: Models,
        notifier: Notifier,
        executor: E,
    ) -> anyhow::Result<Self> {
        let console = console::Console::open(options.console.as_deref())?;
        let retention = Retention::from_variables(|name| std::env::var(name).ok())?;
        let (data, settings) = (options.data.clone(), Options { retention, ..Options::from_env() });
        let ports = tokio::task::spawn_blocking(move || SqlitePorts::open(&data, settings)).await??;
        let (kept, found) = keep_logs(&options).await?;
        let address = SocketAddr::new(options.host, options.port);
        let listener = TcpListener::bind(address).await.map_err(|source| ListenError { address, source })?;
        let address = listener.local_addr().context("the port that was taken can't be read")?;
        let url = format!("http://{address}");
        // Nobody else is at work in this folder: whatever runs lost its worker.
        match sweep(&ports, Patience::None).await {
            Ok(report) if report.repaired > 0 => tracing::info!(threads = report.repaired, "moved on what had stopped"),
            Ok(_) => {}
            Err(error) => tracing::error!(error = chain(&error), "the first sweep failed; the next one repeats it"),
        }
        let step_functions = step_functions(&options);
        let identity = match options.keys {
            true => Some(IdentityConfig::from_env(&step_functions.account)?),
            false => None,
        };
        if options.keys {
            first_key::make_if_missing(&ports, &options.data, &url).await?;
        }
        let config = RestConfig {
            base_url: url.clone(),
            auth_mode: if options.keys { AuthMode::Required } else { AuthMode::Off },
            access_keys: true,
            cors_origins: cors_origins(),
            account: step_functions.account.clone(),
            region: step_functions.region.clone(),
            payload_limit: step_functions.payload_limit,
            with_model: models.plan_and_write(),
            webhook_owner: Some(Caller::LOCAL.to_owned()),
            builtins: BuiltinIds::from_variables(|name| std::env::var(name).ok()),
            private_notifications: options.private_notifications,
            ..RestConfig::default()
        };
        let config = config.with_webhooks_from_env();
        let service = FunctionsService { functions: functions.clone(), patience: None };
        let router = millrace_rest::router_with_functions(ports.clone(), service, config)
            .layer(millrace_rest::ai::<SqlitePorts, _>(models, MODEL_PATIENCE))
            .layer(millrace_rest::logs(found))
            .layer(millrace_rest::sign_in(identity.as_ref().and_then(IssuerSignIn::of)))
            .merge(artifacts::routes(ports.clone()))
            .merge(metrics::routes(ports.clone(), !options.keys))
            .merge(millrace_stepfunctions::router_with_tasks(ports.clone(), executor.clone(), step_functions));
        let authenticator = identity.map(|identity| Authenticator::new(ports.clone(), identity));
        let (stop, stopped) = watch::channel(false);
        let router = router.merge(live::routes(live::Live {
            ports: ports.clone(),
            authenticator: authenticator.clone(),
            origins: cors_origins().into(),
            limits: TimeLimits::default(),
            places: live::Places::default(),
            stopped: stopped.clone(),
        }));
        // A page that a browser was led to has no key to send, so callers are checked behind the console, and with keys its
        // host does not matter.
        let router = match authenticator {
            Some(authenticator) => console.before(millrace_identity::before(router, authenticator)),
            None => guard::surround(console.before(router), cors_origins()),
        };
        let router = millrace_rest::with_request_ids(router, ports.clone());
        let mut tasks = JoinSet::new();
        let until_stop = wait_for_stop(stopped.clone());
        tasks.spawn(connections::serve(listener, router, until_stop));
        workers::start(&mut tasks, &ports, executor, &options.workers, &stopped);
        let deliverers = options.workers.of(Queue::Notifications);
        notifications::start(&mut tasks, &ports, notifier, deliverers, &stopped);
        tasks.spawn(look_after(ports.clone(), functions.clone(), stopped));
        let started_at = ports.clock().now();
        let note = note::ServerNote::write(&options.data, &url, started_at).context("server.json can't be written")?;
        Ok(Self { url, ports, stop, tasks, note, functions, kept })
    }

    /// The ports of its store.
    #[must_use]
    pub const fn ports(&self) -> &SqlitePorts {
        &self.ports
    }

    /// Where it is reached, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file that tells where it is, for who ends the process without [`Server::stop`].
    pub(crate) fn note(&self) -> note::ServerNote {
        self.note.clone()
    }

    /// Takes no more work, lets what runs end within [`GRACE`], and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.ports.stop_receiving();
        let ended = timeout(GRACE, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!(
                tasks = self.tasks.len(),
                "some tasks did not end in time; they are done again at the next start"
            );
            self.tasks.shutdown().await;
        }
        store_counts(&self.functions, &self.ports).await;
        self.note.remove();
        if let Some(kept) = self.kept.take() {
            // An error means that the thread panicked: there is nothing to be written.
            let _panicked = tokio::task::spawn_blocking(move || kept.flush()).await;
        }
    }
}

/// Keeps what this process logs from now on, and what finds it.
async fn keep_logs(options: &ServerOptions) -> anyhow::Result<(Option<Arc<logs::Keeper>>, Arc<dyn LogSource>)> {
    if !options.logs.keeps() {
        return Ok((None, Arc::new(NoLogs)));
    }
    let (folder, limits) = (logs::folder(&options.data), options.logs);
    let found = Arc::new(logs::KeptLogs::new(folder.clone()));
    let keeper = tokio::task::spawn_blocking(move || logs::Keeper::start(logging::kept(), folder, limits)).await?;
    let keeper = keeper.context("the folder of the logs in the data folder can't be used")?;
    Ok((Some(Arc::new(keeper)), found))
}

/// Both APIs show the same workflows: whoever calls this server is the REST API's owner.
fn step_functions(options: &ServerOptions) -> StepFunctionsConfig {
    let from_env = StepFunctionsConfig::from_env();
    let payload_limit = options.payload_limit.unwrap_or(from_env.payload_limit);
    let owner = Some(Caller::LOCAL.to_owned());
    StepFunctionsConfig { owner, payload_limit, callers_are_known: options.keys, ..from_env }
}

/// Origins whose pages may call, from `CORS_ORIGINS`, separated by commas.
fn cors_origins() -> Vec<String> {
    let text = std::env::var("CORS_ORIGINS").unwrap_or_default();
    text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect()
}

async fn wait_for_stop(mut stopped: watch::Receiver<bool>) {
    // An error means that the server is gone, which stops it too.
    let _gone = stopped.wait_for(|stopped| *stopped).await;
}

/// The functions, whose processes are started when somebody calls one.
fn functions(options: &ServerOptions) -> anyhow::Result<Functions<SandboxRuntime>> {
    let runtime = SandboxRuntime::processes(SANDBOXES, options.sandbox.clone());
    Ok(Functions::new(runtime.context("no thread can be started")?, Settings::default()))
}

/// What runs projects' tests: the sandbox, and processes where the user allowed it.
fn tests(options: &ServerOptions) -> anyhow::Result<ProjectTests> {
    let tests = ProjectTests::in_sandbox(TEST_SANDBOXES, options.sandbox.clone());
    let tests = tests.context("no thread can be started")?;
    if !options.run_tests {
        return Ok(tests);
    }
    tests.with_processes(options.sandbox.clone()).context("this program can't be found")
}

async fn store_counts(functions: &Functions<SandboxRuntime>, ports: &SqlitePorts) {
    if let Err(error) = functions.flush(ports).await {
        tracing::error!(error = chain(&error), "counts of invocations could not be stored");
    }
}

/// Finds stuck work, removes what has expired and stores what was counted, again and again.
async fn look_after(ports: SqlitePorts, functions: Functions<SandboxRuntime>, stopped: watch::Receiver<bool>) {
    let mut sweeps = interval(SWEEP_EVERY);
    let mut counts = interval(COUNTS_EVERY);
    let mut housekeeping = interval(HOUSEKEEPING_EVERY);
    // The first tick is at once, and the server swept before it started.
    sweeps.tick().await;
    let stop = wait_for_stop(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = sweeps.tick() => match sweep(&ports, Patience::Grace).await {
                Ok(report) if report.repaired > 0 => tracing::info!(threads = report.repaired, "moved on what was stuck"),
                Ok(_) => {}
                Err(error) => tracing::error!(error = chain(&error), "a sweep failed; the next one repeats it"),
            },
            _ = counts.tick() => store_counts(&functions, &ports).await,
            _ = housekeeping.tick() => match ports.remove_expired().await {
                Ok(removed) => tracing::debug!(?removed, "removed what had expired"),
                Err(error) => tracing::error!(error = chain(&error), "what has expired could not be removed"),
            },
        }
    }
}
