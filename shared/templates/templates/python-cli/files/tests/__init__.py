"""Tests; run them from the project's root with `python3 -m unittest discover -s tests -t .`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
