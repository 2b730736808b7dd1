#!/usr/bin/env python3
"""Runs the examples of the documentation on a local server, and says which of them don't do what they say.

    MILLRACE=target/release/millrace python3 tests/site/examples.py

In `docs/asl` a block titled "definition" is a workflow; each "input" after it is followed by the "output" or the "error" that
comes of it. In every page of PAGES, blocks titled "setup" and "run" are shell commands, done in order, and a block titled
"shows" has lines that the commands before it printed, with … for anything."""
import json, os, re, subprocess, sys, tempfile, time, urllib.error, urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted((DOCS / "asl").glob("*.md")), DOCS / "start.md"]
FENCE = re.compile(r'^```(\w+) title="(\w+)"\n(.*?)^```$', re.S | re.M)
HERE = "http://127.0.0.1:7420"


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
    script = script.replace(HERE, server).replace(HERE.removeprefix("http://"), server.removeprefix("http://"))
    binary = Path(os.environ["MILLRACE"]).resolve().parent
    environment = {**os.environ, "PATH": f"{binary}:{os.environ['PATH']}", "MILLRACE_ENDPOINT": server}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, text=True, timeout=300,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}"
    return done.stdout


def shows(text, line):
    return re.search(".*".join(re.escape(part.strip()) for part in line.strip().split("…")), text) is not None


class Page:
    """The examples of one page, in order; they share a folder."""

    def __init__(self, server, path, folder):
        self.server, self.path, self.folder = server, path, folder
        self.workflow, self.results, self.given, self.printed = None, None, None, ""
        self.done = 0

    def check(self):
        text = self.path.read_text()
        for match in FENCE.finditer(text):
            kind, body = match[2], match[3]
            place = f"{self.path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
            try:
                getattr(self, kind)(body)
            except (AssertionError, AttributeError, json.JSONDecodeError, subprocess.TimeoutExpired) as error:
                raise SystemExit(f"{place}: the {kind} is not as it says: {error}") from None
        assert self.results != 0, f"{self.path}: the last definition has no result"

    def setup(self, body):
        self.run(body)

    def run(self, body):
        self.printed = shell(self.server, body, self.folder)
        self.done += 1

    def shows(self, body):
        for line in body.splitlines():
            assert shows(self.printed, line), f"{line!r} is not in\n{self.printed}"

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
        command = [os.environ["MILLRACE"], "up", "--port", "0", "--data", data]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "MILLRACE_LOG": "error"})
        try:
            server = process.stdout.readline().strip()
            count = 0
            for path in PAGES:
                with tempfile.TemporaryDirectory() as folder:
                    page = Page(server, path, folder)
                    page.check()
                    count += page.done
            print(f"{count} passed, 0 failed: examples of {len(PAGES)} pages")
        finally:
            process.terminate()
            process.wait(20)


if __name__ == "__main__":
    main()
