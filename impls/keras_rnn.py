"""Keras 3's SimpleRNN, on each of its backends in a process of its own, as a process has one backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch

from rnn_parity.contract import Capabilities, Case, Config, KnownDefect, Rounding, Run, Weights
from rnn_parity.registry import register
from rnn_parity.registry.torch_defects import INHERITED
from rnn_parity.scripts import template
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.toolkit.defects import has_padding_in_gradients
from rnn_parity.toolkit.jax_arrays import XLA, Settings, run_pure, settings_of
from rnn_parity.toolkit.layers import Direction, Optional, differentiable, run_directions
from rnn_parity.toolkit.parameters import of_direction


@cache
def _layer(settings: Settings, input_size: int, dtype: str) -> Any:
    import keras

    layer = keras.layers.SimpleRNN(
        settings.hidden_size,
        activation=settings.nonlinearity,
        use_bias=settings.bias,
        # The default, orthogonal, is not there in 16 bits.
        recurrent_initializer="zeros",
        return_sequences=True,
        return_state=True,
        go_backwards=settings.reverse,
        zero_output_for_mask=True,
        dtype=dtype,
    )
    layer.build((None, None, input_size))
    return layer


def _rnn(settings: Settings, x: Any, h_0: Any, lengths: Any, w_ih: Any, w_hh: Any, *biases: Any) -> Any:
    """Return SimpleRNN as a function of its parameters, in the backend's arrays."""
    from keras import backend, ops

    layer = _layer(settings, x.shape[2], backend.standardize_dtype(x.dtype))
    # It has one bias, rows before steps, and going backwards its outputs come in the order of its own steps.
    values = [ops.transpose(w_ih), ops.transpose(w_hh), *([ops.add(*biases)] if biases else [])]
    mask = None if lengths is None else ops.less(ops.arange(x.shape[0]), ops.expand_dims(lengths, 1))
    given = values, layer.non_trainable_variables, ops.swapaxes(x, 0, 1)
    (output, state), _ = layer.stateless_call(*given, initial_state=h_0, mask=mask)
    output = ops.swapaxes(output, 0, 1)
    return ops.flip(output, 0) if settings.reverse else output, state


def _build(config: Config, weights: Weights) -> Run:
    """Build one SimpleRNN for each layer and direction."""
    from keras import backend

    dtype = str(config.dtype).removeprefix("torch.")
    for index, suffix in enumerate(config.suffixes()):
        _layer(settings_of(config, suffix), config.layer_input_size(index // config.num_directions), dtype)
    if backend.backend() == "jax":
        return run_pure(config, weights, _rnn)
    return run_directions(config, [_direction(config, weights, suffix) for suffix in config.suffixes()])


def _direction(config: Config, weights: Weights, suffix: str) -> Direction:
    from keras import backend

    settings = settings_of(config, suffix)
    parameters = of_direction(config, weights, suffix)
    call = _CALLS[backend.backend()](settings)
    return lambda x, h_0, lengths: call(x, h_0, lengths, *parameters)


def _call_on_torch(settings: Settings) -> Callable[..., Any]:
    return lambda *tensors: _rnn(settings, *tensors)


def _call_on_arrays(settings: Settings) -> Callable[..., Any]:
    return lambda *tensors: _to_torch(_rnn(settings, *map(_to_keras, tensors)))


def _call_on_graphs(settings: Settings) -> Callable[..., Any]:
    """Call a backend that compiles a graph for each array that is asked for: both results as one."""

    def call(*tensors: Optional) -> tuple[torch.Tensor, torch.Tensor]:
        from keras import ops

        output, state = _rnn(settings, *map(_to_keras, tensors))
        (both,) = _to_torch([ops.concatenate([output, ops.expand_dims(state, 0)])])
        return both[:-1].clone(), both[-1].clone()

    return call


def _call_on_tensorflow(settings: Settings) -> Callable[..., Any]:
    import tensorflow as tf

    def vjp(output: torch.Tensor, h_n: torch.Tensor, *tensors: Optional) -> Sequence[Optional]:
        x, h_0, lengths, *parameters = map(_to_keras, tensors)
        with tf.GradientTape() as tape:
            sources = [x, *([] if h_0 is None else [h_0]), *parameters]
            tape.watch(sources)
            results = _rnn(settings, x, h_0, lengths, *parameters)
        found = _to_torch(tape.gradient(results, sources, output_gradients=[_to_keras(output), _to_keras(h_n)]))
        return [found[0], None if h_0 is None else found[1], None, *found[-len(parameters) :]]

    return differentiable(_call_on_arrays(settings), vjp)


def _to_keras(tensor: Optional) -> Any:
    from keras import ops

    # Unless told its dtype, Keras makes float32 of float64.
    dtype = str(tensor.dtype).removeprefix("torch.") if tensor is not None else None
    return None if tensor is None else ops.convert_to_tensor(to_numpy(tensor), dtype=dtype)


def _to_torch(values: Sequence[Any]) -> tuple[Any, ...]:
    from keras import ops

    return tuple(None if value is None else to_torch(ops.convert_to_numpy(value).copy()) for value in values)


_CALLS: dict[str, Callable[[Settings], Callable[..., Any]]] = {
    "numpy": _call_on_arrays,
    "openvino": _call_on_graphs,
    "tensorflow": _call_on_tensorflow,
    "torch": _call_on_torch,
}


def _has_float16_with_gaps(case: Case) -> bool:
    """Return whether an array of float16 is, or in another layout would be, transposed or strided."""
    transposed = case.steps > 1 and (case.config.batch_first or case.batch_size > 1)
    return case.config.dtype == torch.float16 and (case.memory != "contiguous" or transposed)


EIGEN = Rounding(
    tanh_ulps=4,
    reason="TensorFlow's tanh is Eigen's, 'accurate up to a couple of ulps' (3 and 4, XLA finds for it): "
    "Eigen/src/Core/arch/Default/GenericPacketMathFunctions.h of https://gitlab.com/libeigen/eigen",
)
FLOAT64 = KnownDefect(
    name="float64-is-float32",
    predicate=lambda case: case.config.dtype == torch.float64,
    reason="a layer of dtype float64 multiplies matrices in float32, the type that it lets result from two float64",
    link="https://github.com/keras-team/keras/issues/23223, https://github.com/keras-team/keras/pull/21693",
    case="agreement-272b1bf82b4b.json",
)
PADDING = KnownDefect(
    name="padding-in-gradients",
    predicate=has_padding_in_gradients,
    reason="what a mask leaves out is selected away afterwards, so that its gradient is 0 times a NaN or an infinity",
    link="keras/src/backend/*/rnn.py of https://github.com/keras-team/keras (not reported as of 3.15.1)",
    case="length_gradients-b22c05210788.json",
    properties=("length_gradients",),
)
HALVES = KnownDefect(
    name="bfloat16-of-no-number",
    predicate=lambda case: case.config.dtype == torch.bfloat16 and not case.finite,
    reason="an array of bfloat16 that holds a NaN or an infinity is refused by convert_to_tensor",
    link="keras/src/backend/openvino/core.py of https://github.com/keras-team/keras (not reported as of 3.15.1)",
    case="agreement-80426a4f8483.json",
)


GAPS = KnownDefect(
    name="float16-with-gaps",
    predicate=_has_float16_with_gaps,
    reason="openvino.opset15.constant, to which it hands arrays, makes int16 of float16 that is not contiguous",
    link="https://github.com/openvinotoolkit/openvino (not reported as of 2026.4.1)",
    case="strides-7443b4366a5c.json",
)


#: Whose arrays a script hands over, where they are not made by Keras.
_ARRAYS = {"torch": "keras_on_torch", "jax": "jax_arrays"}


def _register(
    backend: str,
    needs: str,
    *known_defects: KnownDefect,
    group: str = "main",
    **capabilities: Any,
) -> None:
    register(
        f"keras-{backend}",
        _build,
        capabilities=Capabilities(lengths=("padded",), padding="zeros", second_derivatives=False, **capabilities),
        library="keras",
        extra="heavy" if group == "heavy" else "keras",
        needs=(needs,),
        environment={"KERAS_BACKEND": backend},
        script=template("keras_rnn", _ARRAYS.get(backend, "keras_arrays")),
        group=group,
        cases=60,
        rounding={"jax": XLA, "tensorflow": EIGEN}.get(backend, Rounding()),
        known_defects=known_defects,
    )


_register("torch", "torch", FLOAT64, PADDING, *INHERITED)
_register("numpy", "numpy", FLOAT64, gradients=False)
_register("jax", "jax", FLOAT64, PADDING, per_shape=True)
_register("openvino", "openvino", FLOAT64, HALVES, GAPS, gradients=False)
_register("tensorflow", "tensorflow-cpu", PADDING, group="heavy")
