"""Routes and use cases: what each request does to the records."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

from .fields import Entity
from .storage import ConflictError, Record, Repository
from .web import HttpError, Request, Response

DEFAULT_LIMIT = 20
MAX_LIMIT = 100

_ID = re.compile(r"[0-9a-f]{32}")
_WRITTEN_BY_SERVICE = ("id", "version", "created_at", "updated_at")


def utc_now() -> str:
    """The present, as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id() -> str:
    """A new id: 12 hexadecimal digits of time, so that ids sort by creation, and 20 random ones."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


class Service:
    """Answers requests from a repository."""

    def __init__(
        self,
        repository: Repository,
        entities: Iterable[Entity],
        *,
        now: Callable[[], str] = utc_now,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._repository = repository
        self._entities = {entity.collection: entity for entity in entities}
        self._now = now
        self._new_id = new_id

    def handle(self, request: Request) -> Response:
        """The response to a request; errors that the caller may read become problem+json."""
        try:
            return self._route(request)
        except HttpError as error:
            return error.response()
        except ConflictError:
            detail = "The record was changed at the same time; read it and try again."
            return HttpError(HTTPStatus.CONFLICT, detail).response()

    def _route(self, request: Request) -> Response:
        handlers: dict[str, Callable[[], Response]]
        match [unquote(part) for part in request.path.strip("/").split("/")]:
            case ["health"]:
                handlers = {"GET": lambda: Response(HTTPStatus.OK, {"status": "ok"})}
            case [collection] if entity := self._entities.get(collection):
                handlers = {
                    "GET": partial(self._list, entity, request),
                    "POST": partial(self._create, entity, request),
                }
            case [collection, record_id] if entity := self._entities.get(collection):
                handlers = {
                    "GET": partial(self._read, entity, record_id),
                    "PUT": partial(self._replace, entity, record_id, request),
                    "PATCH": partial(self._change, entity, record_id, request),
                    "DELETE": partial(self._delete, entity, record_id),
                }
            case _:
                raise HttpError(HTTPStatus.NOT_FOUND, "There is nothing at this path.")
        handler = handlers.get(request.method)
        if handler is None:
            allowed = ", ".join(handlers)
            raise HttpError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"This path takes {allowed}.",
                headers={"allow": allowed},
            )
        return handler()

    def _list(self, entity: Entity, request: Request) -> Response:
        limit = _limit(request.query.get("limit"))
        page = self._repository.list(entity.collection, limit, _after(request.query.get("cursor")))
        cursor = None if page.after is None else _cursor(page.after)
        return Response(HTTPStatus.OK, {"items": list(page.records), "next_cursor": cursor})

    def _create(self, entity: Entity, request: Request) -> Response:
        values = entity.read(request.json())
        now = self._now()
        record = {
            "id": self._new_id(),
            "version": 1,
            "created_at": now,
            "updated_at": now,
            **values,
        }
        self._repository.add(entity.collection, record)
        location = f"/{entity.collection}/{quote(record['id'])}"
        return Response(HTTPStatus.CREATED, record, {"location": location})

    def _read(self, entity: Entity, record_id: str) -> Response:
        return Response(HTTPStatus.OK, self._find(entity, record_id))

    def _replace(self, entity: Entity, record_id: str, request: Request) -> Response:
        stored = self._find(entity, record_id)
        return self._store(entity, stored, entity.read(request.json()))

    def _change(self, entity: Entity, record_id: str, request: Request) -> Response:
        """JSON merge patch: members that are sent replace the stored ones, null removes."""
        stored = self._find(entity, record_id)
        patch = request.json()
        if not isinstance(patch, dict):
            raise HttpError(HTTPStatus.BAD_REQUEST, "A change must be a JSON object.")
        fields = {name: value for name, value in stored.items() if name not in _WRITTEN_BY_SERVICE}
        return self._store(entity, stored, entity.read(fields | patch))

    def _store(self, entity: Entity, stored: Record, values: dict[str, Any]) -> Response:
        record = {
            "id": stored["id"],
            "version": stored["version"] + 1,
            "created_at": stored["created_at"],
            "updated_at": self._now(),
            **values,
        }
        self._repository.replace(entity.collection, record, stored["version"])
        return Response(HTTPStatus.OK, record)

    def _delete(self, entity: Entity, record_id: str) -> Response:
        if not self._repository.delete(entity.collection, record_id):
            raise _not_found(entity)
        return Response(HTTPStatus.NO_CONTENT)

    def _find(self, entity: Entity, record_id: str) -> Record:
        record = self._repository.get(entity.collection, record_id) if record_id else None
        if record is None:
            raise _not_found(entity)
        return record


def _not_found(entity: Entity) -> HttpError:
    name = entity.name.replace("_", " ")
    return HttpError(HTTPStatus.NOT_FOUND, f"There is no {name} with this id.")


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if re.fullmatch(r"[0-9]{1,3}", text) and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise HttpError(HTTPStatus.BAD_REQUEST, f"limit must be a whole number from 1 to {MAX_LIMIT}.")


def _cursor(after: str) -> str:
    return base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")


def _after(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        after = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        after = ""
    if not _ID.fullmatch(after):
        detail = "cursor must be the next_cursor of an earlier page."
        raise HttpError(HTTPStatus.BAD_REQUEST, detail)
    return after
