"""A plugin of pytest under which nobody else is judged on a case that fails: it takes long, and has tests of its own."""

from tests.judge.reduction import counterexample


def pytest_configure() -> None:
    """Have no others."""
    counterexample.registered = dict
