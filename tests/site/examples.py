#!/usr/bin/env python3
"""Runs the examples of the documentation on a local server, and says which of them don't do what they say.

    MILLRACE=target/release/millrace python3 tests/site/examples.py

In `docs/asl` a block titled "definition" is a workflow; each "input" after it is followed by the "output" or the "error" that
comes of it. In every page of PAGES, blocks titled "setup" and "run" are shell commands, done in order, and a block titled
"shows" has lines that the commands before it printed, with … for anything; after a "read", which changes nothing, it may take a moment
until they do. A block titled "server" starts a server of its own for
the blocks after it; "elsewhere" is what can't be run here, since it needs AWS. In the pages of GUIDES every `sh` block must have
a title. Those of ANSWERS have none: a `json` block there is a part of the last answer of the commands before it, at once or
after a moment. Where curl gets a status from 400 on, a command fails."""
import json, os, re, shlex, subprocess, sys, tempfile, time, urllib.error, urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GUIDES = [DOCS / f"how-to/{name}.md" for name in ("webhooks", "notifications", "identity", "built-in-workflows", "live", "observe")]
ANSWERS = [DOCS / f"how-to/{name}.md" for name in ("schedules", "queues", "limit-executions", "functions")]
PAGES = [*sorted((DOCS / "asl").glob("*.md")), DOCS / "start.md", *GUIDES, *ANSWERS]
FENCE = re.compile(r'^```(\w+)(?: title="(\w+)")?\n(.*?)^```$', re.S | re.M)
HERE = "http://127.0.0.1:7420"
CURL = 'curl() { command curl --silent --show-error --fail-with-body "$@"; }\n'


def call(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{error.code}: {error.read().decode()}") from None


def ended(server, arn):
    for _ in range(10):
        found = call(f"{server}/api/executions/{arn}?wait=10")
        if found["status"] not in ("RUNNING", "PENDING"):
            return found
    raise AssertionError("it did not end within 100 seconds")


def shell(server, script, folder):
    for name in ("127.0.0.1:7420", "localhost:7420"):
        script = script.replace(name, server.removeprefix("http://"))
    script = CURL + script
    binary = Path(os.environ["MILLRACE"]).resolve().parent
    environment = {**os.environ, "PATH": f"{binary}:{os.environ['PATH']}", "MILLRACE_ENDPOINT": server}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, text=True, timeout=300,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}"
    return done.stdout


def start(command, folder):
    """Starts a server in a folder; answers the process and its address."""
    environment = {**os.environ, "PATH": f"{Path(os.environ['MILLRACE']).resolve().parent}:{os.environ['PATH']}", "MILLRACE_LOG": "error"}
    process = subprocess.Popen(["bash", "-euo", "pipefail", "-c", command], stdout=subprocess.PIPE, text=True, env=environment, cwd=folder)
    return process, process.stdout.readline().strip()


def stop(process):
    process.terminate()
    process.wait(20)


def documents(text):
    """The JSON documents of a text, one after another."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        found, text = [*found, document], text[end:]
    return found


def contains(whole, part):
    """Has a value all that the other one has? Arrays are of one length."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(name in whole and contains(whole[name], one) for name, one in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return whole == part


def shows(text, line):
    return re.search(".*".join(re.escape(part.strip()) for part in line.strip().split("…")), text) is not None


class Page:
    """The examples of one page, in order; they share a folder."""

    def __init__(self, server, path, folder):
        self.server, self.path, self.folder = server, path, folder
        self.workflow, self.results, self.given, self.printed = None, None, None, ""
        self.done, self.own, self.last, self.again = 0, None, "", None

    def check(self):
        try:
            self.blocks()
        finally:
            if self.own:
                stop(self.own)

    def blocks(self):
        text = self.path.read_text()
        for match in FENCE.finditer(text):
            kind, body = match[2], match[3]
            if kind is None and self.path in ANSWERS:
                kind = {"sh": "run", "json": "answer"}.get(match[1])
            if kind is None and match[1] == "sh" and self.path in GUIDES:
                raise SystemExit(f"{self.path}: a block has no title, so nobody runs it:\n{body}")
            if kind is None:
                continue
            place = f"{self.path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
            try:
                getattr(self, "serve" if kind == "server" else kind)(body)
            except (AssertionError, AttributeError, json.JSONDecodeError, subprocess.TimeoutExpired) as error:
                raise SystemExit(f"{place}: the {kind} is not as it says: {error}") from None
        assert self.results != 0, f"{self.path}: the last definition has no result"

    def setup(self, body):
        self.run(body)

    def elsewhere(self, body):
        pass

    def serve(self, body):
        assert re.search(r"^(.*[ ;])?millrace up\b", body, re.M), "it starts no server"
        if self.own:
            stop(self.own)
        self.folder = tempfile.mkdtemp(dir=self.folder)
        # What it says on standard error has keys in it.
        log = Path(self.folder) / "server.log"
        self.own, self.server = start(re.sub(r"\bmillrace up\b", f"exec 2>{log} millrace up --port 0", body), self.folder)
        assert self.server, log.read_text()

    def answer(self, body):
        wanted = json.loads(body)
        deadline = time.monotonic() + 15
        while not contains(found := documents(self.printed)[-1], wanted):
            # What is only read may come to be.
            assert "-X" not in self.last and time.monotonic() < deadline, f"{found} has not all of it"
            time.sleep(0.2)
            self.printed = shell(self.server, self.last, self.folder)

    def run(self, body):
        self.last, self.again = "curl " + body.split("curl ")[-1], None
        self.printed = shell(self.server, body, self.folder)
        self.done += 1

    def read(self, body):
        self.run(body)
        self.again = body

    def shows(self, body):
        deadline = time.monotonic() + 30
        for line in body.splitlines():
            while not shows(self.printed, line):
                assert self.again and time.monotonic() < deadline, f"{line!r} is not in\n{self.printed}"
                time.sleep(0.5)
                self.printed = shell(self.server, self.again, self.folder)

    def definition(self, body):
        assert self.results != 0, "the definition before has no result"
        name = f"{self.path.stem}-{self.done}"
        self.workflow = call(f"{self.server}/api/workflows", {"name": name, "definition": body})["name"]
        self.results = 0

    def input(self, body):
        self.given = json.loads(body)

    def ended(self):
        started = call(f"{self.server}/api/workflows/{self.workflow}/executions", {"input": self.given})
        self.results += 1
        self.done += 1
        return ended(self.server, started["arn"])

    def output(self, body):
        found = self.ended()
        assert found["status"] == "SUCCEEDED", json.dumps(found)
        assert found["output"] == json.loads(body), json.dumps(found["output"])

    def error(self, body):
        found = self.ended()
        assert found["status"] == "FAILED", json.dumps(found)
        said = {name: found.get(name) for name in json.loads(body)}
        assert said == json.loads(body), json.dumps(said)


def main():
    with tempfile.TemporaryDirectory() as data:
        command = [str(Path(os.environ["MILLRACE"]).resolve()), "up", "--port", "0", "--data", data]
        process, server = start(f"exec {shlex.join(command)}", data)
        try:
            count = 0
            for path in PAGES:
                with tempfile.TemporaryDirectory() as folder:
                    page = Page(server, path, folder)
                    page.check()
                    count += page.done
            print(f"{count} passed, 0 failed: examples of {len(PAGES)} pages")
        finally:
            stop(process)


if __name__ == "__main__":
    main()
