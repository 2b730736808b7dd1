//! Measures functions on the real local server over HTTP. Prints a table and adds to `target/bench.json`.
//!
//! The load is this program: requests as bytes over connections that stay open, so that little of the time is its own.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a program that prints figures"
)]

mod figures;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use figures::{Figures, at};
use serde_json::{Value, json};

/// Runs of each figure; the median counts.
const RUNS: usize = 3;
/// Connections that call at the same time.
const AT_ONCE: usize = 8;
/// How long they do.
const LOAD: Duration = Duration::from_secs(3);

const HELLO: &str = "export async function handler(event, context) {
  console.log(`hello ${event.name}`);
  return { hello: event.name, from: context.functionName };
}";

/// A server in a process of its own; ended with this value.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(data: &std::path::Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_millrace"))
            .args(["up", "--port", "0", "--auth", "off", "--data"])
            .arg(data)
            // A line for each request would measure the log.
            .env("MILLRACE_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut url = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut url).expect("its address");
        let address = url.trim().strip_prefix("http://").expect("a URL").to_owned();
        Self { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().expect("it ends");
        self.process.wait().expect("it ends");
    }
}

/// A connection that stays open.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(&server.address).expect("the server listens");
        stream.set_nodelay(true).expect("an option of the socket");
        Self(BufReader::new(stream))
    }

    fn call(&mut self, request: &[u8]) -> Vec<u8> {
        self.0.get_mut().write_all(request).expect("the request is sent");
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        while self.0.read_line(&mut line).expect("an answer") > 2 {
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().expect("a length");
                }
                None => status.clone_from(&line),
                Some(_) => {}
            }
            line.clear();
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the whole answer");
        assert!(status.contains(" 20"), "{status} {}", String::from_utf8_lossy(&body));
        body
    }
}

fn post(path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

fn create(server: &Server, name: &str, code: &str) {
    let body = json!({ "function_name": name, "code": code });
    Connection::open(server).call(&post("/api/functions/projects/bench", &body));
}

/// Times of so many calls, one after another, in milliseconds and in order of length.
fn alone(server: &Server, request: &[u8], count: usize) -> Vec<f64> {
    let mut connection = Connection::open(server);
    (0..count / 10).for_each(|_| drop(connection.call(request)));
    let mut times: Vec<f64> = (0..count)
        .map(|_| {
            let begun = Instant::now();
            let answer = connection.call(request);
            let time = begun.elapsed().as_secs_f64() * 1e3;
            assert!(answer.starts_with(b"{\"success\":true"), "{}", String::from_utf8_lossy(&answer));
            time
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Calls in a second, by several connections at the same time.
fn together(server: &Server, request: &[u8]) -> f64 {
    let begun = Instant::now();
    let loops = std::thread::scope(|scope| {
        let one = || {
            let (mut connection, mut count) = (Connection::open(server), 0_u32);
            while begun.elapsed() < LOAD {
                connection.call(request);
                count += 1;
            }
            count
        };
        let loops: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(one)).collect();
        loops.into_iter().map(|one| one.join().expect("it ends")).sum::<u32>()
    });
    f64::from(loops) / begun.elapsed().as_secs_f64()
}

fn main() {
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let server = Server::start(folder.path());
    create(&server, "hello", HELLO);
    create(&server, "same", "export const handler = (event) => event;");
    let hello = post("/api/v1/functions/bench/hello", &json!({ "name": "Ada" }));
    let rows: Vec<Value> = (0..1_000)
        .map(|row| json!({ "id": row, "name": "a name of a row", "tags": ["one", "two"], "price": 12.5 }))
        .collect();
    let large = post("/api/v1/functions/bench/same", &json!({ "rows": rows, "more": "x".repeat(30_000) }));
    let mut figures = Figures::default();
    let (mut p50, mut p99, mut rate, mut both_ways) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    together(&server, &hello);
    for _ in 0..RUNS {
        let times = alone(&server, &hello, 3_000);
        p50.push(at(&times, 0.5));
        p99.push(at(&times, 0.99));
        rate.push(together(&server, &hello));
        both_ways.push(at(&alone(&server, &large, 100), 0.5));
    }
    figures.note("js_http_p50_ms", "a function with a log line over HTTP, one call at a time", p50);
    figures.note("js_http_p99_ms", "the same", p99);
    figures.note("js_http_per_second", "the same, eight at a time, the load on the same machine", rate);
    figures.note("js_http_100kb_ms", "a function given and giving 100 KB of JSON", both_ways);
    figures.write();
}
