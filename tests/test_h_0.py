"""The initial hidden state: absent is zero."""

from dataclasses import replace

import numpy as np

from rnn_parity.strategies import Case, cases
from rnn_parity.tests.judge import Trial, judged


@judged(cases, group="state", exempts=lambda capabilities: "" if capabilities.h_0 else "takes no h_0", reshapes=True)
def test_h_0(trial: Trial, case: Case) -> None:
    """A network without h_0 and the same network with h_0 = 0 give the same.

    Not judged here: tracking (`gradients` draws cases with and without h_0), lengths (`lengths` does so, too),
    threads (`threads`).
    """
    config = case.config
    zero = np.zeros(config.state_shape(case.batch_size))
    network = trial.build(case)
    for state in (None, zero):
        asked = replace(case, h_0=state)
        if trial.takes(asked):
            network.agrees(asked)
