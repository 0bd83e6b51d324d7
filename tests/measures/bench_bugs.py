"""The suite against the naive way and against a grid of options, over every planted bug and every honest variant."""

from __future__ import annotations

import math
import multiprocessing
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rnn_parity.strategies.shrinking.complexity import Complexity, complexity
from rnn_parity.tests.judge.run.options import CASES
from rnn_parity.tests.measures.bench_meter import Outcome
from rnn_parity.tests.measures.bench_ways import EXHAUSTIVE, GRADIENTS, OUTPUTS, WAYS, Job, attempt
from rnn_parity.tests.measures.markdown import table
from rnn_parity.tests.suite.planted import BUGS, HONEST, Bug, Honest

#: CPU seconds after which the naive way and the grid are given no other case of a bug.
LIMIT = 60.0
_PROCESSES, _BATCH = 2, 10
#: As many as the grid has.
_HONEST_CASES = 256
_WHOLE, _RAGGED = ("agreement", "gradients"), ("lengths", "length_gradients")


@dataclass(frozen=True)
class Tried:
    """One bug, and what came out of each way."""

    bug: Bug
    by: dict[str, Outcome]

    @property
    def shows(self) -> bool:
        """Whether the outputs or the gradients of one call can show it: all that the naive ways look at."""
        return self.bug.property in (*OUTPUTS, *GRADIENTS)

    @property
    def smallest(self) -> Complexity | None:
        """The smallest case on which the suite's property fails, as far as the exhaustive search goes."""
        suite = self.by["the suite"]
        return complexity(suite.smaller) if suite.smaller else suite.size


def section(sample: int | None = None) -> str:
    """Try all, or a sample of so many bugs and so many honest variants, and say in Markdown what came out."""
    bugs = random.Random(0).sample(BUGS, sample or len(BUGS))
    honest = random.Random(0).sample(HONEST, min(sample or len(HONEST), len(HONEST)))
    return said(bugs, dict(outcomes(batches(bugs, honest))))


def batches(bugs: Sequence[Bug], variants: Sequence[Honest]) -> list[list[Job]]:
    """What one process does each: every way on every bug and variant.

    Some bugs leave something behind in their process: no two ways try one network in the same.
    """
    asked = [
        *([(bug.name, bug.property, False, CASES["ci"]) for bug in bugs]),
        *(
            (variant.name, name, True, _HONEST_CASES)
            for variant in variants
            for name in (_RAGGED if variant.capabilities.lengths else _WHOLE)[: 1 + variant.capabilities.gradients]
        ),
    ]
    together = [asked[start : start + _BATCH] for start in range(0, len(asked), _BATCH)]
    return [[Job(way, *rest) for rest in batch] for batch in together for way in WAYS]


def outcomes(jobs: Sequence[list[Job]]) -> Iterator[tuple[Job, Outcome]]:
    """Every job with its outcome, as they come."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with context.Pool(_PROCESSES, maxtasksperchild=1) as pool:
        for done, found in enumerate(pool.imap(_attempt_all, jobs), 1):
            yield from found
            print(f"\r{done} of {len(jobs)} batches", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _attempt_all(batch: list[Job]) -> list[tuple[Job, Outcome]]:
    return [(job, attempt(job, math.inf if job.way == "the suite" else LIMIT)) for job in batch]


# What is said of it


def said(bugs: Sequence[Bug], found: dict[Job, Outcome]) -> str:
    """All outcomes in Markdown: in sum, then bug by bug."""
    tried = [Tried(bug, {way: found[Job(way, bug.name, bug.property)] for way in WAYS}) for bug in bugs]
    tries = {way: [outcome for job, outcome in found.items() if job.honest and job.way == way] for way in WAYS}
    columns = [f"{way}: {what}" for way in WAYS for what in ("first failure", "minimal case", "numbers")]
    each = [[item.bug.name, item.bug.property, *map(_cells, item.by.values())] for item in tried]
    errors = [f"{job.way} on {job.name}: {outcome.error}" for job, outcome in found.items() if outcome.error]
    return "\n\n".join(
        [
            "## Against the naive way",
            table(["", *WAYS], rows(tried, tries)),
            exhaustive(tried),
            *errors,
            "### Bug by bug",
            table(["bug", "property", *columns], each),
        ]
    )


def rows(tried: Sequence[Tried], alarms: dict[str, list[Outcome]]) -> list[list[str]]:
    """The table, a figure a row: what is asked of the outcomes of each way."""
    shown = [item for item in tried if item.shows]
    both = [item for item in tried if item.by["the suite"].caught and item.by["naive"].caught]
    figures: list[tuple[str, Sequence[Tried], Callable[[list[Outcome]], str]]] = [
        (f"caught, of all {len(tried)}", tried, _caught),
        (f"caught, of the {len(shown)} that outputs or gradients of one call show", shown, _caught),
        ("failing by accident: a correct network fails on that case, too", tried, _accidents),
        ("ended by its limit of CPU", tried, lambda found: str(sum(item.cut for item in found))),
        ("CPU on all", tried, _seconds),
        (f"CPU on the {len(shown)} that outputs or gradients show", shown, _seconds),
        (f"on the {len(both)} that the suite and the naive way both catch: CPU", both, _seconds),
        ("... CPU to the first failure, median", both, lambda found: f"{_median(found, 'first', 0) * 1e3:.0f} ms"),
        ("... calls to the first failure, median", both, lambda found: f"{_median(found, 'first', 1):.0f}"),
        ("... CPU to the minimal case, median", both, lambda found: f"{_median(found, 'whole', 0) * 1e3:.0f} ms"),
        ("... calls to the minimal case, median", both, lambda found: f"{_median(found, 'whole', 1):.0f}"),
        ("... numbers in the minimal case, median, mean and most", both, lambda found: _sizes(found, "numbers")),
        ("... of which are not zero", both, lambda found: _sizes(found, "nonzeros")),
    ]
    return [
        *([text, *(say([item.by[way] for item in items]) for way in WAYS)] for text, items, say in figures),
        ["honest variants accused, tries", *(_accused(alarms[way]) for way in WAYS)],
    ]


def _caught(found: list[Outcome]) -> str:
    count = sum(item.caught for item in found)
    return f"{count} ({count / len(found):.1%})" if found else "0"


def _accidents(found: list[Outcome]) -> str:
    return str(sum(item.by_accident for item in found))


def _seconds(found: list[Outcome]) -> str:
    return f"{sum(item.whole.seconds for item in found):.1f} s"


def _accused(found: list[Outcome]) -> str:
    return f"{sum(item.case is not None for item in found)} of {len(found)}"


def _median(found: list[Outcome], until: str, part: int) -> float:
    return statistics.median([getattr(item, until)[part] for item in found] or [0])


def _sizes(found: list[Outcome], what: str) -> str:
    sizes = [getattr(item.size, what) for item in found if item.size] or [0]
    return f"{statistics.median(sizes):g}, {statistics.mean(sizes):.1f}, {max(sizes)}"


def exhaustive(tried: Sequence[Tried]) -> str:
    """The suite's minimal cases beside those of the exhaustive search."""
    caught = [item for item in tried if item.by["the suite"].caught]
    ours = [item.by["the suite"].size for item in caught]
    smaller = [item.bug.name for item in caught if item.by["the suite"].smaller]
    medians = [
        statistics.median([getattr(size, what) for size in sizes if size] or [0])
        for sizes in (ours, [item.smallest for item in caught])
        for what in ("numbers", "nonzeros")
    ]
    return (
        "The suite's minimal cases: median {:g} numbers, {:g} of them not zero; the smallest that an exhaustive search "
        "of all cases of zeros and ones with up to {} numbers knows of: {:g} and {:g}. ".format(
            *medians[:2], EXHAUSTIVE, *medians[2:]
        )
        + (f"It finds a smaller one for {len(smaller)}: {', '.join(smaller)}." if smaller else "It finds no smaller.")
    )


def _cells(outcome: Outcome) -> str:
    said = "accident" if outcome.by_accident else "" if outcome.caught else "missed"
    first, whole = (f"{taken.seconds:.2f} s, {taken.calls}" for taken in (outcome.first, outcome.whole))
    return " | ".join([first if outcome.case else said, whole, said or str(outcome.size and outcome.size.numbers)])
