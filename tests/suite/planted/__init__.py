"""What the suite is tested on: a correct network, bugs planted in it, and honest variants of it."""

from tests.suite.planted import bugs_halves, bugs_laws  # noqa: F401, they plant
from tests.suite.planted.bugs import PLANTED, Bug
from tests.suite.planted.honest import HONEST, Honest
from tests.suite.planted.loop import Cell, Loop

__all__ = ["BUGS", "HONEST", "Bug", "Cell", "Honest", "Loop"]

BUGS: tuple[Bug, ...] = tuple(PLANTED)
