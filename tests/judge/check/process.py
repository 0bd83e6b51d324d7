"""The process in which somebody checks an implementation: set up for judging, and afterwards as it was."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rnn_parity.tests.judge.schedule.profiles import lent
from rnn_parity.tests.judge.trial import surroundings
from rnn_parity.tests.judge.trial.faults import INTERRUPTION
from rnn_parity.tests.judge.trial.surroundings import FURTHER, GENERATORS, SETTINGS

#: Under what implementations are judged: that of a new process, with one thread.
_JUDGED_UNDER = {
    "torch's default dtype": torch.float32,
    "torch's default device": torch.device("cpu"),
    "torch's number of threads": 1,
    "whether torch tracks gradients": True,
    "what NumPy does about floating-point errors": {
        "divide": "warn",
        "over": "warn",
        "under": "ignore",
        "invalid": "warn",
    },
}


@contextmanager
def lent_for_judging() -> Iterator[None]:
    """Judge within the block, and put back whatever was changed, however the block ends."""
    everything = SETTINGS | FURTHER | GENERATORS
    before = surroundings.snapshot(everything)
    try:
        if threading.current_thread() is threading.main_thread():
            INTERRUPTION.watch()
        for name, value in _JUDGED_UNDER.items():
            SETTINGS[name].write(value)
        with warnings.catch_warnings(action="ignore"), lent():
            yield
    finally:
        surroundings.restored(before, everything)
