"""A stand-in for AWS on a free port of the loopback, for tests.

As a program it runs a command against a fresh one and ends it:

    .venv/bin/python tests/aws/ministack.py cargo nextest run -p millrace-aws --test contract

The command finds the address in MILLRACE_AWS_ENDPOINT and credentials in the usual variables.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Ministack:
    """A running stand-in; ends with its `with` block."""

    def __init__(self):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.folder = Path(tempfile.mkdtemp(prefix="millrace-ministack-"))
        self.process = None

    @property
    def environment(self):
        """What a client needs: this process's environment, with the stand-in in place of AWS."""
        return {
            **os.environ,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "MILLRACE_AWS_ENDPOINT": self.endpoint,
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_ENABLE_LANGUAGE_EXTENSIONS": "1",
        }

    def __enter__(self):
        program = ROOT / ".venv/ministack/bin/ministack"
        if not program.exists():
            sys.exit(f"{program} is missing: see tests/aws/README.md")
        self.log = (self.folder / "log").open("w")
        # Functions inherit this environment, so the endpoint must be in it: without it they would call AWS itself.
        environment = {
            **self.environment,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "TMPDIR": str(self.folder),
        }
        self.process = subprocess.Popen(
            [program], env=environment, cwd=self.folder, stdout=self.log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2).close()
                return self
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.__exit__()
        sys.exit("ministack did not start")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        keep = os.environ.get("KEEP_MINISTACK_LOG")
        if keep:
            shutil.copy(self.folder / "log", keep)
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    with Ministack() as stack:
        return subprocess.run(sys.argv[1:], env=stack.environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
