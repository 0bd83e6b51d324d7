"""Layouts: time-major, batch_first and, for a batch of one, unbatched input say the same."""

from dataclasses import replace

from strategies import Case, cases
from tests.judge import Trial, judged


def in_every_layout(case: Case) -> list[Case]:
    """The same numbers in each of nn.RNN's layouts."""
    batched = [case.with_config(batch_first=batch_first) for batch_first in (False, True)]
    return batched + [replace(layout, unbatched=True) for layout in batched if case.batch_size == 1]


@judged(cases, group="results", reshapes=True)
def test_layouts(trial: Trial, case: Case) -> None:
    """The same input in another layout gives the same numbers in that layout.

    Not judged here: tracking (`gradients` draws every layout), lengths (`lengths` does so, too), threads
    (`threads`).
    """
    for variant in in_every_layout(replace(case, unbatched=False)):
        if trial.takes(variant):
            trial.agrees(variant)
