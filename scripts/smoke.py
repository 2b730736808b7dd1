#!/usr/bin/env python3
"""Does a deployed stack work? Asks for its health, then has it make a small project and waits for the package.

    smoke.py STACK [--url URL] [--seconds N]

The address is the stack's output `ApiUrl`, unless `--url` says another. Requests carry `MILLRACE_API_KEY` as a bearer token
where it is set, else a signature of the AWS credentials that are there. The project is deleted again.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

PROJECT = {
    "template_id": "python-cli",
    "parameters": {"name": "smoke-test", "description": "Shows that a deployment works."},
}
ENDS = {"completed", "failed", "cancelled", "paused"}


class Api:
    """The REST API of a stack."""

    def __init__(self, url, session):
        self.url = url.rstrip("/")
        self.session = session

    def signed(self, method, path, body):
        headers = {"content-type": "application/json"}
        key = os.environ.get("MILLRACE_API_KEY")
        if key:
            return {**headers, "authorization": f"Bearer {key}"}
        credentials = self.session.get_credentials()
        if credentials is None:
            sys.exit("there are no credentials: set MILLRACE_API_KEY, or sign in to AWS")
        request = AWSRequest(method, self.url + path, headers, body)
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", self.session.region_name).add_auth(request)
        return dict(request.headers)

    def call(self, method, path, value=None):
        """The parsed answer; ends the program with what is wrong unless it is a success."""
        body = json.dumps(value).encode() if value is not None else None
        request = urllib.request.Request(
            self.url + path, data=body, method=method, headers=self.signed(method, path, body)
        )
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode(errors='replace')[:2000]}")
        except OSError as error:
            sys.exit(f"{method} {path}: {error}")


def address(session, stack):
    found = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
    return outputs["ApiUrl"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack")
    parser.add_argument("--url")
    parser.add_argument("--seconds", type=int, default=300)
    arguments = parser.parse_args()
    session = boto3.Session()
    api = Api(arguments.url or address(session, arguments.stack), session)

    health = api.call("GET", "/health")
    if health["status"] != "ok":
        sys.exit(f"not healthy: {json.dumps(health)}")
    print(f"healthy, version {health['version']}")

    began = time.monotonic()
    project = api.call("POST", "/api/projects", {**PROJECT, "name": f"smoke-{uuid.uuid4().hex[:8]}"})["id"]
    try:
        while True:
            found = api.call("GET", f"/api/projects/{project}")
            if found["status"] in ENDS:
                break
            if time.monotonic() - began > arguments.seconds:
                sys.exit(f"{project} is {found['status']} after {arguments.seconds} s")
            time.sleep(1)
        if found["status"] != "completed":
            sys.exit(f"{project} is {found['status']}: {json.dumps(found)[:2000]}")
        if not api.call("GET", f"/api/projects/{project}/deployments")["items"]:
            sys.exit(f"{project} has no package")
        print(f"a package in {time.monotonic() - began:.1f} s")
    finally:
        api.call("DELETE", f"/api/projects/{project}")


if __name__ == "__main__":
    main()
