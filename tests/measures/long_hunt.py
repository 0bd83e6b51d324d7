"""A long hunt: on implementations that are right, and with faults at random; memory, false alarms, and what was lost.

python -m rnn_parity.tests.measures.long_hunt MINUTES [MINUTES_WITH_FAULTS] [WORKERS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent.parent
FAST = ("parameters", "linear", "nn.rnn", "nn.rnn-functional", "nn.rnn-packed", "nn.rnncell", "torch-vf", "numpy")
#: Seconds between two looks at memory, and what part of the time it is given to fill what it keeps.
_EVERY, _WARM = 5.0, 0.25


def hunted(folder: Path, minutes: float, workers: int, *options: str) -> tuple[dict[str, Any], dict[int, list[float]]]:
    """The report of a hunt on the fast ones, and the MB that each of its processes held over time."""
    names = [f"--impl={name}" for name in FAST]
    command = [sys.executable, "-m", "pytest", "-q", f"-n{workers}", f"--minutes={minutes}", "-pno:cacheprovider"]
    report = folder / "report.json"
    environment = os.environ | {"RNN_PARITY_DEEDS": str(folder / "deeds"), "OMP_NUM_THREADS": "1"}
    held: dict[int, list[float]] = {}
    with (folder / "printed").open("w") as printed:
        arguments = [*command, *names, *options, f"--report={report}", f"--archive={folder / 'archive'}"]
        running = subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=printed, stderr=subprocess.STDOUT)
        while running.poll() is None:
            _look(running.pid, held)
            time.sleep(_EVERY)
    return json.loads(report.read_text(encoding="utf-8")), held


def _look(process: int, held: dict[int, list[float]]) -> None:
    for child in psutil.Process(process).children():
        try:
            # What has ended, and is not yet waited for, holds nothing.
            if "watchdog" not in " ".join(child.cmdline()) and (rss := child.memory_info().rss):
                held.setdefault(child.pid, []).append(rss / 2**20)
        except psutil.Error:
            continue  # It has just ended.


def disagreeing(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Pairs of an implementation and a property."""
    return {
        (found["implementation"], found["property"]) for found in report["results"] if found["status"] == "disagrees"
    }


def main() -> None:
    minutes, faulty, workers = [*map(float, sys.argv[1:]), *(10.0, 5.0, 2.0)[len(sys.argv) - 1 :]]
    folder = Path(tempfile.mkdtemp(prefix="rnn-parity-hunt-"))
    print(f"all that was printed and found: {folder}")
    for name in ("right", "faulty"):
        (folder / name).mkdir()
    report, held = hunted(folder / "right", minutes, int(workers))
    print(f"{minutes:g} minutes on {', '.join(FAST)}: {sum(found['cases'] for found in report['results']):,} cases")
    print(f"  accused: {sorted(disagreeing(report)) or 'nobody'}")
    for megabytes in held.values():
        warm = megabytes[int(len(megabytes) * _WARM)]
        print(f"  a worker: {warm:.0f} MB after a quarter of the time, {megabytes[-1]:.0f} MB at the end")
    limits = "--time-limit=5", "--memory-limit=2000"
    report, _ = hunted(folder / "faulty", faulty, int(workers), "--impl=tests/measures/faulty.py", *limits)
    done = {tuple(line.split()) for line in (folder / "faulty" / "deeds").read_text(encoding="utf-8").splitlines()}
    told = disagreeing(report)
    lost = {deed for deed in done if len(deed) == 2} - told
    cases = sum(found["cases"] for found in report["results"])
    print(f"{faulty:g} minutes with faults: {cases:,} cases, faults in {len(done)} pairs, {len(told)} pairs told")
    print(f"  lost: {sorted(lost) or 'none'}; accused besides: {sorted(told & {(a, p) for a, p in told if a in FAST})}")


if __name__ == "__main__":
    main()
