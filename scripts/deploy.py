#!/usr/bin/env python3
"""Deploys what `sam build` made, with the parameters of samconfig.toml and those of this installation.

    deploy.py STAGE [--print]

STAGE is a section of samconfig.toml: dev, staging or production. PARAMETERS in the environment adds to the section's
`parameter_overrides` and goes before them, as Name=value pairs of a shell: `AlarmEmail=ops@example.com Model="a b"`. SAM by
itself would take either the section's or those of the command line. STACK_ROLE_ARN is the role that CloudFormation works as,
instead of the caller's. `--print` shows the command instead.

SAM publishes a function's new version when its code or its properties change as they are written, so a new value of a
parameter would stay without effect behind the alias. A hash of code and parameters in the variable REVISION makes it a
change of every function.
"""

import hashlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / ".aws-sam/build"
REVISION = re.compile(r"^( +REVISION: )\S+$", re.M)


def pairs(text, where):
    """The parameters of a text, by name."""
    found = {}
    for word in shlex.split(text):
        name, equals, value = word.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9]+", name):
            sys.exit(f"{where}: {word!r} is no parameter. Write Name=value, with quotes around a value with spaces")
        found[name] = value
    return found


def known():
    """The parameters that the template has."""
    text = (ROOT / "template.yaml").read_text()
    block = re.search(r"^Parameters:\n(.*?)^\S", text, re.M | re.S)[1]
    return set(re.findall(r"^  (\w+):$", block, re.M))


def revise(values, built=BUILT):
    """Writes REVISION into the built template; the same code and parameters give the same."""
    template = built / "template.yaml"
    if not template.exists():
        sys.exit("nothing is built: run sam build")
    text = template.read_text()
    whole = hashlib.sha256(REVISION.sub("", text).encode())
    for program in sorted(built.glob("*/bootstrap")):
        whole.update(program.parent.name.encode())
        with program.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    whole.update(repr(sorted(values.items())).encode())
    text, found = REVISION.subn(rf"\g<1>r{whole.hexdigest()[:16]}", text)
    if found != 1:
        sys.exit(f"{template} has {found} variables REVISION, not one")
    template.write_text(text)


def parameters(stage, given):
    """The parameters of a stage, with this installation's before samconfig.toml's."""
    with (ROOT / "samconfig.toml").open("rb") as file:
        stages = tomllib.load(file)
    if stage not in stages:
        sys.exit(f"samconfig.toml has no stage {stage}; it has {', '.join(set(stages) - {'version', 'default'})}")
    section = stages[stage]["deploy"]["parameters"]
    values = pairs(section.get("parameter_overrides", ""), "samconfig.toml") | pairs(given, "PARAMETERS")
    if unknown := sorted(set(values) - known()):
        sys.exit(f"template.yaml has no parameter {', '.join(unknown)}")
    return values


def command(stage, values):
    overrides = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    # Where nobody can answer, the approval was given before.
    asked = ["--no-confirm-changeset"] if os.environ.get("CI") else []
    role = os.environ.get("STACK_ROLE_ARN")
    made = ["--role-arn", role] if role else []
    return ["sam", "deploy", "--config-env", stage, *asked, *made, "--parameter-overrides", *overrides]


def main():
    arguments = [each for each in sys.argv[1:] if each != "--print"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    values = parameters(arguments[0], os.environ.get("PARAMETERS", ""))
    made = command(arguments[0], values)
    if "--print" in sys.argv:
        print(shlex.join(made))
        return 0
    revise(values)
    return subprocess.run(made, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
