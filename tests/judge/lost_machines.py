"""Machines that are lost in a run over several: it goes on with those that are left."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import pytest
from execnet import HostNotFound


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
