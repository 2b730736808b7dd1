//! `millrace demo`: a project from the request to a package whose tests pass, in one call.

mod package;
mod parameters;
mod show;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::args::Demo;
use crate::client::{Api, Auth, Call, Found, Target, path};
use crate::commands::project::{self, Seen, save};
use crate::output::Out;
use crate::server::{LogLimits, Server, ServerOptions, WorkerCounts};
use show::Show;

/// Runs the demo.
pub(crate) fn run(options: Demo, out: &Out) -> anyhow::Result<()> {
    let started = Instant::now();
    let runtime = Runtime::new().context("the runtime can't be started")?;
    let server = runtime.block_on(Server::start(ServerOptions {
        data: options.data.clone(),
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 0,
        keys: false,
        workers: WorkerCounts::default(),
        payload_limit: None,
        sandbox: None,
        run_tests: false,
        private_notifications: false,
        logs: LogLimits::default(),
        console: None,
    }))?;
    let note = server.note();
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            note.remove();
            eprintln!("millrace: interrupted; what was made so far is kept");
            std::process::exit(130);
        }
    });
    let done = deliver(&options, out, server.url(), started);
    runtime.block_on(server.stop());
    runtime.shutdown_background();
    done
}

fn deliver(options: &Demo, out: &Out, url: &str, started: Instant) -> anyhow::Result<()> {
    let client = Api::new(Target { base: url.to_owned(), found: Found::Endpoint, auth: Auth::None })?;
    let mut show = Show::new(out, started);
    show.say(&format!("The local server runs at {url} with its data in {}", options.data.display()));
    let template = template(&client, &options.template)?;
    let parameters = parameters::sample(&options.template, &template);
    let name = parameters.get("name").and_then(Value::as_str).unwrap_or("demo").to_owned();
    show.say(&format!("Creating the project {name} from the template {}", options.template));
    let request = json!({ "template_id": options.template, "parameters": parameters });
    let project =
        client.json(Call::post("/api/projects".to_owned(), request)).context("the project can't be created")?;
    let id = text(&project, "id")?.to_owned();

    let project = follow(&client, &id, &mut show, options.timeout.saturating_sub(started.elapsed()))?;
    if text(&project, "status")? != "completed" {
        show.end();
        bail!("{}", failure(&project));
    }
    let delivered = started.elapsed();

    let deployments = client.get(path(&["api", "projects", &id, "deployments"]))?;
    let deployment = deployments.pointer("/items/0").context("the project has no deployment package")?;
    let bytes = client.download(text(deployment, "download_url")?)?;
    let sum = millrace_agents::package::sha256_hex(&bytes);
    ensure!(sum == text(deployment, "sha256")?, "the package that was downloaded has another checksum: {sum}");
    let zip = options.data.join(format!("{name}.zip"));
    save(&zip, &bytes, true)?;
    show.say(&format!("Package: {} files, {} bytes, SHA-256 {sum}", package::count(&bytes)?, bytes.len()));

    let plan = client.get(path(&["api", "projects", &id, "plan"]))?;
    let tests = package::test(&bytes, &strings(&plan, "/commands/test"), &strings(&plan, "/stack/tools"), &mut show);
    show.say(&format!(
        "From the request to the package: {:.1} s; everything: {:.1} s",
        delivered.as_secs_f64(),
        started.elapsed().as_secs_f64()
    ));
    show.end();
    // Even when its tests fail: the package exists.
    show.result(&zip, &sum, delivered, &tests)?;
    tests.map(drop)
}

/// The template with its parameter schema.
fn template(client: &Api, id: &str) -> anyhow::Result<Value> {
    let list = client.get("/api/templates".to_owned())?;
    let known: BTreeMap<&str, &Value> = list
        .pointer("/items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|template| Some((template.get("id")?.as_str()?, template)))
        .collect();
    let ids = || known.keys().copied().collect::<Vec<_>>().join(", ");
    known
        .get(id)
        .map(|template| (*template).clone())
        .with_context(|| format!("there is no template {id:?}; there are {}", ids()))
}

/// Shows what happens until the delivery ends.
fn follow(client: &Api, id: &str, show: &mut Show, timeout: Duration) -> anyhow::Result<Value> {
    let project = project::follow(
        client,
        id,
        Some(timeout),
        |text| eprintln!("{text}"),
        |seen| {
            match seen {
                Seen::Event(event) => show.event(event),
                Seen::Status(status) => show.status(status),
            }
            Ok(())
        },
    )?;
    let status = text(&project, "status")?;
    let over = ["completed", "failed", "cancelled", "paused"].contains(&status);
    ensure!(over, "the delivery did not end in time; it stands at {status}");
    Ok(project)
}

/// Why a delivery did not end well, for people.
fn failure(project: &Value) -> String {
    let part = |pointer| project.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let what = [part("/failure/cause"), part("/failure/what_to_do")];
    let what: Vec<&str> = what.into_iter().filter(|text| !text.is_empty()).collect();
    format!("the delivery ended as {}: {}", part("/status"), what.join(" "))
}

fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value.get(name).and_then(Value::as_str).with_context(|| format!("the server's answer has no text {name:?}"))
}

fn strings(value: &Value, pointer: &str) -> Vec<String> {
    let items = value.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
