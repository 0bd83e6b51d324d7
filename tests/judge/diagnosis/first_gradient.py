"""The first wrong gradient on the way back, with what each step adds to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnn_parity.reference.backward import LayerBackward, gradients
from rnn_parity.reference.balls import RADIUS_SLACK, Ball
from rnn_parity.tests.judge.diagnosis.evidence import Look
from rnn_parity.tests.judge.diagnosis.first_wrong import NOTHING, TERMS, Divergence, both, factor, is_near
from rnn_parity.tests.judge.trial.by_name import gradients as by_names
from rnn_parity.tests.judge.trial.verdict import error_over_bound


def first_gradient(look: Look) -> Divergence | None:
    """Return the first wrong gradient on the way back: from the last layer down, biases, W_hh, W_ih; then h_0, x."""
    case = look.case
    recorded: list[LayerBackward] = []

    class Recorded(LayerBackward):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            recorded.append(self)

    expected = gradients(case, look.rounding, going_back=Recorded)
    for layer in recorded:
        for d, suffix in list(enumerate(case.config.suffixes()[layer.number * case.config.num_directions :]))[
            : case.config.num_directions
        ]:
            for role in ("bias_hh", "bias_ih", "weight_hh", "weight_ih"):
                name = f"{role}_{suffix}"
                if name in expected and (found := _gradient(look, name, expected[name], layer, d)):
                    return found
    arguments = by_names(case, "gradient of", {name: expected[name] for name in ("h_0", "x") if name in expected})
    for name, ball in arguments.items():
        if found := _gradient(look, name.removeprefix("gradient of "), ball, None, 0):
            return found
    return None


def _gradient(look: Look, name: str, ball: Ball, layer: LayerBackward | None, d: int) -> Divergence | None:
    got = look.seen.parts[f"gradient of {name}"]
    wrong = np.argwhere(~(error_over_bound(got, ball) <= RADIUS_SLACK))
    if not len(wrong):
        return None
    index = tuple(int(i) for i in wrong[0])
    value, found = float(ball.mid[index]), float(got[index])
    place = f"gradient of {name}[{', '.join(map(str, index))}]"
    expected, returned = both(value, found)
    terms = [] if layer is None else _terms_of(layer, name, index, d)
    role = name.rpartition("_l")[0] or name
    instead = [NOTHING] * (not got.any()) + [
        words for words, other in _OTHERWISE.items() if terms and is_near(other(terms), found, float(ball.rad[index]))
    ]
    if len(terms) < 2:
        return Divergence(role, [f"{place} = {expected}, got {returned}"], returned, instead)
    said = " + ".join(factor(term) for term in terms[:TERMS])
    more = f" + ... ({len(terms) - TERMS} more)" if len(terms) > TERMS else ""
    lines = [
        f"{place} = {said}{more} = {expected}, got {returned}",
        f"  a term for each step{'' if look.case.batch_size == 1 else ', all rows together,'} as the direction goes",
    ]
    return Divergence(role, lines, returned, instead)


_OTHERWISE: dict[str, Callable[[list[float]], float]] = {
    "with the last step only": lambda terms: terms[-1],
    "with the first step only": lambda terms: terms[0],
    "without the first step": lambda terms: sum(terms[1:]),
    "without the last step": lambda terms: sum(terms[:-1]),
    "if it were counted twice": lambda terms: 2 * sum(terms),
    "as a mean over time": lambda terms: sum(terms) / max(1, len(terms)),
    "with the opposite sign": lambda terms: -sum(terms),
}


def _terms_of(layer: LayerBackward, name: str, index: tuple[int, ...], d: int) -> list[float]:
    """Return what each step adds to a parameter's gradient, rows of the batch summed up."""
    side = layer.grad_state if name.startswith(("weight_hh", "bias_hh")) else layer.grad_a
    grad_a = side.mid[d, :, :, index[0]]
    if name.startswith("bias"):
        return [float(term) for term in grad_a.sum(1)]
    read = layer.read().mid[d] if name.startswith("weight_hh") else layer.made.x.mid[min(d, len(layer.made.x.mid) - 1)]
    return [float(term) for term in (grad_a * read[..., index[1]]).sum(1)]
