"""The pages say what is so: their commands, options, properties, links and outputs."""

import re
import sys
import tomllib
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

import rnn_parity
from rnn_parity import registered
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import PROPERTIES
from rnn_parity.tests.judge.demands.property import group_of, load_properties
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.checkouts import copied
from rnn_parity.tests.suite.running import pytest_run

#: What somebody who reports something fills in.
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
#: The first page, and those that it leads to.
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in (
        *(
            "README.md",
            "impls/README.md",
            "impls/COOKBOOK.md",
            "strategies/README.md",
            "tests/README.md",
            "tests/suite/README.md",
        ),
        *("tests/measures/README.md", ".github/CONTRIBUTING.md", ".github/CHANGELOG.md"),
        *(path.relative_to(ROOT).as_posix() for path in FORMS),
    )
}
README = "\n".join(PAGES.values())


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def pytest_here(*arguments: str, folder: Path = ROOT, others: bool = False) -> str:
    """What pytest prints, run in a checkout, in a terminal as wide as the README."""
    own = {"COLUMNS": "120", "CI": "true"} | ({} if folder == ROOT else {"PYTHONPATH": str(folder.parent)})
    return pytest_run(*arguments, folder=folder, others=others, **own).stdout


#: The chapter on one's own: the first try, the mended one, and the template for a foreign library.
FIRST, MENDED = (block for block in blocks("python") if '"my-rnn"' in block)
(THEIRS,) = (block for block in blocks("python") if '"theirs"' in block)
QUICK = ("--cases=40", "--hypothesis-seed=1")


def written(folder: Path, source: str) -> Path:
    """The file that the chapter has the reader write."""
    path = folder / "my_rnn.py"
    path.write_text(source, encoding="utf-8")
    return path


def test_the_first_try_is_caught_as_shown(tmp_path: Path) -> None:
    """The command of the README gives the counterexample of the README."""
    (shown,) = [block for block in blocks("text") if "minimal case" in block and "my-rnn" in block]
    (command,) = re.findall(r"^\$ pytest -n auto (--impl=my_rnn.py --hypothesis.*)$", README, re.MULTILINE)
    asked = command.replace("my_rnn.py", str(written(tmp_path, FIRST))).split()
    printed = pytest_here("-n0", *asked, others=True)

    before, _, after = shown.partition("  (reduced from")
    # How many cases are looked at for a diagnosis depends on how fast a machine is.
    figures = re.compile(r"\d+(?= cases,| of them| bug models)")
    for line in before.splitlines() + after.partition("\non this same case")[0].splitlines()[1:]:
        assert figures.sub("#", line) in figures.sub("#", printed)
    # Where more is installed than the README supposes, the end of the line counts those for whom there is no room.
    agreeing, others = (re.findall(pattern, printed) for pattern in (r"  agree: (.*)", r"  (?:dis|cannot).*: (.*)"))
    for name in re.findall(r"  agree: (.*)", shown)[0].split(", "):
        assert not registered()[name].installed or name in agreeing[0] or agreeing[0].endswith(" more")
        assert name not in ", ".join(others).split(", ")


@pytest.mark.parametrize("source", [MENDED, THEIRS], ids=["mended", "theirs"])
def test_the_mended_one_and_the_template_agree(tmp_path: Path, source: str) -> None:
    """On every property that they offer, and they leave out no more than they say."""
    assert "`pytest -n auto --impl=my_rnn.py`" in PAGES["README.md"]
    assert len(source.splitlines()) < 60
    printed = pytest_here("-n2", f"--impl={written(tmp_path, source)}", *QUICK)
    assert "; no disagreement" in printed
    assert "failed" not in printed
    if source == MENDED:
        (ending,) = [block for block in blocks("text") if "my-rnn computes" in block]
        # How near to its bound a result comes, the order of sums decides, and that the processor; as whether torch has
        # a defect there.
        shown, seen = (
            re.sub(r"0\.\d\d of its\s+bound(,\s+1\s+known\s+defect\s+left\s+out)?", "# of its bound", text).splitlines()
            for text in (ending, printed)
        )
        assert [line for line in shown if line not in seen] == []


def test_in_the_tree_it_touches_nothing_else(tmp_path: Path) -> None:
    """A file in impls/ is judged by its name, and listed."""
    folder = copied(tmp_path, "suite")
    written(folder, MENDED)
    asked = ["-n0", "-p", "no:cacheprovider", "--impl=my-rnn", *QUICK, "tests/test_agreement.py"]
    assert "my-rnn computes what nn.RNN computes (1 property, 40 cases" in pytest_here(
        *asked, folder=folder, others=True
    )
    assert "my-rnn  (torch " in pytest_here("--list-impls", folder=folder, others=True)


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z-]+)", README))))
def test_every_option_is_there(option: str) -> None:
    """pytest knows every option that the README names."""
    assert re.search(rf"{option}\b", helped())


@cache
def helped() -> str:
    return pytest_here("--help")


def test_every_property_is_explained() -> None:
    """The table of demands has every property, in its group."""
    groups = dict(re.findall(r"^\| `(\w+)` \| `?(\w*)`? \| ", PAGES["tests/README.md"], re.MULTILINE))
    rows = list(groups)
    assert groups == {name: group_of(name) for name in rows}
    assert sorted(rows) == sorted([*load_properties(), "archive"])
    assert set(rows) - {"archive"} == set(PROPERTIES)


def test_every_property_says_what_it_leaves_out() -> None:
    """In which modes of use it never judges, and why, or which property does."""
    load_properties()
    silent = [
        name for name, found in PROPERTIES.items() if "\n    Not judged here: " not in (found.check.__doc__ or "")
    ]
    assert not silent


def test_every_environment_is_there() -> None:
    """tox has every environment that the README calls."""
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    there = {
        f"{begins}{name}"
        for begins, names in re.findall(r"^\[testenv:([\w-]*?)\{?([\w,-]+)\}?\]$", tox, re.MULTILINE)
        for name in names.split(",")
    }
    assert set(re.findall(r"tox -e ([\w-]+)", README)) <= there


def test_check_and_properties_as_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the pages write of them works as it stands there, with nn.RNN for MyRNN."""
    monkeypatch.setattr(rnn_parity, "check", partial(rnn_parity.check, cases=20, only="results"), raising=False)
    shown = [block for block in blocks("python") if "import check" in block]
    assert len(shown) == 2
    names = {"MyRNN": torch.nn.RNN}
    for block in shown:
        exec(block, names)  # noqa: S102, which is what a reader does
    assert names["verdict"]
    assert names["test_parity"].pytestmark[0].name == "parametrize"


def test_shrink_as_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a network that forgets its initial state."""

    def agrees(case: Case) -> bool:
        return case.h_0 is None or not (case.h_0.any() and case.weights["weight_hh_l0"].any())

    monkeypatch.setitem(sys.modules, "mine", SimpleNamespace(agrees=agrees))
    (block,), names = [block for block in blocks("python") if "shrink(" in block], {}
    exec(block, names)  # noqa: S102, which is what a reader does
    with pytest.raises(AssertionError) as failed:
        names["test_mine"]()
    assert f"AssertionError: {failed.value}\n" in blocks("text")


def test_python_blocks_are_python() -> None:
    """Every example compiles."""
    for block in blocks("python"):
        compile(block, "README.md", "exec")


def test_ci_runs_the_command_of_the_readme() -> None:
    """What a change must pass is what the README tells a newcomer to type."""
    commands = re.findall(r"^\$ (?:python -m pip install tox && )(tox)$", PAGES["README.md"], re.MULTILINE)
    assert commands == ["tox"]
    assert "python -m pip install --quiet tox && tox\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (default,) = re.findall(r"^env_list = (.*)$", (ROOT / "tox.ini").read_text(encoding="utf-8"), re.MULTILINE)
    assert (default, "\n**Lint, types and the quick tests** of" in PAGES["README.md"]) == ("lint, types, quick", True)


def test_the_first_page_is_short() -> None:
    """It is read before anything is tried."""
    assert len(PAGES["README.md"].splitlines()) <= 170


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_forms_ask_for_the_archived_case(form: Path) -> None:
    """Each has a name, and a field for the case, which cannot be left out and says how it is written."""
    read = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert read["name"]
    assert read["description"]
    fields = {field["id"]: field for field in read["body"]}
    assert fields["case"]["validations"]["required"]
    assert "--archive=" in fields["case"]["attributes"]["description"]


def test_there_are_forms() -> None:
    """For all that is reported, and the guide leads to each."""
    assert [form.stem for form in FORMS] == ["finding", "missed_bug", "wrong_accusation"]
    assert all(f"(ISSUE_TEMPLATE/{form.name})" in PAGES[".github/CONTRIBUTING.md"] for form in FORMS)


def test_the_changelog_begins_with_this_version() -> None:
    """What users notice is told where the version is raised."""
    newest = re.findall(r"^## (.*)$", PAGES[".github/CHANGELOG.md"], re.MULTILINE)[0]
    assert newest == tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """To a file, and to a heading of it."""
    for path, _, heading in re.findall(r"\]\((?!http)([^)#]*)(#?)([^)]*)\)", PAGES[page]):
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        if heading:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", found).lower().replace(" ", "-") for found in headings}


def test_every_folder_of_the_judge_is_on_the_map() -> None:
    """With what it decides."""
    there = {path.parent.name for path in (ROOT / "tests" / "judge").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)/` \|", PAGES["tests/README.md"], re.MULTILINE)) == there
