"""Records in memory, for tests and for the local server."""

from __future__ import annotations

import copy
import threading
from typing import Any

from . import ConflictError, Page, Record


class MemoryRepository:
    """Keeps records until the process ends. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._collections: dict[str, dict[str, dict[str, Any]]] = {}

    def get(self, collection: str, record_id: str) -> Record | None:
        with self._lock:
            return copy.deepcopy(self._collections.get(collection, {}).get(record_id))

    def list(self, collection: str, limit: int, after: str | None = None) -> Page:
        with self._lock:
            records = self._collections.get(collection, {})
            ids = sorted(key for key in records if after is None or key > after)
            chosen = ids[:limit]
            more = len(ids) > len(chosen)
            return Page(
                [copy.deepcopy(records[key]) for key in chosen], chosen[-1] if more else None
            )

    def add(self, collection: str, record: Record) -> None:
        with self._lock:
            records = self._collections.setdefault(collection, {})
            if record["id"] in records:
                raise ConflictError(record["id"])
            records[record["id"]] = copy.deepcopy(dict(record))

    def replace(self, collection: str, record: Record, expected_version: int) -> None:
        with self._lock:
            records = self._collections.get(collection, {})
            stored = records.get(record["id"])
            if stored is None or stored["version"] != expected_version:
                raise ConflictError(record["id"])
            records[record["id"]] = copy.deepcopy(dict(record))

    def delete(self, collection: str, record_id: str) -> bool:
        with self._lock:
            return self._collections.get(collection, {}).pop(record_id, None) is not None
