"""Threads before anything imports torch, then the suite's plugin."""

import os

# One thread per worker: workers share the cores, and sums are added in one order. Set before the first import of torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["tests.judge.run.plugin"]
