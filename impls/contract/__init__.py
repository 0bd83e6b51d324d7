"""What an implementation is given, what it returns, and what it says of itself."""

from rnn_parity.contract.asked import Asked
from rnn_parity.contract.capabilities import DEVICES, LENGTHS, MISUSES, PADDINGS, POOL, SIZES, Capabilities
from rnn_parity.contract.config import DTYPES, NONLINEARITIES, Array, Build, Config, Nonlinearity, Run, Weights
from rnn_parity.contract.known_defect import KnownDefect
from rnn_parity.contract.rounding import DEFAULT_TANH_ULPS, ROUNDED, Rounding

__all__ = [
    "DEFAULT_TANH_ULPS",
    "DEVICES",
    "DTYPES",
    "LENGTHS",
    "MISUSES",
    "NONLINEARITIES",
    "PADDINGS",
    "POOL",
    "ROUNDED",
    "SIZES",
    "Array",
    "Asked",
    "Build",
    "Capabilities",
    "Config",
    "KnownDefect",
    "Nonlinearity",
    "Rounding",
    "Run",
    "Weights",
]
