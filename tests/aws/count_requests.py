"""Counts what one project asks of AWS: every request of the deployed functions, by service and operation, with its units; and how
many notifications a subscription to everything gets of one.

    .venv/bin/python tests/aws/count_requests.py

Deploys like test_deployment.py (and reads the same variables), with a proxy between the functions and the stand-in. Writes
scripts/project-requests.json, from which scripts/cost.py computes what a stack costs.
"""

import collections
import http.client
import http.server
import json
import re
import threading
import time
import unittest
from pathlib import Path

import ministack
import test_deployment

WRITTEN = Path(__file__).resolve().parents[2] / "scripts/project-requests.json"
INDEXES = {"OwnerPK": "OwnerSK", "StatusPK": "StatusSK", "DuePK": "DueSK"}


def size(value):
    """Bytes of an attribute's value, as DynamoDB counts them closely enough."""
    (kind, inner), *_ = value.items()
    if kind == "M":
        return 3 + sum(len(name) + size(each) + 1 for name, each in inner.items())
    if kind == "L":
        return 3 + sum(size(each) + 1 for each in inner)
    if kind == "B":
        return len(inner) * 3 // 4
    return len(inner.encode()) if isinstance(inner, str) else 1


def item_bytes(item):
    return sum(len(name) + size(value) for name, value in item.items())


class Counter:
    """What was asked, and the index entries that each item has."""

    def __init__(self):
        self.lock = threading.Lock()
        self.on = False
        self.counts = collections.Counter()
        self.queues = collections.Counter()
        self.entries = {}

    def write(self, item, times):
        """Write units of an item and of the index entries that it changes."""
        units = -(-item_bytes(item) // 1024)
        key = (item["PK"]["S"], item["SK"]["S"])
        before, self.entries[key] = self.entries.get(key, {}), {
            name: (json.dumps(item[name]), json.dumps(item.get(sort))) for name, sort in INDEXES.items() if name in item
        }
        indexed = 0
        for name in INDEXES:
            old, new = before.get(name), self.entries[key].get(name)
            # An entry whose key changes is removed and put.
            indexed += (2 if old and new and old != new else 1) if old or new else 0
        self.counts["dynamodb write units"] += units * times
        self.counts["dynamodb index write units"] += units * indexed * times

    def see(self, method, path, target, body, answer):
        with self.lock:
            if not self.on:
                return
            service, _, operation = target.partition(".")
            if service.startswith("DynamoDB"):
                self.dynamodb(operation, json.loads(body), json.loads(answer or b"{}"))
            elif service.startswith("AmazonSQS"):
                self.counts["sqs requests"] += 1
                sent = json.loads(body)
                number = len(sent.get("Entries", [0])) if operation.startswith("SendMessage") else 0
                if number:
                    name = re.sub(f".*{test_deployment.STACK}-(.*)-queue", r"\1", sent["QueueUrl"])
                    self.queues[name] += number
            elif "/schedules/" in path:
                self.counts["scheduler schedules"] += 1
            elif "ssm" in target.lower():
                self.counts["ssm requests"] += 1
            else:
                kind = "list" if "list-type" in path else {"PUT": "put", "POST": "put", "DELETE": "delete"}.get(method, "get")
                self.counts[f"s3 {kind} requests"] += 1
                if kind == "put":
                    self.counts["s3 stored bytes"] += len(body)

    def dynamodb(self, operation, request, answer):
        self.counts[f"dynamodb {operation}"] += 1
        # What the readers of the table's stream look for, a batch each or more: who is to be told.
        if operation == "Query":
            asked = json.dumps(request.get("ExpressionAttributeValues", {}))
            for name, partition in [("notifier", '"SUBSCRIPTIONS#'), ("live", '"LIVE#')]:
                if partition in asked:
                    self.counts[f"looks of {name}"] += 1
        if operation == "PutItem":
            self.write(request["Item"], 1)
        elif operation == "TransactWriteItems":
            for each in request["TransactItems"]:
                if "Put" in each:
                    self.write(each["Put"]["Item"], 2)
                else:
                    self.counts["dynamodb write units"] += 2
        elif operation in {"UpdateItem", "DeleteItem"}:
            self.counts["dynamodb write units"] += 1
        else:
            found = answer.get("Items", [answer["Item"]] if "Item" in answer else [])
            read = -(-max(sum(item_bytes(item) for item in found), 1) // 4096)
            self.counts["dynamodb read units"] += read if request.get("ConsistentRead") else read / 2


def proxy(counter, port, behind):
    """Forwards to the stand-in and shows the counter what passes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            connection = http.client.HTTPConnection("127.0.0.1", behind, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            connection.close()
            counter.see(self.command, self.path, self.headers.get("x-amz-target", ""), body, text)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            self.send_header("content-length", answer.getheader("content-length") or len(text))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = pass_on

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Counted(unittest.TestCase):
    def test_one_project(self):
        counter, port = Counter(), ministack.free_port()
        # Functions inherit the stand-in's environment, and so the proxy's address.
        kept = ministack.Ministack.environment
        ministack.Ministack.environment = property(
            lambda self: {**kept.fget(self), "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        )
        deployment = test_deployment.Deployment
        started = test_deployment.Ministack.__enter__

        def enter(stack):
            started(stack)
            self.addCleanup(proxy(counter, port, stack.port).shutdown)
            return stack

        test_deployment.Ministack.__enter__ = enter
        self.addCleanup(deployment.doClassCleanups)
        deployment.setUpClass()
        idle = deployment.idle
        stack = deployment("idle")
        # The first finds cold functions; the second is the one that counts.
        deployment.api.finished(deployment.api.make())
        test_deployment.until("all messages are done", lambda: idle(stack))
        counter.on = True
        project = deployment.api.make()
        # No requests of ours count but the creation: what a person looks at is not part of it.
        test_deployment.until("all messages are done", lambda: idle(stack), 120, 1)
        counter.on = False
        self.assertEqual(deployment.api.finished(project)["status"], "completed")

        told = {
            "project": test_deployment.PROJECT["template_id"],
            "requests": {name: counter.counts[name] for name in sorted(counter.counts)},
            "messages": dict(sorted(counter.queues.items())),
            "notifications": self.notifications(deployment, stack),
        }
        WRITTEN.write_text(json.dumps(told, indent=1) + "\n")
        print(WRITTEN.read_text())

    def notifications(self, deployment, stack):
        """How many a subscription to everything gets of a project."""
        target = {"type": "sns", "topic_arn": "arn:aws:sns:us-east-1:000000000000:told"}
        status, made = deployment.api.call("POST", "/api/subscriptions", {"name": "all", "target": target})
        self.assertEqual(status, 201, made)
        self.assertEqual(deployment.api.finished(deployment.api.make())["status"], "completed")
        test_deployment.until("all messages are done", lambda: deployment.idle(stack), 120, 1)
        number = -1
        # The stream is a second behind.
        while number != (number := sum(sort.startswith("DELIVERY#") for _, sort in deployment.items(stack))):
            time.sleep(5)
        return number


if __name__ == "__main__":
    unittest.main()
