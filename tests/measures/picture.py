"""The picture of the README: the page of `--html` about its first example, as a browser shows it.

    python -m rnn_parity.tests.measures.picture [FILE [OPTION...]]

FILE is `.github/page.png`, if none is named; OPTIONs go to pytest. Chromium is needed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.browser import launched

PICTURE = ROOT / ".github" / "page.png"
OTHERS = ("nn.rnn", "numpy", "mlx")
OPTIONS = ("--only=results", "--only=gradients", "--cases=100", "--hypothesis-seed=1")
#: Pixels: as wide as the page of a repository, on which the picture is looked at.
WIDTH = 880


def judged(folder: Path, options: tuple[str, ...]) -> Path:
    """The page of a run on the first example of the README, which disagrees, beside others, which agree."""
    example = re.search(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert example
    (folder / "my_rnn.py").write_text(example[1], encoding="utf-8")
    page = folder / "page.html"
    asked = [f"--impl={name}" for name in (folder / "my_rnn.py", *OTHERS)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--html={page}", *asked, *options]
    ran = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
    assert ran.returncode == 1, "the example should disagree"
    return page


def shown(page: Path, picture: Path) -> None:
    """Take the picture: of the page's top, down to the end of the table of properties."""
    with sync_playwright() as playwright, launched(playwright) as browser:
        tab = browser.new_page(viewport={"width": WIDTH, "height": WIDTH}, color_scheme="light")
        tab.goto(page.as_uri())
        end = tab.get_by_role("heading", name="Features").bounding_box()
        assert end
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": int(end["y"]) - 8}
        tab.screenshot(path=picture, full_page=True, clip=clip)


def main() -> None:
    picture = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else PICTURE
    with TemporaryDirectory() as folder:
        shown(judged(Path(folder), tuple(sys.argv[2:]) or OPTIONS), picture)
    print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
