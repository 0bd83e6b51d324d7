"""The command line: options, the command `rnn-parity`, and lending a machine."""
