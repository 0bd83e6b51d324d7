"""The page of `--html`: what stands in it, and that nothing breaks it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_parity.reference.balls import Ball
from rnn_parity.registry.torch_defects import INHERITED
from rnn_parity.strategies.plain import to_plain
from rnn_parity.tests.judge.finding.pictures import _picture
from rnn_parity.tests.judge.report.html import LIBRARIES
from rnn_parity.tests.judge.report.html.maps import MOST_NUMBERS, Gallery
from rnn_parity.tests.judge.report.html.plots import distribution, heat_map
from rnn_parity.tests.judge.report.results import Result
from rnn_parity.tests.judge.trial.counts import BINS, FACETS, NAMES, count_drawn, count_margin, key, together
from rnn_parity.tests.judge.trial.features import FEATURES
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.suite.pages import (
    ABSENT,
    CASE,
    NASTY,
    OUTPUT,
    PLAYERS,
    finding,
    full,
    gathered,
    large,
    picture,
    rendered,
    twenty,
)
from rnn_parity.tests.suite.running import pytest_run, python_run

MOST_BYTES = 3_000_000


def text(html: str) -> str:
    """What stands in a page outside of tags, styles and scripts, in one line."""
    without = re.sub(r"(?s)<(style|script)>.*?</\1>", " ", html)
    return " ".join(re.sub(r"<[^>]*>", " ", without).split())


# What stands in it

AGREES = [Result(player.name, "agreement", "agrees", cases=300, cpu_seconds=2.0) for player in PLAYERS]
#: What is said of torch's defects, where this machine shows them.
KNOWN = ", 1 known defect left out" * sum(defect.present() for defect in INHERITED)
#: Results, and the sentence at the top.
VERDICTS = {
    "agreeing": (AGREES, "No disagreement: all 4 implementations give what is demanded."),
    "alone": (AGREES[:1], f"linear computes what nn.RNN computes (1 property, 300 cases{KNOWN})."),
    "disagreeing": ([*AGREES[1:], Result("linear", "laws", "disagrees")], "1 of 4 implementations disagrees: linear."),
    "alone and wrong": ([Result("linear", "laws", "disagrees")], "linear fails laws."),
    "broken": (
        [*AGREES, Result("numpy", "laws", "error")],
        "No disagreement, but errors that are no verdict: numpy.",
    ),
    "skipped": (
        [Result("numpy", "laws", "unsupported")],
        "numpy was not judged: nothing of what was asked could be; pytest -rs says why.",
    ),
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
        "agrees: 300 0.25", "disagrees: #finding-2 disagrees", "unsupported: -", "agrees: 5~", "error: error",
        "agrees: 28 2 known",
    ]  # fmt: skip
    assert set(row(html, "properties", "absent")) == {"absent: ×"}


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
        diagnosis=["the bug: W_hh is read transposed"],
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
        "linear fails agreement", "The bug the bug: W_hh is read transposed", "What differs output[t=0, b=0, j=0]",
        "Where it begins t=0 is right", "Two units matter.", "reduced from relu T9 in 42 calls.", "agree nn.rnn, numpy",
        "replay Copy pytest --case=x.json", "archive Copy pytest --archive", "import torch print",
    ):  # fmt: skip
        assert part in said, part
    assert "disagree" not in said
    assert "Diagnosis One of two:" in text(second)
    assert "script" not in text(second)
    assert "None: nothing came back that has the shape of what is expected" in text(second)
    assert html.index("W_hh is read transposed") < html.index('id="conformance"') < html.index("<article")


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
    assert panel.numbers["numbers"][1] == [["1", "inf", "0.5", "∞"], ["0.25", "0.25", "inf", "free"]]


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
    """What `rnn_parity.tests.judge.finding.pictures` makes can be drawn, whatever the axes."""
    for name, part in (
        ("output", np.zeros((2, 1, 4))),
        ("h_n", np.zeros((2, 1, 2))),
        ("gradient of bias_ih_l0", np.zeros(2)),
    ):
        made = asdict(_picture(CASE, name, part + 1, Ball(part, part)))
        assert drawn(json.loads(json.dumps(made)))[0].wrong == part.size


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
    for name, value in {
        "steps T": "2",
        "rows B": "1",
        "directions": "bidirectional",
        "bias": "biases",
        "h_0": "absent",
    }.items():
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


def test_size() -> None:
    """It can be attached to an issue."""
    assert len(rendered(full(), *twenty()).encode()) < MOST_BYTES


# From the command line

#: Three implementations: one right, one wrong, one not there.
SOURCE = """
import torch
from rnn_parity import Capabilities, register

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


def pytest_here(folder: Path, *arguments: str, without: str = "") -> tuple[int, str]:
    """A run of pytest in the checkout on the implementations above: its exit status and what it prints."""
    (folder / "players.py").write_text(SOURCE, encoding="utf-8")
    quick = ["--cases=20", "--hypothesis-seed=3", "-pno:cacheprovider", f"--impl={folder}/players.py"]
    own, asked = {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis")}, [*quick, *arguments]
    program = f"import sys; sys.modules[{without!r}] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    ran = python_run("-c", program, *asked, **own) if without else pytest_run(*asked, **own)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run(tmp_path: Path, workers: int) -> None:
    """A run writes its page, with any number of workers."""
    path = tmp_path / "page.html"
    code, printed = pytest_here(tmp_path, f"-n{workers}", f"--html={path}", "tests/test_agreement.py")
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
    code, printed = pytest_here(tmp_path, f"--html={tmp_path}/page.html", "--collect-only", without=module)
    assert code == 4
    assert f"the page needs {LIBRARIES[module]}, not installed here. Run python -m pip install" in printed
    assert "rnn-parity[report]" in printed
    assert pytest_here(tmp_path, "--collect-only", "-q", "tests/test_h_n.py", without=module)[0] == 0
