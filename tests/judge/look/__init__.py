"""A first look at an implementation: whether a few small calls return what they should, and what never works."""

from rnn_parity.tests.judge.look.look import FirstLook, first_look

__all__ = ["FirstLook", "first_look"]
