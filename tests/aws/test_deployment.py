"""Deploys the unmodified template with the release binaries into a stand-in for AWS, and uses it.

    .venv/bin/python tests/aws/test_deployment.py

See tests/aws/README.md for what it needs and what the environment can change.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import boto3

sys.path.insert(0, str(Path(__file__).parent))
from ministack import REGION, ROOT, Ministack, free_port  # noqa: E402
from websocket import WebSocket  # noqa: E402

STACK = "millrace-test"
# The bucket from which `sync` fetches.
SOURCE = "millrace-test-tables"
BUILD = ROOT / ".aws-sam" / "build"
# Sample events that a function must refuse: malformed ones, and those that name a workflow which the stack does not have.
REFUSED = {
    "authorizer/malformed.json",
    "scheduler/nameless.json",
    "trigger/event-bridge.json",
    "trigger/invocation.json",
    "trigger/malformed.json",
    "websocket/malformed.json",
}
QUEUES = ["engine", "pm", "dev", "qa", "ops", "integrations", "functions", "models"]
FINAL = {"completed", "failed", "cancelled", "paused"}
PROJECT = {
    "template_id": os.environ.get("MILLRACE_TEST_TEMPLATE", "python-rest-api"),
    "parameters": json.loads(
        os.environ.get(
            "MILLRACE_TEST_PARAMETERS",
            json.dumps(
                {
                    "name": "book-shop",
                    "description": "Keeps books and their authors.",
                    "entities": [
                        {
                            "name": "book",
                            "fields": [
                                {"name": "title", "type": "string", "required": True},
                                {"name": "pages", "type": "integer"},
                            ],
                        }
                    ],
                }
            ),
        )
    ),
}


def run(command, **options):
    """Runs a command to its end; its output is shown only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-6000:]}")
    return done.stdout


def until(what, attempt, seconds=60, pause=0.25):
    """Repeats an attempt until it answers something; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = attempt()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


class Api:
    """The REST API at a base address."""

    def __init__(self, base):
        self.base = base

    def call(self, method, path, body=None, headers=None):
        """Answers status and parsed body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            text = error.read()
            try:
                return error.code, json.loads(text or b"null")
            except ValueError:
                return error.code, text

    def make(self, start=True):
        """Creates the project of this test; answers its id."""
        status, project = self.call("POST", "/api/projects", {**PROJECT, "start": start})
        assert status == 201, (status, project)
        return project["id"]

    def finished(self, project, seconds=180):
        """Waits for the end of a project's delivery."""

        def look():
            _, found = self.call("GET", f"/api/projects/{project}")
            return found if found.get("status") in FINAL else None

        return until(f"project {project} has an end", look, seconds, 0.5)

    def events(self, project):
        """The whole timeline."""
        events, cursor = [], ""
        while True:
            status, page = self.call("GET", f"/api/projects/{project}/events?limit=100{cursor}")
            assert status == 200, page
            events += page["items"]
            if not page.get("next"):
                return events
            cursor = "&cursor=" + urllib.parse.quote(page["next"])

    def package(self, project):
        """The bytes of the newest deployment package."""
        status, page = self.call("GET", f"/api/projects/{project}/deployments")
        assert status == 200, page
        url = page["items"][0]["download_url"]
        with urllib.request.urlopen(urllib.parse.urljoin(self.base + "/", url), timeout=60) as answer:
            return answer.read()


class Deployment(unittest.TestCase):
    """One deployed stack for all tests."""

    @classmethod
    def setUpClass(cls):
        tools = {
            "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
            # The stand-in runs functions on this machine, so they are built with its own linker and for its processor.
            "CARGO_LAMBDA_COMPILER": "cargo",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_ENABLE_LANGUAGE_EXTENSIONS": "1",
            "AWS_DEFAULT_REGION": REGION,
        }
        began = time.monotonic()
        if os.environ.get("MILLRACE_SKIP_BUILD") != "1":
            run(
                ["sam", "build", "--template-file", "template.yaml", "--build-dir", BUILD]
                + ["--parameter-overrides", "Architecture=x86_64"],
                cwd=ROOT,
                env={**os.environ, **tools},
            )
        print(f"built in {time.monotonic() - began:.0f} s")
        for binary in sorted(BUILD.glob("*/bootstrap")):
            print(f"{binary.parent.name}: {binary.stat().st_size / 1e6:.1f} MB")

        cls.stack = Ministack()
        cls.stack.__enter__()
        cls.addClassCleanup(cls.stack.__exit__)
        cls.environment = {**cls.stack.environment, **tools}
        began = time.monotonic()
        run(
            ["sam", "deploy", "--template-file", BUILD / "template.yaml", "--stack-name", STACK, "--resolve-s3"]
            + ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset"]
            + ["--parameter-overrides", "Architecture=x86_64", "ApiAuthorization=NONE"]
            + [f"SyncSource=s3://{SOURCE}/tables/", f"IntegrationObjects=arn:aws:s3:::{SOURCE}/*"],
            cwd=BUILD,
            env=cls.environment,
        )
        print(f"deployed in {time.monotonic() - began:.0f} s")

        def client(service):
            return boto3.client(
                service,
                endpoint_url=cls.stack.endpoint,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )

        cls.sqs, cls.dynamodb, cls.s3 = client("sqs"), client("dynamodb"), client("s3")
        cls.lambdas, cls.cloudformation = client("lambda"), client("cloudformation")
        stack = cls.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        cls.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        cls.api = Api(f"{cls.stack.endpoint}/_aws/execute-api/{cls.outputs['ApiId']}/$default")

    def queue(self, name, dead=False):
        return self.outputs[f"{name.capitalize()}{'Dlq' if dead else 'Queue'}Url"]

    def depth(self, url):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def items(self):
        """Everything in the table, by key."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.outputs["TableName"], ConsistentRead=True)
        return {(item["PK"]["S"], item["SK"]["S"]): item for page in pages for item in page["Items"]}

    def objects(self):
        """Every object in the bucket: its hash by its key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.outputs["BucketName"])
        return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}

    def idle(self):
        """Are all queues empty?"""
        return all(self.depth(self.queue(name)) == 0 for name in QUEUES)

    def mapping(self, function):
        name = f"{STACK}-{function}:live"
        return self.lambdas.list_event_source_mappings(FunctionName=name)["EventSourceMappings"][0]

    def enable(self, function, enabled):
        mapping = self.mapping(function)["UUID"]
        self.lambdas.update_event_source_mapping(UUID=mapping, Enabled=enabled)

    def test_a_project_becomes_the_package_that_the_local_server_makes(self):
        began = time.monotonic()
        project = self.api.make()
        found = self.api.finished(project)
        print(f"a package in {time.monotonic() - began:.1f} s")
        self.assertEqual(found["status"], "completed", json.dumps(found, indent=1))
        package = self.api.package(project)
        names = zipfile.ZipFile(io.BytesIO(package)).namelist()
        self.assertIn("README.md", {name.rsplit("/", 1)[-1] for name in names})

        keys = {key.split("/")[0] for key in self.objects()}
        self.assertLessEqual({"projects", "plans", "deployments", "test_results"}, keys)
        sorts = {sort.split("#")[0] for partition, sort in self.items() if partition == f"PROJECT#{project}"}
        self.assertLessEqual({"METADATA", "FILE", "PLAN", "TEST", "DEPLOY"}, sorts)
        until("all messages are done", self.idle)
        for name in QUEUES:
            self.assertEqual(self.depth(self.queue(name, dead=True)), 0, f"dead letters of {name}")

        server = os.environ.get("MILLRACE_SERVER", str(ROOT / "target" / "release" / "millrace"))
        with tempfile.TemporaryDirectory() as data:
            port = free_port()
            local = subprocess.Popen(
                [server, "up", "--port", str(port), "--data", data, "--auth", "off"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                api = Api(f"http://127.0.0.1:{port}")

                def ready():
                    try:
                        return api.call("GET", "/health")[0] == 200
                    except OSError:
                        return False

                until("the local server answers", ready, 30, 0.1)
                project = api.make()
                self.assertEqual(api.finished(project)["status"], "completed")
                self.assertEqual(
                    hashlib.sha256(api.package(project)).hexdigest(), hashlib.sha256(package).hexdigest(), "same bytes"
                )
            finally:
                local.terminate()
                local.wait(20)

    def test_a_poison_message_ends_in_the_dead_letters_alone(self):
        for name in QUEUES:
            self.sqs.send_message(QueueUrl=self.queue(name), MessageBody=f"poison for {name}")
        project = self.api.make()
        for name in QUEUES:
            dead = self.queue(name, dead=True)

            def look(dead=dead):
                got = self.sqs.receive_message(QueueUrl=dead, VisibilityTimeout=0).get("Messages", [])
                return [message["Body"] for message in got]

            bodies = until(f"the poison for {name} is a dead letter", look)
            self.assertEqual(bodies, [f"poison for {name}"])
            self.sqs.purge_queue(QueueUrl=dead)
        self.assertEqual(self.api.finished(project)["status"], "completed", "the others go on")

    def test_a_redelivered_message_does_nothing_twice(self):
        self.enable("pm-agent", False)
        try:
            until("the mapping is off", lambda: self.mapping("pm-agent")["State"] == "Disabled")
            project = self.api.make()
            receive = lambda: self.sqs.receive_message(  # noqa: E731
                QueueUrl=self.queue("pm"), VisibilityTimeout=0, WaitTimeSeconds=1
            ).get("Messages")
            body = until("the first task is sent", receive)[0]["Body"]
            # The same message three times at once, and again when all is done.
            for _ in range(2):
                self.sqs.send_message(QueueUrl=self.queue("pm"), MessageBody=body)
        finally:
            self.enable("pm-agent", True)
        self.assertEqual(self.api.finished(project)["status"], "completed")
        until("all messages are done", self.idle)
        events = self.api.events(project)
        items, objects = self.items(), self.objects()
        own = [sort for partition, sort in items if partition == f"PROJECT#{project}"]
        for kind in ["PLAN#", "DEPLOY#", "TEST#"]:
            self.assertEqual(len([sort for sort in own if sort.startswith(kind)]), 1, kind)
        told = [json.dumps([event[key] for key in ["kind", "run", "message"]] + [event.get("data")]) for event in events]
        self.assertEqual([event for event in told if told.count(event) > 1], [], "no event is told twice")

        self.sqs.send_message(QueueUrl=self.queue("pm"), MessageBody=body)
        until("the late message is done", self.idle)
        time.sleep(1)
        self.assertEqual(self.items(), items, "nothing is written")
        self.assertEqual(self.objects(), objects, "nothing is stored")
        self.assertEqual(self.depth(self.queue("pm", dead=True)), 0)

    def test_the_sweep_runs(self):
        event = (ROOT / "events" / "orchestrator" / "sweep.json").read_bytes()
        answer = self.lambdas.invoke(FunctionName=f"{STACK}-orchestrator", Qualifier="live", Payload=event)
        report = json.loads(answer["Payload"].read())
        self.assertNotIn("FunctionError", answer, report)
        self.assertIn("looked_at", report)

    def test_functions_run_by_http_and_as_tasks(self):
        code = (
            "export async function handler(event, context) {\n"
            "  if (event.fail) throw Object.assign(new Error('as asked'), { name: 'Asked' });\n"
            "  console.log('for', context.projectId);\n"
            "  return { got: event.rawPath ?? event.books, by: context.functionName };\n"
            "}\n"
        )
        status, function = self.api.call(
            "POST", "/api/functions/projects/deployed", {"function_name": "tell", "code": code}
        )
        self.assertEqual(status, 201, function)
        path = "/api/v1/functions/deployed/tell"
        status, told = self.api.call("POST", path, {"books": 3})
        self.assertEqual((status, told["success"], told["result"]), (200, True, {"got": 3, "by": "tell"}), told)
        self.assertEqual(told["logs"][0]["message"], "for deployed")
        status, told = self.api.call("POST", path, {"fail": True})
        self.assertEqual((status, told["success"], told["error"]["name"]), (200, False, "Asked"), told)
        status, told = self.api.call("GET", "/_functions/tell/below?x=1", headers={"x-project-id": "deployed"})
        self.assertEqual((status, told), (200, {"got": "/_functions/tell/below", "by": "tell"}))

        definition = {
            "StartAt": "Tell",
            "States": {
                "Tell": {
                    "Type": "Task",
                    "Resource": "millrace:function:deployed/tell",
                    "Catch": [{"ErrorEquals": ["Asked"], "Next": "Caught"}],
                    "End": True,
                },
                "Caught": {"Type": "Pass", "End": True},
            },
        }
        status, made = self.api.call("POST", "/api/workflows", {"name": "tell", "definition": definition})
        self.assertEqual(status, 201, made)
        for given, output in [
            ({"books": 4}, {"got": 4, "by": "tell"}),
            ({"fail": True}, {"Error": "Asked", "Cause": "as asked"}),
        ]:
            status, started = self.api.call("POST", "/api/workflows/tell/executions", {"input": given})
            self.assertEqual(status, 201, started)

            def ended(execution=started["id"]):
                _, found = self.api.call("GET", f"/api/executions/{execution}")
                return found if found["status"] != "RUNNING" else None

            found = until("the execution ends", ended)
            self.assertEqual((found["status"], found["output"]), ("SUCCEEDED", output), found)

        status, told = self.api.call("PATCH", path, {"is_active": False})
        self.assertEqual((status, told["is_active"]), (200, False), told)
        # Another instance may believe the old record for five seconds.
        until("the function is off", lambda: self.api.call("POST", path, {})[0] == 409, 15)
        status, health = self.api.call("GET", "/api/v1/functions/health")
        self.assertEqual((status, health["status"]), (200, "ok"), health)
        status, _ = self.api.call("DELETE", "/api/functions/deployed/tell")
        self.assertEqual(status, 204)
        self.assertEqual([key for key in self.objects() if key.startswith(f"functions/{function['id']}/")], [])

    def script(self, name, *arguments):
        """A script of a deployment, as the workflows run it."""
        return run([sys.executable, ROOT / "scripts" / name, *arguments], env=self.environment)

    def test_the_smoke_test_passes(self):
        told = self.script("smoke.py", STACK, "--url", self.api.base)
        self.assertIn("healthy", told)
        self.assertIn("a package in", told)

    def test_functions_go_back_to_the_version_before(self):
        name = f"{STACK}-qa-agent"
        alias = lambda: self.lambdas.get_alias(FunctionName=name, Name="live")["FunctionVersion"]  # noqa: E731
        first = alias()
        with tempfile.TemporaryDirectory() as folder:
            saved = f"{folder}/versions.json"
            self.assertIn("functions saved", self.script("versions.py", "save", STACK, saved))
            self.lambdas.update_function_configuration(FunctionName=name, Description="a new version")
            second = self.lambdas.publish_version(FunctionName=name)["Version"]
            self.assertNotEqual(second, first)
            try:
                for command in [["back", STACK], ["restore", STACK, saved]]:
                    self.lambdas.update_alias(FunctionName=name, Name="live", FunctionVersion=second)
                    self.assertIn(f"{name}: {second} -> {first}", self.script("versions.py", *command))
                    self.assertEqual(alias(), first)
            finally:
                self.lambdas.update_alias(FunctionName=name, Name="live", FunctionVersion=first)

    def test_changes_are_told_through_the_websocket_api(self):
        host = urllib.parse.urlsplit(self.outputs["LiveUrl"]).hostname
        address = f"ws://127.0.0.1:{self.stack.port}/_aws/execute-api/{host.split('.')[0]}/live"
        with WebSocket(address, origin="https://attacker.example") as refused:
            self.assertNotEqual(refused.status, 101)
        with WebSocket(address, timeout=60) as client:
            self.assertEqual(client.status, 101)
            client.say({"action": "subscribe", "topics": [{"topic": "projects"}]})
            self.assertEqual(client.hear(), {"type": "subscribed", "topics": ["projects"]})
            self.assertEqual(client.hear(), {"type": "changed", "topic": "projects"})
            project = self.api.make()
            self.assertEqual(client.hear(), {"type": "changed", "topic": "projects"})
            topic = f"project/{project}"
            client.say({"action": "subscribe", "topics": [{"topic": topic}]})
            versions = []
            while self.api.call("GET", f"/api/projects/{project}")[1]["status"] not in FINAL:
                told = client.hear()
                if told.get("topic") == topic:
                    versions.append(told["version"])
            self.assertEqual(versions, sorted(versions))
            self.assertGreater(len(versions), 1)
        watching = lambda: any(key[0].startswith(("CONNECTION#", "LIVE#")) for key in self.items())  # noqa: E731
        until("who is gone is forgotten", lambda: not watching())

    def sync(self, given=None):
        """Runs `sync` to its end; answers the execution."""
        body = {"definition_id": "sync", "input_data": given or {}}
        status, started = self.api.call("POST", "/workflows/trigger", body)
        self.assertIn(status, [200, 201, 202], started)

        def ended():
            _, found = self.api.call("GET", f"/api/executions/{started['execution_id']}")
            return found if found["status"] != "RUNNING" else None

        return until("sync ends", ended)

    def test_tables_are_synchronised_from_a_bucket(self):
        self.s3.create_bucket(Bucket=SOURCE)

        def put(table, sha256=None):
            text = table if isinstance(table, bytes) else json.dumps(table).encode()
            manifest = {"prices": {"path": "prices.json", "sha256": sha256 or hashlib.sha256(text).hexdigest()}}
            self.s3.put_object(Bucket=SOURCE, Key="tables/prices.json", Body=text)
            self.s3.put_object(Bucket=SOURCE, Key="tables/manifest.json", Body=json.dumps(manifest).encode())

        def known():
            """What is in use, and what is kept of it."""
            items = {key: item["body"] for key, item in self.items().items() if key[0].startswith("SYNC#")}
            return items, {key: tag for key, tag in self.objects().items() if key.startswith("sync/")}

        def refused(error="Millrace.SyncFailed"):
            before = known()
            found = self.sync()
            self.assertEqual((found["status"], found["error"]), ("FAILED", error), found)
            self.assertEqual(known(), before, "nothing changes")
            return found["cause"]

        # Nothing is there: no manifest, and then a manifest without its file.
        self.assertIn("manifest.json", refused())
        self.assertEqual(known(), ({}, {}))
        prices = {"prices": {"openai/of-the-bucket": {"input": 1.5, "output": 2.0}}}
        put(prices)
        self.s3.delete_object(Bucket=SOURCE, Key="tables/prices.json")
        self.assertIn("prices.json", refused())

        put(prices)
        found = self.sync()
        self.assertEqual((found["status"], found["output"]["results"][0]["result"]), ("SUCCEEDED", "taken"), found)
        taken = known()
        self.assertEqual(len(taken[1]), 1)
        # What the manifest names as before is not fetched: it need not even be there.
        self.s3.delete_object(Bucket=SOURCE, Key="tables/prices.json")
        found = self.sync()
        self.assertEqual((found["status"], found["output"]["results"][0]["result"]), ("SUCCEEDED", "unchanged"), found)
        self.assertEqual(known(), taken)

        # Documents that can't be used, and one that is another than the manifest says.
        put({"prices": {"openai/of-the-bucket": {"input": -1.0, "output": 2.0}}})
        refused()
        put(b"no JSON at all")
        refused()
        put(prices | {"more": 1}, sha256="0" * 64)
        self.assertIn("SHA-256", refused())
        self.s3.put_object(Bucket=SOURCE, Key="tables/manifest.json", Body=b"[]")
        self.assertIn("manifest.json", refused("Millrace.InvalidTable"))

        put({"prices": {"openai/of-the-bucket": {"input": 2.5, "output": 2.0}}})
        self.assertEqual(self.sync()["output"]["results"][0]["result"], "taken")
        self.assertEqual(self.sync({"rollback": ["prices"]})["output"]["results"][0]["result"], "rolled_back")

    def test_changes_that_nobody_was_told_of_are_told_again(self):
        mappings = self.lambdas.list_event_source_mappings(FunctionName=f"{STACK}-notifier:live")["EventSourceMappings"]
        mapping = next(one for one in mappings if "/stream/" in one["EventSourceArn"])
        state = lambda: self.lambdas.get_event_source_mapping(UUID=mapping["UUID"])["State"]  # noqa: E731
        target = {"type": "sns", "topic_arn": f"arn:aws:sns:{REGION}:000000000000:told"}
        pattern = {"detail-type": [{"prefix": "project."}]}
        status, made = self.api.call("POST", "/api/subscriptions", {"name": "retold", "target": target, "pattern": pattern})
        self.assertEqual(status, 201, made)

        def told():
            _, page = self.api.call("GET", f"/api/subscriptions/{made['id']}/deliveries?limit=100")
            return sorted(one["event_type"] for one in page["items"])

        self.lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            until("the notifier hears nothing", lambda: state() == "Disabled")
            project = self.api.make()
            self.assertEqual(self.api.finished(project)["status"], "completed")
            self.assertEqual(told(), [])

            # What Lambda writes when it gives a batch up.
            streams = boto3.client(
                "dynamodbstreams",
                endpoint_url=self.stack.endpoint,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            stream = mapping["EventSourceArn"]
            shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
            place = {"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
            iterator, numbers = streams.get_shard_iterator(**place)["ShardIterator"], []
            while page := streams.get_records(ShardIterator=iterator):
                numbers += [
                    record["dynamodb"]["SequenceNumber"]
                    for record in page["Records"]
                    if record["dynamodb"]["Keys"]["PK"]["S"] == f"PROJECT#{project}"
                ]
                iterator = page.get("NextShardIterator")
                if not page["Records"]:
                    break
            body = {
                "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 200},
                "DDBStreamBatchInfo": {
                    "shardId": shard,
                    "startSequenceNumber": numbers[0],
                    "endSequenceNumber": numbers[-1],
                    "batchSize": len(numbers),
                    "streamArn": stream,
                },
            }
            dead = self.sqs.get_queue_url(QueueName=f"{STACK}-changes-dlq")["QueueUrl"]
            self.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(body))

            self.assertIn("changes are still in the stream", self.script("retell.py", STACK, "--dry-run"))
            self.assertEqual((told(), self.depth(dead)), ([], 1))
            self.assertIn("1 messages, 0 of them stay", self.script("retell.py", STACK))
            first = told()
            self.assertLessEqual({"project.created", "project.completed"}, set(first))
            self.assertEqual(self.depth(dead), 0)

            # Again: nobody hears of it twice. What names nothing that is there stays.
            self.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(body))
            self.script("retell.py", STACK)
            self.assertEqual(told(), first)
            self.sqs.send_message(QueueUrl=dead, MessageBody="{}")
            with self.assertRaisesRegex(AssertionError, "1 messages, 1 of them stay"):
                self.script("retell.py", STACK)
            self.assertEqual(self.depth(dead), 1)
            self.sqs.purge_queue(QueueUrl=dead)
        finally:
            self.lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
            self.api.call("DELETE", f"/api/subscriptions/{made['id']}")

    def test_every_sample_event_is_handled(self):
        for path in sorted((ROOT / "events").glob("*/*.json")):
            if path.name == "unknown.json":
                continue
            with self.subTest(path.name, function=path.parent.name):
                answer = self.lambdas.invoke(
                    FunctionName=f"{STACK}-{path.parent.name}", Qualifier="live", Payload=path.read_bytes()
                )
                told = answer["Payload"].read()
                if f"{path.parent.name}/{path.name}" in REFUSED:
                    self.assertIn("FunctionError", answer, told)
                else:
                    self.assertNotIn("FunctionError", answer, told)

    def test_the_contract_holds_against_the_deployed_table_and_bucket(self):
        environment = {
            **self.environment,
            "MILLRACE_AWS_TABLE": self.outputs["TableName"],
            "MILLRACE_AWS_BUCKET": self.outputs["BucketName"],
        }
        run(["cargo", "test", "-p", "millrace-aws", "--test", "contract"], cwd=ROOT, env=environment)


if __name__ == "__main__":
    unittest.main(verbosity=2)
