"""What the suite is tested on: a correct network, bugs planted in it, and honest variants of it."""

from importlib import import_module
from pkgutil import iter_modules

from rnn_parity.tests.suite.planted.bugs import PLANTED, Bug
from rnn_parity.tests.suite.planted.honest import HONEST, Honest
from rnn_parity.tests.suite.planted.loop import Cell, Loop

__all__ = ["BUGS", "HONEST", "Bug", "Cell", "Honest", "Loop"]

for _module in iter_modules(__path__):
    if _module.name.startswith("bugs_"):  # It plants.
        import_module(f"{__name__}.{_module.name}")

BUGS: tuple[Bug, ...] = tuple(PLANTED)
