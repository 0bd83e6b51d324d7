"""How far a check has come: a bar where somebody looks, in a notebook or a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rnn_parity.tests.judge.demands.property import Property


@contextmanager
def bar(properties: Sequence[Property]) -> Iterator[Any]:
    """Show a bar within the block, of which nothing is left; iterating over it yields the properties."""
    with warnings.catch_warnings(action="ignore"):  # Where there are no widgets, it is a bar of text.
        from tqdm.auto import tqdm
    notebook = _is_notebook()
    seen = notebook or (sys.stderr is not None and sys.stderr.isatty())
    # In a notebook what is written as an error is red.
    file = sys.stdout if notebook else sys.stderr
    with tqdm(properties, unit="property", leave=False, disable=not seen, dynamic_ncols=True, file=file) as shown:
        yield shown


def _is_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")
