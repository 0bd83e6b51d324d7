"""The benchmarks: what the suite costs and what it finds, beside what others would do, in one run.

    python -m rnn_parity.tests.measures.bench [--sample K] [--output FILE.md] [SECTION ...]

Markdown goes to stdout, or to a file. `--sample` takes only so many bugs and honest variants, for a quick look.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from rnn_parity.tests.measures import bench_bugs, bench_costs, bench_memory, scaling

SECTIONS: dict[str, Callable[[int | None], str]] = {
    "bugs": bench_bugs.section,
    "cost": bench_costs.section,
    "workers": scaling.section,
    "memory": bench_memory.section,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m rnn_parity.tests.measures.bench", description=__doc__)
    parser.add_argument("--sample", type=int, metavar="K", help="only so many bugs and honest variants")
    parser.add_argument("--output", type=Path, metavar="FILE.md", help="where Markdown is written")
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all, if none is named"
    )
    asked = parser.parse_args()
    if unknown := set(asked.sections) - set(SECTIONS):
        parser.error(f"{', '.join(unknown)}: expected sections out of {', '.join(SECTIONS)}")
    text = "\n\n".join(SECTIONS[name](asked.sample) for name in asked.sections or SECTIONS)
    if asked.output:
        asked.output.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
