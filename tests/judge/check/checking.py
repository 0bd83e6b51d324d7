"""The function that judges where the code is: `from rnn_parity import check`."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import ExitStack

from rnn_parity import Capabilities, Implementation, Rounding
from rnn_parity.registry import Options, isolation
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.check.apart import apart
from rnn_parity.tests.judge.check.asked import (
    Given,
    call_of,
    implementation_of,
    looked_at,
    number_of,
    properties_of,
    said_of,
)
from rnn_parity.tests.judge.check.judging import Judging
from rnn_parity.tests.judge.check.process import lent_for_judging
from rnn_parity.tests.judge.check.progress import bar
from rnn_parity.tests.judge.check.verdict import Verdict

#: Cases of a property, and the CPU seconds after which it is fed no more, unless told.
CASES: int = 100
SECONDS: float = 10.0


def check(
    implementation: Given,
    *,
    capabilities: Capabilities | None = None,
    rounding: Rounding | None = None,
    cases: int = CASES,
    only: str | Iterable[str] = (),
    properties: str | Iterable[str] = (),
    seed: int | None = None,
    seconds: float = SECONDS,
    isolate: bool = False,
) -> Verdict:
    """Judge an implementation in this process, and leave that as it was.

    Args:
        implementation: a class with nn.RNN's constructor arguments and parameter names, a function
            `build(config, weights)` as `register` takes it, or a registered name.
        capabilities: what it claims to take on; by default the surface of nn.RNN, without what always raises there, and
            the verdict says what that is.
        rounding: how it rounds, where that is more tightly than by default, or more loosely with a reason.
        cases: how many a property.
        only: judge these groups of properties alone: results, state, gradients, lengths, special, process, arguments,
            torch.
        properties: judge these properties alone.
        seed: what decides the cases; by default they are other ones each time.
        seconds: CPU seconds for each property, after which it is fed no more.
        isolate: call it in a process of its own, where it may crash; it is handed over by value.

    Returns:
        the verdict: true where it is right. Nothing is raised where it is wrong.

    Raises:
        RegistrationError: it is none of these, or not what its capabilities say.
        ValueError: an argument does not fit.
    """
    number_of("cases", cases, lambda number: isinstance(number, int) and number >= 1, "an integer from 1")
    number_of("seconds", seconds, lambda number: number > 0, "a number above 0")
    if seed is not None:
        number_of("seed", seed, lambda number: isinstance(number, int) and number >= 0, "an integer from 0, or None")
    only, properties = (given if isinstance(given, str) else tuple(given or ()) for given in (only, properties))
    wanted = properties_of(only, properties)
    chosen = random.SystemRandom().randrange(2**32) if seed is None else seed
    given = {
        "cases": (cases, CASES),
        "only": (only, ()),
        "properties": (properties, ()),
        "seconds": (seconds, SECONDS),
        "isolate": (isolate, False),
    }
    said = said_of(capabilities, rounding)
    again = call_of(implementation, said, given, chosen)
    with lent_for_judging(), ExitStack() as until:
        judged, never = _claiming(implementation, said, isolate=isolate)
        until.callback(isolation.end, judged.name)
        if isolate:
            judged = until.enter_context(apart(judged, registered=isinstance(implementation, str)))
        judging = Judging(Run((judged,), cases, chosen, "", None, None, seconds=seconds), wanted)
        with bar(wanted) as shown:
            for found in shown:
                judging.judge(found, again)
                if judging.findings:
                    shown.set_postfix_str(judging.findings[0].headline)
    return Verdict(judging, never)


def _claiming(given: Given, said: Options, *, isolate: bool) -> tuple[Implementation, dict[str, str]]:
    """Return what is to be judged, and what a first look leaves out, where nothing is said of what it takes on."""
    return (implementation_of(given, said), {}) if "capabilities" in said else looked_at(given, said, isolate=isolate)
