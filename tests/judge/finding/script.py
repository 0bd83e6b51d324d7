"""The text of a script that reproduces a counterexample: its parts put together, and the comparison at its end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rnn_parity.contract import Array
from rnn_parity.scripts import ENTRIES
from rnn_parity.tests.judge.finding.literals import array
from rnn_parity.tests.judge.finding.tidying import tidied

#: The first line of every script: a file that begins so may be written over.
MARKER = "# Written by rnn-parity (pytest --repro)."
#: What a script prints of a failure.
SAID = re.compile(r"DIFFERS: | returns ")
#: What stands in a script that cannot do without us.
NEEDS_US = "where rnn-parity is installed"
#: Names at the top level of a script, which what is judged must not have.
RESERVED = frozenset(
    "weights x h_0 roles lengths grad_output grad_h_n towards parameters nn_rnn call judged expected differing results "
    f"found failed {' '.join(ENTRIES)}".split()
)
_IMPORTS = """
import sys
from functools import partial

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
"""
_ENDS = "It needs no more than it imports, and ends with 1 while they differ, with 0 once they agree."


def assemble(title: str, found: Sequence[str], environment: Mapping[str, str], parts: Sequence[str]) -> str:
    """Join the parts to one file, without what nothing in it uses."""
    settings = [f'os.environ["{name}"] = "{value}"' for name, value in environment.items()]
    first = ["import os", "", *settings, ""] if settings else []
    said = "\n".join([title, "", *found, "", _ENDS]).replace("\\", "/")
    body = tidied("\n\n\n".join([_IMPORTS, *parts]))
    return "\n".join([MARKER, f'"""{said}\n"""', "", *first, body]) + "\n"


def note(text: str) -> str:
    """Return the shell comment for a script that needs rnn-parity installed."""
    return f"  # {NEEDS_US}" if NEEDS_US in text else ""


def refusal(name: str, module: str) -> str:
    """Return the lines of a wrong call of torch's module and of what is judged, and what it is answered with."""
    return f"""
failed = False
for who, network in (("torch.nn.{module}", partial(call, nn_rnn)), ("{name}", judged)):
    try:
        found = network()
    except Exception as error:
        print(f"{{who}} raises {{type(error).__name__}}: {{error}}")
    else:
        print(f"{{who}} returns {{found}}")
        failed = network is judged
sys.exit(failed)
"""


def comparison(name: str, module: str, expected: Mapping[str, tuple[Array, Array]], accuracy: str) -> str:
    """Both beside the exact numbers, and the largest error that rounding explains."""
    lines = "\n".join(
        f'    "{part}": ({array(mid)}, {array(allowed, one=True)}),' for part, (mid, allowed) in expected.items()
    )
    width = max(len(f"torch.nn.{module}"), len(name))
    return f'''
# The exact results, and the largest error that rounding can explain, whatever the order of the sums: running error
# analysis (Higham, Accuracy and Stability of Numerical Algorithms, chapter 3){accuracy}. 0: nothing is rounded.
expected = {{
{lines}
}}


def differing(found, exact, allowed):
    """Which elements are wrong; every one, where shape or dtype is another."""
    if not isinstance(found, torch.Tensor) or found.shape != exact.shape or found.dtype != x.dtype:
        return torch.ones(max(1, exact.numel()), dtype=torch.bool)
    found = found.detach().double()
    same = (found == exact) | (found.isnan() & exact.isnan()) | torch.isinf(allowed)
    return ~(same | ((found - exact).abs() <= allowed))


def results(network):
    try:
        return network()
    except Exception as error:
        print(f"raises {{type(error).__name__}}: {{error}}")
        return {{}}


found = {{"torch.nn.{module}": results(partial(call, nn_rnn)), "{name}": results(judged)}}
failed = False
for part, (exact, allowed) in expected.items():
    exact, allowed = torch.as_tensor(exact, dtype=torch.float64), torch.as_tensor(allowed, dtype=torch.float64)
    print(part)
    for who, result in found.items():
        got = result.get(part, "nothing")
        print(f"  {{who:{width}}} {{got.tolist() if isinstance(got, torch.Tensor) else got}}")
    print(f"  {{'exact':{width}}} {{exact.tolist()}}, within {{allowed.tolist()}}")
    wrong = differing(found["{name}"].get(part), exact, allowed)
    if wrong.any():
        failed = True
        print(f"  DIFFERS: {{int(wrong.sum())}} of {{wrong.numel()}} elements")
sys.exit(failed)
'''
