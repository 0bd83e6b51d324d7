"""Who is judged: register an implementation, find it, and run it in a separate process."""

from rnn_parity.registry.entry import LIGHT, MAIN, Implementation, RegistrationError
from rnn_parity.registry.lookup import (
    ENTRY_POINTS,
    implementation,
    in_group,
    nearest,
    not_loaded,
    registered,
    resolve,
)
from rnn_parity.registry.modules import module_build, register_module
from rnn_parity.registry.registering import REGISTRY, Options, register

__all__ = [
    "ENTRY_POINTS",
    "LIGHT",
    "MAIN",
    "REGISTRY",
    "Implementation",
    "Options",
    "RegistrationError",
    "implementation",
    "in_group",
    "module_build",
    "nearest",
    "not_loaded",
    "register",
    "register_module",
    "registered",
    "resolve",
]
