"""Under which condition a network raises, where it is right under every other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.conditions import BETWEEN, fitting, holding
from rnn_parity.tests.judge.diagnosis.evidence import Look


def raises(looks: Sequence[Look], enough: int) -> Iterator[str]:
    """Every condition in words under which a network raises, always in the same way; none where it is also wrong."""
    failing, right = ([look for look in looks if look.is_right == way] for way in (False, True))
    kinds = {look.seen.error.partition(":")[0] for look in failing}
    if len(kinds) != 1 or kinds == {""} or min(len(failing), len(right)) < enough:
        return
    if len(failing[0].calls) > 1:
        yield from _second_call(failing, right)
        return
    yield from (f"it raises an error {condition}" for condition in _alone_or_two(_cases(failing), _cases(right)))


def _cases(looks: Sequence[Look]) -> list[Case]:
    return [look.case for look in looks]


def _second_call(failing: Sequence[Look], right: Sequence[Look]) -> Iterator[str]:
    for words, holds in BETWEEN.items():
        if not all(holds(*look.calls[-2:]) for look in failing):
            continue
        if not (alike := [look for look in right if holds(*look.calls[-2:])]):
            yield f"a second call raises an error {words}"
            continue
        for condition in fitting(_cases(failing), _cases(alike)):
            yield f"a second call raises an error {words}, {condition}"


def _alone_or_two(failing: Sequence[Case], right: Sequence[Case]) -> list[str]:
    """Conditions that tell them apart alone; where none does, two together."""
    if alone := list(fitting(failing, right)):
        return alone
    needed = holding(failing).items()
    return [
        f"{one}, {other}"
        for (one, first), (other, second) in combinations(needed, 2)
        if not any(first(case) and second(case) for case in right)
    ]
