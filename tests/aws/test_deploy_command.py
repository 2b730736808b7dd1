"""Has `millrace deploy` deploy the template into a stand-in for AWS, and says what people see when that can't be.

    .venv/bin/python tests/aws/test_deploy_command.py

Needs what tests/aws/test_deployment.py has built, and the AWS command line in .venv/clients. SAM, the AWS command line and the
change sets are real; the account is the stand-in.
"""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import boto3

sys.path.insert(0, str(Path(__file__).parent))
from ministack import REGION, ROOT, Ministack  # noqa: E402
from test_deployment import BUILD, Api, run, until  # noqa: E402

STACK = "millrace-dev"
SAM_STACK = "aws-sam-cli-managed-default"
MILLRACE = os.environ.get("MILLRACE_SERVER", str(ROOT / "target" / "release" / "millrace"))
# A template that CloudFormation takes and can't make.
BROKEN = {
    "Resources": {
        "Thing": {"Type": "Custom::Thing", "Properties": {"ServiceToken": f"arn:aws:lambda:{REGION}:000000000000:function:gone"}}
    }
}


class DeployCommand(unittest.TestCase):
    """A stand-in and a folder of sources for each test."""

    def setUp(self):
        self.stack = Ministack()
        self.stack.__enter__()
        self.addCleanup(self.stack.__exit__)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = Path(folder.name) / "source"
        built = self.source / ".aws-sam" / "build"
        built.mkdir(parents=True)
        for name in ["template.yaml", "samconfig.toml"]:
            shutil.copy(ROOT / name, self.source / name)
        shutil.copy(BUILD / "template.yaml", built / "template.yaml")
        for program in BUILD.glob("*/bootstrap"):
            (built / program.parent.name).symlink_to(program.parent)
        self.config = Path(folder.name) / "config"
        tools = [ROOT / ".venv" / "bin", ROOT / ".venv" / "clients" / "bin"]
        self.environment = {
            **self.stack.environment,
            "PATH": ":".join([*map(str, tools), os.environ["PATH"]]),
            "MILLRACE_CONFIG_DIR": str(self.config),
            # Nobody's own profiles and credentials have a part in it.
            "AWS_CONFIG_FILE": str(Path(folder.name) / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(Path(folder.name) / "none"),
        }
        del self.environment["SAM_CLI_ENABLE_LANGUAGE_EXTENSIONS"]

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.stack.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def deploy(self, *arguments, code=0, **variables):
        """Runs the command; answers standard output and standard error."""
        done = subprocess.run(
            [MILLRACE, *arguments, "--no-build", "--parameter", "Architecture=x86_64"],
            cwd=self.source,
            env={name: value for name, value in {**self.environment, **variables}.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.assertEqual(done.returncode, code, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
        return done.stdout, done.stderr

    def state(self, stack=STACK):
        """The state of a stack; nothing where there is none."""
        client = self.client("cloudformation")
        try:
            state = client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        except client.exceptions.ClientError:
            return None
        return None if state == "DELETE_COMPLETE" else state

    def versions(self):
        lambdas = self.client("lambda")
        names = ["api", "notifier"]
        return [lambdas.get_alias(FunctionName=f"{STACK}-{name}", Name="live")["FunctionVersion"] for name in names]

    def test_a_stack_from_nothing_to_its_first_answer(self):
        _, said = self.deploy("deploy", code=2)
        self.assertIn("--yes", said)
        _, said = self.deploy("deploy", "--dry-run", "--json")
        self.assertIn("+ Add", said, "SAM shows the changes, beside standard output")
        # A change set that nobody has executed leaves a stack in review, which is none yet.
        self.assertEqual(self.state(), "REVIEW_IN_PROGRESS")

        told, said = self.deploy("deploy", "--yes")
        self.assertEqual(self.state(), "CREATE_COMPLETE")
        self.assertRegex(said, r"(?m)^Account: +000000000000$")
        address = re.search(r"(?m)^API: +(https://(\w+)\.execute-api\..*)$", told)
        self.assertTrue(address, told[-3000:])
        self.assertRegex(told, r"(?m)^Live: +wss://")
        profile = json.loads((self.config / "config.json").read_text())["profiles"]["dev"]
        self.assertEqual(profile, {"endpoint": address[1], "auth": "key", "region": REGION})

        # What it says comes next: a key, and a call with it.
        command = re.search(r"(?m)^ +(aws lambda invoke .*)$", said)
        self.assertTrue(command, said[-3000:])
        # Version 1 of the AWS command line, which PyPI has, takes the payload as it is and knows no option for it.
        command = command[1].replace(" --cli-binary-format raw-in-base64-out", "")
        made = run(["bash", "-c", command], env=self.environment)
        key = json.JSONDecoder().raw_decode(made)[0]["key"]
        base = f"{self.stack.endpoint}/_aws/execute-api/{address[2]}/$default"
        called = {**self.environment, "MILLRACE_API_KEY": key}
        listed = run([MILLRACE, "--endpoint", base, "--json", "project", "list"], env=called)
        self.assertEqual(json.loads(listed)["items"], [])

        # A parameter alone is a new version of every function, behind its alias.
        before = self.versions()
        told, _ = self.deploy("deploy", "--yes", "--json", "--parameter", "LogLevel=debug")
        told = json.loads(told)
        self.assertEqual((told["stack"], told["region"]), (STACK, REGION))
        self.assertIn(address[1], [one["OutputValue"] for one in told["outputs"] if one["OutputKey"] == "ApiUrl"])
        after = self.versions()
        self.assertTrue(all(old != new for old, new in zip(before, after, strict=True)), (before, after))

    def test_who_is_nobody_is_told_so(self):
        _, said = self.deploy("deploy", "--yes", code=1, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
        self.assertIn("AWS does not know who deploys", said)
        self.assertIn("aws configure", said)
        # The stand-in takes any key, so what AWS answers to a wrong one comes from here.
        refusal = (
            b"<ErrorResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><Error><Type>Sender</Type>"
            b"<Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message>"
            b"</Error><RequestId>r</RequestId></ErrorResponse>"
        )

        class Refuses(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length") or 0))
                self.send_response(403)
                self.send_header("content-type", "text/xml")
                self.send_header("content-length", str(len(refusal)))
                self.end_headers()
                self.wfile.write(refusal)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        _, said = self.deploy(
            "deploy", "--check", "--json", code=1, AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}"
        )
        self.assertIn("InvalidClientTokenId", json.loads(said)["detail"])

    def test_what_can_not_be_deployed_is_told_before_anything_is_sent(self):
        _, said = self.deploy("deploy", "--check")
        self.assertIn("It can be deployed", said)

        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(BROKEN))
        until("the stack has failed", lambda: self.state() == "ROLLBACK_COMPLETE")
        _, said = self.deploy("deploy", "--yes", code=1)
        self.assertIn("is in ROLLBACK_COMPLETE", said)
        helps = re.search(rf"`(aws cloudformation delete-stack --stack-name {STACK} --region {REGION})`", said)
        self.assertTrue(helps, said)
        run(["bash", "-c", helps[1]], env=self.environment)
        until("the stack is gone", lambda: self.state() is None)
        self.deploy("deploy", "--check")

        # SAM's bucket, deleted by somebody behind its stack's back.
        bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "sam-uploads"}}
        output = {"SourceBucket": {"Value": {"Ref": "Bucket"}}}
        cloudformation.create_stack(
            StackName=SAM_STACK, TemplateBody=json.dumps({"Resources": {"Bucket": bucket}, "Outputs": output})
        )
        until("SAM's stack is there", lambda: self.state(SAM_STACK) == "CREATE_COMPLETE")
        self.deploy("deploy", "--check")
        self.client("s3").delete_bucket(Bucket="sam-uploads")
        _, said = self.deploy("deploy", "--yes", code=1)
        self.assertIn("the bucket sam-uploads, to which SAM uploads, is gone", said)
        helps = re.search(rf"`(aws cloudformation delete-stack --stack-name {SAM_STACK} --region {REGION})`", said)
        run(["bash", "-c", helps[1]], env=self.environment)
        until("SAM's stack is gone", lambda: self.state(SAM_STACK) is None)
        self.deploy("deploy", "--check")

        shutil.rmtree(self.source / ".aws-sam")
        _, said = self.deploy("deploy", "--yes", code=2)
        self.assertIn("nothing is built", said)
        _, said = self.deploy("deploy", "--yes", "--parameter", "LogRetentionDays=31", code=2)
        self.assertIn("LogRetentionDays must be one of", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
