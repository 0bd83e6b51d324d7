"""Judge recurrent networks. `impls/` is this package, `strategies/` and `tests/` those of their names below it.

The names of `__init__.pyi` are imported when they are first used: whoever only asks for options waits for no torch.
"""

import lazy_loader

if __name__ != "rnn_parity":
    from rnn_parity.registry.aliases import stand_for

    stand_for(__name__, "rnn_parity")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
