"""A database that machines share: each replays first what another found, and a lost server ends nothing."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from rnn_parity.tests.judge.schedule.database import Shared, objection
from rnn_parity.tests.suite.running import pytest_run
from rnn_parity.tests.suite.waiting import free_port, listens, wait_for

#: One that fails where T is 3 or more, which no first case is; and one that is right, and takes the server down.
PLAYERS = """
import os, signal
import torch
from rnn_parity import register

@register("short")
def short(config, weights):
    module = torch.nn.RNN(**config.module_arguments()).to(config.dtype)
    module.load_state_dict(dict(weights))

    def run(x, h_0=None):
        if x.dim() == 3 and x.shape[1 - (not config.batch_first)] >= 3:
            raise ValueError("too long")
        return torch.no_grad()(module)(x, h_0)

    return run

@register("a-killer")
def killer(config, weights):
    if (server := os.environ.pop("SERVER", "")):
        os.kill(int(server), signal.SIGKILL)
    module = torch.nn.RNN(**config.module_arguments()).to(config.dtype)
    module.load_state_dict(dict(weights))
    return torch.no_grad()(module)
"""


class Server(NamedTuple):
    """A Redis server of one's own."""

    process: subprocess.Popen[bytes]
    address: str


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on a free port, with a folder that goes with it."""
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on the path: apt-get install redis-server")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: listens(port))
        yield Server(process, f"redis://127.0.0.1:{port}/0")
        process.kill()


def run(storage: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """A run of a machine that has its own database in a folder."""
    storage.mkdir(exist_ok=True)
    (storage / "players.py").write_text(PLAYERS)
    own = {"HYPOTHESIS_STORAGE_DIRECTORY": str(storage / "hypothesis"), "COLUMNS": "200"}
    asked = "-pno:cacheprovider", "--hypothesis-profile=ci", f"--impl={storage}/players.py", "tests/test_h_0.py"
    ran = pytest_run(*asked, *arguments, **own | environment)
    return ran.returncode, ran.stdout + ran.stderr


def test_what_one_finds_another_replays_first(tmp_path: Path, server: Server) -> None:
    """A machine with an empty database of its own fails on the first case where it shares, and passes where not."""
    shared = f"--database={server.address}"
    code, text = run(tmp_path / "one", "-n0", "-kshort", "--cases=40", shared)
    assert (code, "too long" in text, "was lost" in text) == (1, True, False)
    code, text = run(tmp_path / "alone", "-n0", "-kshort", "--cases=1")
    assert (code, "too long" in text) == (0, False)
    code, text = run(tmp_path / "two", "-n2", "-kshort", "--cases=1", shared)
    assert (code, "too long" in text, "was lost" in text) == (1, True, False)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_server_that_is_killed_loses_nothing(tmp_path: Path, server: Server, workers: int) -> None:
    """The run goes on, says once what happened, finds what there is, and keeps it in its own database."""
    shared = f"--database={server.address}"
    code, text = run(tmp_path / "one", f"-n{workers}", "--cases=40", shared, SERVER=str(server.process.pid))
    assert server.process.wait(10) == -9
    assert (code, "too long" in text, "INTERNALERROR" in text) == (1, True, False)
    assert text.count(f"warning: the database {server.address} was lost") == 1
    assert "a-killer" in text
    code, text = run(tmp_path / "one", "-n0", "-kshort", "--cases=1", shared)
    assert (code, "too long" in text) == (1, True)


def test_a_server_that_is_not_there_ends_nothing(tmp_path: Path) -> None:
    """From the start; its password is not told."""
    code, text = run(
        tmp_path / "one", "-n0", "-ka-killer", "--cases=3", f"--database=redis://:secret@127.0.0.1:{free_port()}/0"
    )
    assert code == 0
    assert "warning: the database redis://...@127.0.0.1:" in text
    assert "secret" not in text


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    """At once, with what was expected."""
    code, text = run(tmp_path / "one", "--database=nowhere")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "--database nowhere: expected the address of a Redis server, redis://HOST:PORT/0" in text
    code, text = run(tmp_path / "one", "--database=redis://host:1/0", "--hypothesis-seed=1")
    assert "Hypothesis reads no database where a seed is given" in text
    code, text = run(tmp_path / "one", "--database=redis://host:port/0")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in text


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "python -m pip install 'rnn-parity[redis]'" in objection("redis://host:1/0")


def test_once_lost_it_is_left_alone() -> None:
    """A server that does not answer is asked once, and not for each case."""
    shared = Shared(f"redis://127.0.0.1:{free_port()}/0")
    shared.save(b"key", b"value")
    assert "ConnectionError" in shared.lost
    started = time.monotonic()
    for _ in range(1000):
        assert list(shared.fetch(b"key")) == []
        shared.delete(b"key", b"value")
    assert time.monotonic() - started < 1
    shared.close()
