"""What each planted bug is called: the first and only candidate, stated as certain; None where there is none.

Written by `python -m tests.measures.diagnosing --record`; whoever changes it reads whether each name is right.
"""

#: Bugs that the table of models covers, and that are not named for certain all the same: why.
COVERED: dict[str, str] = {}

NAMED: dict[str, str | None] = {}
