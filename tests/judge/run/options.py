"""The run that follows from the command line: who is judged, on how many cases, from which seed."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from hypothesis import Phase, settings

from rnn_parity import DEVICES, Implementation, RegistrationError, resolve
from rnn_parity.contract import KINDS
from rnn_parity.registry import in_group, nearest
from rnn_parity.registry.limits import Limits
from rnn_parity.registry.modules import for_module
from rnn_parity.tests.commandline.options import CASES, LARGE_CASES, LEAST_MEMORY, ROUND_SECONDS, SECONDS
from rnn_parity.tests.judge.base.fuzzing import fuzzing
from rnn_parity.tests.judge.base.groups import GROUPS
from rnn_parity.tests.judge.base.part import WHOLE, Part
from rnn_parity.tests.judge.base.places import TESTS
from rnn_parity.tests.judge.base.settings import RUN, Run
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.report import html, scripts
from rnn_parity.tests.judge.run import expected
from rnn_parity.tests.judge.schedule import database
from rnn_parity.tests.judge.schedule.profiles import common
from rnn_parity.tests.judge.schedule.shards import SHARD
from rnn_parity.tests.judge.trial import surroundings

_CI_SEED = 0


def configure(config: pytest.Config) -> None:
    """Read the options, once in the controller and once in every worker.

    Raises:
        pytest.UsageError: an option names something that is not there.
    """
    _refuse_with_minutes(config)
    profile = _load_profile(config)
    replay, minutes = config.getoption("case"), config.getoption("minutes") or 0.0
    database.share(config)
    if replay is not None:
        _replay_only(config, Path(replay))
    kept = config.getoption("archive")
    if kept and Path(kept).exists() and not Path(kept).is_dir():
        raise pytest.UsageError(f"--archive {kept}: expected a folder, found a file")
    reproduction = config.getoption("repro")
    if reproduction and (objection := scripts.objection(Path(reproduction))):
        raise pytest.UsageError(f"--repro {reproduction}: {objection}")
    check_outputs(config)
    only = _named("--only", "group of properties", config.getoption("only") or (), GROUPS)
    cells = _named("--cell", "kind of cells", config.getoption("cell") or (), KINDS)
    config.stash[RUN] = Run(
        implementations=_implementations(
            config.getoption("impl"),
            config.getoption("group"),
            cells,
            apart=config.getoption("isolate"),
            hunted=minutes > 0,
        ),
        seconds=_seconds(config, profile),
        # A hunt runs each item again and again, and HypoFuzz goes on with each for ever.
        cases=SHARD
        if minutes or fuzzing()
        else config.getoption("cases") or _cases(config.getoption("sizes"), profile),
        minutes=minutes,
        sizes=config.getoption("sizes"),
        seed=_seed(config, profile),
        profile=profile,
        archive=Path(kept) if kept else None,
        replay=Path(replay) if replay else None,
        device=config.getoption("device"),
        reproduction=Path(reproduction) if reproduction else None,
        no_device=_use_device(config.getoption("device")),
        limits=Limits(config.getoption("time_limit"), _memory(config)),
        part=_part(config, profile),
        only=only,
        cells=cells,
        expected=_expected(config.getoption("expected")),
        selected=(*config.args, config.option.keyword, config.option.markexpr, *only, *cells),
    )


def _replay_only(config: pytest.Config, path: Path) -> None:
    """Have the replay of one case collected, whatever tests are named beside it.

    Raises:
        pytest.UsageError: the file is not there, or holds no case.
    """
    if not path.is_file():
        found = "found a folder" if path.is_dir() else "there is no such file"
        raise pytest.UsageError(f"--case {path}: expected a file that --archive wrote, {found}")
    try:
        archive.read(path)
    except archive.UnreadableCase as error:
        raise pytest.UsageError(f"--case {error}") from error
    if config.args_source is config.ArgsSource.ARGS:
        config.args[:] = [str(TESTS / "test_archive.py")]


def _refuse_with_minutes(config: pytest.Config) -> None:
    """Refuse options beside `--minutes` that say how much is judged, as a hunt decides that itself.

    Raises:
        pytest.UsageError: another option says how much of what is to be judged.
    """
    if not config.getoption("minutes"):
        return
    reasons = {
        "cases": "a hunt judges as many cases as its minutes allow",
        "seconds": "a hunt divides its minutes among properties and implementations itself",
        "case": "a replay judges one case, and draws none",
        "shard": "every machine hunts on fresh seeds, so that a hunt has no parts",
    }
    for option, reason in reasons.items():
        if config.getoption(option):
            raise pytest.UsageError(f"--minutes and --{option} do not go together: {reason}. Leave one of them out")
    asked = config.getoption("hypothesis_profile", None)
    if asked not in (None, "hunt"):
        raise pytest.UsageError(
            f"--minutes and --hypothesis-profile={asked} do not go together: a hunt has the profile hunt. Leave it out"
        )


def _seconds(config: pytest.Config, profile: str) -> float:
    """CPU seconds that an implementation may take for a property, or for a round of it."""
    if fuzzing():
        return math.inf
    if config.getoption("minutes"):
        return ROUND_SECONDS
    return config.getoption("seconds") or SECONDS.get(profile, SECONDS["dev"])


def _cases(sizes: str, profile: str) -> int:
    return LARGE_CASES if sizes == "large" else CASES.get(profile, CASES["dev"])


def check_outputs(config: pytest.Config) -> None:
    """See to it that what a run asks for can be written.

    Raises:
        pytest.UsageError: it cannot.
    """
    for option in ("report", "table", "html"):
        written = config.getoption(option)
        if written is None:
            continue
        if not written or Path(written).is_dir():
            raise pytest.UsageError(
                f"--{option} {written}: expected a file, found {'a folder' if written else 'no name'}"
            )
        if not Path(written).absolute().parent.is_dir():
            raise pytest.UsageError(f"--{option} {written}: there is no folder {Path(written).absolute().parent}")
    if config.getoption("html") and (absent := html.missing()):
        raise pytest.UsageError(
            f"--html {config.getoption('html')}: the page needs {', '.join(absent)}, not installed here. Run "
            "python -m pip install 'rnn-parity[report]', or -e '.[report]' in a checkout"
        )


def _memory(config: pytest.Config) -> float:
    """Bytes that a process may hold during a call: as asked, or the machine's own memory shared out among workers."""
    if asked := config.getoption("memory_limit"):
        return float(asked * 2**20)
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    return float(max(LEAST_MEMORY * 2.0**20, 0.75 * psutil.virtual_memory().total / workers))


def _use_device(name: str) -> str:
    """Have tensors made on a device from now on; why it cannot be, where the machine has none.

    On a GPU cuDNN may compute float32 in TensorFloat32 (torch.backends.cudnn.allow_tf32): that is torch's default, and
    judged as it is.
    """
    if name not in DEVICES:
        raise pytest.UsageError(f"--device {name}: expected one of {', '.join(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        return "there is no cuda device on this machine: torch.cuda.is_available() is False"
    surroundings.use_device(torch.device(name))
    return ""


def _implementations(
    asked: list[str] | None, group: str, cells: tuple[str, ...] = (), *, apart: bool = False, hunted: bool = False
) -> tuple[Implementation, ...]:
    try:
        if asked:
            found = tuple({found.name: found for name in asked for found in resolve(name)}.values())
        else:
            found = tuple(in_group(group))
        for each in found if hunted else ():  # Without a first look, which would find out what it takes on.
            if each.unclaimed and hasattr(each.build, "module"):
                for_module(f"--impl {each.asked}", each.build.module, {})
    except RegistrationError as error:
        raise pytest.UsageError(str(error)) from error
    if cells and not (found := tuple(_of_cells(found, cells))):
        raise pytest.UsageError(f"--cell {', '.join(cells)}: none of the implementations that are asked for claims it")
    return tuple(implementation.isolated() for implementation in found) if apart else found


def _of_cells(found: Iterable[Implementation], cells: tuple[str, ...]) -> Iterator[Implementation]:
    """Yield those that claim one of these kinds of cells, with these alone claimed."""
    for implementation in found:
        if claimed := tuple(cell for cell in implementation.capabilities.cells if cell in cells):
            yield replace(implementation, capabilities=replace(implementation.capabilities, cells=claimed))


def _named(option: str, what: str, asked: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Return what an option names out of what is known, in its order.

    Raises:
        pytest.UsageError: there is no such thing.
    """
    names = {name.strip() for text in asked for name in text.split(",")}
    if unknown := sorted(names - set(known)):
        raise pytest.UsageError(
            f"{option}: there is no {what} {unknown[0]!r}{nearest(unknown[0], known)}; they are {', '.join(known)}"
        )
    return tuple(name for name in known if name in names)


def _expected(path: str | None) -> expected.Expected:
    """Return the failures that a file lists.

    Raises:
        pytest.UsageError: it cannot be read, or lists something else.
    """
    try:
        return expected.read(Path(path)) if path else {}
    except ValueError as error:
        raise pytest.UsageError(f"--expected {error}") from error


def _load_profile(config: pytest.Config) -> str:
    """Replace Hypothesis's own profiles of those names: its `ci` derandomizes, ours keeps the shards' seeds."""
    settings.register_profile("dev", common())
    settings.register_profile("ci", common(database=None, derandomize=False))
    # Steered towards the bounds; and what the seed gives is all that it gives, so that its command repeats a round.
    settings.register_profile("hunt", common(database=None, phases=[*common().phases, Phase.target]))
    usual = "hunt" if config.getoption("minutes") else "ci" if os.environ.get("CI") else "dev"
    name = config.getoption("hypothesis_profile", None) or usual
    settings.load_profile(name)
    return str(name)


def _part(config: pytest.Config, profile: str) -> Part:
    part = Part(*(config.getoption("shard") or ()))
    asked = config.getoption("hypothesis_seed", None) not in (None, "random")
    if part != WHOLE and not asked and profile != "ci" and not hasattr(config, "workerinput"):
        raise pytest.UsageError(
            f"--shard {part}: all parts of a run need the same seed, and this one would take a fresh one. "
            "Give every part the same --hypothesis-seed=N, or use the profile ci, which has a fixed seed"
        )
    return part


def _seed(config: pytest.Config, profile: str) -> int:
    if hasattr(config, "workerinput"):
        return int(config.workerinput["rnn_parity_seed"])
    asked = config.getoption("hypothesis_seed", None)
    if asked is not None and asked != "random":
        try:
            return int(asked)
        except ValueError as error:
            raise pytest.UsageError(f"--hypothesis-seed: expected an integer or 'random', found {asked!r}") from error
    return _CI_SEED if profile == "ci" else random.SystemRandom().randrange(2**32)
