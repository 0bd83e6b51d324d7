"""The final hidden state: the last output of each direction."""

from rnn_parity.strategies import Case, cases
from rnn_parity.tests.judge import Trial, judged, same_bits


@judged(cases, group="state")
def test_h_n(trial: Trial, case: Case) -> None:
    """h_n of the top layer is, bit for bit, the output at the last step of each direction.

    Not judged here: tracking and training (`gradients`, `modes`), lengths (whose h_n `lengths` compares), threads
    (`threads`).
    """
    result = trial.agrees(case)
    output = result.output.movedim(1, 0) if case.config.batch_first and not case.unbatched else result.output
    hidden, width = case.config.hidden_size, case.config.num_directions
    h_n = result.h_n if len(case.config.kind.states) == 1 else result.h_n[0]
    for way, last in zip(range(width), (-1, 0), strict=False):
        said = output[last, ..., way * hidden : (way + 1) * hidden]
        same_bits(f"h_n[{way - width}] and output at t={last} of that direction", said, h_n[way - width])
