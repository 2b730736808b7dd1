"""HTTP as the service sees it: requests, responses and problem+json errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True)
class Request:
    """A request after the transport has been taken off."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def json(self) -> Any:
        """The body as JSON, or an HttpError 400."""
        if not self.body.strip():
            raise HttpError(HTTPStatus.BAD_REQUEST, "The request needs a JSON body.")
        try:
            return json.loads(self.body, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            detail = f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
            raise HttpError(HTTPStatus.BAD_REQUEST, detail) from error
        except (ValueError, RecursionError) as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, "The body is not valid JSON.") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True)
class Response:
    """A response whose body is JSON; no body when `body` is None."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def text(self) -> str:
        """The body as it is sent."""
        if self.body is None:
            return ""
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":"))

    def all_headers(self) -> dict[str, str]:
        """The headers, with the content type when there is a body."""
        headers = dict(self.headers)
        if self.body is not None:
            headers["content-type"] = self.content_type
        return headers


@dataclass(frozen=True)
class Problem:
    """What is wrong with one member of a body; `pointer` is a JSON pointer."""

    pointer: str
    message: str


class HttpError(Exception):
    """Ends a request with an error that the caller may read."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        problems: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.problems = tuple(problems)
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The error as RFC 9457 problem details."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }
        if self.problems:
            body["errors"] = [
                {"pointer": problem.pointer, "detail": problem.message} for problem in self.problems
            ]
        return Response(int(self.status), body, self.headers, "application/problem+json")
