import keras
from keras import ops


def run_direction(x, h_0, reverse, w_ih, w_hh, *biases):
    rnn = keras.layers.SimpleRNN(
        hidden_size,
        activation=nonlinearity,
        use_bias=bias,
        recurrent_initializer="zeros",
        return_sequences=True,
        return_state=True,
        go_backwards=reverse,
        zero_output_for_mask=True,
        dtype=keras.backend.standardize_dtype(x.dtype),
    )
    rnn.build((None, None, x.shape[2]))
    values = [ops.transpose(w_ih), ops.transpose(w_hh), *([ops.add(*biases)] if biases else [])]
    mask = None if lengths is None else ops.less(ops.arange(x.shape[0]), ops.convert_to_tensor(lengths)[:, None])
    (output, h_n), _ = rnn.stateless_call(
        values, rnn.non_trainable_variables, ops.swapaxes(x, 0, 1), initial_state=h_0, mask=mask
    )
    output = ops.swapaxes(output, 0, 1)
    return ops.flip(output, 0) if reverse else output, h_n
