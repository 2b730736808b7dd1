"""Runs the tool with `python3 -m`."""

from .cli import entry

if __name__ == "__main__":
    entry()
