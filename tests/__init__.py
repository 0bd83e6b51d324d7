"""How they are judged: the properties, the verdict, the report, and the archive of counterexamples."""

import os

# One thread per worker: workers share the cores, and sums are added in one order. Set before the first import of torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if __name__ != "rnn_parity.tests":
    from rnn_parity.registry.aliases import stand_for

    stand_for(__name__, "rnn_parity.tests")
