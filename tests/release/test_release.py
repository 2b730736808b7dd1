"""The workflows below .github, and what their steps run, as far as it needs no AWS and no GitHub.

    .venv/release/bin/python tests/release/test_release.py

Steps are one call of make each, so that what they do can be run, here and by anybody; a deployed stack's part of it is in
tests/aws/test_deployment.py.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
import unittest
import uuid
from datetime import datetime
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import deploy  # noqa: E402

WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}


def run(*command, folder=ROOT, code=0, **environment):
    """Output of a command that ends with the code that is expected."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "GIT_"))}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**kept, **environment}
    )
    if done.returncode != code:
        raise AssertionError(f"{shlex.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + (done.stderr if code else "")


def jobs():
    for file, workflow in WORKFLOWS.items():
        for name, job in workflow["jobs"].items():
            yield f"{file}: {name}", job


def steps():
    for place, job in jobs():
        for step in job.get("steps", []):
            yield place, step


def targets():
    """The Makefile's targets: what each needs."""
    found = re.findall(r"^([a-z][a-z0-9-]*):(.*?)(?: ##.*)?$", (ROOT / "Makefile").read_text(), re.M)
    return {name: needs.split() for name, needs in found}


class Workflows(unittest.TestCase):
    def test_nothing_is_allowed_that_is_not_needed(self):
        for file, workflow in WORKFLOWS.items():
            self.assertEqual(workflow["permissions"], {}, file)
        for place, job in jobs():
            self.assertIn("permissions", job, place)
            writes = {name for name, access in job["permissions"].items() if access == "write"}
            if place != "release.yml: publish":
                self.assertLessEqual(writes, {"id-token"}, place)

    def test_every_job_ends(self):
        for place, job in jobs():
            self.assertTrue("uses" in job or 0 < job["timeout-minutes"] <= 90, place)

    def test_actions_are_what_they_were(self):
        for place, step in steps():
            if "uses" in step:
                self.assertRegex(step["uses"], r"^[\w.-]+/[\w.-]+@[0-9a-f]{40}$", place)
        for file in WORKFLOWS:
            text = (ROOT / ".github/workflows" / file).read_text()
            for line in re.findall(r"uses: \w[\w.-]*/.*", text):
                self.assertRegex(line, r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", f"{file}: the version of what is pinned")

    def test_steps_are_targets_of_make(self):
        known = targets()
        seen = set()
        for place, step in steps():
            if "run" not in step:
                continue
            words = step["run"].split()
            self.assertEqual(words[0], "make", place)
            for word in words[1:]:
                if word != "${TARGETS}":
                    self.assertIn(word, known, place)
                    seen.add(word)
        for target in seen:
            run("make", "--dry-run", target, "TAG=v1.0.0", "RANGE=HEAD")

    def test_ci_is_make_test(self):
        matrix = WORKFLOWS["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["include"]
        run_by_ci = [target for each in matrix for target in each["targets"].split()]
        parts = re.search(r"^PARTS := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
        # The others that need the release build make it.
        self.assertEqual(sorted([*run_by_ci, "build-release"]), sorted(parts))

    def test_a_deployment_keeps_what_ran_and_goes_back_to_it(self):
        order = [step["run"] for step in WORKFLOWS["deploy.yml"]["jobs"]["deploy"]["steps"] if "run" in step]
        self.assertEqual(
            order, ["make functions", "make save-versions", "make deploy-built", "make smoke", "make restore-versions"]
        )

    def test_stages_are_environments_and_stacks(self):
        with (ROOT / "samconfig.toml").open("rb") as file:
            config = tomllib.load(file)
        for file in ["staging.yml", "release.yml"]:
            for job in WORKFLOWS[file]["jobs"].values():
                if job.get("uses", "").endswith("deploy.yml"):
                    self.assertIn(job["with"]["stage"], config)
        for stage in ["dev", "staging", "production"]:
            said = run("make", "--dry-run", "save-versions", f"ENV={stage}").split("versions.py save ")[1].split()[0]
            self.assertEqual(said, config[stage]["global"]["parameters"]["stack_name"])


class Parameters(unittest.TestCase):
    def test_those_of_the_installation_go_first(self):
        values = deploy.parameters("production", "LogRetentionDays=90 AlarmEmail=ops@shop.example Model='a b'")
        self.assertEqual(values["LogRetentionDays"], "90")
        self.assertEqual(values["DeploymentType"], "Canary10Percent5Minutes")
        made = deploy.command("production", values)
        self.assertEqual(made[:4], ["sam", "deploy", "--config-env", "production"])
        self.assertIn("Model='a b'", made)

    def test_what_is_wrong_is_told(self):
        for given, told in [("Nonsense=1", "no parameter Nonsense"), ("oops", "'oops' is no parameter")]:
            with self.assertRaisesRegex(SystemExit, told):
                deploy.parameters("dev", given)
        with self.assertRaisesRegex(SystemExit, "no stage elsewhere"):
            deploy.parameters("elsewhere", "")

    def test_every_stage_has_parameters_that_there_are(self):
        for stage in ["dev", "staging", "production"]:
            deploy.parameters(stage, "")

    def test_code_and_parameters_make_a_revision(self):
        with tempfile.TemporaryDirectory() as folder:
            built = Path(folder)
            (built / "ApiFunction").mkdir()
            (built / "ApiFunction/bootstrap").write_bytes(b"one")
            template = built / "template.yaml"
            template.write_text((ROOT / "template.yaml").read_text())

            def revision(**values):
                deploy.revise(values, built)
                return deploy.REVISION.search(template.read_text())[0].split()[-1]

            first = revision(LogLevel="info")
            self.assertEqual(revision(LogLevel="info"), first)
            self.assertNotEqual(revision(LogLevel="warn"), first)
            (built / "ApiFunction/bootstrap").write_bytes(b"two")
            self.assertNotEqual(revision(LogLevel="info"), first)


class Release(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A clone with a release before and two commits since."""
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.clone = Path(folder.name) / "clone"
        run("git", "clone", "--quiet", "--shared", str(ROOT), str(cls.clone))
        for name, value in [("user.name", "Test"), ("user.email", "test@shop.example"), ("commit.gpgsign", "false")]:
            run("git", "config", name, value, folder=cls.clone)
        run("git", "tag", "v0.0.9", folder=cls.clone)
        for message in ["feat(api): a new thing\n\nWhy.", "fix!: an old thing"]:
            run("git", "commit", "--quiet", "--allow-empty", "-m", message, folder=cls.clone)

    def release(self, *arguments, code=0):
        return run(
            sys.executable, str(ROOT / "scripts/release.py"), *arguments, code=code, MILLRACE_ROOT=str(self.clone)
        )

    def test_from_commits_to_notes(self):
        self.release("commits", "v0.0.9..HEAD")
        refusal = self.release("check", "v0.9.9", code=1)
        for part in ["Cargo.toml says version", "Cargo.lock", "openapi.json", "CHANGELOG.md has no section", "prepare 0.9.9"]:
            self.assertIn(part, refusal)
        unreleased = (self.clone / "CHANGELOG.md").read_text()
        self.release("prepare", "0.9.9")
        run("git", "commit", "--quiet", "--all", "-m", "chore: release 0.9.9", folder=self.clone)
        run("git", "tag", "v0.9.9", folder=self.clone)
        self.assertIn("is ready", self.release("check", "v0.9.9"))
        run("cargo", "metadata", "--locked", "--format-version", "1", "--no-deps", folder=self.clone)
        self.assertIn("nothing to release", self.release("prepare", "1.0.0", code=1))

        notes = self.release("notes", "v0.9.9")
        self.assertIn("### Added", notes)
        self.assertIn(next(line for line in unreleased.splitlines() if line.startswith("- ")), notes)
        listed = notes.split("### Commits")[1]
        self.assertRegex(listed, r"#### Added\n\n- api: a new thing \([0-9a-f]{8}\)")
        self.assertRegex(listed, r"#### Fixed\n\n- \*\*breaking\*\* an old thing")
        self.assertEqual(len(re.findall(r"^- ", listed, re.M)), 3, listed)

        run("git", "commit", "--quiet", "--allow-empty", "-m", "oops", folder=self.clone)
        self.assertIn("is not conventional", self.release("commits", "v0.9.9..HEAD", code=1))
        run("git", "commit", "--quiet", "--amend", "--allow-empty", "-m", "odd: a type that is none", folder=self.clone)
        self.release("commits", "v0.9.9..HEAD", code=1)

    def test_what_is_no_tag_of_a_release(self):
        for tag in ["0.9.9", "v1", "v1.2", "v01.2.3", "vnext"]:
            self.assertIn("is no tag of a release", self.release("check", tag, code=1))
        self.assertIn("no semantic version", self.release("prepare", "1.0", code=1))

    def test_the_bills_of_materials(self):
        with tempfile.TemporaryDirectory() as folder:
            run(sys.executable, str(ROOT / "scripts/sbom.py"), folder)
            bills = {each.name: json.loads(each.read_text()) for each in Path(folder).iterdir()}
        bill = bills["millrace.cdx.json"]
        # The same commit gives the same bytes: nothing in it is of the moment or of chance.
        committed = int(run("git", "log", "-1", "--format=%ct"))
        self.assertEqual(datetime.fromisoformat(bill["metadata"]["timestamp"]).timestamp(), committed)
        self.assertEqual(bill["serialNumber"][:-36], "urn:uuid:")
        self.assertEqual(uuid.UUID(bill["serialNumber"][9:]).version, 5)
        names = {component["name"]: component for component in bill["components"]}
        self.assertEqual((bill["bomFormat"], bill["specVersion"]), ("CycloneDX", "1.6"))
        # What the programs hold, not what tests need.
        self.assertLessEqual({"millrace-cli", "millrace-api", "millrace-app", "tokio", "serde"}, set(names))
        self.assertEqual({"proptest", "insta"} & set(names), set())
        self.assertRegex(names["tokio"]["hashes"][0]["content"], "^[0-9a-f]{64}$")
        self.assertTrue(names["tokio"]["purl"].startswith("pkg:cargo/tokio@"))
        without = {name for name, component in names.items() if not component.get("licenses")}
        self.assertEqual(without, set(), "each has a licence")
        self.assertEqual("console.cdx.json" in bills, (ROOT / "console/package-lock.json").exists())

    def test_a_package_of_the_binary(self):
        with tempfile.TemporaryDirectory() as folder:
            binary = Path(folder, "millrace")
            binary.write_bytes(b"#!/bin/sh\necho here\n")
            hashes = set()
            for name in ["a", "b"]:
                run("scripts/dist.sh", str(binary), f"{folder}/{name}")
                [package] = Path(folder, name).iterdir()
                hashes.add(package.read_bytes())
                self.assertRegex(package.name, r"^millrace-\d+\.\d+\.\d+.*-linux-gnu\.tar\.gz$")
            self.assertEqual(len(hashes), 1, "the same bytes")
            listed = run("tar", "--list", "--file", str(package)).split()
            inside = {each.split("/", 1)[1] for each in listed}
            self.assertEqual(inside, {"", "millrace", "LICENSE", "README.md", "CHANGELOG.md"})
            run("tar", "--extract", "--file", str(package), "--directory", folder)
            self.assertEqual(run(f"{folder}/{listed[0]}millrace"), "here\n")


if __name__ == "__main__":
    unittest.main(verbosity=1)
