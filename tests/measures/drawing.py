"""Drawing cases as a run does, outside of pytest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

#: As the suite's own profile in `tests/judge/run/options.py`, without a database.
PLAIN = settings(
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def for_each(strategy: SearchStrategy[Any], count: int, visit: Callable[[Any], None], first_seed: int = 0) -> None:
    """Call `visit` on `count` values, drawn a hundred a seed as the shards of a run are."""
    for number in range(0, count, 100):

        @seed(first_seed * 1_000_003 + number)
        @settings(PLAIN, max_examples=min(100, count - number))
        @given(strategy)
        def body(value: Any) -> None:
            visit(value)

        body()
