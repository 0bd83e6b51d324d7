"""The run that follows from the command line: who is judged, on how many cases, from which seed."""

from __future__ import annotations

import math
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import torch
from hypothesis import HealthCheck, Phase, settings

from impls import DEVICES, Implementation, RegistrationError, resolve
from impls.isolation import Limits
from impls.registry import in_group
from tests.commandline import CASES, LEAST_MEMORY, SECONDS
from tests.judge import database, html, scripts
from tests.judge.parts import WHOLE, Part

_CI_SEED = 0


@dataclass(frozen=True)
class Run:
    """One run, the same in every worker."""

    implementations: tuple[Implementation, ...]
    cases: int
    seed: int
    profile: str
    archive: Path | None
    replay: Path | None
    #: CPU seconds for each property and implementation.
    seconds: float = math.inf
    #: Where tensors lie.
    device: str = "cpu"
    #: Why nothing can be judged there; empty where it can.
    no_device: str = ""
    #: Where scripts are written that reproduce what was found.
    reproduction: Path | None = None
    #: What one call may take.
    limits: Limits = field(default_factory=Limits)
    #: Which part of it is judged here.
    part: Part = WHOLE
    #: What is judged of the tests: paths, expressions of names and marks.
    selected: tuple[str, ...] = ()


RUN = pytest.StashKey[Run]()


def configure(config: pytest.Config) -> None:
    """Read the options, once in the controller and once in every worker.

    Raises:
        pytest.UsageError: an option names something that is not there.
    """
    profile = _load_profile(config)
    database.share(config)
    replay = config.getoption("case")
    if replay and not Path(replay).is_file():
        raise pytest.UsageError(f"--case {replay}: there is no such file")
    archive = config.getoption("archive")
    if archive and Path(archive).exists() and not Path(archive).is_dir():
        raise pytest.UsageError(f"--archive {archive}: expected a folder, found a file")
    reproduction = config.getoption("repro")
    if reproduction and (objection := scripts.objection(Path(reproduction))):
        raise pytest.UsageError(f"--repro {reproduction}: {objection}")
    check_outputs(config)
    config.stash[RUN] = Run(
        implementations=_implementations(
            config.getoption("impl"), config.getoption("group"), apart=config.getoption("isolate")
        ),
        seconds=config.getoption("seconds") or SECONDS.get(profile, SECONDS["dev"]),
        cases=config.getoption("cases") or CASES.get(profile, CASES["dev"]),
        seed=_seed(config, profile),
        profile=profile,
        archive=Path(archive) if archive else None,
        replay=Path(replay) if replay else None,
        device=config.getoption("device"),
        reproduction=Path(reproduction) if reproduction else None,
        no_device=_use_device(config.getoption("device")),
        limits=Limits(config.getoption("time_limit"), _memory(config)),
        part=_part(config, profile),
        selected=(*config.args, config.option.keyword, config.option.markexpr),
    )


def check_outputs(config: pytest.Config) -> None:
    """See to it that what a run asks for can be written.

    Raises:
        pytest.UsageError: it cannot.
    """
    for option in ("report", "table", "html"):
        written = config.getoption(option)
        if written and not Path(written).absolute().parent.is_dir():
            raise pytest.UsageError(f"--{option} {written}: there is no folder {Path(written).absolute().parent}")
    if config.getoption("html") and (absent := html.missing()):
        raise pytest.UsageError(
            f"--html {config.getoption('html')}: the page is made with {', '.join(absent)}, not installed here: "
            "python -m pip install 'rnn-parity[report]', or -e '.[report]' in a checkout"
        )


def _memory(config: pytest.Config) -> float:
    """Bytes that a process may hold during a call: as asked, or the machine's own memory shared out among workers."""
    if asked := config.getoption("memory_limit"):
        return float(asked * 2**20)
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    return max(LEAST_MEMORY * 2.0**20, 0.75 * psutil.virtual_memory().total / workers)


def _use_device(name: str) -> str:
    """Have tensors made on a device from now on; why it cannot be, where the machine has none.

    On a GPU cuDNN may compute float32 in TensorFloat32 (torch.backends.cudnn.allow_tf32): that is torch's default, and
    judged as it is.
    """
    if name not in DEVICES:
        raise pytest.UsageError(f"--device {name}: expected one of {', '.join(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        return "there is no cuda device on this machine: torch.cuda.is_available() is False"
    torch.set_default_device(name)
    return ""


def _implementations(asked: list[str] | None, group: str, *, apart: bool = False) -> tuple[Implementation, ...]:
    try:
        if asked:
            found = tuple({found.name: found for name in asked for found in resolve(name)}.values())
        else:
            found = tuple(in_group(group))
    except RegistrationError as error:
        raise pytest.UsageError(str(error)) from error
    return tuple(implementation.isolated() for implementation in found) if apart else found


def _load_profile(config: pytest.Config) -> str:
    """Our profiles replace Hypothesis's own of those names: its `ci` derandomizes, ours keeps the shards' seeds."""
    common = settings(
        deadline=None,
        report_multiple_bugs=False,
        print_blob=False,
        # Judging costs as much as the implementation takes, and a case may hold a large network.
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )
    settings.register_profile("dev", common)
    settings.register_profile("ci", common, database=None, derandomize=False)
    settings.register_profile("hunt", common)
    name = config.getoption("hypothesis_profile", None) or ("ci" if os.environ.get("CI") else "dev")
    settings.load_profile(name)
    return str(name)


def _part(config: pytest.Config, profile: str) -> Part:
    part = Part(*(config.getoption("shard") or ()))
    asked = config.getoption("hypothesis_seed", None) not in (None, "random")
    if part != WHOLE and not asked and profile != "ci" and not hasattr(config, "workerinput"):
        raise pytest.UsageError(
            f"--shard {part}: the parts of a run are those of one seed, and this one would take a fresh one: "
            "give all of them the same --hypothesis-seed=N (profile ci has a fixed one)"
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
