"""Where records are kept: the interface, and the implementations in the modules beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Record = Mapping[str, Any]


class ConflictError(Exception):
    """The record is not in the state that the write expects."""


@dataclass(frozen=True)
class Page:
    """Some records in the order of their ids; `after` continues the list, None at its end."""

    records: Sequence[Record]
    after: str | None


class Repository(Protocol):
    """Records by collection and id. Every record has the members `id` and `version`."""

    def get(self, collection: str, record_id: str) -> Record | None:
        """The record, or None."""

    def list(self, collection: str, limit: int, after: str | None = None) -> Page:
        """Up to `limit` records whose ids are greater than `after`."""

    def add(self, collection: str, record: Record) -> None:
        """Stores a new record; ConflictError when its id is taken."""

    def replace(self, collection: str, record: Record, expected_version: int) -> None:
        """Stores a new version; ConflictError unless the stored one has `expected_version`."""

    def delete(self, collection: str, record_id: str) -> bool:
        """Removes the record; False when there is none."""
