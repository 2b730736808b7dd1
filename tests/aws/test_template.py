"""What `template.yaml` promises as a whole, seen as CloudFormation gets it: loops and SAM's resources expanded.

    .venv/bin/python tests/aws/test_template.py

Needs no AWS and nothing that is built.
"""

import json
import logging
import os
import re
import unittest
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions  # noqa: E402
from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

# SAM's translator tells what it does, and of metrics that it doesn't send.
logging.disable(logging.WARNING)

ROOT = Path(__file__).resolve().parents[2]
ALIAS = "live"
# Its reservation throttles it on purpose.
THROTTLED_ON_PURPOSE = {"OpsAgentFunction"}
# CloudFormation's quotas.
RESOURCES_AT_MOST, PARAMETERS_AT_MOST, OUTPUTS_AT_MOST = 500, 200, 200
# CloudWatch's quota for the query of a search expression, and a long name of a stack.
SEARCH_AT_MOST, LONG_STACK_NAME = 1024, "millrace-production-eu"


class NoPolicies:
    """No managed policy is named by its short name."""

    def load(self):
        return {}


def template():
    """`template.yaml` as it is written, without the tags' meaning."""
    return yaml_parse((ROOT / "template.yaml").read_text())


def expanded(**parameters):
    """The template as CloudFormation's transforms leave it."""
    written = template()
    values = {
        name: str(parameters.get(name, definition.get("Default", "")))
        for name, definition in written["Parameters"].items()
    }
    pseudo = {"AWS::StackName": "millrace-test", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"}
    plain = expand_language_extensions(written, {**pseudo, **values}, enabled=True).expanded_template
    for name, resource in plain["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://bucket/{name}"
    return transform(plain, values, NoPolicies())


def of_type(stack, kind):
    return {name: resource for name, resource in stack["Resources"].items() if resource["Type"] == kind}


def mentions(value):
    """The logical ids that a value names, by Ref, Fn::GetAtt and Fn::Sub."""
    if isinstance(value, list):
        return set().union(set(), *map(mentions, value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        if key == "Ref":
            found.add(inner)
        elif key == "Fn::GetAtt":
            found.add(inner.split(".")[0] if isinstance(inner, str) else inner[0])
        elif key == "Fn::Sub":
            text, names = (inner, {}) if isinstance(inner, str) else inner
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)} - set(names)
            found |= mentions(names)
        else:
            found |= mentions(inner)
    return found


class Template(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.at_once = expanded()
        cls.gradual = expanded(DeploymentType="Canary10Percent5Minutes")
        cls.functions = set(of_type(cls.at_once, "AWS::Lambda::Function"))

    def test_it_stays_within_cloudformations_quotas(self):
        self.assertLess(len(self.gradual["Resources"]), RESOURCES_AT_MOST)
        self.assertLess(len(self.gradual["Parameters"]), PARAMETERS_AT_MOST)
        self.assertLess(len(self.gradual["Outputs"]), OUTPUTS_AT_MOST)

    def test_each_function_is_called_by_its_alias(self):
        """By its name, callers would get what is not published yet, and no deployment would be gradual."""
        aliases = {f"{function}Alias{ALIAS}" for function in self.functions}
        self.assertEqual(set(of_type(self.at_once, "AWS::Lambda::Alias")), aliases)
        callers = {
            "AWS::Lambda::EventSourceMapping": lambda properties: properties["FunctionName"],
            "AWS::Lambda::Permission": lambda properties: properties["FunctionName"],
            "AWS::ApiGatewayV2::Integration": lambda properties: properties.get("IntegrationUri"),
            "AWS::ApiGatewayV2::Authorizer": lambda properties: properties.get("AuthorizerUri"),
            "AWS::Scheduler::Schedule": lambda properties: properties["Target"]["Arn"],
            "AWS::Events::Rule": lambda properties: [target["Arn"] for target in properties["Targets"]],
        }
        seen = 0
        for kind, target in callers.items():
            for name, resource in of_type(self.at_once, kind).items():
                called = mentions(target(resource["Properties"])) & (self.functions | aliases)
                self.assertLessEqual(called, aliases, f"{name}: name {'.Alias, '.join(called)}.Alias")
                seen += len(called)
        self.assertGreater(seen, len(self.functions))

    def test_a_role_that_invokes_a_function_may_invoke_the_alias(self):
        for name, resource in self.at_once["Resources"].items():
            if not resource["Type"].startswith("AWS::IAM::"):
                continue
            policies = [policy["PolicyDocument"] for policy in resource["Properties"].get("Policies", [])]
            policies.append(resource["Properties"].get("PolicyDocument", {"Statement": []}))
            for statement in [statement for policy in policies for statement in policy["Statement"]]:
                if "lambda:InvokeFunction" in json.dumps(statement["Action"]):
                    named = mentions(statement.get("Resource")) & self.functions
                    self.assertEqual(named, set(), f"{name}: name the alias of {named}")

    def test_a_new_version_is_published_with_each_change_of_configuration(self):
        written = template()["Globals"]["Function"]
        self.assertIs(written["AutoPublishAliasAllProperties"], True)
        # What scripts/deploy.py changes.
        self.assertEqual(written["Environment"]["Variables"]["REVISION"], "none")
        versions = of_type(self.at_once, "AWS::Lambda::Version")
        self.assertEqual(len(versions), len(self.functions))

    def test_at_once_needs_no_codedeploy(self):
        kinds = {resource["Type"] for resource in self.at_once["Resources"].values()}
        self.assertEqual({kind for kind in kinds if "CodeDeploy" in kind}, set())
        for alias in of_type(self.at_once, "AWS::Lambda::Alias").values():
            self.assertNotIn("UpdatePolicy", alias)

    def test_a_gradual_deployment_goes_back_when_the_new_version_fails(self):
        groups = of_type(self.gradual, "AWS::CodeDeploy::DeploymentGroup")
        self.assertEqual(set(groups), {f"{function}DeploymentGroup" for function in self.functions})
        alarms = of_type(self.gradual, "AWS::CloudWatch::Alarm")
        for function in self.functions:
            group = groups[f"{function}DeploymentGroup"]["Properties"]
            self.assertIn("Canary10Percent5Minutes", json.dumps(group["DeploymentConfigName"]))
            self.assertTrue(group["AutoRollbackConfiguration"]["Enabled"])
            watched = mentions(group["AlarmConfiguration"]) & set(alarms)
            self.assertEqual(watched, {f"{function.removesuffix('Function')}RolloutAlarm"})
            alarm = alarms[watched.pop()]["Properties"]
            dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
            self.assertEqual(set(dimensions), {"FunctionName", "Resource", "ExecutedVersion"})
            [version] = mentions(dimensions["ExecutedVersion"])
            self.assertEqual(self.gradual["Resources"][version]["Properties"]["FunctionName"], {"Ref": function})
            # A canary's first part takes five minutes at the least.
            self.assertLessEqual(alarm["Period"] * alarm["EvaluationPeriods"], 120)
            alias = self.gradual["Resources"][f"{function}Alias{ALIAS}"]
            self.assertIn("CodeDeployLambdaAliasUpdate", alias["UpdatePolicy"])

    def alarms(self, metric):
        """Alarms on a metric: what they watch, by their dimensions."""
        watched = set()
        for alarm in of_type(self.at_once, "AWS::CloudWatch::Alarm").values():
            properties = alarm["Properties"]
            if properties["MetricName"] == metric and len(properties["Dimensions"]) == 1:
                watched |= mentions(properties["Dimensions"])
        return watched

    def test_every_queue_and_function_has_its_alarms(self):
        queues = of_type(self.at_once, "AWS::SQS::Queue")
        dead = {
            name
            for queue in queues.values()
            for name in mentions(queue["Properties"].get("RedrivePolicy", {}).get("deadLetterTargetArn", {}))
        }
        # Some dead letters are not of a queue, but of a schedule or a rule.
        dead |= {name for name in queues if name.endswith("Dlq")}
        self.assertEqual(self.alarms("ApproximateNumberOfMessagesVisible"), dead)
        self.assertEqual(self.alarms("ApproximateAgeOfOldestMessage"), set(queues) - dead)
        self.assertEqual(self.alarms("Errors"), self.functions)
        self.assertEqual(self.alarms("Throttles"), self.functions - THROTTLED_ON_PURPOSE)
        indexes = {
            index["IndexName"]
            for table in of_type(self.at_once, "AWS::DynamoDB::Table").values()
            for index in table["Properties"].get("GlobalSecondaryIndexes", [])
        }
        alarms = json.dumps(of_type(self.at_once, "AWS::CloudWatch::Alarm"))
        for index in indexes:
            self.assertIn(index, alarms)

    def test_every_alarm_is_told_to_all_who_listen(self):
        theirs = "arn:aws:sns:us-east-1:123456789012:theirs"
        stack = expanded(DeploymentType="Linear10PercentEvery1Minute", AlarmTopicArn=theirs, AlarmEmail="a@b.example")
        for name, alarm in of_type(stack, "AWS::CloudWatch::Alarm").items():
            self.assertEqual(alarm["Properties"]["AlarmActions"], [theirs, {"Ref": "AlarmTopic"}], name)
            self.assertEqual(alarm["Properties"]["TreatMissingData"], "notBreaching", name)
            self.assertTrue(alarm["Properties"]["AlarmDescription"], name)

    def test_the_dashboard_shows_every_queue_and_function(self):
        body = template()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
        queues = set(of_type(self.at_once, "AWS::SQS::Queue"))
        groups = {name for name in of_type(self.at_once, "AWS::Logs::LogGroup") if name != "HttpApiLogs"}
        self.assertLessEqual(queues | self.functions | groups, mentions(body))

        text, variables = body["Fn::Sub"]
        names = {name: LONG_STACK_NAME + "-x" for name in queues | self.functions | groups}
        names |= {"AWS::StackName": LONG_STACK_NAME, "AWS::Region": "eu-west-1", "Table": "table", "HttpApi": "api"}

        def filled(text, values):
            return re.sub(r"\$\{([^}]+)\}", lambda match: values[match[1].split(".")[0]], text)

        def resolved(value):
            return value if isinstance(value, str) else filled(value["Fn::Sub"], names)

        widgets = json.loads(filled(text, names | {name: resolved(value) for name, value in variables.items()}))
        places = set()
        for widget in widgets["widgets"]:
            properties = widget["properties"]
            self.assertTrue(properties["title"])
            self.assertLessEqual(widget["x"] + widget["width"], 24)
            places.add((widget["x"], widget["y"]))
            for metric in properties.get("metrics", []):
                if isinstance(metric[0], dict):
                    search = re.fullmatch(r"SEARCH\('(.*)', '\w+', \d+\)", metric[0]["expression"])
                    self.assertLessEqual(len(search[1]), SEARCH_AT_MOST, properties["title"])
        self.assertEqual(len(places), len(widgets["widgets"]), "no two widgets in one place")

    def test_every_function_may_be_traced(self):
        policy = expanded(Tracing="Active")["Resources"]["TracesPolicy"]
        self.assertEqual(policy["Condition"], "IsTraced")
        roles = {role["Ref"] for role in policy["Properties"]["Roles"]}
        for function in of_type(self.at_once, "AWS::Lambda::Function").values():
            self.assertIn(function["Properties"]["Role"]["Fn::GetAtt"][0], roles)
            self.assertEqual(function["Properties"]["TracingConfig"], {"Mode": {"Ref": "Tracing"}})

    def test_what_is_stored_outlives_the_stack_and_can_be_restored(self):
        for table in of_type(self.at_once, "AWS::DynamoDB::Table").values():
            self.assertEqual(table["DeletionPolicy"], "Retain")
            self.assertIs(table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], True)
        bucket = self.at_once["Resources"]["Bucket"]
        self.assertEqual(bucket["DeletionPolicy"], "Retain")
        self.assertEqual(bucket["Properties"]["VersioningConfiguration"], {"Status": "Enabled"})


if __name__ == "__main__":
    unittest.main(verbosity=1)
