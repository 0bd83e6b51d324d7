"""Where the suite lies: in a checkout, or among what is installed."""

from __future__ import annotations

from pathlib import Path

#: The folder of the properties, and what holds it: a checkout, or the installed package.
TESTS = Path(__file__).parent.parent.parent
ROOT = TESTS.parent
