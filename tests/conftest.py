"""The suite's plugin."""

pytest_plugins = ["rnn_parity.tests.judge.run.plugin"]
