"""Pages made by hand, for the tests of the page and its measure."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from rnn_parity import Config, Implementation, implementation
from rnn_parity.contract import DTYPES
from rnn_parity.strategies import Case
from rnn_parity.strategies.plain import to_plain
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.finding.pictures import Picture, pictures_of
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, verdict_on
from rnn_parity.tests.judge.report.html import page
from rnn_parity.tests.judge.report.results import Result, Results
from rnn_parity.tests.judge.trial.counts import BINS, FACETS, NAMES, key
from rnn_parity.tests.judge.trial.features import FEATURES
from rnn_parity.tests.suite.planted import BUGS, trying

#: What would break a page that does not escape it.
NASTY = """</script></style><img src=x onerror="alert('1')"> 'a' "b" & {{ c }}"""
PLAYERS = [implementation(name) for name in ("linear", "nn.rnn", "numpy", "parameters")]
ABSENT = replace(PLAYERS[0], name="absent", library="no-such-library", capabilities=PLAYERS[1].capabilities)
CASE = Case(
    Config(1, 2, bidirectional=True, nonlinearity="relu", dtype=DTYPES[0]),
    [[[1.0]], [[0.0]]],
    weights={"weight_ih_l0": [[1.0], [1.0]]},
)


def picture(name: str, axes: tuple[str, ...], expected: Any, got: Any, allowed: Any) -> dict[str, Any]:
    """A picture as it arrives in the controller."""
    parts = [np.array(part, float) for part in (expected, got, allowed)]
    flat = [[float(value) if np.isfinite(value) else str(value) for value in part.ravel()] for part in parts]
    return json.loads(json.dumps(asdict(Picture(name, axes, parts[0].shape, *flat))))


#: Two steps of one row, two directions of two units: wrong in every way in which a number can be.
OUTPUT = picture(
    "output",
    ("t", "b", "unit"),
    expected=[[[0.5, np.nan, 1, 1]], [[1, 0.25, 1, 1]]],
    got=[[[0.75, 1, 1, 1]], [[np.inf, 0.25, 1, 1]]],
    allowed=[[[0, 0, 0, 0]], [[0.5, np.inf, 0, 0]]],
)


def finding(name: str = "linear", **changes: Any) -> Finding:
    """A finding by hand."""
    made = Finding(
        name, "torch", "2.13.0", "agreement", "Outputs lie within the proven bounds.", CASE.descriptor, repr(CASE),
        to_plain(CASE), ["output[t=0, b=0, j=0] (layer 0, forward)", "  expected  0.5"], "value", "relu T9", 42, True,
    )  # fmt: skip
    return replace(made, **changes)


def gathered(*found: Result, findings: list[Finding] | None = None) -> Results:
    """The results of a run."""
    results = Results()
    results.found = {(result.implementation, result.property): result for result in found}
    results.findings = findings or []
    return results


def rendered(results: Results, *players: Implementation, workers: int = 2, seconds: float = 65.0) -> str:
    """The page about it."""
    run = Run(players or tuple(PLAYERS), 300, 7, "dev", None, None, seconds=30.0)
    return page.rendered(results, run, workers, seconds)


def large(steps: int = 32, units: int = 128) -> dict[str, Any]:
    """As many numbers as a picture may have, all wrong and long."""
    expected = np.random.default_rng(0).normal(size=(steps, 1, units))
    return picture("output", ("t", "b", "unit"), expected, -expected, abs(expected) * 1e-7)


def full() -> Results:
    """20 implementations on 24 properties, 10 with counterexamples, whose pictures are as large as they may be."""
    names = [f"implementation-{place}" for place in range(20)]
    counts = {key(dtype, largest): 99 for dtype in NAMES for largest in BINS}
    drawn = {key(name, value): 1234 for name, facet in FACETS.items() for value in facet.values}
    features = dict.fromkeys(FEATURES, (1234, 0, 0.25))
    found = [
        Result(name, f"property-{place}", "agrees", 300, worst_error_over_bound=0.25, features=features,
               margins=counts, drawn=drawn)
        for name in names
        for place in range(24)
    ]  # fmt: skip
    other = picture("gradient of bias_hh_l0", ("unit",), np.arange(4096) / 7, np.arange(4096) / 9, np.zeros(4096))
    made = finding(case="x" * 3000, script="y\n" * 3000, divergence=["z" * 100] * 20, pictures=[large(), other, other])
    return gathered(*found, findings=[replace(made, implementation=name) for name in names[:10]])


def twenty() -> list[Implementation]:
    """Those that it is about."""
    return [replace(PLAYERS[1], name=f"implementation-{place}") for place in range(20)]


SCRIPT = "import torch\n\nif 1 < 2 & 3:\n    print('right')\n"


def pictured() -> list[dict[str, Any]]:
    """What a planted bug returns on a case with more numbers than fit into cells."""
    config = Config(2, 9, bidirectional=True, nonlinearity="relu")
    weights = {name: np.arange(np.prod(shape)).reshape(shape) / 64 for name, shape in config.parameter_shapes().items()}
    case = Case(config, np.ones((20, 2, 2)), weights=weights)
    wrong = trying.implementation(next(bug for bug in BUGS if bug.name == "recurrent-transposed"))
    disagreement = verdict_on(load_properties()["agreement"], wrong, case)
    assert disagreement is not None
    found = Counterexample(load_properties()["agreement"], wrong, case, disagreement, case, 0, True)
    return json.loads(json.dumps([asdict(each) for each in pictures_of(found)]))


def everything() -> str:
    """A page with something of everything."""
    results = full()
    results.findings = [
        finding("implementation-0", pictures=pictured(), script=SCRIPT, commands={"replay": "pytest --case=x.json"}),
        finding("implementation-1", pictures=[OUTPUT], diagnosis=[NASTY], divergence=["z" * 200], script=NASTY),
        finding("implementation-2", diagnosis=["reads W_hh transposed"], certain=True, matters="w" * 200),
    ]
    for place, status in enumerate(("disagrees", "error", "unsupported", "not installed")):
        results.found["implementation-0", f"property-{place}"].status = status
    results.found["implementation-0", "property-5"].known = 1
    return rendered(results, *twenty())
