"""Bugs of gated cells: gates in another order, of other biases, in another place, or of another function."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_parity.tests.suite.planted.bugs import plant
from rnn_parity.tests.suite.planted.gated import GRULoop, Reordered
from rnn_parity.tests.suite.planted.loop import Cell

# Gates in another order


@plant("gates", "agreement", cells=("gru",))
class GruKerasOrder(Reordered, GRULoop):
    """z comes before r, as in Keras and ONNX."""

    order = (1, 0, 2)


@plant("gates", "agreement", cells=("gru",))
class GruCandidateFirst(Reordered, GRULoop):
    """The candidate's rows come first, and those of the gates after it."""

    order = (1, 2, 0)


@plant("gates", "agreement", cells=("gru",))
class GruRecurrentInOtherOrder(Reordered, GRULoop):
    """Of the rows that the state meets, z comes before r."""

    order, roles = (1, 0, 2), ("w_hh", "b_hh")


# The reset gate


@plant("gates", "agreement", cells=("gru",))
class GruResetBefore(GRULoop):
    """The reset gate multiplies the state before its matrix does."""

    def candidate(self, cell: Cell, x: Tensor, h: Tensor, r: Tensor) -> Tensor:
        return self.input_side(cell, x, "n") + self.state_side(cell, r * h, "n")


@plant("gates", "agreement", cells=("gru",))
class GruNoReset(GRULoop):
    """The reset gate is computed, and not applied."""

    def candidate(self, cell: Cell, x: Tensor, h: Tensor, r: Tensor) -> Tensor:
        return self.input_side(cell, x, "n") + self.state_side(cell, h, "n")


@plant("gates", "agreement", cells=("gru",))
class GruBiasOutside(GRULoop):
    """b_hn is added after the reset gate."""

    def candidate(self, cell: Cell, x: Tensor, h: Tensor, r: Tensor) -> Tensor:
        rows = self.rows("n")
        return self.input_side(cell, x, "n") + r * self.product(h, cell.w_hh[rows]) + cell.b_hh[rows]


@plant("gates", "agreement", cells=("gru",))
class GruResetOfAll(GRULoop):
    """The reset gate multiplies the input's side of the candidate, too."""

    def candidate(self, cell: Cell, x: Tensor, h: Tensor, r: Tensor) -> Tensor:
        return r * (self.input_side(cell, x, "n") + self.state_side(cell, h, "n"))


@plant("gates", "agreement", cells=("gru",))
class GruNoRecurrentBias(GRULoop):
    """b_hn is left out, as in flax's nnx.GRUCell."""

    def state_side(self, cell: Cell, h: Tensor, gate: str) -> Tensor:
        rows = self.rows(gate)
        return self.product(h, cell.w_hh[rows]) if gate == "n" else super().state_side(cell, h, gate)


# The update gate


@plant("gates", "agreement", cells=("gru",))
class GruOtherConvention(GRULoop):
    """z weighs the candidate, and 1 - z the state."""

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return z * n + (1 - z) * h


@plant("gates", "agreement", cells=("gru",))
class GruNothingKept(GRULoop):
    """The state before is not mixed in."""

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return (1 - z) * n


@plant("gates", "agreement", cells=("gru",))
class GruCandidateAlone(GRULoop):
    """The candidate is the new state."""

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return n


@plant("gates", "agreement", cells=("gru",))
class GruAdded(GRULoop):
    """(1 - z) is lost before the candidate."""

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return n + z * h


# Functions


@plant("gates", "agreement", cells=("gru",))
class GruHardSigmoid(GRULoop):
    """Both gates are torch's hard sigmoid."""

    def sigmoid(self, a: Tensor) -> Tensor:
        return torch.nn.functional.hardsigmoid(a)


@plant("gates", "agreement", cells=("gru",))
class GruOldHardSigmoid(GRULoop):
    """Both gates are the hard sigmoid that Keras had until 2.3."""

    def sigmoid(self, a: Tensor) -> Tensor:
        return (0.2 * a + 0.5).clamp(0, 1)


@plant("gates", "agreement", cells=("gru",))
class GruTanhGates(GRULoop):
    """Both gates go through tanh."""

    def sigmoid(self, a: Tensor) -> Tensor:
        return torch.tanh(a)


@plant("gates", "agreement", cells=("gru",))
class GruNoTanh(GRULoop):
    """The candidate is its sum."""

    def tanh(self, a: Tensor) -> Tensor:
        return a


@plant("gates", "agreement", cells=("gru",))
class GruReluCandidate(GRULoop):
    """The candidate goes through relu."""

    def tanh(self, a: Tensor) -> Tensor:
        return torch.relu(a)


@plant("gates", "agreement", cells=("gru",))
class GruSigmoidClamped(GRULoop):
    """Sums beyond 18 count as 18."""

    def sigmoid(self, a: Tensor) -> Tensor:
        return torch.sigmoid(a.clamp(-18, 18)) if a.dtype == torch.float64 else torch.sigmoid(a.clamp(-9, 9))


@plant("gates", "agreement", cells=("gru",))
class GruSigmoidOverflows(GRULoop):
    """exp(a) / (1 + exp(a)) is not a number where exp overflows."""

    def sigmoid(self, a: Tensor) -> Tensor:
        return torch.exp(a) / (1 + torch.exp(a))


# Biases and weights


@plant("gates", "agreement", cells=("gru",))
class GruNoUpdateBias(GRULoop):
    """b_ih of z is left out."""

    def input_side(self, cell: Cell, x: Tensor, gate: str) -> Tensor:
        product = self.product(x, cell.w_ih[self.rows(gate)])
        return product if gate == "z" else product + cell.b_ih[self.rows(gate)]


@plant("gates", "agreement", cells=("gru",))
class GruUpdateBiasOfOne(GRULoop):
    """1 is added to the sum of z, as to a forget gate."""

    def input_side(self, cell: Cell, x: Tensor, gate: str) -> Tensor:
        return super().input_side(cell, x, gate) + (gate == "z")


@plant("gates", "agreement", cells=("gru",))
class GruOneBias(GRULoop):
    """b_hh is left out, as where a library has one bias."""

    def state_side(self, cell: Cell, h: Tensor, gate: str) -> Tensor:
        return self.product(h, cell.w_hh[self.rows(gate)])


# States, directions, lengths of time: as any network's


@plant("gates", "agreement", cells=("gru",))
class GruStateIgnored(GRULoop):
    """h_0 is ignored."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return super().initial_state(x, None)


@plant("gates", "agreement", cells=("gru",))
class GruReverseNotTurnedBack(GRULoop):
    """The outputs of the reverse direction stay in its own order."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.scan(cell, x.flip(0), h) if cell.reverse else self.scan(cell, x, h)


@plant("gates", "agreement", cells=("gru",))
class GruOneStateForAll(GRULoop):
    """Every layer starts from the first one's state."""

    def state_index(self, cell: Cell) -> int:
        return 0


# On the way back


@plant("gates", "gradients", cells=("gru",))
class GruResetDetached(GRULoop):
    """Nothing goes back through r."""

    def candidate(self, cell: Cell, x: Tensor, h: Tensor, r: Tensor) -> Tensor:
        return super().candidate(cell, x, h, r.detach())


@plant("gates", "gradients", cells=("gru",))
class GruUpdateDetached(GRULoop):
    """Nothing goes back through z."""

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return super().mix(z.detach(), n, h)


@plant("gates", "gradients", cells=("gru",))
class GruStateDetachedInMix(GRULoop):
    """Nothing goes straight back to the state."""

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return super().mix(z, n, h.detach())


@plant("gates", "gradients", cells=("gru",))
class GruStateDetachedInGates(GRULoop):
    """Nothing goes back through the gates' sums of the state."""

    def state_side(self, cell: Cell, h: Tensor, gate: str) -> Tensor:
        return super().state_side(cell, h if gate == "n" else h.detach(), gate)
