#!/usr/bin/env python3
"""Which version of each function a stack runs, and back to what it ran before. Moves aliases only: no data, no configuration.

    versions.py save STACK FILE       write what runs now
    versions.py restore STACK FILE    run that again, and say what was moved
    versions.py back STACK            run the version before the one that runs, of every function

A stack that does not exist yet has nothing to save and nothing to go back to.
"""

import json
import sys
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

ALIAS = "live"


def functions(stack):
    """The physical names of the stack's functions; empty when there is no such stack."""
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    try:
        return sorted(
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        )
    except ClientError as error:
        if "does not exist" in str(error):
            return []
        raise


def running(client, function):
    """The version that the alias points to; None before the function's first publication."""
    try:
        return client.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"]
    except client.exceptions.ResourceNotFoundException:
        return None


def before(client, function, version):
    """The newest version below the one given, or None."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    numbers = [each["Version"] for page in pages for each in page["Versions"] if each["Version"] != "$LATEST"]
    return max((each for each in numbers if int(each) < int(version)), key=int, default=None)


def move(client, wanted):
    """Points aliases at versions, and takes away what a deployment had shifted meanwhile."""
    moved = 0
    for function, version in wanted.items():
        now = running(client, function)
        if version is None or now is None or now == version:
            continue
        client.update_alias(
            FunctionName=function, Name=ALIAS, FunctionVersion=version, RoutingConfig={"AdditionalVersionWeights": {}}
        )
        print(f"{function}: {now} -> {version}")
        moved += 1
    print(f"{moved} of {len(wanted)} functions moved")


def main():
    if len(sys.argv) not in (3, 4) or (sys.argv[1], len(sys.argv)) not in {("save", 4), ("restore", 4), ("back", 3)}:
        sys.exit(__doc__)
    what, stack = sys.argv[1:3]
    client = boto3.client("lambda")
    if what == "save":
        saved = {function: running(client, function) for function in functions(stack)}
        Path(sys.argv[3]).write_text(json.dumps(saved, indent=1) + "\n")
        print(f"{len(saved)} functions saved")
    elif what == "restore":
        move(client, json.loads(Path(sys.argv[3]).read_text()))
    else:
        wanted = {}
        for function in functions(stack):
            now = running(client, function)
            wanted[function] = now and before(client, function, now)
        if absent := [function for function, version in wanted.items() if version is None]:
            print(f"no version before: {', '.join(absent)}", file=sys.stderr)
        move(client, wanted)


if __name__ == "__main__":
    main()
