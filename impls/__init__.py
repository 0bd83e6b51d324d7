"""Judge recurrent networks. `impls/` is this package, `strategies/` and `tests/` those of their names below it.

The names of `__init__.pyi` are imported when they are first used: whoever only asks for options waits for no torch.
"""

try:
    import lazy_loader
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "rnn-parity is installed without what it needs: there is no lazy_loader. Run python -m pip install rnn-parity",
        name="lazy_loader",
    ) from None

if __name__ != "rnn_parity":
    from rnn_parity.registry.aliases import stand_for

    stand_for(__name__, "rnn_parity")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
