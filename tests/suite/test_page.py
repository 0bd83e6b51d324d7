"""The page of `--html`: what stands in it, that nothing breaks it, and how it behaves in a real browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from impls import Config, Implementation, implementation
from impls.balls import Ball
from impls.contract import DTYPES
from strategies import Case
from strategies.plain import to_plain
from tests.judge.counterexample import Counterexample, verdict_on
from tests.judge.counts import BINS, FACETS, NAMES, count_drawn, count_margin, key, together
from tests.judge.features import FEATURES
from tests.judge.finding import Finding
from tests.judge.html import LIBRARIES, page
from tests.judge.html.maps import MOST_NUMBERS, Gallery
from tests.judge.html.plots import distribution, heat_map
from tests.judge.options import Run
from tests.judge.pictures import Picture, _picture, pictures_of
from tests.judge.plugin import load_properties
from tests.judge.report import Result, Results
from tests.judge.trial import Trial
from tests.suite.browser import CHROMIUM, launched
from tests.suite.planted import BUGS, trying

#: Some tests look at one page in one browser: with `--dist=loadgroup` they share a worker.
pytestmark = pytest.mark.xdist_group("page")

ROOT = Path(__file__).parent.parent.parent
MOST_BYTES = 3_000_000

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


def text(html: str) -> str:
    """What stands in a page outside of tags, styles and scripts, in one line."""
    without = re.sub(r"(?s)<(style|script)>.*?</\1>", " ", html)
    return " ".join(re.sub(r"<[^>]*>", " ", without).split())


# What stands in it

AGREES = [Result(player.name, "agreement", "agrees", cases=300, cpu_seconds=2.0) for player in PLAYERS]
#: Results, and the sentence at the top.
VERDICTS = {
    "agreeing": (AGREES, "No disagreement: all 4 implementations give what is demanded."),
    "alone": (AGREES[:1], "No disagreement: linear gives what is demanded."),
    "disagreeing": ([*AGREES[1:], Result("linear", "laws", "disagrees")], "1 of 4 implementations disagrees: linear."),
    "alone and wrong": ([Result("linear", "laws", "disagrees")], "linear disagrees."),
    "broken": (
        [*AGREES, Result("numpy", "laws", "error")],
        "No disagreement, but errors that are no verdict: numpy.",
    ),
    "skipped": ([Result("numpy", "laws", "unsupported")], "Nothing was judged."),
    "nothing": ([], "Nothing was judged."),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name: str) -> None:
    """The run in a sentence stands first, and in the title."""
    found, sentence = VERDICTS[name]
    html = rendered(gathered(*found))
    assert re.search(r"(?s)<h1[^>]*>(.*?)</h1>", html)[1] == sentence
    assert f"<title>rnn-parity: {sentence}</title>" in html


def test_details_of_the_verdict() -> None:
    """Cases, time, what was not installed, what was cut, known defects."""
    found = [
        *AGREES,
        Result("absent", "agreement", "not installed"),
        Result("numpy", "laws", "agrees", cases=5, cut=True),
        Result("nn.rnn", "archive", "agrees", cases=30, known=2),
    ]
    said = text(rendered(gathered(*found), *PLAYERS, ABSENT))
    assert "1,235 cases judged on 3 properties in 1 min 5 s, 8 s of CPU." in said
    assert "Not installed, so not judged: absent." in said
    assert "The budget of CPU seconds ended before that of cases (~): numpy." in said
    assert "2 archived cases failed as expected." in said


def test_the_run() -> None:
    """Seed, cases, profile, workers, versions."""
    said = text(rendered(gathered(*AGREES)))
    for fact in ("7 (--hypothesis-seed=7 repeats it)", "300 at most", "30 s at most", "profile dev", "workers 2"):
        assert fact in said
    assert f"torch {PLAYERS[0].version}" in said
    assert "workers none, in one process" in text(rendered(gathered(*AGREES), workers=0))


def row(html: str, table: str, name: str) -> list[str]:
    """The cells of a row of one of the tables, as text; a link beside what it says."""
    part = html.partition(f'id="table-{table}"')[2].partition("</table>")[0]
    found = re.search(rf'(?s)<th scope="row">{name} .*?</tr>', part)[0]
    cells = re.findall(r"(?s)<td class=\"(\w+)\">(.*?)</td>", found)
    linked = [(mark, re.sub(r'<a href="(#[^"]*)">', r"\1 ", cell)) for mark, cell in cells]
    return [f"{mark}: {text(cell)}" for mark, cell in linked]


def test_conformance_with_properties() -> None:
    """Each status as the legend says, and a disagreement linked to its counterexample."""
    found = [
        Result("nn.rnn", "agreement", "agrees", cases=300, worst_error_over_bound=0.25),
        Result("nn.rnn", "archive", "agrees", cases=30, known=2),
        Result("nn.rnn", "gradients", "unsupported"),
        Result("nn.rnn", "laws", "disagrees", cases=3),
        Result("nn.rnn", "lengths", "agrees", cases=5, cut=True),
        Result("nn.rnn", "memory", "error"),
        Result("absent", "agreement", "not installed"),
    ]
    findings = [finding("nn.rnn", property="threads"), finding("nn.rnn", property="laws")]
    html = rendered(gathered(*found, findings=findings), *PLAYERS, ABSENT)
    assert row(html, "properties", "nn.rnn") == [
        "agrees: 300 0.25", "agrees: 28 2 known", "unsupported: -", "disagrees: #finding-2 disagrees", "agrees: 5~",
        "error: error",
    ]  # fmt: skip
    assert row(html, "properties", "absent")[0] == "absent: ×"


def test_conformance_with_features() -> None:
    """A feature on which some cases disagreed is linked to a counterexample that shows it, or else to the first."""
    counts = {"tanh": (5, 0, 0.25), "relu": (2, 1, 0.0), "layers": (1, 1, 0.0)}
    found = [Result("linear", "agreement", "disagrees", cases=8, features=counts)]
    other = replace(CASE, config=replace(CASE.config, nonlinearity="tanh"))
    findings = [finding(plain=to_plain(other)), finding()]
    player = replace(PLAYERS[0], known_defects=())
    html = rendered(gathered(*found, findings=findings), player)
    cells = dict(zip(FEATURES, row(html, "features", "linear"), strict=True))
    assert cells["tanh"] == "agrees: 5 0.25"
    assert cells["relu"] == "disagrees: #finding-2 2/3"
    assert cells["layers"] == "disagrees: #finding-1 1/2"
    assert cells["lengths"] == "unsupported: -"
    assert cells["float16"] == "none: 0"


def test_a_counterexample() -> None:
    """All that is known of it, in its place."""
    told = finding(
        diagnosis=["reads W_hh transposed"],
        certain=True,
        divergence=["t=0 is right, t=1 is not"],
        matters="Two units matter.",
        others={"agree": ["nn.rnn", "numpy"], "disagree": []},
        commands={"replay": "pytest --case=x.json", "archive": "pytest --archive"},
        script="import torch\nprint(torch.ones(1))",
        pictures=[OUTPUT],
    )
    html = rendered(gathered(*AGREES, findings=[told, finding("numpy", diagnosis=["One of two:"])]))
    first, second = re.findall(r"(?s)<article.*?</article>", html)
    said = text(first)
    for part in (
        "linear fails agreement", "The bug reads W_hh transposed", "What differs output[t=0, b=0, j=0]",
        "Where it begins t=0 is right", "Two units matter.", "reduced from relu T9 in 42 calls.", "agree nn.rnn, numpy",
        "replay Copy pytest --case=x.json", "archive Copy pytest --archive", "import torch print",
    ):  # fmt: skip
        assert part in said, part
    assert "disagree" not in said
    assert "Diagnosis One of two:" in text(second)
    assert "script" not in text(second)
    assert "None: nothing came back that has the shape of what is expected" in text(second)
    assert html.index("reads W_hh transposed") < html.index('id="conformance"') < html.index("<article")


def test_nothing_is_trusted() -> None:
    """Whatever an implementation is called and says, it stays text."""
    told = finding(
        NASTY, library=NASTY, version=NASTY, property=NASTY, says=NASTY, descriptor=NASTY, case=NASTY, differs=[NASTY],
        found=NASTY, diagnosis=[NASTY], divergence=[NASTY], matters=NASTY, others={NASTY: [NASTY]},
        commands={NASTY: NASTY}, script=NASTY, pictures=[OUTPUT | {"name": NASTY}],
    )  # fmt: skip
    named = replace(PLAYERS[1], name=NASTY)
    counts = {key("float32", "1"): 3}
    results = [Result(NASTY, NASTY, "disagrees", cases=1, margins=counts), Result(NASTY, "laws", "agrees", cases=1)]
    html = rendered(gathered(*results, findings=[told]), named)
    assert "<img" not in html
    assert html.count("</script>") == html.count("<script>") == 1
    assert html.count("</style>") == html.count("<style>") == 1


# Pictures


def drawn(*pictures: dict[str, Any], room: int = MOST_NUMBERS, bidirectional: bool = True) -> list[Any]:
    """Drawings of pictures."""
    return Gallery(room).drawings(pictures, bidirectional=bidirectional)


def written(part: list[list[Any]]) -> list[list[str]]:
    return [[cell.text for cell in line] for line in part]


def test_a_picture_of_outputs() -> None:
    """A panel a direction; numbers that are none are shown as what they are; each error as what it is."""
    (drawing,) = drawn(OUTPUT)
    (panel,) = drawing.panels
    assert (drawing.wrong, drawing.of, drawing.right) == (3, 8, 1)
    assert (panel.title, panel.rows, panel.columns, panel.wrong) == ("forward", ["t=0", "t=1"], ["j=0", "j=1"], 3)
    expected, got, error = (written(part.cells) for part in panel.maps)
    assert expected == [["0.5", "NaN"], ["1", "0.25"]]
    assert got == [["0.75", "1"], ["∞", "0.25"]]
    assert error == [["Δ0.25", "not NaN"], ["∞", "free"]]
    assert panel.numbers["at"] == [0, 0]
    assert panel.numbers["said"][1] == [["1", "inf", "0.5", "∞"], ["0.25", "0.25", "inf", "free"]]


def test_errors_within_and_beyond() -> None:
    """Error over allowed: up to 1 right, beyond it wrong, the more the darker; and free where nothing is demanded."""
    allowed = [[0.5, 0.5, 0.5, 0.5, np.inf]]
    (drawing,) = drawn(
        picture("gradient of weight_ih_l0", ("unit", "input"), [[0] * 5], [[0.25, 1, 20, 1e9, 3]], allowed)
    )
    (panel,) = drawing.panels
    assert written(panel.maps[2].cells) == [["0.5", "2×", "40×", "2e+09×", "free"]]
    assert [cell.shade for cell in panel.maps[2].cells[0]] == ["right", "wrong1", "wrong2", "wrong4", "free"]
    assert panel.columns == [f"i={place}" for place in range(5)]


def test_digits_tell_numbers_apart() -> None:
    """Numbers that differ look different."""
    (drawing,) = drawn(picture("gradient of bias_ih_l0", ("unit",), [0.1234567], [0.1234568], [0]))
    expected, got, _ = (part.cells[0][0].text for part in drawing.panels[0].maps)
    assert (expected, got) == ("0.1234567", "0.1234568")


def test_states_and_inputs_are_named() -> None:
    """Rows of a state by layer and direction, features by i, rows of the batch by b."""
    state = picture("h_n", ("row", "b", "unit"), np.zeros((4, 2, 1)), np.ones((4, 2, 1)), np.zeros((4, 2, 1)))
    gradient = picture(
        "gradient of x", ("t", "b", "feature"), np.zeros((1, 1, 2)), np.ones((1, 1, 2)), np.zeros((1, 1, 2))
    )
    rows, features = drawn(state, gradient)
    assert [panel.title for panel in rows.panels] == ["b=0", "b=1"]
    assert rows.panels[0].rows == ["layer 0", "layer 0 reverse", "layer 1", "layer 1 reverse"]
    assert [panel.columns for panel in features.panels] == [["i=0", "i=1"]]


def test_pictures_are_those_that_arrive() -> None:
    """What `tests.judge.pictures` makes can be drawn, whatever the axes."""
    for name, part in (
        ("output", np.zeros((2, 1, 4))),
        ("h_n", np.zeros((2, 1, 2))),
        ("gradient of bias_ih_l0", np.zeros(2)),
    ):
        made = asdict(_picture(CASE, name, part + 1, Ball(part, part)))
        assert drawn(json.loads(json.dumps(made)))[0].wrong == part.size


def large(steps: int = 32, units: int = 128) -> dict[str, Any]:
    """As many numbers as a picture may have, all wrong and long."""
    expected = np.random.default_rng(0).normal(size=(steps, 1, units))
    return picture("output", ("t", "b", "unit"), expected, -expected, abs(expected) * 1e-7)


def test_large_pictures_are_drawn_until_the_page_is_full() -> None:
    """Many numbers make an SVG, and too many a sentence."""
    first, second = drawn(large(), large(), room=5000, bidirectional=False)
    assert not first.panels[0].small
    assert first.panels[0].maps[0].drawn.startswith("<svg")
    assert (len(first.panels), first.undrawn, len(second.panels), second.undrawn) == (1, 0, 0, 1)
    html = rendered(gathered(*AGREES, findings=[finding(pictures=[large()] * 9)]))
    assert "more, not drawn: this page holds many numbers already" in text(html)


def test_plots() -> None:
    """Bars of one, a line of the others, squares in runs."""
    assert 'class="own" d="M 1 32 v -31.0 h 8 v 31.0 Z "' in distribution([4, 0], [1, 1])
    assert "M 0 32 V 16.5 H 10 V 16.5 H 20 V 32" in distribution([4, 0], [1, 1])
    assert 'class="others" d=""' in distribution([4, 0], [0, 0])
    assert heat_map([["zero", "zero", "nan"]]).count("<path") == 2
    assert 'class="zero" d="M 0 0 h 2 v 1 h -2 Z "' in heat_map([["zero", "zero", "nan"]])


# Counts


def test_counts_of_what_was_drawn() -> None:
    """A case counts once under each facet."""
    counts: dict[str, int] = {}
    count_drawn(counts, CASE)
    assert len(counts) == len(FACETS)
    for name, value in {"steps T": "2", "rows B": "1", "directions": "both", "bias": "yes", "h_0": "absent"}.items():
        assert counts[key(name, value)] == 1
    empty = replace(CASE, x=np.zeros((40, 0, 1)), lengths=(), packed=True)
    count_drawn(counts, empty)
    assert {counts[key(*place)] for place in (("steps T", "33+"), ("rows B", "0"), ("lengths", "packed"))} == {1}
    assert together(counts, counts)[key("units H", "2")] == 4


@pytest.mark.parametrize(
    ("worst", "largest"),
    [(0.0, "0"), (1e-9, "1/512"), (1 / 512, "1/512"), (0.3, "1/2"), (0.5, "1/2"), (0.51, "1"), (1 + 2**-31, "1")],
)
def test_counts_of_margins(worst: float, largest: str) -> None:
    """Each margin falls into the bin that it does not exceed."""
    counts: dict[str, int] = {}
    count_margin(counts, CASE, worst)
    assert counts == {key("float64", largest): 1}
    assert largest in BINS


def test_a_trial_counts() -> None:
    """What was drawn and how near it came is counted, but not what is drawn again while it is reduced."""
    trial = Trial(PLAYERS[1])
    for _ in range(3):
        with trial.judging(CASE):
            trial.agrees(CASE)
    assert trial.tally.drawn[key("steps T", "2")] == 3
    assert trial.tally.margins == {key("float64", "0"): 3}
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), trial.judging(CASE):
            raise ZeroDivisionError
    assert trial.tally.cases == 5
    assert trial.tally.drawn[key("steps T", "2")] == 4


def test_counts_are_shown() -> None:
    """Margins by implementation and dtype, with the others' beside them; and what was never drawn."""
    found = [
        Result("linear", "agreement", "agrees", 4, margins={key("float32", "0"): 1, key("float32", "1/2"): 3},
               features={"float32": (4, 0, 0.375)}, drawn={key("layers", "1"): 4}),
        Result("numpy", "agreement", "agrees", 2, margins={key("float32", "1"): 2}, drawn={key("layers", "3+"): 2000}),
    ]  # fmt: skip
    html = rendered(gathered(*found))
    assert "4 cases, half of them up to 1/2 of the bound; of all others, half up to 1" in html
    assert "worst 0.38 , 4 cases" in text(html)
    assert "layers 1 4 2 none 3+ 2,000" in text(html)
    for name in NAMES:
        assert name in text(html)


def test_what_is_not_there_is_said() -> None:
    """A run in which nothing was judged has a page too."""
    said = text(rendered(gathered()))
    assert "No implementation took part." in said
    assert "No case agreed in which numbers were compared." in said
    assert "steps T 1 none" in said


# Size


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


def test_size() -> None:
    """It can be attached to an issue."""
    players = [replace(PLAYERS[1], name=f"implementation-{place}") for place in range(20)]
    assert len(rendered(full(), *players).encode()) < MOST_BYTES


# From the command line

#: Three implementations: one right, one wrong, one not there.
SOURCE = """
import torch
from impls import Capabilities, register

@register("right")
def right(config, weights):
    module = torch.nn.RNN(**config.module_arguments()).to(config.dtype)
    module.load_state_dict(dict(weights))
    return torch.no_grad()(module)

@register("forgetful")
def forgetful(config, weights):
    return right(config, {name: value * (not name.startswith("bias_hh")) for name, value in weights.items()})

@register("absent", library="no-such-library")
def absent(config, weights):
    raise NotImplementedError
"""


def pytest_here(folder: Path, *arguments: str, program: tuple[str, ...] = ("-m", "pytest")) -> tuple[int, str]:
    """A run of pytest in the checkout on the implementations above: its exit status and what it prints."""
    (folder / "players.py").write_text(SOURCE, encoding="utf-8")
    quick = ["--cases=20", "--hypothesis-seed=3", "-pno:cacheprovider", f"--impl={folder}/players.py"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST") and name != "CI"}
    own = {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis")}
    command = [sys.executable, *program, *quick, *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=environment | own, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run(tmp_path: Path, workers: int) -> None:
    """A run writes its page, with any number of workers."""
    path = tmp_path / "page.html"
    code, printed = pytest_here(
        tmp_path, f"-n{workers}", f"--html={path}", "tests/test_agreement.py", "tests/test_h_0.py"
    )
    assert code == 1
    assert f"page about the run: {path}" in printed
    html = path.read_text(encoding="utf-8")
    said = text(html)
    assert "1 of 2 implementations disagrees: forgetful." in said
    assert "Not installed, so not judged: absent." in said
    assert "forgetful fails agreement" in said
    assert "output: 1 of 1 number is wrong" in said
    assert row(html, "properties", "forgetful")[0] == "disagrees: #finding-1 disagrees"
    assert row(html, "properties", "right")[0].startswith("agrees: 20")
    assert "20 cases judged" not in said
    assert f"workers {workers or 'none, in one process'}" in said


def test_a_run_in_which_all_is_skipped(tmp_path: Path) -> None:
    """It says that nothing was judged."""
    path = tmp_path / "page.html"
    code, _ = pytest_here(tmp_path, "-n0", f"--html={path}", "-k", "absent", "tests/test_agreement.py")
    assert code == 0
    assert "Nothing was judged." in text(path.read_text(encoding="utf-8"))


def test_no_such_folder(tmp_path: Path) -> None:
    """Said before anything is judged."""
    code, printed = pytest_here(tmp_path, "--html=no/such/folder/page.html", "--collect-only")
    assert code == 4
    assert "--html no/such/folder/page.html: there is no folder" in printed


@pytest.mark.parametrize("module", LIBRARIES)
def test_no_such_library(tmp_path: Path, module: str) -> None:
    """So is a library that is not there; without the option nobody misses it."""
    without = f"import sys; sys.modules[{module!r}] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    code, printed = pytest_here(tmp_path, f"--html={tmp_path}/page.html", "--collect-only", program=("-c", without))
    assert code == 4
    assert f"the page is made with {LIBRARIES[module]}, not installed here: python -m pip install" in printed
    assert "rnn-parity[report]" in printed
    assert pytest_here(tmp_path, "--collect-only", "-q", "tests/test_h_n.py", program=("-c", without))[0] == 0


# In a browser

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
    return rendered(results, *(replace(PLAYERS[1], name=f"implementation-{place}") for place in range(20)))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; where it is not there a job that checks changes fails."""
    if CHROMIUM is None:
        why = "the page is looked at in Chromium, which is not on the path: apt-get install chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    with sync_playwright() as playwright, launched(playwright) as found:
        yield found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That page as a file."""
    written = tmp_path_factory.mktemp("page") / "page.html"
    written.write_text(everything(), encoding="utf-8")
    return written


@pytest.fixture(params=[(width, scheme) for width in (320, 1280) for scheme in ("light", "dark")], ids=str)
def tab(browser: Browser, path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, open at a width, in light or dark; nothing may go wrong in it, and nothing be asked of a network."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened, asked, wrong = context.new_page(), [], []
    opened.on("request", lambda sent: asked.append(sent.url))
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    opened.set_default_timeout(5000)
    opened.goto(path.as_uri())
    yield opened
    opened.screenshot(path=tmp_path / f"{width}-{scheme}.png", full_page=True)
    context.close()
    assert not wrong
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_it_fits(tab: Page) -> None:
    """The page is never wider than the window: what is wide scrolls in a box of its own."""
    for summary in tab.locator("summary").all():
        summary.click()
    assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert tab.locator(".wide").first.evaluate("box => box.scrollWidth >= box.clientWidth")
    assert tab.locator("h1").is_visible()


def test_it_is_accessible(tab: Page) -> None:
    """Axe finds nothing against WCAG AA: names, roles, order of headings, contrast."""
    for summary in tab.locator("summary").all():
        summary.click()
    found = Axe().run(tab).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found] == []


def test_copying(tab: Page) -> None:
    """A button copies its text, says so, and can be reached and pressed with the keyboard alone."""
    for number, script in ((1, SCRIPT), (2, NASTY)):
        button = tab.locator(f'[data-copies="finding-{number}-script"]')
        button.focus()
        tab.keyboard.press("Enter")
        expect(tab.locator("#said")).to_have_text("Copied to the clipboard.")
        assert button.text_content() == "Copied"
        assert tab.evaluate("navigator.clipboard.readText()") == script
        expect(button).to_have_text("Copy")


def test_copying_where_nothing_may_be_copied(tab: Page) -> None:
    """It is selected, and the reader is told to copy it."""
    tab.evaluate("navigator.clipboard.writeText = () => Promise.reject(); document.execCommand = () => false")
    tab.locator('[data-copies="finding-1-script"]').click()
    expect(tab.locator("#said")).to_have_text("Selected: copy it with Ctrl+C or ⌘C.")
    assert tab.evaluate("getSelection().toString()").strip() == SCRIPT.strip()


def test_the_keyboard_reaches_all(tab: Page) -> None:
    """Tab goes through every link, button, box that scrolls, and map, and shows where it is."""
    controls = "a[href], button, summary, [tabindex='0']"
    shown = f"[...document.querySelectorAll({controls!r})].filter(each => each.checkVisibility())"
    wanted = tab.evaluate(f"{shown}.map((each, place) => each.dataset.n = String(place))")
    reached = []
    for _ in wanted:
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.dataset.n"))
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached
    assert reached == wanted
    assert tab.evaluate("document.querySelector('a').textContent") == "Skip to the results"


def test_numbers_are_told(tab: Page) -> None:
    """Arrow keys and the pointer go from number to number, in tables and in maps of many numbers."""
    small, big = tab.locator('[aria-describedby="finding-2-1-1"]'), tab.locator('[aria-describedby="finding-1-1-1"]')
    small.focus()
    readout = tab.locator("#finding-2-1-1")
    assert readout.text_content() == "[t=0, j=0] expected 0.5, got 0.75, allowed nothing else, error Δ0.25"
    tab.keyboard.press("ArrowDown")
    assert readout.text_content() == "[t=1, j=0] expected 1, got inf, allowed ±0.5, error ∞"
    tab.keyboard.press("ArrowRight")
    assert readout.text_content() == "[t=1, j=1] expected 0.25, got 0.25, allowed anything, error free"
    tab.keyboard.press("ArrowRight")
    assert readout.text_content().startswith("[t=1, j=1]")
    assert small.locator("td.here").count() == 3
    got = big.locator("svg").nth(1)
    got.hover(position={"x": got.bounding_box()["width"] - 5, "y": 5})
    assert tab.locator("#finding-1-1-1").text_content().startswith("[t=0, j=8] expected ")


def test_without_scripts(browser: Browser, path: Path) -> None:
    """Everything but copying is there without them."""
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(path.as_uri())
    assert not opened.locator("[data-copies]").first.is_visible()
    assert SCRIPT in opened.locator("#finding-1-script").text_content()
    context.close()
