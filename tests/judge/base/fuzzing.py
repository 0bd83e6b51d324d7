"""HypoFuzz (`hypothesis fuzz`) on the properties: it has its own stream of cases, and stops by itself."""

from __future__ import annotations

import sys


def fuzzing() -> bool:
    """Return whether HypoFuzz collects the properties, or runs them. HypoFuzz is not imported for that."""
    detection = sys.modules.get("hypofuzz.detection")
    return detection is not None and bool(detection.in_hypofuzz_run())
