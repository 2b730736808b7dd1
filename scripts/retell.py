#!/usr/bin/env python3
"""Has the notifier hear again of changes that it could not tell anybody of, and deletes the messages that named them.

    retell.py STACK             do it
    retell.py STACK --dry-run   say what the messages name, and whether the changes are still there

A message in STACK-changes-dlq names a part of the table's stream: a shard, a first and a last number. The changes themselves are
in the stream, for 24 hours. What subscribers were told of before, they are not told of again. A message whose changes are gone, or
that fails once more, stays; `aws sqs delete-message` or `purge-queue` removes it when nobody needs it any more.
"""

import base64
import json
import sys

import boto3

BATCH = 100
HIDDEN_SECONDS = 300


def plain(attribute):
    """An attribute as Lambda writes it: bytes in Base64."""
    (kind, value), *_ = attribute.items()
    if kind == "B":
        return {kind: base64.b64encode(value).decode()}
    if kind == "BS":
        return {kind: [base64.b64encode(each).decode() for each in value]}
    if kind == "M":
        return {kind: {name: plain(each) for name, each in value.items()}}
    if kind == "L":
        return {kind: [plain(each) for each in value]}
    return attribute


def event(record):
    """A record of the stream as Lambda hands it to a function."""
    change = dict(record["dynamodb"])
    change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
    for name in ["Keys", "NewImage", "OldImage"]:
        if name in change:
            change[name] = {key: plain(value) for key, value in change[name].items()}
    return {**record, "eventSource": "aws:dynamodb", "dynamodb": change}


def is_concerned(record):
    """Is it a change that the notifier asks for, by the pattern in template.yaml?"""
    partition, sort = (record["dynamodb"]["Keys"][name]["S"] for name in ("PK", "SK"))
    return sort == "METADATA" and partition.startswith(("PROJECT#", "EXECUTION#", "SCHEDULE#", "FUNCTION#"))


def records(streams, part):
    """The records of a part of the stream that concern the notifier."""
    iterator = streams.get_shard_iterator(
        StreamArn=part["streamArn"],
        ShardId=part["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=part["startSequenceNumber"],
    ).get("ShardIterator")
    found, last = [], int(part["endSequenceNumber"])
    while iterator:
        page = streams.get_records(ShardIterator=iterator)
        for record in page["Records"]:
            if int(record["dynamodb"]["SequenceNumber"]) > last:
                return found
            if is_concerned(record):
                found.append(record)
            if int(record["dynamodb"]["SequenceNumber"]) == last:
                return found
        iterator = page.get("NextShardIterator")
    return found


def tell(lambdas, stack, changes):
    """Has the notifier hear of changes; fails where it can't tell of them."""
    for begin in range(0, len(changes), BATCH):
        payload = json.dumps({"Records": [event(record) for record in changes[begin : begin + BATCH]]})
        answer = lambdas.invoke(FunctionName=f"{stack}-notifier", Qualifier="live", Payload=payload.encode())
        told = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer or (told or {}).get("batchItemFailures"):
            raise RuntimeError(f"the notifier could not do it: {told}; its log says why")


def main():
    arguments = [each for each in sys.argv[1:] if each != "--dry-run"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    stack, is_dry = arguments[0], "--dry-run" in sys.argv
    sqs, lambdas, streams = boto3.client("sqs"), boto3.client("lambda"), boto3.client("dynamodbstreams")
    queue = sqs.get_queue_url(QueueName=f"{stack}-changes-dlq")["QueueUrl"]
    failed, seen = 0, []
    while messages := sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=HIDDEN_SECONDS, WaitTimeSeconds=1
    ).get("Messages"):
        for message in messages:
            seen.append(message)
            try:
                part = json.loads(message["Body"])["DDBStreamBatchInfo"]
                changes = records(streams, part)
                named = f"{part['shardId']} {part['startSequenceNumber']} to {part['endSequenceNumber']}"
                if is_dry:
                    print(f"{named}: {len(changes)} changes are still in the stream")
                    continue
                tell(lambdas, stack, changes)
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                print(f"{named}: told again of {len(changes)} changes")
            except (KeyError, ValueError, RuntimeError, lambdas.exceptions.ClientError) as error:
                failed += 1
                print(f"message {message['MessageId']} stays: {error!r}", file=sys.stderr)
    if is_dry:
        for message in seen:
            sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    print(f"{len(seen)} messages, {failed} of them stay")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
