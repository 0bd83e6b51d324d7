"""A run over several machines: what is theirs stays as it is, and it goes on without those that are lost."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path
from typing import Any

import _pytest
import pytest
from execnet import HostNotFound


def leave_their_pytest(config: pytest.Config) -> None:
    """Have xdist copy no pytest into the checkouts of other machines, where it would be imported from then on."""
    manager = config.pluginmanager.getplugin("dsession").nodemanager
    own = {Path(str(package.__file__)).resolve().parent for package in (pytest, _pytest)}
    manager.roots = [root for root in manager.roots if root not in own]


def go_on_without(config: pytest.Config, told: list[str]) -> None:
    """Let a worker that cannot be replaced be one less; xdist would end the run with an error of its own.

    `told` is added what is said of it at the end of the run.
    """
    session: Any = config.pluginmanager.getplugin("dsession")
    if session is None:
        return
    replace = session._clone_node

    def replaced(node: Any) -> Any:
        spec = node.gateway.spec
        place = spec.socket or spec.ssh or "a process"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # execnet leaves a socket open that finds nobody.
            try:
                return replace(node)
            except (HostNotFound, OSError) as error:
                told.append(f"lost: {place} ({error!r}); what it judged last is judged by the others")
            gc.collect()
        if session._active_nodes == {node}:
            session.shouldstop = f"{place} was the last machine, and is lost"
        return None

    session._clone_node = replaced
