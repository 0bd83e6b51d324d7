"""Cases that ask for gradients of gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from rnn_parity.contract import Capabilities
from rnn_parity.contract.case import Case
from rnn_parity.strategies.drawing.cases import EVERYTHING, LIMITS, Sizes
from rnn_parity.strategies.drawing.cotangents import cases_with_cotangents

#: The most of T, B, I and H: what is differentiated twice costs several times what is differentiated once.
_MOST = Sizes(4, 3, 5, 5)
#: How often sequences have lengths of their own, where they may.
_LENGTHS = st.sampled_from((False, False, False, True))


@st.composite
def cases_to_differentiate_twice(draw: st.DrawFn, /, within: Capabilities = EVERYTHING) -> Case:
    """Draw small finite cases inside `within` with cotangents, some with lengths where these are claimed."""
    few: dict[str, Any] = {
        name: min(getattr(within, name) or most, most) for name, most in zip(LIMITS, _MOST, strict=True)
    }
    few["max_batch"] = max(few["max_batch"], within.min_batch)
    lengths = bool(within.lengths) and draw(_LENGTHS)
    return replace(draw(cases_with_cotangents(replace(within, **few), lengths=lengths)), twice=True)
