"""The recipes of the cookbook, each run as a reader runs it: what is right passes, and what is not is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rnn_parity import RegistrationError, Verdict, check
from rnn_parity.onnx_runtime import inference_session
from rnn_parity.registry import REGISTRY, resolve
from rnn_parity.tests.suite import ROOT

RECIPES = dict(
    re.findall(
        r"^## (.*?)\n.*?^```python\n(.*?)^```$",
        (ROOT / "impls" / "COOKBOOK.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)


@pytest.fixture(autouse=True)
def _nothing_stays_registered() -> Iterator[None]:
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def run(recipe: str, *changed: tuple[str, str]) -> dict[str, Any]:
    """The names that a recipe defines, after some changes to its text."""
    text, names = RECIPES[recipe], {}
    for before, after in changed:
        assert before in text
        text = text.replace(before, after)
    exec(compile(text, recipe, "exec"), names)  # noqa: S102, which is what a reader does
    return names


def judged(name: str) -> Verdict:
    """The verdict on its results and gradients, on few cases."""
    return check(name, cases=20, properties=("agreement", "gradients", "layouts"), seed=1)


def test_a_cell_in_jax() -> None:
    pytest.importorskip("jax")
    run("A cell in JAX")
    assert judged("my-cell")
    run("A cell in JAX", ("W_hh @ h", "W_hh.T @ h"), ('"my-cell"', '"transposed"'))
    assert [found.name for found in judged("transposed").findings] == ["W_hh is used transposed"]


def test_a_kernel_behind_torch() -> None:
    run("A kernel behind torch")
    verdict = judged("my-kernel")
    assert verdict, verdict
    assert {row.property for row in verdict.table if row.status == "agrees"} >= {"agreement", "gradients"}
    changed = ("return gs @ W_ih, g @ W_hh,", "return gs @ W_ih, g,"), ("mine::", "other::"), ("my-kernel", "wrong")
    run("A kernel behind torch", *changed)
    assert {found.property for found in judged("wrong").findings} == {"gradients"}


def saved(path: Path, direction: str = "forward", *, lengths_and_h_0: bool = False, **attributes: Any) -> None:
    """A file of ONNX, with one RNN node of three inputs and two hidden units."""
    D = 1 + (direction == "bidirectional")
    arrays = {"W": np.ones((D, 2, 3)), "R": np.ones((D, 2, 2)), "B": np.ones((D, 4))}
    attributes = {"hidden_size": 2, "activations": ["Tanh"] * D, "direction": direction} | attributes
    fed = ["lengths", "h_0"] if lengths_and_h_0 else []
    node = helper.make_node("RNN", ["x", *arrays, *fed], ["Y", "Y_h"], **attributes)
    shapes = {"x": ["T", "B", 3], "h_0": [D, "B", 2], "Y": ["T", D, "B", 2], "Y_h": [D, "B", 2]}
    x, h_0, *results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    initializers = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    lengths = helper.make_tensor_value_info("lengths", TensorProto.INT32, ["B"])
    inputs = [x, lengths, h_0] if lengths_and_h_0 else [x]
    graph = helper.make_graph([node], "rnn", inputs, results, initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10), path)


def test_an_onnx_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "model.onnx", "forward")
    run("An ONNX file")
    verdict = judged("my-model")
    assert verdict, verdict
    saved(tmp_path / "model.onnx", "reverse")
    run("An ONNX file", ("my-model", "reverse"))
    (found,) = judged("reverse").findings
    assert found.property == "agreement"
    assert found.case.steps == 2


def test_an_onnx_file_by_its_name(tmp_path: Path) -> None:
    """All that the file says is claimed; its weights are those of each case."""
    saved(tmp_path / "My model.onnx", "forward", activations=["Relu"])
    (found,) = resolve(str(tmp_path / "My model.onnx"))
    able = found.capabilities
    assert (found.name, able.nonlinearities, able.biases, able.h_0, able.max_layers) == (
        "my-model",
        ("relu",),
        (True,),
        False,
        1,
    )
    # What the file does not hold is refused.
    verdict = check(str(tmp_path / "My model.onnx"), cases=20, properties=("agreement", "claims", "refusals"), seed=1)
    assert verdict, verdict


def test_an_onnx_file_with_all_that_there_may_be(tmp_path: Path) -> None:
    """Two directions, lengths and initial states; networks of one direction are judged as well."""
    saved(tmp_path / "whole.onnx", "bidirectional", lengths_and_h_0=True)
    (found,) = resolve(str(tmp_path / "whole.onnx"))
    assert (found.capabilities.bidirectional, found.capabilities.h_0, found.capabilities.lengths) == (
        True,
        True,
        ("padded",),
    )
    verdict = check("whole", cases=20, properties=("agreement", "claims", "h_0", "lengths", "refusals"), seed=1)
    assert verdict, verdict


def test_what_onnx_runtime_refuses_it_does_not_print(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Among the lines of a run; it raises that."""
    saved(tmp_path / "whole.onnx", lengths_and_h_0=True)
    session = inference_session(onnx.load(tmp_path / "whole.onnx"))
    feeds = {"x": np.zeros((2, 1, 3), np.float32), "h_0": np.zeros((1, 4, 2), np.float32), "lengths": np.ones(1, "i4")}
    with pytest.raises(Exception, match="initial_h must have shape"):
        session.run(None, feeds)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"activations": ["Sigmoid"]}, "expected Tanh or Relu, forward or bidirectional, found sigmoid, forward"),
        ({"direction": "reverse"}, "forward or bidirectional, found tanh, reverse"),
        ({"clip": 1.0}, "nn.RNN has nothing like the attribute clip"),
    ],
)
def test_an_onnx_file_of_something_else(tmp_path: Path, attributes: dict[str, Any], words: str) -> None:
    saved(tmp_path / "model.onnx", **attributes)
    with pytest.raises(RegistrationError, match=re.escape(words)):
        resolve(str(tmp_path / "model.onnx"))


def test_an_onnx_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(RegistrationError, match=r"model\.onnx: expected a model of ONNX, .* but reading it raised "):
        resolve(str(tmp_path / "model.onnx"))
    with pytest.raises(RegistrationError, match="expected an ONNX file, there is no such file"):
        resolve(str(tmp_path / "other.onnx"))


def graph(path: Path, *nodes: onnx.NodeProto) -> None:
    """A file of ONNX with these nodes, from x to y; an RNN node of theirs has its weights."""
    arrays = {"W": np.ones((1, 2, 3)), "R": np.ones((1, 2, 2))} if any(n.op_type == "RNN" for n in nodes) else {}
    initializers = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    shapes = {"x": ["T", "B", 3], "y": ["T", 1, "B", 2] if arrays else ["T", "B", 3]}
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    made = helper.make_graph(list(nodes), "made", [x], [y], initializers)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 22)], ir_version=10), path)


def test_an_onnx_file_without_an_rnn_node(tmp_path: Path) -> None:
    """What there is, and what to do."""
    graph(
        tmp_path / "none.onnx",
        *(helper.make_node("Relu", [a], [b]) for a, b in ("xb", "bc")),
        helper.make_node("Tanh", ["c"], ["y"]),
    )
    with pytest.raises(RegistrationError) as raised:
        resolve(str(tmp_path / "none.onnx"))
    assert "found no RNN among its nodes: Relu (2 times), Tanh. A function build(config, weights) may run" in str(
        raised.value
    )


def test_an_onnx_file_with_an_rnn_node_among_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call that is told cuts it out, and what it writes is judged."""
    monkeypatch.chdir(tmp_path)
    rnn = helper.make_node("RNN", ["a", "W", "R"], ["Y", "Y_h"], hidden_size=2)
    graph(Path("whole.onnx"), helper.make_node("Neg", ["x"], ["a"]), rnn, helper.make_node("Neg", ["Y"], ["y"]))
    with pytest.raises(RegistrationError, match="found one among others: Neg") as raised:
        resolve("whole.onnx")
    (call,) = re.findall(r"(onnx\.utils\.extract_model\(.*\))\. A function", str(raised.value))
    eval(call, {"onnx": onnx})  # noqa: S307, which the suite itself has written
    assert [found.name for found in resolve("rnn.onnx")] == ["rnn"]


def test_a_network_with_fixed_weights() -> None:
    names = run("A network with fixed weights")
    names["test_my_network"]()
    right = names["network"]
    names["network"] = lambda x: (right(x)[0], right(x)[1] + 1e-5)
    with pytest.raises(AssertionError, match="Case"):
        names["test_my_network"]()
