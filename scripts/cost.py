#!/usr/bin/env python3
"""What a stack costs a month: idle, and with so many projects a day. Prints the table of docs/how-to/deploy.md.

    cost.py                  print the table
    cost.py --check FILE     fail unless the file has it
    cost.py --write FILE     put it into the file, in place of the one that is there

Requests are those that tests/aws/count_requests.py counted at the deployed functions (scripts/project-requests.json), a
notification's those that shared/simulation/tests/notification_requests.rs counts (scripts/notification-requests.json); alarms,
queues and functions are counted in template.yaml. Everything else is below, named.
"""

import json
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions  # noqa: E402
from samcli.yamlhelper import yaml_parse  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
DAYS = 30
PER_DAY = [1, 100, 10_000]

# List prices of us-east-1 in US dollars, without any free tier: aws.amazon.com/<service>/pricing.
WRITE_UNIT, READ_UNIT = 0.625e-6, 0.125e-6
TABLE_GB, TABLE_BACKUP_GB = 0.25, 0.20
SQS_REQUEST = 0.40e-6
LAMBDA_REQUEST, LAMBDA_GB_SECOND = 0.20e-6, 0.000_013_333_4
S3_PUT, S3_GET, S3_GB = 5e-6, 0.4e-6, 0.023
SCHEDULE = 1e-6
API_REQUEST = 1e-6
LOG_GB, ALARM, DASHBOARD, METRIC = 0.50, 0.10, 3.00, 0.30
# What leaves for the internet.
EGRESS_GB = 0.09
# Of a model like Claude Sonnet: a token that it reads, one that it writes.
TOKEN_IN, TOKEN_OUT = 3e-6, 15e-6

# Lambda asks each queue all the time: five pollers, each waiting 20 s for an answer.
POLLS_A_MONTH = 5 * 3 * 60 * 24 * DAYS
# The sweep: an invocation every five minutes, 0.1 s long, that reads the index of what is due.
SWEEPS, SWEEP_SECONDS, SWEEP_READS = 12 * 24 * DAYS, 0.1, 10
# GB and seconds that a message takes without a model, by queue; the sizes are the template's.
WORK = {"engine": (0.5, 0.05), "pm": (1.0, 0.5), "dev": (2.0, 0.5), "qa": (1.0, 3.0), "ops": (0.5, 1.0)}
# Somebody looks at a project so often, each time 0.05 s of the api function with 512 MB and three read units. Five in a minute are
# one write of the caller's count, and not all come in fives.
LOOKS, LOOK_GB_SECONDS, LOOK_READS, LOOK_WRITES = 100, 0.5 * 0.05, 3, 0.25
# The stream of the table wakes the websocket function for a batch a second, 0.05 s long with 256 MB, also where nobody watches. That
# it looks for who does is among the requests that were counted.
LIVE_BATCHES, LIVE_GB_SECONDS = 20, 0.25 * 0.05
# The notifier takes 0.03 s with 256 MB for a batch of changes. It is woken at most once for each look that was counted, and
# twice more for changes that are no event.
HEARD_BESIDE, HEARD_GB_SECONDS = 2, 0.25 * 0.03
# A delivery waits so long for its endpoint's answer, alone in its invocation.
TELL_GB_SECONDS = 0.25 * 0.3
LOG_BYTES = 100_000
# The names of metrics, with their results and directions, that the functions log.
METRICS = 13
# Calls of a model for a project in words, their tokens, and how long a function waits for each.
CALLS, TOKENS_IN, TOKENS_OUT, WAIT_SECONDS, WAIT_GB = 10, 12_000, 3_000, 60, 2.0
# Kept for a year. An item's bytes are its write units at the most, once each.
KEPT_DAYS = 365


def resources():
    """The types of the template's resources, loops expanded."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    values = {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}
    whole = expand_language_extensions(template, values, enabled=True).expanded_template["Resources"]
    # A canary's alarms are there while there are canaries.
    return [each["Type"] for each in whole.values() if each.get("Condition") not in {"DeploysGradually", "LimitsModelSpend"}]


def idle():
    """US dollars a month, by what for."""
    kinds = resources()
    queues = sum(1 for kind in kinds if kind == "AWS::SQS::Queue") // 2
    alarms = kinds.count("AWS::CloudWatch::Alarm")
    return {
        f"{alarms} alarms": alarms * ALARM,
        "the dashboard": DASHBOARD,
        f"polls of {queues} queues": queues * POLLS_A_MONTH * SQS_REQUEST,
        "the sweep": SWEEPS
        * (LAMBDA_REQUEST + SWEEP_SECONDS * 0.5 * LAMBDA_GB_SECOND + SWEEP_READS * READ_UNIT + SCHEDULE),
    }


def project():
    """US dollars for one project from a template, by service, and GB that it leaves in the table and the bucket."""
    counted = json.loads((ROOT / "scripts/project-requests.json").read_text())
    asked, messages = counted["requests"], counted["messages"]
    written = asked["dynamodb write units"] + asked["dynamodb index write units"]
    heard = asked["looks of notifier"] + HEARD_BESIDE
    worked = sum(number * WORK[queue][0] * WORK[queue][1] for queue, number in messages.items())
    handled = sum(messages.values())
    dollars = {
        "DynamoDB": (written + LOOKS * LOOK_WRITES) * WRITE_UNIT
        + (asked["dynamodb read units"] + LOOKS * LOOK_READS) * READ_UNIT,
        "SQS": (asked["sqs requests"] + 2 * handled) * SQS_REQUEST,
        "Lambda": (handled + LOOKS + LIVE_BATCHES + heard) * LAMBDA_REQUEST
        + (worked + LOOKS * LOOK_GB_SECONDS + LIVE_BATCHES * LIVE_GB_SECONDS + heard * HEARD_GB_SECONDS) * LAMBDA_GB_SECOND,
        "S3": asked["s3 put requests"] * S3_PUT + asked["s3 get requests"] * S3_GET,
        "API Gateway, timers, logs": LOOKS * API_REQUEST + asked["scheduler schedules"] * SCHEDULE + LOG_BYTES / 1e9 * LOG_GB,
    }
    return dollars, written * 1024 / 1e9, asked["s3 stored bytes"] / 1e9


def notification():
    """US dollars for a notification that its endpoint takes at once, beside the look for who wants it, and how many a subscription to
    everything gets of a project."""
    counted = json.loads((ROOT / "scripts/notification-requests.json").read_text())
    made, told, units = counted["publish"], counted["deliver"], counted["record_units"]
    # Made: the record in the table, among those of its status and among those that are due. Delivered: it changes, moves to
    # another status (which removes one and puts one) and is due no more.
    written = units * (made["writes"] * 3 + told["writes"] * 4)
    messages = made["messages"] + told["messages"]
    dollars = (
        written * WRITE_UNIT
        + told["reads"] * READ_UNIT
        # Sent, received, deleted.
        + messages * 3 * SQS_REQUEST
        + messages * (LAMBDA_REQUEST + TELL_GB_SECONDS * LAMBDA_GB_SECOND)
        + units * 1024 / 1e9 * EGRESS_GB
    )
    return dollars, json.loads((ROOT / "scripts/project-requests.json").read_text())["notifications"]


def model():
    """US dollars that a model adds to one project: its tokens, and the functions that wait."""
    return CALLS * (TOKENS_IN * TOKEN_IN + TOKENS_OUT * TOKEN_OUT), CALLS * WAIT_SECONDS * WAIT_GB * LAMBDA_GB_SECOND


def money(dollars):
    return f"{dollars:,.2f}" if dollars < 1000 else f"{dollars:,.0f}"


def table():
    still, (each, table_gb, bucket_gb), (tokens, waiting) = idle(), project(), model()
    days = [0, *PER_DAY]
    rows = [("", ["idle"] + [f"{number:,} a day" for number in PER_DAY])]
    for what, dollars in still.items():
        rows.append((what, [money(dollars)] * len(days)))
    rows.append((f"{METRICS} metrics", ["0.00"] + [money(METRICS * METRIC)] * len(PER_DAY)))
    for what, dollars in each.items():
        rows.append((what, [money(dollars * number * DAYS) for number in days]))
    kept = table_gb * (TABLE_GB + TABLE_BACKUP_GB) + bucket_gb * S3_GB
    rows.append(("what a year of projects keeps", [money(kept * number * KEPT_DAYS) for number in days]))
    whole = [
        sum(still.values()) + (METRICS * METRIC if number else 0) + (sum(each.values()) * DAYS + kept * KEPT_DAYS) * number
        for number in days
    ]
    rows.append(("**together, from templates**", [f"**{money(dollars)}**" for dollars in whole]))
    rows.append(("functions that wait for a model", [money(waiting * number * DAYS) for number in days]))
    rows.append(("the model's tokens", [money(tokens * number * DAYS) for number in days]))
    both = [dollars + (tokens + waiting) * number * DAYS for dollars, number in zip(whole, days)]
    rows.append(("**together, in words**", [f"**{money(dollars)}**" for dollars in both]))
    told, number_told = notification()
    what = f"one subscription to everything, {number_told} notifications a project"
    rows.append((what, [money(told * number_told * number * DAYS) for number in days]))
    lines = [f"| {what} | {' | '.join(values)} |" for what, values in rows]
    lines.insert(1, "| --- |" + " ---: |" * len(days))
    return "\n".join(lines) + "\n"


def main():
    made = table()
    if len(sys.argv) == 1:
        print(made, end="")
        return
    if len(sys.argv) != 3 or sys.argv[1] not in {"--check", "--write"}:
        sys.exit(__doc__)
    page = Path(sys.argv[2])
    text = page.read_text()
    found = re.search(r"^\|  \| idle \|.*?(?=^$)", text, re.M | re.S)
    if not found:
        sys.exit(f"{page} has no table of costs")
    if sys.argv[1] == "--write":
        page.write_text(text[: found.start()] + made + text[found.end() :])
    elif found[0] != made:
        sys.exit(f"what it costs has changed: scripts/cost.py --write {page}, which now begins\n{made[:600]}")


if __name__ == "__main__":
    main()
