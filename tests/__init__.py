"""How they are judged: the properties, the verdict, the report, and the archive of counterexamples."""
