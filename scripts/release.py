#!/usr/bin/env python3
"""Releases: checks, notes and the commit that makes one. docs/how-to/release.md tells how it goes.

    release.py commits RANGE     fail when a commit of the range is no Conventional Commit
    release.py prepare VERSION   CHANGELOG.md's "Unreleased" becomes VERSION's section, Cargo.toml and Cargo.lock say VERSION
    release.py check TAG         fail unless CHANGELOG.md, Cargo.toml, Cargo.lock and openapi.json are ready for TAG
    release.py notes TAG         print a release's notes: CHANGELOG.md's section, then the commits since the tag before

CHANGELOG.md is written by hand, with each change, for users: a commit's subject tells a developer what was done, not a
user what is different. The commits are listed below it by git-cliff.
"""

import datetime
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
# Where the repository is; a test makes one of its own.
ROOT = Path(os.environ.get("MILLRACE_ROOT", SCRIPTS.parent))
CLIFF = os.environ.get("GIT_CLIFF", str(SCRIPTS.parent / ".venv/release/bin/git-cliff"))
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?")


class Refused(Exception):
    """What is not ready, and what to do."""


def run(*command):
    """A command's output; its failure is the caller's."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(f"{' '.join(command)} failed:\n{done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def cliff(revisions):
    """The range's commits, listed; refused when one is not conventional."""
    return run(CLIFF, "--offline", "--config", str(SCRIPTS / "cliff.toml"), "--no-exec", *revisions).strip()


def section(version):
    """CHANGELOG.md's section of a version, without its heading."""
    text = (ROOT / "CHANGELOG.md").read_text()
    found = re.search(rf"^## {re.escape(version)}( \([^)\n]*\))?\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return found and found[2].strip()


def version_of(tag):
    if not tag.startswith("v") or not VERSION.fullmatch(tag[1:]):
        raise Refused(f"{tag} is no tag of a release: it is v and a semantic version, like v0.2.0")
    return tag[1:]


def members(version):
    """The workspace's packages in Cargo.lock that do not say the version."""
    with (ROOT / "Cargo.lock").open("rb") as file:
        packages = tomllib.load(file)["package"]
    return [each["name"] for each in packages if "source" not in each and each["version"] != version]


def commits(revisions):
    cliff([revisions])
    return f"the commits of {revisions} are conventional"


def prepare(version):
    if not VERSION.fullmatch(version):
        raise Refused(f"{version} is no semantic version, like 0.2.0")
    if not section("Unreleased"):
        raise Refused('CHANGELOG.md has nothing below "## Unreleased": there is nothing to release')
    if section(version) is not None:
        raise Refused(f"CHANGELOG.md has a section {version} already")
    changelog = ROOT / "CHANGELOG.md"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    text = changelog.read_text().replace("## Unreleased\n", f"## Unreleased\n\n## {version} ({today})\n", 1)
    manifest = ROOT / "Cargo.toml"
    found = re.subn(r'(^\[workspace\.package\]\nversion = ")[^"]+"', rf'\g<1>{version}"', manifest.read_text(), flags=re.M)
    if found[1] != 1:
        raise Refused("Cargo.toml has no version as the first line of [workspace.package]")
    changelog.write_text(text)
    manifest.write_text(found[0])
    run("cargo", "update", "--workspace", "--quiet")
    described = ROOT / "docs/openapi.json"
    document = json.loads(described.read_text())
    described.write_text(described.read_text().replace(
        f'"version": "{document["info"]["version"]}"', f'"version": "{version}"', 1))
    return f"now: make test, git commit -am 'chore: release {version}', merge it, git tag -s v{version}, git push --tags"


def check(tag):
    version = version_of(tag)
    wrong = []
    with (ROOT / "Cargo.toml").open("rb") as file:
        written = tomllib.load(file)["workspace"]["package"]["version"]
    if written != version:
        wrong.append(f"Cargo.toml says version {written}, not {version}")
    if others := members(version):
        wrong.append(f"Cargo.lock says other versions of {', '.join(others)}")
    described = json.loads((ROOT / "docs/openapi.json").read_text())["info"]["version"]
    if described != version:
        wrong.append(f"docs/openapi.json says version {described}, not {version}")
    if not section(version):
        wrong.append(f'CHANGELOG.md has no section "## {version} (date)", or nothing in it')
    if section("Unreleased"):
        wrong.append('CHANGELOG.md has something below "## Unreleased": it belongs into the release, or was not merged yet')
    if wrong:
        raise Refused(f"{tag} can't be released:\n" + "\n".join(f"- {each}" for each in wrong)
                      + f"\nscripts/release.py prepare {version} does all of it")
    return f"{tag} is ready"


def notes(tag):
    version = version_of(tag)
    told = section(version)
    if not told:
        raise Refused(f'CHANGELOG.md has no section "## {version} (date)"')
    tags = run("git", "tag", "--list", "v[0-9]*", "--merged", tag, "--sort=-version:refname").split()
    before = [each for each in tags if each != tag]
    # Without a tag before, all up to the one that is checked out.
    listed = cliff([f"{before[0]}..{tag}"] if before else [])
    return f"{told}\n\n### Commits\n\n{listed}"


def main():
    commands = {"commits": commits, "prepare": prepare, "check": check, "notes": notes}
    if len(sys.argv) != 3 or sys.argv[1] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(commands[sys.argv[1]](sys.argv[2]))
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
