"""The fields of `Capabilities` and `Rounding` as a list for `impls/README.md`, out of their own comments.

    python -m rnn_parity.tests.suite.fields

writes it anew between the marks there.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

from rnn_parity import Capabilities, Rounding
from rnn_parity.tests.judge.look.claims import DECIDED
from rnn_parity.tests.suite import ROOT

PAGE = ROOT / "impls" / "README.md"
#: What stands before and behind the list.
MARKS = "<!-- fields, by tests/suite/fields.py -->\n", "<!-- end of fields -->"


def meanings(of: type) -> dict[str, str]:
    """What the comment above each field says."""
    found = re.findall(r"((?:^    #: .*\n(?:^    #:? ?.*\n)*)?)^    (\w+): ", inspect.getsource(of), re.MULTILINE)
    return {name: " ".join(re.sub(r"^ *#:? ?", "", comment, flags=re.MULTILINE).split()) for comment, name in found}


def listed() -> str:
    """The list, in Markdown."""
    lines = []
    for of in (Capabilities, Rounding):
        lines += [f"`{of.__name__}(...)`, by keyword:", ""]
        said = meanings(of)
        written = [field for field in fields(of) if field.name not in DECIDED]
        lines += [f"- `{field.name}={field.default!r}`: {said[field.name]}" for field in written]
        lines.append("")
    return "\n".join(lines)


def with_list(page: str) -> str:
    """The page, the list in it as it is now."""
    before, _, rest = page.partition(MARKS[0])
    return f"{before}{MARKS[0]}\n{listed()}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_list(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
