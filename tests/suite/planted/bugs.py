"""Bugs that real implementations had, each planted in a correct network as an override of a few lines.

A class's docstring says in plain words what it gets wrong: that is the bug's name for people. `@plant(...)` enters it
in `PLANTED` with its family and the property of the suite that is expected to catch it (others may, too):

    agreement      outputs, final states, their shapes and dtypes are the reference's
    layouts        batch-first, time-major and unbatched arguments give the same results
    h_0            an absent h_0 is a zero h_0
    h_n            h_n of the last layer is the last output of each direction
    calls          repeated and interleaved calls, also of other networks, do not influence each other
    arguments      x, h_0 and the weights are afterwards what they were
    memory         results share no memory with the arguments, with each other, or with the next call's results
    strides        strided, expanded and offset arguments are read as what they are
    threads        several threads may call one network at once
    repeats        the same call gives the same bits
    claims         what is not claimed is refused or right
    refusals       what nn.RNN refuses is refused, and the network works on
    special        what arithmetic determines of special values is demanded
    laws           splitting, merging, permuting, scaling and embedding a case change nothing else
    gradients      gradients of x, h_0 and the parameters are the reference's
    backward       running back twice adds up
    requires_grad  gradients of some arguments only are the same
    second_derivatives  gradients of gradients are the reference's
    lengths        each row of a batch is as if it ran alone on its own length
    length_gradients   gradients stop at each row's end
    modules        copies of a module compute the same, and share nothing with it
    dropout        in training, outputs between layers are dropped as they should
    modes          settings of torch change nothing
    autocast       under torch.autocast a network computes what bfloat16 may give
    leaks          calls leave no memory behind

Every bug shows in some case within T <= 40, B <= 33, I and H <= 65 and three layers. Only `WeightsOfFirst`,
`WeightsOfLatest` and `StateInClass` remember anything beyond one network.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

import torch
from torch import Tensor

from rnn_parity import Capabilities, Config, Rounding
from rnn_parity.contract import Build, Weights
from rnn_parity.tests.suite.planted.loop import Cell, Loop

Family: TypeAlias = Literal[
    "weights",
    "bias",
    "state",
    "directions",
    "layers",
    "layout",
    "final state",
    "activation",
    "blocks",
    "memory",
    "calls",
    "precision",
    "strides",
    "capabilities",
    "nonfinite",
    "laws",
    "refusals",
    "special",
    "gradients",
    "lengths",
    "modules",
    "leaks",
    "gates",
]
Property: TypeAlias = Literal[
    "agreement",
    "layouts",
    "h_0",
    "h_n",
    "calls",
    "arguments",
    "memory",
    "strides",
    "threads",
    "repeats",
    "claims",
    "laws",
    "refusals",
    "special",
    "gradients",
    "backward",
    "requires_grad",
    "second_derivatives",
    "lengths",
    "length_gradients",
    "modules",
    "dropout",
    "modes",
    "autocast",
    "leaks",
    "updates",
]
Results: TypeAlias = tuple[Tensor, Tensor]
Planted = TypeVar("Planted", bound=type[Loop])
HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Bug:
    """A network with one thing wrong, and the property that is expected to say so."""

    name: str
    family: Family
    build: Build
    property: Property
    capabilities: Capabilities = field(default_factory=Capabilities)
    #: What it promises.
    rounding: Rounding = field(default_factory=Rounding)

    def __str__(self) -> str:
        return self.name

    def words(self) -> str:
        """What it gets wrong, in plain words."""
        return str(self.build.__doc__)


#: Every bug of every module, in the order in which they are planted.
PLANTED: list[Bug] = []


def plant(
    family: Family, property: Property, rounding: Rounding | None = None, **claims: Any
) -> Callable[[Planted], Planted]:
    """Enter a class in `PLANTED`, under its own name in small letters; `claims` are its capabilities' arguments."""

    def enter(build: Planted) -> Planted:
        name = re.sub(r"(?<=.)(?=[A-Z])|(?<=[a-z])(?=\d)", "-", build.__name__).lower()
        PLANTED.append(Bug(name, family, build, property, Capabilities(**claims), rounding or Rounding()))
        return build

    return enter


# Weights


@plant("weights", "agreement")
class RecurrentTransposed(Loop):
    """W_hh is applied transposed."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return self.product(h, cell.w_hh.T)


@plant("weights", "agreement")
class InputTransposedWhenSquare(Loop):
    """W_ih is applied transposed where it is square, as x @ W is tried before x @ W.T."""

    def project(self, cell: Cell, x: Tensor) -> Tensor:
        return self.product(x, cell.w_ih.T if cell.w_ih.shape[0] == cell.w_ih.shape[1] else cell.w_ih)


@plant("weights", "agreement")
class InputReshaped(Loop):
    """W_ih is stored as (input, hidden) by a reshape instead of a transpose."""

    def project(self, cell: Cell, x: Tensor) -> Tensor:
        return self.product(x, cell.w_ih.reshape(cell.w_ih.shape[::-1]).T)


@plant("weights", "agreement")
class MatricesSwapped(Loop):
    """W_ih and W_hh change places where both are square."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        return cell._replace(w_ih=cell.w_hh, w_hh=cell.w_ih) if cell.w_ih.shape == cell.w_hh.shape else cell


@plant("weights", "agreement")
class ReverseSharesParameters(Loop):
    """The reverse direction uses the parameters of the forward one."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        return super().cell(weights, layer, False)._replace(reverse=reverse)


@plant("weights", "agreement")
class ReverseSharesRecurrent(Loop):
    """The reverse direction has its own W_ih but uses the forward W_hh."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        return super().cell(weights, layer, reverse)._replace(w_hh=weights[f"weight_hh_l{layer}"])


@plant("weights", "agreement")
class LayersShareRecurrent(Loop):
    """Every layer uses W_hh of the first one."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        return super().cell(weights, layer, reverse)._replace(w_hh=super().cell(weights, 0, reverse).w_hh)


@plant("weights", "agreement")
class FirstInputWeightsReused(Loop):
    """Every layer uses W_ih of the first one where its shape allows."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell, first = super().cell(weights, layer, reverse), super().cell(weights, 0, reverse)
        return cell._replace(w_ih=first.w_ih) if first.w_ih.shape == cell.w_ih.shape else cell


@plant("weights", "agreement")
class UpperInputWeightsReused(Loop):
    """Layers from the third on use W_ih of the second one."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        return super().cell(weights, layer, reverse)._replace(w_ih=super().cell(weights, min(layer, 1), reverse).w_ih)


@plant("weights", "agreement")
class UpperColumnsSwapped(Loop):
    """Above a bidirectional layer, W_ih's columns for the two halves change places."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        upper = layer > 0 and self.config.bidirectional
        return cell._replace(w_ih=cell.w_ih.roll(self.config.hidden_size, 1)) if upper else cell


@plant("weights", "agreement")
class RecurrentDiagonal(Loop):
    """Only the diagonal of W_hh is used: no unit hears of another."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return h * cell.w_hh.diagonal()


# Bias


@plant("bias", "agreement")
class RecurrentBiasMissing(Loop):
    """b_hh is left out."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.project(cell, x) + cell.b_ih + self.recur(cell, h)


@plant("bias", "agreement")
class InputBiasTwice(Loop):
    """b_ih is added twice and b_hh never."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        return cell._replace(b_hh=cell.b_ih)


@plant("bias", "agreement")
class BiasOnlyInFirstLayer(Loop):
    """Layers above the first have no biases."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        return cell._replace(b_ih=0 * cell.b_ih, b_hh=0 * cell.b_hh) if layer else cell


@plant("bias", "agreement")
class BiasAlthoughNone(Loop):
    """With bias=False the biases are not zero but what they were initialised with."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        initial = torch.full_like(cell.b_ih, self.config.hidden_size**-0.5)
        return cell if self.config.bias else cell._replace(b_ih=initial, b_hh=initial)


@plant("bias", "agreement")
class ReverseTakesForwardBias(Loop):
    """The reverse direction adds the biases of the forward one."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        forward = super().cell(weights, layer, False)
        return super().cell(weights, layer, reverse)._replace(b_ih=forward.b_ih, b_hh=forward.b_hh)


@plant("bias", "agreement")
class ReverseHasNoBias(Loop):
    """The reverse direction adds no biases."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.project(cell, x) + self.recur(cell, h) if cell.reverse else super().affine(cell, x, h)


@plant("bias", "agreement")
class BiasOfNeighbour(Loop):
    """b_hh is off by one unit."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return super().affine(cell._replace(b_hh=cell.b_hh.roll(1)), x, h)


@plant("bias", "agreement")
class BiasInsideRecurrence(Loop):
    """b_hh is added to the state before W_hh is applied."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.project(cell, x) + cell.b_ih + self.recur(cell, h + cell.b_hh)


@plant("bias", "agreement")
class BiasAfterActivation(Loop):
    """b_hh is added after the activation."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return self.activate(self.project(cell, x) + cell.b_ih + self.recur(cell, h)) + cell.b_hh


@plant("bias", "agreement")
class BiasAlongBatch(Loop):
    """Where the batch is as large as the hidden size, biases are added along the batch."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        bias = cell.b_ih + cell.b_hh
        return self.project(cell, x) + self.recur(cell, h) + (bias[:, None] if len(x) == len(bias) else bias)


# State


@plant("state", "agreement")
class InitialStateIgnored(Loop):
    """h_0 is ignored."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return super().initial_state(x, None)


@plant("state", "agreement")
class FirstLayersStateForAll(Loop):
    """Every layer starts from h_0 of the first one."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return super().initial_state(x, h_0)[: self.config.num_directions].repeat(self.config.num_layers, 1, 1)


@plant("state", "agreement")
class InitialStateOnlyForFirstLayer(Loop):
    """Layers above the first start from zeros."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        state = super().initial_state(x, h_0).clone()
        state[self.config.num_directions :] = 0
        return state


@plant("state", "agreement")
class InitialStateDirectionsMajor(Loop):
    """h_0 is read as all layers' forward states, then all layers' reverse ones."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        state = super().initial_state(x, h_0)
        return state.unflatten(0, (self.config.num_directions, -1)).transpose(0, 1).flatten(0, 1)


@plant("state", "agreement")
class DirectionsShareInitialState(Loop):
    """Both directions start from the forward direction's h_0."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        directions = self.config.num_directions
        return super().initial_state(x, h_0)[::directions].repeat_interleave(directions, 0)


@plant("state", "agreement")
class FirstRowsStateForBatch(Loop):
    """Every row of the batch starts from h_0 of the first one."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        state = super().initial_state(x, h_0)
        return state[:, :1].expand(state.shape) if x.shape[1] else state


@plant("state", "agreement")
class InitialStateActivated(Loop):
    """The activation is applied to h_0, too."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return self.activate(super().initial_state(x, h_0))


@plant("state", "agreement")
class InitialStateClipped(Loop):
    """h_0 is clipped to [-1, 1]."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return super().initial_state(x, h_0).clamp(-1, 1)


@plant("state", "h_0")
class AbsentStateIsOnes(Loop):
    """Without an h_0 the network starts from ones."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return super().initial_state(x, h_0) + (h_0 is None)


@plant("state", "h_0")
class AbsentStateSkipsBias(Loop):
    """Without an h_0 the first step leaves out the recurrent half, b_hh included."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        self.absent = h_0 is None
        return super().initial_state(x, h_0)

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        skip = self.absent and t == 0
        return self.activate(self.project(cell, x) + cell.b_ih) if skip else super().step(cell, x, h, t)


@plant("state", "h_0")
class AbsentStateIsTheInput(Loop):
    """Without an h_0 the first layer starts from the first frame where the sizes allow."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        state = super().initial_state(x, h_0)
        if h_0 is None and x.shape[2] == state.shape[2]:
            state[0] = x[0]
        return state


@plant("state", "h_0")
class ZeroStateIsUnset(Loop):
    """An h_0 of zeros is taken for one that nobody has set, and filled with a small constant."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return h_0 + 0.125 if h_0 is not None and not h_0.any() else super().initial_state(x, h_0)


@plant("state", "agreement")
class StateNotCarried(Loop):
    """Every step starts from h_0."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return torch.stack([self.step(cell, x[t], h, t) for t in range(len(x))])


@plant("state", "agreement")
class StateOneStepLate(Loop):
    """From the second step on, each reads the state before the last one."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        states = [h]
        for t in range(len(x)):
            states.append(self.step(cell, x[t], states[max(t - 1, 0)], t))
        return torch.stack(states[1:])


@plant("state", "agreement")
class OutputsOneStepEarly(Loop):
    """The outputs start with h_0 and lack the last state."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return torch.cat([h[None], super().scan(cell, x, h)[:-1]])


@plant("state", "agreement")
class StateResetEverySeven(Loop):
    """The state is forgotten after every seven steps."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return super().step(cell, x, torch.zeros_like(h) if t and t % 7 == 0 else h, t)


@plant("state", "agreement")
class ZeroFramesSkipped(Loop):
    """An all-zero frame is taken for padding and leaves the state as it is."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return torch.where((x != 0).any(-1, keepdim=True), super().step(cell, x, h, t), h)


@plant("state", "agreement")
class ZeroFrameEndsSequence(Loop):
    """Outputs from a row's first all-zero frame on are zeros."""

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        output, h_n = super().network(x, h_0)
        return output * (x != 0).any(-1, keepdim=True).int().cumprod(0).to(output.dtype), h_n


# Directions


@plant("directions", "agreement")
class ReverseNotFlippedBack(Loop):
    """The reverse half of the output is in the order in which it was computed."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.scan(cell, x.flip(0) if cell.reverse else x, h)

    def last(self, cell: Cell, states: Tensor) -> Tensor:
        return states[-1]


@plant("directions", "agreement")
class ReverseRunsForward(Loop):
    """The reverse direction reads its input forward."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.scan(cell, x, h)

    def last(self, cell: Cell, states: Tensor) -> Tensor:
        return states[-1]


@plant("directions", "agreement")
class UpperReverseRunsForward(Loop):
    """In layers above the first the reverse direction reads its input forward."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.scan(cell, x, h).flip(0) if cell.reverse and cell.layer else super().direction(cell, x, h)


@plant("directions", "agreement")
class ReverseFlipsBatch(Loop):
    """The reverse direction turns the batch round instead of the time."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.scan(cell, x.flip(1), h).flip(1) if cell.reverse else self.scan(cell, x, h)


@plant("directions", "agreement")
class ReverseStartsOneLate(Loop):
    """The reverse direction does not read the last frame."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return h if cell.reverse and t == 0 else super().step(cell, x, h, t)


@plant("directions", "agreement")
class ReverseLagsByOne(Loop):
    """The reverse half of the output is off by one in time."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        states = super().direction(cell, x, h)
        return states.roll(1, 0) if cell.reverse else states


@plant("directions", "agreement")
class ReverseStartsFromForwardEnd(Loop):
    """The reverse direction starts from the forward one's final state."""

    end: Tensor

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        states = super().direction(cell, x, self.end if cell.reverse else h)
        self.end = states[-1]
        return states


@plant("directions", "agreement")
class HalvesSwapped(Loop):
    """The reverse half of the output comes first."""

    def join(self, halves: Sequence[Tensor]) -> Tensor:
        return super().join(halves[::-1])


@plant("directions", "agreement")
class HalvesInterleaved(Loop):
    """The output has the units of the two directions by turns."""

    def join(self, halves: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(halves), -1).flatten(-2)


@plant("directions", "agreement")
class HalvesSummed(Loop):
    """The output is the sum of the two directions."""

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        parts = output.unflatten(-1, (self.config.num_directions, -1))
        return super().arrange_out(parts.sum(-2), unbatched)


# Layers


@plant("layers", "agreement")
class SecondLayerReadsInput(Loop):
    """Every layer reads the network's input where the sizes allow."""

    def layer_input(self, layer: int, sequences: Sequence[Tensor]) -> Tensor:
        return sequences[0] if sequences[0].shape == sequences[-1].shape else sequences[-1]


@plant("layers", "agreement")
class ForwardHalfPassedUp(Loop):
    """Layers above a bidirectional one read the forward half only."""

    def layer_input(self, layer: int, sequences: Sequence[Tensor]) -> Tensor:
        below = sequences[-1].clone()
        if layer:
            below[..., self.config.hidden_size :] = 0
        return below


@plant("layers", "agreement")
class LastLayerSkipped(Loop):
    """The last of several layers hands on what it reads."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        size, skip = self.config.hidden_size, 0 < cell.layer == self.config.num_layers - 1
        half = x[..., -size:] if cell.reverse else x[..., :size]
        return half if skip else super().scan(cell, x, h)


@plant("layers", "agreement")
class LayersAboveSecondSkipped(Loop):
    """A third layer runs with the second one's parameters."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        return super().cell(weights, min(layer, 1), reverse)._replace(layer=layer)


@plant("layers", "agreement")
class ResidualConnection(Loop):
    """Layers above the first read the sum of the two below where the sizes allow."""

    def layer_input(self, layer: int, sequences: Sequence[Tensor]) -> Tensor:
        both = layer and sequences[-1].shape == sequences[-2].shape
        return sequences[-1] + sequences[-2] if both else sequences[-1]


@plant("layers", "agreement")
class UpperLayersReadPreviousStep(Loop):
    """Layers above the first read what the one below gave one step ago."""

    def layer_input(self, layer: int, sequences: Sequence[Tensor]) -> Tensor:
        below = sequences[-1]
        return torch.cat([torch.zeros_like(below[:1]), below[:-1]]) if layer else below


@plant("layers", "agreement")
class LayerStateFromBelow(Loop):
    """A layer above the first starts from the final state of the one below, whatever h_0 says."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        size = self.config.hidden_size
        if cell.layer:
            h = x[0, :, -size:] if cell.reverse else x[-1, :, :size]
        return super().direction(cell, x, h)


@plant("layers", "repeats")
class DropoutLeftOn(Loop):
    """Dropout between layers is still in training mode."""

    def layer_input(self, layer: int, sequences: Sequence[Tensor]) -> Tensor:
        return torch.nn.functional.dropout(sequences[-1], 0.5, training=True) if layer else sequences[-1]


# Layout


@plant("layout", "layouts")
class BatchFirstIgnoredWhenSquare(Loop):
    """Batch-first arguments are taken for time-major ones where T = B."""

    def arrange_in(self, x: Tensor) -> Tensor:
        return x if x.dim() == 3 and x.shape[0] == x.shape[1] else super().arrange_in(x)

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        square = not unbatched and output.shape[0] == output.shape[1]
        return output if square else super().arrange_out(output, unbatched)


@plant("layout", "layouts")
class BatchFirstReshaped(Loop):
    """Batch-first arguments are reshaped to (T, B, I) instead of transposed."""

    def arrange_in(self, x: Tensor) -> Tensor:
        right = super().arrange_in(x)
        return x.reshape(right.shape)


@plant("layout", "layouts")
class OutputReshaped(Loop):
    """The output is reshaped to (B, T, H) instead of transposed."""

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        return output.reshape(super().arrange_out(output, unbatched).shape)


@plant("layout", "layouts")
class OutputStaysTimeMajor(Loop):
    """The output is time-major also where batch-first was asked for."""

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        return output.squeeze(1) if unbatched else output


@plant("layout", "layouts")
class FinalStateBatchFirst(Loop):
    """With batch_first, h_n is (B, layers, H)."""

    def arrange_state_out(self, h_n: Tensor, unbatched: bool) -> Tensor:
        batch_first = self.config.batch_first and not unbatched
        return h_n.transpose(0, 1) if batch_first else super().arrange_state_out(h_n, unbatched)


@plant("layout", "layouts")
class InitialStateBatchFirst(Loop):
    """With batch_first, h_0 is read as (B, layers, H) where B equals the number of layers."""

    def arrange_state_in(self, h_0: Tensor | None, unbatched: bool) -> Tensor | None:
        square = h_0 is not None and not unbatched and h_0.shape[0] == h_0.shape[1]
        turn = square and self.config.batch_first
        return h_0.transpose(0, 1) if turn and h_0 is not None else super().arrange_state_in(h_0, unbatched)


@plant("layout", "layouts")
class InitialStateReshaped(Loop):
    """With batch_first, h_0 is reshaped to (B, layers, H) and transposed."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        state = super().initial_state(x, h_0)
        layers, batch, size = state.shape
        return state.reshape(batch, layers, size).transpose(0, 1) if self.config.batch_first else state


@plant("layout", "layouts")
class UnbatchedKeepsBatch(Loop):
    """Unbatched input gives an output with a batch of one."""

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        return super().arrange_out(output, False)


@plant("layout", "layouts")
class UnbatchedFinalStateKeepsBatch(Loop):
    """Unbatched input gives an h_n with a batch of one."""

    def arrange_state_out(self, h_n: Tensor, unbatched: bool) -> Tensor:
        return h_n


@plant("layout", "layouts")
class UnbatchedTimeIsBatch(Loop):
    """An unbatched sequence is taken for a batch of single frames."""

    def arrange_in(self, x: Tensor) -> Tensor:
        return x[None] if x.dim() == 2 else super().arrange_in(x)

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        return output[0] if unbatched else super().arrange_out(output, unbatched)

    def arrange_state_out(self, h_n: Tensor, unbatched: bool) -> Tensor:
        return h_n[:, -1] if unbatched else h_n


@plant("layout", "layouts")
class OnesSqueezed(Loop):
    """A batch of one loses its dimension in the output."""

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        return super().arrange_out(output, unbatched or output.shape[1] == 1)


# Final state


@plant("final state", "h_n")
class FinalStateOfFirstStep(Loop):
    """h_n is the state after the first step."""

    def last(self, cell: Cell, states: Tensor) -> Tensor:
        return states[-1] if cell.reverse else states[0]


@plant("final state", "h_n")
class ReverseFinalFromWrongEnd(Loop):
    """The reverse direction's h_n is taken at the end of time, where it has read one frame."""

    def last(self, cell: Cell, states: Tensor) -> Tensor:
        return states[-1]


@plant("final state", "h_n")
class FinalStateOneStepEarly(Loop):
    """h_n is the state before the last step where there is more than one."""

    def last(self, cell: Cell, states: Tensor) -> Tensor:
        return states[min(1, len(states) - 1)] if cell.reverse else states[max(-2, -len(states))]


@plant("final state", "h_n")
class FinalStateZeros(Loop):
    """h_n has the right shape and is never filled in."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        return torch.zeros_like(super().final_state(lasts))


@plant("final state", "h_n")
class FinalStateDirectionsSwapped(Loop):
    """In h_n each layer's reverse state comes first."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        return super().final_state(lasts).unflatten(0, (-1, self.config.num_directions)).flip(1).flatten(0, 1)


@plant("final state", "agreement")
class FinalStateDirectionsMajor(Loop):
    """h_n holds all layers' forward states, then all layers' reverse ones."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        directions = self.config.num_directions
        return super().final_state([last for d in range(directions) for last in lasts[d::directions]])


@plant("final state", "agreement")
class FinalStateOfLastLayerOnly(Loop):
    """h_n has the last layer's rows only."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        return super().final_state(lasts[-self.config.num_directions :])


@plant("final state", "agreement")
class FinalStateOfLastLayerRepeated(Loop):
    """h_n has the last layer's state for every layer."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        directions = self.config.num_directions
        return super().final_state(lasts[-directions:]).repeat(self.config.num_layers, 1, 1)


@plant("final state", "agreement")
class FinalStateLayersReversed(Loop):
    """h_n begins with the last layer."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        return super().final_state(lasts).unflatten(0, (self.config.num_layers, -1)).flip(0).flatten(0, 1)


@plant("final state", "agreement")
class FinalStateReshaped(Loop):
    """h_n is gathered as (B, layers, H) and reshaped instead of transposed."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        right = super().final_state(lasts)
        return torch.stack(list(lasts), 1).reshape(right.shape)


# Activation


@plant("activation", "agreement")
class AlwaysRelu(Loop):
    """tanh is relu."""

    def tanh(self, a: Tensor) -> Tensor:
        return self.relu(a)


@plant("activation", "agreement")
class AlwaysTanh(Loop):
    """relu is tanh."""

    def relu(self, a: Tensor) -> Tensor:
        return self.tanh(a)


@plant("activation", "agreement")
class HardTanh(Loop):
    """tanh is clipping to [-1, 1]."""

    def tanh(self, a: Tensor) -> Tensor:
        return a.clamp(-1, 1)


@plant("activation", "agreement")
class SigmoidForTanh(Loop):
    """tanh is a sigmoid."""

    def tanh(self, a: Tensor) -> Tensor:
        return torch.sigmoid(a)


@plant("activation", "agreement")
class ScaledTanh(Loop):
    """tanh is LeCun's 1.7159 tanh(2/3 a)."""

    def tanh(self, a: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(a * (2 / 3))


@plant("activation", "agreement")
class TanhIdentityNearZero(Loop):
    """tanh(a) is a for |a| below 1/8."""

    def tanh(self, a: Tensor) -> Tensor:
        return torch.where(a.abs() < 0.125, a, torch.tanh(a))


@plant("activation", "agreement")
class TanhSaturatesAtFive(Loop):
    """tanh(a) is tanh(5) for a beyond 5, and the same below -5."""

    def tanh(self, a: Tensor) -> Tensor:
        return torch.tanh(a.clamp(-5, 5))


@plant("activation", "agreement")
class TanhOneBeyondThree(Loop):
    """tanh(a) is 1 for a beyond 3, and -1 below -3."""

    def tanh(self, a: Tensor) -> Tensor:
        return torch.where(a.abs() > 3, a.sign(), torch.tanh(a))


@plant("activation", "agreement")
class LeakyRelu(Loop):
    """relu has a slope of 0.01 below zero."""

    def relu(self, a: Tensor) -> Tensor:
        return torch.nn.functional.leaky_relu(a, 0.01)


@plant("activation", "agreement")
class ReluCappedAtSix(Loop):
    """relu is capped at 6."""

    def relu(self, a: Tensor) -> Tensor:
        return a.clamp(0, 6)


@plant("activation", "agreement")
class SoftplusForRelu(Loop):
    """relu is a softplus."""

    def relu(self, a: Tensor) -> Tensor:
        return torch.nn.functional.softplus(a)


@plant("activation", "agreement")
class ActivationBeforeBias(Loop):
    """The activation is applied before the biases are added."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return self.activate(self.project(cell, x) + self.recur(cell, h)) + cell.b_ih + cell.b_hh


@plant("activation", "agreement")
class ActivationPerTerm(Loop):
    """The activation is applied to the input's and the state's share, which are then added."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return self.activate(self.project(cell, x) + cell.b_ih) + self.activate(self.recur(cell, h) + cell.b_hh)


@plant("activation", "agreement")
class ActivationTwice(Loop):
    """The activation is applied twice."""

    def activate(self, a: Tensor) -> Tensor:
        return super().activate(super().activate(a))


@plant("activation", "agreement")
class ActivationOnlyInLastLayer(Loop):
    """Layers below the last are linear."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        last = cell.layer == self.config.num_layers - 1
        return super().step(cell, x, h, t) if last else self.affine(cell, x, h)


# Blocks and tails


def _whole_blocks(size: int, width: int) -> int:
    """How much of a size whole blocks cover; all of it where there is not even one."""
    return size - size % width if size > width else size


@plant("blocks", "agreement")
class InputPastEight(Loop):
    """Features of a layer's input from the ninth on are dropped."""

    width = 8

    def project(self, cell: Cell, x: Tensor) -> Tensor:
        return self.product(x[:, : self.width], cell.w_ih[:, : self.width])


@plant("blocks", "agreement")
class InputPast64(InputPastEight):
    """Features of a layer's input from the 65th on are dropped."""

    width = 64


@plant("blocks", "agreement")
class HiddenTail8(Loop):
    """Units beyond the last whole block of 8 are not heard at the next step."""

    width = 8

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        whole = _whole_blocks(self.config.hidden_size, self.width)
        return self.product(h[:, :whole], cell.w_hh[:, :whole])


@plant("blocks", "agreement")
class HiddenTail16(HiddenTail8):
    """Units beyond the last whole block of 16 are not heard at the next step."""

    width = 16


@plant("blocks", "agreement")
class HiddenTail32(HiddenTail8):
    """Units beyond the last whole block of 32 are not heard at the next step."""

    width = 32


@plant("blocks", "agreement")
class BatchTail4(Loop):
    """Rows beyond the last whole block of 4 forget their state at every step."""

    width = 4

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        whole = _whole_blocks(len(h), self.width)
        return super().recur(cell, torch.cat([h[:whole], torch.zeros_like(h[whole:])]))


@plant("blocks", "agreement")
class BatchTail16(BatchTail4):
    """Rows beyond the last whole block of 16 forget their state at every step."""

    width = 16


@plant("blocks", "agreement")
class Chunk16(Loop):
    """Time is cut into chunks of 16 steps, and the state is not carried from one to the next."""

    width = 16

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return super().step(cell, x, torch.zeros_like(h) if t and t % self.width == 0 else h, t)


@plant("blocks", "agreement")
class Chunk32(Chunk16):
    """Time is cut into chunks of 32 steps, and the state is not carried from one to the next."""

    width = 32


@plant("blocks", "agreement")
class UnrolledTail(Loop):
    """Time is unrolled by four, and steps beyond the last whole four repeat the state."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return h if t >= self.whole else super().step(cell, x, h, t)

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        self.whole = _whole_blocks(len(x), 4)
        return super().network(x, h_0)


@plant("blocks", "agreement")
class StateReadAsInputWhenSquare(Loop):
    """Where the hidden size is the input size, the frame is used once more in place of the state."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return super().recur(cell, self.frame if self.frame.shape == h.shape else h)

    def project(self, cell: Cell, x: Tensor) -> Tensor:
        self.frame = x
        return super().project(cell, x)


@plant("blocks", "agreement")
class StateTransposedWhenSquare(Loop):
    """The state is transposed where the batch is as large as the hidden size."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return super().recur(cell, h.T if h.shape[0] == h.shape[1] else h)


@plant("blocks", "agreement")
class SingleStepHasNoState(Loop):
    """A sequence of one step does not read h_0."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return super().scan(cell, x, torch.zeros_like(h) if len(x) == 1 else h)


@plant("blocks", "agreement")
class SingleUnitHasNoState(Loop):
    """A hidden size of one has no recurrence."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return super().recur(cell, h) * (self.config.hidden_size > 1)


@plant("blocks", "agreement")
class SingleFeatureIsOnes(Loop):
    """An input size of one is taken for an absent feature dimension, and W_ih is added as it is."""

    def project(self, cell: Cell, x: Tensor) -> Tensor:
        return super().project(cell, torch.ones_like(x) if x.shape[1] == 1 else x)


@plant("blocks", "agreement")
class Past1024(Loop):
    """Elements of batch times hidden size from the 1025th on are never computed."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        right = super().step(cell, x, h, t)
        return torch.where(torch.arange(right.numel()).view(right.shape) < 1024, right, torch.zeros_like(right))


@plant("blocks", "agreement")
class EmptyBatchRaises(Loop):
    """A batch of none raises."""

    def arrange_in(self, x: Tensor) -> Tensor:
        if x.numel() == 0:
            raise ValueError("expected a non-empty batch")
        return super().arrange_in(x)


@plant("blocks", "agreement")
class EmptyBatchLosesShape(Loop):
    """A batch of none gives an output of no dimensions to speak of."""

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        return super().arrange_out(output, unbatched) if output.numel() else output.new_zeros(0)


@plant("blocks", "agreement")
class EmptyBatchBecomesOne(Loop):
    """A batch of none is run as a batch of one."""

    def arrange_in(self, x: Tensor) -> Tensor:
        right = super().arrange_in(x)
        return right if right.shape[1] else right.new_zeros(len(right), 1, right.shape[2])


# Memory and arguments


@plant("memory", "memory")
class OutputBufferReused(Loop):
    """The output is a buffer that the next call of the same shape writes over."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.buffers: dict[torch.Size, Tensor] = {}

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        buffer = self.buffers.setdefault(output.shape, torch.empty_like(output))
        return super().arrange_out(buffer.copy_(output), unbatched)


@plant("memory", "memory")
class WorkspaceReturned(Loop):
    """The output is the beginning of one workspace, which only ever grows."""

    workspace = torch.empty(0)

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        if self.workspace.numel() < output.numel() or self.workspace.dtype != output.dtype:
            self.workspace = output.new_empty(output.numel())
        view = self.workspace[: output.numel()].view(output.shape)
        return super().arrange_out(view.copy_(output), unbatched)


@plant("memory", "memory")
class FinalStateBufferReused(Loop):
    """h_n is a buffer that the next call of the same shape writes over."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.buffers: dict[torch.Size, Tensor] = {}

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        right = super().final_state(lasts)
        return self.buffers.setdefault(right.shape, torch.empty_like(right)).copy_(right)


@plant("memory", "memory")
class FinalStateIsViewOfOutput(Loop):
    """With one layer and one direction, h_n is a view of the output."""

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        output, h_n = super().network(x, h_0)
        return (output, output[-1:]) if len(h_n) == 1 else (output, h_n)


@plant("memory", "memory")
class ResultsMemoised(Loop):
    """A call with the same values as an earlier one returns the very tensors of that call."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.memo: dict[tuple[Any, ...], Results] = {}

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> Results:
        key = (x.shape, str(x.tolist()), None if h_0 is None else str(h_0.tolist()))
        if key not in self.memo:
            self.memo[key] = super().__call__(x, h_0)
        return self.memo[key]


@plant("memory", "memory")
class InitialStateReturned(Loop):
    """h_n is h_0's own memory, written over at every call."""

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        output, h_n = super().network(x, h_0)
        return output, h_0.copy_(h_n)


@plant("memory", "arguments")
class InitialStateUpdated(Loop):
    """h_0 is updated in place to the final state."""

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        output, h_n = super().network(x, h_0)
        h_0.copy_(h_n)
        return output, h_n


@plant("memory", "arguments")
class InputWrittenOver(Loop):
    """The outputs are also written into x where the sizes allow."""

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        output, h_n = super().network(x, h_0)
        if output.shape == x.shape:
            x.copy_(output)
        return output, h_n


@plant("memory", "arguments")
class InputFlippedInPlace(Loop):
    """The reverse direction turns its input round in place."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.scan(cell, x.copy_(x.flip(0)), h).flip(0) if cell.reverse else super().direction(cell, x, h)


@plant("memory", "arguments")
class InputTransposedInPlace(Loop):
    """With batch_first, x itself is made time-major."""

    def arrange_in(self, x: Tensor) -> Tensor:
        return x.transpose_(0, 1) if self.config.batch_first and x.dim() == 3 else super().arrange_in(x)


@plant("memory", "arguments")
class BiasesFusedInPlace(Loop):
    """Building a network adds b_hh to the caller's b_ih."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        return cell._replace(b_ih=cell.b_ih.add_(cell.b_hh), b_hh=torch.zeros_like(cell.b_hh))


@plant("memory", "arguments")
class WeightsHalvedInPlace(Loop):
    """Building a network halves the caller's W_hh, and every product doubles it again."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        return cell._replace(w_hh=cell.w_hh.mul_(0.5))

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return 2 * super().recur(cell, h)


@plant("memory", "arguments")
class WeightsTaken(Loop):
    """Building a network removes W_hh from the caller's mapping."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        weights.pop(f"weight_hh_l{layer}{'_reverse' * reverse}")  # type: ignore[attr-defined]
        return cell


# Calls, threads, repeatability


@plant("calls", "calls")
class StateKept(Loop):
    """Without an h_0 a call goes on from the final state of the last one of the same batch size."""

    kept: Tensor | None = None

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        kept = self.kept if self.kept is not None and self.kept.shape[1] == x.shape[1] else None
        return super().initial_state(x, kept if h_0 is None else h_0)

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        self.kept = super().final_state(lasts)
        return self.kept.clone()


@plant("calls", "calls")
class InitialStateRemembered(Loop):
    """An h_0 once given is used again by later calls without one."""

    given: Tensor | None = None

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        if h_0 is not None:
            self.given = h_0.clone()
        fits = self.given is not None and self.given.shape[1] == x.shape[1]
        return super().initial_state(x, self.given if fits else h_0)


@plant("calls", "calls")
class ProjectionCached(Loop):
    """What the first layer reads is kept by shape, so that later inputs of that shape are not read."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.cache: dict[torch.Size, Tensor] = {}

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        return super().network(self.cache.setdefault(x.shape, x.clone()), h_0)


@plant("calls", "calls")
class OutputsAccumulate(Loop):
    """Outputs are added up in a workspace that is not cleared between calls of the same shape."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.sums: dict[torch.Size, Tensor] = {}

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        self.sums[output.shape] = output + self.sums.get(output.shape, torch.zeros_like(output))
        return super().arrange_out(self.sums[output.shape].clone(), unbatched)


@plant("calls", "calls")
class FirstLengthKept(Loop):
    """The first call's number of steps is compiled in: longer sequences are cut."""

    steps: int | None = None

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        self.steps = self.steps or len(x)
        return super().network(x[: self.steps], h_0)


@plant("calls", "calls")
class BiasOnlyInFirstCall(Loop):
    """From the second call on the biases are forgotten."""

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> Results:
        results = super().__call__(x, h_0)
        self.cells = [cell._replace(b_ih=0 * cell.b_ih, b_hh=0 * cell.b_hh) for cell in self.cells]
        return results


@plant("calls", "calls")
class WeightsOfFirst(Loop):
    """Weights are kept by configuration for the whole process: a later network has the first one's."""

    everywhere: ClassVar[dict[tuple[Config, int, bool], Cell]] = {}

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        return self.everywhere.setdefault((self.config, layer, reverse), super().cell(weights, layer, reverse))


@plant("calls", "calls")
class WeightsOfLatest(Loop):
    """Weights are kept by configuration for the whole process: an earlier network gets the latest one's."""

    everywhere: ClassVar[dict[Config, list[Cell]]] = {}

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.everywhere[config] = self.cells

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        self.cells = self.everywhere[self.config]
        return super().network(x, h_0)


@plant("calls", "threads")
class StateInSelf(Loop):
    """The state of a call in progress is kept in the network, where other threads write theirs."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        states, self.state = [], h
        for t in range(len(x)):
            time.sleep(0)
            self.state = self.step(cell, x[t], self.state, t)
            states.append(self.state)
        return torch.stack(states)


@plant("calls", "threads")
class InputInSelf(Loop):
    """The sequence that is read is kept in the network, where other threads put theirs."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        states, self.sequence = [], x
        for t in range(len(x)):
            time.sleep(0)
            h = self.step(cell, self.sequence[t], h, t)
            states.append(h)
        return torch.stack(states)


@plant("calls", "threads")
class StateInClass(Loop):
    """The state of a call in progress is kept where all networks of the process write theirs."""

    scratch: ClassVar[dict[str, Tensor]] = {}

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        self.scratch["h"] = super().step(cell, x, h, t)
        time.sleep(0)
        return self.scratch["h"]


@plant("calls", "repeats")
class SumsSplitAnew(Loop):
    """Sums are split at another place in every call, so that the last bits differ."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.count = itertools.count()

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        cut = next(self.count) * 7 % (v.shape[1] + 1)
        return super().product(v[:, :cut], w[:, :cut]) + super().product(v[:, cut:], w[:, cut:])


@plant("calls", "repeats")
class FirstCallWarmsUp(Loop):
    """From the second call on, terms are added in another order, so that the last bits differ."""

    warm = False

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> Results:
        results = super().__call__(x, h_0)
        self.warm = True
        return results

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        if not self.warm:
            return super().affine(cell, x, h)
        return (cell.b_ih + cell.b_hh) + (self.recur(cell, h) + self.project(cell, x))


# Precision


def _cut_mantissa(values: Tensor, bits: int) -> Tensor:
    """float32 numbers without that many of their last bits: rounded towards zero."""
    return (values.contiguous().view(torch.int32) & -(1 << bits)).view(torch.float32)


@plant("precision", "agreement")
class DoubleInSingle(Loop):
    """float64 products are computed in float32."""

    asked, used = torch.float64, torch.float32

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        narrow = super().product(v.to(self.used), w.to(self.used)).to(v.dtype)
        return narrow if self.config.dtype == self.asked else super().product(v, w)


@plant("precision", "agreement")
class SingleInBfloat16(DoubleInSingle):
    """float32 products are computed in bfloat16."""

    asked, used = torch.float32, torch.bfloat16


@plant("precision", "agreement")
class SingleInFloat16(DoubleInSingle):
    """float32 products are computed in float16, as by autocast."""

    asked, used = torch.float32, torch.float16


@plant("precision", "agreement")
class Float16InBfloat16(DoubleInSingle):
    """float16 products are computed in bfloat16."""

    asked, used = torch.float16, torch.bfloat16


@plant("precision", "agreement")
class SingleTruncated(Loop):
    """float32 operands are cut to TensorFloat32, towards zero."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        if self.config.dtype != torch.float32:
            return super().product(v, w)
        return super().product(self.narrow(v), self.narrow(w))

    def narrow(self, values: Tensor) -> Tensor:
        return _cut_mantissa(values, 13)


@plant("precision", "agreement")
class SingleInTensorFloat32(SingleTruncated):
    """float32 operands are rounded to TensorFloat32, to the nearest."""

    def narrow(self, values: Tensor) -> Tensor:
        bits = values.contiguous().view(torch.int32)
        return super().narrow((bits + 0xFFF + (bits >> 13 & 1)).view(torch.float32))


@plant("precision", "agreement")
class SumsInFloat16(Loop):
    """float32 sums are kept in float16."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        sums = super().affine(cell, x, h)
        return sums.half().float() if self.config.dtype == torch.float32 else sums


@plant("precision", "agreement")
class StateInBfloat16(Loop):
    """The float32 state is carried from step to step in bfloat16."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return super().recur(cell, h.bfloat16().float() if self.config.dtype == torch.float32 else h)


@plant("precision", "agreement")
class StateInFloat8(Loop):
    """The state of float16 and bfloat16 networks is carried in eight bits."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return super().recur(cell, h.to(torch.float8_e4m3fn).to(h.dtype) if h.dtype in HALVES else h)


@plant("precision", "agreement")
class BiasesInBfloat16(Loop):
    """float32 and float64 biases are kept in bfloat16."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        narrow = (bias if bias.dtype in HALVES else bias.bfloat16().to(bias.dtype) for bias in (cell.b_ih, cell.b_hh))
        return cell._replace(b_ih=next(narrow), b_hh=next(narrow))


@plant("precision", "agreement")
class WeightsThroughText(Loop):
    """Weights went through a text file with four decimals."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        w_ih, w_hh = (w.double().round(decimals=4).to(w.dtype) for w in (cell.w_ih, cell.w_hh))
        return cell._replace(w_ih=w_ih, w_hh=w_hh)


@plant("precision", "agreement")
class WeightsInEightBits(Loop):
    """Each weight matrix is quantised to 255 levels."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        scale = w.double().abs().max().clamp(min=1e-300) / 127
        return super().product(v, ((w / scale).round() * scale).to(w.dtype))


@plant("precision", "agreement")
class TanhOfSingle(Loop):
    """float64 tanh is the float32 one."""

    def tanh(self, a: Tensor) -> Tensor:
        return torch.tanh(a.float()).to(a.dtype)


@plant("precision", "agreement")
class TanhBySigmoid(Loop):
    """tanh is 2 sigmoid(2a) - 1, which loses its digits near zero."""

    def tanh(self, a: Tensor) -> Tensor:
        return 2 * torch.sigmoid(2 * a) - 1


@plant("precision", "agreement")
class TanhByFraction(Loop):
    """tanh is a fraction of polynomials up to 4.97, good to 1e-4."""

    def tanh(self, a: Tensor) -> Tensor:
        a = a.double().clamp(-4.97, 4.97)
        s = a * a
        fraction = a * (135135 + s * (17325 + s * (378 + s))) / (135135 + s * (62370 + s * (3150 + 28 * s)))
        return fraction.to(self.config.dtype)


@plant("precision", "agreement")
class TanhBySeries(Loop):
    """tanh is three terms of its series for |a| below 1/2."""

    def tanh(self, a: Tensor) -> Tensor:
        s = a * a
        return torch.where(a.abs() < 0.5, a * (1 - s / 3 * (1 - s * 0.4)), torch.tanh(a))


@plant("precision", "agreement")
class TanhByTable(Loop):
    """tanh is looked up in a table of steps of 1/256."""

    def tanh(self, a: Tensor) -> Tensor:
        return torch.tanh((a.double() * 256).round() / 256).to(a.dtype)


@plant("precision", "agreement")
class TanhByFastInverse(Loop):
    """tanh is 1 - 2 / (exp(2a) + 1) with a reciprocal of twelve bits."""

    def tanh(self, a: Tensor) -> Tensor:
        return (1 - 2 * _cut_mantissa(1 / (torch.exp(2 * a.float()) + 1), 12)).to(a.dtype)


@plant("precision", "agreement")
class HalvesReturnedAsSingle(Loop):
    """The results of float16 and bfloat16 networks are float32."""

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        return super().arrange_out(output.float() if output.dtype in HALVES else output, unbatched)

    def arrange_state_out(self, h_n: Tensor, unbatched: bool) -> Tensor:
        return super().arrange_state_out(h_n.float() if h_n.dtype in HALVES else h_n, unbatched)


@plant("precision", "agreement")
class FinalStateInSingle(Loop):
    """h_n is float32 whatever was asked for."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        return super().final_state(lasts).float()


# Strides


def _packed(values: Tensor) -> Tensor:
    """The memory behind a tensor read as if it were contiguous."""
    return values.as_strided(values.shape, torch.empty(values.shape, device="meta").stride())


@plant("strides", "strides")
class InputReadAsPacked(Loop):
    """x's memory is read as if it were contiguous."""

    def arrange_in(self, x: Tensor) -> Tensor:
        return super().arrange_in(_packed(x))


@plant("strides", "strides")
class InitialStateReadAsPacked(Loop):
    """h_0's memory is read as if it were contiguous."""

    def arrange_state_in(self, h_0: Tensor | None, unbatched: bool) -> Tensor | None:
        return super().arrange_state_in(None if h_0 is None else _packed(h_0), unbatched)


@plant("strides", "strides")
class WeightsReadAsPacked(Loop):
    """The weights' memory is read as if it were contiguous."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        return super().cell({name: _packed(values) for name, values in weights.items()}, layer, reverse)


@plant("strides", "strides")
class OffsetIgnored(Loop):
    """x is read from the beginning of the memory that it is a view of."""

    def arrange_in(self, x: Tensor) -> Tensor:
        return super().arrange_in(x.as_strided(x.shape, x.stride(), 0))


@plant("strides", "strides")
class InnerStrideAssumedOne(Loop):
    """The features of a frame are taken to lie side by side."""

    def arrange_in(self, x: Tensor) -> Tensor:
        return super().arrange_in(x.as_strided(x.shape, (*x.stride()[:-1], 1)))


@plant("strides", "strides")
class FlatViewRequired(Loop):
    """x has to be viewable as one row of numbers."""

    def arrange_in(self, x: Tensor) -> Tensor:
        return super().arrange_in(x.view(-1).view(x.shape))


# Capabilities: what is not claimed is done all the same, and wrongly


@plant("capabilities", "claims", nonlinearities=("tanh",))
class OnlyTanh(Loop):
    """It claims tanh only, and gives tanh where relu is asked for."""

    def relu(self, a: Tensor) -> Tensor:
        return self.tanh(a)


@plant("capabilities", "claims", bidirectional=False)
class OnlyForward(Loop):
    """It claims one direction only, and leaves out the reverse one where two are asked for."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(replace(config, bidirectional=False), weights)


@plant("capabilities", "claims", batch_first=(False,))
class OnlyTimeMajor(Loop):
    """It claims time-major arguments only, and reads batch-first ones as such."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(replace(config, batch_first=False), weights)


@plant("capabilities", "claims", unbatched=False)
class OnlyBatches(UnbatchedTimeIsBatch):
    """It claims batches only, and takes an unbatched sequence for a batch of single frames."""


@plant("capabilities", "claims", biases=(False,))
class OnlyWithoutBias(Loop):
    """It claims networks without biases only, and leaves out those that are given."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.project(cell, x) + self.recur(cell, h)


@plant("capabilities", "claims", h_0=False)
class OnlyZeroState(Loop):
    """It claims no h_0, and ignores one that is given."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return super().initial_state(x, None)


@plant("capabilities", "claims", max_layers=1)
class OnlyOneLayer(Loop):
    """It claims one layer only, and runs the first of several."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(replace(config, num_layers=1), weights)


@plant("capabilities", "claims", max_steps=16)
class OnlySixteenSteps(Loop):
    """It claims 16 steps, and repeats the last state beyond them."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return super().step(cell, x, h, t) if t < 16 else h


@plant("capabilities", "claims", max_hidden_size=32)
class Only32Units(Loop):
    """It claims a hidden size of 32, and leaves units beyond at zero."""

    def activate(self, a: Tensor) -> Tensor:
        return super().activate(a) * (torch.arange(a.shape[-1]) < 32)


@plant("capabilities", "claims", max_input_size=16)
class OnlySixteenFeatures(Loop):
    """It claims an input size of 16, and drops features beyond."""

    def arrange_in(self, x: Tensor) -> Tensor:
        return super().arrange_in(x * (torch.arange(x.shape[-1]) < 16))


@plant("capabilities", "claims", max_batch=8)
class OnlyEightRows(Loop):
    """It claims a batch of eight, and leaves rows beyond at zero."""

    def activate(self, a: Tensor) -> Tensor:
        return super().activate(a) * (torch.arange(len(a)) < 8)[:, None]


@plant("capabilities", "claims", dtypes=(torch.float32,))
class OnlySingle(Loop):
    """It claims float32 only, and returns float32 whatever it is given."""

    def __init__(self, config: Config, weights: Weights) -> None:
        single = {name: values.float() for name, values in weights.items()}
        super().__init__(replace(config, dtype=torch.float32), single)

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> Results:
        return super().__call__(x.float(), None if h_0 is None else h_0.float())


# Not-a-number and infinities


@plant("nonfinite", "agreement")
class NanSwallowed(Loop):
    """NaN becomes zero."""

    def activate(self, a: Tensor) -> Tensor:
        return super().activate(torch.where(a.isnan(), torch.zeros_like(a), a))


@plant("nonfinite", "agreement")
class InfinityClipped(Loop):
    """Infinities of relu become the largest finite number."""

    def relu(self, a: Tensor) -> Tensor:
        return torch.relu(a).clamp(max=torch.finfo(a.dtype).max)


@plant("nonfinite", "agreement")
class ReluLosesNan(Loop):
    """relu of NaN is zero, as a > 0 does not hold."""

    def relu(self, a: Tensor) -> Tensor:
        return torch.where(a > 0, a, torch.zeros_like(a))


@plant("nonfinite", "agreement")
class ReluByMask(Loop):
    """relu is a times (a > 0), which is NaN for minus infinity."""

    def relu(self, a: Tensor) -> Tensor:
        return a * (a > 0)


@plant("nonfinite", "agreement")
class TanhLosesNan(Loop):
    """tanh's argument is clipped by fmin and fmax, which drop NaN."""

    def tanh(self, a: Tensor) -> Tensor:
        bound = torch.full_like(a, 30.0)
        return torch.tanh(torch.fmin(torch.fmax(a, -bound), bound))


@plant("nonfinite", "agreement")
class TanhOverflows(Loop):
    """tanh is (exp(2a) - 1) / (exp(2a) + 1), which is NaN where exp overflows."""

    def tanh(self, a: Tensor) -> Tensor:
        e = torch.expm1(2 * a)
        return e / (e + 2)


@plant("nonfinite", "agreement")
class ZerosSkipped(Loop):
    """Products with a zero are skipped, also where the other factor is infinite or NaN."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        products = v[:, None, :] * w
        return torch.where((v == 0)[:, None, :] | (w == 0), torch.zeros_like(products), products).sum(-1)


@plant("nonfinite", "agreement")
class NanRestartsState(Loop):
    """A row whose state holds a NaN goes on from zeros."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return super().recur(cell, torch.where(h.isnan().any(-1, keepdim=True), torch.zeros_like(h), h))


@plant("nonfinite", "agreement")
class TailReadsNextRow(Loop):
    """An odd number of features is read with the next row's first, times zero: NaN where that one is not finite."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        beyond = 0 * v.roll(-1, 0)[:, :1]
        return super().product(v, w) + beyond if v.shape[1] % 2 else super().product(v, w)


@plant("nonfinite", "agreement")
class NanSpreadsOverBatch(Loop):
    """A NaN or infinity in one row of the batch makes every row NaN."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return super().affine(cell, x, h) + 0 * x.sum()
