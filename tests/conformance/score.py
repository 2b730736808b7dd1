#!/usr/bin/env python3
"""Scores the local server against executions recorded from the real service, and fails below the targets.

    score.py SERVER [--corpus ../shared/asl]

Starts `SERVER up` on a fresh folder with Step Functions' payload limits and with Lambda served by the corpus's own
scorer, runs that scorer, and compares with the targets. Cases that can't pass are listed with their reasons in
docs/conformance.md; they are left out of the shares. Without a corpus it says so and succeeds."""
import argparse, collections, json, os, re, socket, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXCEPTIONS = ROOT / "docs/conformance.md"
# Of what, which level, the least share.
TARGETS = [("execution", "L1", 0.995), ("execution", "L2", 0.995), ("execution", "L3", 0.995), ("execution", "L5", 0.98),
           ("test_state", "L3", 0.95), ("create_error", "L2", 1.0), ("validate", "L2", 1.0),
           ("variable_references", "L2", 1.0)]
OTHERS = {"test_state", "create_error", "validate", "variable_references"}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listed():
    """The cases of docs/conformance.md: rows of its tables that begin with a case's id in backticks."""
    return set(re.findall(r"^\| `([^`]+)` \|", EXCEPTIONS.read_text(), re.M))


def run(server, corpus, results):
    lambda_port = free_port()
    environment = {**os.environ, "MILLRACE_PAYLOAD_LIMIT": "aws", "MILLRACE_LOG": "error",
                   "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{lambda_port}"}
    with tempfile.TemporaryDirectory() as data:
        process = subprocess.Popen([server, "up", "--port", "0", "--data", data], env=environment, text=True,
                                   stdout=subprocess.PIPE)
        try:
            url = process.stdout.readline().strip()
            if not url:
                sys.exit("the server did not start")
            subprocess.run([sys.executable, corpus / "score.py", "--url", url, "--lambda-port", str(lambda_port),
                            "--timeout", "30", "--out", results], check=True)
        finally:
            process.terminate()
            process.wait(20)


def shares(results, exceptions):
    """(passed, scored) by kind and level. A case counts at L4 and L5 where it has a history."""
    counts = collections.defaultdict(lambda: [0, 0])
    for result in results:
        if result["id"] in exceptions:
            continue
        kind = result["area"] if result["area"] in OTHERS else "execution"
        for level in ("L1", "L2", "L3", "L4", "L5"):
            fails_early = kind == "execution" and level in ("L4", "L5") and not result.get("L3")
            if level in result or level in ("L1", "L2", "L3") or fails_early and "events" in result:
                counts[kind, level][0] += bool(result.get(level))
                counts[kind, level][1] += 1
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared/asl")
    parser.add_argument("--out", type=Path, default=ROOT / "target/conformance.json")
    arguments = parser.parse_args()
    if not (arguments.corpus / "score.py").exists():
        print(f"conformance: there is no corpus in {arguments.corpus}: nothing was scored")
        return 0
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    run(arguments.server, arguments.corpus, arguments.out)
    results = json.loads(arguments.out.read_text())
    exceptions = listed()
    levels = ("L1", "L2", "L3", "L4", "L5")
    passing = sorted(result["id"] for result in results if result["id"] in exceptions
                     and result.get("L3") and all(result[level] for level in levels if level in result))
    for case in passing:
        print(f"conformance: {case} is listed in {EXCEPTIONS.name} and passes: remove it there")
    counts, everything, missed = shares(results, exceptions), shares(results, set()), 0
    for kind, level, least in TARGETS:
        passed, scored = counts[kind, level]
        share = passed / scored if scored else 0.0
        missed += share < least
        verdict = "ok" if share >= least else "BELOW"
        listed_too = "with those listed {}/{}".format(*everything[kind, level])
        print(f"conformance: {kind:20} {level} {passed:4}/{scored:<4} {100 * share:6.2f} % of {100 * least:.1f} % {verdict}"
              f" ({listed_too})")
    failing = [result for result in results if result["id"] not in exceptions and not result.get("L3")]
    for result in failing[:40]:
        print(f"conformance: fails: {result['id']}: {str(result.get('error') or result.get('got'))[:200]}")
    if len(failing) > 40:
        print(f"conformance: and {len(failing) - 40} more; all are in {arguments.out}")
    return 1 if missed or passing else 0


if __name__ == "__main__":
    sys.exit(main())
