"""A plugin of pytest under which nobody else is judged on a case that fails, which takes long and has its own tests."""

from rnn_parity.tests.judge.reduction import counterexample


def pytest_configure() -> None:
    """Have no others."""
    counterexample.registered = dict
