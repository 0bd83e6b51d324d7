"""The figures that the README gives, each measured by a script: `python -m rnn_parity.tests.measures.NAME`."""

import os

# As in tests/conftest.py: one thread, set before the first import of torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")
