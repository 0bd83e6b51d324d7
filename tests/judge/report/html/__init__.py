"""The page about a run: one HTML file that needs no network. Its libraries are imported where one is asked for."""

from importlib.util import find_spec

#: Modules that it is made with, and the distributions that bring them.
LIBRARIES = {"jinja2": "jinja2", "svg": "svg.py"}


def missing() -> list[str]:
    """Return the distributions that are not installed."""
    return [distribution for module, distribution in LIBRARIES.items() if find_spec(module) is None]
