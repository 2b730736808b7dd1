#!/usr/bin/env python3
"""The Step Functions API by its real clients, boto3 and the AWS CLI, against a local server.

    MILLRACE=target/release/millrace python tests/clients/test_clients.py"""
import datetime, json, os, subprocess, sys, tempfile, threading, time, unittest, urllib.request, uuid
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::111111111111:role/workflows"
PASS = json.dumps({"StartAt": "Greet", "States": {"Greet": {"Type": "Pass", "Result": {"greeting": "hello"}, "End": True}}})
WAIT = json.dumps({"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 600, "End": True}}})
FAIL = json.dumps({"StartAt": "Broken", "States": {"Broken": {"Type": "Fail", "Error": "Shop.Closed", "Cause": "It is night."}}})
ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


def unique(name):
    return f"{name}-{uuid.uuid4().hex[:8]}"


class Server:
    def __init__(self, *more):
        self.data = tempfile.TemporaryDirectory()
        command = [os.environ["MILLRACE"], "up", "--port", "0", "--data", self.data.name, *more]
        environment = {**os.environ, "MILLRACE_LOG": "error"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self.url = self.process.stdout.readline().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.data.cleanup()


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        # `sync-` before an address of this machine leads nowhere.
        config = Config(inject_host_prefix=False, retries={"max_attempts": 1})
        cls.client = boto3.client("stepfunctions", endpoint_url=cls.server.url, region_name="eu-central-1", config=config,
                                  aws_access_key_id="111111111111", aws_secret_access_key="secret")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def create(self, definition=PASS, name=None, **more):
        made = self.client.create_state_machine(name=name or unique("sm"), definition=definition, roleArn=ROLE, **more)
        return made["stateMachineArn"]

    def ended(self, execution):
        for _ in range(200):
            described = self.client.describe_execution(executionArn=execution)
            if described["status"] in ENDED:
                return described
            time.sleep(0.05)
        self.fail(f"{execution} did not end")

    def refused(self, code, call, **members):
        with self.assertRaises(ClientError) as caught:
            call(**members)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        self.assertRegex(caught.exception.response["ResponseMetadata"]["RequestId"], "^[0-9a-f-]{36}$")
        return error["Message"]

    def test_from_a_definition_to_a_history(self):
        name = unique("greeter")
        arn = self.create(name=name)
        self.assertEqual(arn, f"arn:aws:states:eu-central-1:111111111111:stateMachine:{name}")
        self.assertEqual(self.create(name=name), arn)
        described = self.client.describe_state_machine(stateMachineArn=arn)
        self.assertEqual((described["definition"], described["status"], described["type"]), (PASS, "ACTIVE", "STANDARD"))
        self.assertLess(abs((datetime.datetime.now(datetime.timezone.utc) - described["creationDate"]).total_seconds()), 60)
        started = self.client.start_execution(stateMachineArn=arn, name="first", input='{"a": 1}')
        self.assertEqual(started["executionArn"], f"arn:aws:states:eu-central-1:111111111111:execution:{name}:first")
        end = self.ended(started["executionArn"])
        self.assertEqual((end["status"], json.loads(end["output"]), json.loads(end["input"])),
                         ("SUCCEEDED", {"greeting": "hello"}, {"a": 1}))
        history = self.client.get_execution_history(executionArn=started["executionArn"])["events"]
        self.assertEqual([event["type"] for event in history],
                         ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"])
        self.assertEqual([event["id"] for event in history], [1, 2, 3, 4])
        self.assertEqual(history[0]["executionStartedEventDetails"]["roleArn"], ROLE)
        self.assertEqual(history[2]["stateExitedEventDetails"]["outputDetails"], {"truncated": False})
        pages = self.client.get_paginator("get_execution_history").paginate(
            executionArn=started["executionArn"], reverseOrder=True, includeExecutionData=False,
            PaginationConfig={"PageSize": 3})
        backwards = [event for page in pages for event in page["events"]]
        self.assertEqual([event["id"] for event in backwards], [4, 3, 2, 1])
        self.assertEqual(backwards[0]["executionSucceededEventDetails"], {})
        told = self.client.describe_state_machine_for_execution(executionArn=started["executionArn"])
        self.assertEqual((told["stateMachineArn"], told["definition"]), (arn, PASS))

    def test_names_and_running_executions(self):
        arn = self.create(WAIT)
        start = lambda **more: self.client.start_execution(stateMachineArn=arn, name="one", **more)["executionArn"]
        execution = start(input='{"n": 1}')
        self.assertEqual(start(input='{"n":1}'), execution)
        self.refused("ExecutionAlreadyExists", self.client.start_execution, stateMachineArn=arn, name="one", input="{}")
        running = self.client.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
        self.assertEqual([one["name"] for one in running], ["one"])
        self.client.stop_execution(executionArn=execution, error="Shop.Stopped", cause="Enough.")
        end = self.ended(execution)
        self.assertEqual((end["status"], end["error"], end["cause"], end["redriveStatus"]),
                         ("ABORTED", "Shop.Stopped", "Enough.", "REDRIVABLE"))
        self.assertEqual(self.client.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"], [])
        self.refused("ExecutionAlreadyExists", self.client.start_execution, stateMachineArn=arn, name="one", input='{"n": 1}')

    def test_listings_have_pages(self):
        arn = self.create()
        names = [f"run-{number}" for number in range(5)]
        for name in names:
            self.ended(self.client.start_execution(stateMachineArn=arn, name=name)["executionArn"])
            time.sleep(0.002)
        pages = list(self.client.get_paginator("list_executions").paginate(
            stateMachineArn=arn, PaginationConfig={"PageSize": 2}))
        self.assertEqual([len(page["executions"]) for page in pages], [2, 2, 1])
        self.assertEqual([one["name"] for page in pages for one in page["executions"]], names[::-1])
        self.assertEqual({one["status"] for page in pages for one in page["executions"]}, {"SUCCEEDED"})
        self.refused("InvalidToken", self.client.list_executions, stateMachineArn=arn, nextToken="x")
        self.refused("InvalidToken", self.client.list_state_machines, nextToken=pages[0]["nextToken"])
        machines = self.client.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2})
        arns = [one["stateMachineArn"] for page in machines for one in page["stateMachines"]]
        self.assertIn(arn, arns)
        self.assertEqual(arns, sorted(arns))

    def test_another_account_lists_its_own(self):
        arn = self.create()
        other = boto3.client("stepfunctions", endpoint_url=self.server.url, region_name="eu-central-1",
                             aws_access_key_id="222222222222", aws_secret_access_key="secret")
        self.assertNotIn(arn, [one["stateMachineArn"] for one in other.list_state_machines()["stateMachines"]])

    def test_a_synchronous_execution(self):
        arn = self.create(type="EXPRESS")
        end = self.client.start_sync_execution(stateMachineArn=arn, input='{"a":1}')
        self.assertEqual((end["status"], json.loads(end["output"]), end["input"]),
                         ("SUCCEEDED", {"greeting": "hello"}, '{"a":1}'))
        self.assertIn(":express:", end["executionArn"])
        self.assertEqual(end["billingDetails"]["billedDurationInMilliseconds"] % 100, 0)
        end = self.client.start_sync_execution(stateMachineArn=self.create(FAIL, type="EXPRESS"))
        self.assertEqual((end["status"], end["error"], end["cause"]), ("FAILED", "Shop.Closed", "It is night."))
        self.refused("StateMachineTypeNotSupported", self.client.start_sync_execution, stateMachineArn=self.create())
        begun = self.client.start_execution(stateMachineArn=arn)["executionArn"]
        self.refused("InvalidArn", self.client.describe_execution, executionArn=begun)
        self.refused("InvalidArn", self.client.get_execution_history, executionArn=begun)
        self.refused("StateMachineTypeNotSupported", self.client.list_executions, stateMachineArn=arn)

    def test_updates_versions_and_aliases(self):
        arn = self.create(publish=True, versionDescription="the first")
        running = self.client.start_execution(stateMachineArn=self.create(WAIT))["executionArn"]
        updated = self.client.update_state_machine(stateMachineArn=arn, definition=FAIL, publish=True)
        self.assertEqual(updated["stateMachineVersionArn"], f"{arn}:2")
        self.assertEqual(self.client.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"], f"{arn}:2")
        versions = self.client.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
        self.assertEqual([one["stateMachineVersionArn"] for one in versions], [f"{arn}:2", f"{arn}:1"])
        first = self.client.describe_state_machine(stateMachineArn=f"{arn}:1")
        self.assertEqual((first["definition"], first["description"]), (PASS, "the first"))
        message = self.refused("ConflictException", self.client.publish_state_machine_version, stateMachineArn=arn, revisionId="x")
        self.assertIn(updated["revisionId"], message)
        alias = self.client.create_state_machine_alias(name="live", routingConfiguration=[
            {"stateMachineVersionArn": f"{arn}:1", "weight": 100}])["stateMachineAliasArn"]
        end = self.ended(self.client.start_execution(stateMachineArn=alias)["executionArn"])
        self.assertEqual((end["status"], end["stateMachineAliasArn"], end["stateMachineVersionArn"]),
                         ("SUCCEEDED", alias, f"{arn}:1"))
        self.client.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=[
            {"stateMachineVersionArn": f"{arn}:1", "weight": 0}, {"stateMachineVersionArn": f"{arn}:2", "weight": 100}])
        self.assertEqual(self.ended(self.client.start_execution(stateMachineArn=alias)["executionArn"])["status"], "FAILED")
        self.assertEqual(len(self.client.list_executions(stateMachineArn=alias)["executions"]), 2)
        self.assertEqual(len(self.client.list_executions(stateMachineArn=f"{arn}:2")["executions"]), 1)
        self.assertEqual([one["weight"] for one in self.client.describe_state_machine_alias(
            stateMachineAliasArn=alias)["routingConfiguration"]], [0, 100])
        self.refused("ValidationException", self.client.create_state_machine_alias, name="half", routingConfiguration=[
            {"stateMachineVersionArn": f"{arn}:1", "weight": 50}])
        self.refused("ConflictException", self.client.delete_state_machine_version, stateMachineVersionArn=f"{arn}:1")
        self.assertEqual(len(self.client.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]), 1)
        self.client.delete_state_machine_alias(stateMachineAliasArn=alias)
        self.client.delete_state_machine_version(stateMachineVersionArn=f"{arn}:1")
        self.refused("StateMachineDoesNotExist", self.client.describe_state_machine, stateMachineArn=f"{arn}:1")
        self.assertEqual(self.client.describe_execution(executionArn=running)["status"], "RUNNING")

    def test_tags(self):
        arn = self.create(tags=[{"key": "team", "value": "shop"}])
        self.client.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "mill"}, {"key": "stage", "value": "dev"}])
        self.client.untag_resource(resourceArn=arn, tagKeys=["stage", "nothing"])
        self.assertEqual(self.client.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "team", "value": "mill"}])
        self.refused("ResourceNotFound", self.client.list_tags_for_resource, resourceArn=f"{arn}:1")
        self.refused("TooManyTags", self.client.tag_resource, resourceArn=arn,
                     tags=[{"key": str(number), "value": ""} for number in range(50)])

    def test_a_deleted_state_machine_stops_its_executions(self):
        arn = self.create(WAIT)
        execution = self.client.start_execution(stateMachineArn=arn)["executionArn"]
        self.client.delete_state_machine(stateMachineArn=arn)
        self.client.delete_state_machine(stateMachineArn=arn)
        self.refused("StateMachineDoesNotExist", self.client.describe_state_machine, stateMachineArn=arn)
        self.refused("StateMachineDoesNotExist", self.client.start_execution, stateMachineArn=arn)
        self.assertEqual(self.ended(execution)["status"], "ABORTED")
        self.assertEqual(self.client.describe_state_machine_for_execution(executionArn=execution)["definition"], WAIT)

    def test_configuration_is_kept(self):
        group = "arn:aws:logs:eu-central-1:111111111111:log-group:shop:*"
        logging = {"level": "ERROR", "includeExecutionData": True,
                   "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}
        arn = self.create(loggingConfiguration=logging, tracingConfiguration={"enabled": True})
        described = self.client.describe_state_machine(stateMachineArn=arn)
        self.assertEqual((described["loggingConfiguration"], described["tracingConfiguration"]), (logging, {"enabled": True}))
        self.refused("InvalidLoggingConfiguration", self.client.create_state_machine, name=unique("sm"), definition=PASS,
                     roleArn=ROLE, loggingConfiguration={"level": "ALL"})
        self.refused("InvalidEncryptionConfiguration", self.client.create_state_machine, name=unique("sm"),
                     definition=PASS, roleArn=ROLE, encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY"})

    def test_what_is_refused_is_refused_as_the_service_does(self):
        arn = self.create()
        for code, message, call, members in [
            ("InvalidName", "Invalid Name: 'a b'", self.client.create_state_machine,
             {"name": "a b", "definition": PASS, "roleArn": ROLE}),
            ("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'", self.client.describe_execution, {"executionArn": "x"}),
            ("ExecutionDoesNotExist", None, self.client.describe_execution,
             {"executionArn": arn.replace("stateMachine", "execution") + ":none"}),
            ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}x'", self.client.start_execution,
             {"stateMachineArn": arn + "x"}),
            ("InvalidExecutionInput", None, self.client.start_execution, {"stateMachineArn": arn, "input": "{"}),
            ("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'", self.client.create_state_machine,
             {"name": arn.rsplit(":", 1)[1], "definition": WAIT, "roleArn": ROLE}),
            ("InvalidDefinition", None, self.client.create_state_machine,
             {"name": unique("sm"), "definition": '{"StartAt": "A"}', "roleArn": ROLE}),
            ("MissingRequiredParameter", None, self.client.update_state_machine, {"stateMachineArn": arn}),
            ("ValidationException", "Version description can only be set when publish is true",
             self.client.create_state_machine,
             {"name": unique("sm"), "definition": PASS, "roleArn": ROLE, "versionDescription": "x"}),
            ("ValidationException", "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy "
             "constraint: Member must have value less than or equal to 1000", self.client.list_executions,
             {"stateMachineArn": arn, "maxResults": 1001}),
            ("ValidationException", "1 validation error detected: Value 'done' at 'statusFilter' failed to satisfy "
             "constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, "
             "RUNNING]", self.client.list_executions, {"stateMachineArn": arn, "statusFilter": "done"}),
        ]:
            with self.subTest(code=code, members=members):
                told = self.refused(code, call, **members)
                if message:
                    self.assertEqual(told, message)

    def test_a_definition_is_validated(self):
        good = self.client.validate_state_machine_definition(definition=PASS)
        self.assertEqual((good["result"], good["diagnostics"]), ("OK", []))
        bad = self.client.validate_state_machine_definition(definition='{"StartAt": "A", "States": {}}')
        self.assertEqual(bad["result"], "FAIL")
        self.assertTrue(all(one["severity"] == "ERROR" for one in bad["diagnostics"]))

    def activity(self):
        """An activity, and an execution that waits for its worker."""
        activity = self.client.create_activity(name=unique("paint"), tags=[{"key": "team", "value": "shop"}])["activityArn"]
        definition = json.dumps({"StartAt": "Paint", "States": {
            "Paint": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 60, "End": True}}})
        arn = self.create(definition)
        return activity, arn, self.client.start_execution(stateMachineArn=arn, input='{"colour":"red"}')["executionArn"]

    def test_activities_and_task_tokens(self):
        activity, _, execution = self.activity()
        self.assertEqual(self.client.describe_activity(activityArn=activity)["encryptionConfiguration"], {"type": "AWS_OWNED_KEY"})
        self.assertEqual(self.client.list_tags_for_resource(resourceArn=activity)["tags"], [{"key": "team", "value": "shop"}])
        self.assertIn(activity, [one["activityArn"] for one in self.client.list_activities()["activities"]])
        task = self.client.get_activity_task(activityArn=activity, workerName="anna")
        self.assertEqual(json.loads(task["input"]), {"colour": "red"})
        self.client.send_task_heartbeat(taskToken=task["taskToken"])
        self.refused("InvalidOutput", self.client.send_task_success, taskToken=task["taskToken"], output="{")
        self.client.send_task_success(taskToken=task["taskToken"], output='{"painted":true}')
        self.assertEqual(json.loads(self.ended(execution)["output"]), {"painted": True})
        self.refused("TaskTimedOut", self.client.send_task_success, taskToken=task["taskToken"], output="{}")
        self.refused("InvalidToken", self.client.send_task_failure, taskToken="x")
        kinds = [event["type"] for event in self.client.get_execution_history(executionArn=execution)["events"]]
        self.assertEqual(kinds[2:5], ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"])
        self.client.delete_activity(activityArn=activity)
        self.refused("ActivityDoesNotExist", self.client.get_activity_task, activityArn=activity)

    def test_a_redrive_goes_on_from_the_failed_state(self):
        activity, arn, execution = self.activity()
        take = lambda: self.client.get_activity_task(activityArn=activity)["taskToken"]
        self.client.send_task_failure(taskToken=take(), error="Shop.NoPaint")
        end = self.ended(execution)
        self.assertEqual((end["status"], end["error"], end["redriveStatus"]), ("FAILED", "Shop.NoPaint", "REDRIVABLE"))
        at = self.client.redrive_execution(executionArn=execution, clientToken="once")["redriveDate"]
        self.assertEqual(self.client.redrive_execution(executionArn=execution, clientToken="once")["redriveDate"], at)
        self.refused("ExecutionNotRedrivable", self.client.redrive_execution, executionArn=execution)
        self.assertEqual([one["name"] for one in self.client.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]],
                         [execution.rsplit(":", 1)[1]])
        self.client.send_task_success(taskToken=take(), output='"red"')
        end = self.ended(execution)
        self.assertEqual((end["status"], end["redriveCount"], end["redriveDate"], end["redriveStatus"]),
                         ("SUCCEEDED", 1, at, "NOT_REDRIVABLE"))
        kinds = [event["type"] for event in self.client.get_execution_history(executionArn=execution)["events"]]
        self.assertEqual(kinds[kinds.index("ExecutionFailed"):],
                         ["ExecutionFailed", "ExecutionRedriven", "ActivityScheduled", "ActivityStarted",
                          "ActivitySucceeded", "TaskStateExited", "ExecutionSucceeded"])

    def test_a_redrive_of_a_map_run_redrives_its_failed_executions(self):
        activity = self.client.create_activity(name=unique("paint"))["activityArn"]
        arn = self.create(json.dumps({"StartAt": "M", "States": {"M": {
            "Type": "Map", "MaxConcurrency": 1, "End": True,
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                              "StartAt": "A", "States": {"A": {"Type": "Task", "Resource": activity, "End": True}}}}}}))
        execution = self.client.start_execution(stateMachineArn=arn, input="[1,2,3]")["executionArn"]
        take = lambda: self.client.get_activity_task(activityArn=activity)["taskToken"]
        self.client.send_task_success(taskToken=take(), output='"one"')
        self.client.send_task_failure(taskToken=take(), error="Shop.NoPaint")
        self.assertEqual(self.ended(execution)["status"], "FAILED")
        run = self.client.list_map_runs(executionArn=execution)["mapRuns"][0]["mapRunArn"]
        of = lambda **more: self.client.list_executions(mapRunArn=run, **more)["executions"]
        failed = of(statusFilter="FAILED")
        self.assertEqual([one["redriveCount"] for one in failed], [0])
        child = failed[0]["executionArn"]
        self.assertEqual(self.client.describe_execution(executionArn=child)["redriveStatus"], "REDRIVABLE_BY_MAP_RUN")
        self.client.redrive_execution(executionArn=execution)
        token = take()
        described = self.client.describe_map_run(mapRunArn=run)
        self.assertEqual((described["status"], described["redriveCount"]), ("RUNNING", 1))
        self.assertIn("redriveDate", described)
        self.assertEqual((described["executionCounts"]["succeeded"], described["executionCounts"]["running"],
                          described["executionCounts"]["pendingRedrive"]), (1, 1, 0))
        self.assertEqual([one["executionArn"] for one in of(redriveFilter="REDRIVEN")], [child])
        self.assertEqual(len(of(redriveFilter="NOT_REDRIVEN")), 1)
        self.assertEqual(of(statusFilter="PENDING_REDRIVE"), [])
        self.refused("ValidationException", self.client.list_executions, stateMachineArn=arn, statusFilter="PENDING_REDRIVE")
        self.client.send_task_success(taskToken=token, output='"two"')
        self.client.send_task_success(taskToken=take(), output='"three"')
        end = self.ended(execution)
        self.assertEqual((end["status"], json.loads(end["output"])), ("SUCCEEDED", ["one", "two", "three"]))
        events = self.client.get_execution_history(executionArn=execution)["events"]
        redriven = [event["mapRunRedrivenEventDetails"] for event in events if event["type"] == "MapRunRedriven"]
        self.assertEqual(redriven, [{"mapRunArn": run, "redriveCount": 1}])
        kinds = [event["type"] for event in self.client.get_execution_history(executionArn=child)["events"]]
        self.assertEqual(kinds[kinds.index("ExecutionFailed"):],
                         ["ExecutionFailed", "ExecutionRedriven", "ActivityScheduled", "ActivityStarted",
                          "ActivitySucceeded", "TaskStateExited", "ExecutionSucceeded"])
        self.client.delete_activity(activityArn=activity)

    def test_map_runs(self):
        arn = self.create(json.dumps({"StartAt": "Each", "States": {"Each": {
            "Type": "Map", "Label": "Each", "End": True, "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Greet", "States": {"Greet": {"Type": "Pass", "End": True}}}}}}))
        execution = self.client.start_execution(stateMachineArn=arn, input="[1, 2, 3]")["executionArn"]
        self.assertEqual(json.loads(self.ended(execution)["output"]), [1, 2, 3])
        [run] = self.client.list_map_runs(executionArn=execution)["mapRuns"]
        described = self.client.describe_map_run(mapRunArn=run["mapRunArn"])
        self.assertEqual((described["status"], described["itemCounts"]["succeeded"], described["itemCounts"]["total"]),
                         ("SUCCEEDED", 3, 3))
        children = self.client.list_executions(mapRunArn=run["mapRunArn"])["executions"]
        self.assertEqual({(child["status"], child["mapRunArn"]) for child in children}, {("SUCCEEDED", run["mapRunArn"])})
        inputs = sorted(self.client.describe_execution(executionArn=child["executionArn"])["input"] for child in children)
        self.assertEqual(inputs, ["1", "2", "3"])
        history = self.client.get_execution_history(executionArn=children[0]["executionArn"])["events"]
        self.assertEqual(history[-1]["type"], "ExecutionSucceeded")
        told = self.client.describe_state_machine_for_execution(executionArn=children[0]["executionArn"])
        self.assertEqual((told["label"], told["mapRunArn"]), ("Each", run["mapRunArn"]))
        self.refused("ValidationException", self.client.update_map_run, mapRunArn=run["mapRunArn"], maxConcurrency=1)
        self.refused("ResourceNotFound", self.client.describe_map_run, mapRunArn=run["mapRunArn"][:-4] + "0000")
        self.assertEqual(self.client.list_executions(stateMachineArn=arn)["executions"][0]["executionArn"], execution)

    def test_a_state_by_itself(self):
        state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "After",
                 "Parameters": {"FunctionName": "greet", "Payload.$": "$"}, "OutputPath": "$.Payload"}
        tested = self.client.test_state(definition=json.dumps(state), roleArn=ROLE, input='{"a":1}', inspectionLevel="DEBUG",
                                        mock={"result": json.dumps({"Payload": {"greeting": "hello"}, "StatusCode": 200})})
        self.assertEqual((tested["status"], json.loads(tested["output"]), tested["nextState"]),
                         ("SUCCEEDED", {"greeting": "hello"}, "After"))
        self.assertEqual(json.loads(tested["inspectionData"]["input"]), {"a": 1})
        self.refused("InvalidDefinition", self.client.test_state, definition="{}", roleArn=ROLE)

    def test_many_starts_at_once(self):
        arn, executions = self.create(), []
        def start(thread):
            for number in range(25):
                executions.append(self.client.start_execution(stateMachineArn=arn, name=f"{thread}-{number}")["executionArn"])
        threads = [threading.Thread(target=start, args=(number,)) for number in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        self.assertEqual({self.ended(execution)["status"] for execution in executions}, {"SUCCEEDED"})
        self.assertEqual(len(self.client.list_executions(stateMachineArn=arn, maxResults=1000)["executions"]), 100)

    def test_the_aws_cli(self):
        environment = {**os.environ, "AWS_ENDPOINT_URL": self.server.url, "AWS_ACCESS_KEY_ID": "111111111111",
                       "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-central-1", "AWS_CONFIG_FILE": os.devnull,
                       "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        def aws(*arguments, succeeds=True):
            command = [str(Path(sys.executable).with_name("aws")), "stepfunctions", *arguments, "--output", "json"]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode == 0, succeeds, done.stderr)
            return json.loads(done.stdout or "{}") if succeeds else done.stderr
        name = unique("cli")
        arn = aws("create-state-machine", "--name", name, "--definition", PASS, "--role-arn", ROLE)["stateMachineArn"]
        execution = aws("start-execution", "--state-machine-arn", arn, "--input", '{"who": "cli"}')["executionArn"]
        self.ended(execution)
        self.assertEqual(aws("describe-execution", "--execution-arn", execution)["status"], "SUCCEEDED")
        self.assertEqual(len(aws("get-execution-history", "--execution-arn", execution)["events"]), 4)
        self.assertIn("StateMachineAlreadyExists", aws("create-state-machine", "--name", name, "--definition", WAIT,
                                                       "--role-arn", ROLE, succeeds=False))


class Signatures(unittest.TestCase):
    """A server that asks for keys checks what botocore signs."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server("--auth", "keys")
        cls.pair = json.loads((Path(cls.server.data.name) / "admin-key.json").read_text())

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def client(self, key=None, secret=None, **more):
        config = Config(inject_host_prefix=False, retries={"max_attempts": 1}, **more)
        return boto3.client("stepfunctions", endpoint_url=self.server.url, region_name="eu-central-1", config=config,
                            aws_access_key_id=key or self.pair["access_key_id"],
                            aws_secret_access_key=secret or self.pair["secret_access_key"])

    def rest(self, method, path, body=None):
        request = urllib.request.Request(self.server.url + path, method=method,
                                         data=json.dumps(body).encode() if body is not None else None,
                                         headers={"Authorization": f"Bearer {self.pair['key']}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def refused(self, code, client, change=None):
        if change:
            client.meta.events.register("before-send.sfn", change)
        with self.assertRaises(ClientError) as caught:
            client.list_state_machines()
        self.assertEqual(caught.exception.response["Error"]["Code"], code)

    def test_the_pair_of_a_key_signs_for_its_owner(self):
        arn = self.client().create_state_machine(name="été", definition=PASS, roleArn=ROLE)["stateMachineArn"]
        listed = self.rest("GET", "/api/workflows")["items"]
        self.assertIn(arn, [one["arn"] for one in listed])
        started = self.client().start_execution(stateMachineArn=arn, input=json.dumps({"text": "naïve ☕ " * 1000}))
        self.assertIn(":execution:", started["executionArn"])

    def test_another_secret_signs_nothing(self):
        self.refused("InvalidSignatureException", self.client(secret="x" * 52))

    def test_nobody_knows_the_key(self):
        self.refused("UnrecognizedClientException", self.client(key="AKIAIOSFODNN7EXAMPLE"))

    def test_what_was_signed_can_t_be_changed(self):
        def body(request, **_):
            request.body = b'{"maxResults":1}'
        self.refused("InvalidSignatureException", self.client(), body)

        def target(request, **_):
            request.headers["X-Amz-Target"] = "AWSStepFunctions.ListActivities"
        self.refused("InvalidSignatureException", self.client(), target)

        def date(request, **_):
            request.headers["X-Amz-Date"] = "20200101T000000Z"
        self.refused("InvalidSignatureException", self.client(), date)

        def none(request, **_):
            del request.headers["Authorization"]
        self.refused("MissingAuthenticationTokenException", self.client(), none)

    def test_roles_and_owners_hold_here_too(self):
        ours = self.client().create_state_machine(name="ours", definition=PASS, roleArn=ROLE)["stateMachineArn"]
        reader = self.rest("POST", "/api/keys", {"name": "r", "role": "read", "access_key": True})
        client = self.client(reader["access_key"]["access_key_id"], reader["access_key"]["secret_access_key"])
        client.describe_state_machine(stateMachineArn=ours)
        with self.assertRaises(ClientError) as caught:
            client.start_execution(stateMachineArn=ours)
        self.assertEqual(caught.exception.response["Error"]["Code"], "AccessDeniedException")
        bob = self.rest("POST", "/api/keys", {"name": "b", "role": "admin", "owner": "bob", "access_key": True})
        client = self.client(bob["access_key"]["access_key_id"], bob["access_key"]["secret_access_key"])
        self.assertEqual(client.list_state_machines()["stateMachines"], [])
        told = []
        for arn in (ours, ours + "-not"):
            with self.assertRaises(ClientError) as caught:
                client.describe_state_machine(stateMachineArn=arn)
            told.append(caught.exception.response["Error"]["Message"].replace(arn, ""))
        self.assertEqual(told[0], told[1])
        theirs = client.create_state_machine(name="ours", definition=PASS, roleArn=ROLE)["stateMachineArn"]
        self.assertNotEqual(theirs, ours)
        self.rest("DELETE", f"/api/keys/{bob['id']}")
        self.refused("UnrecognizedClientException", client)


if __name__ == "__main__":
    unittest.main(verbosity=1)
