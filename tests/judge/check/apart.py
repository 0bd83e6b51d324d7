"""An implementation in a process of its own, to which it is handed by value: it may be written in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rnn_parity import Implementation, RegistrationError
from rnn_parity.registry import isolation
from rnn_parity.registry.lookup import HANDED_OVER


@contextmanager
def apart(implementation: Implementation, *, registered: bool) -> Iterator[Implementation]:
    """Have an implementation run in a process of its own within the block; one that is registered is found there.

    Raises:
        RegistrationError: it cannot be handed over.
    """
    with TemporaryDirectory(prefix="rnn-parity-") as folder:
        there = implementation.isolated()
        try:
            yield there if registered else replace(there, asked=_handed_over(implementation, Path(folder)))
        finally:
            isolation.end(implementation.name)


def _handed_over(implementation: Implementation, folder: Path) -> str:
    import cloudpickle

    path = folder / HANDED_OVER
    try:
        path.write_bytes(cloudpickle.dumps(implementation))
    except Exception as error:
        raise RegistrationError(
            f"check({implementation.name}, isolate=True): it cannot be handed to another process, "
            f"as pickling it raised {type(error).__name__}: {error}"
        ) from error
    return str(path)
