"""The settings of Hypothesis under which properties are judged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, configuration, settings

_NAME = "rnn-parity"


def common(**options: Any) -> settings:
    """Return what all profiles have in common, with these settings beside."""
    own = {
        "deadline": None,
        "report_multiple_bugs": False,
        "print_blob": False,
        # Judging costs as much as the implementation takes, and a case may hold a large network.
        "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        "phases": [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    }
    return settings(**own | options)


@contextmanager
def lent() -> Iterator[None]:
    """Judge under settings of our own within the block, in a process whose settings and files are somebody else's."""
    theirs, their_folder = settings.get_current_profile_name(), vars(configuration)["__hypothesis_home_directory"]
    nested = [HealthCheck.nested_given, *common().suppress_health_check]
    ours = common(database=None, derandomize=False, suppress_health_check=nested, verbosity=Verbosity.quiet)
    settings.register_profile(_NAME, ours)
    settings.load_profile(_NAME)
    try:
        with TemporaryDirectory(prefix="rnn-parity-") as folder:
            configuration.set_hypothesis_home_dir(folder)
            yield
    finally:
        configuration.set_hypothesis_home_dir(their_folder)
        settings.load_profile(theirs)
