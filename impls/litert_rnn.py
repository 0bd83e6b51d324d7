"""LiteRT on what TensorFlow's converter makes of Keras's SimpleRNN."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

from rnn_parity.contract import Capabilities, Case, Config, KnownDefect, Rounding, Run, Weights
from rnn_parity.registry import register
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.toolkit.defects import states_of
from rnn_parity.toolkit.layers import Optional, Scan, run_scans
from rnn_parity.toolkit.parameters import of_direction, one_bias


@cache
def _interpreter(nonlinearity: str, bias: bool, *shapes: tuple[int, ...]) -> Callable[..., Any]:
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    function = tf.function(_states_of(nonlinearity, bias, shapes)).get_concrete_function(*specs)
    model = tf.lite.TFLiteConverter.from_concrete_functions([function], trackable_obj=None).convert()
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    inputs = [entry["index"] for entry in interpreter.get_input_details()]
    (output,) = (entry["index"] for entry in interpreter.get_output_details())

    def call(*arrays: Any) -> Any:
        for index, array in zip(inputs, arrays, strict=True):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return interpreter.get_tensor(output)

    return call


def _states_of(nonlinearity: str, bias: bool, shapes: tuple[tuple[int, ...], ...]) -> Callable[..., Any]:
    """Return the states of SimpleRNN as a function of its parameters, an input and an initial state."""
    import keras

    (rows, steps, inputs), _, (hidden_size, _) = shapes[:3]
    layer = keras.layers.SimpleRNN(
        hidden_size, activation=nonlinearity, use_bias=bias, return_sequences=True, unroll=True
    )
    layer.build((rows, steps, inputs))

    def states(x: Any, *others: Any) -> Any:
        count = 3 if bias else 2
        state = others[count] if others[count:] else None
        return layer.stateless_call(list(others[:count]), layer.non_trainable_variables, x, initial_state=state)[0]

    return states


def _has_infinity_under_relu(case: Case) -> bool:
    return case.config.nonlinearity == "relu" and not case.finite and bool(np.isinf(states_of(case)).any())


@register(
    "litert",
    # Its kernels are of float32, an interpreter refuses empty tensors, and runs one call at a time.
    capabilities=Capabilities(
        dtypes=(torch.float32,), min_batch=1, per_shape=True, several_shapes=False, gradients=False, threads=False
    ),
    rounding=Rounding(
        tanh_ulps=6,
        reason=(
            "float32 tanh is XNNPACK's rational function, of which no accuracy is documented (5.3 at most over all "
            "numbers): src/f32-vtanh/rational-9-8.c.in of https://github.com/google/XNNPACK"
        ),
    ),
    known_defects=(
        KnownDefect(
            name="infinity-under-relu",
            predicate=_has_infinity_under_relu,
            reason="a product under ReLU, fused, has its result clamped at the largest number: an infinity is lost",
            link="tensorflow/lite/kernels/internal/common.h of https://github.com/tensorflow/tensorflow "
            "(CalculateActivationRange; not reported as of 2.3.0)",
            case="agreement-3262958b5d5a.json",
        ),
    ),
    library="ai-edge-litert",
    needs=("tensorflow-cpu", "keras"),
    extra="heavy",
    group="heavy",
    environment={"KERAS_BACKEND": "tensorflow"},
    cases=100,
)
def build(config: Config, weights: Weights) -> Run:
    """Build one model for each shape of a layer, with the parameters as its inputs."""
    return run_scans(config, [_scan(config, weights, suffix) for suffix in config.suffixes()])


def _scan(config: Config, weights: Weights, suffix: str) -> Scan:
    w_ih, w_hh, *biases = of_direction(config, weights, suffix)
    parameters = [w_ih.T, w_hh.T, *([one_bias(*biases)] if biases else [])]

    def scan(x: torch.Tensor, h_0: Optional) -> torch.Tensor:
        given = [x.transpose(0, 1), *parameters, *([] if h_0 is None else [h_0])]
        call = _interpreter(config.nonlinearity, config.bias, *(tuple(tensor.shape) for tensor in given))
        return to_torch(call(*map(to_numpy, given))).transpose(0, 1)

    return scan
