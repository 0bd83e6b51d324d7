"""The text of a script that reproduces a counterexample: literals, nn.RNN, what is judged, and the comparison."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pprint import pformat
from textwrap import dedent, indent
from typing import Any

import torch

from rnn_parity import Config, Implementation
from rnn_parity.contract import Array
from rnn_parity.scripts import ENTRIES
from rnn_parity.strategies import Case
from rnn_parity.strategies.drawing.misuse import misuse_of
from rnn_parity.strategies.memory import INCOMING, MEMORY
from rnn_parity.tests.judge.trial.second_derivatives import towards

#: The first line of every script: a file that begins so may be written over.
MARKER = "# Written by rnn-parity (pytest --repro)."
#: What a script prints of a failure.
SAID = re.compile(r"DIFFERS: | returns ")
#: What stands in a script that cannot do without us.
NEEDS_US = "where rnn-parity is installed"
#: Names at the top level of a script, which what is judged must not have.
RESERVED = frozenset(
    (
        *(
            "weights",
            "x",
            "h_0",
            "roles",
            "lengths",
            "grad_output",
            "grad_h_n",
            "towards",
            "parameters",
            "nn_rnn",
            "call",
            "judged",
        ),
        *("expected", "differing", "results", "found", "failed", *ENTRIES),
    )
)
_IMPORTS = """
import sys
from functools import partial

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
"""
_ENDS = "It needs no more than it imports, and ends with 1 while they differ, with 0 once they agree."


def assemble(
    *,
    title: str,
    found: Sequence[str],
    environment: Mapping[str, str],
    case: str,
    reference: str,
    middle: str,
    calls: str,
    verdict: str,
) -> str:
    """Join the parts to one file, without what nothing in it uses."""
    imports, rest = _parted(f"{_IMPORTS}\n{case}\n\n\n{reference}\n\n\n{middle}\n\n\n{calls}\n\n\n{verdict}")
    settings = [f'os.environ["{name}"] = "{value}"' for name, value in environment.items()]
    first = ["import os", "", *settings, ""] if settings else []
    body = _spaced(_grouped(_used(_lean("\n".join([*imports, "", rest])))))
    said = "\n".join([title, "", *found, "", _ENDS]).replace("\\", "/")
    return "\n".join([MARKER, f'"""{said}\n"""', "", *first, body]) + "\n"


def note(text: str) -> str:
    """Return the shell comment for a script that needs rnn-parity installed."""
    return f"  # {NEEDS_US}" if NEEDS_US in text else ""


def dtype_name(config: Config) -> str:
    """As NumPy and most others call it."""
    return str(config.dtype).removeprefix("torch.")


# Literals


#: nn.RNN's, under the names by which templates call them.
_ARGUMENTS = ("input_size", "hidden_size", "num_layers", "nonlinearity", "bias", "batch_first", "bidirectional")


def literals(case: Case, *, sizes: bool) -> str:
    """Return the lines of the network's sizes and options where they are used, its parameters, and the arguments."""
    config = case.config
    roles = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if config.bias else 2]
    arguments = {name: getattr(config, name) for name in _ARGUMENTS if sizes}
    arguments |= {"dtype": dtype_name(config), "roles": roles}
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in arguments.items()]
    weights, x, h_0 = case.tensors()
    lengths = None if case.lengths is None else torch.tensor(case.lengths)
    if case.misuse:
        x, h_0, lengths = misuse_of(case).spoil(case, (x, h_0, lengths))
    lines += ["weights = {", *(f'    "{name}": {literal(weight)},' for name, weight in weights.items()), "}"]
    lines += [f"x = {literal(x)}", f"h_0 = {literal(h_0)}"]
    lines.append(f"lengths = {None if lengths is None else lengths.tolist()}")
    if case.has_cotangents:
        cotangents = case.cotangents()
        lines += [f"{name} = {literal(cotangents.get(name))}" for name in ("grad_output", "grad_h_n")]
    if case.twice:
        lines += ["# The weights of the sum of all gradients that is differentiated.", "towards = {"]
        lines += [f'    "{name}": {literal(tensor)},' for name, tensor in towards(case, like=x).items()] + ["}"]
    lines.append("parameters = {}")
    return "\n".join(lines) + _in_memory(case)


def literal(value: Any) -> str:
    """Return a tensor, or another argument, as source text."""
    if not isinstance(value, torch.Tensor):
        return spelled(value)
    dtype = f"dtype={value.dtype}"
    if not value.numel() or not (value != 0).any():
        return f"torch.zeros({tuple(value.shape)}, {dtype})"
    return f"torch.tensor({spelled(value.detach().cpu().tolist())}, {dtype})"


def spelled(numbers: Any) -> str:
    """Nested lists of numbers, those that are not finite in the words of Python."""
    text = repr(numbers) if len(repr(numbers)) < 100 else pformat(numbers, width=100, compact=True)
    return re.sub(r"\b(nan|inf)\b", r'float("\1")', text)


def _in_memory(case: Case) -> str:
    """Return the tensors laid out as the case says."""
    arguments = ["x", *["h_0"] * case.has_h_0]
    incoming = [name for name in ("grad_output", "grad_h_n") if name in case.arrays]
    laid_out = [f"{name} = {case.memory}({name})" for name in arguments]
    lines = {
        case.memory: [f"weights = {{name: {case.memory}(weight) for name, weight in weights.items()}}", *laid_out],
    }
    if case.incoming == "shared":
        lines["shared"] = [f"{', '.join(incoming)}, = shared({', '.join(incoming)})"] if incoming else []
    else:
        lines.setdefault(case.incoming, []).extend(f"{name} = {case.incoming}({name})" for name in incoming)
    return "".join(
        f"\n\n\n{_source(name)}\n\n" + "\n".join(assigned) + "\n"
        for name, assigned in lines.items()
        if assigned and name != "contiguous"
    )


def _source(layout: str) -> str:
    """Return the function that lays tensors out so."""
    source = inspect.getsource(MEMORY.get(layout) or INCOMING[layout])
    return re.sub(r"\bdef _", "def ", dedent(source))


# nn.RNN, and what stands around the judged


def nn_rnn(case: Case) -> str:
    """nn.RNN on these arguments."""
    arguments = ", ".join(f"{key}={value!r}" for key, value in case.config.module_arguments().items())
    lines = [f"rnn = torch.nn.RNN({arguments}, dtype={case.config.dtype})".replace("'", '"')]
    if case.lengths is None:
        lines.append("return torch.func.functional_call(rnn, weights, (x, h_0))")
    else:
        lines += [
            _pack(case),
            "output, h_n = torch.func.functional_call(rnn, weights, (packed, h_0))",
            f"return {_unpacked(case)}, h_n",
        ]
    return "def nn_rnn(x, h_0, weights):\n" + indent("\n".join(lines), "    ")


def _pack(case: Case) -> str:
    in_order = list(case.lengths or ()) == sorted(case.lengths or (), reverse=True)
    options = f"batch_first={case.config.batch_first}, enforce_sorted={in_order}"
    return f"packed = pack_padded_sequence(x, torch.tensor(lengths), {options})"


def _unpacked(case: Case) -> str:
    return f"pad_packed_sequence(output, batch_first={case.config.batch_first}, total_length={case.steps})[0]"


def handed_over(case: Case) -> list[str]:
    """Return the lines that call a network as the suite does."""
    state = ", h_0" if case.has_h_0 else ""
    if case.lengths is None:
        return [f"return network(x{state})"]
    if not case.packed:
        return ["return network(x, h_0, torch.tensor(lengths))"]
    return [_pack(case), f"output, h_n = network(packed{state})", f"return {_unpacked(case)}, h_n"]


_SCAN = """
def run_direction(x, h_0, reverse, *parameters):
    states = run_scan(flip(x, (0,)) if reverse else x, h_0, *parameters)
    return flip(states, (0,)) if reverse else states, states[-1]
"""
_DIRECTIONS = """
def run_time_major(x, h_0, weights):
    finals = []
    for layer in range(num_layers):
        outputs = []
        for suffix in [f"l{layer}", f"l{layer}_reverse"][: 1 + bidirectional]:
            h = None if h_0 is None else h_0[len(finals)]
            own = [weights[f"{role}_{suffix}"] for role in roles]
            output, h_n = run_direction(x, h, suffix.endswith("_reverse"), *own)
            outputs.append(output)
            finals.append(h_n)
        x = concatenate(outputs, axis=-1)
    return x, stack(finals)
"""
_ONE_DIRECTION = """
def run_time_major(x, h_0, weights):
    own = [weights[f"{role}_l0"] for role in roles]
    output, h_n = run_direction(x, None if h_0 is None else h_0[0], False, *own)
    return output, h_n[None]
"""
_ONE_SCAN = """
def run_time_major(x, h_0, weights):
    own = [weights[f"{role}_l0"] for role in roles]
    states = run_scan(x, None if h_0 is None else h_0[0], *own)
    return states, states[-1:]
"""
_UNBATCHED = """
def run(x, h_0, weights):
    output, h_n = run_time_major(x[:, None], None if h_0 is None else h_0[:, None], weights)
    return output[:, 0], h_n[:, 0]
"""
_BATCH_FIRST = """
def run(x, h_0, weights):
    output, h_n = run_time_major(swapaxes(x, 0, 1), h_0, weights)
    return swapaxes(output, 0, 1), h_n
"""


def layers_around(template: str, case: Case) -> str:
    """Return a template, and what makes `run` of its entry: the case's directions, layers and layouts."""
    (entry,) = (name for part in ast.parse(template).body if (name := getattr(part, "name", "")) in ENTRIES)
    alone = len(case.config.suffixes()) == 1
    layers = {
        "run_scan": [_ONE_SCAN] if alone else [_SCAN, _DIRECTIONS],
        "run_direction": [_ONE_DIRECTION if alone else _DIRECTIONS],
    }.get(entry, [])
    layout = [_UNBATCHED] if case.unbatched else [_BATCH_FIRST] if case.config.batch_first else []
    text = "\n\n".join([template, *layers, *([] if entry == "run" else layout)])
    return text if layout else text.replace("def run_time_major(", "def run(")


_CALL = """
def call(network):
    with torch.no_grad():
        output, h_n = network(x, h_0, weights)
    return {"output": output, "h_n": h_n}
"""
_CALL_AND_DIFFERENTIATE = """
def call(network):
    given = {"x": x, "h_0": h_0, **weights}
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in given.items() if tensor is not None}
    results = network(leaves["x"], leaves.get("h_0"), {name: leaves[name] for name in weights})
    pairs = [(part, grad) for part, grad in zip(results, (grad_output, grad_h_n)) if grad is not None]
    torch.autograd.backward(*zip(*[(part, grad) for part, grad in pairs if part.requires_grad]))
    gradients = {name: parameters.get(name, leaf).grad for name, leaf in leaves.items()}
    gradients = {name: torch.zeros_like(leaves[name]) if grad is None else grad for name, grad in gradients.items()}
    return dict(zip(("output", "h_n"), results)) | {f"gradient of {name}": grad for name, grad in gradients.items()}
"""
_CALL_AND_DIFFERENTIATE_TWICE = """
def call(network):
    given = {"x": x, "h_0": h_0, **weights}
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in given.items() if tensor is not None}
    results = network(leaves["x"], leaves.get("h_0"), {name: leaves[name] for name in weights})
    own = {name: parameters.get(name, leaf) for name, leaf in leaves.items()}
    cotangents = {"grad_output": grad_output, "grad_h_n": grad_h_n}
    cotangents = {name: grad.detach().requires_grad_() for name, grad in cotangents.items() if grad is not None}
    pairs = [(part, cotangents.get(name)) for part, name in zip(results, ("grad_output", "grad_h_n"))]
    parts, asked = zip(*[(part, grad) for part, grad in pairs if grad is not None and part.requires_grad])
    first = torch.autograd.grad(parts, list(own.values()), asked, create_graph=True, allow_unused=True)
    first = {name: torch.zeros_like(own[name]) if grad is None else grad for name, grad in zip(own, first)}
    torch.autograd.backward(*zip(*[(grad, towards[name]) for name, grad in first.items() if grad.requires_grad]))
    leaves = own | cotangents
    second = {name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for name, leaf in leaves.items()}
    found = dict(zip(("output", "h_n"), results)) | {f"gradient of {name}": grad for name, grad in first.items()}
    return found | {f"second derivative by {name}": grad for name, grad in second.items()}
"""
_JUDGED = """
def judged():
    own_h_0 = None if h_0 is None else to_own(h_0)
    output, h_n = run(to_own(x), own_h_0, {name: to_own(weight) for name, weight in weights.items()})
    return {"output": to_torch(output), "h_n": to_torch(h_n)}
"""
_JUDGED_GRADIENTS = """
def judged():
    own_h_0 = None if h_0 is None else to_own(h_0)
    own_weights = {name: to_own(weight) for name, weight in weights.items()}
    output, h_n = nn_rnn(x, h_0, weights)
    cotangents = [
        to_own(torch.zeros_like(part) if grad is None else grad)
        for part, grad in ((output, grad_output), (h_n, grad_h_n))
    ]
    output, h_n, gradients = run_gradients(run, to_own(x), own_h_0, own_weights, cotangents)
    own = {"output": output, "h_n": h_n, **{f"gradient of {name}": grad for name, grad in gradients.items()}}
    return {name: to_torch(array) for name, array in own.items() if array is not None}
"""


def calls(case: Case, implementation: Implementation) -> str:
    """Return the functions that call nn.RNN and the implementation, and return their results by name."""
    text = implementation.script
    differentiated = _CALL_AND_DIFFERENTIATE_TWICE if case.twice else _CALL_AND_DIFFERENTIATE
    plain = differentiated if case.has_cotangents else _CALL
    if case.has_cotangents and "def run_gradients" in text:
        judged = (
            _JUDGED_GRADIENTS
            if "def to_own" in text
            else _JUDGED_GRADIENTS.replace("to_own(", "(").replace("to_torch(array)", "array")
        )
    elif "def to_own" in text and "def run(" not in text:
        judged = _JUDGED
    else:
        judged = "\njudged = partial(call, run)\n"
    return f"{plain}\n{judged}"


# The verdict


def refusal(name: str) -> str:
    """Return the lines of a wrong call, and what it is answered with."""
    return f"""
failed = False
for who, network in (("torch.nn.RNN", partial(call, nn_rnn)), ("{name}", judged)):
    try:
        found = network()
    except Exception as error:
        print(f"{{who}} raises {{type(error).__name__}}: {{error}}")
    else:
        print(f"{{who}} returns {{found}}")
        failed = network is judged
sys.exit(failed)
"""


def comparison(name: str, expected: Mapping[str, tuple[Array, Array]], accuracy: str) -> str:
    """Both beside the exact numbers, and the largest error that rounding explains."""
    lines = "\n".join(
        f'    "{part}": ({_array(mid)}, {_array(allowed, one=True)}),' for part, (mid, allowed) in expected.items()
    )
    width = max(len("torch.nn.RNN"), len(name))
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


found = {{"torch.nn.RNN": results(partial(call, nn_rnn)), "{name}": results(judged)}}
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


def _array(values: Array, *, one: bool = False) -> str:
    if one and values.size and (values == values.flat[0]).all():
        return spelled(float(values.flat[0]))
    return spelled(values.tolist()) if values.size else f"torch.zeros({values.shape})"


# Only what is used


def _parted(text: str) -> tuple[list[str], str]:
    """Return the imports at the top level, each name on a line of its own, and the rest."""
    imports, rest, end = set(), [], 0
    lines = text.splitlines()
    for part in ast.parse(text).body:
        if isinstance(part, ast.Import | ast.ImportFrom):
            imports |= {_import_of(part, alias) for alias in part.names}
        else:
            rest += lines[end : part.end_lineno]
        end = part.end_lineno or end
    return sorted(imports), "\n".join(rest)


def _import_of(part: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    return ast.unparse(ast.Import([alias]) if isinstance(part, ast.Import) else ast.ImportFrom(part.module, [alias], 0))


def _used(text: str) -> str:
    """Without functions, constants and imports that nothing mentions."""
    while True:
        kept = _pruned(text)
        if kept == text:
            return text
        text = kept


def _lean(text: str) -> str:
    """Return the text with as much of `Config` as it uses."""
    tree = ast.parse(text)
    methods = [
        method
        for part in tree.body
        if isinstance(part, ast.ClassDef) and part.name == Config.__name__
        for method in part.body
        if isinstance(method, ast.FunctionDef)
    ]
    for method in methods:
        inside = {id(node) for node in ast.walk(method)}
        asked = (node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and id(node) not in inside)
        if method.name not in asked:
            lines = text.splitlines()
            first = min([method.lineno, *(decorator.lineno for decorator in method.decorator_list)])
            return _lean("\n".join(lines[: first - 1] + lines[method.end_lineno :]))
    return text


def _grouped(text: str) -> str:
    """Put imports at the top, those of one module on a line, Python's own first."""
    lines = text.splitlines()
    top = [part for part in ast.parse(text).body if isinstance(part, ast.Import | ast.ImportFrom)]
    rest = "\n".join(lines[top[-1].end_lineno :])
    modules: dict[str, set[str]] = {}
    for part in top:
        name = part.module or "" if isinstance(part, ast.ImportFrom) else ""
        modules.setdefault(name, set()).update(ast.unparse(alias) for alias in part.names)
    whole = [f"import {name}" for name in sorted(modules.pop("", ()))]
    parts = [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(modules.items())]
    future = [line for line in parts if line.startswith("from __future__")]
    known = [line for line in [*whole, *parts] if _is_pythons(line) and line not in future]
    others = [line for line in [*whole, *parts] if not _is_pythons(line)]
    return "\n\n".join("\n".join(group) for group in (future, known, others) if group) + "\n\n" + rest


def _is_pythons(line: str) -> bool:
    return re.split(r"[ .]", line)[1] in sys.stdlib_module_names


def _spaced(text: str) -> str:
    """Two empty lines around functions and classes, and one at most anywhere else."""
    lines, spaced, end, before = text.splitlines(), "", 0, False
    for part in ast.parse(text).body:
        chunk = lines[end : part.end_lineno]
        block = isinstance(part, ast.FunctionDef | ast.ClassDef)
        gap = 2 if block or before else int(not chunk[0].strip())
        spaced += "\n" * (gap + 1) + "\n".join(chunk).strip()
        end, before = part.end_lineno or end, block
    return spaced.strip()


def _pruned(text: str) -> str:
    lines, kept, end = text.splitlines(), [], 0
    body = ast.parse(text).body
    mentioned = [{node.id for node in ast.walk(part) if isinstance(node, ast.Name)} for part in body]
    times = Counter(name for names in mentioned for name in names)
    for part, names in zip(body, mentioned, strict=True):
        binds = _bound(part)
        if not binds or any(times[name] > (name in names) for name in binds):
            kept += lines[end : part.end_lineno]
        end = part.end_lineno or end
    return "\n".join(kept)


def _bound(part: ast.stmt) -> set[str]:
    """Return the names that a statement may be dropped with."""
    if isinstance(part, ast.FunctionDef | ast.ClassDef):
        return {part.name}
    if isinstance(part, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in part.names}
    if isinstance(part, ast.Assign):
        return {target.id for target in part.targets if isinstance(target, ast.Name)}
    return set()
