"""How a script calls: nn.RNN, what stands around the judged, and both under the names of their results."""

from __future__ import annotations

import ast
from textwrap import indent

from rnn_parity import Implementation
from rnn_parity.scripts import ENTRIES
from rnn_parity.strategies import Case


def nn_rnn(case: Case) -> str:
    """nn.RNN on these arguments."""
    arguments = ", ".join(f"{key}={value!r}" for key, value in case.config.module_arguments().items())
    lines = [f"rnn = torch.nn.{case.config.kind.module}({arguments}, dtype={case.config.dtype})".replace("'", '"')]
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
#: The same where a state has several parts, which the scan has one behind the other.
_SCAN_OF_PARTS = """
def run_direction(x, h_0, reverse, *parameters):
    states = run_scan(flip(x, (0,)) if reverse else x, h_0, *parameters)
    outputs = states[..., :hidden_size]
    return flip(outputs, (0,)) if reverse else outputs, states[-1]
"""
_PARTS = """
def run(x, h_0, weights):
    output, state = run_joined(x, None if h_0 is None else concatenate(h_0, axis=-1), weights)
    return output, (state[..., :hidden_size], state[..., hidden_size:])
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
    alone, parts = len(case.config.suffixes()) == 1, len(case.config.kind.states) > 1
    scan = [_SCAN_OF_PARTS if parts else _SCAN, _DIRECTIONS]
    layers = {
        "run_scan": [_ONE_SCAN] if alone and not parts else scan,
        "run_direction": [_ONE_DIRECTION if alone else _DIRECTIONS],
    }.get(entry, [])
    layout = [_UNBATCHED] if case.unbatched else [_BATCH_FIRST] if case.config.batch_first else []
    text = "\n\n".join([template, *layers, *([] if entry == "run" else layout)])
    text = text if layout else text.replace("def run_time_major(", "def run(")
    return f"{text.replace('def run(', 'def run_joined(')}\n\n{_PARTS}" if parts and entry != "run" else text


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


#: What stands in these where a state has several parts, handed over and returned as a tuple.
_OF_PARTS = {
    "output, h_n = network(x, h_0, weights)": "output, (h_n, c_n) = network(x, h_0, weights)",
    "output, h_n = run(": "output, (h_n, c_n) = run(",
    '"h_n": h_n}': '"h_n": h_n, "c_n": c_n}',
    '"h_n": to_torch(h_n)}': '"h_n": to_torch(h_n), "c_n": to_torch(c_n)}',
    "else to_own(h_0)": "else tuple(map(to_own, h_0))",
    '"h_0": h_0, **weights}': '**dict(zip(("h_0", "c_0"), h_0 or ())), **weights}',
    'results = network(leaves["x"], leaves.get("h_0"), {name: leaves[name] for name in weights})': (
        'state = (leaves["h_0"], leaves["c_0"]) if h_0 else None\n'
        '    output, finals = network(leaves["x"], state, {name: leaves[name] for name in weights})\n'
        "    results = output, *finals"
    ),
    "zip(results, (grad_output, grad_h_n))": "zip(results, (grad_output, *(grad_h_n or ())))",
    'zip(("output", "h_n"), results)': 'zip(("output", "h_n", "c_n"), results)',
}


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
    found = f"{plain}\n{judged}"
    if len(case.config.kind.states) > 1:
        for of_one, of_several in _OF_PARTS.items():
            found = found.replace(of_one, of_several)
    return found
