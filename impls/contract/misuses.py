"""The wrong calls that a case may make, by name."""

#: Calls that nn.RNN refuses; `rnn_parity.strategies.drawing.misuse` says what each hands over.
MISUSES = (
    "x-feature-more",
    "x-feature-less",
    "x-axis-more",
    "x-one-axis",
    "x-other-float",
    "x-integers",
    "x-list",
    "x-no-steps",
    "h_0-unit-more",
    "h_0-layer-more",
    "h_0-layer-less",
    "h_0-row-more",
    "h_0-one-row",
    "h_0-unbatched",
    "h_0-batched",
    "h_0-batch-first",
    "h_0-other-float",
    "h_0-list",
    "lengths-zero",
    "lengths-beyond",
    "lengths-too-few",
)
