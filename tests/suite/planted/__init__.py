"""What the suite is tested on: a correct network, bugs planted in it, and honest variants of it."""

from tests.suite.planted import bugs_gradients, bugs_lengths  # noqa: F401  (they enter their bugs)
from tests.suite.planted.bugs import _PLANTED, Bug
from tests.suite.planted.honest import HONEST, Honest
from tests.suite.planted.loop import Cell, Loop

#: Of every module, in the order in which they are imported.
BUGS: tuple[Bug, ...] = tuple(_PLANTED)

__all__ = ["BUGS", "HONEST", "Bug", "Cell", "Honest", "Loop"]
