"""How it is told: terminal, table, page, GitHub, conformance, results as data."""
