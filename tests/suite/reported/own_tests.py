"""Tests of one's own, as somebody has them beside other plugins of pytest: `tox -e wheel` runs them."""

import random

from torch import nn

from rnn_parity import properties

test_parity = properties(nn.RNN, cases=20, only=["results", "state"])


def test_their_own():
    assert 0 <= random.random() < 1
