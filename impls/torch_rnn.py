"""torch.nn.RNN itself, whose surface the contract is."""

from __future__ import annotations

import torch

from impls.registry import register_module

register_module("nn.rnn", torch.nn.RNN)
