"""What an implementation is given, what it returns, and what it says of itself."""

from rnn_parity.contract.capabilities import DEVICES, LENGTHS, PADDINGS, POOL, SIZES, Capabilities
from rnn_parity.contract.case import Case, InvalidCase
from rnn_parity.contract.cells import ACTIVATIONS, ELMAN, KINDS, Activation, Kind
from rnn_parity.contract.config import (
    DTYPES,
    NONLINEARITIES,
    Array,
    Build,
    Config,
    Nonlinearity,
    Run,
    Weights,
    dtype_name,
)
from rnn_parity.contract.known_defect import KnownDefect
from rnn_parity.contract.memory import INCOMING, MEMORY
from rnn_parity.contract.misuses import MISUSES
from rnn_parity.contract.rounding import DEFAULT_TANH_ULPS, ROUNDED, Rounding

__all__ = [
    "ACTIVATIONS",
    "DEFAULT_TANH_ULPS",
    "DEVICES",
    "DTYPES",
    "ELMAN",
    "INCOMING",
    "KINDS",
    "LENGTHS",
    "MEMORY",
    "MISUSES",
    "NONLINEARITIES",
    "PADDINGS",
    "POOL",
    "ROUNDED",
    "SIZES",
    "Activation",
    "Array",
    "Build",
    "Capabilities",
    "Case",
    "Config",
    "InvalidCase",
    "Kind",
    "KnownDefect",
    "Nonlinearity",
    "Rounding",
    "Run",
    "Weights",
    "dtype_name",
]
