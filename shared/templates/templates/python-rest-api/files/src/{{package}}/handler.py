"""The Lambda function: API Gateway HTTP API events (payload 2.0) in, responses out."""

from __future__ import annotations

import base64
import functools
import logging
import os
from http import HTTPStatus
from typing import Any

from .entities import ENTITIES
from .service import Service
from .storage.dynamodb import DynamoRepository
from .web import HttpError, Request, Response

logger = logging.getLogger(__name__)


@functools.cache
def default_service() -> Service:
    """The service over the table that TABLE_NAME names; made once per process."""
    return Service(DynamoRepository(os.environ["TABLE_NAME"]), ENTITIES)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The entry point that template.yaml names."""
    return respond(event, context)


def respond(event: dict[str, Any], context: Any, service: Service | None = None) -> dict[str, Any]:
    """The response to an event; an unexpected error is logged and becomes a plain 500."""
    try:
        request = _request(event)
        response = (service or default_service()).handle(request)
    except HttpError as error:
        response = error.response()
    except Exception:
        request_id = getattr(context, "aws_request_id", "unknown")
        logger.exception("request %s failed", request_id)
        detail = f"Something went wrong; the log has it under request {request_id}."
        response = HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, detail).response()
    return _answer(response)


def _request(event: dict[str, Any]) -> Request:
    http = event["requestContext"]["http"]
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(body).decode("utf-8")
        except ValueError as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, "The body is not UTF-8 text.") from error
    return Request(
        method=http["method"].upper(),
        path=event["rawPath"],
        query=event.get("queryStringParameters") or {},
        body=body,
    )


def _answer(response: Response) -> dict[str, Any]:
    return {
        "statusCode": int(response.status),
        "headers": response.all_headers(),
        "body": response.text(),
    }
