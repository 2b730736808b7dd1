"""Fields and entities: what a client may send, and how a bad value is reported."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

from .web import HttpError, Problem

# Greater integers lose digits in clients that read JSON numbers as doubles.
MAX_INTEGER = 2**53 - 1

_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


class Kind(Protocol):
    """A type of value."""

    def fault(self, value: object) -> str | None:
        """Why the value is not of this kind, or None when it is."""


@dataclass(frozen=True)
class Text:
    """A text; lengths are counted in characters."""

    min_length: int = 0
    max_length: int = 1000

    def fault(self, value: object) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        if not self.min_length <= len(value) <= self.max_length:
            return f"must have {self.min_length} to {self.max_length} characters"
        if any("\ud800" <= character <= "\udfff" for character in value):
            return "must not have unpaired surrogates"
        return None


@dataclass(frozen=True)
class Integer:
    """A whole number."""

    minimum: int = -MAX_INTEGER
    maximum: int = MAX_INTEGER

    def fault(self, value: object) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "must be an integer"
        if not self.minimum <= value <= self.maximum:
            return f"must be from {self.minimum} to {self.maximum}"
        return None


@dataclass(frozen=True)
class Number:
    """A number; None leaves a side open."""

    minimum: float | None = None
    maximum: float | None = None

    def fault(self, value: object) -> str | None:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return "must be a number"
        # DynamoDB stores 38 digits and magnitudes from 1e-130 to just under 1e126.
        largest = MAX_INTEGER if isinstance(value, int) else 1e125
        if abs(value) > largest or not math.isfinite(value) or 0 < abs(value) < 1e-125:
            return "must be a number of ordinary size"
        if self.minimum is not None and value < self.minimum:
            return f"must be at least {self.minimum}"
        if self.maximum is not None and value > self.maximum:
            return f"must be at most {self.maximum}"
        return None


@dataclass(frozen=True)
class Boolean:
    """true or false."""

    def fault(self, value: object) -> str | None:
        return None if isinstance(value, bool) else "must be true or false"


@dataclass(frozen=True)
class Timestamp:
    """A point in time: RFC 3339 with an offset."""

    def fault(self, value: object) -> str | None:
        message = "must be an RFC 3339 time with an offset, such as 2024-05-01T12:30:00Z"
        if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
            return message
        try:
            # Fractions may have more digits than datetime keeps.
            datetime.fromisoformat(re.sub(r"\.\d+", "", value).upper())
        except ValueError:
            return message
        return None


@dataclass(frozen=True)
class Choice:
    """One of a fixed set of texts."""

    values: tuple[str, ...]

    def fault(self, value: object) -> str | None:
        if isinstance(value, str) and value in self.values:
            return None
        return "must be one of " + ", ".join(self.values)


@dataclass(frozen=True)
class Field:
    """A member of a record that clients write."""

    name: str
    kind: Kind
    required: bool = False
    description: str = ""


@dataclass(frozen=True)
class Entity:
    """A kind of record and its collection."""

    name: str
    collection: str
    fields: Sequence[Field]
    description: str = ""

    def read(self, body: Any) -> dict[str, Any]:
        """The fields of a body, without nulls; HttpError 422 with every problem when it does not fit."""
        if not isinstance(body, dict):
            raise _invalid([Problem("", "must be an object")])
        known = {field.name for field in self.fields}
        problems = [
            Problem("/" + name.replace("~", "~0").replace("/", "~1"), "is not a known field")
            for name in body
            if name not in known
        ]
        values: dict[str, Any] = {}
        for field in self.fields:
            value = body.get(field.name)
            if value is None:
                if field.required:
                    problems.append(Problem(f"/{field.name}", "is required"))
                continue
            fault = field.kind.fault(value)
            if fault is None:
                values[field.name] = value
            else:
                problems.append(Problem(f"/{field.name}", fault))
        if problems:
            raise _invalid(problems)
        return values


def _invalid(problems: Sequence[Problem]) -> HttpError:
    return HttpError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The body does not fit the entity.", problems=problems
    )
