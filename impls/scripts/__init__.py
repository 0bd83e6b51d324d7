"""How each library is called by itself: a file for each, the middle of the scripts that reproduce what was found.

Such a file is Python that is not imported here, but written into a script, between the case as literals and the
comparison. It needs torch and its library alone, and defines one of `ENTRIES`, each in its own arrays; what differs
between kinds of cells stands in a file of its own behind it:

    run(x, h_0, weights)             the whole network, in nn.RNN's layouts, of torch's tensors
    run_time_major(x, h_0, weights)  the same on (T, B, input_size), with a batch, and h_0 or None
    run_direction(x, h_0, reverse, w_ih, w_hh, *biases)   one direction of one layer: output (T, B, H), h_n (B, H)
    run_scan(x, h_0, w_ih, w_hh, *biases)                 the same in the order of its steps: all states (T, B, H)

Where these arrays are not torch's, `to_own(tensor)` and `to_torch(array)` convert them, and `concatenate`, `flip` and
`stack` and `swapaxes` are the library's. Without `run_gradients(run, x, h_0, weights, cotangents)`, which returns
output, h_n and gradients by name, gradients are torch's, and go to `parameters` where `run` puts tensors of its own
there. The names of nn.RNN's arguments, `dtype` (a name: "float32") and `lengths` (a list, or None) are the case's.
"""

from __future__ import annotations

from pathlib import Path

ENTRIES = ("run", "run_time_major", "run_direction", "run_scan")


def template(*names: str) -> str:
    """Return the text of these files, one after another."""
    return "\n\n".join((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8") for name in names)
