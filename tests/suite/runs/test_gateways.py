"""One run over several machines: copies of the checkout on this one, reached by sockets and by ssh."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.checkouts import copied
from rnn_parity.tests.suite.lending import lent
from rnn_parity.tests.suite.players import NETWORK
from rnn_parity.tests.suite.running import ALONE
from rnn_parity.tests.suite.waiting import free_port, listens, wait_for

#: Each takes both cores.
pytestmark = pytest.mark.xdist_group("gateways")

PLAYERS = f"""{NETWORK}
@register("good")
def good(config, weights):
    return network(config, weights)

@register("forgetful")
def forgetful(config, weights):
    return network(config, weights, "bias_hh")
"""
SELECTED = "(agreement or h_n or calls) and (good or forgetful) and not archive"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout: what another machine has."""
    return copied(tmp_path_factory.mktemp("elsewhere"))


def begun(folder: Path, *arguments: str, cases: int = 40) -> subprocess.Popen[str]:
    """A run over several machines, that archives what it finds in a folder."""
    players = folder / "players.py"
    players.write_text(PLAYERS, encoding="utf-8")
    options = f"--impl={players}", f"--archive={folder / 'archive'}", f"--cases={cases}", f"-k{SELECTED}"
    quiet = "-q", "-pno:cacheprovider", *ALONE, "--hypothesis-seed=1"
    command = [sys.executable, "-m", "pytest", *quiet, "-d", *options]
    return subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def kept(folder: Path) -> list[str]:
    """The properties of the cases that were archived."""
    return sorted(archive.read(path).property for path in archive.files(folder / "archive"))


def test_two_machines(tmp_path: Path, elsewhere: Path) -> None:
    """Both judge; what is wrong is told once, and archived where the run was told."""
    with lent(elsewhere) as (one, _), lent(elsewhere) as (other, _):
        printed = begun(tmp_path, one, other).communicate()[0]
    assert printed.count("minimal case: ") == 1
    assert "3 failed, 3 passed" in printed
    assert kept(tmp_path) == ["agreement"]
    assert not {"pytest", "_pytest"} & {path.name for path in elsewhere.iterdir()}


@pytest.mark.parametrize("lost", ["worker", "machine"])
def test_one_is_lost(tmp_path: Path, elsewhere: Path, lost: str) -> None:
    """What a lost one judged is judged again, and the run goes on with the others; nothing that was found is lost."""
    with lent(elsewhere) as (one, lending), lent(elsewhere) as (other, _):
        running = begun(tmp_path, one, other, cases=800)
        wait_for(lambda: bool(kept(tmp_path)))
        for process in children(lending.pid) if lost == "worker" else [lending.pid, *children(lending.pid)]:
            os.kill(process, signal.SIGKILL)
        printed = running.communicate()[0]
    assert "its worker was lost" in printed
    assert (f"lost: {one.removeprefix('--tx=socket=').partition('//')[0]}" in printed) == (lost == "machine")
    assert re.search(r"\d+ failed, \d+ passed, 1 repeated", printed)
    assert kept(tmp_path) == ["agreement"]


def test_all_are_lost(tmp_path: Path, elsewhere: Path) -> None:
    """The run ends with what was found, and says why."""
    with lent(elsewhere) as (one, lending):
        running = begun(tmp_path, one, cases=3000)
        wait_for(lambda: bool(kept(tmp_path)))
        for process in [lending.pid, *children(lending.pid)]:
            os.kill(process, signal.SIGKILL)
        printed = running.communicate()[0]
    assert "was the last machine, and is lost" in printed
    assert kept(tmp_path)


@contextmanager
def reached_by_ssh(folder: Path) -> Iterator[str]:
    """A server of ssh for this user alone: what `--tx` calls it."""
    sshd, keygen = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin"), shutil.which("ssh-keygen")
    if not (sshd and keygen and shutil.which("ssh")):
        pytest.skip("there is no ssh, ssh-keygen and sshd on the path: apt-get install openssh-server")
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    options = {
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": folder / "pid",
        "StrictModes": "no",
        "UsePAM": "no",
        "PermitRootLogin": "yes",
        "ListenAddress": f"127.0.0.1:{port}",
    }
    given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    with subprocess.Popen([sshd, "-D", "-e", "-f", "/dev/null", *given], stderr=subprocess.PIPE) as serving:
        try:
            wait_for(lambda: listens(port))
            known = f"-o StrictHostKeyChecking=no -o UserKnownHostsFile={folder / 'known'} -o LogLevel=ERROR"
            yield f"-p {port} -i {folder / 'user'} {known} {getpass.getuser()}@127.0.0.1"
        finally:
            serving.terminate()


def test_by_ssh(tmp_path: Path, elsewhere: Path) -> None:
    """A machine that is reached by ssh judges as any other."""
    with reached_by_ssh(tmp_path) as place:
        python = f"env PYTHONPATH={elsewhere.parent} {sys.executable}"
        machine = f"--tx=ssh={place}//python={python}//chdir={elsewhere}//env:OMP_NUM_THREADS=1"
        printed = begun(tmp_path, machine).communicate()[0]
    assert "3 failed, 3 passed" in printed
    assert kept(tmp_path) == ["agreement"]


def children(process: int) -> list[int]:
    """The processes that one has begun."""
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []


def test_a_group_stays_in_one_worker(tmp_path: Path) -> None:
    """The marks that keep a framework in one worker have an effect: with some releases of pytest they have none."""
    marked = "@pytest.mark.xdist_group('one')\n@pytest.mark.parametrize('number', range(4))"
    test = "def test_it(number, worker_id):\n    open(worker_id, 'a').close()"
    (tmp_path / "test_grouped.py").write_text(f"import pytest\n\n{marked}\n{test}\n")
    command = [sys.executable, "-m", "pytest", "-n2", "--dist=loadgroup", "-pno:cacheprovider"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert len(list(tmp_path.glob("gw*"))) == 1
