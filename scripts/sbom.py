#!/usr/bin/env python3
"""Software bills of materials (CycloneDX 1.6, JSON) of what a release ships, checked against the standard's schema.

    sbom.py FOLDER

writes FOLDER/millrace.cdx.json, the crates in the `millrace` binary and the functions, from `cargo metadata`; and, where the
console is, FOLDER/console.cdx.json, from its lock file by `npm sbom`. Crates that only build or test are left out, unless
they run while a shipped one is built. The same commit gives the same bytes.
"""

import json
import os
import subprocess
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]


def run(*command, folder=ROOT):
    """A command's output."""
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


def moment():
    """When the commit was made: a bill of it says nothing of when it was written."""
    return datetime.fromtimestamp(int(run("git", "log", "-1", "--format=%ct")), UTC)


def serial(of):
    """A bill's number, which follows from the commit."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"millrace:{of}:{run('git', 'rev-parse', 'HEAD').strip()}")


def shipped(metadata):
    """Ids of the packages that the programs hold, and which depends on which, without what only tests need."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    programs = [each for each in metadata["workspace_members"]
                if any("bin" in target["kind"] for target in packages[each]["targets"])]
    found, open_ = {}, list(programs)
    while open_:
        each = open_.pop()
        if each in found:
            continue
        found[each] = {
            dependency["pkg"] for dependency in nodes[each]["deps"]
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])
        }
        open_ += found[each]
    return programs, found, packages


def crates():
    """The bill of the Rust workspace's programs."""
    filters = [argument for target in TARGETS for argument in ("--filter-platform", target)]
    metadata = json.loads(run("cargo", "metadata", "--format-version", "1", "--locked", *filters))
    programs, found, packages = shipped(metadata)
    with (ROOT / "Cargo.lock").open("rb") as file:
        checksums = {(each["name"], each["version"]): each.get("checksum") for each in tomllib.load(file)["package"]}
    licences = LicenseFactory()
    components = {}
    for each in sorted(found):
        package = packages[each]
        name, version = package["name"], package["version"]
        ours = package["source"] is None
        checksum = checksums.get((name, version))
        components[each] = Component(
            name=name,
            version=version,
            type=ComponentType.APPLICATION if each in programs else ComponentType.LIBRARY,
            bom_ref=f"{name}@{version}",
            purl=None if ours else PackageURL("cargo", None, name, version),
            description=package["description"],
            licenses=[licences.make_from_string(package["license"].replace("/", " OR "))] if package["license"] else [],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
            external_references=[ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(package["repository"]))]
            if package["repository"]
            else [],
        )
    version = packages[programs[0]]["version"]
    product = Component(name="millrace", version=version, type=ComponentType.APPLICATION, bom_ref=f"product@{version}")
    bill = Bom(components=components.values(), serial_number=serial("crates"))
    bill.metadata.timestamp = moment()
    bill.metadata.component = product
    bill.register_dependency(product, [components[each] for each in programs])
    for each, needs in found.items():
        bill.register_dependency(components[each], [components[need] for need in needs])
    return JsonV1Dot6(bill).output_as_string(indent=1) + "\n"


def console(folder):
    """The bill of the web console, by npm, with a number and a time of the commit."""
    bill = json.loads(run("npm", "sbom", "--sbom-format", "cyclonedx", "--package-lock-only", "--omit", "dev", folder=folder))
    bill["serialNumber"] = f"urn:uuid:{serial('console')}"
    bill["metadata"]["timestamp"] = moment().isoformat()
    return json.dumps(bill, indent=1) + "\n"


def checked(text):
    """The bill, if the schema that it names has nothing against it."""
    version = SchemaVersion.from_version(json.loads(text)["specVersion"])
    if problem := JsonStrictValidator(version).validate_str(text):
        sys.exit(f"the bill is no CycloneDX: {problem}")
    return text


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    bills = {"millrace.cdx.json": crates()}
    if (ROOT / "console/package-lock.json").exists():
        bills["console.cdx.json"] = console(ROOT / "console")
    for name, text in bills.items():
        (target / name).write_text(checked(text))
        print(f"{os.path.relpath(target / name)}: {len(json.loads(text).get('components', []))} components")


if __name__ == "__main__":
    main()
