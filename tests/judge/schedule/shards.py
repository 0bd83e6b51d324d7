"""One property cut into shards: each a stream of cases that the seed of the run and its number alone decide."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from hypothesis import Phase, seed, settings

from rnn_parity.tests.judge.base.fuzzing import fuzzing
from rnn_parity.tests.judge.demands.property import Property
from rnn_parity.tests.judge.schedule import database
from rnn_parity.tests.judge.trial.budget import Budget, needed
from rnn_parity.tests.judge.trial.trial import Trial

#: Cases of one shard: what one worker does in one go.
SHARD = 100
#: Different pools of shapes: what is kept of each, here and by what compiled it, stays bounded over a long hunt.
POOLS = 16


def budgets(cases: int) -> list[int]:
    """Return the number of cases of each shard of a property."""
    return [min(SHARD, cases - start) for start in range(0, cases, SHARD)]


def shares(cases: int, seconds: float, *, hunted: bool = False) -> Iterator[dict[str, Any]]:
    """Yield what the trial of each shard has of a property's cases and CPU seconds; a hunt asks for no number of cases.

    They are arguments of `Trial`.
    """
    for shard, share in enumerate(budgets(cases)):
        start = shard * SHARD
        enough = 0 if hunted else needed(start, start + share, cases)
        yield {"shard": shard, "budget": share, "limits": Budget(seconds * share / cases, enough)}


def shard_test(
    judged: Property, trial: Trial, run_seed: int, sizes: str = "usual", **options: Any
) -> Callable[..., None]:
    """Return the property as a Hypothesis test of its own: on cases for this implementation, from this shard's stream.

    `sizes`, out of `rnn_parity.contract.SIZES`, are drawn; `options` are settings of Hypothesis that differ from the
    profile's.
    """
    stream = int.from_bytes(hashlib.sha256(f"{run_seed} {trial.shard}".encode()).digest()[:8], "big")
    if trial.implementation.dear or sizes == "large":
        # Hypothesis would shrink for five minutes; reducing by itself takes less.
        options = {"phases": [Phase.explicit, Phase.reuse, Phase.generate]} | options
    # Strategies are kept by what they are within: the same from round to round of a hunt, where no pool is drawn from.
    pool = run_seed % POOLS if trial.capabilities.per_shape else 0
    test = judged.given(replace(trial.capabilities, pool=pool, sizes=sizes), avoiding=trial.defects)
    if fuzzing():
        return settings(max_examples=trial.budget, **options)(test)
    # A seed by itself turns off the database.
    return settings(max_examples=trial.budget, **{"database": database.used()} | options)(seed(stream)(test))
