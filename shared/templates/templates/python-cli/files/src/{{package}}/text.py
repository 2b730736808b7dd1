"""Text in and results out: what every command works with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO


class InputError(Exception):
    """Input that cannot be read or understood."""


class UsageError(Exception):
    """Arguments that the parser takes but the command cannot use."""


@dataclass(frozen=True)
class Result:
    """What a command found: lines for people, data for programs."""

    lines: Sequence[str]
    data: Any
    found: bool = True


@dataclass(frozen=True)
class Line:
    """A line without its end, and where it stands."""

    source: str
    number: int
    text: str


def read_lines(names: Sequence[str], stdin: BinaryIO) -> Iterator[Line]:
    """The lines of the named files, one after the other; "-" and no names at all mean standard input."""
    for name in names or ["-"]:
        source = "standard input" if name == "-" else name
        try:
            content = stdin.read() if name == "-" else Path(name).read_bytes()
            text = content.decode("utf-8-sig")
        except OSError as error:
            raise InputError(f"{source}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{source}: byte {error.start} is not UTF-8") from error
        lines = text.replace("\r\n", "\n").split("\n")
        if lines[-1] == "":
            lines.pop()
        for number, line in enumerate(lines, start=1):
            yield Line(source, number, line)
