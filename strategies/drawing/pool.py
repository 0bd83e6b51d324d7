"""A few shapes for a whole run: for implementations that build anew for each, at a cost of seconds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Any, NamedTuple

from rnn_parity.contract import DTYPES, POOL, Capabilities, Case, Config

#: T, B, I and H: different, equal on purpose, and one past the width of a vector register.
_SIZES = (
    (3, 2, 4, 5),
    (2, 3, 5, 4),
    (3, 1, 3, 2),
    (2, 1, 2, 3),
    (3, 3, 3, 3),
    (2, 4, 17, 9),
    (1, 1, 1, 1),
    (2, 0, 3, 4),
)
#: The same where large networks are asked for.
_LARGE_SIZES = (
    (200, 3, 5, 129),
    (2, 1, 512, 512),
    (129, 2, 300, 256),
    (3, 32, 1024, 257),
    (512, 1, 3, 5),
    (1, 2, 256, 1024),
)


class Shape(NamedTuple):
    """All that shapes a graph."""

    steps: int
    batch: int
    config: Config
    unbatched: bool
    has_h_0: bool
    memory: str

    @classmethod
    def of(cls, case: Case) -> Shape:
        """Return the shape of a case."""
        return cls(case.steps, case.batch_size, case.config, case.unbatched, case.has_h_0, case.memory)


@cache
def pool(
    within: Capabilities,
    at_least: tuple[int, int, int, int] = (1, 0, 1, 1),
    memory: Sequence[str] = ("contiguous",),
) -> tuple[Shape, ...]:
    """Return the shapes of the pool `within.pool`: each option takes its values in turn, in the pool's own order.

    So each pool holds every value of an option, if there are no more than shapes. Which of them come together differs
    from pool to pool. What limits one option leaves the others as they are: properties share what was compiled.
    """
    limits = (within.max_steps, within.max_batch, within.max_input_size, within.max_hidden_size)
    options = {
        "sizes": _LARGE_SIZES if within.sizes == "large" else _SIZES,
        "layers": [number for number in (1, 1, 1, 1, 2, 2, 1, 1, 2, 3) if number <= (within.max_layers or number)],
        "nonlinearity": within.nonlinearities,
        "bias": within.biases,
        "batch_first": within.batch_first,
        "dropout": (0.0,),
        "bidirectional": (False, True)[: 1 + within.bidirectional],
        "dtype": DTYPES,
        "cell": within.cells,
        "h_0": (True, False) if within.h_0 else (False,),
        "unbatched": (False, True)[: 1 + within.unbatched],
        "memory": memory,
    }
    columns = {name: _spread(Random(f"{within.pool} {name}"), values) for name, values in options.items()}
    # Those that gradients leave out, say, are others there.
    claimed = zip(columns["dtype"], _spread(Random(within.pool), within.dtypes), strict=True)
    columns["dtype"] = [dtype if dtype in within.dtypes else other for dtype, other in claimed]
    shapes = []
    for sizes, *chosen, has_h_0, unbatched, where in zip(*columns.values(), strict=True):
        floor = (at_least[0], max(at_least[1], within.min_batch), *at_least[2:])
        limited = [
            max(least, min(size, limit or size)) for size, limit, least in zip(sizes, limits, floor, strict=True)
        ]
        steps, batch, inputs, hidden = limited
        config = Config(inputs, hidden, *chosen)
        shapes.append(Shape(steps, batch, config, unbatched and batch == 1, has_h_0, where))
    return tuple(shapes[: within.shapes])


def _spread(random: Random, values: Sequence[Any]) -> list[Any]:
    """List one value for each shape: all of them in turn, in a random order."""
    turns = [value for _ in range(0, POOL, len(values)) for value in random.sample(values, len(values))]
    return random.sample(turns[:POOL], POOL)
