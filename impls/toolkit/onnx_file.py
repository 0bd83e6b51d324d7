"""A model file in ONNX whose graph is one RNN node: each case puts its weights in the place of the file's own.

So all else that stands in the file is judged on any weights: the activation, the direction, which arguments there are,
and what ONNX Runtime makes of them.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from rnn_parity import Capabilities, Config, RegistrationError, implementation, register
from rnn_parity.contract import Run, Weights
from rnn_parity.onnx_runtime import inference_session
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.toolkit.layers import Optional, run_layers

if TYPE_CHECKING:
    import onnx

#: Attributes that change what is computed; of `activations` and `direction` there is more to say.
_UNKNOWN = ("activation_alpha", "activation_beta", "clip", "layout")


class _File(NamedTuple):
    """A graph of one node, and the names of its inputs; empty for those that it does without."""

    model: onnx.ModelProto
    x: str
    weights: dict[str, str]
    lengths: str
    h_0: str
    attributes: dict[str, Any]


def register_file(path: Path) -> None:
    """Register the network in a file under the file's name.

    Raises:
        RegistrationError: it cannot be read, or holds something else than an RNN node with constant weights.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise RegistrationError(f"--impl {path}: {error}; run python -m pip install onnx onnxruntime") from error
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:
        raise RegistrationError(
            f"--impl {path}: expected a model of ONNX, as onnx.save writes, but reading it raised "
            f"{type(error).__name__}: {error}"
        ) from error
    file = _opened(path, model)
    dtype = {"FLOAT": torch.float32, "FLOAT16": torch.float16}.get(_type_of(model, file.weights["W"]))
    if dtype is None:
        raise RegistrationError(f"--impl {path}: expected weights in float32 or float16, which ONNX Runtime takes")
    able = Capabilities(
        nonlinearities=(_activation(path, file),),
        biases=("B" in file.weights,),
        bidirectional=_direction(file) == "bidirectional",
        h_0=bool(file.h_0),
        lengths=("padded",) if file.lengths else (),
        dtypes=(dtype,),
        max_layers=1,
        gradients=False,
        # Where h is zero ONNX Runtime leaves out its product with R, and with it an infinity in R.
        nonfinite=False,
    )
    register(
        re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "model",
        partial(_build, file, able),
        capabilities=able,
        rounding=implementation("onnxruntime").rounding,
        library="onnxruntime",
    )


def _opened(path: Path, model: onnx.ModelProto) -> _File:
    from onnx.helper import get_attribute_value

    if [node.op_type for node in model.graph.node] != ["RNN"]:
        raise RegistrationError(f"--impl {path}: expected a graph of one RNN node, found {_instead(path, model)}")
    (node,) = model.graph.node
    x, *weights, lengths, h_0 = [*node.input, "", "", ""][:6]
    named = {kind: name for kind, name in zip("WRB", weights, strict=True) if name}
    constant, fed = {tensor.name for tensor in model.graph.initializer}, {value.name for value in model.graph.input}
    if not set(named.values()) <= constant or not {name for name in (x, lengths, h_0) if name} <= fed - constant:
        raise RegistrationError(
            f"--impl {path}: expected initializers for W, R and, if there is one, B, and inputs for all else, found "
            f"initializers {sorted(constant)} and inputs {sorted(fed - constant)}"
        )
    attributes = {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}
    if unknown := [name for name in _UNKNOWN if attributes.get(name)]:
        raise RegistrationError(f"--impl {path}: nn.RNN has nothing like the attribute {' and '.join(unknown)}")
    if len(node.output) < 2 or not all(node.output[:2]):
        raise RegistrationError(f"--impl {path}: expected the outputs Y and Y_h, found {list(node.output)}")
    return _File(model, x, named, lengths, h_0, attributes)


def _instead(path: Path, model: onnx.ModelProto) -> str:
    """Return what there is in the place of one RNN node, and what to do."""
    counts = Counter(node.op_type for node in model.graph.node)
    kinds = ", ".join(kind if count == 1 else f"{kind} ({count} times)" for kind, count in counts.items())
    found = f"no RNN among its nodes: {kinds}" if counts else "no node"
    by_hand = 'A function build(config, weights) may run any graph: impls/COOKBOOK.md, "An ONNX file"'
    if counts["RNN"] != 1:
        return f"{found}. {by_hand}" if "RNN" not in counts else f"{kinds}. {by_hand}"
    (node,) = [node for node in model.graph.node if node.op_type == "RNN"]
    constant = {tensor.name for tensor in model.graph.initializer}
    fed, given = ([name for name in names if name and name not in constant] for names in (node.input, node.output))
    cut = f"onnx.utils.extract_model({str(path)!r}, 'rnn.onnx', {fed}, {given})"
    return f"one among others: {kinds}. To judge it alone: {cut}. {by_hand}"


def _type_of(model: onnx.ModelProto, name: str) -> str:
    from onnx import TensorProto

    (found,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    return str(TensorProto.DataType.Name(found.data_type))


def _direction(file: _File) -> str:
    return str(file.attributes.get("direction", b"forward").decode())


def _activation(path: Path, file: _File) -> Any:
    found = {name.decode().lower() for name in file.attributes.get("activations", [b"Tanh"])}
    if _direction(file) == "reverse" or len(found) > 1 or not found <= {"tanh", "relu"}:
        raise RegistrationError(
            f"--impl {path}: expected Tanh or Relu, forward or bidirectional, found {', '.join(sorted(found))}, "
            f"{_direction(file)}"
        )
    return found.pop()


def _build(file: _File, able: Capabilities, config: Config, weights: Weights) -> Run:
    if config.nonlinearity not in able.nonlinearities or config.bias not in able.biases:
        raise NotImplementedError("the file has another activation, or has biases where the network has none")
    if config.num_layers > 1 or (config.bidirectional and not able.bidirectional):
        raise NotImplementedError("the file has fewer layers or directions")
    session = inference_session(_filled(file, config, weights))

    def layer(x: torch.Tensor, h_0: Optional, lengths: Optional) -> tuple[torch.Tensor, torch.Tensor]:
        steps, batch, _ = x.shape
        if not steps or (h_0 is not None and not file.h_0) or (lengths is not None and not file.lengths):
            raise NotImplementedError("no steps, or an argument that the file does not take")
        feeds = {file.x: to_numpy(x)}
        if file.h_0:
            start = x.new_zeros(config.state_shape(batch)) if h_0 is None else h_0
            feeds[file.h_0] = to_numpy(start)
        if file.lengths:
            counted = torch.full((batch,), steps) if lengths is None else lengths
            feeds[file.lengths] = counted.to(torch.int32).numpy()
        output, h_n = session.run(None, feeds)[:2]
        return to_torch(output).transpose(1, 2).flatten(2), to_torch(h_n)

    return run_layers(config, [layer])


def _filled(file: _File, config: Config, weights: Weights) -> onnx.ModelProto:
    """Return the file with the weights of a case, of any size and number of directions."""
    import onnx
    from onnx.helper import make_attribute
    from onnx.numpy_helper import from_array

    model, roles = onnx.ModelProto(), {"W": ["weight_ih"], "R": ["weight_hh"], "B": ["bias_ih", "bias_hh"]}
    model.CopyFrom(file.model)
    kinds = {name: kind for kind, name in file.weights.items()}
    for tensor in model.graph.initializer:
        parts = [
            torch.cat([weights[f"{role}_{suffix}"] for role in roles[kinds[tensor.name]]])
            for suffix in config.suffixes()
        ]
        tensor.CopyFrom(from_array(to_numpy(torch.stack(parts)), tensor.name))
    (node,) = model.graph.node
    changed: dict[str, Any] = {"hidden_size": config.hidden_size}
    if _direction(file) == "bidirectional" and not config.bidirectional:
        changed |= {"direction": "forward", "activations": [config.nonlinearity.capitalize()]}
    kept = [attribute for attribute in node.attribute if attribute.name not in changed]
    del node.attribute[:]
    node.attribute.extend([*kept, *(make_attribute(name, value) for name, value in changed.items())])
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.ClearField("shape")
    return model
