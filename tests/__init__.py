"""How they are judged: the properties, the verdict, the report, and the archive of counterexamples."""

if __name__ != "rnn_parity.tests":
    from rnn_parity.registry.aliases import stand_for

    stand_for(__name__, "rnn_parity.tests")
