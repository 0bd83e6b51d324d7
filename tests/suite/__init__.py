"""The suite's own tests: is it right about the implementations that it judges?

`units`: in one process, without planted bugs; `proofs`: planted bugs and honest variants; `runs`: as users start them.
"""

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
