"""`python -m rnn_parity`, as the command `rnn-parity`."""

from rnn_parity.tests.commandline.main import main

raise SystemExit(main())
