//! The real program in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

pub(crate) fn millrace() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.env_remove("MILLRACE_LOG").env_remove("MILLRACE_KEPT_LOG").stdin(Stdio::null());
    command
}

/// A server in a process of its own; killed when the test ends.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) stdout: BufReader<std::process::ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
}

impl Server {
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        Self::spawn(&mut millrace(), data, more)
    }

    /// The same by a command that sets its own environment.
    pub(crate) fn spawn(command: &mut Command, data: &Path, more: &[&str]) -> Self {
        let more: Vec<&str> = ["--auth", "off"].iter().chain(more).copied().collect();
        Self::spawn_with(command, data, &more)
    }

    /// The same without words about who may call.
    pub(crate) fn spawn_with(command: &mut Command, data: &Path, more: &[&str]) -> Self {
        let mut child = command
            .args(["up", "--port", "0", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        stdout.read_line(&mut url).unwrap();
        let mut stderr = child.stderr.take().unwrap();
        if url.is_empty() {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            panic!("the server did not start: {text}");
        }
        Self { child, url: url.trim_end().to_owned(), stdout, stderr: Some(stderr) }
    }

    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (u16, Vec<u8>) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        let url = if path.starts_with('/') { format!("{}{path}", self.url) } else { path.to_owned() };
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            None => agent.run(request.body(()).unwrap()),
            Some(body) => agent.run(request.header("content-type", "application/json").body(body.to_string()).unwrap()),
        };
        let answer = answer.unwrap();
        (answer.status().as_u16(), answer.into_body().read_to_vec().unwrap())
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, &[], None);
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    /// Ends it as a terminal or an init system would.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String, String) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let code = self.child.wait().unwrap().code();
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (code, out, err)
    }

    /// `kill -9`
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}
