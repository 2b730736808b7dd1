#!/usr/bin/env python3
"""Measure how long each deployed function takes from its start to its first poll of the Lambda Runtime API.

    measure_init.py [.aws-sam/build] [target/bench.json]

Starts each `bootstrap` with the environment that its template gives it (stand-in values), listens where it polls, and
stops it. Prints the median of nine starts and the binary's size, and adds both to the file of figures."""
import json, os, re, socket, statistics, subprocess, sys, time
from pathlib import Path

RUNS = 9


# What a made-up value can't be.
GIVEN = {"API_AUTHORIZATION": "AWS_IAM", "CORS_ORIGINS": "", "LOG_LEVEL": "warn", "SECRETS_PREFIX": "/millrace/",
         "MILLRACE_MODEL": "", "MILLRACE_MODEL_SINGLE": "", "MILLRACE_PRICES": "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "",
         "CONNECTIONS_URL": "https://connections.example.com/live", "CONSOLE_ORIGIN": "", "SYNC_SOURCE": "",
         "MILLRACE_RATE_LIMIT": "20:1200", "MILLRACE_EXECUTION_RETENTION_DAYS": "90",
         **{f"MILLRACE_OIDC_{name}": "" for name in ["ISSUER", "AUDIENCE", "JWKS_URL", "OWNER_CLAIM", "ROLES_CLAIM", "ROLE_PREFIX",
                                                     "DEFAULT_ROLE", "CLIENT_ID", "SCOPE"]}}


def environment(template: str) -> dict:
    """Every variable that a function of the template is given, with a value of the right shape."""
    values = {}
    for name in set(re.findall(r"^\s{8,}([A-Z][A-Z0-9_]{2,}): ", template, re.M)) - {"AWS_ENDPOINT_URL_SFN"}:
        if name.endswith("_URL"):
            values[name] = f"http://127.0.0.1:1/000000000000/{name.lower()}"
        elif name.endswith("_ARN"):
            values[name] = f"arn:aws:iam::000000000000:role/{name.lower()}"
        else:
            values[name] = name.lower().replace("_", "-")
    return {**values, **GIVEN}


def start(bootstrap: Path, given: dict) -> float:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(10)
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        values = {**given, "AWS_LAMBDA_RUNTIME_API": host, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "none",
                  "AWS_SECRET_ACCESS_KEY": "none", "AWS_LAMBDA_FUNCTION_NAME": bootstrap.parent.name,
                  "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                  "PATH": os.environ["PATH"]}
        begun = time.perf_counter()
        process = subprocess.Popen([bootstrap], env=values, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            connection, _ = listener.accept()
            connection.recv(1)
            return (time.perf_counter() - begun) * 1000
        except TimeoutError:
            process.kill()
            raise SystemExit(f"{bootstrap} did not poll: {process.stderr.read().decode()[-800:]}") from None
        finally:
            process.kill()
            process.wait()


def main() -> None:
    build = Path(sys.argv[1] if len(sys.argv) > 1 else ".aws-sam/build")
    file = Path(sys.argv[2] if len(sys.argv) > 2 else "target/bench.json")
    given = environment(Path("template.yaml").read_text())
    figures = json.loads(file.read_text()) if file.exists() else {}
    for bootstrap in sorted(build.glob("*/bootstrap")):
        name = bootstrap.parent.name
        millis = statistics.median(start(bootstrap, given) for _ in range(RUNS))
        size = bootstrap.stat().st_size / 1e6
        figures[f"lambda_init_ms_{name}"], figures[f"lambda_mb_{name}"] = round(millis, 2), round(size, 2)
        print(f"{name:28} {millis:7.1f} ms  {size:6.1f} MB")
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
