"""Records in one DynamoDB table: the partition key `pk` is the collection, the sort key `sk` the id."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from . import ConflictError, Page, Record


class DynamoRepository:
    """Keeps records in a table. Without a table object, boto3 is imported and asked for the table."""

    def __init__(self, table_name: str, table: Any = None) -> None:
        if table is None:
            import boto3

            table = boto3.resource("dynamodb").Table(table_name)
        self._table = table

    def get(self, collection: str, record_id: str) -> Record | None:
        answer = self._table.get_item(Key=_key(collection, record_id), ConsistentRead=True)
        return _record(answer["Item"]) if "Item" in answer else None

    def list(self, collection: str, limit: int, after: str | None = None) -> Page:
        condition = "#pk = :pk"
        names = {"#pk": "pk"}
        values = {":pk": collection}
        if after is not None:
            condition += " AND #sk > :after"
            names["#sk"] = "sk"
            values[":after"] = after
        answer = self._table.query(
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            Limit=limit,
        )
        last = answer.get("LastEvaluatedKey")
        return Page([_record(item) for item in answer["Items"]], last["sk"] if last else None)

    def add(self, collection: str, record: Record) -> None:
        self._put(
            collection,
            record,
            ConditionExpression="attribute_not_exists(#pk)",
            ExpressionAttributeNames={"#pk": "pk"},
        )

    def replace(self, collection: str, record: Record, expected_version: int) -> None:
        self._put(
            collection,
            record,
            ConditionExpression="#version = :expected",
            ExpressionAttributeNames={"#version": "version"},
            ExpressionAttributeValues={":expected": expected_version},
        )

    def delete(self, collection: str, record_id: str) -> bool:
        answer = self._table.delete_item(Key=_key(collection, record_id), ReturnValues="ALL_OLD")
        return "Attributes" in answer

    def _put(self, collection: str, record: Record, **condition: Any) -> None:
        item = {name: _stored(value) for name, value in record.items()}
        try:
            self._table.put_item(Item=item | _key(collection, record["id"]), **condition)
        except Exception as error:
            # botocore's ClientError, which is not imported here.
            response = getattr(error, "response", None) or {}
            if response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                raise ConflictError(record["id"]) from error
            raise


def _key(collection: str, record_id: str) -> dict[str, str]:
    return {"pk": collection, "sk": record_id}


def _stored(value: Any) -> Any:
    # boto3 takes Decimal for numbers and refuses float.
    return Decimal(repr(value)) if isinstance(value, float) else value


def _record(item: dict[str, Any]) -> Record:
    return {name: _read(value) for name, value in item.items() if name not in ("pk", "sk")}


def _read(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
