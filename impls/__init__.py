"""Who is judged: the contract, the registry, the reference, and one module per implementation."""

from impls.contract import (
    DEVICES,
    DTYPES,
    LENGTHS,
    MISUSES,
    NONLINEARITIES,
    Capabilities,
    Config,
    KnownDefect,
    Rounding,
)
from impls.registry import (
    Implementation,
    RegistrationError,
    implementation,
    register,
    register_module,
    registered,
    resolve,
)

__all__ = [
    "DEVICES",
    "DTYPES",
    "LENGTHS",
    "MISUSES",
    "NONLINEARITIES",
    "Capabilities",
    "Config",
    "Implementation",
    "KnownDefect",
    "RegistrationError",
    "Rounding",
    "implementation",
    "register",
    "register_module",
    "registered",
    "resolve",
]
