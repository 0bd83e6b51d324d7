"""The notebook that the suite began with: its inputs, its outputs, and its `==`."""

import numpy as np
import pytest

from rnn_parity import implementation
from rnn_parity.reference.forward import forward
from rnn_parity.tests.judge.reduction.archive import REGRESSIONS, files, read

#: As the notebook prints them.
INPUTS = ("2.2424", "0.1419", "0.3966", "1.4313", "0.3641", "-0.6464", "-0.6286", "-0.5761", "0.7838", "0.4501")
OUTPUTS = (
    "4.242429",
    "6.38429",
    "8.780897",
    "12.212207",
    "14.576307",
    "15.929882",
    "17.301323",
    "18.72527",
    "21.509113",
    "23.959234",
)
#: Its first implementation to the letter, the first generalised, the second and the third.
ITS_OWN = ("notebook-elementwise", "parameters", "linear", "nn.rnn")

CASE = read(REGRESSIONS / "agreement-fd1a069c3e2c.json").case


def output_of(name: str) -> np.ndarray:
    weights, x, _ = CASE.tensors()
    output, _ = implementation(name).build(CASE.config, weights)(x)
    return output.numpy()


def test_it_is_in_the_archive() -> None:
    """The archived case is the notebook's: all weights one, ReLU, batch_first, one row of its ten inputs."""
    assert REGRESSIONS / "agreement-fd1a069c3e2c.json" in files()
    assert CASE.descriptor == "relu T10 B1 I1 H1 batch_first"
    assert tuple(f"{value:.4f}" for value in CASE.x.ravel()) == INPUTS
    assert all((array == 1).all() for array in CASE.weights.values())


@pytest.mark.parametrize("name", ITS_OWN)
def test_outputs_are_the_printed_ones(name: str) -> None:
    """Every digit of the ten outputs."""
    assert tuple(str(value) for value in output_of(name).ravel()) == OUTPUTS


@pytest.mark.parametrize("name", ITS_OWN[1:])
def test_all_are_equal(name: str) -> None:
    """`output1 == output2` and `output1 == output3`, for every element."""
    assert (output_of(ITS_OWN[0]) == output_of(name)).all()


def test_the_reference_agrees() -> None:
    """The printed outputs lie within the bounds."""
    output, _ = forward(CASE)
    assert (np.abs(output.mid.ravel() - np.array(OUTPUTS, np.float32)) <= output.rad.ravel()).all()
