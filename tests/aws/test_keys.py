"""Deploys the template with `ApiAuthorization=KEYS`, its default, into a stand-in for AWS: the authorizer guards the API.

    .venv/bin/python tests/aws/test_keys.py

Needs what tests/aws/test_deployment.py has built.
"""

import json
import os
import sys
import time
import unittest
from pathlib import Path

import boto3

sys.path.insert(0, str(Path(__file__).parent))
from ministack import REGION, ROOT, Ministack  # noqa: E402
from test_deployment import BUILD, Api, run, until  # noqa: E402

STACK = "millrace-keys"


class Keys(unittest.TestCase):
    """One stack whose callers show keys."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Ministack()
        cls.stack.__enter__()
        cls.addClassCleanup(cls.stack.__exit__)
        path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
        run(
            ["sam", "deploy", "--template-file", BUILD / "template.yaml", "--stack-name", STACK, "--resolve-s3"]
            + ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset"]
            + ["--parameter-overrides", "Architecture=x86_64"],
            cwd=BUILD,
            env={**cls.stack.environment, "PATH": path},
        )
        options = {
            "endpoint_url": cls.stack.endpoint,
            "region_name": REGION,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        cls.lambdas = boto3.client("lambda", **options)
        stack = boto3.client("cloudformation", **options).describe_stacks(StackName=STACK)["Stacks"][0]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        cls.api = Api(f"{cls.stack.endpoint}/_aws/execute-api/{outputs['ApiId']}/$default")
        cls.operator = cls.make(name="first")

    @classmethod
    def make(cls, **wanted):
        """A key, made as an operator of the account makes the first one."""
        payload = json.dumps({"create_key": wanted}).encode()
        answer = cls.lambdas.invoke(FunctionName=f"{STACK}-authorizer", Qualifier="live", Payload=payload)
        made = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, made
        return made

    def call(self, key, method, path, body=None, **headers):
        return self.api.call(method, path, body, {**({"authorization": f"Bearer {key}"} if key else {}), **headers})

    def test_nobody_passes_without_a_good_key(self):
        key = self.operator["key"]
        self.assertEqual(self.call(None, "GET", "/api/projects")[0], 401)
        # The other header of a key is none behind the gateway.
        self.assertEqual(self.call(None, "GET", "/api/projects", **{"x-api-key": key})[0], 401)
        wrong = key[:-1] + ("1" if key.endswith("0") else "0")
        for other in [wrong, "nonsense", key[:20]]:
            self.assertEqual(self.call(other, "GET", "/api/projects")[0], 403, other)
        for path in ["/api/workflows", "/api/keys", "/api/functions/projects/x", "/api/v1/functions/health", "/openapi.json"]:
            self.assertEqual(self.call(None, "GET", path)[0], 401, path)
            self.assertEqual(self.call(wrong, "GET", path)[0], 403, path)

    def test_a_key_is_its_owners_and_no_more_than_its_role(self):
        status, caller = self.call(self.operator["key"], "GET", "/api/caller")
        self.assertEqual((status, caller["role"], caller["operator"]), (200, "admin", True), caller)
        definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
        ann, looks = self.make(name="ann", owner="ann", role="admin"), self.make(name="looks", owner="ann", role="read")
        status, made = self.call(ann["key"], "POST", "/api/workflows", {"name": "own", "definition": definition})
        self.assertEqual(status, 201, made)
        status, listed = self.call(looks["key"], "GET", "/api/workflows")
        self.assertEqual((status, [item["name"] for item in listed["items"]]), (200, ["own"]), listed)
        # Too small a role is told by the function, as everywhere.
        status, refused = self.call(looks["key"], "POST", "/api/workflows", {"name": "no", "definition": definition})
        self.assertEqual((status, refused["code"]), (403, "forbidden"), refused)
        self.assertTrue(refused["request_id"])
        # Another owner's things are not there.
        bob = self.make(name="bob", owner="bob", role="admin")
        self.assertEqual(self.call(bob["key"], "GET", "/api/workflows/own")[0], 404)
        self.assertEqual(self.call(bob["key"], "GET", "/api/workflows")[1]["items"], [])

    def test_a_key_that_was_revoked_is_forgotten_within_a_minute(self):
        short = self.make(name="short", owner="ann", role="read")
        self.assertEqual(self.call(short["key"], "GET", "/api/caller")[0], 200)
        status, revoked = self.call(self.operator["key"], "DELETE", f"/api/keys/{short['id']}")
        self.assertEqual((status, revoked["status"]), (200, "revoked"), revoked)
        began = time.monotonic()
        until("the key is refused", lambda: self.call(short["key"], "GET", "/api/caller")[0] == 403, 75, 2)
        print(f"a revoked key was refused after {time.monotonic() - began:.0f} s")

    def test_what_shows_no_key_is_open(self):
        status, _ = self.api.call("POST", "/webhooks/github", {"zen": "x"})
        self.assertEqual(status, 401, "the webhook's own signature is asked for, by the function")


if __name__ == "__main__":
    unittest.main(verbosity=2)
