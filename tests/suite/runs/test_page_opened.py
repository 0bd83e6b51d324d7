"""The page of `--html` in a real browser, narrow and wide, in light and dark."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rnn_parity.tests.measures.picture import PICTURE, WIDTH
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.browser import CHROMIUM, launched
from rnn_parity.tests.suite.pages import NASTY, SCRIPT, everything

#: With `--dist=loadgroup` they share a worker, and with it a browser.
pytestmark = pytest.mark.xdist_group("page")


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


@pytest.mark.usefixtures("browser")
def test_the_picture_of_the_readme(tmp_path: Path) -> None:
    """It is there, and its command makes another as wide; both are small enough to be loaded with the page."""
    (shown,) = re.findall(r"^!\[.+\]\((.+)\)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    command = [sys.executable, "-m", "rnn_parity.tests.measures.picture", str(tmp_path / "page.png")]
    subprocess.run([*command, "--cases=40", "--hypothesis-seed=1", "tests/test_agreement.py"], cwd=ROOT, check=True)
    assert ROOT / shown == PICTURE
    for picture in (PICTURE, tmp_path / "page.png"):
        head = picture.read_bytes()[:24]
        assert head.startswith(b"\x89PNG")
        assert int.from_bytes(head[16:20], "big") == WIDTH
        assert picture.stat().st_size < 150_000


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
    opened.set_default_timeout(60_000)  # A busy machine takes its time.
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
