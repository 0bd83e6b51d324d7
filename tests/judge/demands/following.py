"""Whether a failure follows from a plainer one: a call that is wrong by itself, or its gradients.

The plainer one is told, once, and what follows from it is set aside: a property goes on looking for what does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np

from rnn_parity import Implementation
from rnn_parity.strategies import Case, InvalidCase
from rnn_parity.tests.judge.base.fills import FILLS, Fill
from rnn_parity.tests.judge.demands.property import Property
from rnn_parity.tests.judge.trial.faults import COSTLY
from rnn_parity.tests.judge.trial.recorder import RECORDER, Note
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement, Root

#: Of the calls that a property made, so many are looked at.
_LOOKED_AT = 8


def _plain(case: Case) -> Case:
    """Return a case of finite numbers as an ordinary call: whole sequences, side by side in memory, no gradients."""
    config = replace(case.config, dropout=0.0)
    whole = replace(case, config=config, memory="contiguous", lengths=None, packed=False, misuse="")
    bare = replace(whole, grad_output=None, grad_h_n=None, incoming="contiguous", twice=False)
    if bare.finite:
        return bare
    return bare.with_arrays(
        **{name: np.nan_to_num(array, nan=1, posinf=1, neginf=-1) for name, array in bare.arrays.items()}
    )


def _nearby(case: Case, fill: Fill) -> Case | None:
    """Return another case of the same kind: where gradients are wrong and results right, these may be wrong there."""
    return fill.of(_plain(case)) if case.has_cotangents else None


def _of_lengths(case: Case) -> Case | None:
    return None if case.lengths is None else replace(_plain(case), lengths=case.lengths, packed=case.packed)


def _differentiated(case: Case) -> Case | None:
    if not case.has_cotangents:
        return None
    asked = replace(case, memory="contiguous", lengths=None, packed=False, misuse="", twice=False)
    return asked if asked.finite else None


#: By property from whose failure others follow, the plainest first: what it makes of a case, None where nothing.
ROOTS: dict[str, tuple[Callable[[Case], Case | None], ...]] = {
    "agreement": (_plain, *(partial(_nearby, fill=fill) for fill in FILLS[:2])),
    "lengths": (_of_lengths,),
    "gradients": (_differentiated,),
}


def root_of(
    judged: Property, implementation: Implementation, disagreement: Disagreement, properties: Mapping[str, Property]
) -> Root | None:
    """Return what a failure follows from, of the given properties; None where it stands by itself.

    What ends a process, or takes hundreds of calls, is not tried again for the sake of this.
    """
    if disagreement.kind in COSTLY or disagreement.case is None:
        return None
    with RECORDER.looking_into(Note.of(implementation, judged.name, disagreement.case, disagreement)):
        for name, forms in ROOTS.items():
            if name == judged.name:
                break
            if name not in properties:
                continue
            for case in _formed(forms, disagreement):
                if found := _failure(properties[name], implementation, case):
                    return Root(name, found, disagreement)
    return None


def _formed(forms: Iterable[Callable[[Case], Case | None]], disagreement: Disagreement) -> Iterator[Case]:
    """Yield the case, and those on which networks were called, in each form."""
    made = dict.fromkeys(case for _, case in reversed(disagreement.made))
    for form, case in product(forms, [disagreement.case, *made][:_LOOKED_AT]):
        try:
            formed = form(case) if case else None
        except InvalidCase:
            continue  # A wrong call may have no plain form.
        if formed is not None:
            yield formed


def _failure(root: Property, implementation: Implementation, case: Case) -> Disagreement | None:
    trial = Trial(implementation, asked_for=root.name)
    if root.exempts(implementation.capabilities) or not root.admits(trial, case):
        return None
    try:
        root.judge(trial, case)
    except Disagreement as disagreement:
        return disagreement
    return None
